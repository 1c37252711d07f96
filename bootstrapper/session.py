"""What one run works with, from the connection to its end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrapper.console import Terminal
from bootstrapper.diagnosis import Diagnosis
from bootstrapper.engine import Engine
from bootstrapper.inventory import (
    THIS_MACHINE,
    check_settings,
    load_inventory,
    only_this_machine,
    override_from_blog,
    parse_override,
)
from bootstrapper.journal import Journal
from bootstrapper.lock import beside, forget_unfinished, held_to
from bootstrapper.log import RunLog
from bootstrapper.machine_lock import only_run_here
from bootstrapper.observers import Observers
from bootstrapper.options import Options
from bootstrapper.record import new_log, state_directory
from bootstrapper.results import MachineResult, Report
from bootstrapper.run_lock import myself, only_run
from bootstrapper.stages import LOCK, PROOF, STAGES, Stage
from bootstrapper.versions import Versions
from deploys.parts import KEY, Held, Renewing
from deploys.settings import Settings

if TYPE_CHECKING:
    from bootstrapper.proving import Verdict


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


@contextlib.contextmanager
def opened(options: Options, terminal: Terminal, command: str) -> Iterator[Session]:
    """What a command works with, for the length of a `with` block: all that the user has said was
    checked, the machines are connected.

    Raises:
        UserError, SettingsError: something is wrong with it; nothing was touched.
    """
    if options.against is not None:
        from bootstrapper.proof.against import parse_site

        parse_site(options.against)
    overrides, lock = _overrides(options, command)
    inventory = load_inventory(options.inventory, overrides, options.limit)
    if command == "preview":
        only_this_machine(inventory)
    settings = check_settings(inventory)
    directory = state_directory()
    with contextlib.ExitStack() as stack:
        if command in ("apply", "update") or (command == "undo" and not options.plan):
            killed = stack.enter_context(only_run(directory, f"bootstrap.py {command}"))
            _complain(terminal, killed)
            forget_unfinished(beside(options.inventory))
            if THIS_MACHINE in inventory.hosts:
                stack.enter_context(only_run_here())
        log = RunLog(new_log(directory, datetime.now()))
        for machine, values in settings.items():
            log.settings(machine, values.model_dump())
        terminal.begin("Connecting", machines=len(settings), show_operations=False)
        stack.callback(terminal.end)
        journal = Journal(directory)
        observers = Observers((terminal, log))
        me = myself(f"bootstrap.py {command}")
        engine = stack.enter_context(Engine(inventory, observers, journal, me))
        yield Session(
            options, terminal, log, directory, settings, journal, engine, stack, lock=lock
        )


def _complain(terminal: Terminal, text: str) -> None:
    if text:
        terminal.complain(text)


def _overrides(options: Options, command: str) -> tuple[dict[str, Any], Held | None]:
    """The settings of the command line, and the lock that the machines are held to."""
    overrides: dict[str, Any] = dict(parse_override(text) for text in options.settings)
    if options.blog is not None:
        overrides["blog"] = override_from_blog(options.blog)
    lock = None
    if command == "update":
        overrides[KEY] = Renewing()
    elif command != "undo":
        overrides[KEY] = lock = held_to(options.inventory, strict=options.locked)
    return overrides, lock
