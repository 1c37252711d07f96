"""The record: whole or not at all, never fatal, for its user alone."""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from bootstrapper.record import (
    KEPT_LOGS,
    RecordError,
    new_log,
    private,
    read_record,
    state_directory,
    write_record,
)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return state_directory()


def test_what_is_written_is_read(directory: Path) -> None:
    write_record(directory, {"report": {"ok": True}})
    record, damage = read_record(directory)
    assert record == {"version": 1, "report": {"ok": True}}
    assert damage == ""


def test_the_record_is_private_and_leaves_no_temporary_file(directory: Path) -> None:
    write_record(directory, {})
    assert stat.S_IMODE((directory / "record.json").stat().st_mode) == 0o600
    assert {path.name for path in directory.iterdir()} == {"logs", "record.json"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99}', "\0\0\0"])
def test_a_damaged_record_is_set_aside_and_said(directory: Path, text: str) -> None:
    (directory / "record.json").write_text(text)
    record, damage = read_record(directory)
    assert record is None
    assert "was damaged" in damage
    assert next(directory.glob("record-damaged-*")).read_text() == text
    assert read_record(directory) == (None, "")


def test_a_failed_write_leaves_the_last_record_as_it_was(directory: Path) -> None:
    write_record(directory, {"run": 1})
    with pytest.raises(TypeError):
        write_record(directory, {"run": object()})
    assert read_record(directory)[0] == {"version": 1, "run": 1}


def test_old_logs_are_removed(directory: Path) -> None:
    for number in range(KEPT_LOGS + 5):
        new_log(directory, datetime(2026, 1, 1 + number)).write_text("x")
    assert len(list((directory / "logs").glob("*.log"))) == KEPT_LOGS


def test_a_directory_that_cannot_be_made_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(RecordError, match="make it writable, or set XDG_STATE_HOME"):
        state_directory()


def test_the_directory_is_private_though_it_was_not(directory: Path) -> None:
    directory.chmod(0o755)
    assert stat.S_IMODE(state_directory().stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "logs").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a directory away")
def test_a_directory_of_another_user_is_one_line(directory: Path) -> None:
    os.chown(directory, 12345, 12345)
    with pytest.raises(RecordError, match="belongs to another user; give it back to yourself"):
        state_directory()


def test_what_else_is_kept_is_private_and_no_link(tmp_path: Path) -> None:
    """The locks of previews, the ledgers of comparisons; those of earlier versions, too."""
    (tmp_path / "old").touch(mode=0o644)
    for name in ("old", "new"):
        with private(tmp_path / name) as file:
            file.write("x")
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        private(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a directory away")
def test_root_with_a_users_home_leaves_nothing_of_its_own_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `sudo` on macOS has it: the user's next run could not write there."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    users, roots = tmp_path / "user", tmp_path / "root"
    for home in (users, roots):
        home.mkdir()
    os.chown(users, 12345, 12345)
    monkeypatch.setenv("HOME", str(users))
    monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_dir=str(roots)))
    assert state_directory() == roots / ".local/state/bootstrapper"
    assert list(users.iterdir()) == []
