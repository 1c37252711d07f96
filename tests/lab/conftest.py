"""The simulated Macs of these tests, and the engine that they share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.debian.job import PROJECT
from tests.debian.machine import DebianMachine, Disk
from tests.maclab.disk import bare_layers
from tests.maclab.machine import Mac
from tests.maclab.room import clear, engine_room, forget_stages

from .job import BLOG, CHECKOUT, RUNS, URL, bootstrap, record

Start = Callable[..., Mac]


@pytest.fixture(scope="session")
def room(prepared_disk: Disk, machine_cache: Path) -> Iterator[DebianMachine]:
    """A Debian machine with the engine that answers in all Macs."""
    with engine_room(prepared_disk, machine_cache) as room:
        yield room


@pytest.fixture(scope="session")
def layers(room: DebianMachine, machine_cache: Path) -> Iterator[tuple[Path, ...]]:
    """The disk of a bare Mac whose user has cloned this project and started it once."""
    frozen = machine_cache / "macs" / f"bare-{os.getpid()}"
    with Mac(bare_layers(machine_cache), machine_cache, room) as mac:
        mac.copy_checkout(PROJECT, CHECKOUT)
        mac.run(["cp", "-R", f"{CHECKOUT}/examples/blog", BLOG])
        mac.run(["python3", f"{CHECKOUT}/bootstrap.py", "--help"])
        mac.run(["python3", "-m", "compileall", "-q", CHECKOUT])  # as after the first run
        mac.forget_commands()
        layers = mac.snapshot(frozen)
    yield layers
    shutil.rmtree(frozen)


@pytest.fixture(scope="session")
def first_run_on_a_mac() -> dict[str, Any]:
    """What was seen of the first run; filled by `proved_layers`."""
    return {}


@pytest.fixture(scope="session")
def proved_layers(
    room: DebianMachine,
    layers: tuple[Path, ...],
    machine_cache: Path,
    first_run_on_a_mac: dict[str, Any],
) -> Iterator[tuple[Path, ...]]:
    """The disk of a bare Mac on which the main job has run once. Its engine is off."""
    frozen = machine_cache / "macs" / f"proved-{os.getpid()}"
    seen = first_run_on_a_mac
    clear(room)
    forget_stages(room)
    with Mac(layers, machine_cache, room) as mac:
        for name, arguments in RUNS.items():
            mac.forget_commands()
            seen[name] = bootstrap(mac, *arguments)
            print(seen[name].stdout)
            seen[f"{name} commands"] = mac.commands()
            if name == "run":
                seen["report"] = record(mac)
                seen["answer"] = room.get(URL)
        mac.run(["zsh", "-lc", "colima stop"])
        frozen_layers = mac.snapshot(frozen)
    yield frozen_layers
    shutil.rmtree(frozen)


@pytest.fixture
def proved(start: Start, proved_layers: tuple[Path, ...]) -> Mac:
    """That Mac, switched on again: everything is installed, and no engine runs."""
    return start(on=proved_layers)


@pytest.fixture
def start(room: DebianMachine, layers: tuple[Path, ...], machine_cache: Path) -> Iterator[Start]:
    """Starts Macs of the test's own; `maclab/commands/presets.py` has what they may be."""
    with ExitStack() as stack:

        def begin(*presets: str, on: tuple[Path, ...] = ()) -> Mac:
            clear(room, images=not on)
            mac = stack.enter_context(Mac(on or layers, machine_cache, room))
            mac.prepare(*presets)
            mac.forget_commands()
            return mac

        yield begin
