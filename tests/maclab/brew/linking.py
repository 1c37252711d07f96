"""`brew link`, `brew unlink`, `brew pin`, `brew unpin`."""

from __future__ import annotations

from .brew import Brew
from .caveats import path_line
from .console import Failure
from .kegs import Keg
from .names import find_formula, load_formula, rack_of
from .options import Options, parse
from .pouring import conflict_text
from .sources import source


@source("link", "link-not-installed", "link-already-linked", "link-keg-only")
def link(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "overwrite dry-run force")
    for name in options.names:
        _link(brew, options, _keg(brew, name))
    return 0


@source("unlink", "unlink-again")
def unlink(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "dry-run")
    for name in options.names:
        keg = _keg(brew, name)
        number = brew.kegs.unlink(keg)
        brew.console.out(f"Unlinking {keg.path}... {number} symlinks removed.")
    return 0


@source("pin", "pin-again", "pin-not-installed")
def pin(brew: Brew, arguments: list[str]) -> int:
    for name in parse(arguments, "formula cask").names:
        formula = load_formula(brew, name)
        keg = brew.kegs.newest(formula.name)
        if not keg:
            raise Failure(f"{formula.full_name} not installed")
        if brew.kegs.pinned(formula.name):
            brew.console.warn(f"{formula.full_name} already pinned")
        else:
            brew.kegs.pin(keg)
    return 0


@source("unpin", "unpin-again")
def unpin(brew: Brew, arguments: list[str]) -> int:
    for name in parse(arguments, "formula cask").names:
        formula = load_formula(brew, name)
        if brew.kegs.pinned(formula.name):
            brew.kegs.unpin(formula.name)
        else:
            brew.console.warn(f"{formula.full_name} not pinned")
    return 0


def _keg(brew: Brew, name: str) -> Keg:
    keg = brew.kegs.newest(rack_of(brew, name))
    if not keg:
        raise Failure(f"No such keg: {brew.machine.cellar / rack_of(brew, name)}")
    return keg


def _link(brew: Brew, options: Options, keg: Keg) -> None:
    console = brew.console
    if brew.kegs.linked(keg.name):
        console.warn(f"Already linked: {keg.path}")
        console.out(f"To relink, run:\n  brew unlink {keg.name} && brew link {keg.name}")
        return
    formula = find_formula(brew, keg.name)
    if formula and formula.keg_only and "force" not in options:
        console.warn(f"{keg.name} is keg-only and must be linked with `--force`.")
        console.out(
            "\nIf you need to have this software first in your PATH instead consider running:"
        )
        console.out(path_line(brew, formula))
        return
    if "dry-run" in options:
        _would(brew, options, keg)
        return
    conflicts = brew.kegs.conflicts(keg)
    if conflicts and "overwrite" not in options:
        console.out(f"Linking {keg.path}... ")
        raise Failure(conflict_text(brew, keg.name, conflicts))
    number = brew.kegs.link(keg)
    console.out(f"Linking {keg.path}... {number} symlinks created.")


@source("link-conflict-dry-run", "link-overwrite-dry-run")
def _would(brew: Brew, options: Options, keg: Keg) -> None:
    """What would be linked, or removed; a conflict does not show here."""
    out = brew.console.out
    if "overwrite" in options:
        out("Would remove:")
        for one in brew.kegs.conflicts(keg):
            out(f"{one.wanted} -> {one.wanted.resolve()}")
        return
    out("Would link:")
    for _, relative in keg.linkable():
        out(str(brew.machine.prefix / relative))
