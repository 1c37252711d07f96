"""colima 0.10.3. What is said, and in which order, was read in its source (abiosoft/colima)."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from . import containers, lima
from .call import Call, as_json, command
from .colima_profile import Run, folder, no_lima, read, write_ssh_config
from .colima_start import SWITCHES, VALUED, start
from .docker_files import close_socket, leave_socket, remove_context, which
from .flags import UnknownFlag, parse
from .lima import VirtualMachines
from .logrus import Logrus
from .services import STARTERS

VERSION = "0.10.3"


@command(
    "colima",
    source="abiosoft/colima 490420d: app/app.go, cmd/*.go, config/files.go; facts macos 5.1",
    guesses=(
        "an unknown option is told without the usage that follows",
        "the warnings about XDG_CONFIG_HOME come once",
        "versions of client and server are those of facts macos 5.1",
        "what limactl adds to a failed start, but for the error itself",
    ),
)
def colima(call: Call) -> int:
    verb, *words = call.argv or ["--help"]
    log = Logrus(call)
    verbs: dict[str, tuple[Callable[[Run], int], dict[str, str]]] = {
        "start": (_start, SWITCHES),
        "stop": (_stop, {"force": "f"}),
        "status": (_status, {"extended": "e", "json": "j"}),
        "list": (_list, {"json": "j"}),
        "ls": (_list, {"json": "j"}),
        "version": (_version, {}),
        "delete": (_delete, {"force": "f", "data": "d"}),
    }
    if verb in ("--version", "-v"):
        call.out(f"colima version {VERSION}")
        return 0
    if verb not in verbs:
        call.err(f'Error: unknown command "{verb}" for "colima"')
        return log.fatal(f'unknown command "{verb}" for "colima"')
    act, switches = verbs[verb]
    valued = {"profile": "p", **(VALUED if verb == "start" else {})}
    try:
        flags, others = parse(words, valued, {"verbose": "v", "very-verbose": "", **switches})
    except UnknownFlag as error:
        call.err(f"Error: {error}")
        return log.fatal(str(error))
    told = [call.env.get("COLIMA_PROFILE", ""), *others[:1], *flags.get("profile", [])]
    named = [name for name in told if name]
    profile = (named or ["default"])[-1].removeprefix("colima-")
    profile = "default" if profile == "colima" else profile
    run = Run(call, log, folder(call, log), profile, bool(named), flags)
    # Whatever it is asked: config/files.go makes a directory when its name is needed.
    call.path(run.lima_home).mkdir(parents=True, exist_ok=True)
    return act(run)


def _start(run: Run) -> int:
    code = start(run)
    if code or not run.has("foreground"):
        return code
    run.log.info("keeping Colima in the foreground, press ctrl+c to exit...")
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    ended = signal.sigwait(ends)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
    name = "interrupt" if ended == signal.SIGINT else "terminated"
    run.log.info(f"interrupted by: {name}")
    return _stop(run)


def _as_service(call: Call) -> int:
    """launchd keeps `colima start -f`; here only what it does is done."""
    return colima(replace(call, argv=[word for word in call.argv if word != "-f"]))


STARTERS["colima"] = _as_service


# stop, delete


def _stop(run: Run) -> int:
    log, force = run.log, run.has("force")
    if not which(run.call, "lima"):
        return no_lima(log)
    log.info(f"stopping {run.title}")
    was_running = run.running
    if was_running:
        _stop_docker(run, "stopping")
    if not was_running and not force:
        log.info("not running", "vm")
    else:
        log.info("stopping ...", "vm")
        if not run.instance:
            return log.fatal("error stopping vm: error at 'stopping': exit status 1")
        lima.set_status(run.call, run.directory, "Stopped")
        close_socket(run.call, run.socket)
        if was_running:
            containers.end_all()
    log.info("done")
    write_ssh_config(run, include=False)
    return 0


def _stop_docker(run: Run, verb: str) -> None:
    """Only a machine that runs, and that has got to the end once, is asked for its runtime."""
    if run.instance and not run.instance.provisioned:
        run.log.warn(
            "error retrieving runtimes: error retrieving current runtime: empty value",
        )
        return
    if _runtime(run) == "docker":
        run.log.info(f"{verb} ...", "docker")
        remove_context(run.call, run.id)


def _delete(run: Run) -> int:
    call = run.call
    if not which(call, "lima"):
        return no_lima(run.log)
    if not run.has("force"):
        question = f"are you sure you want to delete {run.title} and all settings"
        print(f"{question}? [y/N] \x1b[0m", end="", file=call.stdout, flush=True)
        if not call.stdin.readline().strip().lower().startswith("y"):
            return 0
    run.log.info(f"deleting {run.title}")
    if run.running:
        _stop_docker(run, "deleting")
    with call.changing(VirtualMachines) as machines:
        machines.instances.pop(run.directory, None)
    shutil.rmtree(call.path(run.directory), ignore_errors=True)
    shutil.rmtree(call.path(f"{run.base}/{run.profile}"), ignore_errors=True)
    run.log.info("done")
    write_ssh_config(run, include=False)
    return 0


# status, list, version


def _status(run: Run) -> int:
    call, log = run.call, run.log
    if not which(call, "lima"):
        return no_lima(log)
    one = run.instance
    if one is None or one.status != "Running":
        return log.fatal(f"{run.title} is not running")
    if not one.provisioned:
        return log.fatal("error retrieving current runtime: empty value")
    config = read(call.path(f"{run.directory}/colima.yaml"))
    driver = "macOS Virtualization.Framework" if config["vmType"] == "vz" else "QEMU"
    containerd = run.socket.replace("docker.sock", "containerd.sock")
    if run.has("json"):
        told = {"display_name": run.title, "driver": driver, "arch": one.arch}
        told |= {"runtime": config["runtime"], "mount_type": config["mountType"]}
        told |= {
            "docker_socket": f"unix://{run.socket}",
            "containerd_socket": f"unix://{containerd}",
        }
        size = {"cpu": one.cpus, "memory": one.memory, "disk": one.disk}
        call.out(as_json({**told, "kubernetes": False, **size}))
        return 0
    log.info(f"{run.title} is running using {driver}")
    for name, value in {
        "arch": one.arch,
        "runtime": config["runtime"],
        "mountType": config["mountType"],
        "docker socket": f"unix://{run.socket}",
        "containerd socket": f"unix://{containerd}",
    }.items():
        log.info(f"{name}: {value}")
    if run.has("extended"):
        log.info(f"cpu: {one.cpus}")
        log.info(f"mem: {lima.binary(one.memory)}")
        log.info(f"disk: {lima.binary(one.disk)}")
    return 0


def _list(run: Run) -> int:
    call = run.call
    if not which(call, "limactl"):
        missing = 'exec: "limactl": executable file not found in $PATH'
        return run.log.fatal(f"error retrieving instances: {missing}")
    there = lima.instances(call, run.lima_home)
    rows = [["PROFILE", "STATUS", "ARCH", "CPUS", "MEMORY", "DISK", "RUNTIME", "ADDRESS"]]
    if not there and not run.has("json"):
        run.log.warn("No instance found. Run `colima start` to create an instance.")
    for name, one in there.items():
        this = replace(run, profile=name.removeprefix("colima").removeprefix("-") or "default")
        if not name.startswith("colima") or (run.chosen and this.id != run.id):
            continue
        told = {"name": this.profile, "status": one.status, "arch": one.arch, "cpus": one.cpus}
        told |= {"memory": one.memory, "disk": one.disk, "runtime": _runtime(this)}
        if run.has("json"):
            call.out(as_json({key: value for key, value in told.items() if value}))
        told |= {"memory": lima.binary(one.memory), "disk": lima.binary(one.disk)}
        rows.append([*map(str, told.values()), ""])
    if not run.has("json"):
        call.out("\n".join(lima.table(rows)))
    return 0


def _runtime(run: Run) -> str:
    return str(read(run.call.path(f"{run.directory}/colima.yaml")).get("runtime", ""))


def _version(run: Run) -> int:
    run.call.out(f"colima version {VERSION}")
    run.call.out("git commit: 490420d9b98d2e6a558426bfefaea1bb37b67115")
    one = run.instance
    if which(run.call, "lima") and one and one.status == "Running" and one.provisioned:
        told = f"\nruntime: {_runtime(run)}\narch: {one.arch}"
        run.call.out(f"{told}\nclient: v29.8.1\nserver: v29.5.2")
    return 0


# What a crash leaves


def lose_power(call: Call) -> None:
    """Every machine of Lima's that ran is broken, and its sockets are nobody's."""
    for directory, one in call.state(VirtualMachines).instances.items():
        if one.status == "Running" and call.path(directory).exists():
            lima.set_status(call, directory, "Broken", lima.HALF_DEAD)
            containers.end_all()
            name = Path(directory).name.removeprefix("colima").removeprefix("-") or "default"
            leave_socket(call, f"{Path(directory).parent.parent}/{name}/docker.sock")


def start_by_half(call: Call) -> None:
    """The user's default machine runs, but colima has not got to the end; colima#1564."""
    base = folder(call)
    with call.changing(VirtualMachines) as machines:
        machines.instances[f"{base}/_lima/colima"].provisioned = False
    leave_socket(call, f"{base}/default/docker.sock")
