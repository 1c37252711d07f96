"""The container engine on Debian: started, answering, and who may use it."""

from __future__ import annotations

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.changes import change
from deploys.facts.engine import AtBoot, ContainerEngine
from deploys.facts.machine import Machine, ThisMachine
from deploys.findings import found, refuse
from deploys.operations import Commands, debian

_START_SECONDS = 60
_LOG = "/var/log/dockerd.log"

_WAIT = f"""
tries=0
until docker version --format '{{{{.Server.Version}}}}' 2>/dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -ge {_START_SECONDS} ]; then
    echo "The engine did not answer within {_START_SECONDS} seconds; its last words:" >&2
    {{ tail -n 20 {_LOG} || journalctl -u docker -n 20 --no-pager; }} >&2 2>/dev/null
    exit 1
  fi
  sleep 1
done
"""


@operation()
def installed() -> Commands:
    """Have an engine; one that answers, or Docker's daemon from any source, is respected."""
    engine = host.get_fact(ContainerEngine)
    if engine.answers or engine.denied or engine.daemon:
        return
    if engine.endpoint:
        refuse(
            "engine.elsewhere-unreachable",
            f"Docker is set to {engine.endpoint}, and nothing answers there.",
            mend="Start that engine, or unset DOCKER_HOST and run `docker context use default`.",
            alone=True,
        )
    yield from debian.packages._inner(
        names=["docker.io", "ca-certificates"],
        where_packaged={"docker-cli": 0, "docker-buildx": 0, "docker-compose": 2},
        purpose="running containers",
    )


@operation()
def running() -> Commands:
    """Have an engine that answers; one that does already is left alone, whichever it is."""
    engine = host.get_fact(ContainerEngine)
    machine = host.get_fact(ThisMachine)
    if engine.answers or engine.denied:
        return
    found(
        "engine.stopped",
        f"No container engine answers: {engine.reason.rstrip('.')}.",
        mend=_how_it_starts(machine),
    )
    if machine.init == "none":
        change("daemon", "dockerd")
    else:
        enabled = host.get_fact(AtBoot, service="docker")
        change("service", "docker", enabled=enabled, init=machine.init)
    yield from started(machine)


def started(machine: Machine) -> Commands:
    """The commands that start the engine, and wait until it answers."""
    yield StringCommand(*machine.root, *_start_words(machine))
    yield StringCommand(*machine.root, "sh", "-c", _quoted(_WAIT))


@operation()
def usable_by_user(join_group: bool) -> Commands:
    """Say how this user reaches the engine; join its group only if that was asked for."""
    machine = host.get_fact(ThisMachine)
    engine = host.get_fact(ContainerEngine)
    if machine.uid == 0 or engine.name == "podman" or "docker" in machine.groups:
        return
    if join_group:
        found(
            "engine.group",
            f"{machine.user} is not in the group docker, and docker_group is set.",
            means="Whoever is in that group can become root on this machine.",
            mend="The user joins it; new logins have it, this run still uses sudo.",
        )
        change("group", "docker", user=machine.user)
        yield StringCommand(*machine.root, "usermod", "-aG", "docker", QuoteString(machine.user))
    elif not engine.answers:
        found(
            "engine.through-sudo",
            f"{machine.user} reaches the engine through sudo.",
            means="Membership of the group docker would do without, but makes root of its members.",
            mend="Set docker_group = True if you want that.",
            severity="notice",
        )


def _how_it_starts(machine: Machine) -> str:
    ways = {
        "systemd": "systemd starts it, now and at every boot.",
        "sysv": "Its init script starts it.",
        "none": "It is started directly: this machine has no init system that would do it.",
    }
    return ways[machine.init]


def _start_words(machine: Machine) -> tuple[str, ...]:
    if machine.init == "systemd":
        return ("systemctl", "enable", "--now", "docker.service")
    if machine.init == "sysv":
        return ("service", "docker", "start")
    # A session of its own, so that neither the end of this run nor its Ctrl-C reaches the engine.
    return ("setsid", "sh", "-c", _quoted(f"nohup dockerd >>{_LOG} 2>&1 </dev/null &"))


def _quoted(script: str) -> str:
    return "'" + script.strip().replace("'", "'\"'\"'") + "'"
