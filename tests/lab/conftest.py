"""The simulated Macs of these tests, and the engine that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.debian.job import PROJECT
from tests.debian.machine import DebianMachine, Disk
from tests.maclab.disk import bare_layers
from tests.maclab.machine import Mac
from tests.maclab.room import Shelf, clear, engine_room
from tests.shared import made_once

from .job import BLOG, CHECKOUT, RUNS, URL, bootstrap, record

Start = Callable[..., Mac]


class Made(NamedTuple):
    """What the tests start from: read-only disks, and what was seen of the main job's first run."""

    bare: tuple[Path, ...]
    proved: tuple[Path, ...]
    room: Disk
    seen: dict[str, Any]


@pytest.fixture(scope="session")
def made(prepared_disk: Disk, machine_cache: Path) -> Iterator[Made]:
    """A bare Mac, one on which the main job has run once, and the machine with their engine."""

    def make(place: Path) -> dict[str, Any]:
        return _make(prepared_disk, machine_cache, place)

    with made_once(machine_cache, "macs", make) as (place, seen):
        bare = (place / "bare", *bare_layers(machine_cache))
        room = Disk((place / "room/root", *prepared_disk.layers), place / "room/docker")
        yield Made(bare, (place / "proved", *bare), room, seen)


@pytest.fixture(scope="session")
def room(made: Made, machine_cache: Path) -> Iterator[DebianMachine]:
    """The machine with the engine that answers in all Macs, as the first run has left it."""
    with engine_room(made.room, machine_cache) as room:
        yield room


@pytest.fixture(scope="session")
def shelf(room: DebianMachine) -> Shelf:
    """Puts images there, and takes them away."""
    return Shelf(room)


@pytest.fixture(scope="session")
def layers(made: Made) -> tuple[Path, ...]:
    """The disk of a bare Mac whose user has cloned this project and started it once."""
    return made.bare


@pytest.fixture(scope="session")
def proved_layers(made: Made) -> tuple[Path, ...]:
    """The disk of a bare Mac on which the main job has run once. Its engine is off."""
    return made.proved


@pytest.fixture(scope="session")
def first_run_on_a_mac(made: Made) -> dict[str, Any]:
    """What was seen of that run."""
    return made.seen


@pytest.fixture
def proved(start: Start, proved_layers: tuple[Path, ...]) -> Mac:
    """That Mac, switched on again: everything is installed, and no engine runs."""
    return start(on=proved_layers)


@pytest.fixture
def start(
    room: DebianMachine, shelf: Shelf, layers: tuple[Path, ...], machine_cache: Path
) -> Iterator[Start]:
    """Starts Macs of the test's own; `maclab/commands/presets.py` has what they may be."""
    with ExitStack() as stack:

        def begin(*presets: str, on: tuple[Path, ...] = ()) -> Mac:
            shelf.set(pulled=2 if on else 0, built=bool(on))
            mac = stack.enter_context(Mac(on or layers, machine_cache, room))
            mac.prepare(*presets)
            mac.forget_commands()
            return mac

        yield begin


def _make(disk: Disk, cache: Path, place: Path) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    with engine_room(disk, cache) as room:
        clear(room)
        bare = _bare(room, cache, place / "bare")
        with Mac(bare, cache, room) as mac:
            for name, arguments in RUNS.items():
                mac.forget_commands()
                seen[name] = bootstrap(mac, *arguments)
                print(seen[name].stdout)
                seen[f"{name} commands"] = mac.commands()
                if name == "run":
                    seen["report"] = record(mac)
                    seen["answer"] = room.get(URL)
            mac.run(["zsh", "-lc", "colima stop"])
            mac.snapshot(place / "proved")
        room.freeze(place / "room")
    return seen


def _bare(room: DebianMachine, cache: Path, place: Path) -> tuple[Path, ...]:
    """A Mac whose user has cloned this project and started it once."""
    with Mac(bare_layers(cache), cache, room) as mac:
        mac.copy_checkout(PROJECT, CHECKOUT)
        mac.run(["cp", "-R", f"{CHECKOUT}/examples/blog", BLOG])
        mac.run(["python3", f"{CHECKOUT}/bootstrap.py", "--help"])
        # As after the first run, so that those of all tests have not to do it again.
        environments = "/Users/dev/.cache/bootstrapper"
        mac.run(["python3", "-m", "compileall", "-q", CHECKOUT, environments])
        mac.forget_commands()
        return mac.snapshot(place)
