"""The scripts that look for engines on a Mac and wait for them, with stand-ins for its programs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.mac_engine import MacEngines, MacEngineState
from deploys.facts.mac_engine_upkeep import AppleContainer
from tests.unit.test_mac_engine import COLIMA, planned

TOOLS = [
    "awk",
    "cat",
    "curl",
    "date",
    "env",
    "grep",
    "head",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "sh",
    "sleep",
    "tail",
    "tr",
    "wc",
]


class Mac:
    """A home and a directory of programs."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home dir"
        self.programs = folder / "programs"
        self.home.mkdir()
        self.programs.mkdir()
        self.program("uname", "echo Darwin")
        for tool in TOOLS:
            (self.programs / tool).symlink_to(shutil.which(tool) or tool)

    def program(self, name: str, script: str, place: Path | None = None) -> None:
        file = (place or self.programs) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        for place in ("/opt/homebrew", "/usr/local", "/Applications", "/var/run"):
            script = script.replace(f"{place}/", f"{self.home}/none{place}/")
        return subprocess.run(
            ["/bin/sh", "-c", script],
            env={
                "PATH": str(self.programs),
                "HOME": str(self.home),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def engine(self, **environment: str) -> Engine:
        done = self.run(ContainerEngine().command(), **environment)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        return ContainerEngine().process(lines) if lines else ContainerEngine.default()

    def state(self, **environment: str) -> MacEngineState:
        done = self.run(MacEngines().command(), **environment)
        return MacEngines().process(done.stdout.splitlines())


# Answers at the address in $UP only, and knows where its context leads.
DOCKER = r"""
case $1 in
  context) echo "${DOCKER_HOST:-unix:///nowhere}"; exit ;;
esac
echo "asked ${DOCKER_HOST:-context}" >>"$HOME/asked"
if [ "${DOCKER_HOST:-context}" = "$UP" ]; then
  echo '{"ServerVersion":"29.5.2","ClientInfo":{"Context":"'"${CONTEXT:-default}"'"}}'
else
  echo '{"ServerErrors":["nobody there"],"ClientInfo":{"Context":"'"${CONTEXT:-default}"'"}}'
  exit 1
fi
"""


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


@pytest.fixture
def listening() -> Iterator[Callable[[Path], str]]:
    """Makes sockets that exist."""
    sockets = []

    def make(path: Path) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = socket.socket(socket.AF_UNIX)
        before = Path.cwd()
        os.chdir(path.parent)  # the length of a socket's path is limited
        made.bind(path.name)
        os.chdir(before)
        sockets.append(made)
        return f"unix://{path}"

    yield make
    for made in sockets:
        made.close()


def test_the_users_own_setting_is_asked_first_and_only(mac: Mac) -> None:
    mac.program("docker", DOCKER)
    engine = mac.engine(UP="context", CONTEXT="desktop-linux")
    assert (engine.answers, engine.client, engine.name) == (True, ("docker",), "docker-desktop")
    assert (mac.home / "asked").read_text() == "asked context\n"


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (".docker/run/docker.sock", "docker-desktop"),
        (".orbstack/run/docker.sock", "orbstack"),
        (".rd/docker.sock", "rancher"),
    ],
)
def test_any_engine_that_answers_at_its_socket_is_found(
    mac: Mac, listening: Callable[[Path], str], place: str, name: str
) -> None:
    mac.program("docker", DOCKER)
    address = listening(mac.home / place)
    engine = mac.engine(UP=address)
    assert (engine.answers, engine.name) == (True, name)
    assert engine.client == ("env", f"DOCKER_HOST={address}", "docker")


def test_colimas_socket_is_read_from_colima(mac: Mac, listening: Callable[[Path], str]) -> None:
    mac.program("docker", DOCKER)
    address = listening(mac.home / "else where/docker.sock")
    (mac.home / ".config/colima/_lima").mkdir(parents=True)
    mac.program(
        "colima",
        f"""case "$1 $*" in
  list*) echo '{{"name":"work","status":"Stopped"}}'
    echo '{{"name":"default","status":"Running"}}' ;;
  *--profile*) exit 1 ;;
  status*) echo '{{"display_name":"colima","docker_socket":"{address}","kubernetes":false}}' ;;
esac""",
    )
    engine = mac.engine(UP=address, XDG_CONFIG_HOME=f"{mac.home}/.config")
    assert (engine.answers, engine.name) == (True, "colima")


def test_colima_is_not_asked_where_it_has_never_been_started(mac: Mac) -> None:
    mac.program("docker", DOCKER)
    mac.program("colima", 'mkdir -p "$HOME/.colima"')
    assert not mac.engine(UP="nobody").answers
    assert mac.state().profile == ""
    assert not (mac.home / ".colima").exists()


def test_podmans_socket_is_read_from_podman(mac: Mac, listening: Callable[[Path], str]) -> None:
    mac.program("docker", DOCKER)
    address = listening(mac.home / "T/podman.sock")
    mac.program("podman", f'echo "{address.removeprefix("unix://")}"')
    engine = mac.engine(UP=address)
    assert (engine.answers, engine.name) == (True, "podman")


def test_a_client_outside_the_users_path_is_found_and_its_words_carry_the_path(mac: Mac) -> None:
    mac.program("docker", DOCKER, mac.home / ".docker/bin")
    engine = mac.engine(UP="context")
    assert engine.answers
    program, path, name = engine.client
    assert (program, name) == ("env", "docker")
    assert path.startswith(f"PATH={mac.programs}:")
    assert path.endswith(f":{mac.home}/.docker/bin")


def test_a_credential_helper_outside_the_users_path_is_within_the_clients_reach(mac: Mac) -> None:
    mac.program("docker", DOCKER)
    mac.program("docker-credential-desktop", "", mac.home / ".docker/bin")
    assert mac.engine(UP="context").client[1].endswith(f":{mac.home}/.docker/bin")


def test_a_client_that_hangs_does_not_hold_the_question_up(mac: Mac) -> None:
    mac.program("docker", "exec sleep 600")
    mac.program("sleep", '[ "$1" = 1 ] || exec /bin/sleep "$@"')  # seconds pass quickly here
    engine = mac.engine()
    assert not engine.answers
    assert engine.reason == "it did not answer within 10 seconds"


def test_where_nothing_answers_it_is_known_where_the_client_was_sent(mac: Mac) -> None:
    mac.program("docker", DOCKER)
    engine = mac.engine(UP="nobody", DOCKER_HOST="tcp://10.0.0.9:2375")
    assert engine.is_remote
    assert engine.endpoint == engine.reaches == "tcp://10.0.0.9:2375"
    assert mac.engine(UP="nobody", CONTEXT="colima").context == "colima"


def test_a_denied_socket_on_a_mac_does_not_lead_to_sudo(mac: Mac) -> None:
    mac.program("docker", 'echo \'{"ServerErrors":["permission denied"]}\'; exit 1')
    assert mac.engine().client == ("docker",)


def test_apples_container_is_believed_by_its_exit_code(mac: Mac) -> None:
    def said(script: str) -> str:
        mac.program("container", script)
        asked = AppleContainer().command(f"{mac.programs}/container")
        lines = mac.run(asked).stdout.splitlines()
        return AppleContainer().process(lines) if lines else AppleContainer.default()

    assert said('[ "$*" = "system status" ] && echo FIELD VALUE') == "running"
    assert said("echo apiserver is not running; exit 1") == "apiserver is not running"
    mac.program("sleep", '[ "$1" = 1 ] || exec /bin/sleep "$@"')  # seconds pass quickly here
    assert said("exec sleep 600") == "it gave no answer"


def test_no_client_is_no_engine(mac: Mac) -> None:
    assert mac.engine().reason == "no container engine is installed"


def test_what_is_installed_is_seen(mac: Mac) -> None:
    (mac.home / "Applications/OrbStack.app").mkdir(parents=True)
    (mac.home / ".colima/_lima/colima").mkdir(parents=True)
    mac.program("colima", """echo '{"name":"default","status":"Broken","runtime":"docker"}'""")
    mac.program("podman", "echo stopped")
    state = mac.state()
    assert state.engines == ("colima", "orbstack", "podman")
    assert (state.profile, state.runtime, state.machine) == ("Broken", "docker", "stopped")
    assert state.colima_home == f"{mac.home}/.colima"


def test_a_machine_of_colima_that_colima_does_not_tell_of_is_not_made_again(mac: Mac) -> None:
    (mac.home / ".colima/_lima/colima").mkdir(parents=True)
    mac.program("colima", "exit 1")
    assert mac.state().profile == "Unknown"


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Path]:
    """The socket of an engine that answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/info" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def address_string(self) -> str:
            return "socket"

        def log_message(self, *_: object) -> None:
            pass

    class Server(HTTPServer):
        address_family = socket.AF_UNIX

        def server_bind(self) -> None:
            self.socket.bind(self.server_address)

    path = tmp_path / "s"
    server = Server(str(path), Handler)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield path
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_wait_ends_when_the_engine_answers(mac: Mac, answering: Path) -> None:
    mac.program("colima", f"""echo '{{"docker_socket":"unix://{answering}","cpu":2}}'""")
    wait = planned(state=COLIMA)["start the engine"].commands[-1]
    assert mac.run(wait, http_proxy="http://127.0.0.1:1").returncode == 0


def test_a_wait_in_vain_ends_with_the_last_words(mac: Mac) -> None:
    home = mac.home / "colima"
    log = home / "_lima/colima/ha.stderr.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo: no space left\n")
    mac.program("colima", "exit 1")
    mac.program("sleep", "")
    mac.program("date", 'echo x >>"$HOME/dates"; wc -l <"$HOME/dates" | awk \'{ print $1 * 40 }\'')
    operation = planned(state=replace(COLIMA, colima_home=str(home)))["start the engine"]
    done = mac.run(operation.commands[-1])
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "colima did not answer within 60 seconds."
    assert done.stderr.splitlines()[-2] == "two: no space left"
    assert done.stderr.splitlines()[-1].startswith("Next to try: restart macOS")
    failed = mac.run(operation.commands[0])
    assert failed.returncode == 1
    assert "two: no space left" in failed.stderr
