"""Does simulated commands for `launch.c` in children of one process that has Python loaded.

A Python of its own costs a command 40 ms, which a real `uname` or `sw_vers` does not cost. A child
has the caller's streams, directory, environment, umask and user, but not its session; what needs
that too (a ticket of sudo's) is answered with COLD.
"""

from __future__ import annotations

import array
import gc
import os
import pwd
import selectors
import signal
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import main as commands
from .call import COMMANDS, LAB

ADDRESS = f"{LAB}/server"
WARM = (
    *("system", "developer_tools", "packages", "preferences", "network", "services", "docker"),
    *("ruby", "colima"),
)
COLD, EXITED, KILLED = 0, 1, 2
_HEAD = struct.Struct("=II")  # bytes that follow, umask
_COUNT = struct.Struct("=I")
_PEER = struct.Struct("=iII")  # struct ucred: process, user, group
_DESCRIPTORS = 4


@dataclass(frozen=True)
class _Request:
    words: list[str]
    environment: dict[str, str]
    umask: int
    descriptors: list[int]
    user: int
    group: int


def serve() -> None:
    """Answer until the machine is off."""
    commands.load_all()
    warm = {
        name for name, one in COMMANDS.items() if one.function.__module__.split(".")[-1] in WARM
    }
    gc.freeze()  # a child must not copy what it only looks at
    listening = socket.socket(socket.AF_UNIX)
    Path(ADDRESS).unlink(missing_ok=True)  # of the last boot
    listening.bind(ADDRESS)
    Path(ADDRESS).chmod(0o666)
    listening.listen(64)
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    callers: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as ready:
        ready.register(listening, selectors.EVENT_READ)
        ready.register(wake, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is listening:
                    caller, _address = listening.accept()
                    if (child := _begin(caller, warm)) is not None:
                        callers[child] = caller
                        ready.register(caller, selectors.EVENT_READ, child)
                elif key.fileobj == wake:
                    os.read(wake, 4096)
                    _tell_ends(callers, ready)
                elif key.data in callers:
                    _pass_on(callers[key.data], key.data, ready)


def _begin(caller: socket.socket, warm: set[str]) -> int | None:
    """The child that does what is asked, or nothing."""
    try:
        request = _request(caller)
    except (OSError, EOFError):
        caller.close()
        return None
    child = None
    if request.words[0] in warm:
        child = os.fork()
        if child == 0:
            _do(request)
        with suppress(OSError):  # it may have done so itself, and even have ended
            os.setpgid(child, child)
    else:
        with suppress(OSError):
            caller.sendall(bytes((COLD, 0)))
        caller.close()
    for descriptor in request.descriptors:
        os.close(descriptor)
    return child


def _request(caller: socket.socket) -> _Request:
    head, ancillary, _, _ = caller.recvmsg(
        _HEAD.size, socket.CMSG_SPACE(_DESCRIPTORS * 4), socket.MSG_CMSG_CLOEXEC
    )
    if len(head) < _HEAD.size:
        raise EOFError
    descriptors = array.array("i")
    for _level, _kind, data in ancillary:
        descriptors.frombytes(data)
    size, umask = _HEAD.unpack(head)
    text = bytearray()
    while len(text) < size:
        if not (more := caller.recv(size - len(text))):
            raise EOFError
        text += more
    words, rest = _words(bytes(text))
    environment, _ = _words(rest)
    peer = caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _, user, group = _PEER.unpack(peer)
    pairs = dict(pair.partition("=")[::2] for pair in environment)
    return _Request(words, pairs, umask, descriptors.tolist(), user, group)


def _words(text: bytes) -> tuple[list[str], bytes]:
    (count,) = _COUNT.unpack_from(text)
    parts = text[_COUNT.size :].split(b"\0", count)
    return [os.fsdecode(part) for part in parts[:count]], parts[count]


def _do(request: _Request) -> None:
    """In the child: become what the caller is, do the command, and end."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setpgid(0, 0)
        *streams, directory = request.descriptors
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.fchdir(directory)
        os.umask(request.umask)
        os.initgroups(pwd.getpwuid(request.user).pw_name, request.group)
        os.setresgid(request.group, request.group, request.group)
        os.setresuid(request.user, request.user, request.user)
        os.environ.clear()
        os.environ.update(request.environment)
        name, *arguments = request.words
        code = commands.main(name, arguments)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
        with suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def _tell_ends(callers: dict[int, socket.socket], ready: selectors.BaseSelector) -> None:
    while callers:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        caller = callers.pop(child)
        how = (EXITED, os.WEXITSTATUS(status))
        if os.WIFSIGNALED(status):
            how = (KILLED, os.WTERMSIG(status))
        with suppress(OSError, KeyError):
            caller.sendall(bytes(how))
        with suppress(KeyError):
            ready.unregister(caller)
        caller.close()


def _pass_on(caller: socket.socket, child: int, ready: selectors.BaseSelector) -> None:
    """A signal of the caller's; where it is gone itself, its command ends with it."""
    with suppress(ConnectionResetError):
        if numbers := caller.recv(64):
            for number in numbers:
                os.killpg(child, number)
            return
    ready.unregister(caller)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


if __name__ == "__main__":
    serve()
