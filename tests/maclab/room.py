"""The machine with the real container engine that the simulated Macs share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.debian.machine import DebianMachine, Disk
from tests.debian.waiting import wait_for

from .machine import SOCKET

# There is no registry to pull these from: they are made of the distribution's packages, and stand
# for what the registry would have given.
BUILDER = "ruby:3.4-slim"
SERVER = "nginxinc/nginx-unprivileged:stable-alpine-slim"


@contextmanager
def engine_room(disk: Disk, cache: Path) -> Iterator[DebianMachine]:
    """A running machine from a disk on which the main job has run once, its engine answering."""
    with DebianMachine(disk, cache) as room:
        daemon = f"dockerd -H unix:///var/run/docker.sock -H unix://{SOCKET}"
        room.run(["sh", "-c", f"setsid {daemon} >/var/log/dockerd.log 2>&1 </dev/null &"])
        wait_for(lambda: _answers(room), 60, "the engine of the room")
        room.host_path(SOCKET).chmod(0o666)
        clear(room)
        for name, kind in ((BUILDER, "builder"), (SERVER, "server")):
            found = room.run(["docker", "image", "ls", "--quiet", f"bootstrapper/{kind}"])
            room.run(["docker", "tag", found.stdout.split()[0], name])
        yield room


def clear(room: DebianMachine) -> None:
    """Remove what the last Mac left in the engine: containers, and images of the blog."""
    for listing, remove in (
        (["ps", "--all"], ["rm", "--force"]),
        (["image", "ls", "bootstrapper/blog"], ["image", "rm", "--force"]),
    ):
        found = room.run(["docker", *listing, "--quiet"]).stdout.split()
        if found:
            room.run(["docker", *remove, *dict.fromkeys(found)])


def _answers(room: DebianMachine) -> bool:
    return room.run(["docker", "version"], check=False).returncode == 0
