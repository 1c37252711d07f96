"""What `undo` works on: the journal as a stage, and what of it is closed afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyinfra.context import host
from typing_extensions import override

from bootstrapper.journal import Journal
from bootstrapper.results import MachineResult, OperationResult
from bootstrapper.stages import Stage
from deploys.operations.undo import Undoing
from deploys.undo import title, undo

NOTHING_KNOWN = (
    "Nothing to take back: the journal knows of no change of this machine. What was done by a "
    "version of this tool without a journal is not known to be its own."
)


@dataclass(frozen=True)
class _FromJournal(Stage):
    """The changes of the current machine that were not taken back yet."""

    journal: Journal | None = None
    everything: bool = False

    @override
    def deploy(self) -> None:
        assert self.journal is not None
        undo(Undoing(self.journal.made(host.name), self.everything))


def undo_stages(journal: Journal, *, everything: bool) -> tuple[Stage, ...]:
    """The one stage of an undo; `everything` takes back what is kept by default, too."""
    return (_FromJournal("undo", "Undo", journal=journal, everything=everything),)


def close(journal: Journal, results: Iterable[MachineResult]) -> None:
    """Note what is no longer there, as an evaluation has seen it; what was told once is closed,
    too."""
    for result in results:
        gone = {operation.name for operation in result.operations if _is_over(operation)}
        numbers = [
            number
            for made in journal.made(result.machine)
            if title(made) in gone
            for number in made.entries
        ]
        if numbers:
            journal.end(numbers, "undone")


def _is_over(operation: OperationResult) -> bool:
    codes = {finding.code for finding in operation.findings}
    return operation.status == "unchanged" and codes <= {"undo.left"}
