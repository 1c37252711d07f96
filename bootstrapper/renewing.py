"""The command `update`: a run without the lock, and what it has made becomes the lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from pyinfra.context import host
from rich.markup import escape

from bootstrapper.answers import FactFailed
from bootstrapper.inventory import THIS_MACHINE
from bootstrapper.lock import LockError, beside, read_lock, shown, write_lock
from bootstrapper.session import Session
from deploys.facts.machine import ThisMachine
from deploys.operations.lock import parts_here
from deploys.parts import Difference, Parts, differences, kind_of
from deploys.settings import Settings


def renew(session: Session, run: Callable[[Session], int]) -> int:
    """Run, and lock what is there then; the exit code is the run's.

    Only what has been proved is locked: a run that failed, or was declined, leaves the lock alone.

    Raises:
        LockError: the machines differ among themselves, or the lock cannot be written.
    """
    path = beside(session.options.inventory)
    before = read_lock(path) or {}
    code = run(session)
    if not _is_done(session):
        session.terminal.say(f"{escape(shown(path))} was left as it is.")
        return code
    parts = _parts_of_machines(session)
    told = {
        kind: list(differences(before.get(kind, Parts()), there)) for kind, there in parts.items()
    }
    if any(told.values()):
        write_lock(path, {**before, **parts})
    session.renewed = {
        "path": str(path),
        "machines": {kind: [asdict(one) for one in changed] for kind, changed in told.items()},
    }
    _show(session, path, told)
    return code


def _is_done(session: Session) -> bool:
    """A machine reached over SSH has no proof of its own; what is said of it is enough."""
    results = session.results.values()
    proved = [v.ok for name, v in session.verdicts.items() if name == THIS_MACHINE]
    return all(result.ok and not result.to_do for result in results) and all(proved)


def _parts_of_machines(session: Session) -> dict[str, Parts]:
    found: dict[str, tuple[str, Parts]] = {}
    for name, settings in session.settings.items():
        kind, parts = _ask(session, name, settings)
        first, known = found.setdefault(kind, (name, parts))
        if differing := differences(known, parts):
            told = ", ".join(map(str, differing))
            raise LockError(
                f"{first} and {name} have different versions ({told}), and a lock has one of each: "
                f"make them alike, or take one as the model with --limit {first}."
            )
    return {kind: parts for kind, (_, parts) in found.items()}


def _ask(session: Session, name: str, settings: Settings) -> tuple[str, Parts]:
    def question() -> tuple[str, Parts]:
        return kind_of(host.get_fact(ThisMachine)), parts_here(settings)

    try:
        return session.engine.ask(name, question)
    except FactFailed as error:
        raise LockError(f"{name}: {error.failure.summary}; nothing was locked.") from error


def _show(session: Session, path: Path, told: Mapping[str, list[Difference]]) -> None:
    if not any(told.values()):
        session.terminal.say(f"Nothing to renew: {escape(shown(path))} is what is here.")
        return
    for kind, changed in told.items():
        for one in changed:
            session.terminal.say(f"  {escape(f'[{kind}] {one}')}")
    session.terminal.say(
        f"[green]✓[/] {escape(shown(path))} is renewed; it belongs into the inventory's repository."
    )
