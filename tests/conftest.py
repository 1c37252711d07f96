"""What the tests on real Debian machines, and those on simulated Macs, start from."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.debian.job import BLOG, HOME, PROJECT, URL, bootstrap, record
from tests.debian.machine import DebianMachine, Disk
from tests.debian.tree import debian_tree
from tests.shared import made_once
from tests.tables import pytest_runtest_makereport, pytest_terminal_summary

__all__ = ["pytest_runtest_makereport", "pytest_terminal_summary"]  # hooks, for all tests

# A suite that was started in the background ignores Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]

_PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "slirp4netns": "slirp4netns",
    "unshare": "util-linux",
    "git": "git",
}


@pytest.fixture(scope="session")
def machine_cache() -> Path:
    """Where trees and downloads are kept from run to run."""
    if os.geteuid() != 0:
        pytest.fail("These tests start Debian machines: run them as root.", pytrace=False)
    missing = sorted(_PROGRAMS[name] for name in _PROGRAMS if not shutil.which(name))
    if missing:
        mend = f"apt-get install {' '.join(missing)}"
        pytest.fail(f"These tests start Debian machines: {mend}", pytrace=False)
    return REPOSITORY / ".cache" / "debian"


@pytest.fixture(scope="session")
def bare_disk(machine_cache: Path) -> Disk:
    """A Debian with Python, git and sudo, and nothing of containers or Ruby."""
    return Disk((debian_tree(machine_cache),))


@pytest.fixture(scope="session")
def proved_once(bare_disk: Disk, machine_cache: Path) -> Iterator[tuple[Disk, dict[str, Any]]]:
    """A machine on which the main job has run, for a copy of the sample site, and what was seen of
    it."""

    def make(place: Path) -> dict[str, Any]:
        return _prove(bare_disk, machine_cache, place / "disk")

    with made_once(machine_cache, "debian", make) as (place, seen):
        disk = place / "disk"
        yield Disk((disk / "root", *bare_disk.layers), disk / "docker"), seen


def _prove(bare_disk: Disk, cache: Path, place: Path) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    with DebianMachine(bare_disk, cache) as machine:
        machine.copy_checkout(PROJECT, HOME)
        machine.run(["cp", "-R", f"{HOME}/examples/blog", BLOG], user="dev")
        seen["plan"] = bootstrap(machine, "plan")
        seen["run"] = bootstrap(machine)
        print(seen["run"].stdout, seen["run"].stderr)
        assert seen["run"].returncode == 0, seen["run"].stderr
        seen["report"] = record(machine)
        seen["again"] = bootstrap(machine)
        seen["plan again"] = bootstrap(machine, "plan")
        seen["answer"] = machine.get(f"{URL}/")
        machine.freeze(place)
    return seen


@pytest.fixture(scope="session")
def prepared_disk(proved_once: tuple[Disk, dict[str, Any]]) -> Disk:
    """The disk of that machine."""
    return proved_once[0]


@pytest.fixture(scope="session")
def first_run(proved_once: tuple[Disk, dict[str, Any]]) -> dict[str, Any]:
    """What was seen of its first run, and of those after it."""
    return proved_once[1]
