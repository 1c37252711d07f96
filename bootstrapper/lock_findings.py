"""What a run says of the lock: at its end, and also where there was nothing to do."""

from __future__ import annotations

from dataclasses import replace

from bootstrapper.session import Session
from bootstrapper.stages import LOCK

PREFIX = f"{LOCK.name}."  # of the codes of its findings


def look_at_the_lock_again(session: Session) -> None:
    """What was installed just now may be another version than is locked."""
    if not session.lock:
        return
    for looked in session.engine.evaluate((LOCK,), apply=False, machines=[*session.results]):
        done = session.results[looked.machine]
        others = tuple(o for o in done.operations if o.stage != LOCK.name)
        session.take([replace(done, operations=(*looked.operations, *others))])
    tell_of_the_lock(session)


def tell_of_the_lock(session: Session) -> None:
    """Its findings; those of what was refused are told with the refusal."""
    for result in session.results.values():
        for operation in result.operations:
            for finding in operation.findings:
                if operation.ok and finding.code.startswith(PREFIX):
                    session.terminal.finding(finding)
