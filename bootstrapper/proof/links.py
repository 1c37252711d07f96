"""Follows the links within the site: does each lead to something that was built?

Tags are found with regular expressions: of the one second that the proof of a 1,000-file site may
take, `html.parser` alone took 0.8 s, these 0.1 s. The tests hold them against `html.parser`.
"""

from __future__ import annotations

import html
import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from bootstrapper.proof.addresses import Addresses, base_directory, url_of
from bootstrapper.proof.verdict import BrokenLink
from deploys.facts.built_site import BuiltSite

_ATTRIBUTES = r"""[^"'>]*(?:"[^"]*"[^"'>]*|'[^']*'[^"'>]*)*"""
_TAG = re.compile(
    rf"""<(?:!--.*?(?:-->|\Z)
          |(?P<raw>script|style|textarea|title|xmp|iframe)\b(?P<its>{_ATTRIBUTES})>.*?(?:</(?P=raw)\b|\Z)
          |(?P<tag>[a-z][^\s/>]*)(?P<attributes>{_ATTRIBUTES})>)""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)\s*(?:=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_FOLLOWED = frozenset({"href", "src", "srcset", "poster", "id", "name"})
_CANDIDATE = re.compile(r"\s*([^\s,]\S*[^\s,])(?:\s[^,]*)?(?:,|$)")


@dataclass(frozen=True)
class Page:
    """What a page links to, as written in it, its `<base>`, and the anchors to be found in it."""

    links: frozenset[str]
    base: str
    anchors: frozenset[str]


def is_page(path: str) -> bool:
    """Whether a file is read for links."""
    return PurePosixPath(path).suffix.lower() in (".html", ".htm", ".xhtml")


def read_page(text: str) -> Page:
    """The links and anchors of a page. Comments, scripts and styles hold none."""
    links: set[str] = set()
    anchors: set[str] = set()
    base = ""
    for match in _TAG.finditer(text):
        tag = (match["tag"] or match["raw"] or "").lower()
        for name, value in _attributes(match["attributes"] or match["its"] or ""):
            if name == "id" or (name == "name" and tag == "a"):
                anchors.add(value)
            elif name == "href" and tag == "base":
                base = base or value
            elif name == "srcset":
                links.update(_CANDIDATE.findall(value))
            elif name != "name":
                links.add(value)
    return Page(frozenset(links), base, frozenset(anchors))


@lru_cache(maxsize=8192)  # highlighted code repeats the same few tags thousands of times
def _attributes(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (match[1].lower(), html.unescape(match[2] or match[3] or match[4] or "").strip())
        for match in _ATTRIBUTE.finditer(text)
        if match[1].lower() in _FOLLOWED
    )


@dataclass(frozen=True)
class _Target:
    """Where a link within the site leads: to a file (None: to nothing), and a place in it."""

    file: str | None
    anchor: str


@dataclass
class _Sources:
    page: str
    pages: int = 0

    def add(self, page: str) -> None:
        self.page = min(self.page, page)
        self.pages += 1


class LinkCheck:
    """Collects the pages of a site, from any thread, and then tells the broken links.

    Links to `origin` (the server's address) and to `site_url` are within the site.
    """

    def __init__(self, site: BuiltSite, origin: str, site_url: str = "") -> None:
        self._origin = origin
        self._own = {urlsplit(url).netloc for url in (origin, site_url) if url}
        self._home = base_directory(site)
        self._addresses = Addresses(file.path for file in site.files)
        self._anchors: dict[str, frozenset[str]] = {}
        self._missing: dict[str, _Sources] = {}
        self._places: dict[tuple[str, str, str], _Sources] = {}
        # The same menu stands on every page: each of its links is looked up once.
        self._known: dict[tuple[str, str], _Target | None] = {}
        self._lock = threading.Lock()

    def read(self, path: str, body: bytes) -> None:
        """Take the page that was built at `path` (relative to the web root)."""
        page = read_page(body.decode("utf-8", errors="replace"))
        with self._lock:
            self._anchors[path] = page.anchors
            for link in page.links:
                self._note(path, page, link)

    def broken(self) -> tuple[BrokenLink, ...]:
        """Every link that leads nowhere, once, sorted by the first page that has it."""
        missing = [
            BrokenLink("link.missing", link, sources.page, sources.pages)
            for link, sources in self._missing.items()
        ]
        lost = [
            BrokenLink("link.anchor", link, sources.page, sources.pages)
            for (file, anchor, link), sources in self._places.items()
            if anchor not in self._anchors.get(file, {anchor})
        ]
        return tuple(sorted(missing + lost, key=lambda broken: (broken.page, broken.link)))

    def _note(self, path: str, page: Page, link: str) -> None:
        target = self._target(path, page.base, link)
        if target is None:
            return
        if target.file is None:
            self._missing.setdefault(link, _Sources(path)).add(path)
        elif target.anchor:
            place = (target.file, target.anchor, link)
            self._places.setdefault(place, _Sources(path)).add(path)

    def _target(self, path: str, base: str, link: str) -> _Target | None:
        if link.startswith(("#", "?")) or not link:
            return self._look_up(path, base, link)
        absolute = link.startswith("/")
        key = ("" if absolute else f"{path.rpartition('/')[0]}/{base}", link)
        if key not in self._known:
            self._known[key] = self._look_up(path, base, link)
        return self._known[key]

    def _look_up(self, path: str, base: str, link: str) -> _Target | None:
        """Where a link leads; None if out of the site, or to no page at all (`mailto:`)."""
        try:
            start = urljoin(self._origin + url_of(path), base)
            there = urlsplit(urljoin(start, link))
        except ValueError:  # such as "http://[": no browser makes anything of it either
            return _Target(None, "")
        if there.scheme not in ("http", "https") or there.netloc not in self._own:
            return None
        if not unquote(there.path).strip("/"):
            return _Target(self._addresses.find(self._home), _anchor(there.fragment))
        file = self._addresses.find(unquote(there.path).removeprefix("/"))
        return _Target(file, _anchor(there.fragment))


def _anchor(fragment: str) -> str:
    """The place that a fragment names.

    Empty for the page's top and for what scripts and browsers make of it themselves (`#!route`,
    `#/route`, `#:~:text=…`).
    """
    name = unquote(fragment).partition(":~:")[0]
    return "" if name.lower() == "top" or name.startswith(("!", "/")) else name
