"""The machine with the real container engine that the simulated Macs share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploys.facts.docker import NETWORK_LABEL, STAGE_LABEL
from tests.debian.machine import DebianMachine, Disk
from tests.debian.waiting import wait_for

from .machine import SOCKET

# A real registry, whose images are made of the distribution's packages; they stand for those of
# the same name that a public one has.
REGISTRY = "127.0.0.1:5055"  # not where AirPlay listens
BUILDERS = tuple(f"{REGISTRY}/ruby:{version}-slim" for version in ("3.3", "3.4"))
SERVER = f"{REGISTRY}/nginxinc/nginx-unprivileged:stable-alpine-slim"
_ROOM = "/var/lib/docker/room"
_CONFIGURATION = f"""version: 0.1
storage: {{filesystem: {{rootdirectory: {_ROOM}/images}}}}
http: {{addr: '{REGISTRY}'}}
"""


@contextmanager
def engine_room(disk: Disk, cache: Path) -> Iterator[DebianMachine]:
    """A running machine from a disk on which the main job has run once, its engine answering."""
    with DebianMachine(disk, cache) as room:
        daemon = f"dockerd -H unix:///var/run/docker.sock -H unix://{SOCKET}"
        room.run(["sh", "-c", f"setsid {daemon} >/var/log/dockerd.log 2>&1 </dev/null &"])
        wait_for(lambda: _answers(room), 60, "the engine of the room")
        room.host_path(SOCKET).chmod(0o666)
        _open_registry(room)
        yield room


def clear(room: DebianMachine) -> None:
    """Remove what was done in the engine for the blog: containers, networks, images, stages.

    The base images themselves stay under another name, so that a pull has nothing to transfer.
    """
    _empty(room)
    _remove(room, ["image", "ls", "bootstrapper/blog"], ["image", "rm", "--force"])
    room.run(["docker", "image", "rm", *BUILDERS, SERVER], check=False)
    forget_stages(room)


def forget_stages(room: DebianMachine) -> None:
    """Remove the stages of earlier builds, which each run of this tool clears away: nobody's."""
    room.run(["docker", "image", "prune", "--force", "--filter", f"label={STAGE_LABEL}"])


class Shelf:
    """The images of the shared engine, as they are at each place of a first run.

    The base images stay under a second name, and the blog's image is in the registry, so that what
    is pulled or built again costs little; what the tool sees is the first name only.
    """

    _KEPT = f"{REGISTRY}/kept/blog:1"

    def __init__(self, room: DebianMachine) -> None:
        """Keep what the engine has built for the blog by now: there is one such image."""
        self._room = room
        (self._built,) = self._names("bootstrapper/blog")
        self._run("tag", self._built, self._KEPT)
        self._run("push", "--quiet", self._KEPT)
        self._run("image", "rm", self._KEPT)

    def set(self, *, pulled: int, built: bool) -> None:
        """No container and no network; so many base images, and the blog's image, or none of it."""
        _empty(self._room)
        images = [BUILDERS[-1], SERVER]
        others = [*BUILDERS[:-1], *images[pulled:]]
        self._forget([name for name in self._names() if name in others or _is_the_blogs(name)])
        self._forget(_without_a_tag(self._room))
        for name, kind in zip(images[:pulled], ("builder", "server"), strict=False):
            (image, *_) = self._run("image", "ls", "--quiet", f"bootstrapper/{kind}")
            self._run("tag", image, name)
        if built:
            self._run("pull", "--quiet", self._KEPT)
            self._run("tag", self._KEPT, self._built)
            self._run("image", "rm", self._KEPT)

    def _forget(self, names: list[str]) -> None:
        if names:
            self._run("image", "rm", *names)

    def _names(self, *which: str) -> list[str]:
        return self._run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", *which)

    def _run(self, *words: str) -> list[str]:
        return self._room.run(["docker", *words]).stdout.split()


def _is_the_blogs(name: str) -> bool:
    return name.startswith("bootstrapper/blog:")


def _without_a_tag(room: DebianMachine) -> list[str]:
    """What was pulled by its digest alone."""
    listing = ["image", "ls", "--digests", "--format", "{{.Tag}} {{.Repository}}@{{.Digest}}"]
    told = room.run(["docker", *listing]).stdout.splitlines()
    named = [line.removeprefix("<none> ") for line in told if line.startswith("<none> ")]
    return [name for name in named if name.startswith(REGISTRY) and "@sha256:" in name]


def _empty(room: DebianMachine) -> None:
    _remove(room, ["ps", "--all"], ["rm", "--force"])
    of_the_blog = ["network", "ls", "--filter", f"label={NETWORK_LABEL}"]
    _remove(room, of_the_blog, ["network", "rm"])


def _remove(room: DebianMachine, listing: list[str], remove: list[str]) -> None:
    found = room.run(["docker", *listing, "--quiet"]).stdout.split()
    if found:
        room.run(["docker", *remove, *dict.fromkeys(found)])


def _open_registry(room: DebianMachine) -> None:
    folder = room.host_path(_ROOM)
    folder.mkdir(exist_ok=True)
    program = shutil.which("docker-registry")
    assert program, "the lab needs Debian's docker-registry on the host"
    shutil.copy(program, folder / "docker-registry")
    (folder / "registry.yml").write_text(_CONFIGURATION)
    serve = f"setsid {_ROOM}/docker-registry serve {_ROOM}/registry.yml"
    room.run(["sh", "-c", f"{serve} >{_ROOM}/log 2>&1 </dev/null &"])
    room.wait_for_answer(f"http://{REGISTRY}/v2/", 20)
    for name in (*BUILDERS, SERVER):
        kind = "server" if name == SERVER else "builder"
        found = room.run(["docker", "image", "ls", "--quiet", f"bootstrapper/{kind}"])
        room.run(["docker", "tag", found.stdout.split()[0], name])
        room.run(["docker", "push", "--quiet", name])


def _answers(room: DebianMachine) -> bool:
    return room.run(["docker", "version"], check=False).returncode == 0
