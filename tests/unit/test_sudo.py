"""sudo: one prompt by sudo itself, kept alive, and one line where it cannot be had."""

from __future__ import annotations

import os
from pathlib import Path

import gevent
import pytest

from bootstrapper import sudo
from bootstrapper.sudo import SudoError, sudo_ready


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sudo that has no ticket, grants one when asked, and notes how it was called."""
    log = tmp_path / "calls"
    ticket = tmp_path / "ticket"
    program = tmp_path / "bin" / "sudo"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'printf "%s\\n" "$*" >> {log}\n'
        f'case "$*" in "-v") [ ! -e {tmp_path}/deny ] && touch {ticket} ;;\n'
        f"  *) [ -e {ticket} ] ;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return log


def test_the_user_is_asked_once_and_told_why(
    calls: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with sudo_ready(needed_for="install the engine", can_ask=True):
        pass
    assert calls.read_text().splitlines() == ["-n true", "-v"]
    assert "Root is needed for: install the engine." in capfd.readouterr().out


def test_nobody_is_asked_who_has_a_ticket_already(calls: Path, tmp_path: Path) -> None:
    (tmp_path / "ticket").touch()
    with sudo_ready(needed_for="x", can_ask=True):
        pass
    assert calls.read_text().splitlines() == ["-n true"]


def test_the_ticket_is_kept_alive(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sudo, "REFRESH_SECONDS", 0.01)
    (tmp_path / "ticket").touch()
    with sudo_ready(needed_for="x", can_ask=False), gevent.Timeout(10):
        while "-n -v" not in calls.read_text():
            gevent.sleep(0.01)


@pytest.mark.usefixtures("calls")
def test_without_a_terminal_it_says_what_to_do() -> None:
    with pytest.raises(SudoError, match="run `sudo -v` there first"):
        with_root(can_ask=False)


@pytest.mark.usefixtures("calls")
def test_a_user_without_the_right_is_told_that_nothing_was_changed(tmp_path: Path) -> None:
    (tmp_path / "deny").touch()
    with pytest.raises(SudoError, match="nothing was changed"):
        with_root(can_ask=True)


def test_no_sudo_at_all_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SudoError, match="there is no sudo here"):
        with_root(can_ask=True)


def with_root(*, can_ask: bool) -> None:
    with sudo_ready(needed_for="install the engine", can_ask=can_ask):
        raise AssertionError("root was not granted")
