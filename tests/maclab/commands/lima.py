"""Lima 2.2.0 as colima uses it: its virtual machines, and limactl. The source is lima-vm/lima."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from .call import Call, Section, as_json, command
from .docker_files import home, which
from .logrus import Logrus, line
from .system import System

VERSION = "2.2.0"
HALF_DEAD = "vz driver is running but host agent is not"
OLD_BUILD = "# built with the SDK of macOS 12\n"
_STALE = "_networks/user-v2/user-v2_fd.sock"


@dataclass
class Instance:
    """A virtual machine. `status` is Running, Stopped or Broken; `memory` and `disk` in bytes.

    `provisioned` is whether colima has got to the end with it: it notes its runtime last.
    """

    status: str = "Stopped"
    arch: str = "aarch64"
    cpus: int = 2
    memory: int = 2 * 1024**3
    disk: int = 100 * 1024**3
    errors: list[str] = field(default_factory=list)
    provisioned: bool = False


@dataclass
class VirtualMachines(Section):
    """All users' machines, by their directories on the Mac."""

    KEY: ClassVar[str] = "lima"

    instances: dict[str, Instance] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for directory, one in self.instances.items():
            if isinstance(one, dict):
                self.instances[directory] = Instance(**one)


def instances(call: Call, lima_home: str) -> dict[str, Instance]:
    """Those below a directory, by name: what has no files any more is none."""
    known = call.state(VirtualMachines).instances
    return {
        Path(directory).name: one
        for directory, one in sorted(known.items())
        if str(Path(directory).parent) == lima_home and call.path(f"{directory}/lima.yaml").exists()
    }


def set_status(call: Call, directory: str, status: str, *errors: str) -> None:
    with call.changing(VirtualMachines) as machines:
        one = machines.instances[directory]
        one.status, one.errors = status, list(errors)
    for name in ("ha.pid", "vz.pid"):
        file = call.path(directory) / name
        if status == "Running":
            file.write_text("4711\n")
        elif status == "Stopped":
            file.unlink(missing_ok=True)


def start(call: Call, directory: str, instance: Instance) -> list[str]:
    """Make the machine if it is not there, and start it; what limactl says when it cannot."""
    folder = call.path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder.parent / "_config"
    config.mkdir(exist_ok=True)
    for name, mode in (("user", 0o600), ("user.pub", 0o644)):
        (config / name).touch(mode=mode)
    old = call.state(VirtualMachines).instances.get(directory)
    broken = old is not None and old.status == "Broken" and (folder / "lima.yaml").exists()
    if broken and old is not None:
        return [line("fatal", f"errors inspecting instance: [{' '.join(old.errors)}]")]
    (folder / "lima.yaml").write_text(f"vmType: vz\narch: {instance.arch}\n")
    with call.changing(VirtualMachines) as machines:
        machines.instances[directory] = instance
    trouble = _trouble(call, folder.parent)
    log = folder / "ha.stderr.log"
    if trouble:
        log.write_text(json.dumps({"level": "fatal", "msg": trouble}) + "\n")
        status = "Running:false Degraded:false Exiting:true Errors:[] SSHLocalPort:0"
        hint = f'exiting, status={{{status}}} (hint: see "{directory}/ha.stderr.log")'
        return [line("fatal", hint)]
    log.write_text(json.dumps({"level": "info", "msg": "[VZ] - vm state change: running"}) + "\n")
    host = f"Host lima-{folder.name}\n  Hostname 127.0.0.1\n  Port 60022\n"
    (folder / "ssh.config").write_text(host)
    set_status(call, directory, "Running")
    return []


def _trouble(call: Call, lima_home: Path) -> str:
    system = call.state(System)
    limactl = which(call, "limactl")
    built = limactl.resolve() if limactl else None
    elsewhere = system.arch == "arm64" and built and call.path("/usr/local") in built.parents
    if built and (elsewhere or OLD_BUILD in built.read_text()):
        return "VZ driver requires macOS 13 or higher to run"
    if system.virtualization != 1:
        return (
            'Error Domain=VZErrorDomain Code=2 Description="Invalid virtual machine configuration. '
            'Virtualization is not available on this hardware."'
        )
    if (lima_home / _STALE).exists():
        socket = f"/{(lima_home / _STALE).relative_to(call.root)}"
        return f"dial unix {socket}: connect: connection refused"
    return ""


# What an upgrade or a crash leaves


def leave_stale_network(call: Call, lima_home: str) -> None:
    """The socket of a network that nobody serves any more; abiosoft/colima#1029."""
    file = call.path(lima_home) / _STALE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def outdate(call: Call) -> None:
    """Let limactl on PATH be one that was built for an older macOS; abiosoft/colima#524."""
    limactl = which(call, "limactl")
    assert limactl
    file = limactl.resolve()
    file.write_text(file.read_text() + OLD_BUILD)


# limactl


@command(
    "limactl",
    source="lima-vm/lima 2.2.0: cmd/limactl/list.go, pkg/instance/stop.go",
    guesses=("the SSH column is always 127.0.0.1:60022", "the JSON has only the common keys"),
)
def limactl(call: Call) -> int:
    verb, *words = call.argv or ["--help"]
    if verb in ("--version", "-v"):
        call.out(f"limactl version {VERSION}")
        return 0
    if verb in ("list", "ls"):
        return _list(call, words)
    if verb == "stop":
        return _stop(call, words)
    return Logrus(call).fatal(f'unknown command "{verb}" for "limactl"')


@command("lima", source="facts macos 5.1: colima asks only whether it is there")
def lima(call: Call) -> int:
    return Logrus(call).fatal("lima is not simulated")


def _home(call: Call) -> str:
    return call.env.get("LIMA_HOME") or f"{home(call)}/.lima"


def _list(call: Call, words: list[str]) -> int:
    log = Logrus(call)
    there = instances(call, _home(call))
    names = [word for word in words if not word.startswith("-") and word not in ("json", "table")]
    if not names and not there:
        log.warn("No instance found. Run `limactl create` to create an instance.")
        return 0
    missing = [name for name in names if name not in there]
    for name in missing:
        log.warn(f"No instance matching {name} found.")
    chosen = {name: one for name, one in there.items() if not names or name in names}
    if "-q" in words or "--quiet" in words:
        call.out("\n".join(chosen))
    elif {"--json", "json", "--format=json"} & set(words):
        for name, one in chosen.items():
            call.out(as_json(_described(call, name, one)))
    else:
        rows = [["NAME", "STATUS", "SSH", "VMTYPE", "ARCH", "CPUS", "MEMORY", "DISK", "DIR"]]
        for name, one in chosen.items():
            size = [binary(one.memory), binary(one.disk), f"{_home(call)}/{name}"]
            rows.append([name, one.status, "127.0.0.1:60022", "vz", one.arch, str(one.cpus), *size])
        for text in table(rows):
            call.out(text)
    return log.fatal("unmatched instances") if missing else 0


def _described(call: Call, name: str, one: Instance) -> dict[str, object]:
    told: dict[str, object] = {
        "name": name,
        "hostname": f"lima-{name}",
        "status": one.status,
        "dir": f"{_home(call)}/{name}",
        "vmType": "vz",
        "arch": one.arch,
        "cpus": one.cpus,
        "memory": one.memory,
        "disk": one.disk,
    }
    if one.errors:
        told["errors"] = one.errors
    return {**told, "protected": False, "limaVersion": VERSION}


def _stop(call: Call, words: list[str]) -> int:
    log = Logrus(call)
    names = [word for word in words if not word.startswith("-")] or ["default"]
    there = instances(call, _home(call))
    for name in names:
        if name not in there:
            return log.fatal(f"instance {name} does not exist")
        if there[name].status != "Running" and not {"-f", "--force"} & set(words):
            return log.fatal(
                f"expected status `Running`, got `{there[name].status}` "
                "(maybe use `limactl stop -f`?)"
            )
        set_status(call, f"{_home(call)}/{name}", "Stopped")
    return 0


def binary(number: int) -> str:
    """A size as docker/go-units writes it: 2GiB, 15.5GiB."""
    value, units = float(number), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.4g}{units[0]}"


def table(rows: list[list[str]]) -> list[str]:
    """As Go's tabwriter sets it with four spaces between; the last column is not filled."""
    widths = [max(len(row[column]) for row in rows) + 4 for column in range(len(rows[0]) - 1)]
    return [
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1]
        for row in rows
    ]
