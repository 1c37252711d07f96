"""Macs without an engine, on which the user's choice is installed, started and proved."""

from __future__ import annotations

import pytest

from .conftest import Start
from .job import bootstrap
from .test_what_is_there import READY, installed, unchanged

pytestmark = pytest.mark.debian


@pytest.mark.parametrize("engine", ["docker-desktop", "orbstack", "podman", "rancher"])
def test_the_engine_that_was_chosen_serves_the_blog(start: Start, engine: str) -> None:
    mac = start(*READY)
    run = bootstrap(mac, "--set", f"container_engine={engine}")
    assert run.returncode == 0, run.stdout
    assert "Proved" in run.stdout
    assert engine in installed(mac)
    assert "colima" not in installed(mac)
    assert unchanged(mac)  # without the setting, too: what is there is kept
