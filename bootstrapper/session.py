"""What one run works with, from the connection to its end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrapper.console import Terminal
from bootstrapper.diagnosis import Diagnosis
from bootstrapper.engine import Engine
from bootstrapper.journal import Journal
from bootstrapper.log import RunLog
from bootstrapper.options import Options
from bootstrapper.proving import Verdict
from bootstrapper.results import MachineResult, Report
from bootstrapper.stages import LOCK, PROOF, STAGES, Stage
from bootstrapper.versions import Versions
from deploys.parts import Held
from deploys.settings import Settings


@dataclass
class Session:
    """What one run works with; `results` and `verdicts` grow while it goes on.

    `lock` is what the machines are held to, or nothing; `renewed` what became of it by `update`.
    `undoing` is the stage of an undo, in place of those of a run.
    """

    options: Options
    terminal: Terminal
    log: RunLog
    directory: Path
    settings: Mapping[str, Settings]
    journal: Journal
    engine: Engine
    stack: contextlib.ExitStack
    started: float = field(default_factory=time.monotonic)
    results: dict[str, MachineResult] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    versions: dict[str, Versions] = field(default_factory=dict)
    since: dict[str, tuple[str, ...]] = field(default_factory=dict)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    undoing: tuple[Stage, ...] = ()
    lock: Held | None = None
    renewed: dict[str, Any] | None = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that were asked for."""
        if self.undoing:
            return self.undoing
        only = self.options.only
        stages = tuple(stage for stage in STAGES if not only or stage.name in only)
        return (LOCK, *stages) if self.lock else stages

    @property
    def proves(self) -> bool:
        """Whether the blog is to be proved."""
        return not self.options.only or PROOF.name in self.options.only

    def take(self, results: Sequence[MachineResult]) -> None:
        """Keep results, each in place of the last one of its machine."""
        self.results.update({result.machine: result for result in results})

    def as_json(self, command: str) -> dict[str, Any]:
        """What `--json` prints."""
        report = self.report(command)
        if self.renewed:
            return {**report.as_json(), "lock": self.renewed}
        if command != "doctor":
            return report.as_json()
        healthy = all(diagnosis.health == "healthy" for diagnosis in self.diagnoses)
        machines = [diagnosis.as_json() for diagnosis in self.diagnoses]
        told = {"ok": healthy, "command": command, "machines": machines, "seconds": report.seconds}
        return {"version": 1, **told}

    def report(self, command: str) -> Report:
        """The outcome until now."""
        return Report(
            command,
            tuple(self.results.values()),
            {machine: verdict.as_json() for machine, verdict in self.verdicts.items()},
            round(time.monotonic() - self.started, 3),
        )
