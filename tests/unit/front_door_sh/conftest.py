"""Machines for `bootstrap.sh`, with only the commands that a test gives them, and what they fetch.

The servers are on the loopback address; what they serve holds the real uv.
"""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[3]
SCRIPT = (ROOT / "bootstrap.sh").read_text()
ALWAYS = "basename cat chmod cut dirname env gzip mkdir mktemp mv readlink rm sh sleep tail tar"
PROGRAM = "import os, sys; print(sys.argv[1:], os.getcwd(), sys.version_info[0]); sys.exit(7)\n"


class Index(http.server.ThreadingHTTPServer):
    """Serves archives by file name, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.archives: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.redirect_to = ""
        self.cut_short = False
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"


class Answers(http.server.BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        self.server.asked.append(name)
        content = self.server.archives.get(name, b"")
        redirected = self.server.redirect_to and not self.path.startswith("/moved")
        if redirected:
            self.send_response(302)
            self.send_header("Location", self.server.redirect_to + self.path)
        else:
            self.send_response(200 if content else 404)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not redirected:
            self.wfile.write(content[:1000] if self.server.cut_short else content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@dataclass
class Machine:
    """A machine with a checkout and only the commands that were put into `tools`."""

    home: Path
    index: Index
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for directory in (self.checkout, self.tools, self.work):
            directory.mkdir(parents=True)
        (self.checkout / "bootstrap.sh").write_text(SCRIPT)
        (self.checkout / "bootstrap.py").write_text(PROGRAM)
        self.has(*ALWAYS.split(), "uname", "curl", "sha256sum")

    @property
    def checkout(self) -> Path:
        return self.home / "my checkout"

    @property
    def tools(self) -> Path:
        return self.home / "tools"

    @property
    def work(self) -> Path:
        return self.home / "work"

    def has(self, *commands: str) -> None:
        for command in commands:
            found = shutil.which(command)
            if found is None:
                pytest.skip(f"no {command} on this machine")
            (self.tools / command).symlink_to(Path(found).resolve())

    def lacks(self, *commands: str) -> None:
        for command in commands:
            (self.tools / command).unlink()

    def command(self, name: str, script: str) -> Path:
        path = self.tools / name
        path.unlink(missing_ok=True)
        path.write_text(script)
        path.chmod(0o755)
        return path

    def has_python(self, name: str) -> None:
        (self.tools / name).symlink_to(Path(sys.executable).resolve())

    def is_mac(self, *, developer_directory: Path | None) -> None:
        self.command("uname", "#!/bin/sh\n[ $1 = -s ] && echo Darwin || echo arm64\n")
        answer = "exit 2" if developer_directory is None else f"echo '{developer_directory}'"
        self.command("xcode-select", f"#!/bin/sh\n{answer}\n")

    def serves(self, target: str, archive: bytes) -> None:
        """Let the index serve this archive, and the script expect just that."""
        self.index.archives = {f"uv-{target}.tar.gz": archive}
        digest = hashlib.sha256(archive).hexdigest()
        script = re.sub(rf"({target}\) echo) [0-9a-f]{{64}}", rf"\1 {digest}", SCRIPT)
        assert digest in script
        (self.checkout / "bootstrap.sh").write_text(script)

    def run(self, *arguments: str, shell: str = "sh") -> subprocess.CompletedProcess[str]:
        return self.run_as([shell, str(self.checkout / "bootstrap.sh"), *arguments])

    def run_as(self, command: list[str], path: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.work,
            env={
                "PATH": str(self.tools) + path,
                "HOME": str(self.home),
                "BOOTSTRAP_UV_URL": self.index.url,
                "UV_PYTHON_INSTALL_MIRROR": "http://127.0.0.1:9",
                "UV_HTTP_RETRIES": "0",
                **self.variables,
            },
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def index() -> Iterator[Index]:
    with Index() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def machine(tmp_path: Path, index: Index) -> Machine:
    return Machine(tmp_path / "home", index)


@pytest.fixture(scope="session")
def uv() -> bytes:
    """A release's archive, but for every target that a test needs: it holds the uv of here."""
    found = shutil.which("uv", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("no uv; pip install -r requirements/dev.txt")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        original = f"uv-{linux_target()}/uv"
        tar.add(found, original)
        link = tarfile.TarInfo("uv-aarch64-apple-darwin/uv")
        link.type, link.linkname = tarfile.LNKTYPE, original
        tar.addfile(link)
    return archive.getvalue()


@pytest.fixture
def served(machine: Machine, uv: bytes) -> Machine:
    """A machine without `python3`, where uv can find a Python under another name."""
    machine.serves(linux_target(), uv)
    machine.has_python(f"python3.{sys.version_info[1]}")
    return machine


def linux_target() -> str:
    return f"{os.uname().machine.replace('arm64', 'aarch64')}-unknown-linux-musl"


def ran(result: subprocess.CompletedProcess[str], machine: Machine, *arguments: str) -> bool:
    """Whether bootstrap.py ran with these arguments, in the user's directory, and had its say."""
    assert result.returncode == 7, result.stderr
    return result.stdout == f"{list(arguments)} {machine.work} 3\n"


def trust_tls(server: Index, directory: Path) -> str:
    """Let a server speak TLS; returns the file of the certificate that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = directory / "certificate.pem", directory / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.scheme = "https"
    return str(public)


def wgetrc(directory: Path, certificate: str) -> str:
    file = directory / "wgetrc"
    file.write_text(f"ca_certificate = {certificate}\n")
    return str(file)
