"""A power cut loses what was not yet on the disk; files of ours and of the user's stay whole.

On a real ext4 that loses its cache: while it is mounted, the file behind it holds only what has
been written to the device, and a copy of that is what a machine finds when it starts again. It is
mounted so that a rename by itself brings nothing to the disk: POSIX lets file systems do so.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrapper.engine import Engine
from bootstrapper.journal import Journal
from bootstrapper.record import read_record, write_record
from deploys.build import clone_of
from deploys.changes import Change
from deploys.operations.site import cloned
from deploys.operations.text_block import block
from deploys.settings import Settings
from tests.support import Remembering, evaluate, local_inventory, stage
from tests.unit.test_docker_config import FOUND, planned, state_of

pytestmark = pytest.mark.debian
loses_what_is_not_synced = pytest.mark.fault("power-states", "Debian")

LINES = ["export A=1"]
OWN = "export EDITOR=vi\n"
CONFIG = '{\n\t"auths": {"x.example": {"auth": "c2VjcmV0"}}\n}\n'


class Disk:
    """A file system in a file; `place` is where it is mounted."""

    def __init__(self, folder: Path, life: ExitStack) -> None:
        self._folder, self._life = folder, life
        self._device = folder / "device"
        with self._device.open("wb") as file:
            file.truncate(32 << 20)
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", str(self._device))
        self.place = self._mount(self._device, "noauto_da_alloc,commit=300")
        self._cuts = 0

    def after_a_power_cut(self) -> Path:
        """Where the file system is mounted as it would be found, had the power gone now."""
        self._cuts += 1
        copy = self._folder / f"found-{self._cuts}"
        _run("cp", "--sparse=always", str(self._device), str(copy))
        return self._mount(copy, "")

    def _mount(self, device: Path, options: str) -> Path:
        place = device.with_suffix(".mounted")
        place.mkdir()
        _run("mount", "-o", f"loop,{options}".rstrip(","), str(device), str(place))
        self._life.callback(_run, "umount", "--lazy", str(place))
        return place


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.fail("These tests mount file systems: run them as root.", pytrace=False)
    with ExitStack() as life:
        yield Disk(tmp_path, life)


def test_this_disk_does_lose_what_is_only_in_the_cache(disk: Disk) -> None:
    file = disk.place / "file"
    file.write_text("before")
    os.sync()
    new = disk.place / "new"
    new.write_text("after")
    new.replace(file)
    _bring_names_to_the_disk(disk)
    assert (disk.after_a_power_cut() / "file").read_text() == ""


@loses_what_is_not_synced
def test_what_was_begun_is_in_the_journal_with_the_former_bytes(disk: Disk) -> None:
    journal = Journal(disk.place)
    (first,) = journal.begin("@local", [Change("formula", "colima", {"there": []})])
    journal.end([first], "done")
    journal.begin("@local", [Change("block", "/Users/dev/.zprofile", {}, content=b"secret")])
    found = Journal(disk.after_a_power_cut())
    assert found.damage == ()
    made = {one.change.target: one for one in found.made("@local")}
    assert made["colima"].finished
    assert not made["/Users/dev/.zprofile"].finished
    assert made["/Users/dev/.zprofile"].change.content == b"secret"


@loses_what_is_not_synced
def test_the_record_is_the_old_one_or_the_new_one(disk: Disk) -> None:
    write_record(disk.place, {"run": 1})
    os.sync()
    for run in (2, 3):
        write_record(disk.place, {"run": run})
        record, damage = read_record(disk.after_a_power_cut())
        assert damage == ""
        assert record is not None
        assert record["run"] in (run - 1, run)
    _bring_names_to_the_disk(disk)
    assert read_record(disk.after_a_power_cut())[0] == {"version": 1, "run": 3}


@loses_what_is_not_synced
@pytest.mark.parametrize("before", [None, OWN], ids=["new", "of the user's"])
def test_a_file_with_our_lines_is_whole_before_or_after(disk: Disk, before: str | None) -> None:
    file = disk.place / ".zprofile"
    if before is not None:
        file.write_text(before)
    os.sync()
    with Engine(local_inventory(), Remembering()) as engine:
        wanted = stage(lambda: block(path=str(file), lines=LINES, purpose="tests", name="block"))
        (result,) = engine.evaluate([wanted], apply=True)
    assert result.ok
    _bring_names_to_the_disk(disk)
    found = disk.after_a_power_cut() / ".zprofile"
    assert found.read_text() == file.read_text()
    assert LINES[0] in found.read_text()


@loses_what_is_not_synced
def test_dockers_configuration_is_whole_before_or_after(disk: Disk) -> None:
    file = disk.place / "config.json"
    file.write_text(CONFIG)
    os.sync()
    size = subprocess.run(
        ["sh", "-c", f"cksum <{shlex.quote(str(file))}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    state = replace(state_of(CONFIG, disk.place), sum=size, plugins=FOUND)
    (command,) = planned(state)["plugins"].commands
    _run("sh", "-c", command)
    _bring_names_to_the_disk(disk)
    found = (disk.after_a_power_cut() / "config.json").read_text()
    assert found == file.read_text()
    assert "cliPluginsExtraDirs" in found
    assert "c2VjcmV0" in found


@loses_what_is_not_synced
def test_a_clone_is_whole_or_not_there(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(disk.place))
    origin = disk.place / "origin"
    script = (
        "git init --quiet $1; cd $1; echo one >index.html; git add .; "
        "git -c user.name=a -c user.email=a commit --quiet -m one"
    )
    _run("sh", "-ec", script, "make", str(origin))
    os.sync()
    settings = Settings(blog=f"file://{origin}")
    (result,) = evaluate(lambda: cloned(name="clone", settings=settings), apply=True)
    assert result.ok
    _bring_names_to_the_disk(disk)
    place = clone_of(settings.blog).removeprefix("~/")
    assert (disk.after_a_power_cut() / place / "index.html").read_text() == "one\n"


def _bring_names_to_the_disk(disk: Disk) -> None:
    """As the next line of a journal does, or any program that makes sure of a file of its own."""
    descriptor = os.open(disk.place / "another", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, b"x")
    os.fsync(descriptor)
    os.close(descriptor)
