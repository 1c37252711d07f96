"""Docker's daemon on Debian, where it has to be restarted: after its upgrade, or a power cut."""

from __future__ import annotations

import re

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.changes import left
from deploys.facts.debian import DpkgPackages
from deploys.facts.docker_contents import EngineContents
from deploys.facts.engine import ContainerEngine
from deploys.facts.machine import Machine, ThisMachine
from deploys.findings import found
from deploys.operations import Commands
from deploys.operations.engine import started

_PACKAGES = ("docker.io", "docker-ce", "moby-engine")
_STOP_SECONDS = 60

# dockerd(8) keeps its process id there, and removes the file at its end.
STOP = f"""
pid=$(cat /var/run/docker.pid 2>/dev/null) || exit 0
kill "$pid" 2>/dev/null || exit 0
tries=0
while kill -0 "$pid" 2>/dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -ge {_STOP_SECONDS * 5} ]; then
    echo "The engine did not end within {_STOP_SECONDS} seconds." >&2
    exit 1
  fi
  sleep 0.2
done
"""


@operation()
def renewed() -> Commands:
    """Have the daemon run that is installed: an upgrade where nothing restarts services leaves the
    old one running, whose programs (runc, containerd's shim) are the new ones by now."""
    engine = host.get_fact(ContainerEngine)
    if not engine.answers or engine.name != "docker" or engine.endpoint:
        return
    runs, installed = _upstream(engine.version), _installed()
    if not runs or not installed or runs == installed:
        return
    contents = host.get_fact(EngineContents, client=engine.client)
    others = sorted(set(contents.containers) - contents.ours)
    machine = host.get_fact(ThisMachine)
    seen = f"Docker's daemon {runs} runs, and {installed} is installed."
    if others:
        found(
            "engine.outdated-in-use",
            seen,
            means=f"Its package was upgraded under it, and others use it: {listed(others)}.",
            mend=when_nobody_needs_them(machine),
            severity="notice",
        )
        return
    found(
        "engine.outdated",
        seen,
        means="Its package was upgraded under it; new containers may not start.",
        mend="It is restarted; the blog's container comes back with it.",
    )
    left("docker", "was restarted after its upgrade.")
    yield from restarted(machine)


def restarted(machine: Machine) -> Commands:
    """The commands that restart the daemon, and wait until it answers."""
    if machine.init == "none":
        yield StringCommand(*machine.root, "sh", "-c", QuoteString(STOP))
        yield from started(machine)
    else:
        yield StringCommand(*machine.root, _restart(machine).removeprefix("sudo "))


def when_nobody_needs_them(machine: Machine) -> str:
    """What to do where a restart would stop what is not ours."""
    return f"When nobody needs them: `{_restart(machine)}`, then run this again."


def listed(names: list[str]) -> str:
    """Some of them, and how many more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _restart(machine: Machine) -> str:
    return {
        "systemd": "sudo systemctl restart docker.service",
        "sysv": "sudo service docker restart",
        "none": "sudo kill $(cat /var/run/docker.pid)",
    }[machine.init]


def _installed() -> str:
    versions = host.get_fact(DpkgPackages).versions
    return next((_upstream(versions[name]) for name in _PACKAGES if name in versions), "")


def _upstream(version: str) -> str:
    """Docker's own version in a package's: of `5:28.1.1-1~debian.12`, `20.10.24+dfsg1-1+b3`."""
    found = re.match(r"(?:\d+:)?(\d+\.\d+\.\d+)", version)
    return found[1] if found else ""
