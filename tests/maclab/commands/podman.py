"""Podman 6.1.2 on a Mac: its machine, and the engine in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from .call import Call, Section, command
from .docker import REAL, hand_over
from .docker_files import close_socket, leave_socket, open_socket

NAME = "podman-machine-default"
VERSION = "6.1.2"

_INIT = """Looking up Podman Machine image at images.example.org/podman/machine-os:6.1 to create VM
Getting image source signatures
Copying blob 1f5c0ec86103 done   |
Copying config 44136fa355 done   |
Writing manifest to image destination
1f5c0ec861031a3e51ae30af3a34009ca344437609915ecf7833897e2292b448
Extracting compressed file: podman-machine-default-arm64.raw: done
Machine init complete
To start your machine run:

	podman machine start
"""
_ROOTLESS = """
This machine is currently configured in rootless mode. If your containers
require root permissions (e.g. ports < 1024), or if you run into compatibility
issues with non-podman clients, you can switch using the following command:

	podman machine set --rootful
"""
_STARTED = """
API forwarding listening on: {socket}

Another process was listening on the default Docker API socket address.
You can still connect Docker API clients by setting DOCKER_HOST using the
following command in your terminal session:

        export DOCKER_HOST='unix://{socket}'

Machine "{name}" started successfully"""
_NOT_CONNECTED = """Cannot connect to Podman. Please verify your connection to the Linux system \
using `podman system connection list`, or try `podman machine init` and `podman machine start` to \
manage a new Linux VM
Error: unable to connect to Podman socket: dial unix {socket}: connect: no such file or directory"""


@dataclass
class Podman(Section):
    """Its one machine. `broken` is the error that every start ends with, until it is made anew."""

    KEY: ClassVar[str] = "podman"

    made: bool = False
    running: bool = False
    rootful: bool = False
    broken: str = ""
    cpus: int = 5
    memory: int = 2 * 1024**3
    disk: int = 100 * 1024**3
    socket: str = ""


def socket_of(call: Call) -> str:
    folder = call.env.get("TMPDIR", "/tmp").rstrip("/")
    return f"{folder}/podman/{NAME}-api.sock"


@command(
    "podman",
    source="facts macos 5.4: captures of 5.5.2, whose shape 6.1 has kept",
    guesses=(
        "exit 125 and the texts of errors, but for those of after-upgrade 18",
        "`machine stop`, `rm` and `set`; inspect and list have only the keys that facts name",
        "what is no `machine` is asked of the engine by Docker's command line",
    ),
)
def podman(call: Call) -> int:
    verb = call.argv[0] if call.argv else ""
    if verb in ("--version", "-v"):
        call.out(f"podman version {VERSION}")
        return 0
    if verb == "machine":
        return _machine(call, call.argv[1:])
    state = call.state(Podman)
    if not state.running:
        return call.fails(_NOT_CONNECTED.format(socket=socket_of(call)), 125)
    if verb == "info" and any("json" in word for word in call.argv):
        call.out(json.dumps({"version": {"Version": VERSION, "OsArch": "linux/arm64"}}))
        return 0
    return hand_over(call, call.path(REAL), call.argv, {"DOCKER_HOST": f"unix://{state.socket}"})


def _machine(call: Call, words: list[str]) -> int:
    verb = words[0] if words else ""
    state = call.state(Podman)
    asked = {"init": _init, "list": _list, "ls": _list, "inspect": _inspect}
    if verb in asked:
        return asked[verb](call, state, words)
    if not state.made and verb in ("start", "stop", "rm", "set"):
        return call.fails(f"Error: {NAME}: VM does not exist", 125)
    if verb == "start":
        return _start(call)
    if verb == "stop":
        _stop(call)
        call.out(f'Machine "{NAME}" stopped successfully')
    elif verb == "rm":
        _stop(call)
        call.save(Podman())
    elif verb == "set":
        with call.changing(Podman) as changed:
            changed.rootful = "--rootful" in words
    else:
        return call.fails(f"Error: unrecognized command `podman machine {verb}`", 125)
    return 0


def _init(call: Call, state: Podman, words: list[str]) -> int:
    if state.made:
        return call.fails(f"Error: {NAME}: VM already exists", 125)
    told = dict(pairwise(words))
    with call.changing(Podman) as made:
        made.made = True
        made.cpus = int(told.get("--cpus", state.cpus))
        made.memory = int(told.get("--memory", 2048)) * 1024**2
        made.disk = int(told.get("--disk-size", 100)) * 1024**3
    call.out(_INIT)
    return _start(call) if "--now" in words else 0


def _start(call: Call) -> int:
    state = call.state(Podman)
    if state.running:
        return call.fails(f'Error: unable to start "{NAME}": already running', 125)
    call.out(f'Starting machine "{NAME}"')
    if state.broken:
        return call.fails(f"Error: {state.broken}", 125)
    with call.changing(Podman) as state:
        state.running, state.socket = True, socket_of(call)
    open_socket(call, state.socket)
    if not state.rootful:
        call.out(_ROOTLESS.rstrip("\n"))
    call.out(_STARTED.format(socket=state.socket, name=NAME))
    return 0


def _stop(call: Call) -> None:
    with call.changing(Podman) as state:
        if state.running:
            close_socket(call, state.socket)
        state.running = False


def _list(call: Call, state: Podman, words: list[str]) -> int:
    told: dict[str, object] = {"Name": NAME, "Running": state.running, "Starting": False}
    told |= {"VMType": "libkrun", "CPUs": state.cpus, "Memory": str(state.memory)}
    told |= {"DiskSize": str(state.disk)}
    if any("json" in word for word in words):
        call.out(json.dumps([told] if state.made else [], indent=4))
        return 0
    call.out("NAME                     VM TYPE     CREATED      LAST UP            CPUS  MEMORY")
    if state.made:
        up = "Currently running" if state.running else "Never"
        size = f"{state.cpus}     {state.memory // 1024**3}GiB"
        call.out(f"{NAME}*  libkrun     2 weeks ago  {up:<17}  {size}")
    return 0


def _inspect(call: Call, state: Podman, words: list[str]) -> int:
    if not state.made:
        call.out("[]")
        return call.fails(f"Error: {NAME}: VM does not exist", 125)
    status = "running" if state.running else "stopped"
    socket = state.socket or socket_of(call)
    template = next((word for word in words if "{{" in word), "").removeprefix("--format=")
    if not template:
        connection = {"PodmanSocket": {"Path": socket}}
        told = {"Name": NAME, "ConnectionInfo": connection, "State": status}
        call.out(json.dumps([{**told, "Rootful": state.rootful}], indent=4))
        return 0
    for name, value in {
        "{{.State}}": status,
        "{{.ConnectionInfo.PodmanSocket.Path}}": socket,
        "{{.Rootful}}": str(state.rootful).lower(),
        "{{.Name}}": NAME,
    }.items():
        template = template.replace(name, value)
    call.out(template)
    return 0


def lose_power(call: Call) -> None:
    with call.changing(Podman) as state:
        if state.running:
            leave_socket(call, state.socket)
        state.running = False
