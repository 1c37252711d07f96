"""`brew outdated` and `brew upgrade`."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from . import casks, pouring
from .brew import Brew
from .caskroom import InstalledCask
from .catalogue import Cask
from .console import Failure, counted
from .installing import asks, check_writable, confirm
from .names import (
    Installed,
    find_cask,
    find_formula,
    installed,
    installed_casks,
    no_formula,
)
from .options import Options, parse
from .sources import source


class Outdated(NamedTuple):
    """One thing that has a newer version; `key` is its name in lists."""

    key: str
    versions: list[str]
    current: str
    pinned: str | None = None


@source(
    "outdated",
    "outdated-quiet",
    "outdated-verbose",
    "outdated-json-v1",
    "outdated-named-outdated",
    "outdated-named-not-installed",
    "outdated-named-unknown",
    "untrusted-but-installed-outdated",
)
def outdated(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "json formula cask greedy fetch-HEAD")
    if options.value("json") == "v1":
        raise Failure(
            "`brew outdated --json=v1` is no longer supported. Use brew outdated --json=v2 instead."
        )
    brew.need_api()
    wanted = {load_name(brew, name) for name in options.names}
    formulae = [] if "cask" in options else outdated_formulae(brew, wanted)
    found_casks = [] if "formula" in options else outdated_casks(brew, wanted)
    if "json" in options:
        told = {
            "formulae": [_json(one) for one in formulae],
            "casks": [_json(one) for one in found_casks],
        }
        brew.console.out(json.dumps(told, indent=2))
    else:
        _print(brew, options, formulae, "<")
        _print(brew, options, found_casks, "!=")
    return 1 if options.names and (formulae or found_casks) else 0


@source("outdated-json", "outdated-pinned-json", "outdated-after-untap")
def outdated_formulae(brew: Brew, names: set[str]) -> list[Outdated]:
    """Outdated formulae of trusted taps by name; all of them, or those named."""
    return [
        Outdated(
            one.formula.full_name,
            sorted(keg.version for keg in brew.kegs.of(one.formula.name)),
            one.formula.version,
            brew.kegs.pinned(one.formula.name),
        )
        for one in installed(brew)
        if one.outdated and (not names or one.formula.name in names)
    ]


def outdated_casks(brew: Brew, names: set[str]) -> list[Outdated]:
    """Outdated casks of trusted taps; those that update themselves are left out."""
    return [
        Outdated(cask.token, [one.version], cask.version)
        for cask, one in installed_casks(brew)
        if one.version != cask.version
        and not cask.auto_updates
        and (not names or cask.token in names)
    ]


@source("upgrade-all", "upgrade-dry-run", "upgrade-all-tty-answer-n", "auto-update-before-upgrade")
def upgrade(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "formula cask dry-run yes force greedy")
    brew.need_api()
    problems = [] if not options.names else _named_problems(brew, options)
    wanted = _outdated_now(brew, options)
    pinned = [one for one in wanted.formulae if brew.kegs.pinned(one.formula.name)]
    formulae = [one for one in wanted.formulae if one not in pinned]
    if pinned:
        _say_pinned(brew, pinned, named=bool(options.names))
    _hint_greedy(brew, options, wanted)
    lines = _lines(formulae, wanted.casks)
    if lines and (asks(brew, options) or "dry-run" in options):
        brew.console.step(f"Would upgrade {_packages(len(lines))}")
        _print_lines(brew, lines)
    if pinned and not lines:
        brew.console.heading("No packages to upgrade")
        _list_pinned(brew, pinned, heading=False)
    if pinned:
        _list_pinned(brew, pinned)
    if lines and "dry-run" not in options:
        if asks(brew, options):
            confirm(brew, "upgrade")
        check_writable(brew)
        _upgrade(brew, formulae, wanted.casks, lines)
    if problems:
        raise Failure("\n".join(problems))
    return 1 if pinned and options.names else 0


class _Wanted(NamedTuple):
    formulae: list[Installed]
    casks: list[tuple[Cask, InstalledCask]]


def _outdated_now(brew: Brew, options: Options) -> _Wanted:
    names = {_name(brew, name) for name in options.names}
    formulae = [
        one
        for one in installed(brew)
        if one.outdated and (not options.names or one.formula.name in names)
    ]
    tokens = {one.key for one in outdated_casks(brew, names)}
    found = [pair for pair in installed_casks(brew) if pair[0].token in tokens]
    return _Wanted([] if "cask" in options else formulae, [] if "formula" in options else found)


@source("upgrade-unknown", "upgrade-not-installed", "upgrade-current", "upgrade-one-unknown")
def _named_problems(brew: Brew, options: Options) -> list[str]:
    problems = []
    for name in options.names:
        formula = find_formula(brew, name)
        keg = brew.kegs.newest(formula.name) if formula else None
        if formula and keg and keg.version == formula.version:
            brew.console.warn(f"{formula.full_name} {keg.version} already installed")
        elif formula and not keg:
            problems.append(f"{formula.full_name} not installed")
        elif not formula and not find_cask(brew, name):
            problems.append(no_formula(name))
    return problems


@source("upgrade-dry-run", "upgrade-pinned-named")
def _say_pinned(brew: Brew, pinned: list[Installed], *, named: bool) -> None:
    text = f"Not upgrading {counted(len(pinned), 'pinned package')}:"
    if named:
        brew.console.error(text)
    else:
        brew.console.warn(text)
        _list_pinned(brew, pinned, heading=False)


def _list_pinned(brew: Brew, pinned: list[Installed], *, heading: bool = True) -> None:
    if heading:
        brew.console.step(counted(len(pinned), "Pinned formula", "Pinned formulae"))
    for one in pinned:
        brew.console.out(f"{one.formula.full_name} {one.formula.version}")


def _hint_greedy(brew: Brew, options: Options, wanted: _Wanted) -> None:
    if wanted.casks and brew.console.hints and not options.names and not brew.on("NO_ASK"):
        brew.console.hint(
            "Some casks with `auto_updates true` or `version :latest` "
            "may still require `--greedy`,\n"
            "`HOMEBREW_UPGRADE_GREEDY` or `HOMEBREW_UPGRADE_GREEDY_CASKS` to be upgraded."
        )


def _lines(
    formulae: list[Installed], found: list[tuple[Cask, InstalledCask]]
) -> list[tuple[str, str, str]]:
    lines = [(one.formula.full_name, one.keg.version, one.formula.version) for one in formulae]
    return lines + [(cask.full_token, one.version, cask.version) for cask, one in found]


def _print_lines(brew: Brew, lines: list[tuple[str, str, str]]) -> None:
    name_width = max(len(name) for name, _, _ in lines)
    old_width = max(len(old) for _, old, _ in lines)
    gap = " " if len(lines) == 1 else "  "
    for name, old, new in lines:
        brew.console.out(f"{name.ljust(name_width)}{gap}{old.ljust(old_width)} -> {new}")


def _upgrade(
    brew: Brew,
    formulae: list[Installed],
    found: list[tuple[Cask, InstalledCask]],
    lines: list[tuple[str, str, str]],
) -> None:
    brew.console.step(f"Upgrading {_packages(len(lines))}:")
    _print_lines(brew, lines)
    jobs = [pouring.Job(one.formula, verb="Upgrading", old=one.keg) for one in formulae]
    jobs = pouring.with_dependencies(brew, jobs)
    well = True
    if jobs:
        pouring.fetch(brew, jobs)
        well = pouring.install(brew, jobs)
    if found:
        casks.fetch(brew, [cask for cask, _ in found])
    for cask, _ in found:
        casks.upgrade(brew, cask)
    brew.console.step(f"Upgraded {_packages(len(lines))}")
    _print_lines(brew, lines)
    if not well:
        raise Failure


def _packages(number: int) -> str:
    return counted(number, "outdated package")


def _print(brew: Brew, options: Options, found: list[Outdated], sign: str) -> None:
    for one in found:
        versions = f" ({', '.join(one.versions)}) {sign} {one.current}"
        brew.console.out(one.key + (versions if "verbose" in options else ""))


def _json(one: Outdated) -> dict[str, Any]:
    return {
        "name": one.key,
        "installed_versions": one.versions,
        "current_version": one.current,
        "pinned": one.pinned is not None,
        "pinned_version": one.pinned,
    }


def load_name(brew: Brew, name: str) -> str:
    """The short name that a typed one stands for.

    Raises:
        Failure: nothing is called so.
    """
    found = find_formula(brew, name)
    cask = None if found else find_cask(brew, name)
    if not (found or cask):
        raise Failure(no_formula(name))
    return _name(brew, name)


def _name(brew: Brew, name: str) -> str:
    found = find_formula(brew, name)
    cask = None if found else find_cask(brew, name)
    return found.name if found else cask.token if cask else name
