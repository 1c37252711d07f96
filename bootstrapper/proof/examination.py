"""Asks a server what is on a list of checks, over a few connections, and judges each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from bootstrapper.proof.checks import Check, judge
from bootstrapper.proof.client import Answer, Client, NoAnswerError, Server
from bootstrapper.proof.crew import OutOfTimeError, work_through
from bootstrapper.proof.inspection import Inspection
from bootstrapper.proof.verdict import Fault


@dataclass(frozen=True)
class Limits:
    """How hard a server is asked, and for how long.

    `answer_seconds` is the longest silence within one answer, `total_seconds` the longest proof.
    After `silences` requests without an answer the server is given up.
    """

    connections: int = 8
    answer_seconds: float = 10.0
    total_seconds: float = 600.0
    silences: int = 8


@dataclass(frozen=True)
class Outcome:
    """One check, what was answered (nothing, if nobody answered), and what is wrong with it."""

    check: Check
    answer: Answer | None
    faults: tuple[Fault, ...]


class GivenUpError(Exception):
    """It makes no sense to ask on; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Examination:
    """Counts its `requests` and the `bytes` that came back; shows files to the `inspection`."""

    def __init__(
        self, build_id: str, server: Server, limits: Limits, inspection: Inspection
    ) -> None:
        self.limits = limits
        self.requests = 0
        self.bytes = 0
        self._build_id = build_id
        self._server = server
        self._inspection = inspection
        self._deadline = time.monotonic() + limits.total_seconds
        self._clients = [Client(server, limits.answer_seconds) for _ in range(limits.connections)]

    def perform(self, checks: Sequence[Check], see: Callable[[Outcome], None]) -> None:
        """Show `see` the outcomes of all the checks, in the order in which the server answers.

        Raises:
            GivenUpError: the server stopped answering, or takes too long.
        """
        silences = 0
        outcomes = work_through(self._clients, checks, self._examine, self._deadline)
        with closing(outcomes):
            try:
                for outcome in outcomes:
                    self.requests += 1
                    self.bytes += outcome.answer.size if outcome.answer else 0
                    see(outcome)
                    silences += outcome.answer is None
                    if silences >= self.limits.silences:
                        got = f"nothing for {silences} of {self.requests:,} requests"
                        raise _given_up("server.gave-up", checks, got)
            except OutOfTimeError:
                got = f"{self.requests:,} in {self.limits.total_seconds:g} s"
                raise _given_up("server.slow", checks, got) from None

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()

    def _examine(self, client: Client, check: Check) -> Outcome:
        file = check.body if check.purpose == "file" else None
        keep = file is not None and self._inspection.wants(file)
        try:
            answer = client.ask(check.method, check.url, dict(check.headers), keep_body=keep)
        except NoAnswerError as silence:
            fault = Fault(silence.kind, check.url, "an answer", str(silence))
            return Outcome(check, None, (fault,))
        faults = judge(check, answer, self._build_id, self._server.origin)
        if keep and file and answer.body is not None and not faults:
            self._inspection.read(file.path, answer.body)
        return Outcome(check, answer, faults)


def _given_up(kind: str, checks: Sequence[Check], got: str) -> GivenUpError:
    return GivenUpError(Fault(kind, "/", f"{len(checks):,} answers", got))
