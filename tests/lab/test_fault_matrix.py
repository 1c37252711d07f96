"""Faults at the commands of a first run: one more plain run ends proved, whatever has happened.

`make test` tries one kind at each command that changes something, and some at questions; with
`FAULTS=all`, which is `make faults`, each kind at each of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.debian.machine import DebianMachine
from tests.maclab.machine import Mac

from .faulty import Case, Shelf, prepare, recover, suffer, walk
from .job import record

pytestmark = pytest.mark.debian

EVERYTHING = os.environ.get("FAULTS") == "all"

# The commands of a bare Mac's first run that change something, each by words that it alone has.
# They stand in the order of the run; uploads are one, since they are alike.
CHANGES = {
    "tools": "placeholder=/tmp/.com.apple.dt",
    "sudo": "sudo -n -v",
    "homebrew": "homebrew-installer.XXXXXX",
    "brew-config": "/opt/homebrew/bin/brew config",
    "colima": "brew install --formula colima;",
    "docker": "brew install --formula docker;",
    "engine-start": "colima start --cpus",
    "engine-answers": "end=$(($(date +%s) + 60))",
    "compose": "brew install --formula docker-compose;",
    "buildx": "brew install --formula docker-buildx;",
    "docker-config": "config.json.new",
    "ruby": "brew install --formula ruby@3.4;",
    "gems-folder": "mkdir -p /Users/dev/.cache/bootstrapper/files/",
    "gems-upload": "/site-gems.sh",
    "gems": "BUNDLE_GEMFILE=",
    "shell": "Written by the bootstrapper",
    "pull-builder": "docker pull --quiet 127.0.0.1:5055/ruby",
    "pull-server": "docker pull --quiet 127.0.0.1:5055/nginxinc",
    "build-upload": "/Dockerfile",
    "build": "/build-image.sh /Users/dev/blog",
    "serve": "docker run --detach",
    "serve-answers": "-ge 150",
    "port-answers": "x-build-id: ",
}
NAMES = list(CHANGES)
KINDS = (
    "kill-during", "fail", "power-during", "hang", "kill-before", "disk-full", "power-after",
    "ctrl-c", "network-gone", "kill-after", "power-before", "sudo-expires",
)  # fmt: skip


def chosen() -> list[pytest.ParameterSet]:
    """Each command with a kind, going round; or with each."""
    pairs = [
        (name, kind)
        for number, name in enumerate(NAMES)
        for kind in (KINDS if EVERYTHING else (KINDS[number % len(KINDS)],))
    ]
    return [
        pytest.param(name, kind, id=f"{name}-{kind}", marks=pytest.mark.fault(kind, "lab"))
        for name, kind in pairs
    ]


class Walked(NamedTuple):
    """The disk of a Mac just before each command of its first run, and what was done in all."""

    before: dict[str, tuple[Path, ...]]
    commands: list[str]


@pytest.fixture(scope="module")
def shelf(room: DebianMachine) -> Iterator[Shelf]:
    shelf = Shelf(room)
    yield shelf
    shelf.clear()


@pytest.fixture(scope="module")
def walked(
    room: DebianMachine, layers: tuple[Path, ...], machine_cache: Path, shelf: Shelf
) -> Iterator[Walked]:
    """One whole first run, with a copy of the disk before each of the commands."""
    folder = machine_cache / "macs" / f"walked-{os.getpid()}"
    before: dict[str, tuple[Path, ...]] = {}
    shelf.set(pulled=0, built=False)
    with Mac(layers, machine_cache, room) as mac:
        prepare(mac)

        def take(number: int) -> None:
            name = NAMES[number]
            before[name] = mac.copy_disk(folder / name)

        walk(mac, list(CHANGES.values()), take)
        (machine,) = record(mac)["machines"]
    shelf.keep()
    commands = [c for o in machine["operations"] if o["status"] == "changed" for c in o["commands"]]
    yield Walked(before, commands)
    shutil.rmtree(folder)


def test_every_command_that_changes_something_is_among_them(walked: Walked) -> None:
    def known(command: str) -> bool:
        upload = command.startswith("[upload]")
        return upload or any(words in command for words in CHANGES.values())

    assert [command for command in walked.commands if not known(command)] == []


@pytest.mark.parametrize(("name", "kind"), chosen())
def test_one_more_run_ends_proved(
    walked: Walked, room: DebianMachine, machine_cache: Path, shelf: Shelf, name: str, kind: str
) -> None:
    at = NAMES.index(name)
    pulled = sum(at > NAMES.index(pull) for pull in ("pull-builder", "pull-server"))
    shelf.set(pulled=pulled, built=at > NAMES.index("build"))
    with Mac(walked.before[name], machine_cache, room) as mac:
        if at > 0:
            mac.prepare("lose-power")
        case = Case(mac, kind, CHANGES[name])
        suffer(case)
        recover(case, plan=EVERYTHING)
