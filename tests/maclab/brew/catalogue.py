"""What there is to install: formulae and casks by tap, as the remotes have them now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

CORE = "homebrew/core"
CASK = "homebrew/cask"


class Formula(NamedTuple):
    """A formula in one version. `bottles` are tags that have one; `files` are linked like `bin`."""

    tap: str
    name: str
    version: str
    desc: str = ""
    homepage: str = ""
    license: str = "MIT"
    deps: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    oldnames: tuple[str, ...] = ()
    executables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    bottles: tuple[str, ...] = ()
    keg_only: str = ""
    caveats: str = ""
    service: Mapping[str, Any] | None = None
    requires: str = ""
    deprecated: Mapping[str, str] | None = None
    disabled: Mapping[str, str] | None = None
    build_fails: str = ""
    build_command: str = ""
    post_install_fails: bool = False
    download: str = ""

    @property
    def full_name(self) -> str:
        return self.name if self.tap == CORE else f"{self.tap}/{self.name}"

    def bottled(self, tag: str) -> bool:
        return tag in self.bottles or "all" in self.bottles


class Cask(NamedTuple):
    """A cask in one version. `sudo` are commands that its installer runs as root."""

    tap: str
    token: str
    version: str
    title: str = ""
    desc: str = ""
    homepage: str = ""
    apps: tuple[str, ...] = ()
    binaries: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()
    sudo: tuple[tuple[str, ...], ...] = ()
    caveats: str = ""
    old_tokens: tuple[str, ...] = ()
    auto_updates: bool = False
    requires: str = "macos"

    @property
    def full_token(self) -> str:
        return self.token if self.tap == CASK else f"{self.tap}/{self.token}"


class Tap(NamedTuple):
    """A tap as its remote has it: every package in its newest version."""

    name: str
    remote: str
    private: bool
    formulae: Mapping[str, Formula]
    casks: Mapping[str, Cask]

    def formula(self, name: str) -> Formula | None:
        """The formula called `name` now, or by an alias or an old name."""
        found = self.formulae.get(name)
        return found or next(
            (one for one in self.formulae.values() if name in one.aliases + one.oldnames), None
        )

    def cask(self, token: str) -> Cask | None:
        found = self.casks.get(token)
        return found or next((one for one in self.casks.values() if token in one.old_tokens), None)


class Catalogue(NamedTuple):
    """Every tap that a remote has."""

    taps: Mapping[str, Tap]

    def formulae(self) -> Iterator[Formula]:
        for tap in self.taps.values():
            yield from tap.formulae.values()


def read(path: Path, prefix: Path, tag: str) -> Catalogue:
    """Read a catalogue; `{prefix}` in its strings becomes the prefix, `{tag}` the bottle tag."""
    text = path.read_text().replace("{prefix}", str(prefix)).replace("{tag}", tag)
    told = json.loads(text)
    return Catalogue({name: _tap(name, tap) for name, tap in told["taps"].items()})


def default_remote(tap: str) -> str:
    """The address that `brew tap USER/REPO` takes a tap from."""
    user, repository = tap.split("/")
    owner = "Homebrew" if user == "homebrew" else user
    return f"https://github.com/{owner}/homebrew-{repository}"


def newest(versions: list[str]) -> str:
    return max(versions, key=order)


def order(version: str) -> list[tuple[int, str]]:
    """A key to sort versions by."""
    words = version.replace("-", ".").replace("_", ".").split(".")
    return [(int(word), "") if word.isdigit() else (-1, word) for word in words]


def _tap(name: str, told: Mapping[str, Any]) -> Tap:
    bottles = tuple(told.get("bottles", ()))
    return Tap(
        name,
        told.get("remote", default_remote(name)),
        told.get("private", False),
        {
            one: Formula(**{"tap": name, "name": one, "bottles": bottles, **_frozen(fields)})
            for one, fields in told.get("formulae", {}).items()
        },
        {
            token: Cask(**{"tap": name, "token": token, **_frozen(fields)})
            for token, fields in told.get("casks", {}).items()
        },
    )


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(tuple(one) if isinstance(one, list) else one for one in value)
        if isinstance(value, list)
        else value
        for key, value in fields.items()
    }
