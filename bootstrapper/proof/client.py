"""One HTTP connection to the server under proof, and what came back over it.

The standard library's client, not `requests`: the same 3,100 answers took 0.5 s with it, 0.9 s with
urllib3 and 1.9 s with requests, and it knows nothing of proxies, which on a Mac answer 502 for
127.0.0.1 when they come from the system's settings.
"""

from __future__ import annotations

import hashlib
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import (
    BadStatusLine,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    RemoteDisconnected,
)
from urllib.parse import urlsplit

_CHUNK = 64 * 1024  # bytes held in memory of a body that is not kept


@dataclass(frozen=True)
class Server:
    """Where a server listens."""

    host: str
    port: int

    @property
    def origin(self) -> str:
        """The server's address, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def parse_server(base_url: str) -> Server:
    """The server of `http://host:port`.

    Raises:
        ValueError: there is more in it, or less.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(
            f"{base_url!r} is no address of a server; it should be like 'http://127.0.0.1:4000'."
        )
    return Server(parts.hostname, parts.port or 80)


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    `sha256` and `size` (bytes) are those of the body, decompressed where it came compressed;
    `complete` tells whether it ended where it was announced to end. `start` is the body's first
    64 KiB, `body` all of it if it was to be kept.
    """

    status: int
    headers: Message
    sha256: str
    size: int
    complete: bool
    start: bytes
    body: bytes | None


class NoAnswerError(Exception):
    """A request got no answer; `kind` is a fault's kind, the message says what happened."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Client:
    """A connection that is opened when needed and kept open; belongs to one thread, bar `abort`.

    `patience` is the longest silence in an answer, in seconds. `connection` is how to reach the
    server, if it is not simply HTTP to its port.
    """

    def __init__(
        self, server: Server, patience: float, connection: HTTPConnection | None = None
    ) -> None:
        self._server = server
        self._patience = patience
        self._connection = connection or HTTPConnection(server.host, server.port, timeout=patience)
        self._socket: socket.socket | None = None
        self._aborted = False

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        keep_body: bool = False,
        most: Callable[[Message], int] | None = None,
    ) -> Answer:
        """Ask for `url` (percent-encoded path) and read the whole answer.

        With `most`, no more than about so many bytes of the body, which the headers decide.

        Raises:
            NoAnswerError: nobody listens, nothing comes for too long, or what comes is not HTTP.
        """
        try:
            response = self._send(method, url, headers or {})
            answer = _read(response, keep_body, most(response.headers) if most else None)
        except (OSError, HTTPException) as error:
            self.close()
            raise self._no_answer(error) from error
        if not response.isclosed():  # there is more to come that nobody wants
            self.close()
        return answer

    def abort(self) -> None:
        """Let the owning thread's `ask` fail at once; called from another thread."""
        self._aborted = True
        if self._socket:
            _shut(self._socket)

    def close(self) -> None:
        """Close the connection; it is opened again when something is asked."""
        self._connection.close()
        self._socket = None

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> HTTPResponse:
        was_open = self._connection.sock is not None
        try:
            return self._send_once(method, url, headers)
        except (RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # A server may close a connection that idles at any time (RFC 9112, 9.5).
            if not was_open or self._aborted:
                raise
            self.close()
            return self._send_once(method, url, headers)

    def _send_once(self, method: str, url: str, headers: Mapping[str, str]) -> HTTPResponse:
        if self._connection.sock is None:
            self._connection.connect()
            self._socket = self._connection.sock
            if self._aborted:
                raise ConnectionAbortedError
        self._connection.request(method, url, headers=dict(headers))
        return self._connection.getresponse()

    def _no_answer(self, error: OSError | HTTPException) -> NoAnswerError:
        where = f"{self._server.host}:{self._server.port}"
        if isinstance(error, TimeoutError):
            return NoAnswerError("server.silent", f"nothing from {where} for {self._patience:g} s")
        if isinstance(error, ConnectionRefusedError):
            return NoAnswerError("server.unreachable", f"nobody listens on {where}")
        if isinstance(error, BadStatusLine) and not isinstance(error, RemoteDisconnected):
            return NoAnswerError(
                "server.stranger", f"{where} answers with something that is no HTTP"
            )
        reason = str(error) or type(error).__name__
        return NoAnswerError("server.unreachable", f"no answer from {where} ({reason})")


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # closed by its owner in this very moment
        return


def _read(response: HTTPResponse, keep_body: bool, most: int | None) -> Answer:
    digest = hashlib.sha256()
    kept: list[bytes] = []
    size = 0
    complete = True
    try:
        for chunk in _decoded(response) if most != 0 else ():
            digest.update(chunk)
            if keep_body or not kept:
                kept.append(chunk)
            size += len(chunk)
            if most is not None and size > most:
                break
    except (HTTPException, ConnectionError, zlib.error):
        complete = False
    # Up to Python 3.14 a body that ends early is no error when it is read in pieces: what is still
    # to come tells (http.client.HTTPResponse.length).
    complete = complete and not response.length
    body = b"".join(kept) if keep_body else None
    start = (kept[0] if kept else b"")[:_CHUNK]
    return Answer(
        response.status, response.headers, digest.hexdigest(), size, complete, start, body
    )


def _decoded(response: HTTPResponse) -> Iterator[bytes]:
    """The body in pieces, as it was before compression.

    Raises:
        zlib.error: it is not what its Content-Encoding says.
    """
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding not in ("identity", "gzip"):
        raise zlib.error(f"Content-Encoding {encoding} was not asked for")
    inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    while chunk := response.read(_CHUNK):
        yield inflate.decompress(chunk) if inflate else chunk
    if inflate:
        yield inflate.flush()
        if not inflate.eof:
            raise zlib.error("the compressed body ends early")
