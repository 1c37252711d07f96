"""Follows the links within the site: does each lead to something that was built?

Tags are found with regular expressions: of the one second that the proof of a 1,000-file site may
take, `html.parser` alone took 0.8 s, these 0.1 s. The tests hold them against `html.parser`.
"""

from __future__ import annotations

import html
import re
import threading
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from bootstrapper.proof.addresses import Addresses, base_directory, url_of
from bootstrapper.proof.verdict import Flaw
from deploys.facts.built_site import BuiltSite

_ATTRIBUTES = r"""[^"'>]*(?:"[^"]*"[^"'>]*|'[^']*'[^"'>]*)*"""
_TAG = re.compile(
    rf"""<(?:!--.*?(?:-->|\Z)
          |(?P<raw>script|style|template|textarea|title|xmp|iframe)\b(?P<its>{_ATTRIBUTES})>.*?(?:</(?P=raw)\b|\Z)
          |(?P<tag>[a-z][^\s/>]*)(?P<attributes>{_ATTRIBUTES})>)""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)\s*(?:=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_FOLLOWED = frozenset({"href", "src", "srcset", "poster", "id", "name"})
_LOADING = frozenset(
    {"img", "script", "iframe", "audio", "video", "source", "track", "embed", "input"}
)
_LOADING_LINK = re.compile(
    r"""\brel\s*=\s*["']?[^"'>]*\b(?:stylesheet|icon|preload|modulepreload|manifest)\b""",
    re.IGNORECASE,
)
_CANDIDATE = re.compile(r"\s*([^\s,]\S*[^\s,])(?:\s[^,]*)?(?:,|$)")


@dataclass(frozen=True)
class Page:
    """What a page links to, as written in it, its `<base>`, and the anchors to be found in it.

    `insecure` are those links that the page itself loads over http.
    """

    links: frozenset[str]
    base: str
    anchors: frozenset[str]
    insecure: frozenset[str] = frozenset()


def is_page(path: str) -> bool:
    """Whether a file is read for links."""
    return PurePosixPath(path).suffix.lower() in (".html", ".htm", ".xhtml")


def read_page(text: str) -> Page:
    """The links and anchors of a page. Comments, scripts, styles and templates hold none."""
    links: set[str] = set()
    anchors: set[str] = set()
    insecure: set[str] = set()
    base = ""
    for match in _TAG.finditer(text):
        tag = (match["tag"] or match["raw"] or "").lower()
        for name, value in _attributes(match["attributes"] or match["its"] or ""):
            if name == "id" or (name == "name" and tag == "a"):
                anchors.add(value)
            elif name == "href" and tag == "base":
                base = base or value
            elif name != "name":
                found = _CANDIDATE.findall(value) if name == "srcset" else (value,)
                links.update(found)
                if "http:" in value and _loads(tag, match["attributes"] or match["its"] or ""):
                    insecure.update(link for link in found if link.startswith("http:"))
    return Page(frozenset(links), base, frozenset(anchors), frozenset(insecure))


def _loads(tag: str, attributes: str) -> bool:
    """Whether a browser that shows the page fetches what this tag links to."""
    if tag != "link":
        return tag in _LOADING
    return bool(_LOADING_LINK.search(attributes))


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
    """The pages that have a link: the first by path, with the line if it was looked for."""

    page: str = ""
    pages: int = 0
    line: int = 0

    def add(self, page: str, line: int = 0) -> None:
        if not self.pages or page < self.page:
            self.page, self.line = page, line
        self.pages += 1


_HEAD = 4096  # characters in which a page says that it leads elsewhere
_REFRESH = re.compile(r"""<meta\s[^>]*http-equiv\s*=\s*["']?refresh""", re.IGNORECASE)


class LinkCheck:
    """Collects the pages of a site, from any thread, and then tells the broken links.

    Links to `origin` (the server's address) and to `site_url` are within the site.
    """

    def __init__(self, site: BuiltSite, origin: str, site_url: str = "") -> None:
        self._origin = origin
        self._own = {urlsplit(url).netloc for url in (origin, site_url) if url}
        self._is_secure = site_url.startswith("https:")
        self._home = base_directory(site)
        self._addresses = Addresses(file.path for file in site.files)
        self._anchors: dict[str, frozenset[str]] = {}
        self._flaws: defaultdict[tuple[str, str], _Sources] = defaultdict(_Sources)
        self._places: defaultdict[tuple[str, str, str], _Sources] = defaultdict(_Sources)
        # The same menu stands on every page: each of its links is looked up once.
        self._known: dict[tuple[str, str], _Target | None] = {}
        self._lock = threading.Lock()

    def read(self, path: str, body: bytes) -> None:
        """Take the page that was built at `path` (relative to the web root)."""
        text = body.decode("utf-8", errors="replace")
        page = read_page(text)
        with self._lock:
            if not _REFRESH.search(text, 0, _HEAD):  # the places are in the page that it leads to
                self._anchors[path] = page.anchors
            for link in page.links:
                self._note(path, page, link, text)
            for link in page.insecure if self._is_secure else ():
                self._flaws["link.insecure", link].add(path, _line_of(link, text))

    def is_broken(self, path: str, link: str) -> bool:
        """Whether a link in the file `path` is one within the site, and leads nowhere."""
        target = self._look_up(path, "", link)
        return target is not None and target.file is None

    def broken(self) -> tuple[Flaw, ...]:
        """Every link that leads nowhere or should not be as it is, once."""
        flaws = [
            Flaw(kind, link, sources.page, sources.pages, sources.line)
            for (kind, link), sources in self._flaws.items()
        ]
        lost = [
            Flaw("link.anchor", link, sources.page, sources.pages)
            for (file, anchor, link), sources in self._places.items()
            if anchor not in self._anchors.get(file, {anchor})
        ]
        return tuple(flaws + lost)

    def _note(self, path: str, page: Page, link: str, text: str) -> None:
        target = self._target(path, page.base, link)
        if target is None:
            return
        if target.file is None:
            kind = "link.baseurl" if self._lacks_the_baseurl(link) else "link.missing"
            self._flaws[kind, link].add(path, _line_of(link, text))
        elif target.anchor:
            self._places[target.file, target.anchor, link].add(path)

    def _lacks_the_baseurl(self, link: str) -> bool:
        """Whether a link that leads nowhere would lead somewhere below the site's baseurl."""
        if not self._home or not link.startswith("/") or link.startswith("//"):
            return False
        there = unquote(urlsplit(link).path).removeprefix("/")
        return self._addresses.find(f"{self._home}{there}") is not None

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


def _line_of(link: str, text: str) -> int:
    """The line where a link stands in a page; 0 if it is written there in another way."""
    escaped = html.escape(link, quote=False)
    for written in (f'"{link}', f"'{link}", f"={link}", f'"{escaped}', f" {link}"):
        place = text.find(written)
        if place >= 0:
            return text.count("\n", 0, place) + 1
    return 0


def _anchor(fragment: str) -> str:
    """The place that a fragment names.

    Empty for the page's top and for what scripts and browsers make of it themselves (`#!route`,
    `#/route`, `#:~:text=…`).
    """
    name = unquote(fragment).partition(":~:")[0]
    return "" if name.lower() == "top" or name.startswith(("!", "/")) else name
