"""A full disk, a real one: nothing is half written, and what was there stays."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bootstrapper.engine import Engine
from bootstrapper.journal import Journal, NotWritten
from bootstrapper.log import RunLog
from bootstrapper.record import read_record, write_record
from bootstrapper.run_lock import only_run
from deploys.changes import Change
from deploys.operations.text_block import block
from tests.support import LOCAL, Remembering, local_inventory, stage
from tests.unit.test_cli import bootstrap

pytestmark = pytest.mark.debian

CHANGE = Change("formula", "colima", {"there": []})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few pages."""
    if os.geteuid() != 0:
        pytest.fail("These tests mount file systems: run them as root.", pytrace=False)
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "small", str(place)]
    subprocess.run(mount, check=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room; the file that takes it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return filler


def test_a_run_can_begin_and_its_log_does_not_end_it(disk: Path) -> None:
    log = RunLog(disk / "log")
    fill(disk)
    with only_run(disk, "bootstrap.py"):
        log.write("more " * 5000)


def test_the_record_of_before_stays(disk: Path) -> None:
    write_record(disk, {"run": 1})
    filler = fill(disk)
    with pytest.raises(OSError, match="No space left"):
        write_record(disk, {"run": 2, "more": "x" * 5000})
    assert read_record(disk) == ({"version": 1, "run": 1}, "")
    assert sorted(path.name for path in disk.iterdir()) == ["filler", "record.json"]
    filler.unlink()
    write_record(disk, {"run": 3})
    assert read_record(disk) == ({"version": 1, "run": 3}, "")


def test_what_cannot_be_written_down_is_not_done(disk: Path) -> None:
    journal = Journal(disk)
    journal.begin("@local", [CHANGE])
    filler = fill(disk)
    done = []
    many = [CHANGE] * 100
    with pytest.raises(NotWritten), journal.recording("@local", many):
        done.append("it")
    assert done == []
    filler.unlink()
    with journal.recording("@local", [CHANGE]):
        pass
    assert Journal(disk).damage == ()
    assert len(Journal(disk).made("@local")[0].entries) == 2


def test_what_an_undo_cannot_write_down_is_said(disk: Path) -> None:
    state = disk / "bootstrapper"
    state.mkdir()
    untaken = [Change("left", f"thing {number}", {"why": "of this."}) for number in range(100)]
    Journal(state).begin(LOCAL, untaken)
    filler = fill(disk)
    answer = bootstrap("undo", state=disk)
    assert answer.returncode == 0, answer.stderr
    assert "Make room there, and run `undo` again" in " ".join(answer.stderr.split())
    filler.unlink()
    assert "could not" not in bootstrap("undo", state=disk).stderr
    assert Journal(state).made(LOCAL) == ()


@pytest.mark.parametrize("before", [None, "export EDITOR=vi\n" * 500], ids=["new", "the user's"])
def test_a_file_of_the_users_is_as_it_was(disk: Path, before: str | None) -> None:
    file = disk / ".zprofile"
    if before:
        file.write_text(before)
    filler = fill(disk)
    lines = ["export A=1" * 500]

    def apply() -> bool:
        with Engine(local_inventory(), Remembering()) as engine:
            wanted = stage(
                lambda: block(path=str(file), lines=lines, purpose="tests", name="block")
            )
            (result,) = engine.evaluate([wanted], apply=True)
        return result.ok

    assert not apply()
    assert (file.read_text() if file.exists() else None) == before
    assert list(disk.glob(".zprofile?*")) == []
    filler.unlink()
    assert apply()
    assert lines[0] in file.read_text()
