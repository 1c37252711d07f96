"""What a reader sees of a page: title, text, canonical address, links. Reads, compares nothing."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from html.parser import HTMLParser

from typing_extensions import override

PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})

_UNSEEN = frozenset({"script", "style", "noscript", "template", "title", "head"})
# Words on both sides of these are not one word.
_INLINE = frozenset(
    {
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "data",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "del",
        "kbd",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
    }
)
# Within a few seconds: what comes later is a page that renews itself.
_REFRESH = re.compile(r"""\s*\d?(?:\.\d*)?\s*[;,]\s*(?:url\s*=\s*)?["']?([^"']*)""", re.IGNORECASE)
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
                     (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
# Every browser reads the first as the second (WHATWG, Encoding, 4.2).
_LATIN = {"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252"}


@dataclass(frozen=True)
class Page:
    """A page as read. Addresses stand as they are written; `refresh` is where it sends its readers
    at once; `complaint` is what is wrong with its character set."""

    title: str
    text: str
    canonical: str
    base: str
    refresh: str
    links: tuple[str, ...]
    complaint: str = ""


def read_page(body: bytes, content_type: str) -> Page:
    """Read the bytes of a page that came with this Content-Type."""
    text, complaint = _decode(body, content_type)
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return Page(
        _plain(reader.title),
        _plain(reader.text),
        reader.canonical,
        reader.base,
        reader.refresh,
        tuple(dict.fromkeys(reader.links)),
        complaint,
    )


def _plain(pieces: list[str]) -> str:
    return " ".join("".join(pieces).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.text: list[str] = []
        self.canonical = ""
        self.base = ""
        self.refresh = ""
        self.links: list[str] = []
        self._unseen = ""
        self._in_title = False

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: (value or "").strip() for name, value in reversed(attrs)}
        if tag == "title" and not self.title and self._unseen in ("", "head"):
            self._in_title = True
        elif tag in _UNSEEN and not self._unseen:
            self._unseen = tag
        elif tag == "body":  # a head need not be closed
            self._unseen = ""
        if tag not in _INLINE:
            self.text.append(" ")
        if self._unseen in ("", "head"):
            self._note(tag, given)

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag == self._unseen:
            self._unseen = ""
        if tag not in _INLINE:
            self.text.append(" ")

    @override
    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._unseen:
            self.text.append(data)

    @override
    def parse_html_declaration(self, i: int) -> int:
        """`<![…` is a comment for browsers; the standard library fails at most of them."""
        if self.rawdata.startswith("<![", i):
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)

    def _note(self, tag: str, given: dict[str, str]) -> None:
        href = given.get("href", "")
        if tag == "a" and href:
            self.links.append(href)
        elif tag == "base":
            self.base = self.base or href
        elif tag == "link" and "canonical" in given.get("rel", "").lower().split():
            self.canonical = self.canonical or href
        elif tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            found = _REFRESH.match(given.get("content", ""))
            self.refresh = self.refresh or (found[1].strip() if found else "")


def _decode(body: bytes, content_type: str) -> tuple[str, str]:
    """The text, and what is wrong with the character set that was announced."""
    name = _announced(body, content_type)
    try:
        return body.decode(_LATIN.get(name.lower(), name)), ""
    except LookupError:
        complaint = f"it names the character set {name}, which does not exist"
    except ValueError:
        complaint = f"it says that it is {name}, and its bytes are not"
    try:
        return body.decode("utf-8"), complaint
    except UnicodeDecodeError:
        return body.decode("cp1252", errors="replace"), complaint


def _announced(body: bytes, content_type: str) -> str:
    for mark, name in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return name
    _, _, parameter = content_type.lower().partition("charset=")
    if named := parameter.partition(";")[0].strip(" \"'"):
        return named
    found = _META_CHARSET.search(body[:4096])
    return found[1].decode("ascii", errors="replace") if found else "utf-8"
