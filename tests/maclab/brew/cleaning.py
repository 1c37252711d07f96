"""`brew cleanup`, alone and after an installation: older kegs, and downloads of older versions."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .brew import Brew
from .catalogue import CORE, Formula
from .kegs import Keg, readable
from .names import installed, installed_casks, refuse_untrusted_cask
from .options import parse
from .sources import source


class Old(NamedTuple):
    """Something that cleaning removes; `said` is how much it is."""

    path: Path
    said: str
    size: int


@source(
    "cleanup", "cleanup-dry-run", "empty-cleanup", "untrusted-cleanup", "untrusted-cask-cleanup"
)
def cleanup(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "dry-run prune s scrub prune-prefix")
    brew.need_api()
    for keg in brew.kegs.all():
        name = f"{keg.tap}/{keg.name}"
        if keg.tap not in ("", CORE) and not brew.trusted(keg.tap, "formulae", name):
            brew.console.warn(f"Skipping {keg.name}: tap formula is not trusted")
    for one in brew.caskroom.all():
        refuse_untrusted_cask(brew, one.tap, f"{one.tap}/{one.token}")
    formulae = [one.formula for one in installed(brew)]
    wanted = [one for one in formulae if not options.names or one.name in options.names]
    old = [keg for one in wanted for keg in old_kegs(brew, one)]
    old += [file for one in wanted for file in _old_downloads(brew, one)]
    old += _old_cask_downloads(brew)
    dry_run = "dry-run" in options
    _remove(brew, old, dry_run=dry_run)
    if old:
        size = readable(sum(one.size for one in old))
        verb = "would free" if dry_run else "has freed"
        brew.console.heading(f"This operation {verb} approximately {size} of disk space.")
    return 0


@source("install-bottle", "install-outdated-upgrades", "auto-update-before-upgrade")
def clean_after(brew: Brew, formula: Formula) -> None:
    """What `brew cleanup NAME` says and removes after an installation."""
    brew.console.heading(f"Running `brew cleanup {formula.name}`...")
    brew.console.hint("Disable this behaviour by setting `HOMEBREW_NO_INSTALL_CLEANUP=1`.")
    _remove(brew, old_kegs(brew, formula) + _old_downloads(brew, formula), dry_run=False)


def old_kegs(brew: Brew, formula: Formula) -> list[Old]:
    """Kegs of a formula that are neither its newest one nor pinned."""
    newest = brew.kegs.newest(formula.name)
    keep = {newest.version if newest else None, brew.kegs.pinned(formula.name)}
    return [
        Old(keg.path, keg.usage(), sum(file.lstat().st_size for file in keg.files()))
        for keg in brew.kegs.of(formula.name)
        if keg.version not in keep
    ]


def downloaded(brew: Brew, formula: Formula) -> Path:
    """The file in the cache that a formula's download is kept in."""
    bottled = f".{brew.machine.tag}.bottle" if formula.bottled(brew.machine.tag) else ""
    return brew.cache / f"{formula.name}--{formula.version}{bottled}.tar.gz"


def _remove(brew: Brew, old: list[Old], *, dry_run: bool) -> None:
    for one in old:
        if dry_run:
            brew.console.out(f"Would remove: {one.path} ({one.said})")
            continue
        brew.console.out(f"Removing: {one.path}... ({one.said})")
        if one.path.is_dir():
            brew.kegs.remove(Keg(one.path))
        else:
            one.path.unlink()


def _old_downloads(brew: Brew, formula: Formula) -> list[Old]:
    files = sorted(brew.cache.glob(f"{formula.name}--*"))
    return [_old(file) for file in files if not _of_version(file, formula.version)]


def _old_cask_downloads(brew: Brew) -> list[Old]:
    return [
        _old(file)
        for cask, _ in installed_casks(brew)
        for file in sorted((brew.cache / "Cask").glob(f"{cask.token}--*"))
        if not _of_version(file, cask.version)
    ]


def _of_version(file: Path, version: str) -> bool:
    return file.name.partition("--")[2].startswith(f"{version}.")


def _old(file: Path) -> Old:
    size = file.stat().st_size
    return Old(file, readable(size), size)
