"""The container engine on a Mac: facts in, commands out; and the scripts, with stand-ins."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.engine import Engine as Program
from bootstrapper.results import OperationResult
from deploys.container_engine import container_engine
from deploys.facts.docker_config import DockerConfig, DockerConfigState
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac_engine import MacEngines, MacEngineState
from deploys.facts.machine import ThisMachine
from tests.support import Remembering, fake_inventory, stage
from tests.unit.test_debian_stages import LAPTOP

MAC = replace(LAPTOP, kernel="Darwin", os_id="macos", home="/Users/ada", architecture="arm64")
PLUGINS = "/opt/homebrew/lib/docker/cli-plugins"
CONFIG = DockerConfigState(
    file="/Users/ada/.docker/config.json",
    target="/Users/ada/.docker/config.json",
    is_writable=True,
    is_readable=True,
    text=json.dumps({"cliPluginsExtraDirs": [PLUGINS]}),
    sum="1 2",
    helpers=frozenset(),
    plugins=frozenset({("docker-compose", PLUGINS), ("docker-buildx", PLUGINS)}),
    brew="/opt/homebrew",
)
BARE = MacEngineState(path="/usr/bin:/bin", colima_home="/Users/ada/.colima")
COLIMA = replace(
    BARE,
    path="/opt/homebrew/bin:/usr/bin:/bin",
    programs=frozenset({"docker", "colima"}),
    own=frozenset({"docker", "colima"}),
    profile="Stopped",
    runtime="docker",
)
NONE = Engine(False, ("docker",), reason="no container engine is installed")
ANSWERS = Engine(True, ("docker",), "colima", "29.5.2", context="colima")

Plan = Callable[..., dict[str, OperationResult]]


@pytest.fixture
def plan() -> Plan:
    """Evaluates the stage on a Mac whose facts are given."""

    def evaluate(
        *,
        engine: Engine = NONE,
        state: MacEngineState = BARE,
        config: DockerConfigState = CONFIG,
        **data: object,
    ) -> dict[str, OperationResult]:
        answers: dict[type, Any] = {
            ThisMachine: MAC,
            ContainerEngine: engine,
            MacEngines: state,
            DockerConfig: config,
            Homebrew: BrewState(prefix="/opt/homebrew", works=True),
        }
        inventory = fake_inventory("laptop")
        inventory.host_data["@fake/laptop"].update(data)
        with Program(inventory, Remembering()) as running:
            (host,) = inventory
            setattr(host, "get_fact", lambda fact, *_, **__: answers[fact])  # noqa: B010
            (result,) = running.evaluate([stage(container_engine)], apply=False)
        assert result.failure is None
        return {operation.name: operation for operation in result.operations}

    return evaluate


def codes(operation: OperationResult) -> list[str]:
    return [finding.code for finding in operation.findings]


def test_an_engine_that_answers_is_respected_and_nothing_changes(plan: Plan) -> None:
    for name in ("colima", "docker-desktop", "orbstack", "podman", "rancher", "docker"):
        result = plan(engine=replace(ANSWERS, name=name))
        assert {operation.status for operation in result.values()} == {"unchanged"}
        assert not any(operation.findings for operation in result.values())


def test_a_bare_mac_gets_colima_with_the_settings_of_its_machine(plan: Plan) -> None:
    result = plan(vm_cpus=3, vm_memory=6, vm_disk=80)
    colima, docker = result["install the engine"].commands
    assert " install --formula colima;" in colima
    assert " install --formula docker;" in docker
    start, wait = result["start the engine"].commands
    assert start.startswith(
        "env PATH=/usr/bin:/bin:/opt/homebrew/bin colima start --cpus 3 --memory 6 --disk 80 "
        "--vm-type vz --mount-type virtiofs || "
    )
    assert "/Users/ada/.colima/_lima/colima/ha.stderr.log" in start
    assert "colima status --json" in wait
    assert "engine.colima-mounts" in codes(result["start the engine"])


@pytest.mark.parametrize(
    ("name", "installs", "starts"),
    [
        ("docker-desktop", ["docker-desktop"], ["open -a Docker"]),
        ("orbstack", ["orbstack"], ["orbctl start"]),
        ("rancher", ["rancher"], ["open -a 'Rancher Desktop'"]),
        ("podman", ["podman", "docker"], ["podman machine init", "podman machine start"]),
    ],
)
def test_the_chosen_engine_is_installed_and_started(
    plan: Plan, name: str, installs: list[str], starts: list[str]
) -> None:
    result = plan(container_engine=name)
    commands = result["install the engine"].commands
    assert [command.split(";")[0].split()[-1] for command in commands] == installs
    *start, wait = result["start the engine"].commands
    assert [command.endswith(words) for command, words in zip(start, starts, strict=True)]
    assert "/info" in wait


def test_an_installed_engine_is_started_rather_than_the_chosen_one_added(plan: Plan) -> None:
    desktop = replace(BARE, apps=frozenset({"docker-desktop"}))
    result = plan(state=desktop)
    assert result["install the engine"].status == "unchanged"
    assert result["start the engine"].commands[0] == "open -a Docker"
    (finding,) = result["start the engine"].findings
    assert finding.mend == (
        "Docker Desktop is started. It is installed already; colima is not added to it."
    )


def test_of_several_installed_engines_the_setting_chooses(plan: Plan) -> None:
    several = replace(COLIMA, apps=frozenset({"docker-desktop", "orbstack"}))
    assert "colima start" in plan(state=several)["start the engine"].commands[0]
    chosen = plan(state=several, container_engine="orbstack")["start the engine"]
    assert "open -a OrbStack" in chosen.commands[0]
    assert "Docker Desktop could be chosen too" in chosen.findings[0].mend


def test_without_the_chosen_one_the_engine_of_the_users_context_is_started(plan: Plan) -> None:
    apps = replace(BARE, apps=frozenset({"docker-desktop", "orbstack"}))
    own = replace(NONE, context="orbstack", reaches="unix:///Users/ada/.orbstack/run/docker.sock")
    assert "OrbStack" in plan(state=apps, engine=own)["start the engine"].commands[0]


@pytest.mark.parametrize("profile", ["Broken", "Running", "Unknown"])
def test_a_half_started_colima_is_stopped_first(plan: Plan, profile: str) -> None:
    stop, start, _ = plan(state=replace(COLIMA, profile=profile))["start the engine"].commands
    assert stop == "colima stop --force || true"
    assert start.startswith("colima start || ")


def test_a_stopped_colima_is_started_as_it_was_made(plan: Plan) -> None:
    result = plan(state=COLIMA, vm_cpus=8)
    assert result["install the engine"].status == "unchanged"
    assert result["start the engine"].commands[0].startswith("colima start || ")
    assert codes(result["start the engine"]) == ["engine.stopped"]


def test_a_running_colima_without_a_client_gets_one_and_is_not_stopped(plan: Plan) -> None:
    no_client = replace(COLIMA, profile="Running", programs=frozenset({"colima"}))
    result = plan(state=no_client)
    (install,) = result["install the engine"].commands
    assert " install --formula docker;" in install
    assert not any("stop" in command for command in result["start the engine"].commands)


def test_colima_with_another_runtime_is_left_to_its_user(plan: Plan) -> None:
    refusal = plan(state=replace(COLIMA, runtime="containerd"))["start the engine"]
    assert refusal.status == "refused"
    assert "runs containerd" in refusal.findings[-1].seen


@pytest.mark.parametrize(
    ("machine", "commands"),
    [
        ("stopped", ["podman machine start"]),
        ("running", ["podman machine stop || true", "podman machine start"]),
        ("", ["podman machine init", "podman machine start"]),
    ],
)
def test_podmans_machine_is_made_or_started(plan: Plan, machine: str, commands: list[str]) -> None:
    there = frozenset({"podman", "docker"})
    podman = replace(BARE, programs=there, own=there, machine=machine)
    result = plan(state=podman, container_engine="podman")
    assert list(result["start the engine"].commands[:-1]) == commands


def test_a_remote_engine_that_does_not_answer_is_a_refusal(plan: Plan) -> None:
    remote = replace(NONE, reaches="tcp://10.0.0.9:2375", endpoint="tcp://10.0.0.9:2375")
    refusal = plan(engine=remote, state=COLIMA)["install the engine"]
    assert refusal.status == "refused"
    assert "tcp://10.0.0.9:2375" in refusal.findings[0].seen
    assert "unset DOCKER_HOST" in refusal.findings[0].mend


def test_licence_terms_are_said_where_such_an_engine_is_installed(plan: Plan) -> None:
    install = plan(container_engine="docker-desktop")["install the engine"]
    assert install.findings[0].code == "engine.licence"
    assert "250 employees" in install.findings[0].seen
    assert install.findings[0].severity == "notice"


def test_a_stale_context_of_colima_is_given_its_address(plan: Plan) -> None:
    moved = replace(
        ANSWERS,
        client=(
            "env",
            "DOCKER_HOST=unix:///Users/ada/.config/colima/default/docker.sock",
            "docker",
        ),
        reaches="unix:///Users/ada/.colima/docker.sock",
    )
    (command,) = plan(engine=moved)["docker in your shell"].commands
    assert command.endswith(
        "context update colima --docker host=unix:///Users/ada/.config/colima/default/docker.sock"
    )


def test_a_client_that_the_user_has_set_elsewhere_is_left_alone(plan: Plan) -> None:
    elsewhere = replace(
        ANSWERS,
        client=("env", "DOCKER_HOST=unix:///Users/ada/.colima/default/docker.sock", "docker"),
        endpoint="unix:///tmp/old.sock",
        reaches="unix:///tmp/old.sock",
        context="default",
    )
    said = plan(engine=elsewhere)["docker in your shell"]
    assert said.status == "unchanged"
    assert said.findings[0].severity == "notice"
    assert "Unset DOCKER_HOST" in said.findings[0].mend


def test_a_path_with_spaces_stays_one_word() -> None:
    words = Engine(True, ("env", "PATH=/Applications/VMware Fusion.app/bin", "docker")).words
    assert " ".join(words) == "env 'PATH=/Applications/VMware Fusion.app/bin' docker"


# The scripts themselves, with stand-ins for what a Mac has.


TOOLS = ("awk", "cat", "curl", "date", "env", "grep", "head", "mkdir", "mktemp", "rm", "sed", "sh")
TOOLS += ("sleep", "tail", "tr", "wc")


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
            self.socket.bind(self.server_address)  # type: ignore[arg-type]

    path = tmp_path / "s"
    server = Server(str(path), Handler)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield path
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_wait_ends_when_the_engine_answers(plan: Plan, mac: Mac, answering: Path) -> None:
    mac.program("colima", f"""echo '{{"docker_socket":"unix://{answering}","cpu":2}}'""")
    wait = plan(state=COLIMA)["start the engine"].commands[-1]
    assert mac.run(wait, http_proxy="http://127.0.0.1:1").returncode == 0


def test_a_wait_in_vain_ends_with_the_last_words(plan: Plan, mac: Mac) -> None:
    home = mac.home / "colima"
    log = home / "_lima/colima/ha.stderr.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo: no space left\n")
    mac.program("colima", "exit 1")
    mac.program("sleep", "")
    mac.program("date", 'echo x >>"$HOME/dates"; wc -l <"$HOME/dates" | awk \'{ print $1 * 40 }\'')
    operation = plan(state=replace(COLIMA, colima_home=str(home)))["start the engine"]
    done = mac.run(operation.commands[-1])
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "colima did not answer within 60 seconds."
    assert done.stderr.splitlines()[-1] == "two: no space left"
    failed = mac.run(operation.commands[0])
    assert failed.returncode == 1
    assert "two: no space left" in failed.stderr
