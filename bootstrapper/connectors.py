"""How commands reach a machine: pyinfra's connectors, with their defects mended.

The engine puts these classes in place of pyinfra's own on the hosts of an inventory.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from collections.abc import Iterator
from typing import Any, Protocol, cast

import gevent
from gevent.fileobject import FileObject
from gevent.subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from pyinfra.api import StringCommand
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import CommandOutput, OutputLine, make_unix_command

GRACE_SECONDS = 5.0

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # Docker's classic builder colours even in a pipe


class OutputListener(Protocol):
    """Whoever wants to see output while it appears."""

    def output(self, machine: str, line: str) -> None:
        """One line, of either stream, without its newline."""


class LocalMachine(LocalConnector):
    """`@local`: output line by line as it appears, any bytes survive, a time limit kills for real.

    pyinfra drops the rest of a stream after one byte that is not UTF-8, and leaves the processes
    of a timed-out command running (pyinfra 3.10, connectors/util.py).
    """

    _running: dict[int, Popen]

    def __init__(self, state: Any, host: Any) -> None:
        super().__init__(state, host)
        self._running = {}

    def run_shell_command(
        self,
        command: StringCommand,
        print_output: bool = False,  # noqa: ARG002 (pyinfra's signature; output is observed)
        print_input: bool = False,  # noqa: ARG002
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
        process = Popen(
            ["/bin/sh", "-c", f"exec {line}"],
            stdin=PIPE if stdin else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            # A terminal's Ctrl-C has to reach a command that runs through sudo, which a normal
            # user cannot signal; so only a command with a time limit gets a group of its own.
            preexec_fn=os.setpgrp if timeout else None,
        )
        self._running[process.pid] = process
        try:
            output = self._collect(process, _as_bytes(stdin), timeout)
        finally:
            self._running.pop(process.pid, None)
        return process.returncode in good_codes, output

    def stop(self) -> None:
        """End what still runs: it has had the terminal's Ctrl-C already, or gets one now."""
        for process in list(self._running.values()):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                if not _ended(process, 0.3 if number is signal.SIGINT else GRACE_SECONDS):
                    _send(process, number)

    def _collect(self, process: Popen, stdin: bytes, timeout: float | None) -> CommandOutput:
        lines: list[OutputLine] = []
        readers = [
            gevent.spawn(self._read, name, pipe, lines)
            for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr))
        ]
        if stdin:
            readers.append(gevent.spawn(_feed, process, stdin))
        if not _ended(process, timeout):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            gevent.killall(readers)
            raise TimeoutError(f"no end after {timeout:g} seconds")
        # A child left in the background may hold the pipes open; what it says later is not ours.
        gevent.joinall(readers, timeout=1.0)
        gevent.killall(readers)
        return CommandOutput(lines)

    def _read(self, name: str, pipe: FileObject, lines: list[OutputLine]) -> None:
        for raw in _split(pipe):
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

    def stop(self) -> None:
        """End what still runs there, by closing the connection it writes to."""
        self.disconnect()


def replacement_for(connector: type[BaseConnector]) -> type[BaseConnector]:
    """The mended class for pyinfra's own, or the same class where there is nothing to mend."""
    return {LocalConnector: LocalMachine, SSHConnector: RemoteMachine}.get(connector, connector)


def _ended(process: Popen, seconds: float | None) -> bool:
    try:
        process.wait(timeout=seconds)
    except TimeoutExpired:
        return False
    return True


def _as_bytes(stdin: Any) -> bytes:
    lines = [stdin] if isinstance(stdin, str) else list(stdin or ())
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines).encode()


def _feed(process: Popen, stdin: bytes) -> None:
    try:
        process.stdin.write(stdin)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it ended without reading all; its exit code says whether that matters


def _split(pipe: FileObject) -> Iterator[bytes]:
    """Lines of a pipe; progress bars that only return the carriage count as lines too."""
    rest = b""
    while chunk := cast(bytes, pipe.read1(65536)):
        *whole, rest = (rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        yield from whole
    if rest:
        yield rest


def _send(process: Popen, number: signal.Signals) -> None:
    # It may be gone, or root's: then the terminal's own Ctrl-C has reached it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        process.send_signal(number)
