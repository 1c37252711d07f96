"""Feeds and sitemaps: which addresses they list."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from bootstrapper.proof.documents import local_name, parse_xml, text_of

# Only what begins as one is taken for one: other XML is the author's own affair.
_ROOT = re.compile(rb"<(?:\w+:)?(feed|rss|RDF|urlset|sitemapindex)[\s>]")


@dataclass(frozen=True)
class Listing:
    """The addresses that a feed's entries, or a sitemap, lead to, as written."""

    kind: Literal["feed", "sitemap"]
    links: tuple[str, ...]


def is_document(path: str) -> bool:
    """Whether a file of this name may be a feed or a sitemap."""
    return PurePosixPath(path).suffix.lower() in (".xml", ".atom", ".rss")


def kind_of(body: bytes) -> Literal["feed", "sitemap", ""]:
    """What a document is by its first element; empty if it is neither, or declares entities."""
    found = _ROOT.search(body[:2048])
    if not found or b"<!ENTITY" in body:
        return ""
    return "sitemap" if found[1] in (b"urlset", b"sitemapindex") else "feed"


def read_listing(body: bytes, kind: Literal["feed", "sitemap"]) -> Listing:
    """The addresses in a document of this kind.

    Raises:
        NotXmlError: it is not well-formed.
    """
    links = (link for entry in parse_xml(body).iter() for link in _links_of(entry))
    return Listing(kind, tuple(dict.fromkeys(filter(None, links))))


def _links_of(element: ET.Element) -> Iterator[str]:
    name = local_name(element) if isinstance(element.tag, str) else ""  # a comment's is a function
    if read := _ENTRIES.get(name):
        yield from (read(child) for child in element if isinstance(child.tag, str))


def _of_atom(child: ET.Element) -> str:
    if local_name(child) == "link" and child.get("rel", "alternate") == "alternate":
        return child.get("href", "").strip()
    return ""


def _of_rss(child: ET.Element) -> str:
    return text_of(child) if child.tag.rpartition("}")[2] == "link" else ""


def _of_sitemap(child: ET.Element) -> str:
    return text_of(child) if local_name(child) == "loc" else ""


_ENTRIES: dict[str, Callable[[ET.Element], str]] = {
    "entry": _of_atom,
    "item": _of_rss,
    "url": _of_sitemap,
    "sitemap": _of_sitemap,
}
