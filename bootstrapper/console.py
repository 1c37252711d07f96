"""What a terminal shows: a run while it happens, a plan, an outcome. The only module that prints.

On a terminal the running operation and the last line of its output are shown live; elsewhere each
event is one plain line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status as Spinner
from typing_extensions import override

from bootstrapper.diagnosis import Diagnosis
from bootstrapper.observers import Observer
from bootstrapper.results import Failure, MachineResult, OperationResult, Report
from bootstrapper.stages import Stage
from deploys.findings import Finding

AUTHOR_WARNING = "[blog] warning:"  # what the build says to the author of the site

_MARKS = {
    "unchanged": "[dim]·[/]",
    "planned": "[yellow]○[/]",
    "changed": "[green]✓[/]",
    "refused": "[red]✗[/]",
    "failed": "[red]✗[/]",
    "unknown": "[red]?[/]",
    "interrupted": "[red]■[/]",
}


_SEVERITIES = {"refusal": "[red]✗[/]", "change": "[yellow]○[/]", "notice": "[blue]![/]"}
_SHOWN_CHANGES = 8


class Terminal(Observer):
    """Follows a run and shows it."""

    def __init__(self, *, verbose: bool = False, quiet: bool = False) -> None:
        """`quiet` shows nothing while it happens: standard output belongs to `--json`."""
        self._console = Console(highlight=False, soft_wrap=True, quiet=quiet)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self._verbose = verbose
        self._many = False
        self._showing_operations = False
        self._spinner: Spinner | None = None
        self._running: dict[str, tuple[str, float]] = {}
        self._announced: set[str] = set()
        self._stages: dict[str, Stage] = {}

    # -- while it happens ------------------------------------------------------------------

    def begin(self, what: str, *, machines: int, show_operations: bool) -> None:
        """A phase of the run begins; a plan is shown as a whole afterwards, so not by operation."""
        self.end()
        self._many = machines > 1
        self._showing_operations = show_operations
        if self._console.is_terminal:
            self._spinner = self._console.status(escape(what))
            self._spinner.start()

    def end(self) -> None:
        """The phase is over, or was interrupted."""
        if self._spinner:
            self._spinner.stop()
        self._spinner = None
        self._running.clear()

    def progress(self, what: str) -> None:
        """How far a long step has come; shown only where it can be replaced by the next one."""
        if self._spinner:
            self._spinner.update(escape(what))

    @override
    def stage_started(self, machine: str, stage: Stage) -> None:
        self._stages[machine] = stage

    @override
    def operation_started(self, machine: str, stage: str, name: str) -> None:
        # Not before: a stage that declares nothing on this machine is none of its stages.
        started = self._stages.pop(machine, None)
        if started and self._showing_operations:
            self._line(machine, f"[bold]{escape(started.title)}[/]")
        self._running[machine] = (name, time.monotonic())
        self.progress(f"{stage.replace('_', ' ')}: {name}")

    @override
    def command_started(self, machine: str, command: str) -> None:
        name, _ = self._running[machine]
        if self._verbose:
            self._line(machine, f"    [cyan]$ {escape(command)}[/]")
        elif not self._spinner and machine not in self._announced:
            self._announced.add(machine)
            self._line(machine, f"  … {escape(name)}")

    @override
    def output(self, machine: str, line: str) -> None:
        if self._verbose:
            self._line(machine, f"    [dim]{escape(line)}[/]")
        elif line.startswith(AUTHOR_WARNING):
            self._line(machine, f"    [yellow]!{escape(line[len(AUTHOR_WARNING) :])}[/]")
        elif self._spinner and line.strip():
            name, started = self._running.get(machine, ("", time.monotonic()))
            seconds = time.monotonic() - started
            room = max(20, self._console.width - len(name) - 20)
            last = line.strip()[:room]
            self._spinner.update(f"{escape(name)} {seconds:.0f} s  [dim]{escape(last)}[/]")

    @override
    def operation_finished(self, result: OperationResult) -> None:
        self._running.pop(result.machine, None)
        self._announced.discard(result.machine)
        if self._showing_operations:
            took = f"  [dim]{result.seconds:.1f} s[/]" if result.status == "changed" else ""
            self._line(result.machine, f"  {_MARKS[result.status]} {escape(result.name)}{took}")

    # -- what came of it -------------------------------------------------------------------

    def plan(self, results: Sequence[MachineResult], *, commands: bool) -> None:
        """What would change, why, and with `commands` exactly how."""
        for result in results:
            if self._many:
                self.say(f"[bold underline]{escape(result.machine)}[/]")
            stage = ""
            for operation in result.operations:
                if operation.status == "unchanged" and not operation.findings:
                    continue
                if operation.stage != stage:
                    stage = operation.stage
                    needed = next(
                        (o.after for o in result.operations if o.stage == stage and o.after), ""
                    )
                    after = f" [dim](after {_title(needed)})[/]" if needed else ""
                    self.say(f"[bold]{_title(stage)}[/]{after}")
                self._planned(operation, commands=commands or self._verbose)

    def since(self, machine: str, when: str, changes: Sequence[str]) -> None:
        """What is another than at the last run."""
        date = when.partition("T")[0]
        shown = [*changes[:_SHOWN_CHANGES]]
        if len(changes) > len(shown):
            shown.append(f"{len(changes) - len(shown)} more")
        self._line(machine, f"Since the last run ({escape(date)}): {escape(', '.join(shown))}.")

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """The findings of one machine, worst first; then what is fine, in one line."""
        for finding in diagnosis.findings:
            mark = _SEVERITIES[finding.severity]
            self._line(diagnosis.machine, f"{mark} {escape(finding.seen)} [dim]{finding.code}[/]")
            for text in filter(None, (finding.means, finding.mend)):
                self.say(f"    {escape(text)}")
        for what in diagnosis.unchecked:
            self._line(diagnosis.machine, f"[red]?[/] Could not check {escape(what)}")
        for stage in diagnosis.unseen:
            self._line(diagnosis.machine, f"[dim]·[/] {_title(stage)}: can be seen after that.")
        if diagnosis.fine:
            fine = ", ".join(_title(stage) for stage in diagnosis.fine)
            self._line(diagnosis.machine, f"[green]✓[/] Fine: {fine}.")

    def failure(self, machine: str, where: str, failure: Failure, log: object = None) -> None:
        """What happened, on which machine, in which command, its last output, what to do next."""
        place = f"{machine}: {where}: " if where else f"{machine}: "
        self._errors.print(f"[red bold]✗[/] {escape(place + failure.summary)}")
        if failure.command:
            self._errors.print(f"  command: {escape(failure.command)}")
        for line in failure.output:
            self._errors.print(f"  [dim]│[/] {escape(line)}")
        if failure.mend:
            self._errors.print(f"  [bold]→[/] {escape(failure.mend)}")
        if log:
            self._errors.print(f"  [dim]everything: {escape(str(log))}[/]")

    def verdict(self, machine: str, summary: str, *, ok: bool, details: Sequence[str]) -> None:
        """What the proof came to."""
        mark = "[green]✓[/]" if ok else "[red]✗[/]"
        self._line(machine, f"{mark} {escape(summary)}")
        for line in details:
            self._line(machine, f"    {escape(line)}")

    def ask(self, question: str) -> bool:
        """A yes or no from the person at the terminal; Return means yes."""
        answer = self._console.input(f"{escape(question)} [dim](Y/n)[/] ")
        return answer.strip().lower() in ("", "y", "yes")

    def finding(self, finding: Finding) -> None:
        """A notice, after the run."""
        self.say(f"  [yellow]![/] {escape(str(finding))}")

    def say(self, markup: str) -> None:
        """One line of the program's own words."""
        self._console.print(markup)

    def complain(self, text: str) -> None:
        """One line about something wrong, on standard error."""
        self._errors.print(f"[red]{escape(text)}[/]")

    def print_json(self, report: Report | Mapping[str, Any]) -> None:
        """The same values, for a program."""
        content = report.as_json() if isinstance(report, Report) else dict(report)
        print(json.dumps(content, ensure_ascii=False, indent=2))

    @property
    def can_ask(self) -> bool:
        """Whether a person is there to answer."""
        return self._console.is_terminal

    def _planned(self, operation: OperationResult, *, commands: bool) -> None:
        self.say(f"  {_MARKS[operation.status]} {escape(operation.name)}")
        for finding in operation.findings:
            self.say(f"      {escape(str(finding))}")
        if commands:
            for command in operation.commands:
                for number, line in enumerate(command.strip().splitlines()):
                    self.say(f"      [cyan]{'$' if number == 0 else ' '} {escape(line)}[/]")

    def _line(self, machine: str, markup: str) -> None:
        self.say(f"{escape(f'[{machine}]')} {markup}" if self._many else markup)


def _title(stage: str) -> str:
    return stage.replace("_", " ").capitalize()
