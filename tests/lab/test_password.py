"""The password: typed to sudo, and to nobody else.

Every process, the program's memory and the disk are searched for it while and after a run that
needs root.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.maclab.machine import Mac

from .conftest import Start
from .job import CHECKOUT, bootstrap, changed, record

pytestmark = pytest.mark.debian

SECRET = "Wq7-not-in-any-word-9zK"


@dataclass
class Seen:
    """Where the password was, and how much was looked at."""

    places: list[str] = field(default_factory=list)
    processes: int = 0
    memories: int = 0


@contextmanager
def watch(mac: Mac) -> Iterator[Seen]:
    """Look at the arguments and the environment of every process of a Mac, again and again, and
    into the memory of each that runs this program: what a core of it would hold.

    A process does it: once pyinfra's command line package is imported, threads are greenlets.
    """
    ours, theirs = Pipe()
    namespace = mac.file("/proc/1/ns/pid").readlink()
    watcher = get_context("fork").Process(target=_look, args=(namespace, theirs))
    watcher.start()
    seen = Seen()
    try:
        yield seen
    finally:
        ours.send("over")
        found = ours.recv()
        watcher.join()
    seen.places, seen.processes, seen.memories = found.places, found.processes, found.memories


def _look(namespace: Path, tell: Connection) -> None:
    seen = Seen()
    while not tell.poll():
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                if (process / "ns/pid").readlink() == namespace:
                    _look_at(process, seen)
    tell.send(seen)


def _look_at(process: Path, seen: Seen) -> None:
    words = (process / "cmdline").read_bytes()
    seen.processes += 1
    for name, content in (("ps", words), ("environment", (process / "environ").read_bytes())):
        if SECRET.encode() in content:
            seen.places.append(f"{name} of {words!r}")
    if f"{CHECKOUT}/bootstrap.py".encode() in words and b"python" in words.split(b"\0")[0]:
        seen.memories += 1
        if _in_memory(process):
            seen.places.append(f"memory of {words!r}")


def _in_memory(process: Path) -> bool:
    ranges = re.findall(r"^(\w+)-(\w+) rw.*$", (process / "maps").read_text(), re.MULTILINE)
    with (process / "mem").open("rb", buffering=0) as memory:
        for start, end in ranges:
            with suppress(OSError, OverflowError):  # gone meanwhile, or the kernel's own
                memory.seek(int(start, 16))
                if SECRET.encode() in memory.read(int(end, 16) - int(start, 16)):
                    return True
    return False


def has_password(mac: Mac, password: str) -> None:
    words = ["openssl", "passwd", "-6", "-stdin"]
    done = subprocess.run(words, input=password, check=True, capture_output=True, text=True)
    shadow = mac.file("/etc/shadow")
    text = re.sub(r"^dev:[^:]*:", f"dev:{done.stdout.strip()}:", shadow.read_text(), flags=re.M)
    assert text != shadow.read_text()
    shadow.write_text(text)


def test_the_password_is_nowhere_but_in_sudo(start: Start) -> None:
    mac = start("tools 27.0")
    has_password(mac, SECRET)
    with watch(mac) as seen:
        first = bootstrap(mac, answers={"Password:": SECRET})
    assert first.returncode == 0, first.stdout
    assert first.stdout.count("Password:") == 1
    assert "homebrew" in changed(record(mac))
    assert seen.processes > 1000
    assert seen.memories > 20
    assert seen.places == []
    assert on_disk(mac) == []


def on_disk(mac: Mac) -> list[str]:
    """Files with the password in them: logs, the record, the journal, all that sudo was asked."""
    places = ["Users", "tmp", "var", "etc", "private", "opt", "Library", "maclab", "usr/local"]
    there = [str(path) for place in places if (path := mac.file(f"/{place}")).is_dir()]
    words = ["grep", "-rlaF", "-D", "skip", SECRET, *there]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_this_watch_sees_a_password(start: Start) -> None:
    """In arguments, in the environment, in memory, in a file: each is found."""
    mac = start()
    script = (
        f"import sys, time; secret = sys.stdin.readline(); time.sleep(2)  # {CHECKOUT}/bootstrap.py"
    )
    with watch(mac) as seen:
        mac.run(["sh", "-c", "sleep 1; : $1", "sh", SECRET])
        mac.run(["sh", "-c", "sleep 1; :"], env={"SUDO_PASS": SECRET})
        mac.run(["python3", "-c", script, f"{CHECKOUT}/bootstrap.py"], input=f"{SECRET}\n")
    kinds = {place.split(" of ")[0] for place in seen.places}
    assert kinds == {"ps", "environment", "memory"}
    mac.write(
        "/Users/dev/Library/Application Support/bootstrapper/record.json", f'{{"pass": "{SECRET}"}}'
    )
    assert len(on_disk(mac)) == 1
