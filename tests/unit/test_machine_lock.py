"""One run at a time on a machine: there, by another user, from another computer over SSH."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyinfra.api import Inventory, StringCommand, operation

from bench.fleet import Fleet, fleet
from bootstrapper.engine import Engine
from bootstrapper.inventory import load_inventory
from bootstrapper.machine_lock import only_run_here
from bootstrapper.results import MachineResult
from bootstrapper.run_lock import LockError, myself
from deploys.operations import Commands
from tests.debian.waiting import wait_for
from tests.support import Remembering, stage

PROJECT = Path(__file__).resolve().parents[2]
HERE = """
from bootstrapper.machine_lock import only_run_here
with only_run_here():
    print("held", flush=True)
    sys.stdin.read()
"""
OVER_SSH = """
import sys
from pathlib import Path
from tests.unit.test_machine_lock import over_ssh
with over_ssh(Path(sys.argv[1]), apply=True) as result:
    print(result.failure or "held", flush=True)
    sys.stdin.read()
"""


@operation()
def run(command: str) -> Commands:
    yield StringCommand(command)


@contextmanager
def over_ssh(inventory: Path, *, apply: bool) -> Iterator[MachineResult]:
    """A run that changes a machine over SSH, connected for the length of a `with` block."""
    stages = [stage(lambda: run(command="true", name="change"))]
    machines: Inventory = load_inventory(inventory, {}, ())
    with Engine(machines, Remembering(), me=myself("bootstrap.py apply")) as engine:
        (result,) = (*engine.evaluate(stages, apply=apply), *engine.unreachable)
        yield result


@contextmanager
def another(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is at work until it is killed."""
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def local_run(tmp_path: Path) -> list[str]:
    """The words of a run on this computer, as the front door starts it."""
    program = tmp_path / "a checkout" / "bootstrap.py"
    program.parent.mkdir()
    program.write_text(f"import sys\nsys.path.insert(0, {str(PROJECT)!r})\n{HERE}")
    return [sys.executable, "-I", str(program), "--yes"]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """An inventory of one machine, which is this computer, over SSH."""
    with fleet(tmp_path / "fleet") as machines:
        assert isinstance(machines, Fleet)
        yield machines.inventory(1)


def told(result: MachineResult) -> str:
    assert result.failure is not None
    return f"{result.failure.summary} {result.failure.mend}"


def refusal() -> str:
    with pytest.raises(LockError) as refused, only_run_here():
        pass
    return str(refused.value)


@pytest.mark.parametrize("told_by", ["proc", "ps"])
def test_a_run_of_another_user_of_this_computer_is_named(
    local_run: list[str], monkeypatch: pytest.MonkeyPatch, told_by: str
) -> None:
    """Whoever has another state directory; `tests/debian/test_two_users.py` has two users."""
    if told_by == "ps":
        from bootstrapper import machine_lock

        elsewhere = machine_lock._PROCESSES.replace("/proc/self", "/nonexistent/self")
        monkeypatch.setattr(machine_lock, "_PROCESSES", elsewhere)
    with another(*local_run) as other:
        said = refusal()
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert re.fullmatch(
        rf"Another run is at work on this computer \(.*process {other.pid} of \S+, "
        r"since \w{3} .*\d\d:\d\d.*\)\. Wait for it, or have it stopped with "
        r"Ctrl-C where it runs\.",
        said,
    )
    with only_run_here():
        pass


def test_a_computer_whose_root_takes_no_locks_keeps_nobody_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def flock(*_: object) -> None:
        raise OSError(45, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    with only_run_here():
        pass


@pytest.mark.debian
def test_the_second_run_over_ssh_is_told_whose_the_first_is(machine: Path) -> None:
    with another(sys.executable, "-c", OVER_SSH, str(machine)) as first:
        with over_ssh(machine, apply=True) as second:
            said = told(second)
            assert second.operations == ()
        with over_ssh(machine, apply=False) as looking:
            assert looking.failure is None
        here = refusal()
    for sentence, where in ((said, "machine00"), (here, "this computer")):
        assert re.fullmatch(
            rf"Another run is at work on {where} \(.*bootstrap\.py apply of \S+ "
            rf"\(process {first.pid} on \S+\), since \S+ \S+, over SSH.*\)\. Wait for it, or have "
            r"it stopped with Ctrl-C where it runs\. If that computer is gone: `kill \d+` on this "
            r"one ends it\.",
            sentence,
        ), sentence


@pytest.mark.debian
def test_a_run_over_ssh_that_was_killed_holds_nothing(machine: Path) -> None:
    with another(sys.executable, "-c", OVER_SSH, str(machine)) as first:
        first.kill()
        first.wait()

        def is_free() -> bool:
            with over_ssh(machine, apply=True) as second:
                return second.failure is None

        wait_for(is_free, 10, "the machine to be free")


@pytest.mark.debian
def test_a_run_over_ssh_is_told_of_one_on_the_machine_itself(
    machine: Path, local_run: list[str]
) -> None:
    with another(*local_run) as local, over_ssh(machine, apply=True) as remote:
        assert f"process {local.pid} of " in told(remote)


@pytest.mark.debian
def test_a_machine_without_perl_is_changed_all_the_same(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bootstrapper import machine_lock

    monkeypatch.setattr(machine_lock, "_HOLD_WITH", "no-such-perl")
    with over_ssh(machine, apply=True) as result:
        assert (result.failure, [o.status for o in result.operations]) == (None, ["changed"])
