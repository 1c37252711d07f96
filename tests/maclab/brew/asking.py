"""Questions about what needs what: deps, uses, leaves, missing."""

from __future__ import annotations

from .brew import Brew
from .catalogue import Formula
from .names import dependencies, installed, installed_casks, load_formula, needs, split
from .options import parse
from .sources import source

_NOT_ACTUAL = (
    "`brew deps` is not the actual runtime dependencies because {because}!\n"
    "This means dependencies may differ from a formula's declared dependencies."
)
_HIDE = "\nHide these hints with `HOMEBREW_NO_ENV_HINTS=1` (see `man brew`)."


@source("deps-installed", "deps-for-each", "deps-one", "untrusted-deps", "api-deps-installed")
def deps(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "installed for-each tree formula cask")
    brew.need_api()
    if "tree" in options:
        return _tree(brew, options.names)
    if options.names:
        for name in options.names:
            _declared(brew, "`--installed` was not passed", when=_has_missing(brew, name))
            found = dependencies(brew, load_formula(brew, name))
            for full_name in sorted(one.full_name for one in found):
                brew.console.out(full_name)
        return 0
    lines = {
        one.formula.name: f"{one.formula.full_name}: {' '.join(_names(brew, one.formula))}"
        for one in installed(brew)
    }
    lines |= {
        cask.token: f"{cask.full_token}: {' '.join(cask.deps)}" for cask, _ in installed_casks(brew)
    }
    for name in sorted(lines):
        brew.console.out(lines[name])
    return 0


@source("deps-tree-installed")
def _tree(brew: Brew, names: list[str]) -> int:
    _declared(brew, "--tree was passed", when=True)
    roots = (
        [load_formula(brew, name) for name in names]
        if names
        else [one.formula for one in installed(brew)]
    )
    for root in roots:
        brew.console.out(root.full_name)
        _branches(brew, root, "")
        brew.console.out()
    return 0


@source("uses-installed")
def uses(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "installed recursive formula cask")
    brew.need_api()
    wanted = {load_formula(brew, name).full_name for name in options.names}
    for one in sorted(installed(brew), key=lambda one: one.formula.full_name):
        if wanted & {name.full_name for name in dependencies(brew, one.formula)}:
            brew.console.out(one.formula.full_name)
    return 0


@source("leaves", "leaves-installed-on-request", "leaves-installed-as-dependency", "api-leaves")
def leaves(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "installed-on-request installed-as-dependency")
    brew.need_api()
    found = installed(brew)
    needed = set().union(*needs(one.keg for one in found).values())
    for one in sorted(found, key=lambda one: one.formula.full_name):
        asked = bool(one.keg.receipt().get("installed_on_request"))
        if one.keg.name in needed:
            continue
        if "installed-on-request" in options and not asked:
            continue
        if "installed-as-dependency" in options and asked:
            continue
        brew.console.out(one.formula.full_name)
    return 0


@source("missing", "missing-after-install", "empty-missing", "api-missing")
def missing(brew: Brew, arguments: list[str]) -> int:
    brew.need_api(repeats_error=False)
    lines = missing_of(brew)
    for name, absent in lines.items():
        brew.console.out(f"{name}: {' '.join(absent)}")
    return 1 if lines else 0


def missing_of(brew: Brew) -> dict[str, list[str]]:
    """Installed formulae that lack something, with what they lack; by their receipts."""
    lacking = {}
    for one in installed(brew):
        needed = one.keg.receipt().get("runtime_dependencies") or []
        names = [split(dependency["full_name"])[1] for dependency in needed]
        absent = [name for name in names if not brew.kegs.of(name)]
        if absent:
            lacking[one.formula.name] = absent
    return lacking


def _names(brew: Brew, formula: Formula) -> list[str]:
    return sorted(one.full_name for one in dependencies(brew, formula))


def _branches(brew: Brew, formula: Formula, indent: str) -> None:
    needed = [load_formula(brew, name) for name in formula.deps]
    for number, one in enumerate(needed):
        last = number == len(needed) - 1
        brew.console.out(f"{indent}{'└──' if last else '├──'} {one.full_name}")
        _branches(brew, one, indent + ("    " if last else "│   "))


def _has_missing(brew: Brew, name: str) -> bool:
    return not brew.kegs.of(load_formula(brew, name).name)


def _declared(brew: Brew, because: str, *, when: bool) -> None:
    if when:
        hint = _HIDE if brew.console.hints else ""
        brew.console.warn(_NOT_ACTUAL.format(because=because) + hint)
