"""Taking back what was done on Debian: facts and the journal in, commands out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.changes import Made
from deploys.facts.debian import AptManual, AptRemoval, DpkgPackages, Packages
from deploys.facts.docker_contents import Contents, EngineContents
from deploys.facts.engine import ContainerEngine, DaemonRuns, Engine
from deploys.facts.machine import GroupMembers, Machine, ThisMachine
from tests.unit.test_debian_stages import LAPTOP
from tests.unit.test_undo import (
    BLOG,
    OURS,
    PULLED,
    THEIRS,
    is_gone,
    is_kept,
    made,
    planned,
    said,
)

DOCKER = made("packages", "docker.io", came=["containerd", "docker.io"])
JEKYLL = made("packages", "jekyll", came=["jekyll", "ruby"])
NEEDS = {"containerd": {"docker.io"}, "ruby": {"jekyll"}}


def on_debian(
    *changes: Made,
    needs: Mapping[str, set[str]] = NEEDS,
    inside: Contents = OURS,
    manual: frozenset[str] = frozenset({"docker.io", "jekyll"}),
    machine: Machine = LAPTOP,
    **more: Any,
) -> dict[str, OperationResult]:
    def removed(names: tuple[str, ...]) -> frozenset[str]:
        return frozenset(names).union(*(needs.get(name, set()) for name in names))

    there = frozenset({"bash", "docker.io", "containerd", "jekyll", "ruby"})
    facts: dict[Any, Any] = {
        ThisMachine: machine,
        ContainerEngine: Engine(True, ("docker",), "docker", "28", daemon=True),
        EngineContents: inside,
        DpkgPackages: Packages(there, interrupted=False, lists_fresh=True),
        AptRemoval: removed,
        AptManual: manual,
        DaemonRuns: more.get("runs", False),
        GroupMembers: more.get("members", ()),
    }
    return planned(*changes, facts=facts)


def words_of(operation: OperationResult) -> list[str]:
    (command,) = operation.commands
    return command.partition(" remove -y ")[2].split()


def test_packages_go_with_those_that_came_with_them() -> None:
    results = on_debian(BLOG, PULLED, JEKYLL, DOCKER)
    assert words_of(results["packages jekyll"]) == ["jekyll", "ruby"]
    assert words_of(results["packages docker.io"]) == ["containerd", "docker.io"]
    assert results["packages jekyll"].commands[0].startswith("sudo -n env DEBIAN_FRONTEND")


def test_a_package_that_something_else_needs_by_now_stays() -> None:
    results = on_debian(JEKYLL, needs={**NEEDS, "ruby": {"jekyll", "vagrant"}})
    assert words_of(results["packages jekyll"]) == ["jekyll"]
    kept = on_debian(JEKYLL, needs={**NEEDS, "jekyll": {"site"}, "ruby": {"jekyll", "site"}})
    assert is_kept(kept["packages jekyll"])
    assert "site needs it" in said(kept["packages jekyll"])


def test_a_package_that_somebody_has_asked_for_since_stays() -> None:
    manual = frozenset({"docker.io", "jekyll", "ruby"})
    assert words_of(on_debian(JEKYLL, manual=manual)["packages jekyll"]) == ["jekyll"]


def test_an_engine_that_holds_something_of_others_stays_installed_and_running() -> None:
    results = on_debian(BLOG, PULLED, made("daemon", "dockerd"), DOCKER, inside=THEIRS, runs=True)
    assert is_kept(results["daemon dockerd"])
    assert is_kept(results["packages docker.io"])
    assert "the container db" in said(results["packages docker.io"])


def test_an_engine_that_was_started_directly_is_stopped() -> None:
    (stop,) = on_debian(BLOG, PULLED, made("daemon", "dockerd"), runs=True)[
        "daemon dockerd"
    ].commands
    assert stop.startswith("sudo -n sh -c")
    assert "/var/run/docker.pid" in stop


@pytest.mark.parametrize(
    ("init", "enabled", "words"),
    [
        ("systemd", False, "systemctl disable --now docker.service"),
        ("systemd", True, "systemctl stop docker.service"),
        ("sysv", False, "service docker stop"),
    ],
)
def test_a_service_of_the_users_that_was_off_is_off_again(
    init: str, enabled: bool, words: str
) -> None:
    service = made("service", "docker", init=init, enabled=enabled)
    stopped = on_debian(BLOG, PULLED, service, runs=True)["service docker"]
    (command,) = stopped.commands
    assert words in command
    assert stopped.uses_sudo
    assert is_kept(on_debian(BLOG, PULLED, service, inside=THEIRS, runs=True)["service docker"])
    assert is_gone(on_debian(service, DOCKER, runs=True)["service docker"])


def test_the_group_is_left_by_the_user_who_joined_it() -> None:
    joined = made("group", "docker", user="ada")
    assert on_debian(joined, members=("ada", "eve"))["group docker"].commands == (
        "sudo -n gpasswd --delete ada docker",
    )
    assert is_gone(on_debian(joined, members=("eve",))["group docker"])
