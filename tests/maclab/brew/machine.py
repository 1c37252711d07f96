"""What this Homebrew is told from outside: where it lives, on which macOS, with which network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

_NAMES = {13: "ventura", 14: "sonoma", 15: "sequoia", 26: "tahoe", 27: "golden_gate"}
_ENVIRONMENT = "MACLAB_BREW_"
CATALOGUE = Path(__file__).with_name("catalogue.json")


class Machine(NamedTuple):
    """A machine with Homebrew. Times are in seconds; commands are argument lists.

    `unreachable` holds host names that do not answer, `mirrors` taps that git reaches all the same.
    `sudo` runs what casks do as root (without one they are refused); `sudo_reset` is run at each
    non-trivial call, as the real one calls `sudo --reset-timestamp`; `launchctl` loads services.
    `templates` holds the text of installed executables: a file named as the executable, or
    `default`; `@NAME@`, `@FORMULA@`, `@VERSION@`, `@KEG@` and `@PREFIX@` in it are replaced.
    `doctor` maps names of failing checks to their warnings; `refuses_installs` is the error that
    every installation ends with (old Command Line Tools, a licence not agreed to); `latest` is the
    version that updating brings, where that is another one.
    """

    prefix: Path
    repository: Path
    applications: Path
    catalogue: Path = CATALOGUE
    os: Literal["macos", "linux"] = "macos"
    os_version: str = "27.0.1"
    arch: Literal["arm64", "x86_64"] = "arm64"
    version: str = "7.0.7"
    uid: int = -1
    user: str = ""
    unreachable: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    ruby: bool = True
    root_allowed: bool = False
    latency: float = 0.0
    templates: Path | None = None
    sudo: tuple[str, ...] = ()
    sudo_reset: tuple[str, ...] = ()
    launchctl: tuple[str, ...] = ()
    doctor: Mapping[str, str] = {}
    refuses_installs: str = ""
    latest: str = ""

    @property
    def cellar(self) -> Path:
        return self.prefix / "Cellar"

    @property
    def caskroom(self) -> Path:
        return self.prefix / "Caskroom"

    @property
    def taps(self) -> Path:
        return self.repository / "Library" / "Taps"

    @property
    def tag(self) -> str:
        """The bottle tag of this system, such as `arm64_golden_gate`."""
        if self.os == "linux":
            return f"{self.arch}_linux"
        major = int(self.os_version.split(".")[0])
        name = _NAMES.get(major, str(major))
        return f"arm64_{name}" if self.arch == "arm64" else name

    @property
    def major(self) -> int:
        """The major version of this Homebrew."""
        return int(self.version.split(".")[0])


def load(path: Path | None, environment: Mapping[str, str]) -> Machine:
    """Read a machine from a JSON file; `MACLAB_BREW_<FIELD>` in the environment overrides a field.

    Values in the environment are JSON, or plain text where they are not JSON.
    """
    told: dict[str, object] = json.loads(path.read_text()) if path else {}
    for field in Machine._fields:
        text = environment.get(_ENVIRONMENT + field.upper())
        if text is not None:
            told[field] = _value(text)
    return from_fields(told)


def from_fields(told: Mapping[str, object]) -> Machine:
    """A machine from plain JSON values; the prefix decides what is not said."""
    prefix = Path(str(told["prefix"]))
    nested = prefix != Path("/opt/homebrew")
    fields: dict[str, Any] = {
        "prefix": prefix,
        "repository": prefix / "Homebrew" if nested else prefix,
        "applications": Path("/Applications"),
        **{key: _typed(key, value) for key, value in told.items() if key != "prefix"},
    }
    machine = Machine(**fields)
    return machine if machine.uid >= 0 else machine._replace(uid=os.geteuid())


def to_fields(machine: Machine) -> dict[str, object]:
    """The machine as plain JSON values, as `load` reads them; who runs brew is not in it."""
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in machine._asdict().items()
        if value is not None and key != "uid"
    }


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _typed(key: str, value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    if key in ("repository", "applications", "catalogue", "templates"):
        return Path(str(value))
    return str(value) if key in ("version", "os_version") else value
