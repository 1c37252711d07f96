"""Asks the old site, politely: few questions at once, as slowly as it wants, and not forever."""

from __future__ import annotations

import re
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi

from bootstrapper.proof.against.page import PAGE_TYPES
from bootstrapper.proof.against.places import Site
from bootstrapper.proof.client import Answer, Client, NoAnswerError

USER_AGENT = "bootstrapper (verify --against: compares a site with its successor)"
LARGEST_PAGE = 8 * 1024 * 1024
"""Bytes of a page that are read; a larger one is compared by status and type only."""

_LARGEST_SITEMAP = 50 * 1024 * 1024  # what sitemaps.org allows
_BUSY = (429, 503)
_SLOWEST = 10.0  # seconds between two questions


@dataclass(frozen=True)
class Manners:
    """How the old site is asked.

    A question without an answer is asked `tries` times in all, again first after `pause` seconds,
    then after twice as many. Whoever says "later" is waited for, up to `longest_pause` seconds and
    `busy_tries` times, and asked more slowly from then on. After `failures` pages in a row without
    an answer it is left alone.
    """

    connections: int = 4
    patience: float = 20.0
    tries: int = 3
    busy_tries: int = 6
    pause: float = 1.0
    longest_pause: float = 120.0
    failures: int = 5


class UnansweredError(Exception):
    """One address got no answer, however often it was asked; the message says what happened."""


class GivenUpError(Exception):
    """It makes no sense to ask on now; the message is for the user."""


class Pace:
    """How fast the old site may be asked, by all together. Stopped, it lets nobody ask again."""

    def __init__(self, interval: float = 0.0) -> None:
        self.interval = interval
        self._next = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def take_turn(self) -> None:
        """Wait until the next question may be asked.

        Raises:
            GivenUpError: stopped.
        """
        while True:
            with self._lock:
                now = time.monotonic()
                wait = self._next - now
                if wait <= 0:
                    self._next = now + self.interval
                    break
            self._stopped.wait(wait)
            if self._stopped.is_set():
                raise GivenUpError("stopped")

    def rest(self, seconds: float) -> None:
        """Let nobody ask for a time."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def slow_down(self, least: float) -> None:
        """Let twice as much time pass between two questions as so far."""
        with self._lock:
            self.interval = min(max(self.interval * 2, least), _SLOWEST)

    def stop(self) -> None:
        """Let nobody ask again."""
        self._stopped.set()
        self.rest(float("inf"))


class Visitor:
    """One connection to the old site; belongs to one thread, bar `abort`."""

    def __init__(
        self, site: Site, manners: Manners, pace: Pace, tell: Callable[[str], None]
    ) -> None:
        self._site = site
        self._manners = manners
        self._pace = pace
        self._tell = tell
        connection, self._prefix, self._headers = _connection(site, manners.patience)
        self._client = Client(site.server, manners.patience, connection)

    def ask(self, path: str) -> Answer:
        """The answer at a path of the site; redirects are answers.

        Raises:
            UnansweredError: there is none.
            GivenUpError: the site does not want to be asked.
        """
        manners = self._manners
        pause = manners.pause
        for tries in range(1, max(manners.tries, manners.busy_tries) + 1):
            self._pace.take_turn()
            try:
                answer = self._ask_once(path)
            except NoAnswerError as silence:
                if tries >= manners.tries:
                    raise UnansweredError(str(silence)) from silence
                wait = pause
            else:
                if not _is_worth_another(answer.status, tries, manners):
                    return answer
                wait = self._later(answer, pause)
            self._pace.rest(wait)
            pause = min(pause * 2, manners.longest_pause)
        raise GivenUpError(
            f"{self._site.origin} says again and again that it is asked too much (status "
            f"{answer.status}); give it a rest, then run it again to go on."
        )

    def abort(self) -> None:
        """Let `ask` fail at once; called from another thread."""
        self._pace.stop()
        self._client.abort()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _ask_once(self, path: str) -> Answer:
        url = self._prefix + path
        return self._client.ask("GET", url, self._headers, keep_body=True, most=most_of)

    def _later(self, answer: Answer, pause: float) -> float:
        """For how long to wait after this answer."""
        if answer.status not in _BUSY:
            return pause
        self._pace.slow_down(self._manners.pause / 4)
        wanted = _retry_after(answer.headers.get("Retry-After", ""))
        if wanted is None:
            return pause
        if wanted > self._manners.longest_pause:
            raise GivenUpError(
                f"{self._site.origin} asks to be left alone for {wanted:.0f} s "
                f"(status {answer.status}); run it again then to go on."
            )
        self._tell(f"{self._site.origin} asks for patience: waiting {wanted:.0f} s")
        return wanted


def _is_worth_another(status: int, tries: int, manners: Manners) -> bool:
    return status in _BUSY or (status >= 500 and tries < manners.tries)


def most_of(headers: Message) -> int:
    """How many bytes of an answer are worth reading: pages, sitemaps and robots.txt are."""
    media = media_of(headers)
    if media in PAGE_TYPES:
        return LARGEST_PAGE
    is_text = media.startswith("text/") or "xml" in media or "gzip" in media
    return _LARGEST_SITEMAP if is_text else 0


def media_of(headers: Message) -> str:
    """The content type without its parameters."""
    return str(headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _retry_after(text: str) -> float | None:
    if re.fullmatch(r"\d{1,9}", text.strip()):
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None


def _connection(site: Site, patience: float) -> tuple[HTTPConnection, str, dict[str, str]]:
    """How to reach a site: the connection, what goes before a path, the headers of each question.

    Offices reach the outside through a proxy; the standard library knows the environment's and, on
    a Mac, the system's.
    """
    server = site.server
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}
    proxy = None if proxy_bypass(server.host) else getproxies().get(site.origin.partition(":")[0])
    there = urlsplit(proxy if "//" in proxy else f"//{proxy}") if proxy else None
    host, port = (there.hostname or "", there.port or 80) if there else (server.host, server.port)
    known = _credentials(there.username, there.password) if there and there.username else {}
    if not site.is_secure:
        connection = HTTPConnection(host, port, timeout=patience)
        return connection, site.origin if there else "", {**headers, **known}
    secure = HTTPSConnection(host, port, timeout=patience, context=_trust())
    if there:
        secure.set_tunnel(server.host, server.port, headers=known)
    return secure, "", headers


def _trust() -> ssl.SSLContext:
    """The system's certificates and Mozilla's: some Pythons on macOS come without any."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _credentials(name: str, password: str | None) -> dict[str, str]:
    pair = f"{unquote(name)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(pair).decode()}"}
