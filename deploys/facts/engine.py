"""Which container engine answers on the machine, and how to talk to it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from pyinfra.api import FactBase

# Each candidate is asked only when those before it did not answer. `docker info` prints what the
# client knows when the daemon is unreachable, `ServerErrors` among it; it exits 1 then since Docker
# 23, and with 0 before (seen with 20.10.24).
_ASK = r"""
ask() {
  printf 'client\t%s\n' "$*"
  out=$("$@" info --format '{{json .}}' 2>/dev/null); code=$?
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
"""


@dataclass(frozen=True)
class Engine:
    """A container engine, or why there is none.

    `client` are the words that begin a command to it; `reason` says why it does not answer.
    `denied` means that it runs, but this user may not talk to it; `daemon` that Docker's daemon is
    installed, running or not; `endpoint` is where the user has sent the client on purpose
    (DOCKER_HOST or a context of their own).
    """

    answers: bool
    client: tuple[str, ...]
    name: str = ""
    version: str = ""
    reason: str = ""
    denied: bool = False
    daemon: bool = False
    endpoint: str = ""


class ContainerEngine(FactBase[Engine]):
    """The first engine that answers: Docker as the user has it, Podman's socket, Docker as root."""

    def command(self) -> str:
        """One POSIX shell script; no candidate is started by being asked."""
        return _ASK

    @staticmethod
    def default() -> Engine:
        """What no output means: neither docker nor podman is on PATH."""
        return Engine(answers=False, client=("docker",), reason="no container engine is installed")

    def process(self, output: list[str]) -> Engine:
        """Pairs of lines, `client` and `info`; the last pair is the one that counts."""
        told = [line.partition("\t") for line in output]
        daemon = any(key == "daemon" for key, _, _ in told)
        endpoint = next((value for key, _, value in told if key == "endpoint"), "")
        clients = [value for key, _, value in told if key == "client"]
        infos = [value for key, _, value in told if key == "info"]
        engines = [_engine(*pair) for pair in zip(clients, infos, strict=True)] or [self.default()]
        engine = engines[-1] if engines[-1].answers else engines[0]
        return replace(engine, daemon=daemon, endpoint=endpoint or engine.endpoint)


def _engine(client: str, info: str) -> Engine:
    words = tuple(client.split())
    details = _details(info)
    problems = details.get("ServerErrors") or []
    context = (details.get("ClientInfo") or {}).get("Context", "default")
    endpoint = "" if context == "default" else f"context {context}"
    version = details.get("ServerVersion") or (details.get("version") or {}).get("Version")
    if version and not problems:
        name = "podman" if "podman" in client else "docker"
        return Engine(True, words, name, version, endpoint=endpoint)
    reason = str(problems[0]) if problems else "it gave no answer"
    if "permission denied" in reason.lower():
        return Engine(False, ("sudo", "-n", "docker"), reason=reason, denied=True)
    return Engine(False, words, reason=reason, endpoint=endpoint)


def _details(info: str) -> dict[str, Any]:
    try:
        details = json.loads(info)
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}
