"""Many machines on one computer: aliases of a private SSH server that listens on loopback only."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.measure import BenchError

START_SECONDS = 10.0

_SERVER = """\
Port {port}
Subsystem sftp internal-sftp
ListenAddress 127.0.0.1
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/user_key.pub
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
MaxStartups 1000
LogLevel FATAL
"""

_OURS = """\
machines = [
    (
        f"machine{{number:02}}",
        {{
            "ssh_hostname": "127.0.0.1",
            "ssh_port": {port},
            "ssh_user": "root",
            "ssh_key": {key!r},
            "ssh_known_hosts_file": {known_hosts!r},
            "ssh_strict_host_key_checking": "accept-new",
        }},
    )
    for number in range({count})
]
"""

_ANSIBLES = """\
[machines]
machine[00:{last:02}]
[machines:vars]
ansible_host=127.0.0.1
ansible_port={port}
ansible_user=root
ansible_ssh_private_key_file={key}
ansible_ssh_common_args=-o UserKnownHostsFile={known_hosts} -o StrictHostKeyChecking=accept-new
"""


@dataclass(frozen=True)
class Fleet:
    """A running SSH server, and where the keys to it are."""

    port: int
    directory: Path

    def inventory(self, count: int) -> Path:
        """An inventory of this many machines, for `bootstrap.py --inventory`."""
        path = self.directory / f"fleet_{count}.py"
        path.write_text(_OURS.format(count=count, **self._access()))
        return path

    def ansible_inventory(self, count: int) -> Path:
        """The same machines for Ansible."""
        path = self.directory / f"fleet_{count}.ini"
        path.write_text(_ANSIBLES.format(last=count - 1, **self._access()))
        return path

    def _access(self) -> dict[str, object]:
        return {
            "port": self.port,
            "key": str(self.directory / "user_key"),
            "known_hosts": str(self.directory / "known_hosts"),
        }


@contextlib.contextmanager
def fleet(directory: Path) -> Iterator[Fleet]:
    """Run the SSH server for the length of a `with` block. Needs root.

    Raises:
        BenchError: there is no sshd, or it does not start.
    """
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not sshd:
        raise BenchError("sshd: not found; install it with: apt-get install openssh-server")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("host_key", "user_key"):
        _make_key(directory / name)
    port = free_port()
    (directory / "sshd_config").write_text(_SERVER.format(port=port, directory=directory))
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd(8) wants it, whatever its settings
    server = subprocess.Popen([sshd, "-D", "-e", "-f", str(directory / "sshd_config")])
    try:
        _wait_for(server, port)
        yield Fleet(port, directory)
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    """A port on loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _make_key(path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise BenchError(f"sshd does not answer on 127.0.0.1:{port}; its own words stand above.")
