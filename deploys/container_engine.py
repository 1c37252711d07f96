"""Stage: a container engine that answers."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.facts.machine import on_a_mac
from deploys.operations import (
    debian,
    docker_config,
    engine,
    engine_upkeep,
    mac_engine,
    mac_engine_upkeep,
)
from deploys.settings import Settings, settings


@deploy("Container engine")
def container_engine() -> None:
    """Respect an engine that is there; else Debian's own, or on a Mac the chosen one, running."""
    if on_a_mac():
        _on_a_mac(settings())
    else:
        _on_debian(settings())


def _on_debian(wanted: Settings) -> None:
    debian.dpkg_finished(name="finish interrupted installations")
    engine.installed(name="install the engine")
    engine.running(name="start the engine")
    engine_upkeep.renewed(name="the engine that is installed")
    engine.usable_by_user(name="who may use it", join_group=wanted.docker_group)


def _on_a_mac(wanted: Settings) -> None:
    mac_engine_upkeep.apple_container(name="Apple's container")
    docker_config.readable(name="docker's configuration")
    mac_engine.installed(name="install the engine", settings=wanted)
    mac_engine.running(name="start the engine", settings=wanted)
    mac_engine.mended(name="mend the engine", settings=wanted)
    mac_engine_upkeep.rosetta(name="colima's Rosetta")
    mac_engine.reached_by_user(name="docker in your shell")
    docker_config.credentials(name="docker's credential helpers", settings=wanted)
    docker_config.plugins(name="compose and buildx", settings=wanted)
