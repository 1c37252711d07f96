"""Small things that several tests need: stages made of functions, an observer that remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api import FactBase, Inventory
from typing_extensions import override

from bootstrapper.engine import Engine
from bootstrapper.observers import Observer
from bootstrapper.results import MachineResult, OperationResult
from bootstrapper.stages import Stage
from deploys.facts.machine import Machine

LOCAL = "@local"
MAC = Machine(
    kernel="Darwin",
    architecture="arm64",
    user="ada",
    uid=501,
    groups=("staff", "admin"),
    home="/Users/ada",
    init="none",
    has_sudo=True,
    free_bytes=50 * 1024**3,
    os_id="macos",
    os_like=(),
    os_version="27.0.1",
    os_codename="",
    os_name="macOS 27.0.1",
)


class Broken(FactBase[str]):
    """A question that no machine can answer."""

    def command(self) -> str:
        return "echo 'the disk is on fire' >&2; exit 3"


@dataclass(frozen=True)
class FunctionStage(Stage):
    """A stage that declares what a function of the test declares."""

    function: Callable[[], object] = lambda: None

    @override
    def deploy(self) -> None:
        self.function()


def stage(
    function: Callable[[], object], name: str = "stage", needs: tuple[str, ...] = ()
) -> Stage:
    return FunctionStage(name, name.capitalize(), needs, function=function)


@dataclass
class Remembering(Observer):
    """Keeps what an observer is told, in the order in which it was told."""

    events: list[tuple[str, ...]] = field(default_factory=list)
    results: list[OperationResult] = field(default_factory=list)

    @override
    def stage_started(self, machine: str, stage: Stage) -> None:
        self.events.append(("stage", machine, stage.name))

    @override
    def operation_started(self, machine: str, stage: str, name: str) -> None:
        self.events.append(("operation", machine, name))

    @override
    def command_started(self, machine: str, command: str) -> None:
        self.events.append(("command", machine, command))

    @override
    def output(self, machine: str, line: str) -> None:
        self.events.append(("output", machine, line))

    @override
    def operation_finished(self, result: OperationResult) -> None:
        self.results.append(result)


def local_inventory(**data: object) -> Inventory:
    return Inventory(([(LOCAL, data)], {}))


def fake_inventory(*names: str, responses: dict[Any, Any] | None = None) -> Inventory:
    """Machines that do nothing and answer each command with what `responses` has for it."""
    data = {"fake_delay": 0.0, "fake_delay_jitter": 0.0, "fake_responses": responses or {}}
    return Inventory(([(f"@fake/{name}", dict(data)) for name in names], {}))


def evaluate(
    *functions: Callable[[], object],
    apply: bool,
    inventory: Inventory | None = None,
    observer: Observer | None = None,
) -> tuple[MachineResult, ...]:
    """One evaluation of one stage a function."""
    stages = [stage(function, f"stage{number}") for number, function in enumerate(functions)]
    with Engine(inventory or local_inventory(), observer or Remembering()) as engine:
        return engine.evaluate(stages, apply=apply)


def planned_with(
    answers: Mapping[type, Any], declare: Callable[[], object], **data: object
) -> MachineResult:
    """A plan on a machine whose facts are given; an answer may be a function of the question."""

    def get_fact(fact: type, *_: object, **asked: object) -> Any:
        answer = answers[fact]
        return answer(**asked) if callable(answer) else answer

    inventory = fake_inventory("machine")
    inventory.host_data["@fake/machine"].update(data)
    with Engine(inventory, Remembering()) as engine:
        (host,) = inventory
        setattr(host, "get_fact", get_fact)  # noqa: B010 (a method of this one host)
        (result,) = engine.evaluate([stage(declare)], apply=False)
    return result
