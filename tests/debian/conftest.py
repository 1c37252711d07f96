"""What the tests on a real Debian machine start from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import DebianMachine, Disk
from .tree import debian_tree

REPOSITORY = Path(__file__).resolve().parents[2]

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


@pytest.fixture
def machine(bare_disk: Disk, machine_cache: Path) -> Iterator[DebianMachine]:
    """A bare machine of the test's own."""
    with DebianMachine(bare_disk, machine_cache) as machine:
        yield machine
