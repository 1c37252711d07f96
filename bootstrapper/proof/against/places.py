"""The addresses of the old site and those of the new one: which are the same place."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, urljoin, urlsplit

from bootstrapper.errors import UserError
from bootstrapper.proof.client import Server

_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=~?"


class AddressError(UserError):
    """What was given is no address of a site; the message says what one looks like."""


@dataclass(frozen=True)
class Site:
    """A site and where it lies.

    `origin` is where it is asked, `base` the path that it lies under (empty, or like `/blog`),
    `names` all the hosts that mean it, each with its port if that is not the usual one.
    """

    origin: str
    base: str
    names: frozenset[str]

    @property
    def server(self) -> Server:
        """Who is to be asked."""
        parts = urlsplit(self.origin)
        return Server(parts.hostname or "", parts.port or _PORTS[parts.scheme])

    @property
    def is_secure(self) -> bool:
        """Whether it is asked over TLS."""
        return self.origin.startswith("https:")

    def called(self, *urls: str) -> Site:
        """The same site, known by the hosts of `urls` too."""
        return replace(self, names=self.names | {name_of(url) for url in urls if name_of(url)})

    def path_of(self, url: str) -> str | None:
        """The path and query of an absolute address of this site, percent-encoded; else None."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        if parts.scheme not in _PORTS or name_of(url) not in self.names:
            return None
        path = quote(parts.path or "/", safe=_SAFE.replace("?", ""))
        if not f"{path}/".startswith(f"{self.base}/"):
            return None
        return f"{path}?{quote(parts.query, safe=_SAFE)}" if parts.query else path

    def without_itself(self, text: str) -> str:
        """A text in which the site's own address is left out, so that only its paths remain."""
        names = "|".join(re.escape(name) for name in sorted(self.names))
        return re.sub(rf"(?:https?:)?//(?:{names}){re.escape(self.base)}(?=[/\s?#]|$)", "", text)


def parse_site(text: str) -> Site:
    """The site at an address that a user gave.

    Raises:
        AddressError: it is none.
    """
    try:
        parts = urlsplit(text.strip())
        fit = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit or parts.username is not None:
        raise AddressError(
            f"--against: {text!r} is no address of a site; write it like https://old.example.com."
        )
    origin = f"{parts.scheme}://{name_of(text.strip())}"
    return Site(origin, quote(parts.path.rstrip("/"), safe=_SAFE), frozenset({name_of(origin)}))


def name_of(url: str) -> str:
    """The host of an address, with its port if that is not the usual one; empty if it has none."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return ""
    host = f"[{host}]" if ":" in host else host
    return host if port in (None, _PORTS.get(parts.scheme)) else f"{host}:{port}"


@dataclass(frozen=True)
class Move:
    """From one site to another: what was at a path of the old one should be at that of the new."""

    old: Site
    new: Site

    def successor(self, path: str) -> str:
        """The path at the new site of a path at the old one."""
        if self.old.base:
            return self.new.base + (path.removeprefix(self.old.base) or "/")
        if f"{path}/".startswith(f"{self.new.base}/"):  # both have it, and only one was told
            return path
        return self.new.base + path

    def old_place(self, url: str) -> str:
        """An absolute address found at the old site, as the new site would have to have it."""
        bare = url.partition("#")[0]
        path = self.old.path_of(bare)
        return bare if path is None else self.successor(path)

    def new_place(self, url: str) -> str:
        """An absolute address found at the new site, comparable with those of `old_place`."""
        bare = url.partition("#")[0]
        path = self.new.path_of(bare)
        return self.old_place(bare) if path is None else path


def absolute(page_url: str, base: str, link: str) -> str:
    """Where a link of a page leads; empty if it makes no sense."""
    try:
        return urljoin(urljoin(page_url, base), link)
    except ValueError:
        return ""
