"""A machine's way out: a user-mode network that changes nothing on the host.

slirp4netns(1) gives the machine eth0 (10.0.2.100), a gateway and a name server (10.0.2.3) that
asks whatever the host asks; the host's own loopback stays out of reach.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

_CLONE_NEWNET = 0x40000000  # <linux/sched.h>


def connect_to_host(pid: int, log: Path, connection: ExitStack) -> None:
    """Connect the network of process `pid` until `connection` closes, or this process dies.

    Raises:
        ConnectionError: the network could not be made; the message says why.
    """
    ready, tell_ready = os.pipe()
    see_exit, leave = os.pipe()
    with log.open("w") as output, os.fdopen(ready) as answer:
        slirp = subprocess.Popen(
            [
                *("slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback"),
                *(f"--ready-fd={tell_ready}", f"--exit-fd={see_exit}", str(pid), "eth0"),
            ],
            pass_fds=(tell_ready, see_exit),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        os.close(tell_ready)
        os.close(see_exit)
        connection.enter_context(slirp)
        connection.callback(os.close, leave)
        if answer.read() != "1":
            raise ConnectionError(f"slirp4netns: {log.read_text()}")


def enter_network(pid: int) -> None:
    """Move the calling thread, and nothing else, into the network of process `pid`.

    Raises:
        OSError: the process is gone.
    """
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
