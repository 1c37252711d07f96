"""Why an operation has something to do: what was seen, what it means, what mends it.

An operation calls `found(...)` while it decides; whoever evaluates it (the engine) collects what
was said. Under the stock `pyinfra` command nobody collects, and nothing else changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn

from pyinfra.api import OperationError
from pyinfra.context import host

Severity = Literal["change", "notice", "refusal"]

_KEY = "bootstrapper_findings"


@dataclass(frozen=True)
class Finding:
    """One reason to act.

    `code` is stable and dotted ("blog.port-taken"). `seen`, `means` and `mend` are sentences for a
    person. `severity`: "change" is mended by the operation's commands; "notice" is only said;
    "refusal" needs a person, and the operation fails with it.
    """

    code: str
    seen: str
    means: str = ""
    mend: str = ""
    severity: Severity = "change"

    def __str__(self) -> str:
        return " ".join(part for part in (self.seen, self.means, self.mend) if part)


class Refused(OperationError):
    """An operation will not go on, and a person has to act; carries the finding that says why.

    `alone`: what does not need this operation's stage is done all the same.
    """

    def __init__(self, finding: Finding, *, alone: bool = False) -> None:
        super().__init__(str(finding))
        self.finding = finding
        self.alone = alone


def found(
    code: str, seen: str, *, means: str = "", mend: str = "", severity: Severity = "change"
) -> Finding:
    """Say why the current operation acts. Called from inside an operation's generator."""
    finding = Finding(code, seen, means, mend, severity)
    host.connector_data.setdefault(_KEY, []).append(finding)
    return finding


def refuse(code: str, seen: str, *, means: str = "", mend: str, alone: bool = False) -> NoReturn:
    """End the current operation: the machine is in a state that only a person can change.

    As a rule nothing at all is changed then, since what was asked for may be a mistake. Where it is
    none, but something that broke, the refusal stands `alone`: only what needs this stage waits.

    Raises:
        Refused: always.
    """
    raise Refused(found(code, seen, means=means, mend=mend, severity="refusal"), alone=alone)


def take_findings(connector_data: dict[str, object]) -> tuple[Finding, ...]:
    """What was found on a host since the last call; the engine calls this around each operation."""
    findings = connector_data.pop(_KEY, [])
    assert isinstance(findings, list)
    return tuple(findings)
