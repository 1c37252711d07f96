"""The verdicts of a run on its machines' blogs: taken, kept, and shown."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrapper.proving import compare_blog, prove_blog
from bootstrapper.session import Session


def prove(session: Session, machines: Sequence[str], *, show: bool = True) -> None:
    """Prove the blog of machines; `show` tells what came of it."""
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


def compare_with_old(session: Session) -> None:
    """Compare with the old site, where one was named.

    Only a blog that is proved stands for what the new site will be.
    """
    terminal, against = session.terminal, session.options.against
    if against is None:
        return
    from bootstrapper.proof.against import parse_site

    for machine, verdict in session.verdicts.items():
        if not verdict.ok:
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
