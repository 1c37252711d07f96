"""What a machine is made of, as far as `bootstrap.lock` names it; how two such lists differ, and
what can be done about each difference. Values only: nothing here looks at a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from packaging.version import InvalidVersion, Version
from pyinfra.context import host

from deploys.facts.machine import Machine

Kind = Literal["homebrew_installer", "formulae", "casks", "base_images", "gems"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LOCAL = "local"  # in place of a digest: made on the machine, and in no registry
INSTALLER = "Homebrew's installer"
KEY = "_lock"  # in a machine's data; what begins with `_` is no setting


@dataclass(frozen=True)
class Parts:
    """One kind of machine: commit and SHA-256 of Homebrew's installer, versions by name, digests
    by the name and tag of a base image, and the gems that the blog is built with."""

    homebrew_installer: str = ""
    formulae: Mapping[str, str] = field(default_factory=dict)
    casks: Mapping[str, str] = field(default_factory=dict)
    base_images: Mapping[str, str] = field(default_factory=dict)
    gems: Mapping[str, str] = field(default_factory=dict)

    @property
    def named(self) -> dict[tuple[Kind, str], str]:
        """All of them, by kind and name."""
        groups: dict[Kind, Mapping[str, str]] = {
            "formulae": self.formulae,
            "casks": self.casks,
            "base_images": self.base_images,
            "gems": self.gems,
        }
        if self.homebrew_installer:
            groups["homebrew_installer"] = {INSTALLER: self.homebrew_installer}
        return {(kind, name): value for kind in groups for name, value in groups[kind].items()}


@dataclass(frozen=True)
class Held:
    """The lock that a machine is held to: `path` is its file, `machines` has the parts by kind of
    machine; `strict` refuses to differ."""

    path: str
    machines: Mapping[str, Parts]
    strict: bool = False


@dataclass(frozen=True)
class Renewing:
    """There is no lock for now: newer versions are wanted, and a new one is made of them."""


@dataclass(frozen=True)
class Difference:
    """One part in two lists; "" where a list does not have it."""

    kind: Kind
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        before, after = _short(self.before), _short(self.after)
        if before and after:
            return f"{self.name} {before} → {after}"
        return f"{self.name} {after} is new" if after else f"{self.name} {before} is gone"

    @property
    def refusal(self) -> str:
        """The same where `before` is locked, and `after` is here."""
        if not self.before and self.kind == "base_images":
            return f"{self.name} is not locked"  # it need not be here yet
        if not self.before:
            return f"{self.name} {_short(self.after)} is here and not locked"
        if not self.after:
            return f"{self.name} {_short(self.before)} is locked and not here"
        return f"{self.name} {_short(self.before)} is locked, {_short(self.after)} is here"


def kind_of(machine: Machine) -> str:
    """The kind of machine that a lock's parts are for: "macos", "debian-bookworm".

    Homebrew's versions are the same on each Mac, and a digest of several platforms is one.
    """
    if machine.is_mac:
        return "macos"
    return "-".join(filter(None, (machine.os_id or "linux", machine.os_codename)))


def differences(before: Parts, after: Parts) -> tuple[Difference, ...]:
    """What is another, by kind and name."""
    old, new = before.named, after.named
    both = sorted({*old, *new}, key=lambda one: (KINDS.index(one[0]), one[1]))
    return tuple(
        Difference(*key, old.get(key, ""), new.get(key, ""))
        for key in both
        if old.get(key) != new.get(key)
    )


def held() -> Held | None:
    """What the current host is held to; None without a lock, and under the stock command."""
    lock = host.data.get(KEY)
    return lock if isinstance(lock, Held) else None


def renewing() -> bool:
    """Whether newer versions are wanted of the current host."""
    return isinstance(host.data.get(KEY), Renewing)


def locked_parts(machine: Machine) -> Parts:
    """What the lock has for a machine of this kind; nothing without a lock."""
    lock = held()
    return lock.machines.get(kind_of(machine), Parts()) if lock else Parts()


def way_out(difference: Difference) -> str:
    """What can be done about something here that is another than the lock has."""
    if difference.kind not in ("formulae", "casks"):
        return _OTHER_WAYS[difference.kind]
    name, wanted = difference.name, difference.before
    if not wanted:
        return "`update` adds it."
    if _is_older(difference.after, wanted):
        option = "--cask " if difference.kind == "casks" else ""
        return f"`brew upgrade {option}{name}` brings what Homebrew has now."
    return no_way_back(difference.kind, name, wanted)


def no_way_back(kind: Kind, name: str, version: str) -> str:
    """Homebrew has one version of each thing, its newest; what is possible all the same."""
    current = "Homebrew installs its current version only, and cannot go back. `update` locks that"
    if kind == "casks":
        return f"{current}; a cask of your own tap can name {version}."
    return (
        f"{current}; or keep {version} in a tap of your own (`brew extract --version={version} "
        f"{name} USER/TAP`) and wish for USER/TAP/{name}@{version}, or for a {name}@VERSION that "
        "Homebrew has."
    )


_OTHER_WAYS: dict[Kind, str] = {
    "homebrew_installer": "Take homebrew_installer out of the inventory, or `update`.",
    "base_images": "`update` locks it.",
    "gems": "A Gemfile.lock in the site's repository (`bundle lock`) settles its gems; `update` "
    "locks those that are here.",
}


def _is_older(here: str, locked: str) -> bool:
    """Whether one version comes before another; not, where they cannot be compared."""
    try:
        return _comparable(here) < _comparable(locked)
    except InvalidVersion:
        return False


def _comparable(version: str) -> tuple[Version, int]:
    """A keg's version may end in Homebrew's own revision: 3.4.10_1."""
    number, _, revision = version.partition("_")
    return Version(number), int(revision) if revision.isdecimal() else 0


def _short(value: str) -> str:
    """Digests as people compare them."""
    if "sha256:" not in value:
        return value
    head, _, digest = value.rpartition("sha256:")
    return f"{head[:10]}@{digest[:12]}" if head else digest[:12]
