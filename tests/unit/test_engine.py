"""What the engine promises, and which of pyinfra's defects it does not have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyinfra.api import FactBase, Inventory, StringCommand, deploy, operation
from pyinfra.context import ctx_host, ctx_state, host

from bootstrapper import answers
from bootstrapper.engine import Engine
from deploys.findings import found, refuse
from deploys.operations import Commands
from tests.debian.waiting import wait_for
from tests.support import (
    LOCAL,
    Broken,
    Remembering,
    evaluate,
    fake_inventory,
    local_inventory,
    stage,
)


class Content(FactBase[str]):
    """A file's text, or nothing; each question leaves a line in a log."""

    def command(self, path: str) -> str:
        return f"echo asked >> {path}.log; cat {path} 2>/dev/null || true"

    @staticmethod
    def default() -> str:
        return ""


class Hanging(FactBase[str]):
    """The answer of a program that waits for something that never comes."""

    def command(self, path: str) -> str:
        return f"sh -c 'echo $$ > {path}; exec sleep 60'; echo done"


@operation()
def has_text(path: str, text: str) -> Commands:
    if host.get_fact(Content, path) == text:
        return
    found("text.missing", f"{path} does not say {text}.")
    yield StringCommand(f"printf %s {text} > {path}")


@operation()
def run(command: str) -> Commands:
    yield StringCommand(command)


@operation()
def needs_fact() -> Commands:
    host.get_fact(Broken)
    yield StringCommand("true")


@operation()
def waits_for_an_answer(path: str) -> Commands:
    host.get_fact(Hanging, path)
    yield StringCommand("true")


@operation()
def unwilling() -> Commands:
    refuse("test.refused", "The machine is a toaster.", mend="Buy a computer.")
    yield StringCommand("true")


@operation()
def waits_for_its_owner() -> Commands:
    refuse("test.locked", "It is locked.", mend="Unlock it.", alone=True)
    yield StringCommand("true")


@operation()
def broken_in_itself(machine: str) -> Commands:
    if host.name == machine:
        raise_for_one_machine()
    yield StringCommand("true")


def raise_for_one_machine() -> None:
    refuse("test.one", "Only this machine is not as it should be.", mend="Mend it.")


def test_a_plan_runs_nothing_and_lists_the_exact_commands(tmp_path: Path) -> None:
    target = tmp_path / "a"
    (result,) = evaluate(lambda: has_text(path=str(target), text="x", name="text"), apply=False)
    (planned,) = result.operations
    assert (planned.status, planned.commands) == ("planned", (f"printf %s x > {target}",))
    assert planned.findings[0].seen == f"{target} does not say x."
    assert not target.exists()


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    def declare() -> None:
        has_text(path=str(tmp_path / "a"), text="x", name="text")

    assert [o.status for o in evaluate(declare, apply=True)[0].operations] == ["changed"]
    assert [o.status for o in evaluate(declare, apply=True)[0].operations] == ["unchanged"]


def test_one_engine_plans_and_then_applies(tmp_path: Path) -> None:
    stages = [stage(lambda: has_text(path=str(tmp_path / "a"), text="x", name="text"))]
    with Engine(local_inventory(), Remembering()) as engine:
        assert engine.evaluate(stages, apply=False)[0].to_do
        assert engine.evaluate(stages, apply=True)[0].changed
        assert not engine.evaluate(stages, apply=True)[0].changed


def test_an_operation_sees_what_an_earlier_one_did(tmp_path: Path) -> None:
    path = str(tmp_path / "a")

    def declare() -> None:
        has_text(path=path, text="x", name="first")
        if host.get_fact(Content, path) == "x":
            has_text(path=path, text="y", name="second")

    (result,) = evaluate(declare, apply=True)
    assert [(o.name, o.status) for o in result.operations] == [
        ("first", "changed"),
        ("second", "changed"),
    ]
    assert Path(path).read_text() == "y"


def test_a_question_is_asked_once_until_something_changes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")

    def declare() -> None:
        for number in range(3):
            has_text(path=str(path), text="x", name=f"unchanged {number}")
        run(command="true", name="change")
        has_text(path=str(path), text="x", name="again")

    evaluate(declare, apply=True)
    assert Path(f"{path}.log").read_text().count("asked") == 2


def test_different_operations_of_two_machines_stay_apart() -> None:
    def declare() -> None:
        name = f"only on {host.name}"
        run(command=f"echo {host.name}", name=name)
        if host.name == "@fake/a":
            run(command="echo more", name="one more")

    results = evaluate(declare, apply=True, inventory=fake_inventory("a", "b"))
    assert {result.machine: [o.name for o in result.operations] for result in results} == {
        "@fake/a": ["only on @fake/a", "one more"],
        "@fake/b": ["only on @fake/b"],
    }


def test_one_failing_machine_never_stops_another() -> None:
    def declare() -> None:
        broken_in_itself(machine="@fake/a", name="checked")
        run(command="true", name="after")

    first, second = evaluate(declare, apply=True, inventory=fake_inventory("a", "b"))
    assert [o.status for o in first.operations] == ["refused"]
    assert [o.status for o in second.operations] == ["changed", "changed"]


def test_a_machine_that_cannot_be_reached_is_said_and_the_others_go_on() -> None:
    inventory = Inventory(
        (
            [
                LOCAL,
                ("nowhere.invalid", {"ssh_hostname": "127.0.0.1", "ssh_port": 9, "ssh_user": "x"}),
            ],
            {},
        )
    )
    with Engine(inventory, Remembering()) as engine:
        results = engine.evaluate([stage(lambda: run(command="true", name="go"))], apply=True)
        (lost,) = engine.unreachable
    assert [result.machine for result in results] == [LOCAL]
    assert lost.failure is not None
    assert "could not connect to nowhere.invalid" in lost.failure.summary
    assert "ssh nowhere.invalid" in lost.failure.mend


def test_a_failure_names_the_command_and_its_last_words() -> None:
    def declare() -> None:
        run(command="echo 'E: no such package' >&2; exit 7", name="install")
        run(command="true", name="never")

    (result,) = evaluate(declare, apply=True)
    assert [o.status for o in result.operations] == ["failed"]
    failure = result.operations[0].failure
    assert failure is not None
    assert "exit 7" in failure.command
    assert failure.output == ("E: no such package",)


def test_a_failure_ends_the_machine_but_a_plan_goes_on_with_the_next_stage() -> None:
    def refuses() -> None:
        unwilling(name="no")
        run(command="true", name="never")

    def follows() -> None:
        run(command="true", name="later")

    (applied,) = evaluate(refuses, follows, apply=True)
    (planned,) = evaluate(refuses, follows, apply=False)
    assert [o.name for o in applied.operations] == ["no"]
    assert [o.name for o in planned.operations] == ["no", "later"]


def test_what_does_not_need_a_refusal_that_stands_alone_is_done(tmp_path: Path) -> None:
    def writes(name: str) -> Callable[[], object]:
        return lambda: run(command=f"touch {tmp_path}/{name}", name=name)

    stages = [
        stage(lambda: waits_for_its_owner(name="locked"), "engine"),
        stage(writes("ruby"), "ruby"),
        stage(writes("blog"), "blog", needs=("ruby", "engine")),
        stage(writes("page"), "page", needs=("blog",)),
        stage(writes("shell"), "shell", needs=("ruby",)),
    ]
    engine = Engine(local_inventory(), Remembering())
    with engine:
        (planned,) = engine.evaluate(stages, apply=False)
        (applied,) = engine.evaluate(stages, apply=True)
    assert planned.goes_on
    assert [o.name for o in planned.can_do] == ["ruby", "shell"]
    assert {o.name: o.status for o in applied.operations} == {
        "locked": "refused",
        "ruby": "changed",
        "blog": "planned",
        "page": "planned",
        "shell": "changed",
    }
    assert applied.held_up == {"engine", "blog", "page"}
    assert not applied.finished
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ruby", "shell"]


def test_a_fact_without_an_answer_is_an_error_and_not_a_default() -> None:
    (result,) = evaluate(lambda: needs_fact(name="asks"), apply=False)
    (operation_result,) = result.operations
    assert operation_result.status == "unknown"
    assert operation_result.failure is not None
    assert operation_result.failure.output == ("the disk is on fire",)


def test_a_question_that_hangs_ends_that_machines_run_and_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "ANSWER_SECONDS", 0.5)
    (result,) = evaluate(
        lambda: waits_for_an_answer(path=str(tmp_path / "pid"), name="asks"), apply=False
    )
    (operation_result,) = result.operations
    failure = operation_result.failure
    assert failure is not None
    assert (operation_result.status, failure.output) == (
        "unknown",
        ("no answer within 0.5 seconds",),
    )
    assert "exec sleep 60" in failure.command
    assert "in a terminal" in failure.mend
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 5, "what the question started to end")


def test_a_stage_after_one_with_changes_is_marked_as_a_prediction() -> None:
    stages = [
        stage(lambda: run(command="true", name="install"), "first"),
        stage(lambda: run(command="true", name="use"), "second", needs=("first",)),
        stage(lambda: run(command="true", name="alone"), "third"),
    ]
    with Engine(local_inventory(), Remembering()) as engine:
        (result,) = engine.evaluate(stages, apply=False)
    assert [(o.name, o.after) for o in result.operations] == [
        ("install", ""),
        ("use", "first"),
        ("alone", ""),
    ]


def test_operations_and_output_are_told_as_they_happen() -> None:
    observer = Remembering()
    evaluate(
        lambda: run(command="echo one; echo two >&2", name="talk"), apply=True, observer=observer
    )
    kinds = [event[0] for event in observer.events]
    assert kinds == ["stage", "operation", "command", "output", "output"]
    assert {event[2] for event in observer.events if event[0] == "output"} == {"one", "two"}


def test_the_output_of_facts_is_not_told() -> None:
    observer = Remembering()
    evaluate(lambda: needs_fact(name="asks"), apply=False, observer=observer)
    assert "output" not in {event[0] for event in observer.events}


def test_a_nested_deploy_keeps_the_plain_name() -> None:
    @deploy("Outer")
    def outer() -> None:
        run(command="true", name="inner")

    (result,) = evaluate(outer, apply=False)
    assert result.operations[0].name == "inner"


def test_contexts_are_left_clean_after_an_error() -> None:
    def declare() -> None:
        raise KeyError("a mistake in a deploy")

    with pytest.raises(KeyError):
        evaluate(declare, apply=True)
    assert not ctx_state.isset()
    assert not ctx_host.isset()


def test_use_of_sudo_is_known_before_anything_runs() -> None:
    def declare() -> None:
        run(command="sudo -n true", name="as root")
        run(command="true", name="as user")

    (result,) = evaluate(declare, apply=False)
    assert [(o.name, o.uses_sudo) for o in result.operations] == [
        ("as root", True),
        ("as user", False),
    ]


def test_an_optional_operation_that_fails_is_reported_and_the_run_goes_on(tmp_path: Path) -> None:
    target = tmp_path / "a"

    def declare() -> None:
        run(name="wish", command="echo gone >&2; exit 3", _ignore_errors=True)
        has_text(path=str(target), text="x", name="text")

    (result,) = evaluate(declare, apply=True)
    assert [(o.name, o.status) for o in result.operations] == [
        ("wish", "failed"),
        ("text", "changed"),
    ]
    assert result.finished
    assert not result.ok
    ((where, failure),) = result.problems
    assert where == "stage0: wish"
    assert failure.output == ("gone",)
    assert target.read_text() == "x"
