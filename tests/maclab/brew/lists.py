"""`brew list` in its many forms."""

from __future__ import annotations

import json
from collections.abc import Callable

from .brew import Brew
from .catalogue import CORE
from .console import Failure
from .kegs import Keg
from .names import find_cask, find_formula, installed, no_formula, refuse_untrusted_cask, split
from .options import Options, parse
from .sources import source

_OPTIONS = (
    "formula cask versions full-name json pinned multiple installed-on-request "
    "installed-as-dependency built-from-source poured-from-bottle 1 l r t"
)


@source("list", "unknown-option")
def run(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, _OPTIONS)
    if "json" in options and "versions" in options:
        return _json(brew)
    if "versions" in options and "full-name" in options:
        raise Failure("Invalid usage: Options --full-name and --versions are mutually exclusive.")
    if "pinned" in options or "multiple" in options:
        return _some_kegs(brew, options)
    for name, holds in _RECEIPTS.items():
        if name in options:
            return _by_receipt(brew, holds)
    if "versions" in options:
        return _versions(brew, options)
    if "full-name" in options:
        return _full_names(brew, options)
    return _contents(brew, options) if options.names else _plain(brew, options)


def _contents(brew: Brew, options: Options) -> int:
    return _artifacts(brew, options) if "cask" in options else _files(brew, options)


@source("list", "list-1", "list-with-cask", "list-with-empty-cellar-directory", "tty-list")
def _plain(brew: Brew, options: Options) -> int:
    """Names of everything, as ls(1) would show the directories; never needs Ruby."""
    formulae = [] if "cask" in options else brew.kegs.racks()
    casks = [] if "formula" in options else [one.token for one in brew.caskroom.all()]
    titled = brew.console.terminal and bool(formulae) and bool(casks)
    for title, names in (("Formulae", formulae), ("Casks", casks)):
        if titled and names:
            brew.console.heading(title)
        brew.console.names(names)
        if titled and title == "Formulae":
            brew.console.out()
    return 0


@source("list", guess="`list --cask NAME`: exit codes; the artifacts are not listed")
def _artifacts(brew: Brew, options: Options) -> int:
    for name in options.names:
        if not brew.caskroom.get(split(name)[1]):
            raise Failure(f"Cask '{name}' is not installed.")
        brew.console.heading("Artifacts")
    return 0


@source("list-formula-by-name", "list-not-installed")
def _files(brew: Brew, options: Options) -> int:
    for name in options.names:
        keg = brew.kegs.newest(split(name)[1])
        if not keg:
            raise Failure(no_formula(name))
        for file in keg.files():
            brew.console.out(str(file))
    return 0


@source(
    "list-versions",
    "list-versions-named",
    "list-versions-by-alias",
    "list-versions-renamed",
    "list-versions-not-installed",
    "list-versions-with-empty-cellar-directory",
    "untrusted-cask-list-versions",
    "api-offline-list-versions",
)
def _versions(brew: Brew, options: Options) -> int:
    """Names with versions. Several versions of one formula come in no order."""
    if options.names:
        return _named_versions(brew, options)
    if "cask" not in options:
        for name in brew.kegs.racks():
            _print_versions(brew, name, brew.kegs.of(name))
    if "formula" not in options:
        brew.need_api(repeats_error=False)
        _cask_versions(brew)
    return 0


@source("list-cask-versions-named-missing", guess="a cask that is named and installed")
def _named_versions(brew: Brew, options: Options) -> int:
    missing = False
    names = {_new_name(brew, name): name for name in options.names}
    for name in sorted(names):
        kegs = [] if "cask" in options else brew.kegs.of(name)
        cask = None if "formula" in options else brew.caskroom.get(name)
        _print_versions(brew, name, kegs)
        if cask and not kegs:
            brew.console.out(f"{name} {cask.version}")
        missing = missing or not (kegs or cask)
    return 1 if missing else 0


@source("list-full-name", "api-list-full-name", "cask-list-full-name", "list-formula-full-name")
def _full_names(brew: Brew, options: Options) -> int:
    if "cask" not in options:
        taps = {keg.name: keg.tap for keg in brew.kegs.all()}
        own = [name for name, tap in taps.items() if tap in ("", CORE)]
        others = [f"{tap}/{name}" for name, tap in taps.items() if tap not in ("", CORE)]
        brew.console.names(sorted(own) + sorted(others))
    if "formula" not in options:
        casks = [find_cask(brew, f"{one.tap}/{one.token}") for one in brew.caskroom.all()]
        brew.console.names([cask.full_token for cask in casks if cask])
    return 0


@source("list-versions-json", "list-versions-json-with-cask", "untrusted-cask-list-versions-json")
def _json(brew: Brew) -> int:
    """One compact line; read from the directories alone, so trust does not matter."""
    kegs = brew.kegs
    told = {
        "formulae": [
            {
                "name": name,
                "versions": [keg.version for keg in kegs.of(name)],
                "linked_version": kegs.linked(name),
                "optlinked_version": kegs.opt(name),
                "pinned_version": kegs.pinned(name),
            }
            for name in kegs.racks()
            if kegs.of(name)
        ],
        "casks": [
            {"token": one.token, "versions": [one.version], "pinned_version": None}
            for one in brew.caskroom.all()
        ],
    }
    brew.console.out(json.dumps(told, separators=(",", ":")))
    return 0


@source("list-pinned", "list-multiple", guess="--pinned without --versions prints names alone")
def _some_kegs(brew: Brew, options: Options) -> int:
    for name in brew.kegs.racks():
        kegs = brew.kegs.of(name)
        if "pinned" in options and brew.kegs.pinned(name):
            version = f" {brew.kegs.pinned(name)}" if "versions" in options else ""
            brew.console.out(name + version)
        elif "multiple" in options and len(kegs) > 1:
            _print_versions(brew, name, kegs)
    return 0


_RECEIPTS: dict[str, Callable[[Keg], bool]] = {
    "installed-on-request": lambda keg: bool(keg.receipt().get("installed_on_request")),
    "installed-as-dependency": lambda keg: not keg.receipt().get("installed_on_request", True),
    "built-from-source": lambda keg: not keg.receipt().get("poured_from_bottle", True),
    "poured-from-bottle": lambda keg: bool(keg.receipt().get("poured_from_bottle")),
}


@source("list-installed-on-request", "list-built-from-source", "list-poured-from-bottle")
def _by_receipt(brew: Brew, holds: Callable[[Keg], bool]) -> int:
    brew.need_api()
    brew.console.names([one.keg.name for one in installed(brew) if holds(one.keg)])
    return 0


def _print_versions(brew: Brew, name: str, kegs: list[Keg]) -> None:
    if kegs:
        brew.console.out(" ".join([name, *(keg.version for keg in kegs)]))


def _cask_versions(brew: Brew) -> None:
    lines = []
    for one in brew.caskroom.all():
        refuse_untrusted_cask(brew, one.tap, f"{one.tap}/{one.token}")
        lines.append(f"{one.token} {one.version}")
    for line in lines:
        brew.console.out(line)


def _new_name(brew: Brew, name: str) -> str:
    found = find_formula(brew, name)
    if not found:
        return split(name)[1]
    if split(name)[1] in found.oldnames:
        old = found.full_name.replace(found.name, split(name)[1])
        brew.console.warn(f"Formula {old} was renamed to {found.full_name}.")
    return found.name
