"""launchd's jobs, applications that are opened, processes, and who listens on a port."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple, TypedDict

from . import main
from .call import Call, Section, command
from .system import System

# What opening an application does, by its name; other families put theirs here.
OPENERS: dict[str, Callable[[Call], int]] = {}
# What launchd does with a job whose program has this name; other families put theirs here.
STARTERS: dict[str, Callable[[Call], int]] = {}

_GUI = re.compile(r"gui/(\d+)(?:/(.+))?")
_LISTENING = "0A"  # in /proc/net/tcp
_ANYWHERE = ("0" * 8, "0" * 32)


class Job(TypedDict):
    """A loaded job: its property list, its program, its process (0: not running)."""

    plist: str
    program: str
    pid: int


class Listener(TypedDict):
    """Who listens: `command` as lsof shows it."""

    command: str
    pid: int
    user: str
    port: int


@dataclass
class Services(Section):
    """`gui_session`: somebody is logged in at the screen. `forwarder` is the process that stands
    for the container engine's port forwarding; `listeners` hold ports without really doing so.
    `processes` are what pgrep finds, besides Rosetta's.
    """

    KEY: ClassVar[str] = "services"

    gui_session: bool = True
    loaded: dict[str, Job] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    forwarder: str = "ssh"
    processes: dict[str, int] = field(default_factory=dict)


def airplay(user: str = "dev") -> list[Listener]:
    """AirPlay Receiver, which is on by default: the listeners for ports 5000 and 7000."""
    return [
        {"command": "ControlCe", "pid": 514, "user": user, "port": port} for port in (5000, 7000)
    ]


# launchd


@command(
    "launchctl",
    "/usr/bin/launchctl",  # /bin on a Mac; here /bin is a link to /usr/bin
    source="facts macos 5.1 and 7 (bootstrap without a session: abiosoft/colima#1261); print of "
    "what is not there, and exits 112, 113, 64; bootout of it, exit 3: published outputs",
    guesses=(
        "bootstrap of a loaded job: error 5",
        "what print and list show of a job; kickstart says nothing",
    ),
)
def launchctl(call: Call) -> int:
    verb, *words = call.argv or [""]
    words = [word for word in words if not word.startswith("-")]
    if verb == "list":
        return _list(call, words)
    if verb == "managername":
        call.out("Aqua" if call.state(Services).gui_session else "Background")
        return 0
    verbs = {"print": _show, "bootstrap": _bootstrap, "bootout": _bootout, "kickstart": _kickstart}
    if verb in ("enable", "disable"):
        return 0
    if verb not in verbs:
        return call.fails(f"Unrecognized subcommand: {verb}", 64)
    target = _GUI.fullmatch(words[0]) if words else None
    if not target:
        return call.fails("Unrecognized target specifier.", 64)
    return verbs[verb](call, words, target[1], target[2] or "")


def _list(call: Call, words: list[str]) -> int:
    loaded = call.state(Services).loaded
    if not words:
        call.out("PID\tStatus\tLabel")
        for label, job in loaded.items():
            call.out(f"{job['pid'] or '-'}\t0\t{label}")
        return 0
    if words[0] not in loaded:
        return call.fails(f'Could not find service "{words[0]}" in domain for port', 113)
    job = loaded[words[0]]
    call.out(f'{{\n\t"Label" = "{words[0]}";\n\t"PID" = {job["pid"]};\n}};')
    return 0


def _show(call: Call, words: list[str], user: str, label: str) -> int:
    services = call.state(Services)
    if not services.gui_session:
        return call.fails(f"Bad request.\nCould not find domain for user gui: {user}", 112)
    if label and label not in services.loaded:
        return call.fails(
            f'Bad request.\nCould not find service "{label}" in domain for user gui: {user}', 113
        )
    call.out(f"{words[0]} = {{")
    if label:
        job = services.loaded[label]
        call.out(f"\tpath = {job['plist']}\n\tstate = {'running' if job['pid'] else 'not running'}")
        call.out(f"\tprogram = {job['program']}")
        if job["pid"]:
            call.out(f"\tpid = {job['pid']}")
    call.out("}")
    return 0


def _bootstrap(call: Call, words: list[str], user: str, _label: str) -> int:
    services = call.state(Services)
    file = call.path(call.cwd / words[1]) if words[1:] else None
    plist = plistlib.loads(file.read_bytes()) if file and file.exists() else None
    if not services.gui_session or not plist or plist["Label"] in services.loaded:
        return call.fails(
            "Bootstrap failed: 5: Input/output error\n"
            "Try re-running the command as root for richer errors.",
            5,
        )
    program, *arguments = plist.get("ProgramArguments") or [plist.get("Program", "")]
    with call.changing(Services) as services:
        pid = 700 + len(services.loaded) if plist.get("RunAtLoad") else 0
        job: Job = {"plist": str(call.cwd / words[1]), "program": program, "pid": pid}
        services.loaded[plist["Label"]] = job
    if pid:
        _start(call, program, arguments)
    return 0


def _bootout(call: Call, words: list[str], _user: str, label: str) -> int:
    with call.changing(Services) as services:
        files = {job["plist"]: name for name, job in services.loaded.items()}
        label = label or files.get(str(call.cwd / [*words, ""][1]), "")
        if services.loaded.pop(label, None):
            return 0
    return call.fails("Boot-out failed: 3: No such process", 3)


def _kickstart(call: Call, _words: list[str], user: str, label: str) -> int:
    with call.changing(Services) as services:
        job = services.loaded.get(label)
        if job:
            job["pid"] = job["pid"] or 790
    if not job:
        return call.fails(f'Could not find service "{label}" in domain for user gui: {user}', 113)
    _start(call, job["program"], [])
    return 0


def _start(call: Call, program: str, arguments: list[str]) -> None:
    main.load_all()
    starter = STARTERS.get(Path(program).name)
    if starter:
        starter(Call(**{**vars(call), "name": Path(program).name, "argv": arguments}))


# Applications


@command(
    "open",
    "/usr/bin/open",
    source="facts macos 5.2: open -a; an unknown application: published outputs",
    guesses=("a file that is not there; applications are looked for in /Applications only",),
)
def open_(call: Call) -> int:
    words = list(call.argv)
    application = ""
    things: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--args":
            break
        if word.startswith("-") and word.endswith("a"):
            application = words.pop(0)
        elif not word.startswith("-"):
            things.append(word)
    if application:
        return _open_application(call, application, things)
    missing = [one for one in things if ":" not in one and not call.path(call.cwd / one).exists()]
    if missing:
        return call.fails(f"The file {call.cwd / missing[0]} does not exist.")
    if len(things) == 1 and things[0].endswith(".app"):
        return _open_application(call, things[0], [])
    _note_opened(call, *things)
    return 0


def _open_application(call: Call, told: str, things: list[str]) -> int:
    wanted = Path(told).name.removesuffix(".app")
    folder = call.path("/Applications")
    there = [path.stem for path in folder.iterdir()] if folder.is_dir() else []
    name = next((one for one in there if one.casefold() == wanted.casefold()), "")
    if not name:
        return call.fails(f"Unable to find application named '{told}'")
    _note_opened(call, name, *things)
    main.load_all()
    opener = OPENERS.get(name)
    return opener(call) if opener else 0


def _note_opened(call: Call, *things: str) -> None:
    with call.changing(Services) as services:
        services.opened += things


# Processes and ports


@command(
    "pgrep",
    "/usr/bin/pgrep",
    source="facts macos 4: oahd while Rosetta is there",
    guesses=("finds what is written down for the lab, never a real process; -x, -q, -f, -l, -i",),
)
def pgrep(call: Call) -> int:
    options = "".join(word[1:] for word in call.argv if word.startswith("-"))
    pattern = call.argv[-1]
    processes = dict(call.state(Services).processes)
    if call.state(System).rosetta_installed:
        processes["oahd"] = 412
    match = re.fullmatch if "x" in options else re.search
    found = {name: pid for name, pid in processes.items() if match(pattern, name)}
    for name, pid in found.items():
        if "q" not in options:
            call.out(f"{pid} {name}" if "l" in options else str(pid))
    return 0 if found else 1


class _Socket(NamedTuple):
    command: str
    pid: int
    user: str
    descriptor: int
    version: int
    address: str


@command(
    "lsof",
    "/usr/sbin/lsof",
    source="facts macos 8 (captures of AirPlay Receiver): columns, exit 1 and nothing for none",
    guesses=(
        "only -i of TCP listeners, with numbers for names; -t and -F p, c, n",
        "device and descriptor are made up",
        "the engine's forwarded ports belong to one process",
    ),
)
def lsof(call: Call) -> int:
    asked = " ".join(call.argv)
    wanted = re.search(r"-\w*i\s?(?:[46])?(?:tcp)?[^\s:]*:(\d+)", asked, re.IGNORECASE)
    found = [one for one in _sockets(call) if not wanted or one.address.endswith(f":{wanted[1]}")]
    if not found:
        return 1
    terse = [word for word in call.argv if re.fullmatch(r"-\w*t", word)]
    fields = next((word[2:] for word in call.argv if word.startswith("-F")), None)
    if terse:
        call.out("\n".join(dict.fromkeys(str(one.pid) for one in found)))
    elif fields is not None:
        _print_fields(call, found, fields or "pcn")
    else:
        call.out("COMMAND     PID USER   FD   TYPE             DEVICE SIZE/OFF NODE NAME")
        for one in found:
            call.out(
                f"{one.command:<9} {one.pid:>5} {one.user:>4} {one.descriptor:>4}u  "
                f"IPv{one.version} 0x9701b8e195665313      0t0  TCP {one.address} (LISTEN)"
            )
    return 0


def _print_fields(call: Call, found: list[_Socket], fields: str) -> None:
    for one in found:
        told = {"p": one.pid, "c": one.command, "f": one.descriptor, "n": one.address}
        for key in told:
            if key in fields or key in "pf":
                call.out(f"{key}{told[key]}")


def _sockets(call: Call) -> Iterator[_Socket]:
    services = call.state(Services)
    for told in services.listeners:
        yield _Socket(told["command"], told["pid"], told["user"], 10, 4, f"*:{told['port']}")
    owners = _owners(call)
    for version, table in ((4, "tcp"), (6, "tcp6")):
        file = call.path(f"/proc/net/{table}")
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            _, local, _, state, *rest = line.split()
            if state == _LISTENING:
                name, pid = owners.get(rest[5], (services.forwarder, 690))
                yield _Socket(name[:9], pid, call.user, 12, version, _address(local))


def _owners(call: Call) -> dict[str, tuple[str, int]]:
    # Sockets of this machine's own processes; those of the engine's are in another namespace.
    owners: dict[str, tuple[str, int]] = {}
    for link in call.path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(link.readlink())
            name = (link.parent.parent / "comm").read_text().strip()
        except OSError:
            continue
        if target.startswith("socket:["):
            owners[target[8:-1]] = (name, int(link.parent.parent.name))
    return owners


def _address(told: str) -> str:
    host, _, port = told.partition(":")
    if host in _ANYWHERE:
        return f"*:{int(port, 16)}"
    if len(host) == 8:
        number = ".".join(str(byte) for byte in reversed(bytes.fromhex(host)))
        return f"{number}:{int(port, 16)}"
    words = [bytes.fromhex(host[start : start + 8])[::-1].hex() for start in range(0, 32, 8)]
    short = "::1" if "".join(words) == "0" * 31 + "1" else ":".join(words)
    return f"[{short}]:{int(port, 16)}"
