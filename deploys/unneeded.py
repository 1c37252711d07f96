"""Which formulae can be taken back: ours and what came with them, if nothing else needs them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from deploys.facts.homebrew_receipts import Keg


@dataclass(frozen=True)
class Ours:
    """A formula that this tool installed, and the formulae that were there before."""

    name: str
    there: frozenset[str]


def removable(
    kegs: Mapping[str, Keg], ours: Sequence[Ours], held: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Each of ours that can go, newest first, with what goes along with it, dependents first.

    `held` are to stay, for a reason that receipts do not know. What several of ours have brought
    goes with the oldest of them, which goes last; and so does one of ours that an older one needs.
    """
    brought = {one.name: _brought(kegs, one) for one in ours if one.name in kegs}
    going = set(brought).union(*brought.values()) - {*held}
    while kept := {name for name in going if needed_by(kegs, name, going)}:
        going -= kept
    names = [one.name for one in ours if one.name in going]
    goes_with = {name: _last_that_needs(kegs, name, names) for name in names}
    found: dict[str, set[str]] = {name: set() for name in names if goes_with[name] == name}
    told = set(names)
    for one in reversed(ours):
        if one.name in goes_with:
            along = (brought[one.name] & going) - told
            told |= along
            found[goes_with[one.name]] |= along | ({one.name} - {*found})
    return {name: _dependents_first(kegs, along) for name, along in found.items()}


def needed_by(kegs: Mapping[str, Keg], name: str, going: Collection[str] = ()) -> list[str]:
    """The formulae that need one, but those that go too."""
    return sorted(keg.name for keg in kegs.values() if name in keg.needs and keg.name not in going)


def _last_that_needs(kegs: Mapping[str, Keg], name: str, names: Sequence[str]) -> str:
    """The oldest that needs one, of those that are older; itself, if none does."""
    older = names[names.index(name) + 1 :]
    return next((other for other in reversed(older) if name in kegs[other].needs), name)


def _brought(kegs: Mapping[str, Keg], one: Ours) -> set[str]:
    found: set[str] = set()
    new = set(kegs[one.name].needs)
    while new:
        found |= new
        new = {need for name in new if name in kegs for need in kegs[name].needs} - found
    return {
        name
        for name in found
        if name in kegs and not kegs[name].on_request and name not in one.there
    }


def _dependents_first(kegs: Mapping[str, Keg], names: Collection[str]) -> tuple[str, ...]:
    left, ordered = set(names), []
    while left:
        free = [name for name in left if not any(name in kegs[other].needs for other in left)]
        ordered += sorted(free or left)  # a circle would be a mistake of Homebrew's
        left -= {*ordered}
    return tuple(ordered)
