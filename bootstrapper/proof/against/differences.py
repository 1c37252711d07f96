"""What differs between a page of the old site and its successor. Asks nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from bootstrapper.proof.against.page import PAGE_TYPES, Page, read_page
from bootstrapper.proof.against.places import Move, Site, absolute
from bootstrapper.proof.against.visits import LARGEST_PAGE, media_of
from bootstrapper.proof.client import Answer
from bootstrapper.proof.media import are_alike

Kind = Literal[
    "lost",  # the old site has it, the new one has not
    "status", "redirect", "type", "title", "canonical", "text", "links",
    "old",  # the old site's own trouble: nothing to compare with
    "unread",  # compared by status and type only
]  # fmt: skip
MEANINGS: dict[Kind, str] = {
    "lost": "would be lost",
    "status": "another status",
    "redirect": "redirected elsewhere",
    "type": "another content type",
    "title": "another title",
    "canonical": "another canonical link",
    "text": "another text",
    "links": "other links",
    "old": "the old site's own trouble",
    "unread": "not read as a whole",
}

_HOPS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_WORDS = 6


@dataclass(frozen=True)
class Difference:
    """One thing that a page of the old site and its successor do not have in common.

    `path` is the old one's, `kind` is stable, `old` and `new` are for a person.
    """

    kind: Kind
    path: str
    old: str
    new: str

    def __str__(self) -> str:
        """One sentence, without a full stop."""
        return f"{self.path}: {MEANINGS[self.kind]}: {self.old} → {self.new}"


@dataclass(frozen=True)
class Seen:
    """What is at an address.

    `url` is where its redirects end (an address elsewhere is not asked; its `status` is 0), `moved`
    whether that is another place (a slash more makes none), `trouble` why they never end.
    """

    url: str
    status: int
    moved: bool = False
    media: str = ""
    page: Page | None = None
    cut: bool = False
    trouble: str = ""

    @property
    def is_there(self) -> bool:
        """Whether a reader gets something, here or elsewhere."""
        return not self.trouble and self.status < 400


def look(ask: Callable[[str], Answer], site: Site, path: str) -> Seen:
    """Ask for a path of a site, and follow its redirects, those within a page too."""
    been = [path]
    while len(been) <= _HOPS:
        answer = ask(been[-1])
        here = site.origin + been[-1]
        seen = _seen(here, answer, moved=_place(here) != _place(site.origin + path))
        link = _leads_to(answer, seen.page)
        if link is None:
            return seen
        there = absolute(here, "" if seen.page is None else seen.page.base, link)
        path_there = site.path_of(there.partition("#")[0])
        if path_there is None:
            return Seen(there, 0, moved=True)
        if path_there == been[-1] and seen.page:  # a page that renews itself
            return seen
        if path_there in been:
            return Seen(here, answer.status, moved=True, trouble="its redirects go in a circle")
        been.append(path_there)
    return Seen(site.origin + path, 0, moved=True, trouble=f"more than {_HOPS} redirects")


def differences_between(path: str, old: Seen, new: Seen, move: Move) -> tuple[Difference, ...]:
    """Every difference between what is at a path of the old site and what takes its place."""
    return tuple(
        Difference(kind, path, was, becomes) for kind, was, becomes in _differences(old, new, move)
    )


def _seen(url: str, answer: Answer, *, moved: bool) -> Seen:
    media = media_of(answer.headers)
    cut = answer.size > LARGEST_PAGE
    page = None
    if answer.body is not None and media in PAGE_TYPES and not cut:
        page = read_page(answer.body, answer.headers.get("Content-Type", ""))
    return Seen(url, answer.status, moved, media, page, cut or _ended_early(answer, media))


def _ended_early(answer: Answer, media: str) -> bool:
    return not answer.complete and media in PAGE_TYPES


def _leads_to(answer: Answer, page: Page | None) -> str | None:
    if answer.status in _REDIRECTS and answer.headers.get("Location"):
        return _in_utf8(str(answer.headers["Location"]))
    if answer.status == 200 and page and page.refresh:
        return page.refresh
    return None


def _in_utf8(header: str) -> str:
    """A header's bytes, which `http.client` reads as ISO 8859-1, as browsers read an address."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def _differences(old: Seen, new: Seen, move: Move) -> Iterator[tuple[Kind, str, str]]:
    if old.trouble or old.status >= 500:
        yield "old", old.trouble or f"status {old.status}", _what(new)
    elif old.is_there and not new.is_there:
        yield "lost", _what(old), _what(new)
    elif old.status >= 400:
        if new.status != old.status:
            yield "status", f"status {old.status}", _what(new)
    else:
        yield from _of_places(old, new, move)
        if old.status and new.status:
            yield from _of_contents(old, new, move)


def _what(seen: Seen) -> str:
    if seen.trouble:
        return seen.trouble
    status = f"status {seen.status}" if seen.status else "an address elsewhere"
    return f"{status} at {seen.url}" if seen.moved else status


def _of_places(old: Seen, new: Seen, move: Move) -> Iterator[tuple[Kind, str, str]]:
    """A redirect may lead where it led, or the new site may answer at once."""
    was, becomes = move.old_place(old.url), move.new_place(new.url)
    if not old.moved and not new.moved:
        if old.status != new.status:
            yield "status", f"status {old.status}", f"status {new.status}"
    elif (new.moved or not old.status) and _place(was) != _place(becomes):
        yield (
            "redirect",
            f"to {was}" if old.moved else "no redirect",
            f"to {becomes}" if new.moved else "no redirect",
        )


def _of_contents(old: Seen, new: Seen, move: Move) -> Iterator[tuple[Kind, str, str]]:
    if not are_alike(old.media, new.media):
        yield "type", old.media or "none", new.media or "none"
    elif old.page and new.page:
        yield from _of_pages(old, old.page, new, new.page, move)
        if old.page.complaint:
            yield "old", old.page.complaint, "read as well as it could be"
    elif old.cut or new.cut:
        limit = f"larger than {LARGEST_PAGE // 1024**2} MB, or it ends early"
        yield "unread", limit if old.cut else "whole", limit if new.cut else "whole"


def _of_pages(
    old: Seen, was: Page, new: Seen, becomes: Page, move: Move
) -> Iterator[tuple[Kind, str, str]]:
    if was.title != becomes.title:
        yield "title", f'"{was.title}"', f'"{becomes.title}"'
    canonical = (
        was.canonical and move.old_place(absolute(old.url, was.base, was.canonical)),
        becomes.canonical and move.new_place(absolute(new.url, becomes.base, becomes.canonical)),
    )
    if canonical[0] != canonical[1]:
        yield "canonical", canonical[0] or "none", canonical[1] or "none"
    text = (move.old.without_itself(was.text), move.new.without_itself(becomes.text))
    text = (text[0], move.old.without_itself(text[1]))
    if text[0] != text[1]:
        yield "text", *_first_difference(*text)
    yield from _of_links(old, was, new, becomes, move)


def _of_links(
    old: Seen, was: Page, new: Seen, becomes: Page, move: Move
) -> Iterator[tuple[Kind, str, str]]:
    """Links to places; what only a query or a fragment tells apart is one place."""
    before = {_place(move.old_place(absolute(old.url, was.base, link))) for link in was.links}
    after = {
        _place(move.new_place(absolute(new.url, becomes.base, link))) for link in becomes.links
    }
    gone, come = sorted(before - after), sorted(after - before)
    if gone or come:
        yield "links", _some(gone), _some(come)


def _place(address: str) -> str:
    return address.partition("?")[0].removesuffix("/index.html").rstrip("/")


def _some(links: list[str]) -> str:
    more = f" and {len(links) - 2} more" if len(links) > 2 else ""
    return ", ".join(links[:2]) + more if links else "none"


def _first_difference(old: str, new: str) -> tuple[str, str]:
    """The words around the first place where two texts differ."""
    was, becomes = old.split(), new.split()
    pairs = itertools.zip_longest(was, becomes)
    place = next((n for n, (one, other) in enumerate(pairs) if one != other), 0)
    start = max(0, place - 2)
    return _words(was, start), _words(becomes, start)


def _words(words: list[str], start: int) -> str:
    some = words[start : start + _WORDS]
    before = "… " if start else ""
    after = " …" if start + _WORDS < len(words) else ""
    return f'"{before}{" ".join(some)}{after}"'[:200]
