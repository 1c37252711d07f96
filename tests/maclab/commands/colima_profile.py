"""One profile of colima: where its files are, what they say, whether its machine runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import lima
from .call import Call
from .docker_files import home
from .lima import Instance
from .logrus import Logrus


@dataclass
class Run:
    """One run: which profile it is about, and where its things are, as the Mac names them."""

    call: Call
    log: Logrus
    base: str
    profile: str
    chosen: bool
    flags: dict[str, list[str]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return "colima" if self.profile == "default" else f"colima-{self.profile}"

    @property
    def title(self) -> str:
        return "colima" if self.profile == "default" else f"colima [profile={self.profile}]"

    @property
    def socket(self) -> str:
        return f"{self.base}/{self.profile}/docker.sock"

    @property
    def lima_home(self) -> str:
        return self.call.env.get("LIMA_HOME") or f"{self.base}/_lima"

    @property
    def directory(self) -> str:
        return f"{self.lima_home}/{self.id}"

    @property
    def instance(self) -> Instance | None:
        return lima.instances(self.call, self.lima_home).get(self.id)

    @property
    def running(self) -> bool:
        return self.instance is not None and self.instance.status == "Running"

    def has(self, flag: str) -> bool:
        return self.flags.get(flag, ["false"])[-1] == "true"


def folder(call: Call, log: Logrus | None = None) -> str:
    """Where colima's files are: config/files.go."""
    explicit = call.env.get("COLIMA_HOME", "")
    if explicit and call.path(explicit).exists():
        return explicit
    own, xdg = f"{home(call)}/.colima", call.env.get("XDG_CONFIG_HOME", "")
    other = f"{xdg or home(call) + '/.config'}/colima"
    if call.path(own).exists():
        if xdg and log:
            log.warn("found ~/.colima, ignoring $XDG_CONFIG_HOME...")
            log.warn("delete ~/.colima to use $XDG_CONFIG_HOME as config directory")
            log.warn(f'or run `mv ~/.colima "{other}"`')
        return own
    return other if xdg or call.path(other).exists() else own


def no_lima(log: Logrus) -> int:
    """What is said of that, by all but `version`; the exit code."""
    return log.fatal(
        "Error: dependency check failed for VM: lima not found, run 'brew install lima' to install"
    )


def read(file: Path) -> dict[str, Any]:
    """A configuration; it is kept flat here, with values in JSON where they are no words."""
    lines = file.read_text().splitlines() if file.exists() else []
    pairs = (line.partition(":") for line in lines if line[:1].isalpha())
    return {key: value(text.strip()) for key, _, text in pairs if text.strip()}


def write(file: Path, config: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    file.write_text("".join(f"{key}: {text}\n" for key, text in texts.items()))


def value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def write_ssh_config(run: Run, *, include: bool) -> None:
    """All running machines' parts, and an Include of them in the user's own file."""
    call = run.call
    there = lima.instances(call, run.lima_home)
    running = [name for name, one in there.items() if one.status == "Running"]
    parts = [call.path(f"{run.lima_home}/{name}/ssh.config").read_text() for name in running]
    file = call.path(f"{run.base}/ssh_config")
    file.write_text("\n".join(part.replace("Host lima-", "Host ") for part in parts))
    own = call.home / ".ssh/config"
    wanted = f"Include {run.base}/ssh_config"
    if not include:
        return
    if not own.exists():
        own.parent.mkdir(mode=0o700, exist_ok=True)
        own.write_text(wanted)
    elif wanted not in [line.strip() for line in own.read_text().splitlines()]:
        own.write_text(f"{wanted}\n\n{own.read_text()}")
