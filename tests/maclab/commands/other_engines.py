"""The other ways to containers on a Mac: Docker Desktop, OrbStack, Podman, Rancher Desktop.

Each lends the lab's one engine under its own socket, and its own context where it makes one.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import ClassVar

from . import podman
from .call import LAB, Call, Section, as_json, command
from .docker import metadata
from .docker_files import (
    change_config,
    close_socket,
    create_context,
    home,
    leave_socket,
    open_socket,
    use_context,
)
from .services import OPENERS

_DESKTOP = "/Applications/Docker.app/Contents/Resources"
_RANCHER = "/Applications/Rancher Desktop.app"
_RUN = '#!/bin/sh\nMACLAB_EXECUTABLE="$0" exec {lab}/bin/run {name} "$@"\n'


def put_command(call: Call, path: str, name: str) -> None:
    """Make an executable that runs one of the lab's commands."""
    file = call.path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_RUN.format(lab=LAB, name=name))
    file.chmod(0o755)


# Docker Desktop


@dataclass
class DockerDesktop(Section):
    """`says` is what `docker desktop status` claims whatever is true ("" for the truth).

    `stuck`: the application is open, but its engine never comes. `home` is of who runs it.
    """

    KEY: ClassVar[str] = "docker_desktop"

    running: bool = False
    home: str = ""
    says: str = ""
    stuck: bool = False


def fill_docker_app(call: Call) -> None:
    """What Docker.app brings to the command line."""
    for name in ("docker", "docker-credential-desktop", "docker-credential-osxkeychain"):
        put_command(call, f"{_DESKTOP}/bin/{name}", name)
    for name in ("docker-compose", "docker-buildx", "docker-desktop"):
        put_command(call, f"{_DESKTOP}/cli-plugins/{name}", name)


def open_docker(call: Call) -> int:
    """Its command line goes to ~/.docker/bin, which is not on PATH: 4.89 and later."""
    if not call.path(f"{_DESKTOP}/bin/docker").exists():
        fill_docker_app(call)
    with call.changing(DockerDesktop) as desktop:
        desktop.running, desktop.home = True, home(call)
    for kind in ("bin", "cli-plugins"):
        folder = call.home / ".docker" / kind
        folder.mkdir(parents=True, exist_ok=True)
        for program in call.path(f"{_DESKTOP}/{kind}").iterdir():
            link = folder / program.name
            link.unlink(missing_ok=True)
            link.symlink_to(f"{_DESKTOP}/{kind}/{program.name}")
    socket = f"{home(call)}/.docker/run/docker.sock"
    create_context(call, "desktop-linux", "Docker Desktop", socket)
    use_context(call, "desktop-linux")
    change_config(call, credsStore="desktop")
    if not desktop.stuck:
        open_socket(call, socket)
    return 0


def quit_docker(call: Call) -> None:
    with call.changing(DockerDesktop) as desktop:
        desktop.running = False
    close_socket(call, f"{desktop.home}/.docker/run/docker.sock")


@command(
    "docker-desktop",
    source="facts macos 5.2 (captures of 4.89.0)",
    guesses=(
        "exit 1 where the application does not run; it says so at once, not after 16 s",
        "`stop` and `restart` say it in the manner of `start`; the context stays",
        "the licence is accepted",
    ),
)
def docker_desktop(call: Call) -> int:
    if call.argv[:1] == ["docker-cli-plugin-metadata"]:
        call.out(metadata("0.4.0", "Docker Desktop commands"))
        return 0
    words = call.argv[1:] if call.argv[:1] == ["desktop"] else call.argv
    verb = words[0] if words else ""
    running = call.state(DockerDesktop).running
    if verb == "status":
        return _desktop_status(call, as_object="json" in words or "--format=json" in words)
    if verb == "start" and running:
        call.out("Docker Desktop is already running")
    elif verb in ("start", "restart"):
        call.out(f"✓ {verb.capitalize()}ing Docker Desktop")
        open_docker(call)
    elif verb == "stop" and running:
        call.out("✓ Stopping Docker Desktop")
        quit_docker(call)
    else:
        return call.fails("Could not retrieve status. Is Docker Desktop running?")
    return 0


def _desktop_status(call: Call, *, as_object: bool) -> int:
    desktop = call.state(DockerDesktop)
    if not desktop.running:
        return call.fails("Could not retrieve status. Is Docker Desktop running?")
    said = desktop.says or ("starting" if desktop.stuck else "running")
    if as_object:
        told = {"SessionID": "1b0b02e8-d62e-4b84-9815-a5d183d9ab69", "Status": said}
        call.out(json.dumps(told, indent=4))
    else:
        call.out(f"Name                Value\nStatus              {said}")
    return 0


# OrbStack


@dataclass
class OrbStack(Section):
    """`stuck`: it stays at "Starting"; orbstack/orbstack#2697. `home` is of who runs it."""

    KEY: ClassVar[str] = "orbstack"

    running: bool = False
    home: str = ""
    stuck: bool = False


def start_orbstack(call: Call) -> int:
    with call.changing(OrbStack) as orbstack:
        orbstack.running, orbstack.home = True, home(call)
    for name in ("docker", "docker-compose", "docker-buildx", "orb", "orbctl"):
        put_command(call, f"{home(call)}/.orbstack/bin/{name}", name)
    socket = f"{home(call)}/.orbstack/run/docker.sock"
    create_context(call, "orbstack", "OrbStack", socket)
    use_context(call, "orbstack")
    if not orbstack.stuck:
        open_socket(call, socket)
    return 0


def stop_orbstack(call: Call) -> None:
    with call.changing(OrbStack) as orbstack:
        orbstack.running = False
    close_socket(call, f"{orbstack.home}/.orbstack/run/docker.sock")


def orb(call: Call) -> int:
    verb = call.argv[0] if call.argv else ""
    orbstack = call.state(OrbStack)
    if verb == "status":
        call.out(("Starting" if orbstack.stuck else "Running") if orbstack.running else "Stopped")
        return 0 if orbstack.running else 1
    if verb == "start":
        return start_orbstack(call)
    if verb == "stop":
        stop_orbstack(call)
        return 0
    if verb == "version":
        call.out("Version: 2.2.3")
        return 0
    return call.fails(f"orb: {verb}: not simulated")


for _name in ("orb", "orbctl"):
    command(
        _name,
        source="facts macos 5.3 (capture of `Running`), after-upgrade 17 (`Starting`)",
        guesses=(
            "`Stopped` and its exit code 1, exit 0 of `Starting`, start and stop without a word",
            "the context is made and used at a start, and stays",
            "Docker's command line in ~/.orbstack/bin",
            "the shape of `version`",
        ),
    )(orb)


# Rancher Desktop


@dataclass
class Rancher(Section):
    KEY: ClassVar[str] = "rancher"

    running: bool = False
    home: str = ""
    container_engine: str = "moby"


def fill_rancher_app(call: Call) -> None:
    put_command(call, f"{_RANCHER}/Contents/Resources/resources/darwin/bin/rdctl", "rdctl")


def start_rancher(call: Call) -> int:
    with call.changing(Rancher) as rancher:
        rancher.running, rancher.home = True, home(call)
    for name in ("docker", "docker-compose", "docker-buildx", "rdctl"):
        put_command(call, f"{home(call)}/.rd/bin/{name}", name)
    socket = f"{home(call)}/.rd/docker.sock"
    if rancher.container_engine == "moby":
        create_context(call, "rancher-desktop", "Rancher Desktop moby context", socket)
        use_context(call, "rancher-desktop")
        open_socket(call, socket)
    return 0


def stop_rancher(call: Call) -> None:
    with call.changing(Rancher) as rancher:
        rancher.running = False
    close_socket(call, f"{rancher.home}/.rd/docker.sock")


@command(
    "rdctl",
    source="facts macos 5.5: its verbs, list-settings in JSON, which fails when it does not run",
    guesses=("every text and exit code; the context; info as list-settings",),
)
def rdctl(call: Call) -> int:
    verb = call.argv[0] if call.argv else ""
    rancher = call.state(Rancher)
    if verb in ("list-settings", "info"):
        if not rancher.running:
            return call.fails("Error: Rancher Desktop is not running")
        call.out(as_json({"version": 16, "containerEngine": {"name": rancher.container_engine}}))
        return 0
    if verb == "start":
        return start_rancher(call)
    if verb == "shutdown":
        stop_rancher(call)
        return 0
    return call.fails(f'Error: unknown command "{verb}" for "rdctl"')


# All of them


def lose_power(call: Call) -> None:
    """What a power cut leaves, of Podman's too: nothing runs, and each socket is nobody's."""
    with call.changing(DockerDesktop) as desktop:
        if desktop.running:
            leave_socket(call, f"{desktop.home}/.docker/run/docker.sock")
        desktop.running = False
    with call.changing(OrbStack) as orbstack:
        if orbstack.running:
            leave_socket(call, f"{orbstack.home}/.orbstack/run/docker.sock")
        orbstack.running = False
    with call.changing(Rancher) as rancher:
        if rancher.running:
            leave_socket(call, f"{rancher.home}/.rd/docker.sock")
        rancher.running = False
    podman.lose_power(call)


def remove_docker_app(call: Call) -> None:
    """Drag it to the bin: what it made in the user's home stays, `credsStore` first of all."""
    quit_docker(call)
    shutil.rmtree(call.path("/Applications/Docker.app"))


OPENERS["Docker"] = open_docker
OPENERS["OrbStack"] = start_orbstack
OPENERS["Rancher Desktop"] = start_rancher
