"""The container engine on a Mac: facts in, commands out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.container_engine import container_engine
from deploys.facts.docker_config import DockerConfig, DockerConfigState
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac import Mac, MacSystem
from deploys.facts.mac_engine import MacEngines, MacEngineState
from deploys.facts.mac_engine_upkeep import (
    AppleContainer,
    ColimaFiles,
    ColimaUpkeep,
    DesktopFiles,
    DesktopUpkeep,
)
from deploys.facts.machine import ThisMachine
from deploys.facts.text_file import Text, TextFile
from tests.support import planned_with
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
MAC_SYSTEM = MacSystem("27.0", "26A428", True, False, True, 10**11, {})
BARE = MacEngineState(path="/usr/bin:/bin", colima_home="/Users/ada/.colima")
COLIMA = replace(
    BARE,
    path="/opt/homebrew/bin:/usr/bin:/bin",
    programs=frozenset({"docker", "colima"}),
    own=frozenset({"docker", "colima"}),
    profile="Stopped",
    runtime="docker",
)
INTACT = ColimaFiles()
NO_DESKTOP = DesktopFiles()
NONE = Engine(False, ("docker",), reason="no container engine is installed")
ANSWERS = Engine(True, ("docker",), "colima", "29.5.2", context="colima")


def planned(
    *,
    engine: Engine = NONE,
    state: MacEngineState = BARE,
    config: DockerConfigState = CONFIG,
    files: ColimaFiles = INTACT,
    desktop: DesktopFiles = NO_DESKTOP,
    system: MacSystem = MAC_SYSTEM,
    container_says: str = "",
    **data: object,
) -> dict[str, OperationResult]:
    """Evaluates the stage on a Mac whose facts are given."""
    answers: dict[type, Any] = {
        ThisMachine: MAC,
        Mac: system,
        ContainerEngine: engine,
        MacEngines: state,
        DockerConfig: config,
        TextFile: Text("/Users/ada/a file", "missing"),
        ColimaUpkeep: files,
        DesktopUpkeep: desktop,
        AppleContainer: container_says,
        Homebrew: BrewState(prefix="/opt/homebrew", works=True),
    }
    result = planned_with(answers, container_engine, **data)
    assert result.failure is None
    return {operation.name: operation for operation in result.operations}


def codes(operation: OperationResult) -> list[str]:
    return [finding.code for finding in operation.findings]


def test_an_engine_that_answers_is_respected_and_nothing_changes() -> None:
    for name in ("colima", "docker-desktop", "orbstack", "podman", "rancher", "docker"):
        result = planned(engine=replace(ANSWERS, name=name))
        assert {operation.status for operation in result.values()} == {"unchanged"}
        assert not any(operation.findings for operation in result.values())


def test_a_bare_mac_gets_colima_with_the_settings_of_its_machine() -> None:
    result = planned(vm_cpus=3, vm_memory=6, vm_disk=80)
    colima, docker = result["install the engine"].commands
    assert " install --formula colima;" in colima
    assert " install --formula docker;" in docker
    start, wait = result["start the engine"].commands
    assert (
        "env PATH=/usr/bin:/bin:/opt/homebrew/bin colima start --cpus 3 --memory 6 --disk 80 "
        "--vm-type vz --mount-type virtiofs &"
    ) in start
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
    name: str, installs: list[str], starts: list[str]
) -> None:
    result = planned(container_engine=name)
    commands = result["install the engine"].commands
    assert [command.split(";")[0].split()[-1] for command in commands] == installs
    *start, wait = result["start the engine"].commands
    assert [command.endswith(words) for command, words in zip(start, starts, strict=True)]
    assert "/info" in wait


def test_an_installed_engine_is_started_rather_than_the_chosen_one_added() -> None:
    desktop = replace(BARE, apps=frozenset({"docker-desktop"}))
    result = planned(state=desktop)
    assert result["install the engine"].status == "unchanged"
    assert result["start the engine"].commands[0] == "open -a Docker"
    (finding,) = result["start the engine"].findings
    assert finding.mend == (
        "Docker Desktop is started. It is installed already; colima is not added to it."
    )


def test_of_several_installed_engines_the_setting_chooses() -> None:
    several = replace(COLIMA, apps=frozenset({"docker-desktop", "orbstack"}))
    assert "colima start" in planned(state=several)["start the engine"].commands[0]
    chosen = planned(state=several, container_engine="orbstack")["start the engine"]
    assert "open -a OrbStack" in chosen.commands[0]
    assert "Docker Desktop could be chosen too" in chosen.findings[0].mend


def test_without_the_chosen_one_the_engine_of_the_users_context_is_started() -> None:
    apps = replace(BARE, apps=frozenset({"docker-desktop", "orbstack"}))
    own = replace(NONE, context="orbstack", reaches="unix:///Users/ada/.orbstack/run/docker.sock")
    assert "OrbStack" in planned(state=apps, engine=own)["start the engine"].commands[0]


@pytest.mark.parametrize("profile", ["Broken", "Running", "Unknown"])
def test_a_half_started_colima_is_stopped_first(profile: str) -> None:
    stop, start, _ = planned(state=replace(COLIMA, profile=profile))["start the engine"].commands
    assert stop == "colima stop --force || true"
    assert "colima start &" in start


def test_a_stopped_colima_is_started_as_it_was_made() -> None:
    result = planned(state=COLIMA, vm_cpus=8)
    assert result["install the engine"].status == "unchanged"
    assert "colima start &" in result["start the engine"].commands[0]
    assert codes(result["start the engine"]) == ["engine.stopped"]


def test_a_running_colima_without_a_client_gets_one_and_is_not_stopped() -> None:
    no_client = replace(COLIMA, profile="Running", programs=frozenset({"colima"}))
    result = planned(state=no_client)
    (install,) = result["install the engine"].commands
    assert " install --formula docker;" in install
    assert not any("stop" in command for command in result["start the engine"].commands)


def test_colima_with_another_runtime_is_left_to_its_user() -> None:
    refusal = planned(state=replace(COLIMA, runtime="containerd"))["start the engine"]
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
def test_podmans_machine_is_made_or_started(machine: str, commands: list[str]) -> None:
    there = frozenset({"podman", "docker"})
    podman = replace(BARE, programs=there, own=there, machine=machine)
    result = planned(state=podman, container_engine="podman")
    started = result["start the engine"].commands[:-1]
    assert len(started) == len(commands)
    assert all(words in command for words, command in zip(commands, started, strict=True))


def test_a_remote_engine_that_does_not_answer_is_a_refusal() -> None:
    remote = replace(NONE, reaches="tcp://10.0.0.9:2375", endpoint="tcp://10.0.0.9:2375")
    refusal = planned(engine=remote, state=COLIMA)["install the engine"]
    assert refusal.status == "refused"
    assert "tcp://10.0.0.9:2375" in refusal.findings[0].seen
    assert "unset DOCKER_HOST" in refusal.findings[0].mend


@pytest.mark.parametrize(
    ("address", "reason", "macos", "code"),
    [
        ("tcp://192.168.64.9:2375", "connect: no route to host", "27.0", "local-network"),
        ("ssh://ada@box.local", "ssh: connect to host: No route to host", "15.0", "local-network"),
        ("tcp://192.168.64.9:2375", "connect: no route to host", "14.7", "elsewhere-unreachable"),
        ("tcp://192.168.64.9:2375", "connection refused", "27.0", "elsewhere-unreachable"),
        ("tcp://9.9.9.9:2375", "connect: no route to host", "27.0", "elsewhere-unreachable"),
    ],
    ids=["address", "ssh", "macos-14", "refused", "internet"],
)
def test_what_macos_keeps_from_the_local_network_is_told_apart(
    address: str, reason: str, macos: str, code: str
) -> None:
    system = replace(MAC_SYSTEM, version=macos)
    remote = replace(NONE, reaches=address, reason=f"error during connect: {reason}")
    refusal = planned(engine=remote, state=COLIMA, system=system)["install the engine"]
    assert codes(refusal) == [f"engine.{code}"]
    assert ("Local Network" in refusal.findings[0].mend) == (code == "local-network")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("running", []),
        (
            "apiserver is not running and not registered with launchd",
            ["engine.apple-container-down"],
        ),
    ],
)
def test_apples_container_is_asked_where_it_keeps_something(said: str, found: list[str]) -> None:
    kept = replace(MAC_SYSTEM, container="/opt/homebrew/bin/container")
    told = planned(engine=ANSWERS, system=kept, container_says=said)["Apple's container"]
    assert codes(told) == found
    assert told.status == "unchanged"


def test_licence_terms_are_said_where_such_an_engine_is_installed() -> None:
    install = planned(container_engine="docker-desktop")["install the engine"]
    assert install.findings[0].code == "engine.licence"
    assert "250 employees" in install.findings[0].seen
    assert install.findings[0].severity == "notice"


def test_a_stale_context_of_colima_is_given_its_address() -> None:
    moved = replace(
        ANSWERS,
        client=(
            "env",
            "DOCKER_HOST=unix:///Users/ada/.config/colima/default/docker.sock",
            "docker",
        ),
        reaches="unix:///Users/ada/.colima/docker.sock",
    )
    (command,) = planned(engine=moved)["docker in your shell"].commands
    assert command.endswith(
        "context update colima --docker host=unix:///Users/ada/.config/colima/default/docker.sock"
    )


def test_a_client_that_the_user_has_set_elsewhere_is_left_alone() -> None:
    elsewhere = replace(
        ANSWERS,
        client=("env", "DOCKER_HOST=unix:///Users/ada/.colima/default/docker.sock", "docker"),
        endpoint="unix:///tmp/old.sock",
        reaches="unix:///tmp/old.sock",
        context="default",
    )
    said = planned(engine=elsewhere)["docker in your shell"]
    assert said.status == "unchanged"
    assert said.findings[0].severity == "notice"
    assert "Unset DOCKER_HOST" in said.findings[0].mend


def test_a_path_with_spaces_stays_one_word() -> None:
    words = Engine(True, ("env", "PATH=/Applications/VMware Fusion.app/bin", "docker")).words
    assert " ".join(words) == "env 'PATH=/Applications/VMware Fusion.app/bin' docker"
