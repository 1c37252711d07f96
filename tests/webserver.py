"""A real nginx with the project's own configuration, on a free port of this machine, for tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
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

    def stop(self) -> int:
        """Stop as a container does, with SIGQUIT; the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(3)
        return self._process.wait(timeout=10)

    def pause(self) -> None:
        """Freeze the workers: connections are accepted by the kernel, and nobody answers."""
        assert self._process is not None
        children = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], check=True, capture_output=True, text=True
        ).stdout.split()
        for child in children:
            os.kill(int(child), 19)

    def resume(self) -> None:
        """Go on after `pause`."""
        assert self._process is not None
        children = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], check=True, capture_output=True, text=True
        ).stdout.split()
        for child in children:
            os.kill(int(child), 18)

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
