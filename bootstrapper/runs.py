"""The runs that the commands start: apply, plan, verify. Each returns its exit code."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bootstrapper.console import Terminal
from bootstrapper.diagnosis import Diagnosis, diagnose
from bootstrapper.engine import Engine, Interrupted
from bootstrapper.errors import UserError
from bootstrapper.inventory import (
    THIS_MACHINE,
    check_settings,
    load_inventory,
    override_from_blog,
    parse_override,
)
from bootstrapper.log import RunLog
from bootstrapper.observers import Observers
from bootstrapper.options import Options
from bootstrapper.proof.against import parse_site
from bootstrapper.proving import Verdict, compare_blog, prove_blog
from bootstrapper.record import new_log, only_run, read_record, state_directory, write_record
from bootstrapper.results import MachineResult, OperationResult, Report
from bootstrapper.stages import PROOF, STAGES, Stage
from bootstrapper.sudo import sudo_ready
from bootstrapper.versions import Versions, changes, versions_of
from deploys.build import container_engine
from deploys.findings import Finding
from deploys.settings import Settings, SettingsError

DONE, FAILED, DIFFERS, INTERRUPTED = 0, 1, 2, 130


@dataclass
class _Session:
    """What one run works with; `results` and `verdicts` grow while it goes on."""

    options: Options
    terminal: Terminal
    log: RunLog
    directory: Path
    settings: Mapping[str, Settings]
    engine: Engine
    stack: contextlib.ExitStack
    started: float = field(default_factory=time.monotonic)
    results: dict[str, MachineResult] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    versions: dict[str, Versions] = field(default_factory=dict)
    since: dict[str, tuple[str, ...]] = field(default_factory=dict)
    diagnoses: list[Diagnosis] = field(default_factory=list)

    @property
    def stages(self) -> tuple[Stage, ...]:
        only = self.options.only
        return tuple(stage for stage in STAGES if not only or stage.name in only)

    @property
    def proves(self) -> bool:
        return not self.options.only or PROOF.name in self.options.only

    def take(self, results: Sequence[MachineResult]) -> None:
        self.results.update({result.machine: result for result in results})

    def as_json(self, command: str) -> dict[str, Any]:
        """What `--json` prints."""
        report = self.report(command)
        if command != "doctor":
            return report.as_json()
        healthy = all(diagnosis.health == "healthy" for diagnosis in self.diagnoses)
        machines = [diagnosis.as_json() for diagnosis in self.diagnoses]
        told = {"ok": healthy, "command": command, "machines": machines, "seconds": report.seconds}
        return {"version": 1, **told}

    def report(self, command: str) -> Report:
        return Report(
            command,
            tuple(self.results.values()),
            {machine: verdict.as_json() for machine, verdict in self.verdicts.items()},
            round(time.monotonic() - self.started, 3),
        )


def apply(options: Options) -> int:
    """Show the plan, ask once on a terminal, apply, prove, record."""
    return _run(options, "apply", _apply)


def plan(options: Options) -> int:
    """Show what would change, and change nothing."""
    return _run(options, "plan", _plan)


def doctor(options: Options) -> int:
    """Say what is broken and what mends it, and change nothing."""
    return _run(options, "doctor", _doctor)


def verify(options: Options) -> int:
    """Prove what is served, and change nothing."""
    return _run(options, "verify", _verify)


def _run(options: Options, command: str, work: Callable[[_Session], int]) -> int:
    terminal = Terminal(verbose=options.verbose, quiet=options.as_json)
    session = None
    try:
        with _session(options, terminal, exclusive=command == "apply") as session:
            code = work(session)
            if options.as_json:
                terminal.print_json(session.as_json(command))
            return code
    except (UserError, SettingsError) as error:
        terminal.complain(f"bootstrap.py: {error}")
        return FAILED
    except (Interrupted, KeyboardInterrupt) as stop:
        _stopped(terminal, session, stop)
        return INTERRUPTED
    except Exception as error:
        terminal.end()
        where = f" Everything is in {session.log.path}." if session else ""
        if session:
            session.log.write(traceback.format_exc())
        terminal.complain(
            f"bootstrap.py: this is a mistake in the program itself: "
            f"{type(error).__name__}: {error}.{where} Please report it."
        )
        if not session:
            terminal.complain(traceback.format_exc())
        return FAILED


@contextlib.contextmanager
def _session(options: Options, terminal: Terminal, *, exclusive: bool) -> Iterator[_Session]:
    if options.against is not None:
        parse_site(options.against)
    overrides = dict(parse_override(text) for text in options.settings)
    if options.blog is not None:
        overrides["blog"] = override_from_blog(options.blog)
    inventory = load_inventory(options.inventory, overrides, options.limit)
    settings = check_settings(inventory)
    directory = state_directory()
    with contextlib.ExitStack() as stack:
        if exclusive:
            stack.enter_context(only_run(directory))
        log = RunLog(new_log(directory, datetime.now()))
        for machine, values in settings.items():
            log.settings(machine, values.model_dump())
        terminal.begin("Connecting", machines=len(settings), show_operations=False)
        stack.callback(terminal.end)
        engine = stack.enter_context(Engine(inventory, Observers((terminal, log))))
        yield _Session(options, terminal, log, directory, settings, engine, stack)


def _plan(session: _Session) -> int:
    _evaluate(session)
    session.terminal.plan(tuple(session.results.values()), commands=True)
    _show_failures(session)
    results = session.results.values()
    if not all(result.ok for result in results):
        return FAILED
    changes = sum(len(result.to_do) for result in results)
    session.terminal.say(_changes(changes) if changes else "Nothing to change.")
    return DIFFERS if changes else DONE


def _doctor(session: _Session) -> int:
    _evaluate(session)
    proved = [
        name for name, result in session.results.items() if result.finished and not result.to_do
    ]
    if session.proves:
        _prove(session, proved, show=False)
    for name, result in session.results.items():
        verdict = session.verdicts.get(name)
        proof = [_as_finding(verdict)] if verdict and not verdict.ok else []
        since = session.since.get(name, ())
        session.diagnoses.append(diagnose(result, since=since, proof=proof))
        session.terminal.diagnosis(session.diagnoses[-1])
    health = {diagnosis.health for diagnosis in session.diagnoses}
    return FAILED if "could not check" in health else DIFFERS if "findings" in health else DONE


def _as_finding(verdict: Verdict) -> Finding:
    reason = verdict.failure.summary if verdict.failure else verdict.summary
    mend = verdict.failure.mend if verdict.failure else "Run it without a command."
    return Finding("proof.differs", reason, "The blog served is not the blog built.", mend)


def _verify(session: _Session) -> int:
    session.take(session.engine.unreachable)
    _show_failures(session)
    _prove(session, [name for name in session.settings if name not in session.results])
    _compare_with_old(session)
    verdicts = session.verdicts.values()
    if session.results or any(verdict.failure for verdict in verdicts):
        return FAILED
    if not all(verdict.ok for verdict in verdicts):
        return DIFFERS
    compared = [verdict.comparison for verdict in verdicts if verdict.comparison]
    if any(comparison.lost for comparison in compared):
        return DIFFERS
    return DONE if all(comparison.ok for comparison in compared) else FAILED


def _compare_with_old(session: _Session) -> None:
    """Only a blog that is proved stands for what the new site will be."""
    terminal, against = session.terminal, session.options.against
    for machine, verdict in session.verdicts.items():
        if against is None or not verdict.ok:
            continue
        terminal.begin("Comparing", machines=len(session.settings), show_operations=False)
        old = parse_site(against)
        pages = session.options.pages
        compared = compare_blog(verdict, old, session.directory, pages, terminal.progress)
        terminal.end()
        session.verdicts[machine] = compared
        session.log.write(f"[{machine}] comparison {compared.as_json()['against']}")
        if told := compared.comparison:
            terminal.verdict(machine, told.summary, ok=told.ok, details=told.details)


def _apply(session: _Session) -> int:
    _warn_of_damage(session)
    _ask_for_root_to_look(session)
    _evaluate(session)
    to_do = [
        result.machine for result in session.results.values() if result.finished and result.to_do
    ]
    if to_do or not all(result.ok for result in session.results.values()):
        session.terminal.plan(tuple(session.results.values()), commands=False)
    if to_do:
        if not _agreed(session, to_do):
            session.terminal.say("Nothing was changed.")
            return DONE
        _change(session, to_do)
        _read_versions(session)
    _show_failures(session)
    if session.proves:
        _prove(session, [name for name, result in session.results.items() if result.finished])
    report = session.report("apply")
    _record(session, report)
    _summarize(session, report)
    return DONE if report.ok else FAILED


def _evaluate(session: _Session) -> None:
    terminal = session.terminal
    terminal.begin("Looking at the machine", machines=len(session.settings), show_operations=False)
    session.take(session.engine.evaluate(session.stages, apply=False))
    session.take(session.engine.unreachable)
    terminal.end()
    _compare(session)


def _compare(session: _Session) -> None:
    """Say what is another than at the last run: after an upgrade of the system, why."""
    record, _ = read_record(session.directory)
    before = (record or {}).get("versions") or {}
    _read_versions(session)
    for machine, now in session.versions.items():
        told = changes(before.get(machine) or {}, now)
        if before.get(machine) and told:
            session.since[machine] = told
            session.terminal.since(machine, str((record or {}).get("finished", "")), told)


def _read_versions(session: _Session) -> None:
    lost = {result.machine for result in session.engine.unreachable}
    session.versions = {
        name: versions_of(session.engine, name) for name in session.results if name not in lost
    }


def _change(session: _Session, machines: Sequence[str]) -> None:
    mine = session.results.get(THIS_MACHINE)
    needing_root = [o.name for o in mine.to_do if o.uses_sudo] if mine else []
    if THIS_MACHINE in machines and needing_root:
        _get_root(session, ", ".join(needing_root))
    session.engine.forget_facts()
    terminal = session.terminal
    terminal.begin("Working", machines=len(session.settings), show_operations=True)
    session.take(session.engine.evaluate(session.stages, apply=True, machines=machines))
    terminal.end()
    for result in session.results.values():
        for operation in result.operations:
            for finding in operation.findings:
                if finding.severity == "notice":
                    terminal.finding(finding)


def _prove(session: _Session, machines: Sequence[str], *, show: bool = True) -> None:
    terminal = session.terminal
    terminal.begin("Proof", machines=len(session.settings), show_operations=True)
    for machine in machines:
        verdict = prove_blog(
            session.engine,
            machine,
            session.settings[machine],
            on_progress=lambda done, total: terminal.progress(f"Proof: {done} of {total} answers"),
        )
        session.verdicts[machine] = verdict
        session.log.write(f"[{machine}] proof {verdict.as_json()}")
    terminal.end()
    for machine, verdict in session.verdicts.items() if show else ():
        terminal.verdict(machine, verdict.summary, ok=verdict.ok, details=verdict.details)
        if verdict.failure:
            terminal.failure(machine, "proof", verdict.failure, session.log.path)


def _ask_for_root_to_look(session: _Session) -> None:
    """An engine that answers only root cannot be looked at without it."""
    if THIS_MACHINE not in session.settings or not session.stages:
        return
    if session.engine.ask(THIS_MACHINE, container_engine).denied:
        _get_root(session, "talking to the container engine")
        session.engine.forget_facts()


def _get_root(session: _Session, purpose: str) -> None:
    session.terminal.end()  # a password prompt and a spinner do not share a line
    session.stack.enter_context(sudo_ready(needed_for=purpose, can_ask=session.terminal.can_ask))


def _agreed(session: _Session, machines: Sequence[str]) -> bool:
    changes = sum(len(session.results[machine].to_do) for machine in machines)
    session.terminal.say(_changes(changes))
    if session.options.yes or not session.terminal.can_ask:
        return True
    return session.terminal.ask("Go ahead?")


def _changes(number: int) -> str:
    return f"{number} change{'s' if number != 1 else ''} to make."


def _show_failures(session: _Session) -> None:
    for result in session.results.values():
        for where, failure in result.problems:
            session.terminal.failure(result.machine, where, failure, session.log.path)


def _warn_of_damage(session: _Session) -> None:
    _, damage = read_record(session.directory)
    if damage:
        session.terminal.complain(damage)


def _record(session: _Session, report: Report) -> None:
    write_record(
        session.directory,
        {
            "finished": f"{datetime.now():%Y-%m-%dT%H:%M:%S}",
            "versions": session.versions,
            "report": report.as_json(),
        },
    )


def _summarize(session: _Session, report: Report) -> None:
    changed = sum(len(result.changed) for result in report.machines)
    what = f"{changed} change{'s' if changed != 1 else ''}" if changed else "nothing to change"
    if report.ok:
        session.terminal.say(f"[green]Done[/] in {report.seconds:.1f} s: {what}.")
    else:
        session.terminal.say(
            f"[red]Not done[/] after {report.seconds:.1f} s: {what}. The log: {session.log.path}"
        )


def _stopped(
    terminal: Terminal, session: _Session | None, stop: Interrupted | KeyboardInterrupt
) -> None:
    terminal.end()
    if session is None or not isinstance(stop, Interrupted):
        terminal.complain("Stopped. Run it again to go on.")
        return
    planned = [o for result in session.results.values() for o in result.to_do]
    done = {_key(o) for result in stop.results for o in result.operations if o.status == "changed"}
    names = [o.name for o in planned if _key(o) in done]
    rest = [o.name for o in planned if _key(o) not in done]
    session.take(stop.results)
    _record(session, session.report("apply"))
    terminal.complain(
        f"Stopped. Done: {', '.join(names) or 'nothing'}. "
        f"Not done: {', '.join(rest) or 'nothing'}. Run it again to go on."
    )


def _key(operation: OperationResult) -> tuple[str, str, str]:
    return operation.machine, operation.stage, operation.name
