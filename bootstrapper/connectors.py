"""How commands reach a machine: pyinfra's connectors, with their defects mended.

The engine puts these classes in place of pyinfra's own on the hosts of an inventory.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import IO, Any, Protocol, cast

import gevent
import gevent.os
from paramiko import SSHException
from pyinfra.api import StringCommand
from pyinfra.api.util import get_file_io
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.sshuserclient import config as ssh_config
from pyinfra.connectors.util import CommandOutput, OutputLine, make_unix_command

from bootstrapper.machine_lock import hold_over_ssh
from bootstrapper.processes import Process, ended, exit_code
from bootstrapper.results import Failure
from bootstrapper.run_lock import Holder

GRACE_SECONDS = 5.0

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # Docker's classic builder colours even in a pipe


def _match_exec(command: str, *_: object, **__: object) -> Any:
    """Whether a command of `Match exec` succeeds, in the user's shell (ssh_config(5)). pyinfra
    leaves out the shell's -c, so that none ever does (pyinfra 3.10, sshuserclient/config.py)."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    quiet = subprocess.DEVNULL
    code = exit_code([shell, "-c", command], stdin=quiet, stdout=quiet)
    return SimpleNamespace(ok=code == 0)


setattr(ssh_config.FakeInvoke, "run", staticmethod(_match_exec))  # noqa: B010 (untyped there)


class OutputListener(Protocol):
    """Whoever wants to see output while it appears."""

    def output(self, machine: str, line: str) -> None:
        """One line, of either stream, without its newline."""


class LocalMachine(LocalConnector):
    """`@local`: output line by line as it appears, any bytes survive, a time limit kills for real.

    pyinfra drops the rest of a stream after one byte that is not UTF-8, and leaves the processes
    of a timed-out command running (pyinfra 3.10, connectors/util.py).
    """

    _running: dict[int, Process]

    def __init__(self, state: Any, host: Any) -> None:
        super().__init__(state, host)
        self._running = {}

    def run_shell_command(
        self,
        command: StringCommand,
        print_output: bool = False,  # noqa: ARG002 (pyinfra's signature; output is observed)
        print_input: bool = False,  # noqa: ARG002 (likewise)
        **arguments: Any,
    ) -> tuple[bool, CommandOutput]:
        """Run one command and wait for it; never asks for a password.

        Raises:
            TimeoutError: it ran longer than `_timeout` seconds; it and its children were killed.
        """
        timeout = arguments.pop("_timeout", None) or None
        stdin = arguments.pop("_stdin", None)
        good_codes = arguments.pop("_success_exit_codes", None) or [0]
        arguments.pop("_get_pty", None)
        line = make_unix_command(command, **arguments).get_raw_value()
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {line}"],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A terminal's Ctrl-C has to reach a command that runs through sudo, which a normal
            # user cannot signal; so only a command with a time limit gets a session of its own.
            start_new_session=bool(timeout),
        )
        self._running[process.pid] = process
        try:
            output = self._collect(process, _as_bytes(stdin), timeout)
        finally:
            self._running.pop(process.pid, None)
            if process.poll() is None:  # nobody waits for it any more
                for pid in (*_children(process.pid), process.pid):
                    with contextlib.suppress(ProcessLookupError, PermissionError):  # as in _send
                        os.kill(pid, signal.SIGKILL)
                ended(process, 0.3)
            for pipe in filter(None, (process.stdout, process.stderr, process.stdin)):
                pipe.close()
        return process.returncode in good_codes, output

    def put_file(
        self,
        filename_or_io: Any,
        remote_filename: str,
        remote_temp_filename: str | None = None,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> bool:
        """Write a file to its place, readable by its user alone if it is new.

        pyinfra starts a process for each, and writes a temporary file, which stays behind when the
        program is killed (pyinfra 3.10, connectors/local.py).

        Raises:
            OSError: it cannot be written.
        """
        if any(arguments.get(name) for name in ("_sudo", "_su_user", "_doas")):
            return super().put_file(
                filename_or_io,
                remote_filename,
                remote_temp_filename,
                print_output,
                print_input,
                **arguments,
            )
        with get_file_io(filename_or_io) as source:
            content = source.read()
        with open(remote_filename, "wb", opener=_for_its_user) as target:
            target.write(content.encode() if isinstance(content, str) else content)
        return True

    def stop(self) -> None:
        """End what still runs: it has had the terminal's Ctrl-C already, or gets one now."""
        for process in list(self._running.values()):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                if not ended(process, 0.3 if number is signal.SIGINT else GRACE_SECONDS):
                    _send(process, number)

    def _collect(self, process: Process, stdin: bytes, timeout: float | None) -> CommandOutput:
        lines: list[OutputLine] = []
        helpers = [
            gevent.spawn(self._read, name, pipe, lines)
            for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr))
        ]
        if stdin:
            helpers.append(gevent.spawn(_feed, process, stdin))
        try:
            if not ended(process, timeout, helpers):
                os.killpg(process.pid, signal.SIGKILL)
                ended(process, None)
                raise TimeoutError(f"no end after {timeout:g} seconds")
            # A child left in the background may hold the pipes open; what it says is not ours.
            gevent.joinall(helpers, timeout=1.0)
        finally:
            gevent.killall(helpers)
        return CommandOutput(lines)

    def _read(self, name: str, pipe: IO[bytes], lines: list[OutputLine]) -> None:
        for raw in lines_of(pipe):
            line = _COLOURS.sub("", raw.decode("utf-8", "replace"))
            lines.append(OutputLine(name, line))
            cast(OutputListener, self.state).output(self.host.name, line)


class RemoteMachine(SSHConnector):
    """SSH without Nagle's delay, and a connection that is really closed.

    paramiko leaves Nagle on: each command waits some 40 ms for a delayed acknowledgement; and
    pyinfra 3.10's `disconnect` leaves the socket open (connectors/ssh.py).
    """

    def connect(self) -> None:
        """Open the connection."""
        super().connect()
        transport = self.client.get_transport() if self.client else None
        if transport is not None and isinstance(transport.sock, socket.socket):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def disconnect(self) -> None:
        """Close the connection."""
        super().disconnect()
        if self.client:
            self.client.close()

    def hold(self, me: Holder) -> Failure | None:
        """Keep other runs off this machine until the connection ends; or why one is in the way.

        Raises:
            OSError: the machine does not answer.
        """
        transport = self.client.get_transport() if self.client else None
        assert transport is not None, "it is connected"
        try:
            self._holding = transport.open_session()  # paramiko closes one that nobody refers to
            return hold_over_ssh(self._holding, self.host.name, me)
        except SSHException as error:
            raise OSError(str(error)) from error

    def stop(self) -> None:
        """End what still runs there, by closing the connection it writes to."""
        self.disconnect()


def replacement_for(connector: type[BaseConnector]) -> type[BaseConnector]:
    """The mended class for pyinfra's own, or the same class where there is nothing to mend."""
    return {LocalConnector: LocalMachine, SSHConnector: RemoteMachine}.get(connector, connector)


def lines_of(pipe: IO[bytes]) -> Iterator[bytes]:
    """Lines of a pipe; progress bars that only return the carriage count as lines too."""
    gevent.os.make_nonblocking(pipe.fileno())
    rest = b""
    while chunk := cast(bytes, gevent.os.nb_read(pipe.fileno(), 65536)):
        *whole, rest = (rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        yield from whole
    if rest:
        yield rest


def _for_its_user(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _as_bytes(stdin: Any) -> bytes:
    lines = [stdin] if isinstance(stdin, str) else list(stdin or ())
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines).encode()


def _feed(process: Process, stdin: bytes) -> None:
    assert process.stdin is not None
    descriptor = process.stdin.fileno()
    gevent.os.make_nonblocking(descriptor)
    # It may end without reading all; its exit code says whether that matters.
    with contextlib.suppress(BrokenPipeError):
        while stdin:
            stdin = stdin[gevent.os.nb_write(descriptor, stdin) :]
    process.stdin.close()


def _children(pid: int) -> list[int]:
    """The processes that a process has started, and theirs, the youngest first."""
    words = ["ps", "-axo", "pid=,ppid="]
    try:
        listing = subprocess.run(words, capture_output=True, check=False).stdout.split()
    except FileNotFoundError:  # a small Linux
        return []
    pairs = [*zip(map(int, listing[::2]), map(int, listing[1::2]), strict=False)]
    family = [pid]
    for parent in family:
        family += [child for child, its in pairs if its == parent]
    return family[:0:-1]


def _send(process: Process, number: signal.Signals) -> None:
    # It may be gone, or root's: then the terminal's own Ctrl-C has reached it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)  # a session of its own: its children too
        else:
            process.send_signal(number)
