"""What evaluating a machine yields: values that the console, the record and `--json` all read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from deploys.findings import Finding

OUTPUT_TAIL = 12  # lines of a command's output that a failure keeps

Status = Literal[
    "unchanged",  # the facts are as they should be
    "planned",  # there is something to do, and it was not done
    "changed",  # its commands ran and succeeded
    "refused",  # only a person can go on
    "failed",  # a command failed
    "unknown",  # a fact could not be read
    "interrupted",  # Ctrl-C while it ran
]


@dataclass(frozen=True)
class Failure:
    """Why a machine's run ended: what happened, the command, its last output, what to do next."""

    summary: str
    command: str = ""
    output: tuple[str, ...] = ()
    mend: str = ""


@dataclass(frozen=True)
class OperationResult:
    """One operation on one machine, evaluated. `seconds` is wall time.

    `after` names the earlier stage that has to run first, where the commands are a prediction.
    `optional` means that nothing else needs it: its failure is one, but the run goes on. `alone`
    that it was refused, and stages that do not need this one go on.
    """

    machine: str
    stage: str
    name: str
    status: Status
    findings: tuple[Finding, ...] = ()
    commands: tuple[str, ...] = ()
    uses_sudo: bool = False
    seconds: float = 0.0
    after: str = ""
    failure: Failure | None = None
    optional: bool = False
    alone: bool = False

    @property
    def ok(self) -> bool:
        """Whether it is, or can be made, as it should be."""
        return self.status in ("unchanged", "planned", "changed")

    @property
    def ends_run(self) -> bool:
        """Whether nothing after it can be relied on."""
        return not self.ok and not self.optional


@dataclass(frozen=True)
class MachineResult:
    """All operations of one machine in the order in which they were evaluated.

    `failure` is set when the machine could not be reached or a stage could not be evaluated at all.
    """

    machine: str
    operations: tuple[OperationResult, ...] = ()
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.failure is None and all(operation.ok for operation in self.operations)

    @property
    def finished(self) -> bool:
        """Whether it went through all stages, optional failures aside."""
        return self.goes_on and not self.held_up

    @property
    def goes_on(self) -> bool:
        """Whether it went through all stages but those that wait for a person."""
        return self.failure is None and all(o.alone for o in self.operations if o.ends_run)

    @property
    def held_up(self) -> frozenset[str]:
        """The stages that wait for a person: one was refused, the others need it."""
        held: set[str] = set()
        for operation in self.operations:
            refused = operation.status == "refused" and operation.ends_run
            if refused or (operation.status == "planned" and operation.after in held):
                held.add(operation.stage)
        return frozenset(held)

    @property
    def to_do(self) -> tuple[OperationResult, ...]:
        """What a plan would change."""
        return tuple(o for o in self.operations if o.status == "planned")

    @property
    def can_do(self) -> tuple[OperationResult, ...]:
        """What a run would change now, whatever waits for a person."""
        held = self.held_up
        return tuple(o for o in self.to_do if o.after not in held) if self.goes_on else ()

    @property
    def changed(self) -> tuple[OperationResult, ...]:
        """What a run changed."""
        return tuple(o for o in self.operations if o.status == "changed")

    @property
    def problems(self) -> tuple[tuple[str, Failure], ...]:
        """Each failure with the operation it happened in ("" for the machine as a whole)."""
        whole = (("", self.failure),) if self.failure else ()
        return whole + tuple(
            (f"{o.stage}: {o.name}", o.failure) for o in self.operations if o.failure
        )


@dataclass(frozen=True)
class Report:
    """The outcome of one command over all machines; `--json` prints exactly this."""

    command: str
    machines: tuple[MachineResult, ...]
    proofs: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every machine is fine and every proof holds."""
        return all(m.ok for m in self.machines) and all(p["ok"] for p in self.proofs.values())

    def as_json(self) -> dict[str, Any]:
        """A versioned envelope; keys are only ever added."""
        return {"version": 1, "ok": self.ok, **asdict(self)}


def count(results: Iterable[MachineResult], status: Status) -> int:
    """How many operations have this status, over all machines."""
    return sum(o.status == status for result in results for o in result.operations)
