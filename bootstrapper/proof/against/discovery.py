"""Which pages the old site has: its sitemaps say so, or a crawl has to find out."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urljoin
from urllib.robotparser import RobotFileParser

from bootstrapper.proof.against.page import PAGE_TYPES, Page
from bootstrapper.proof.against.places import Site, absolute, name_of
from bootstrapper.proof.against.visits import USER_AGENT, media_of
from bootstrapper.proof.client import Answer
from bootstrapper.proof.documents import NotXmlError, local_name, parse_xml, text_of

MOST_PAGES = 50_000
"""Addresses that are taken, at most: more is a calendar without end, or no blog."""

_MOST_SITEMAPS = 200
_MOST_BYTES = 50 * 1024 * 1024  # of a sitemap, decompressed: what sitemaps.org allows
_USUAL = ("/sitemap.xml", "/sitemap_index.xml")

Ask = Callable[[str], Answer]


@dataclass(frozen=True)
class Discovery:
    """The pages that are known from the start, by path, and where they are known from.

    A sitemap may call the site by `other_name`. `notes` are what else the user should know.
    """

    source: Literal["sitemap", "crawl"]
    paths: tuple[str, ...]
    other_name: str = ""
    notes: tuple[str, ...] = ()


class Robots:
    """What the site's robots.txt wants of programs; without one, nothing."""

    def __init__(self, answer: Answer) -> None:
        self._rules = RobotFileParser()
        is_text = answer.status == 200 and media_of(answer.headers) not in PAGE_TYPES
        text = (answer.body or b"").decode("utf-8", errors="replace") if is_text else ""
        self._rules.parse(text.lstrip("\ufeff").splitlines())

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The sitemaps that it names."""
        return tuple(self._rules.site_maps() or ())

    @property
    def interval(self) -> float:
        """The seconds that it wants between two questions."""
        return float(self._rules.crawl_delay(USER_AGENT) or 0.0)

    def allows(self, url: str) -> bool:
        """Whether a crawl may go there."""
        return self._rules.can_fetch(USER_AGENT, url)


def discover(ask: Ask, site: Site, robots: Robots) -> Discovery:
    """The pages of a site's sitemaps, or where a crawl begins."""
    reading = _Reading(ask, site)
    for candidates in (robots.sitemaps, tuple(site.base + path for path in _USUAL)):
        reading.read(candidates)
        found = reading.pages()
        if found.paths:
            return found
    return Discovery("crawl", (f"{site.base}/",), notes=tuple(reading.notes))


def links_of(page: Page, url: str, site: Site, robots: Robots) -> tuple[str, ...]:
    """The paths of a site that a page links to; those with a query are left out: a built site
    gives the same answer to each of them."""
    found = (site.path_of(absolute(url, page.base, link).partition("#")[0]) for link in page.links)
    paths = dict.fromkeys(path for path in found if path and "?" not in path)
    return tuple(path for path in paths if robots.allows(site.origin + path))


@dataclass
class _Reading:
    """Sitemaps as they are read; `urls` are the pages that they list."""

    ask: Ask
    site: Site
    urls: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def read(self, candidates: Iterable[str]) -> None:
        """Read these sitemaps, and those that they name."""
        waiting = deque(urljoin(self.site.origin, url) for url in candidates)
        known = set(waiting)
        while waiting and len(self.urls) <= MOST_PAGES:
            pages, sitemaps = self._read_one(waiting.popleft())
            self.urls.update(dict.fromkeys(pages))
            for url in sitemaps:
                if url not in known and len(known) < _MOST_SITEMAPS:
                    known.add(url)
                    waiting.append(url)

    def pages(self) -> Discovery:
        """What was found so far, as paths of the site."""
        site = self.site
        names = {name_of(url) for url in self.urls}
        other = next(iter(names)) if len(names) == 1 else ""
        if other not in site.names and other:
            site = site.called(f"{site.origin.partition(':')[0]}://{other}")
        paths = dict.fromkeys(path for url in self.urls if (path := site.path_of(url)))
        notes = list(self.notes)
        if len(paths) > MOST_PAGES:
            notes.append(f"only the first {MOST_PAGES:,} of {len(paths):,} pages are compared")
        elif outside := len(self.urls) - len({u for u in self.urls if site.path_of(u)}):
            notes.append(
                f"{outside:,} addresses of its sitemap are not of {site.origin}{site.base}"
            )
        return Discovery("sitemap", tuple(paths)[:MOST_PAGES], other, tuple(notes))

    def _read_one(self, url: str) -> tuple[list[str], list[str]]:
        """The pages and the sitemaps that one sitemap names. Only the site itself is asked."""
        path = self.site.path_of(url) or urljoin("/", url.partition("//")[2].partition("/")[2])
        answer = self.ask(path if path.startswith("/") else f"/{path}")
        if answer.status != 200 or media_of(answer.headers) in PAGE_TYPES:
            return [], []  # many sites answer any address with a page
        try:
            return _listed(_decompressed(answer.body or b""))
        except NotXmlError as error:
            self.notes.append(f"{url} cannot be read: {error}")
            return [], []


def _decompressed(body: bytes) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    inflate = zlib.decompressobj(wbits=31)
    try:
        text = inflate.decompress(body, _MOST_BYTES)
    except zlib.error as error:
        raise NotXmlError(f"its compression is damaged ({error})") from None
    if not inflate.eof:
        raise NotXmlError("it ends early, or is larger than 50 MB")
    return text


def _listed(body: bytes) -> tuple[list[str], list[str]]:
    first = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if first.startswith((b"http://", b"https://")):  # sitemaps.org: a text file, an address a line
        return body.decode("utf-8-sig", errors="replace").split(), []
    root = parse_xml(first)
    found: dict[str, list[str]] = {"urlset": [], "sitemapindex": []}
    for entry in root:
        places = [text_of(child) for child in entry if local_name(child) == "loc"]
        found.get(local_name(root), []).extend(places[:1])
    if local_name(root) not in found:
        raise NotXmlError(f"it is a <{local_name(root)}>, no sitemap")
    return found["urlset"], found["sitemapindex"]
