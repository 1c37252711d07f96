"""Whoever follows a run while it happens: the console and the log, and both as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from typing_extensions import override

from bootstrapper.connectors import OutputListener
from bootstrapper.results import OperationResult
from bootstrapper.stages import Stage


class Observer(OutputListener, Protocol):
    """Whoever follows a run while it happens: the console, the log."""

    def stage_started(self, machine: str, stage: Stage) -> None:
        """A stage begins on a machine."""

    def operation_started(self, machine: str, stage: str, name: str) -> None:
        """An operation begins; it may turn out to have nothing to do."""

    def command_started(self, machine: str, command: str) -> None:
        """A command that changes the machine is about to run; secrets are masked."""

    def operation_finished(self, result: OperationResult) -> None:
        """An operation was evaluated."""


class Observers(Observer):
    """Several observers as one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    @override
    def stage_started(self, machine: str, stage: Stage) -> None:
        for observer in self._observers:
            observer.stage_started(machine, stage)

    @override
    def operation_started(self, machine: str, stage: str, name: str) -> None:
        for observer in self._observers:
            observer.operation_started(machine, stage, name)

    @override
    def command_started(self, machine: str, command: str) -> None:
        for observer in self._observers:
            observer.command_started(machine, command)

    @override
    def output(self, machine: str, line: str) -> None:
        for observer in self._observers:
            observer.output(machine, line)

    @override
    def operation_finished(self, result: OperationResult) -> None:
        for observer in self._observers:
            observer.operation_finished(result)
