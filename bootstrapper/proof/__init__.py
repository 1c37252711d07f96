"""The proof that a server serves exactly one build of the site, byte for byte.

`prove` asks a server for everything that was built and compares; it changes nothing anywhere.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import closing

from bootstrapper.proof.addresses import base_directory, url_of
from bootstrapper.proof.checks import BUILD_ID_HEADER, Check, manners, plan, samples
from bootstrapper.proof.client import Answer, Client, NoAnswerError, Server, parse_server
from bootstrapper.proof.examination import Examination, GivenUpError, Limits, Outcome
from bootstrapper.proof.inspection import Inspection
from bootstrapper.proof.verdict import Fault, Flaw, Proof
from deploys.facts.built_site import BuiltSite

__all__ = ["Fault", "Flaw", "Limits", "Proof", "prove"]


def prove(
    site: BuiltSite,
    base_url: str,
    *,
    wait_seconds: float = 0.0,
    site_url: str = "",
    limits: Limits | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Proof:
    """Compare what `base_url` (such as `http://127.0.0.1:4000`) serves with what was built.

    A server that has just been started is given `wait_seconds` to answer for the first time; after
    that nothing is asked twice. `site_url` is the site's own address (`url:` in its configuration):
    links to it count as internal, and if it is https, nothing may be loaded over http.
    `on_progress(done, total)` is called in the caller's thread after each answer; `total` grows
    once, when the answers to the files show what to ask next.

    Raises:
        ValueError: `base_url` is no address of a server.
    """
    started = time.monotonic()
    server = parse_server(base_url)
    inspection = Inspection(site, server.origin, site_url)
    examination = Examination(site.build_id, server, limits or Limits(), inspection)
    trouble = _unfit(site) or _greet(site, server, examination.limits, wait_seconds)
    with closing(examination):
        faults = [trouble] if trouble else _compare(site, examination, on_progress)
    return Proof(
        build_id=site.build_id,
        base_url=server.origin,
        files=len(site.files),
        bytes=examination.bytes,
        requests=examination.requests,
        seconds=time.monotonic() - started,
        faults=tuple(faults),
        warnings=() if trouble else inspection.flaws(),
    )


def _unfit(site: BuiltSite) -> Fault | None:
    if site.files:
        return None
    return Fault("build.empty", "/", "a build that wrote at least one file", "no file at all")


def _greet(site: BuiltSite, server: Server, limits: Limits, wait_seconds: float) -> Fault | None:
    """Wait for the first answer, and see whether it comes from the build that is to be proved."""
    url = url_of(base_directory(site))
    deadline = time.monotonic() + wait_seconds
    pause = 0.02
    while True:
        left = max(deadline - time.monotonic(), 0.0)
        patience = min(limits.answer_seconds, left) if left else limits.answer_seconds
        try:
            with closing(Client(server, patience)) as client:
                return _other_build(site, url, client.ask("GET", url))
        except NoAnswerError as silence:
            if time.monotonic() + pause > deadline:
                return Fault(silence.kind, url, "an answer", str(silence))
        time.sleep(pause)
        pause = min(pause * 2, 0.25)


def _other_build(site: BuiltSite, url: str, answer: Answer) -> Fault | None:
    seen = answer.headers.get(BUILD_ID_HEADER)
    if seen == site.build_id:
        return None
    if seen is None:
        name = answer.headers.get("Server", "it does not say which")
        got = f"another program answers on this port ({name}): no header {BUILD_ID_HEADER}"
        return Fault("server.stranger", url, f"build {site.build_id}", got)
    return Fault("build.other", url, f"build {site.build_id}", f"build {seen}")


def _compare(
    site: BuiltSite, examination: Examination, on_progress: Callable[[int, int], None] | None
) -> list[Fault]:
    sampled = {url_of(file.path): file for file in samples(site)}
    first = plan(site, secrets.token_hex(12))
    further: list[Check] = []
    faults: list[Fault] = []

    def see(outcome: Outcome) -> None:
        faults.extend(outcome.faults)
        file = sampled.get(outcome.check.url) if outcome.check.purpose == "file" else None
        if file and outcome.answer and not outcome.faults:
            further.extend(manners(file, outcome.answer))
        if on_progress:
            on_progress(examination.requests, len(first) + len(further))

    try:
        examination.perform(first, see)
        examination.perform(tuple(further), see)
    except GivenUpError as end:
        faults.append(end.fault)
    else:
        faults.extend(_listing(site, {fault.path for fault in faults}))
    return sorted(faults, key=lambda fault: (fault.path, fault.kind))


def _listing(site: BuiltSite, known: set[str]) -> list[Fault]:
    """Differences between what was built and what lies in the web root, but for `known` URLs."""
    built = {file.path for file in site.files}
    served = set(site.served)
    extra = [
        Fault("file.extra", url_of(path), "no such file", "a file that the build did not write")
        for path in sorted(served - built)
    ]
    unlisted = [
        Fault("file.unlisted", url_of(path), "a file in the web root", "no such file")
        for path in sorted(built - served)
        if url_of(path) not in known
    ]
    return extra + unlisted
