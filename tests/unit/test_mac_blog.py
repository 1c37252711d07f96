"""The blog's container on a Mac: its port, and where its base images come from."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.build import CONTAINER
from deploys.facts.docker import (
    Answer,
    Container,
    ContainerState,
    Holder,
    Images,
    OwnNetworks,
    PortHolder,
    RegistryAnswer,
)
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.machine import ThisMachine
from deploys.facts.site import Site, SiteSource
from deploys.operations import docker, images
from deploys.settings import parse_settings
from tests.support import planned_with
from tests.unit.test_mac_engine import ANSWERS, MAC

SITE = Site("/Users/ada/blog", "0" * 64, is_jekyll=True)
SERVING = Container("running", "sha256:old", "other settings", "healthy", (4000,))
LSOF = """COMMAND   PID USER   FD   TYPE             DEVICE SIZE/OFF NODE NAME
ControlCe 514 user   31u  IPv4 0x9701b8e195665313      0t0  TCP *:5000 (LISTEN)
ControlCe 514 user   32u  IPv6 0x9701b8e195665314      0t0  TCP *:5000 (LISTEN)
"""


def planned(
    operation: Callable[..., object],
    *,
    engine: Engine = ANSWERS,
    container: Container | None = None,
    holder: Holder | None = None,
    refusal: str = "",
    networks: tuple[str, ...] = (),
    **data: object,
) -> OperationResult:
    """Evaluates one operation of the blog on a Mac."""
    wanted = parse_settings("laptop", data)
    answers: dict[type, Any] = {
        ThisMachine: MAC,
        ContainerEngine: engine,
        ContainerState: container,
        PortHolder: holder,
        Images: {},
        OwnNetworks: networks,
        RegistryAnswer: Answer(refusal),
        SiteSource: SITE,
    }
    result = planned_with(answers, lambda: operation(name="it", settings=wanted))
    return result.operations[0]


def test_airplay_receiver_is_named_with_the_switch_for_it() -> None:
    refusal = planned(docker.port_free, holder=Holder(514, "ControlCe"), blog_port=5000)
    assert refusal.status == "refused"
    assert "AirPlay Receiver" in refusal.findings[0].seen
    assert "AirDrop & Handoff" in refusal.findings[0].mend


@pytest.mark.parametrize("program", ["ssh", "limactl"])
def test_the_virtual_machines_own_listener_is_no_stranger(program: str) -> None:
    own = planned(docker.port_free, container=SERVING, holder=Holder(7, program))
    assert own.status == "unchanged"


def test_the_same_program_on_another_port_is_a_stranger() -> None:
    tunnel = planned(docker.port_free, container=SERVING, holder=Holder(7, "ssh"), blog_port=4001)
    assert tunnel.status == "refused"


def test_who_holds_a_port_is_read_from_lsof(tmp_path: Path) -> None:
    (tmp_path / "awk").symlink_to(shutil.which("awk") or "awk")
    for name, says in (("lsof", LSOF), ("uname", "Darwin")):
        program = tmp_path / name
        program.write_text(f"#!{shutil.which('sh')}\necho '{says}'\n")
        program.chmod(0o755)
    script = PortHolder().command(5000)
    done = subprocess.run(
        ["/bin/sh", "-c", script.replace("/usr/sbin", "/nonexistent")],
        env={"PATH": f"{tmp_path}:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert PortHolder().process(done.stdout.splitlines()) == Holder(514, "ControlCe")


def test_on_a_mac_the_port_itself_has_to_answer_with_this_build() -> None:
    *_, inside, outside = planned(docker.serving).commands
    assert f"exec {CONTAINER}" in inside
    assert "http://127.0.0.1:4000$path" in outside
    assert "x-build-id" in outside
    assert "--noproxy" in outside


def test_a_network_of_its_own_is_made_once_before_the_old_container_goes() -> None:
    first, removed, *_ = planned(docker.serving, container=SERVING).commands
    assert "network create --opt com.docker.network.bridge.enable_ip_masquerade=false" in first
    assert "rm --force" in removed
    again = planned(docker.serving, container=SERVING, networks=(CONTAINER,)).commands
    assert not [command for command in again if "network create" in command]
    assert [command for command in again if f"--network {CONTAINER}" in command]


def test_elsewhere_the_wait_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tests.unit.test_mac_blog.MAC", replace(MAC, kernel="Linux", os_id="debian")
    )
    assert not any("x-build-id" in command for command in planned(docker.serving).commands)


@pytest.mark.parametrize("origin", ["auto", "registry"])
def test_on_a_mac_base_images_are_pulled(origin: str) -> None:
    pulled = planned(images.bases, base_images=origin, refusal="")
    assert [command.split()[:2] for command in pulled.commands] == [["docker", "pull"]] * 2


@pytest.mark.parametrize("origin", ["auto", "registry"])
def test_a_registry_that_does_not_answer_is_a_refusal_with_the_ways_out(origin: str) -> None:
    refusal = planned(images.bases, base_images=origin, refusal="i/o timeout")
    assert refusal.status == "refused"
    assert "i/o timeout" in refusal.findings[0].seen
    for way in ("https_proxy", "registry_mirror", "docker login"):
        assert way in refusal.findings[0].mend


def test_without_an_engine_yet_the_plan_is_to_pull() -> None:
    bare = Engine(False, ("docker",), reason="no container engine is installed")
    assert len(planned(images.bases, engine=bare, refusal="never asked").commands) == 2


def test_packages_are_no_source_of_base_images_on_a_mac() -> None:
    refusal = planned(images.bases, base_images="packages")
    assert refusal.status == "refused"
    assert "'registry'" in refusal.findings[0].mend


def test_a_client_whose_path_has_spaces_is_quoted_in_every_command() -> None:
    client = ("env", "PATH=/Applications/VMware Fusion.app:/bin", "docker")
    engine = replace(ANSWERS, client=client)
    quoted = "env 'PATH=/Applications/VMware Fusion.app:/bin' docker"
    assert all(
        command.startswith(quoted) for command in planned(images.bases, engine=engine).commands
    )
    serving = planned(docker.serving, engine=engine, container=SERVING).commands
    assert all(command.startswith(quoted) for command in serving[:2])
