"""Compares the site that is served with the old one that it is to replace, page by page.

`compare` asks both for every page of the old one. It changes nothing on either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrapper.proof.against.comparison import Comparison
from bootstrapper.proof.against.differences import Difference, Kind
from bootstrapper.proof.against.discovery import Discovery, Robots, discover
from bootstrapper.proof.against.ledger import Ledger, LedgerError, ledger_of
from bootstrapper.proof.against.page import PAGE_TYPES
from bootstrapper.proof.against.pages import Pages, Pair
from bootstrapper.proof.against.places import (
    AddressError,
    Move,
    Site,
    absolute,
    name_of,
    parse_site,
)
from bootstrapper.proof.against.visits import (
    GivenUpError,
    Manners,
    Pace,
    UnansweredError,
    Visitor,
    media_of,
)
from bootstrapper.proof.client import Answer, Client
from bootstrapper.proof.crew import work_through

__all__ = [
    "AddressError", "Comparison", "Difference", "Kind", "LedgerError", "Manners", "NewSite",
    "compare", "parse_site",
]  # fmt: skip

Tell = Callable[[str], None]

_NEW_PATIENCE = 10.0  # seconds
_HOPS = 5  # from http to https, to www, to a path


@dataclass(frozen=True)
class NewSite:
    """The site that is served: where it answers, and what it calls itself (`url`, if known)."""

    address: str
    build_id: str
    baseurl: str = ""
    url: str = ""


def compare(
    old: Site,
    new: NewSite,
    directory: Path,
    *,
    most_pages: int | None = None,
    manners: Manners | None = None,
    tell: Tell = lambda _: None,
) -> Comparison:
    """Compare all pages of the old site, or go on where the last run ended.

    What is known so far is kept in `directory` until every page was compared. A run compares
    `most_pages` at most. `tell` is told how far it has come.

    Raises:
        LedgerError: another run compares the same sites, or `directory` cannot be written.
    """
    started = time.monotonic()
    old_url = old.origin + old.base
    outcome = Comparison(old_url, new.address + new.baseurl, new.build_id)
    run = _Run(old, new, manners or Manners(), tell)
    with ledger_of(directory, old_url, new.build_id) as ledger:
        trouble = _trouble(lambda: run.go(ledger, most_pages))
        if ledger.discovery and not ledger.left and not trouble:
            ledger.finish()
        return _outcome(outcome, ledger, run.notes, trouble, time.monotonic() - started)


def _trouble(work: Callable[[], None]) -> str:
    try:
        work()
    except (GivenUpError, UnansweredError) as end:
        return str(end)
    return ""


def _outcome(
    outcome: Comparison, ledger: Ledger, notes: list[str], trouble: str, seconds: float
) -> Comparison:
    discovery = ledger.discovery
    differences = [one for result in ledger.results for one in result.differences]
    return replace(
        outcome,
        source=discovery.source if discovery else "",
        pages=len(ledger.results),
        left=ledger.left,
        seconds=round(seconds, 3),
        differences=tuple(sorted(differences, key=lambda one: (one.path, one.kind))),
        notes=(*notes, *(discovery.notes if discovery else ())),
        trouble=trouble,
    )


def _served(new: NewSite) -> Site:
    names = {name_of(new.address), name_of(new.url)} - {""}
    return Site(new.address, new.baseurl, frozenset(names))


def _found(visitor: Visitor, site: Site, robots: Robots) -> Discovery:
    """The pages to compare.

    Raises:
        GivenUpError: there is no sitemap, and no page to begin a crawl with.
    """
    discovery = discover(visitor.ask, site, robots)
    if discovery.source == "sitemap":
        return discovery
    front = visitor.ask(discovery.paths[0])
    what = media_of(front.headers) or "nothing of a known type"
    where = f"{site.origin}{site.base} has no sitemap that can be read, and"
    notes = "".join(f" ({note})" for note in discovery.notes)
    if front.status != 200:
        raise GivenUpError(
            f"{where} its front page answers {front.status}: nothing to go by{notes}."
        )
    if what not in PAGE_TYPES:
        raise GivenUpError(f"{where} its front page is {what}, no HTML: nothing to go by{notes}.")
    if not robots.allows(site.origin + discovery.paths[0]):
        raise GivenUpError(f"{where} its robots.txt forbids to look for pages{notes}.")
    return discovery


class _Run:
    """One run of a comparison; `notes` are what it saw besides differences."""

    def __init__(self, old: Site, new: NewSite, manners: Manners, tell: Tell) -> None:
        self._old = old
        self._new = new
        self._manners = manners
        self._tell = tell
        self._pace = Pace()
        self.notes: list[str] = []

    def go(self, ledger: Ledger, most: int | None) -> None:
        """Compare what is left, and note it.

        Raises:
            GivenUpError, UnansweredError: it cannot be done, or not now.
        """
        site = self._reach(self._old)
        with closing(self._visitor(site)) as visitor:
            self._tell(f"Looking for the pages of {site.origin}")
            robots = Robots(visitor.ask("/robots.txt"))
            if ledger.discovery is None:
                ledger.begin(_found(visitor, site, robots))
        discovery = ledger.discovery
        assert discovery is not None  # begun above, or by an earlier run
        self._pace.interval = min(robots.interval, self._manners.longest_pause)
        if discovery.other_name:
            site = site.called(f"https://{discovery.other_name}")
        crawled = robots if discovery.source == "crawl" else None
        self._compare(ledger, Pages(Move(site, _served(self._new)), crawled), most)

    def _compare(self, ledger: Ledger, pages: Pages, most: int | None) -> None:
        """In rounds: those pages that a crawl has found are the next one."""
        end = len(ledger.results) + (most or ledger.left)
        tried: dict[str, str] = {}
        while paths := [path for path in ledger.pending if path not in tried]:
            budget = end - len(ledger.results) if most else len(paths)
            if budget <= 0:
                break
            self._work(ledger, pages, paths[:budget], tried)
        if tried:
            path, reason = next(iter(tried.items()))
            raise UnansweredError(
                f"{len(tried):,} of its pages gave no answer, the first {path}: {reason}. "
                "Run it again to ask for them again."
            )

    def _reach(self, site: Site) -> Site:
        """The site where its front page really is: many a one is at https, or at www."""
        for _ in range(_HOPS):
            with closing(self._visitor(site)) as visitor:
                answer = self._first_answer(visitor, site)
            here = f"{site.origin}{site.base}/"
            location = answer.headers.get("Location") if 300 <= answer.status < 400 else None
            there = absolute(here, "", location) if location else here
            moved = parse_site(there)
            if moved.origin == site.origin:
                return self._noting(site)
            site = replace(moved, base=site.base, names=site.names | moved.names)
        raise GivenUpError(f"{self._old.origin} redirects from one host to the next, without end.")

    def _noting(self, site: Site) -> Site:
        asked, there = (one.server.host.removeprefix("www.") for one in (self._old, site))
        if asked != there:
            self.notes.append(f"{self._old.origin} leads to {site.origin}: that is what was asked")
        return site

    def _first_answer(self, visitor: Visitor, site: Site) -> Answer:
        try:
            return visitor.ask(f"{site.base}/")
        except UnansweredError as silence:
            raise GivenUpError(
                f"{site.origin} does not answer: {silence}. Look whether the address is right, and "
                "whether a browser shows it."
            ) from None

    def _work(
        self, ledger: Ledger, pages: Pages, paths: Sequence[str], unanswered: dict[str, str]
    ) -> None:
        pairs = [
            Pair(self._visitor(pages.move.old), Client(pages.move.new.server, _NEW_PATIENCE))
            for _ in range(min(self._manners.connections, len(paths)))
        ]
        in_a_row = 0
        try:
            with closing(work_through(pairs, paths, pages.compare, float("inf"))) as outcomes:
                for outcome in outcomes:
                    if outcome.result:
                        ledger.add(outcome.result)
                    else:
                        unanswered[outcome.path] = outcome.failure
                    self._say_how_far(ledger)
                    in_a_row = in_a_row + 1 if outcome.failure else 0
                    if in_a_row >= self._manners.failures:
                        raise GivenUpError(
                            f"{self._old.origin} stopped answering: {in_a_row} pages in a row, the "
                            f"last {outcome.path}: {outcome.failure}. Run it again to go on."
                        )
        finally:
            for pair in pairs:
                pair.close()

    def _say_how_far(self, ledger: Ledger) -> None:
        done = len(ledger.results)
        known = done + ledger.left
        self._tell(f"Comparing with {self._old.origin}: {done:,} of {known:,} pages")

    def _visitor(self, site: Site) -> Visitor:
        return Visitor(site, self._manners, self._pace, self._tell)
