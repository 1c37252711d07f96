"""Faults at the commands of a first run and of one after an upgrade: one more run ends proved.

`make test` tries one kind at each command that changes something, and some at questions; with
`FAULTS=all`, which is `make faults`, each kind at each of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.debian.machine import DebianMachine
from tests.maclab.machine import Mac
from tests.maclab.room import Shelf

from .conftest import Start
from .faulty import Case, ask, prepare, recover, suffer, switched_on_again, walk
from .job import record
from .test_upgrade_whole import TO_27

pytestmark = pytest.mark.debian

EVERYTHING = os.environ.get("FAULTS") == "all"

# The commands that change something, each by words that it alone has, in the order of the run.
# Uploads are no commands. The first run of a bare Mac:
FIRST = {
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
    "gems": "BUNDLE_GEMFILE=",
    "shell": "Written by the bootstrapper",
    "pull-builder": "docker pull --quiet 127.0.0.1:5055/ruby",
    "pull-server": "docker pull --quiet 127.0.0.1:5055/nginxinc",
    "build": "/build-image.sh /Users/dev/blog",
    "network": "network create",
    "serve": "docker run --detach",
    "serve-answers": "-ge 150",
    "port-answers": "x-build-id: ",
}
# The run after an upgrade of macOS that has broken the tools, and what TO_27 lists:
UPGRADE = {
    "new-tools": "placeholder=/tmp/.com.apple.dt",
    "new-homebrew": "brew update-reset",
    "engine-cleared": "colima stop",
    "engine-starts-again": "colima start",
    "credentials": "config.json.new",
    "ruby-again": "brew reinstall",
    "ruby-loads": "-ropenssl -rpsych",
    "gems-again": "BUNDLE_GEMFILE=",
}
# Questions: simulated commands, and words of their arguments. They change nothing.
QUESTIONS = (
    ("sw_vers", "-productVersion"),
    ("docker", "info"),
    ("shasum", "-a 256"),
    ("docker", "container inspect"),
    ("pkgutil", "--pkg-info"),
    ("docker", "image inspect"),
    ("sysctl", "hw.optional.arm64"),
    ("scutil", "--proxy"),
    ("dscl", "UserShell"),
    ("xcode-select", "-p"),
    ("uname", "-m"),
    ("colima", "status"),
)
# What follows only from a command before it, in the same operation, needs the disk of before that.
STARTS = {"brew-config": "homebrew", "ruby-loads": "ruby-again"}
KINDS = (
    "kill-during", "fail", "power-during", "hang", "kill-before", "disk-full", "power-after",
    "ctrl-c", "network-gone", "kill-after", "power-before", "sudo-expires",
)  # fmt: skip


def chosen(commands: dict[str, str], first: int = 0) -> list[pytest.ParameterSet]:
    """Each command with a kind, going round; or with each."""
    pairs = [
        (name, kind)
        for number, name in enumerate(commands, start=first)
        for kind in (KINDS if EVERYTHING else (KINDS[number % len(KINDS)],))
    ]
    return [
        pytest.param(name, kind, id=f"{name}-{kind}", marks=pytest.mark.fault(kind, "lab"))
        for name, kind in pairs
    ]


def asked() -> list[pytest.ParameterSet]:
    questions = QUESTIONS if EVERYTHING else QUESTIONS[:6]
    pairs = [
        (command, words, kind)
        for number, (command, words) in enumerate(questions)
        for kind in (("fail", "hang") if EVERYTHING else (("fail", "hang")[number % 2],))
    ]
    return [
        pytest.param(c, w, kind, id=f"{c} {w}-{kind}", marks=pytest.mark.fault(kind, "lab"))
        for c, w, kind in pairs
    ]


class Walked(NamedTuple):
    """The disk of a Mac just before each command of a run, and all commands of that run."""

    before: dict[str, tuple[Path, ...]]
    commands: list[str]


@pytest.fixture(scope="module")
def first(
    room: DebianMachine, layers: tuple[Path, ...], machine_cache: Path, shelf: Shelf
) -> Iterator[Walked]:
    shelf.set(pulled=0, built=False)
    with Mac(layers, machine_cache, room) as mac, _walked(mac, FIRST, machine_cache) as walked:
        yield walked


@pytest.fixture(scope="module")
def upgrade(
    room: DebianMachine, proved_layers: tuple[Path, ...], machine_cache: Path, shelf: Shelf
) -> Iterator[Walked]:
    shelf.set(pulled=2, built=True)
    with Mac(proved_layers, machine_cache, room) as mac:
        mac.prepare("lose-power", "broken-tools", *TO_27)
        mac.forget_commands()
        with _walked(mac, UPGRADE, machine_cache) as walked:
            yield walked


@contextmanager
def _walked(mac: Mac, commands: dict[str, str], cache: Path) -> Iterator[Walked]:
    """One whole run, with a copy of the disk before each of the commands."""
    folder = cache / "macs" / f"walked-{os.getpid()}-{next(iter(commands))}"
    before: dict[str, tuple[Path, ...]] = {}
    names = list(commands)

    def take(number: int) -> None:
        before[names[number]] = mac.copy_disk(folder / names[number])

    try:
        prepare(mac)
        walk(mac, list(commands.values()), take)
        (machine,) = record(mac)["machines"]
        changed = [o for o in machine["operations"] if o["status"] == "changed"]
        yield Walked(before, [command for o in changed for command in o["commands"]])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unknown(walked: Walked, commands: dict[str, str]) -> list[str]:
    """The commands of a run that are not among those at which faults are tried."""
    uploads = ("[upload]", "mkdir -p /Users/dev/.cache/bootstrapper/files/")
    return [
        command
        for command in walked.commands
        if not command.startswith(uploads) and not any(w in command for w in commands.values())
    ]


def test_every_command_of_a_first_run_is_among_them(first: Walked) -> None:
    assert unknown(first, FIRST) == []


def test_every_command_after_an_upgrade_is_among_them(upgrade: Walked) -> None:
    assert unknown(upgrade, {**FIRST, **UPGRADE}) == []


@pytest.mark.parametrize(("name", "kind"), chosen(FIRST))
def test_a_first_run_that_was_disturbed_is_ended_by_one_more(
    first: Walked, room: DebianMachine, machine_cache: Path, shelf: Shelf, name: str, kind: str
) -> None:
    names = list(FIRST)
    at = names.index(name)
    pulled = sum(at > names.index(pull) for pull in ("pull-builder", "pull-server"))
    shelf.set(pulled=pulled, built=at > names.index("build"))
    with Mac(first.before[STARTS.get(name, name)], machine_cache, room) as mac:
        if at > 0:
            switched_on_again(mac)
        case = Case(mac, kind, FIRST[name])
        suffer(case)
        recover(case, plan=EVERYTHING)


@pytest.mark.parametrize(("name", "kind"), chosen(UPGRADE, first=3))
def test_an_upgrade_that_was_disturbed_is_mended_by_one_more(
    upgrade: Walked, room: DebianMachine, machine_cache: Path, shelf: Shelf, name: str, kind: str
) -> None:
    shelf.set(pulled=2, built=True)
    with Mac(upgrade.before[STARTS.get(name, name)], machine_cache, room) as mac:
        switched_on_again(mac)
        case = Case(mac, kind, UPGRADE[name])
        suffer(case)
        recover(case, plan=EVERYTHING)


@pytest.mark.parametrize(("command", "words", "kind"), asked())
def test_a_question_without_an_answer_is_said_and_asked_again(
    start: Start, proved_layers: tuple[Path, ...], command: str, words: str, kind: str
) -> None:
    mac = start(on=proved_layers)
    prepare(mac)
    mac.faults({"command": command, "match": words, "happens": kind, "stderr": "no"})
    case = Case(mac, kind, f"{command} {words}")
    ask(case)
    recover(case, plan=EVERYTHING)
