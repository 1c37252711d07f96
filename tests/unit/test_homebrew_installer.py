"""The installer: downloaded, compared with its pin, run; for real, with a download of the test."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from tests.unit.front_door_sh.conftest import Index, trust_tls
from tests.unit.test_homebrew import INSTALL


class Installer:
    """Runs the script that fetches the installer; curl hands out what the test wants."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.temporary = root / "tmp"
        self.temporary.mkdir()
        (root / "bin").mkdir()
        self.text = (
            'echo "$NONINTERACTIVE ${INTERACTIVE-unset} installed" >"$HOME/ran"\necho done\n'
        )

    def run(
        self, sha256: str = "", *, curl: str = "", address: str = "https://x.example/i.sh"
    ) -> subprocess.CompletedProcess[str]:
        (self.root / "served").write_text(self.text)
        fetch = f'echo "$@" >{self.root}/asked; while [ "$1" != --output ]; do shift; done'
        self._program("curl", curl or f"{fetch}; cp {self.root}/served $2")
        return subprocess.run(
            [
                *("sh", "-c", INSTALL.read_text(), "homebrew-installer", address),
                sha256 or hashlib.sha256(self.text.encode()).hexdigest(),
            ],
            env={
                "PATH": f"{self.root}/bin:/usr/bin:/bin",
                "HOME": str(self.root),
                "TMPDIR": str(self.temporary),
                "INTERACTIVE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def ran(self) -> bool:
        return (self.root / "ran").exists()

    def _program(self, name: str, script: str) -> None:
        (self.root / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.root / "bin" / name).chmod(0o755)


@pytest.fixture
def installer(tmp_path: Path) -> Installer:
    return Installer(tmp_path)


def test_an_installer_with_the_right_hash_is_run_unattended(installer: Installer) -> None:
    done = installer.run()
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert (installer.root / "ran").read_text() == "1 unset installed\n"
    assert list(installer.temporary.iterdir()) == []


def test_the_download_is_https_only(installer: Installer) -> None:
    installer.run()
    asked = (installer.root / "asked").read_text()
    assert "--proto =https --tlsv1.2 --fail --silent --show-error --location" in asked
    assert "--max-redirs 0" in asked


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/there", "https://127.0.0.1:{port}/i"])
def test_a_redirect_is_not_followed(installer: Installer, tmp_path: Path, target: str) -> None:
    """A real curl, and a server that sends it elsewhere."""
    with Index() as server:
        certificate = trust_tls(server, tmp_path)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.redirect_to = target.format(port=server.server_port)
        real = f"CURL_CA_BUNDLE='{certificate}' exec {shutil.which('curl')} --noproxy '*' \"$@\""
        refused = installer.run(curl=real, address=f"{server.url}/i.sh")
        server.shutdown()
    assert refused.returncode == 1
    assert "(47) Maximum (0) redirects followed" in refused.stderr
    assert "could not be downloaded" in refused.stderr
    assert len(server.asked) == 1
    assert not installer.ran


def test_an_installer_with_another_hash_is_never_run(installer: Installer) -> None:
    refused = installer.run("0" * 64)
    assert refused.returncode == 1
    assert not installer.ran
    assert "nothing was run" in refused.stderr
    assert f"and not {'0' * 64}" in refused.stderr
    assert list(installer.temporary.iterdir()) == []


def test_a_download_that_fails_is_said_and_nothing_is_run(installer: Installer) -> None:
    failed = installer.run(curl="echo 'curl: (6) Could not resolve host: x.example' >&2; exit 6")
    assert failed.returncode == 1
    assert not installer.ran
    assert "could not be downloaded from https://x.example/i.sh" in failed.stderr
    assert list(installer.temporary.iterdir()) == []


def test_an_installer_that_fails_is_a_failure_and_leaves_no_file(installer: Installer) -> None:
    installer.text = "echo 'Need sudo access on macOS' >&2; exit 1\n"
    failed = installer.run()
    assert (failed.returncode, failed.stderr) == (1, "Need sudo access on macOS\n")
    assert list(installer.temporary.iterdir()) == []
