"""Stage: a container engine that answers."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.operations import debian, engine
from deploys.settings import settings


@deploy("Container engine")
def container_engine() -> None:
    """Respect an engine that is there; else Debian's own, running."""
    debian.dpkg_finished(name="finish interrupted installations")
    engine.installed(name="install the engine")
    engine.running(name="start the engine")
    engine.usable_by_user(name="who may use it", join_group=settings().docker_group)
