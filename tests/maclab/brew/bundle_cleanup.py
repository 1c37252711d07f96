"""`brew bundle cleanup`: what a Brewfile does not name."""

from __future__ import annotations

from . import casks, cleaning, tapping
from .brew import Brew
from .brewfile import Entry
from .catalogue import CORE
from .console import Failure, counted
from .kegs import Keg
from .names import dependencies, find_formula, installed, split
from .sources import source
from .trust import KINDS


@source(
    "bundle-cleanup",
    "bundle-cleanup-force",
    "bundle-cleanup-force-trusted-brewfile",
    "trust-after-bundle-cleanup-force",
)
def run(brew: Brew, entries: list[Entry], *, force: bool) -> int:
    """Say what would go; with `force`, remove it, reset the trust store, and clean.

    Raises:
        Failure: the cleaning after it failed, since the Brewfile does not trust its taps.
    """
    kegs = _kegs(brew, entries)
    tokens = _tokens(brew, entries)
    taps = _taps(brew, entries)
    if not force:
        return _say(brew, tokens, kegs, taps)
    for token in tokens:
        casks.remove(brew, token)
    if tokens:
        brew.console.out(f"Uninstalled {counted(len(tokens), 'cask')}")
    for keg in kegs:
        brew.console.out(f"Uninstalling {keg.name}... ({keg.usage()})")
        brew.kegs.remove(keg)
    if kegs:
        brew.console.out(f"Uninstalled {counted(len(kegs), 'formula', 'formulae')}")
    for name in taps:
        tapping.drop(brew, name)
    _reset_trust(brew, entries)
    if _untrusted(brew):
        own = brew.machine.prefix / "bin" / "brew"
        raise Failure(f"Failure while executing; `{own} cleanup` exited with 1. Here's the output:")
    cleaning.cleanup(brew, [])
    return 0


def _say(brew: Brew, tokens: list[str], kegs: list[Keg], taps: list[str]) -> int:
    groups = {"uninstall casks": tokens, "uninstall formulae": _full_names(kegs), "untap": taps}
    if not any(groups.values()):
        return 0
    for title, names in groups.items():
        if names:
            brew.console.out("\n".join([f"Would {title}:", *names]))
    brew.console.out("Run `brew bundle cleanup --force` to make these changes.")
    return 1


def _kegs(brew: Brew, entries: list[Entry]) -> list[Keg]:
    kept = set()
    for entry in entries:
        formula = find_formula(brew, entry.name) if entry.kind == "brew" else None
        if formula:
            kept |= {formula.name, *(one.name for one in dependencies(brew, formula))}
    return [one.keg for one in installed(brew) if one.keg.name not in kept]


def _tokens(brew: Brew, entries: list[Entry]) -> list[str]:
    kept = {split(entry.name)[1] for entry in entries if entry.kind == "cask"}
    return [one.token for one in brew.caskroom.all() if one.token not in kept]


def _taps(brew: Brew, entries: list[Entry]) -> list[str]:
    kept = {entry.name for entry in entries if entry.kind == "tap"} | {CORE}
    return [name for name in brew.taps.installed() if name not in kept]


def _full_names(kegs: list[Keg]) -> list[str]:
    return [keg.name if keg.tap in ("", CORE) else f"{keg.tap}/{keg.name}" for keg in kegs]


def _reset_trust(brew: Brew, entries: list[Entry]) -> None:
    kinds = {"tap": "taps", "brew": "formulae", "cask": "casks"}
    told: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for entry in entries:
        if entry.trusted:
            told[kinds[entry.kind]].append(entry.name)
    brew.trust.write(told)


def _untrusted(brew: Brew) -> bool:
    return any(
        keg.tap not in ("", CORE) and not brew.trusted(keg.tap, "formulae", f"{keg.tap}/{keg.name}")
        for keg in brew.kegs.all()
    )
