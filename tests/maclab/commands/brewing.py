"""Homebrew on this Mac: the simulated brew of `tests/maclab/brew`, put in place and recorded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .call import LAB, Call, Section, command
from .system import System

if TYPE_CHECKING:
    from tests.maclab.brew.machine import Machine

CONFIG = f"{LAB}/brew.json"


@dataclass
class Homebrew(Section):
    """What Homebrew is told of this Mac. `latency` is in seconds a call; `latest` is the version
    that an update brings, where that is another one."""

    KEY: ClassVar[str] = "homebrew"

    version: str = "7.0.7"
    latency: float = 0.0
    ruby: bool = True
    refuses_installs: str = ""
    latest: str = ""


def machine_of(call: Call) -> Machine:
    """The simulated brew's own description of this Mac."""
    system, homebrew = call.state(System), call.state(Homebrew)
    prefix = "/opt/homebrew" if system.arch == "arm64" else "/usr/local"
    fields = {
        "prefix": str(call.path(prefix)),
        "applications": str(call.path("/Applications")),
        "os_version": system.version,
        "arch": system.arch,
        "version": homebrew.version,
        "latency": homebrew.latency,
        "ruby": homebrew.ruby,
        "refuses_installs": homebrew.refuses_installs,
        "latest": homebrew.latest,
        "templates": str(call.path(f"{LAB}/templates")),
        "sudo": ["/usr/bin/sudo"],
        "sudo_reset": ["/usr/bin/sudo", "--reset-timestamp"],
        "launchctl": ["/bin/launchctl"],
    }
    if call.root == Path("/"):
        fields["catalogue"] = f"{LAB}/lib/maclab/brew/catalogue.json"
    else:
        fields["uid"] = 501
    made: Machine = _brew("machine").from_fields(fields)
    return made


def put_in_place(call: Call) -> None:
    """What the installer's checkout brings: the prefix's directories, and `brew`."""
    machine = machine_of(call)
    _brew("launcher").prepare(machine)
    executable = machine.repository / "bin" / "brew"
    executable.parent.mkdir(parents=True, exist_ok=True)
    executable.write_text("#!/maclab/launch brew\n")
    executable.chmod(0o755)
    link = machine.prefix / "bin" / "brew"
    if link != executable:
        link.unlink(missing_ok=True)
        link.symlink_to("../Homebrew/bin/brew")


@command("brew", source="tests/maclab/brew, which is held to recordings")
def brew(call: Call) -> int:
    code: int = _brew("main").perform(machine_of(call), call.argv)
    return code


def own(call: Call, user: int = 501, group: int = 80) -> None:
    """Give the prefix to its user, as the installer does."""
    prefix = machine_of(call).prefix
    for folder, _, files in os.walk(prefix):
        for name in [".", *files]:
            os.chown(Path(folder) / name, user, group, follow_symlinks=False)


def _brew(module: str) -> Any:
    package = __package__.rpartition(".")[0]
    return import_module(f"{package}.brew.{module}")
