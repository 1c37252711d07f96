"""The runs that the commands start. Each returns its exit code.

What a single command needs is imported by that command, so that the others start without it.
"""

from __future__ import annotations

import contextlib
import signal
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from bootstrapper.answers import FactFailed
from bootstrapper.console import Terminal
from bootstrapper.diagnosis import diagnose
from bootstrapper.engine import Interrupted
from bootstrapper.errors import UserError
from bootstrapper.interrupts import interrupted_by
from bootstrapper.inventory import THIS_MACHINE
from bootstrapper.lock_findings import PREFIX, look_at_the_lock_again, tell_of_the_lock
from bootstrapper.options import Options, PreviewOptions
from bootstrapper.record import read_record, write_record
from bootstrapper.results import OperationResult, Report
from bootstrapper.session import Session as _Session
from bootstrapper.session import opened
from bootstrapper.sudo import sudo_ready
from bootstrapper.versions import changes, versions_of
from deploys.build import container_engine
from deploys.findings import Finding
from deploys.settings import SettingsError

if TYPE_CHECKING:
    from bootstrapper.proving import Verdict

DONE, FAILED, DIFFERS, INTERRUPTED = 0, 1, 2, 130

_ToDo = Mapping[str, tuple[OperationResult, ...]]  # of each machine


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


def update(options: Options) -> int:
    """Run without the lock, and lock what is there then."""
    from bootstrapper.renewing import renew

    return _run(options, "update", lambda session: renew(session, _apply))


def undo(options: Options) -> int:
    """Take back what was changed, newest first, or only show how."""
    return _run(options, "undo", _undo)


def preview(options: Options, wishes: PreviewOptions) -> int:
    """Serve the blog while it is written, and change nothing."""
    return _run(options, "preview", lambda session: _preview(session, wishes))


def _run(options: Options, command: str, work: Callable[[_Session], int]) -> int:
    terminal = Terminal(verbose=options.verbose, quiet=options.as_json)
    session = None
    try:
        with interrupted_by(signal.SIGINT), opened(options, terminal, command) as session:
            code = work(session)
            if options.as_json:
                terminal.print_json(session.as_json(command))
            return code
    except (UserError, SettingsError) as error:
        terminal.complain(f"bootstrap.py: {' '.join(str(error).splitlines())}")
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
        from bootstrapper.verdicts import prove

        prove(session, proved, show=False)
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
    from bootstrapper.verdicts import compare_with_old, prove

    session.take(session.engine.unreachable)
    _show_failures(session)
    prove(session, [name for name in session.settings if name not in session.results])
    compare_with_old(session)
    verdicts = session.verdicts.values()
    if session.results or any(verdict.failure for verdict in verdicts):
        return FAILED
    if not all(verdict.ok for verdict in verdicts):
        return DIFFERS
    compared = [verdict.comparison for verdict in verdicts if verdict.comparison]
    if any(comparison.lost for comparison in compared):
        return DIFFERS
    return DONE if all(comparison.ok for comparison in compared) else FAILED


def _preview(session: _Session, wishes: PreviewOptions) -> int:
    _ask_for_root_to_look(session)
    session.terminal.end()
    settings = session.settings[THIS_MACHINE]
    from bootstrapper.preview import Preview

    shown = Preview(session.engine, settings, wishes, session.terminal, session.log)
    return shown.run(session.directory)


def _apply(session: _Session) -> int:
    _warn_of_damage(session)
    session.engine.ask_ahead(session.stages)
    _ask_for_root_to_look(session)
    _evaluate(session)
    to_do = {name: result.can_do for name, result in session.results.items() if result.can_do}
    if to_do or not all(result.ok for result in session.results.values()):
        session.terminal.plan(tuple(session.results.values()), commands=False)
    if to_do:
        if not _agreed(session, to_do):
            session.terminal.say("Nothing was changed.")
            return DONE
        _change(session, to_do)
        _read_versions(session)
        look_at_the_lock_again(session)
    else:
        tell_of_the_lock(session)
    _show_failures(session)
    if session.proves:
        from bootstrapper.verdicts import prove

        through = [
            name
            for name, result in session.results.items()
            if result.goes_on and "blog" not in result.held_up
        ]
        prove(session, through)
    report = session.report("apply")
    _record(session, report)
    _summarize(session, report)
    return DONE if report.ok else FAILED


def _undo(session: _Session) -> int:
    from bootstrapper.undo import undo_stages

    session.undoing = undo_stages(session.journal, everything=session.options.everything)
    for damage in session.journal.damage:
        session.terminal.complain(damage)
    if session.journal.made(THIS_MACHINE) and not session.options.plan:
        _ask_for_root_to_look(session)
    _look(session)
    to_do = {name: result.to_do for name, result in session.results.items() if result.to_do}
    session.terminal.plan(tuple(session.results.values()), commands=session.options.plan)
    _show_failures(session)
    if session.options.plan or not to_do:
        return _undo_told(session, to_do)
    if not _agreed(session, to_do):
        session.terminal.say("Nothing was changed.")
        return DONE
    _change(session, to_do)
    _show_failures(session)
    report = session.report("undo")
    _look(session)
    _close(session)
    session.take(report.machines)
    _summarize(session, report)
    return DONE if report.ok else FAILED


def _undo_told(session: _Session, to_do: _ToDo) -> int:
    """The end of an undo that changes nothing: it was only shown, or there is nothing to do."""
    from bootstrapper.undo import NOTHING_KNOWN

    ok = all(result.ok for result in session.results.values())
    changes = sum(map(len, to_do.values()))
    if not session.options.plan:
        _close(session)
    known = session.journal.machines & {*session.results}
    nothing = "Nothing to take back." if known or not ok else NOTHING_KNOWN
    session.terminal.say(_changes(changes) if changes else nothing)
    return DONE if ok else FAILED


def _close(session: _Session) -> None:
    from bootstrapper.undo import close

    try:
        close(session.journal, session.results.values())
    except OSError as error:
        session.terminal.complain(
            f"What is taken back could not be written down in {session.directory} "
            f"({error.strerror}). Make room there, and run `undo` again, which will find it gone."
        )


def _look(session: _Session) -> None:
    """Evaluate the stages as they are now, and change nothing."""
    terminal = session.terminal
    terminal.begin("Looking at the machine", machines=len(session.settings), show_operations=False)
    session.take(session.engine.evaluate(session.stages, apply=False))
    session.take(session.engine.unreachable)
    terminal.end()


def _evaluate(session: _Session) -> None:
    _look(session)
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


def _change(session: _Session, to_do: _ToDo) -> None:
    needing_root = [o.name for o in to_do.get(THIS_MACHINE, ()) if o.uses_sudo]
    if needing_root:
        _get_root(session, ", ".join(needing_root))
    session.engine.forget_facts()
    terminal = session.terminal
    terminal.begin("Working", machines=len(session.settings), show_operations=True)
    session.take(session.engine.evaluate(session.stages, apply=True, machines=to_do))
    terminal.end()
    for result in session.results.values():
        for operation in result.operations:
            for finding in operation.findings:
                if finding.severity == "notice" and not finding.code.startswith(PREFIX):
                    terminal.finding(finding)


def _ask_for_root_to_look(session: _Session) -> None:
    """An engine that answers only root cannot be looked at without it."""
    if THIS_MACHINE not in session.settings or not session.stages:
        return
    with contextlib.suppress(FactFailed):  # the evaluation asks again, and says it
        if session.engine.ask(THIS_MACHINE, container_engine).denied:
            _get_root(session, "talking to the container engine")
            session.engine.forget_facts()


def _get_root(session: _Session, purpose: str) -> None:
    session.terminal.end()  # a password prompt and a spinner do not share a line
    session.stack.enter_context(sudo_ready(needed_for=purpose, can_ask=session.terminal.can_ask))


def _agreed(session: _Session, to_do: _ToDo) -> bool:
    session.terminal.say(_changes(sum(map(len, to_do.values()))))
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
    content = {
        "finished": f"{datetime.now():%Y-%m-%dT%H:%M:%S}",
        "versions": session.versions,
        "report": report.as_json(),
    }
    try:
        write_record(session.directory, content)
    except OSError as error:
        session.terminal.complain(
            f"The record of this run could not be written into {session.directory} "
            f"({error.strerror}); the one before stays. Make room there."
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
    if not session.undoing:
        _record(session, session.report("apply"))
    terminal.complain(
        f"Stopped. Done: {', '.join(names) or 'nothing'}. "
        f"Not done: {', '.join(rest) or 'nothing'}. Run it again to go on."
    )


def _key(operation: OperationResult) -> tuple[str, str, str]:
    return operation.machine, operation.stage, operation.name
