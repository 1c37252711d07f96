"""The findings of an evaluation, worst first, with what is fine and what could not be checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bootstrapper.results import MachineResult, OperationResult
from bootstrapper.stages import STAGES
from deploys.findings import Finding

Health = Literal["healthy", "findings", "could not check"]

_WORST_FIRST = ("refusal", "change", "notice")


@dataclass(frozen=True)
class Diagnosis:
    """One machine. `since` says what changed since the last run; `unchecked` what had no answer,
    `unseen` the stages that can only be looked at once what was found is mended.

    A notice is for the user to know: it does not make a machine unhealthy.
    """

    machine: str
    findings: tuple[Finding, ...] = ()
    fine: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    since: tuple[str, ...] = ()

    @property
    def health(self) -> Health:
        """The worst of it."""
        if self.unchecked:
            return "could not check"
        broken = any(finding.severity != "notice" for finding in self.findings)
        return "findings" if broken else "healthy"

    def as_json(self) -> dict[str, Any]:
        """Keys are only ever added."""
        return {**asdict(self), "health": self.health}


def diagnose(
    result: MachineResult, *, since: Sequence[str] = (), proof: Sequence[Finding] = ()
) -> Diagnosis:
    """What one machine's plan says about its health; `proof` are findings of the served blog."""
    presumed = _presumed(result)
    seen = [operation for operation in result.operations if operation not in presumed]
    findings = [finding for operation in seen for finding in operation.findings]
    findings += proof
    unseen = dict.fromkeys(operation.stage for operation in presumed)
    stages = dict.fromkeys(operation.stage for operation in result.operations)
    return Diagnosis(
        result.machine,
        tuple(sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.severity))),
        tuple(s for s in stages if s not in unseen and _is_fine(s, result.operations)),
        tuple(_unchecked(result)),
        tuple(unseen),
        tuple(since),
    )


def _presumed(result: MachineResult) -> list[OperationResult]:
    """What speaks of a stage that cannot be seen yet; a refusal rests on something that was."""
    pending = {o.stage for o in result.operations if o.status not in ("unchanged", "changed")}
    hidden = {stage.name for stage in STAGES if stage.seen_through in pending}
    return [o for o in result.operations if o.stage in hidden and o.status != "refused"]


def _is_fine(stage: str, operations: Sequence[OperationResult]) -> bool:
    return all(o.status == "unchanged" for o in operations if o.stage == stage)


def _unchecked(result: MachineResult) -> list[str]:
    whole = [result.failure.summary] if result.failure else []
    unknown = [o for o in result.operations if o.status == "unknown"]
    return whole + [f"{o.name}: {o.failure.summary if o.failure else 'no answer'}" for o in unknown]
