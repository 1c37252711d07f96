"""One run at a time: who holds the lock, since when, whether it lives; the dead are taken over."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootstrapper.run_lock import NAME, LockError, only_run, started
from tests.debian.waiting import wait_for
from tests.unit.test_cli import bootstrap

PROJECT = Path(__file__).resolve().parents[2]
HOLD = """
import pathlib, subprocess, sys
from bootstrapper.run_lock import only_run
with only_run(pathlib.Path(sys.argv[1]), "bootstrap.py apply") as said:
    print(f"held {said}", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_run(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its input ends."""
    words = [sys.executable, "-c", HOLD, str(directory)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("held")
        yield process
        process.kill()


def refusal(directory: Path) -> str:
    with pytest.raises(LockError) as error, only_run(directory, "bootstrap.py apply"):
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_second_says_who_holds_it_since_when_and_that_it_is_alive(tmp_path: Path) -> None:
    with another_run(tmp_path) as other:
        said = refusal(tmp_path)
    assert re.match(
        rf"Another run is at work: bootstrap.py apply of \S+ \(process {other.pid} on \S+\), "
        r"since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\. It is alive: wait for it",
        said,
    )


def test_a_killed_run_is_taken_over_and_said(tmp_path: Path) -> None:
    with another_run(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        with only_run(tmp_path, "bootstrap.py apply") as said:
            assert f"(process {other.pid} on " in said
            assert said.endswith("was killed; its lock is taken over.")
            assert refusal(tmp_path).startswith("Another run is at work: bootstrap.py apply")


def test_a_run_that_came_to_its_end_is_not_mentioned(tmp_path: Path) -> None:
    for _ in range(2):
        with only_run(tmp_path, "bootstrap.py apply") as said:
            assert said == ""
    with pytest.raises(KeyboardInterrupt), only_run(tmp_path, "bootstrap.py apply"):
        raise KeyboardInterrupt
    with only_run(tmp_path, "bootstrap.py apply") as said:
        assert said == ""


@pytest.mark.parametrize(
    "other", ["another start of the computer", "another process of that number"]
)
def test_a_number_that_was_given_again_is_not_taken_for_the_holder(
    tmp_path: Path, other: str
) -> None:
    """The lock is held, and names a process number that somebody else has by now."""
    boot, _, ticks = started(os.getpid()).partition(" ")
    recycled = f"{boot} {int(ticks) - 1}" if "process" in other else f"another-boot {ticks}"
    with another_run(tmp_path):
        named = json.loads((tmp_path / NAME).read_text())
        told = {**named, "pid": os.getpid(), "started": recycled}
        (tmp_path / NAME).write_text(json.dumps(told))
        said = refusal(tmp_path)
    assert "That process is dead, and something that it left behind holds the lock" in said
    assert f"`lsof '{tmp_path / NAME}'` says what" in said


def test_what_a_killed_run_left_behind_is_no_living_holder(tmp_path: Path) -> None:
    with another_run(tmp_path) as other, (tmp_path / NAME).open() as file:
        named = (tmp_path / NAME).read_text()
        other.send_signal(signal.SIGKILL)
        other.wait()
        fcntl.flock(file, fcntl.LOCK_EX)  # as a child of its would, that has the open file
        assert (tmp_path / NAME).read_text() == named
        assert "That process is dead" in refusal(tmp_path)


def test_a_holder_on_another_computer_is_not_judged_from_here(tmp_path: Path) -> None:
    with another_run(tmp_path):
        named = json.loads((tmp_path / NAME).read_text())
        told = {**named, "pid": 4_194_000, "host": "elsewhere"}
        (tmp_path / NAME).write_text(json.dumps(told))
        said = refusal(tmp_path)
    assert "on elsewhere), since" in said
    assert "Whether it is alive can be seen there only" in said


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\0", b"[]", b'{"pid": 1}', b'{"pid": []}'])
def test_a_damaged_lock_is_no_matter(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / NAME).write_bytes(damage)
    with only_run(tmp_path, "bootstrap.py apply") as said:
        assert said == ""
    with another_run(tmp_path):
        (tmp_path / NAME).write_bytes(damage)
        assert "does not say which; `lsof '" in refusal(tmp_path)


@pytest.mark.parametrize("kind", ["link", "directory", "pipe"])
def test_what_is_no_file_is_one_line_and_left_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "state"
    place.mkdir()
    (tmp_path / "elsewhere").write_text("not ours")
    if kind == "link":
        (place / NAME).symlink_to(tmp_path / "elsewhere")
    elif kind == "directory":
        (place / NAME).mkdir()
    else:
        os.mkfifo(place / NAME)
    assert "remove it, or give it back to yourself" in refusal(place)
    assert (tmp_path / "elsewhere").read_text() == "not ours"


@pytest.mark.parametrize("words", [(), ("update",), ("undo",)], ids=str)
def test_every_command_that_changes_something_waits_for_the_other(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    state = tmp_path / "bootstrapper"
    state.mkdir()
    with another_run(state) as other:
        answer = bootstrap(*words, "--yes", state=tmp_path)
        assert answer.returncode == 1
        assert f"(process {other.pid} on " in " ".join(answer.stderr.split())
        assert bootstrap("undo", "--plan", state=tmp_path).returncode == 0


def test_the_lock_is_private(tmp_path: Path) -> None:
    (tmp_path / NAME).touch(mode=0o644)
    with only_run(tmp_path, "bootstrap.py apply"):
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_a_file_system_without_locks_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert "No locks available; locks do not work there" in refusal(tmp_path)


def test_ps_tells_the_start_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a Mac: ps(1) of both systems has `lstart`."""
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda p: exists(p) and not p.is_relative_to("/proc"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    told = started(os.getpid())
    assert re.fullmatch(r"\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}", told)
    monkeypatch.setenv("TZ", "America/New_York")
    assert started(os.getpid()) == told
    with subprocess.Popen(["sleep", "60"]) as gone:
        gone.kill()
    wait_for(lambda: started(gone.pid) == "", 5, "the process to be gone")
