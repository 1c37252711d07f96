"""Which container engine answers on the machine, and how to talk to it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlsplit

from pyinfra.api import FactBase

from deploys.facts.mac_engine import FIRST_ANSWER, EngineName

# Each candidate is asked only when those before it did not answer. `docker info` prints what the
# client knows when the daemon is unreachable, `ServerErrors` among it; it exits 1 then since Docker
# 23, and with 0 before (seen with 20.10.24). With 28.2.2 there are none: the error is on stderr.
_ASK = (
    r"""
if [ "$(uname -s)" = Darwin ]; then
[ -n "${DOCKER_HOST:-}" ] && printf 'endpoint\t%s\n' "$DOCKER_HOST"
"""
    + FIRST_ANSWER
    + r"""
first_answer || true
else
ask() {
  printf 'client\t%s\n' "$*"
  out=$("$@" info --format '{{json .}}' 2>/dev/null); code=$?
  [ "$code" -eq 0 ] || printf 'error\t%s\n' "$(
    "$@" info --format '{{json .}}' 2>&1 >/dev/null | awk 'NF { last = $0 } END { print last }')"
  printf 'info\t%s\n' "$(printf %s "$out" | tr -d '\n')"
  [ "$code" -eq 0 ] && case $out in *'"ServerErrors":["'*) false ;; esac
}
ask_socket() { [ -S "$1" ] && ask env "DOCKER_HOST=unix://$1" docker; }
have() { command -v "$1" >/dev/null 2>&1; }
[ -n "${DOCKER_HOST:-}" ] && printf 'endpoint\t%s\n' "$DOCKER_HOST"
{ have dockerd || [ -x /usr/sbin/dockerd ]; } && printf 'daemon\n'
as_root() { [ "$(id -u)" -ne 0 ] && have sudo && sudo -n true 2>/dev/null && ask sudo -n docker; }
if have docker; then
  ask docker || ask_socket "${XDG_RUNTIME_DIR:-/nonexistent}/podman/podman.sock" ||
    ask_socket /run/podman/podman.sock || { [ -S /var/run/docker.sock ] && as_root; } || true
elif have podman; then
  ask podman || true
fi
fi
"""
)


# Contexts that an engine makes for itself; any other is one that the user made on purpose.
_CONTEXTS: dict[str, EngineName] = {
    "desktop-linux": "docker-desktop",
    "orbstack": "orbstack",
    "rancher-desktop": "rancher",
}
_SOCKETS: dict[str, EngineName] = {
    "/.docker/": "docker-desktop",
    "/.orbstack/": "orbstack",
    "/.rd/": "rancher",
    "colima/": "colima",
    "podman": "podman",
}


@dataclass(frozen=True)
class Engine:
    """A container engine, or why there is none.

    `client` are the words that begin a command to it; `reason` says why it does not answer.
    `denied` means that it runs, but this user may not talk to it; `daemon` that Docker's daemon is
    installed, running or not; `endpoint` is where the user has sent the client on purpose
    (DOCKER_HOST or a context of their own). On a Mac, `reaches` is the address at which the
    client as it is set found nobody, `context` the name of its context. `system` is what the engine
    runs on, "Ubuntu 24.04.3 LTS, Linux 6.8.0-64-generic".
    """

    answers: bool
    client: tuple[str, ...]
    name: str = ""
    version: str = ""
    reason: str = ""
    denied: bool = False
    daemon: bool = False
    endpoint: str = ""
    reaches: str = ""
    context: str = ""
    system: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The client's words, each quoted for a shell: a PATH may have spaces in it."""
        return tuple(map(shlex.quote, self.client))

    @property
    def is_remote(self) -> bool:
        """Whether the user's client was sent to another machine, where nothing answers."""
        return bool(self.reaches) and not self.reaches.startswith("unix:")

    @property
    def has_no_route(self) -> bool:
        """Whether the way to that machine is barred, and it may be on the Mac's own network: macOS
        asks for no permission for addresses of the internet."""
        if not self.is_remote or "no route to host" not in self.reason.lower():
            return False
        try:
            return not ip_address(urlsplit(self.reaches).hostname or "").is_global
        except ValueError:
            return True  # a name


class ContainerEngine(FactBase[Engine]):
    """The first engine that answers: Docker as the user has it, then whatever else is there."""

    def command(self) -> str:
        """One POSIX shell script; no candidate is started by being asked."""
        return _ASK

    @staticmethod
    def default() -> Engine:
        """What no output means: neither docker nor podman is on PATH."""
        return Engine(answers=False, client=("docker",), reason="no container engine is installed")

    def process(self, output: list[str]) -> Engine:
        """`client` and `info` for each candidate, on a Mac `kind` before; the last one counts."""
        told = [line.partition("\t")[::2] for line in output]
        first = dict(reversed(told))
        clients = [value for key, value in told if key == "client"]
        infos = [value for key, value in told if key == "info"]
        kinds = [value for key, value in told if key == "kind"]
        endpoint = first.get("endpoint", "")
        nobody: list[str | None] = [None] * len(clients)  # elsewhere than on a Mac
        asked = zip(clients, infos, kinds or nobody, strict=True)
        errors = chain([first.get("error", "")], repeat(""))  # nobody asks for those of others
        engines = [
            _engine(*one, endpoint, error) for one, error in zip(asked, errors, strict=False)
        ]
        engines = engines or [self.default()]
        engine = engines[-1] if engines[-1].answers else engines[0]
        return replace(
            engine,
            daemon="daemon" in first,
            endpoint=endpoint or engine.endpoint,
            reaches=first.get("reaches", ""),
            context=engines[0].context,
        )


class AtBoot(FactBase[bool]):
    """Whether systemd starts a service at boot."""

    def command(self, service: str) -> str:
        """systemctl(1); where there is no systemd the answer is no."""
        return f"systemctl is-enabled {service}.service 2>/dev/null || true"

    @staticmethod
    def default() -> bool:
        """There is no such service."""
        return False

    def process(self, output: list[str]) -> bool:
        """`enabled`, `disabled`, `static`, …."""
        return output == ["enabled"]


class DaemonRuns(FactBase[bool]):
    """Whether Docker's daemon runs on a Linux machine, by the file that dockerd(8) keeps."""

    def command(self) -> str:
        """Looks at files only."""
        return (
            '[ -d "/proc/$(cat /var/run/docker.pid 2>/dev/null || echo none)" ] && echo yes; true'
        )

    @staticmethod
    def default() -> bool:
        """It does not."""
        return False

    def process(self, output: list[str]) -> bool:
        """`yes`."""
        return output == ["yes"]


def owner_of(context: str, address: str) -> EngineName | None:
    """The engine that a context or an address belongs to, as far as their names tell."""
    if context == "colima" or context.startswith("colima-"):
        return "colima"
    if context in _CONTEXTS:
        return _CONTEXTS[context]
    if not address.startswith("unix:"):
        return None
    return next((name for part, name in _SOCKETS.items() if part in address), None)


def _engine(client: str, info: str, kind: str | None, set_to: str, error: str) -> Engine:
    """`kind` is None where this is no Mac; `set_to` is the user's DOCKER_HOST; `error` what the
    client has said on standard error."""
    words = tuple(client.split("\t") if "\t" in client else client.split())
    details = _details(info)
    problems = details.get("ServerErrors") or []
    context = (details.get("ClientInfo") or {}).get("Context", "default")
    endpoint = "" if context == "default" else f"context {context}"
    version = details.get("ServerVersion") or (details.get("version") or {}).get("Version")
    if version and not problems:
        is_podman = any("podman" in word for word in words if not word.startswith("PATH="))
        owner = owner_of(context, set_to) if kind is not None else None
        name = kind or ("podman" if is_podman else owner or "docker")
        system = _system(details)
        return Engine(True, words, name, version, endpoint=endpoint, context=context, system=system)
    reason = _reason(str(problems[0]) if problems else error) or "it gave no answer"
    if kind is None and "permission denied" in reason.lower():
        return Engine(False, ("sudo", "-n", "docker"), reason=reason, denied=True)
    return Engine(False, words, reason=reason, endpoint=endpoint, context=context)


def _reason(said: str) -> str:
    return said.strip().removesuffix(" Is the docker daemon running?")


def _system(details: dict[str, Any]) -> str:
    """Docker's words for it; Podman tells its own below `host`."""
    host = details.get("host") or {}
    name = details.get("OperatingSystem") or (host.get("distribution") or {}).get("distribution")
    kernel = details.get("KernelVersion") or host.get("kernel")
    return ", ".join(filter(None, (name, kernel and f"Linux {kernel}")))


def _details(info: str) -> dict[str, Any]:
    try:
        details = json.loads(info)
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}
