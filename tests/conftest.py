"""What the tests on real Debian machines, and those on simulated Macs, start from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.debian.job import BLOG, HOME, PROJECT, URL, bootstrap, record
from tests.debian.machine import DebianMachine, Disk
from tests.debian.tree import debian_tree
from tests.faults.plugin import pytest_runtest_makereport, pytest_terminal_summary

__all__ = ["pytest_runtest_makereport", "pytest_terminal_summary"]  # hooks, for all tests

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
def first_run() -> dict[str, Any]:
    """What the first run said; filled by `prepared_disk`."""
    return {}


@pytest.fixture(scope="session")
def prepared_disk(
    bare_disk: Disk,
    machine_cache: Path,
    first_run: dict[str, Any],
) -> Disk:
    """A machine on which the main job has run once, for a copy of the sample site."""
    with DebianMachine(bare_disk, machine_cache) as machine:
        machine.copy_checkout(PROJECT, HOME)
        machine.run(["cp", "-R", f"{HOME}/examples/blog", BLOG], user="dev")
        first_run["plan"] = bootstrap(machine, "plan")
        first_run["run"] = bootstrap(machine)
        print(first_run["run"].stdout, first_run["run"].stderr)
        assert first_run["run"].returncode == 0, first_run["run"].stderr
        first_run["report"] = record(machine)
        first_run["again"] = bootstrap(machine)
        first_run["plan again"] = bootstrap(machine, "plan")
        first_run["answer"] = machine.get(f"{URL}/")
        return machine.freeze(machine_cache / "machines" / f"proved-{os.getpid()}")
