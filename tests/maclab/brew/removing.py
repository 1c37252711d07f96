"""`brew uninstall` and `brew autoremove`."""

from __future__ import annotations

from . import casks
from .brew import Brew
from .catalogue import newest
from .console import Failure, counted, sentence
from .kegs import Keg
from .locks import formula_lock
from .names import find_cask, find_formula, needs, no_cask, no_formula, split
from .options import Options, parse
from .sources import source


@source(
    "uninstall-unknown",
    "uninstall-not-installed",
    "uninstall-force-not-installed",
    "uninstall-one-of-two-unknown",
    "cask-uninstall-not-installed",
    guess="--zap removes nothing more than the cask",
)
def uninstall(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "formula cask force zap ignore-dependencies")
    brew.need_api()
    kegs: list[Keg] = []
    tokens: list[str] = []
    problems: list[str] = []
    for name in options.names:
        problem = _sort(brew, options, name, kegs, tokens)
        if problem and "force" not in options:
            problems.append(problem)
    if "ignore-dependencies" not in options:
        _refuse_needed(brew, options, kegs)
    _remove(brew, kegs, force="force" in options)
    for token in tokens:
        casks.remove(brew, token)
    if kegs and not brew.on("NO_AUTOREMOVE") and "ignore-dependencies" not in options:
        remove_unneeded(brew)
    if problems:
        raise Failure("\n".join(problems))
    return 0


@source("autoremove", "autoremove-dry-run", "empty-autoremove")
def autoremove(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "dry-run")
    brew.need_api()
    remove_unneeded(brew, dry_run="dry-run" in options)
    return 0


@source("uninstall-leaves-dependency", "autoremove")
def remove_unneeded(brew: Brew, *, dry_run: bool = False) -> None:
    """Remove poured dependencies that nothing needs any more; those built from source stay."""
    kegs = brew.kegs.all()
    needed = needs(kegs)
    spare = [keg for keg in kegs if _spare(keg)]
    unneeded: list[Keg] = []
    while more := [keg for keg in spare if keg.name not in set().union(*needed.values())]:
        unneeded += more
        spare = [keg for keg in spare if keg not in more]
        needed = {name: one for name, one in needed.items() if name not in _names(unneeded)}
    if not unneeded:
        return
    verb = "Would autoremove" if dry_run else "Autoremoving"
    number = counted(len(unneeded), "unneeded formula", "unneeded formulae")
    brew.console.heading(f"{verb} {number}:")
    for keg in unneeded:
        brew.console.out(keg.name)
    if not dry_run:
        _remove(brew, unneeded, force=False)


def _names(kegs: list[Keg]) -> list[str]:
    return [keg.name for keg in kegs]


def _spare(keg: Keg) -> bool:
    told = keg.receipt()
    return bool(told.get("poured_from_bottle")) and not told.get("installed_on_request", True)


def _sort(brew: Brew, options: Options, name: str, kegs: list[Keg], tokens: list[str]) -> str:
    """Put a name with the kegs or the casks; else the error that it makes."""
    formula = find_formula(brew, name)
    short = formula.name if formula else split(name)[1]
    found = [] if "cask" in options else brew.kegs.of(short)
    if found:
        kegs.extend(found)
        return ""
    cask = find_cask(brew, name)
    if brew.caskroom.get(split(name)[1]) and "formula" not in options:
        tokens.append(split(name)[1])
        return ""
    if "cask" in options:
        return f"Cask '{name}' is not installed." if cask else no_cask(name)
    return f"No such keg: {brew.machine.cellar / short}" if formula else no_formula(name)


@source(
    "uninstall-needed-by-another",
    "uninstall-two-one-needed",
    "uninstall-needed-by-another-tap-formula",
)
def _refuse_needed(brew: Brew, options: Options, kegs: list[Keg]) -> None:
    going = {keg.name for keg in kegs}
    staying = needs(keg for keg in brew.kegs.all() if keg.name not in going)
    for keg in kegs:
        needing = sorted(name for name, needed in staying.items() if keg.name in needed)
        if needing:
            verb = "is" if len(needing) == 1 else "are"
            raise Failure(
                f"Refusing to uninstall {keg.path}\n"
                f"because it is required by {sentence(needing)}, "
                f"which {verb} currently installed.\n"
                "You can override this and force removal with:\n"
                f"  brew uninstall --ignore-dependencies {' '.join(options.names)}"
            )


@source("uninstall-clash", "uninstall-pinned", "untrusted-but-installed-uninstall")
def _remove(brew: Brew, kegs: list[Keg], *, force: bool) -> None:
    """Remove kegs; without --force only the newest of a formula. A pinned one stays, without a
    trace in the exit code."""
    for name in dict.fromkeys(keg.name for keg in kegs):
        versions = [keg for keg in kegs if keg.name == name]
        if brew.kegs.pinned(name):
            tap = versions[0].tap
            full = name if tap in ("", "homebrew/core") else f"{tap}/{name}"
            brew.console.error(f"{full} is pinned. You must unpin it to uninstall.")
            continue
        latest = newest([keg.version for keg in versions])
        with formula_lock(brew, name):
            for keg in versions:
                if force or keg.version == latest:
                    brew.console.out(f"Uninstalling {keg.path}... ({keg.usage()})")
                    brew.kegs.remove(keg)
