"""Compares one page of the old site with its successor: asks both, and says what differs."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrapper.proof.against.differences import Seen, differences_between, look
from bootstrapper.proof.against.discovery import Robots, links_of
from bootstrapper.proof.against.ledger import PageResult
from bootstrapper.proof.against.places import Move
from bootstrapper.proof.against.visits import GivenUpError, UnansweredError, Visitor, most_of
from bootstrapper.proof.client import Answer, Client, NoAnswerError


@dataclass(frozen=True)
class Pair:
    """A connection to each of the two sites; belongs to one thread, bar `abort`."""

    old: Visitor
    new: Client

    def abort(self) -> None:
        """Let what is under way fail at once."""
        self.old.abort()
        self.new.abort()

    def close(self) -> None:
        """Close both."""
        self.old.close()
        self.new.close()


@dataclass(frozen=True)
class Outcome:
    """What became of a page: no `result` if the old site gave no answer; `failure` says why, or
    what its own trouble is."""

    path: str
    result: PageResult | None
    failure: str = ""


@dataclass(frozen=True)
class Pages:
    """How pages are compared; with `robots`, those that they link to are found as well."""

    move: Move
    robots: Robots | None

    def compare(self, pair: Pair, path: str) -> Outcome:
        """Ask both sites for one page.

        Raises:
            GivenUpError: one of them cannot be asked any more.
        """
        try:
            old = look(pair.old.ask, self.move.old, path)
        except UnansweredError as silence:
            return Outcome(path, None, str(silence))
        new = look(lambda there: _ask(pair.new, there), self.move.new, self.move.successor(path))
        differences = differences_between(path, old, new, self.move)
        failure = f"status {old.status}" if old.status >= 500 else ""
        return Outcome(path, PageResult(path, differences, self._found(old)), failure)

    def _found(self, seen: Seen) -> tuple[str, ...]:
        if self.robots is None or seen.page is None:
            return ()
        return links_of(seen.page, seen.url, self.move.old, self.robots)


def _ask(client: Client, path: str) -> Answer:
    try:
        return client.ask("GET", path, keep_body=True, most=most_of)
    except NoAnswerError as silence:
        raise GivenUpError(
            f"the new site stopped answering: {silence}. Run bootstrap.py to start it."
        ) from silence
