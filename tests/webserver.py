"""A real nginx with the project's own configuration, on a free port of this machine, for tests;
and a server before it that spoils chosen answers."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from deploys.facts.built_site import BuiltFile, BuiltSite

CONFIGURATION = Path(__file__).resolve().parent.parent / "deploys" / "files" / "blog"
BUILD_ID = "0123456789abcdef"


def written_site(root: Path, baseurl: str, files: dict[str, bytes]) -> BuiltSite:
    """Write a site into the web root `root`; the paths of `files` are below its baseurl."""
    for path, body in files.items():
        target = root / baseurl.lstrip("/") / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    return site_in(root, baseurl)


def site_in(root: Path, baseurl: str = "", build_id: str = BUILD_ID) -> BuiltSite:
    """What a build that left exactly the files in the web root `root` would have written down."""
    found = sorted(path for path in root.rglob("*") if path.is_file())
    files = [_built_file(root, path) for path in found]
    files.sort(key=lambda file: file.path)
    return BuiltSite(build_id, baseurl, tuple(files), tuple(file.path for file in files))


def _built_file(root: Path, path: Path) -> BuiltFile:
    body = path.read_bytes()
    return BuiltFile(str(path.relative_to(root)), hashlib.sha256(body).hexdigest(), len(body))


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class WebServer:
    """nginx serving the web root `root`; a context manager. It writes to `scratch` alone."""

    def __init__(
        self, scratch: Path, root: Path, baseurl: str = "", build_id: str = BUILD_ID
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.baseurl = baseurl
        self._scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self._write_configuration(root, baseurl, build_id)
        self._process: subprocess.Popen[bytes] | None = None

    def check(self) -> str:
        """What `nginx -t` says about the configuration; fails where nginx does."""
        return subprocess.run(
            [*self._command(), "-t"], check=True, stderr=subprocess.PIPE, text=True
        ).stderr

    def __enter__(self) -> WebServer:
        with (self._scratch / "access.log").open("wb") as log:
            self._process = subprocess.Popen(self._command(), stdout=log)
        self._wait_until_it_listens()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()

    def ask_to_stop(self) -> None:
        """Stop as a container is stopped, with SIGQUIT; does not wait for the end."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)

    def stop(self) -> int:
        """Stop, if that was not done yet; the exit status."""
        self.ask_to_stop()
        assert self._process is not None
        return self._process.wait(timeout=10)

    def freeze(self) -> None:
        """Stop the worker in its tracks: the kernel accepts connections, and nobody answers."""
        self._signal_workers(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the worker go on after `freeze`."""
        self._signal_workers(signal.SIGCONT)

    def _signal_workers(self, number: signal.Signals) -> None:
        assert self._process is not None
        master = self._process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        assert children
        for child in children:
            os.kill(int(child), number)

    def _command(self) -> list[str]:
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        prefix = ["-p", str(self._scratch), "-c", str(self._scratch / "nginx.conf")]
        # A root nginx gives its workers to nobody, who may not look into a test's directories.
        return [nginx, *prefix, *(["-g", "user root;"] if os.geteuid() == 0 else [])]

    def _write_configuration(self, root: Path, baseurl: str, build_id: str) -> None:
        text = (CONFIGURATION / "nginx.conf").read_text()
        for place, instead in (
            ("listen 8080 ", f"listen 127.0.0.1:{self.port} "),
            ("root /srv/site;", f'root "{root}";'),
            ("/etc/nginx/site.conf;", f'"{self._scratch}/site.conf";'),
            ("/etc/nginx/mime.types;", f'"{CONFIGURATION}/mime.types";'),
            (" /tmp/", f" {self._scratch}/"),
        ):
            assert place in text, place
            text = text.replace(place, instead)
        (self._scratch / "nginx.conf").write_text(text)
        lines = [
            f'add_header X-Build-Id "{build_id}" always;',
            f'error_page 404 "{baseurl}/404.html";',
            *([f'location = / {{ return 302 "{baseurl}/"; }}'] if baseurl else []),
        ]
        (self._scratch / "site.conf").write_text("\n".join(lines) + "\n")

    def _wait_until_it_listens(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "nginx ended at once"
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except ConnectionRefusedError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("nginx does not listen")


def png(width: int = 1, height: int = 1) -> bytes:
    """A grey picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + bytes(width)) * height)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


BLOG_FILES = {
    "index.html": b'<a href="/">home</a>',
    "404.html": b"not found",
    "about.html": b"about",
    "posts/index.html": b"posts",
    "posts/one/index.html": b"one" * 1000,
    "bare/data.json": b"{}",
    "main.css": b"a { color: red }\n" * 200,
    "empty.txt": b"",
    "\u00dcbung 100%/a+b.html": b"name",
    "large.bin": bytes(range(256)) * 8192,
}


class Blog:
    """A site in a web root, and the server that serves it."""

    def __init__(self, place: Path, baseurl: str = "", build_id: str = BUILD_ID) -> None:
        self.root = place / "root"
        self.site = written_site(self.root, baseurl, BLOG_FILES)
        self.server = WebServer(place / "scratch", self.root, baseurl, build_id)


@dataclass
class Reply:
    """What nginx answered, to be spoilt. `hang_up_after` bytes of the body the connection ends."""

    status: int
    headers: dict[str, str]
    body: bytes
    hang_up_after: int | None = None


@contextmanager
def spoiling(server: WebServer, spoil: Callable[[str, Reply], None]) -> Iterator[str]:
    """The address of a server that answers as `server` does, after `spoil(path, reply)`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            reply = _forwarded(server, self.command, self.path, dict(self.headers))
            spoil(self.path, reply)
            lines = [f"HTTP/1.1 {reply.status} Spoilt"]
            lines += [f"{name}: {value}" for name, value in reply.headers.items()]
            body = reply.body[: reply.hang_up_after]
            self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            self.close_connection = reply.hang_up_after is not None

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with listening(Handler) as url:
        yield url


class _Listener(ThreadingHTTPServer):
    request_queue_size = 128  # with the usual 5 a ninth connection at once waits for a second
    daemon_threads = True


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server with this handler, on a free port."""
    with _Listener(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _forwarded(server: WebServer, method: str, path: str, headers: dict[str, str]) -> Reply:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    kept = {k: v for k, v in response.getheaders() if k not in ("Connection", "Transfer-Encoding")}
    if response.status != 304:
        kept.setdefault("Content-Length", str(len(body)))
    return Reply(response.status, kept, body)


class OldSite:
    """A server with these answers by path, and 404 for the others; a context manager.

    Where several answers are given for a path they come one after the other, the last one from then
    on. `SITE` in an answer stands for the server's own address. It remembers what it was asked, and
    hangs up on whoever asks for one of the paths `refuse`; those of `hang` it answers only when it
    ends.
    """

    def __init__(self, answers: Mapping[str, Reply | Sequence[Reply]]) -> None:
        self.asked: list[str] = []
        self.programs: set[str] = set()
        self.most_at_once = 0
        self.refuse: set[str] = set()
        self.hang: set[str] = set()
        self._ends = threading.Event()
        self.url = ""
        self._answers = {
            path: [given] if isinstance(given, Reply) else list(given)
            for path, given in answers.items()
        }
        self._at_once = 0
        self._lock = threading.Lock()
        self._listening = listening(self._handler())

    def __enter__(self) -> OldSite:
        self.url = self._listening.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._listening.__exit__(kind, error, tb)

    def times(self, path: str) -> int:
        """How often a path was asked for."""
        return self.asked.count(path)

    def _reply(self, path: str) -> Reply:
        with self._lock:
            answers = self._answers.get(path, [page("not found", status=404)])
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def _handler(old) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (`self` is the handler)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with old._lock:
                    old.asked.append(self.path)
                    old.programs.add(self.headers["User-Agent"])
                    old._at_once += 1
                    old.most_at_once = max(old.most_at_once, old._at_once)
                if self.path in old.hang:
                    old._ends.wait()
                if self.path in old.refuse | old.hang:
                    self.close_connection = True
                    old._at_once -= 1
                    return
                reply = old._reply(self.path)
                body = reply.body.replace(b"SITE", old.url.encode())
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value.replace("SITE", old.url))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with old._lock:  # before the body: its end may bring the next question
                    old._at_once -= 1
                self.wfile.write(body[: reply.hang_up_after])
                self.close_connection = reply.hang_up_after is not None

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler


def page(
    html: str, *, status: int = 200, media: str = "text/html; charset=utf-8", **headers: str
) -> Reply:
    """An answer with this text; `Retry_After="1"` gives it a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": media, **named}, html.encode())


def redirect(location: str, status: int = 301) -> Reply:
    """An answer that sends the visitor elsewhere."""
    return page("", status=status, Location=location)


def sitemap(*paths: str) -> Reply:
    """The sitemap of a site with these pages."""
    urls = "".join(f"<url><loc>SITE{path}</loc></url>" for path in paths)
    text = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
    return page(f'<?xml version="1.0" encoding="UTF-8"?>{text}', media="application/xml")
