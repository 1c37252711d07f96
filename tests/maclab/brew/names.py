"""From the names that a user types to formulae, casks and kegs: aliases, old names, taps, trust."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from .brew import Brew
from .caskroom import InstalledCask
from .catalogue import CASK, CORE, Cask, Formula
from .console import Failure
from .kegs import Keg
from .sources import source


class Installed(NamedTuple):
    """An installed formula that could be loaded: its recipe as known now, and its newest keg."""

    formula: Formula
    keg: Keg

    @property
    def outdated(self) -> bool:
        return self.keg.version != self.formula.version


def find_formula(brew: Brew, name: str) -> Formula | None:
    """The formula of that name, trusted or not; of core, then of the other taps in order."""
    tap, short = split(name)
    for one in [tap] if tap else brew.taps.usable():
        found = brew.taps.formula(one, short)
        if found:
            return found
    return None


def find_cask(brew: Brew, name: str) -> Cask | None:
    tap, short = split(name)
    for one in [tap] if tap else sorted(brew.taps.usable(), key=lambda name: name != CASK):
        found = brew.taps.cask(one, short)
        if found:
            return found
    return None


@source("untrusted-install-short-name", "untrusted-info-json-full-name", "upgrade-unknown")
def load_formula(brew: Brew, name: str) -> Formula:
    """The formula of that name, as a command loads it: a full name shows trust for a look.

    Raises:
        Failure: there is none, or its tap is not trusted.
    """
    found = find_formula(brew, name)
    if not found:
        raise Failure(no_formula(name))
    if name.count("/") != 2:
        refuse_untrusted(brew, found)
    return found


@source("cask-uninstall-unknown")
def load_cask(brew: Brew, name: str) -> Cask:
    """The cask of that name.

    Raises:
        Failure: there is none, or its tap is not trusted.
    """
    found = find_cask(brew, name)
    if not found:
        raise Failure(no_cask(name))
    refuse_untrusted_cask(brew, found.tap, found.full_token)
    return found


def no_formula(name: str) -> str:
    return f'No available formula with the name "{name}".'


def no_cask(name: str) -> str:
    return f"Cask '{name}' is unavailable: No Cask with this name exists."


def refuse_untrusted(brew: Brew, formula: Formula) -> None:
    """Raises Failure where the tap of a formula is not trusted."""
    if not brew.trusted(formula.tap, "formulae", formula.full_name):
        raise Failure(_refusal("formula", formula.tap, formula.full_name))


@source("untrusted-cask-list-versions", "untrusted-cleanup")
def refuse_untrusted_cask(brew: Brew, tap: str, full_token: str) -> None:
    """Raises Failure where the tap of a cask is not trusted."""
    if not brew.trusted(tap, "casks", full_token):
        raise Failure(_refusal("cask", tap, full_token))


@source(
    "untrusted-but-installed-info-json-installed",
    "info-json-installed-with-empty-cellar-directory",
    "info-json-after-signal-kill",
)
def installed(brew: Brew) -> list[Installed]:
    """Installed formulae by name; those of untrusted taps and those without a recipe are not."""
    found = []
    for keg in brew.kegs.all():
        formula = formula_of(brew, keg)
        if formula and brew.trusted(formula.tap, "formulae", formula.full_name):
            found.append(Installed(formula, keg))
    return found


def formula_of(brew: Brew, keg: Keg) -> Formula | None:
    """The formula that a keg was made from, by its receipt; by its name where it has none."""
    tap = keg.tap
    if tap and tap not in brew.taps.usable():
        return None
    return find_formula(brew, f"{tap}/{keg.name}" if tap else keg.name)


def installed_casks(brew: Brew) -> list[tuple[Cask, InstalledCask]]:
    """Installed casks of trusted taps, by token, with the version known now."""
    found = []
    for one in brew.caskroom.all():
        cask = find_cask(brew, f"{one.tap}/{one.token}")
        if cask and brew.trusted(cask.tap, "casks", cask.full_token):
            found.append((cask, one))
    return found


def rack_of(brew: Brew, name: str) -> str:
    """The name of the directory in the Cellar that a typed name stands for."""
    found = find_formula(brew, name)
    return found.name if found else split(name)[1]


def split(name: str) -> tuple[str, str]:
    """`user/tap/name` into tap and name; a short name has no tap."""
    tap, slash, short = name.rpartition("/")
    return (tap.lower(), short) if slash else ("", name)


@source("install-unknown-near-miss", guess="which names count as near: difflib decides")
def near(brew: Brew, name: str) -> list[str]:
    """Formulae whose names look like the one typed."""
    known = [one for tap in brew.taps.usable() for one in brew.taps.formulae(tap)]
    return difflib.get_close_matches(name, known, n=1, cutoff=0.75)


@source("deps-installed", "install-with-dependency")
def dependencies(brew: Brew, formula: Formula) -> list[Formula]:
    """All that a formula needs at run time, in the order of installing.

    Raises:
        Failure: one of them is in an untrusted tap.
    """
    found: dict[str, Formula] = {}
    for name in formula.deps:
        dependency = load_dependency(brew, formula, name)
        for one in [*dependencies(brew, dependency), dependency]:
            found.setdefault(one.full_name, one)
    return list(found.values())


def load_dependency(brew: Brew, formula: Formula, name: str) -> Formula:
    found = find_formula(brew, name)
    if not found:
        raise Failure(no_formula(name))
    if found.tap != CORE:
        refuse_untrusted(brew, found)
    return found


def needs(kegs: Iterable[Keg]) -> dict[str, set[str]]:
    """For each keg the names of what it needs, by its receipt."""
    return {
        keg.name: {
            split(one["full_name"])[1] for one in keg.receipt().get("runtime_dependencies") or []
        }
        for keg in kegs
    }


def _refusal(kind: str, tap: str, full_name: str) -> str:
    return (
        f"Refusing to load {kind} {full_name} from untrusted tap {tap}.\n"
        f"Run `brew trust --{kind} {full_name}` or `brew trust {tap}` to trust it."
    )
