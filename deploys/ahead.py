"""What each stage is sure to ask of a machine, so that it can be asked side by side.

Only for speed: nothing goes wrong where something is missing here, or is asked in vain. What two
of them need is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyinfra.api import FactBase
from pyinfra.context import host

from deploys.build import (
    CONTAINER,
    REPOSITORY,
    base_images,
    container_engine,
    current_site,
    is_built,
)
from deploys.facts.debian import DpkgPackages
from deploys.facts.docker import BlogImages, BuildStages, ContainerState
from deploys.facts.docker_config import DockerConfig
from deploys.facts.homebrew import Homebrew
from deploys.facts.homebrew_upkeep import HomebrewUpkeep
from deploys.facts.login_shell import LoginShell
from deploys.facts.mac import DeveloperTools, Mac
from deploys.facts.mac_engine_upkeep import ColimaUpkeep
from deploys.facts.machine import ThisMachine, on_a_mac
from deploys.operations.mac_ruby import ruby_state
from deploys.settings import settings

Question = Callable[[], object]


def _of_a_mac(*facts: type[FactBase[Any]]) -> tuple[Question, ...]:
    return tuple(lambda fact=fact: on_a_mac() and host.get_fact(fact) for fact in facts)


def _of_the_engine(fact: type[FactBase[Any]], **arguments: str) -> Question:
    def question() -> None:
        engine = container_engine()
        if engine.answers:
            host.get_fact(fact, client=engine.client, **arguments)

    return question


def _debians_packages() -> None:
    if host.get_fact(ThisMachine).is_debian:
        host.get_fact(DpkgPackages)


def _macs_ruby() -> None:
    if on_a_mac():
        ruby_state(settings())


def _colima() -> None:
    if on_a_mac() and container_engine().name == "colima":
        host.get_fact(ColimaUpkeep)


def _site_and_images() -> None:
    wanted = settings()
    site = current_site(wanted)
    if site:
        is_built(wanted, site, base_images(wanted))


QUESTIONS: Mapping[str, tuple[Question, ...]] = {
    "machine": _of_a_mac(Mac, Homebrew),
    "command_line_tools": _of_a_mac(DeveloperTools, Homebrew),
    "homebrew": _of_a_mac(Homebrew, HomebrewUpkeep),
    "container_engine": (
        container_engine,
        _debians_packages,
        _colima,
        *_of_a_mac(DockerConfig),
    ),
    "ruby": (_debians_packages, _macs_ruby),
    "shell": _of_a_mac(LoginShell),
    "blog": (
        _site_and_images,
        _of_the_engine(ContainerState, container=CONTAINER),
        _of_the_engine(BlogImages, repository=REPOSITORY),
        _of_the_engine(BuildStages),
    ),
}
