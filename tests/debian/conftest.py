"""The machines of the tests on real Debian; their disks are in `tests/conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .job import run
from .machine import DebianMachine, Disk


@pytest.fixture
def machine(bare_disk: Disk, machine_cache: Path) -> Iterator[DebianMachine]:
    """A bare machine of the test's own."""
    with DebianMachine(bare_disk, machine_cache) as machine:
        yield machine


@pytest.fixture
def proved(prepared_disk: Disk, machine_cache: Path) -> Iterator[DebianMachine]:
    """That machine, switched on again, its engine started by another run."""
    with DebianMachine(prepared_disk, machine_cache) as machine:
        run(machine)
        yield machine
