"""Looks at what was built: links, feeds, sitemaps, pictures. What it finds is the author's to mend
and decides nothing: the proof compares bytes."""

from __future__ import annotations

import threading

from bootstrapper.proof.documents import NotXmlError
from bootstrapper.proof.links import LinkCheck, is_page
from bootstrapper.proof.listings import is_document, kind_of, read_listing
from bootstrapper.proof.pictures import LARGEST_PICTURE, is_picture, trouble_with
from bootstrapper.proof.verdict import Flaw
from deploys.facts.built_site import BuiltFile, BuiltSite

_LARGEST_TEXT = 16 * 1024 * 1024  # bytes; a larger one is compared, but not read


class Inspection:
    """Takes the files of a site, from any thread, and then tells their flaws.

    `origin` is the server's address, `site_url` the site's own.
    """

    def __init__(self, site: BuiltSite, origin: str, site_url: str = "") -> None:
        self._links = LinkCheck(site, origin, site_url)
        self._flaws: list[Flaw] = []
        self._lock = threading.Lock()

    def wants(self, file: BuiltFile) -> bool:
        """Whether it has a look at the bytes of this file."""
        if is_page(file.path) or is_document(file.path):
            return file.size <= _LARGEST_TEXT
        return is_picture(file.path) and file.size <= LARGEST_PICTURE

    def read(self, path: str, body: bytes) -> None:
        """Take the file that was built at `path` (relative to the web root)."""
        if is_page(path):
            self._links.read(path, body)
            return
        flaws = self._of_picture(path, body) if is_picture(path) else self._of_listing(path, body)
        if flaws:
            with self._lock:
                self._flaws.extend(flaws)

    def flaws(self) -> tuple[Flaw, ...]:
        """Everything found, sorted by file."""
        found = (*self._links.broken(), *self._flaws)
        return tuple(sorted(found, key=lambda flaw: (flaw.page, flaw.link, flaw.kind)))

    def _of_picture(self, path: str, body: bytes) -> list[Flaw]:
        trouble, why = trouble_with(body)
        return [Flaw(f"image.{trouble}", "", path, why=why)] if trouble else []

    def _of_listing(self, path: str, body: bytes) -> list[Flaw]:
        kind = kind_of(body)
        if not kind:
            return []
        try:
            listing = read_listing(body, kind)
        except NotXmlError as error:
            return [Flaw(f"{kind}.invalid", "", path, line=error.line, why=str(error))]
        return [
            Flaw(f"{kind}.link", link, path)
            for link in listing.links
            if self._links.is_broken(path, link)
        ]
