"""The blog's port on Debian: who holds it, and what is done about it."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.build import CONTAINER
from deploys.facts.docker import (
    Container,
    ContainerState,
    Holder,
    PortHolder,
    Running,
    RunningContainers,
)
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.machine import ThisMachine
from deploys.operations import docker
from deploys.settings import parse_settings
from tests.support import planned_with
from tests.unit.test_debian_stages import LAPTOP

DOCKER = Engine(True, ("sudo", "-n", "docker"), "docker", "20.10.24")
CREATED = Container("created", "sha256:new", "spec", "", (4000,))
PROXY = Holder(291, "docker-proxy")


def planned(
    holder: Holder | None,
    running: Running,
    *,
    engine: Engine = DOCKER,
    container: Container | None = CREATED,
    init: Any = "systemd",
) -> OperationResult:
    answers: dict[type, Any] = {
        ThisMachine: replace(LAPTOP, init=init),
        ContainerEngine: engine,
        ContainerState: container,
        PortHolder: holder,
        RunningContainers: running,
    }
    wanted = parse_settings("laptop", {})
    return planned_with(
        answers, lambda: docker.port_free(name="the port", settings=wanted)
    ).operations[0]


@pytest.mark.parametrize("container", [CREATED, None])
def test_a_port_that_docker_holds_for_nobody_is_released(container: Container | None) -> None:
    result = planned(PROXY, Running(), container=container)
    assert [finding.code for finding in result.findings] == ["blog.port-left"]
    assert result.commands == ("sudo -n systemctl restart docker.service",)


def test_without_an_init_system_the_daemon_is_stopped_and_started() -> None:
    stop, start, wait = planned(PROXY, Running(), init="none").commands
    assert "docker.pid" in stop
    assert "nohup dockerd" in start
    assert "until docker version" in wait


def test_a_restart_that_would_stop_what_is_not_ours_is_left_to_the_user() -> None:
    result = planned(PROXY, Running(all=("db", CONTAINER)))
    (finding,) = result.findings
    assert result.status == "refused"
    assert "others do: db" in finding.seen
    assert "`sudo systemctl restart docker.service`" in finding.mend


def test_a_container_that_has_the_port_is_named() -> None:
    result = planned(PROXY, Running(all=("web",), published=("web",)))
    assert (result.status, result.commands) == ("refused", ())
    assert "port 4000 is held by the container web." in result.findings[0].seen


def test_the_proxy_of_an_engine_elsewhere_is_a_stranger() -> None:
    result = planned(PROXY, Running(), engine=replace(DOCKER, endpoint="context far"))
    assert result.status == "refused"
    assert "docker-proxy (process 291)" in result.findings[0].seen


def test_dockers_proxy_is_known_by_its_words_where_it_is_roots() -> None:
    """As another user, who sees no open file of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        words = ["docker-proxy", "-proto", "tcp", "-host-port", str(port), "-container-port", "80"]
        script = ["sh", "-c", "read -r _", *words]
        with subprocess.Popen(script, stdin=subprocess.PIPE) as proxy:
            asked = ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c"]
            said = subprocess.run(
                [*asked, PortHolder().command(port)], capture_output=True, text=True, check=True
            )
            assert PortHolder().process(said.stdout.splitlines()) == Holder(
                proxy.pid, "docker-proxy"
            )
            proxy.communicate(b"\n")


def test_running_containers_are_read() -> None:
    said = ["all\tweb", "all\tdb", "published\tweb"]
    assert RunningContainers().process(said) == Running(("web", "db"), ("web",))
    assert "--filter publish=4000" in RunningContainers().command(("docker",), 4000)
