"""Questions asked side by side: earlier, never twice, and nobody notices those asked in vain."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gevent
import pytest
from pyinfra.api import FactBase, StringCommand, operation
from pyinfra.context import host
from typing_extensions import override

from bootstrapper.answers import ASKED_AT_ONCE
from bootstrapper.engine import Engine, Interrupted
from bootstrapper.interrupts import interrupted_by
from bootstrapper.stages import STAGES
from deploys import ahead
from deploys.operations import Commands
from tests.support import Broken, FunctionStage, Remembering, local_inventory

WAITS = "i=0; while [ ! -e {other} ] && [ $i -lt 500 ]; do sleep 0.01; i=$((i+1)); done"


class Meeting(FactBase[str]):
    """Whether another question was being asked while this one was."""

    def command(self, mine: str, other: str) -> str:
        return f"echo asked >> {mine}; {WAITS.format(other=other)}; ls {other} || echo alone"


class Endless(FactBase[str]):
    def command(self, path: str) -> str:
        return f"echo $$ > {path}; exec sleep 60"


@dataclass(frozen=True)
class AskingStage(FunctionStage):
    """A stage that says what it will ask."""

    asks: tuple[Callable[[], object], ...] = ()

    @override
    def questions(self) -> tuple[Callable[[], object], ...]:
        return self.asks


@operation()
def met(mine: str, other: str, answers: list[str]) -> Commands:
    answers.append(host.get_fact(Meeting, mine, other))
    yield from ()


@operation()
def needs_what_is_broken() -> Commands:
    host.get_fact(Broken)
    yield StringCommand("true")


def test_what_stages_will_ask_is_asked_side_by_side_and_once(tmp_path: Path) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    answers: list[str] = []

    def declare() -> None:
        met(mine=one, other=two, answers=answers, name="one")
        met(mine=two, other=one, answers=answers, name="two")

    asks = (lambda: host.get_fact(Meeting, one, two), lambda: host.get_fact(Meeting, two, one))
    stage = AskingStage("stage", "Stage", function=declare, asks=asks)
    with Engine(local_inventory(), Remembering()) as engine:
        engine.evaluate([stage], apply=False)
    assert answers == [two, one]
    assert [Path(path).read_text() for path in (one, two)] == ["asked\n", "asked\n"]


def test_what_is_asked_in_vain_may_fail_and_what_is_needed_may_not() -> None:
    asks = (lambda: host.get_fact(Broken),)
    in_vain = AskingStage("stage", "Stage", asks=asks)
    needed = AskingStage(
        "stage", "Stage", function=lambda: needs_what_is_broken(name="broken"), asks=asks
    )
    with Engine(local_inventory(), Remembering()) as engine:
        assert engine.evaluate([in_vain], apply=False)[0].ok
        (result,) = engine.evaluate([needed], apply=False)
    assert result.operations[0].status == "unknown"
    assert result.operations[0].failure
    assert result.operations[0].failure.output == ("the disk is on fire",)


def test_what_is_still_asked_at_the_end_of_a_look_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    stage = AskingStage(
        "stage",
        "Stage",
        function=lambda: _appears(path),
        asks=(lambda: host.get_fact(Endless, str(path)),),
    )
    with Engine(local_inventory(), Remembering()) as engine:
        engine.evaluate([stage], apply=False)
        assert not _lives(int(path.read_text()))


def test_an_answer_that_comes_after_a_change_is_not_kept(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("old")
    seen: list[str] = []

    class Slow(FactBase[str]):
        def command(self) -> str:
            return f"touch {text}.asked; cat {text}; {WAITS.format(other=f'{text}.forgotten')}"

    def read() -> None:
        seen.append(host.get_fact(Slow))

    with Engine(local_inventory(), Remembering()) as engine:
        engine.ask_ahead([AskingStage("stage", "Stage", asks=(lambda: host.get_fact(Slow),))])
        _appears(tmp_path / "text.asked")
        engine.forget_facts()
        text.write_text("new")
        (tmp_path / "text.forgotten").touch()
        engine.ask("@local", read)
    assert seen == ["new"]


def test_ctrl_c_while_somebody_else_awaits_the_answer_is_no_error_of_theirs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pid"

    def question() -> object:
        return host.get_fact(Endless, str(path))

    press = f"while [ ! -s {path} ]; do sleep 0.01; done; kill -INT {os.getpid()}"
    with Engine(local_inventory(), Remembering()) as engine, interrupted_by(signal.SIGINT):
        engine.ask_ahead([AskingStage("stage", "Stage", asks=(question,))])
        with subprocess.Popen(["sh", "-c", press]), pytest.raises(KeyboardInterrupt):
            engine.ask("@local", question)
    assert "Traceback" not in capfd.readouterr().err


def test_what_waits_for_its_turn_when_ctrl_c_comes_is_not_begun(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(ASKED_AT_ONCE + 1)]

    def question(path: Path) -> Callable[[], object]:
        return lambda: host.get_fact(Endless, str(path))

    stage = AskingStage(
        "stage", "Stage", function=question(paths[0]), asks=tuple(map(question, paths))
    )
    asked = " && ".join(f"[ -s {path} ]" for path in paths[:-1])
    press = f"until {asked}; do sleep 0.01; done; kill -INT {os.getpid()}"
    engine = Engine(local_inventory(), Remembering())
    pressing = subprocess.Popen(["sh", "-c", press])
    with engine, interrupted_by(signal.SIGINT), pressing, pytest.raises(Interrupted):
        engine.evaluate([stage], apply=False)
    assert not any(_lives(int(path.read_text())) for path in paths[:-1])
    assert not paths[-1].exists()


def test_every_stage_with_questions_is_one() -> None:
    assert {*ahead.QUESTIONS} == {stage.name for stage in STAGES}


def _appears(path: Path) -> None:
    """Wait for a file, and let greenlets go on meanwhile."""
    with gevent.Timeout(10):
        while not path.exists():
            gevent.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
