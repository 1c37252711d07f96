"""Commands on this machine: any bytes, real time limits, nothing left behind, no hanging."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from gevent import monkey
from pyinfra.api import FileUploadCommand, StringCommand, operation
from pyinfra.connectors.sshuserclient.config import SSHConfig
from pyinfra.context import host

from bootstrapper.engine import Engine
from deploys.operations import Commands
from tests.debian.waiting import wait_for
from tests.support import Remembering, evaluate, local_inventory, stage


@operation()
def run(command: str, **options: Any) -> Commands:
    yield StringCommand(command, **options)


@operation()
def upload(source: str, target: str) -> Generator[FileUploadCommand, None, None]:
    yield FileUploadCommand(source, target)


def test_bytes_that_are_not_utf8_do_not_cut_the_output_short() -> None:
    observer = Remembering()
    evaluate(
        lambda: run(command=r"printf 'a\n\377\376\nlast\n'", name="bytes"),
        apply=True,
        observer=observer,
    )
    assert [event[2] for event in observer.events if event[0] == "output"] == [
        "a",
        "��",
        "last",
    ]


def test_a_time_limit_ends_the_command_and_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = f"sh -c 'echo $$ > {pid_file}; exec sleep 60' & wait"
    (result,) = evaluate(lambda: run(command=command, name="hang", _timeout=1), apply=True)
    failure = result.operations[0].failure
    assert failure is not None
    assert "no end after 1 seconds" in failure.output[0]
    pid = int(pid_file.read_text())
    wait_for(lambda: not _alive(pid), 5, "the child to end")  # killed, it still has to die


def test_a_child_left_in_the_background_does_not_hold_the_run_up() -> None:
    started = time.monotonic()
    (result,) = evaluate(lambda: run(command="sleep 30 & echo done", name="background"), apply=True)
    assert result.operations[0].status == "changed"
    assert time.monotonic() - started < 10


def test_progress_that_overwrites_its_line_is_seen_as_lines() -> None:
    observer = Remembering()
    evaluate(
        lambda: run(command=r"printf '10%%\r50%%\r100%%\n'", name="bar"),
        apply=True,
        observer=observer,
    )
    lines = [event[2] for event in observer.events if event[0] == "output"]
    assert lines == ["10%", "50%", "100%"]


def test_standard_input_is_empty_unless_given() -> None:
    (result,) = evaluate(lambda: run(command='test -z "$(cat)"', name="reads"), apply=True)
    assert result.operations[0].status == "changed"


def test_no_password_and_no_askpass_reach_a_command(tmp_path: Path) -> None:
    target = tmp_path / "environment"
    with Engine(local_inventory(), Remembering()) as engine:
        engine.evaluate([stage(lambda: run(command=f"env > {target}", name="env"))], apply=True)
    told = target.read_text()
    assert "PYINFRA_SUDO_PASSWORD" not in told
    assert "SUDO_ASKPASS" not in told


def test_processes_are_the_standard_librarys_own() -> None:
    """pyinfra's command line package would replace them by gevent's, which fork in Python."""
    import bootstrapper.inventory  # noqa: F401 (imports that package)

    assert subprocess.Popen.__module__ == "subprocess"
    assert not monkey.is_module_patched("subprocess")
    assert monkey.is_module_patched("socket")


def test_an_upload_goes_straight_to_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, scratch = (tmp_path / name for name in ("source", "ta rget", "scratch"))
    source.write_bytes(b"\377 new")
    target.write_bytes(b"longer than what is new")
    target.chmod(0o640)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))  # not there: nothing goes through it

    def uploaded(to: Path) -> str:
        (result,) = evaluate(
            lambda: upload(source=str(source), target=str(to), name="upload"), apply=True
        )
        return result.operations[0].status

    for path in (target, tmp_path / "fresh"):
        assert uploaded(path) == "changed"
        assert path.read_bytes() == b"\377 new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o600
    assert uploaded(tmp_path / "no" / "where") == "failed"


def test_the_connector_in_use_is_the_mended_one() -> None:
    seen: list[str] = []
    evaluate(lambda: seen.append(type(host.connector).__name__), apply=False)
    assert seen == ["LocalMachine"]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


@pytest.mark.parametrize(("command", "user"), [("test -d /", "ada"), ("exit 3", None)])
def test_match_exec_of_sshs_configuration_is_asked(
    command: str, user: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHELL", raising=False)
    file = tmp_path / "config"
    file.write_text(f'Match exec "{command}"\n  User ada\n')
    config = SSHConfig()
    with file.open() as lines:
        config.parse(lines)
    assert config.lookup("machine").get("user") == user
