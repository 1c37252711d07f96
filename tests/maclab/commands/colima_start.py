"""`colima start`: cmd/start.go, app/app.go and environment/vm/lima/lima.go."""

from __future__ import annotations

from typing import Any

from . import containers, lima
from .colima_profile import Run, no_lima, read, value, write, write_ssh_config
from .docker_files import create_context, open_socket, use_context, which
from .lima import Instance, VirtualMachines
from .network import Network
from .system import System

GIB = 1024**3
_IMAGE = "ubuntu-24.04-minimal-cloudimg-arm64-docker.raw.gz"

# What `colima start` takes, and the name of it in colima.yaml; first what has a value.
_WORDS = {
    "cpus": "cpu",
    "cpu": "cpu",
    "memory": "memory",
    "disk": "disk",
    "root-disk": "rootDisk",
    "arch": "arch",
    "runtime": "runtime",
    "vm-type": "vmType",
    "mount-type": "mountType",
    "hostname": "hostname",
    "port-forwarder": "portForwarder",
    "disk-image": "diskImage",
    "disk-image-mirror": "diskImageMirror",
    "ssh-port": "sshPort",
}
_LISTS = {
    "mount": "mounts",
    "dns": "dns",
    "dns-host": "dnsHosts",
    "env": "env",
    "registry-mirror": "registryMirrors",
}
_TOGGLES = {
    "vz-rosetta": "rosetta",
    "binfmt": "binfmt",
    "mount-inotify": "mountInotify",
    "ssh-agent": "forwardAgent",
    "ssh-config": "sshConfig",
    "network-address": "networkAddress",
    "activate": "autoActivate",
    "kubernetes": "kubernetes",
}
_SETTINGS = _WORDS | _LISTS | _TOGGLES
VALUED = {
    **dict.fromkeys([*_WORDS, *_LISTS], ""),
    **{"cpus": "c", "memory": "m", "disk": "d", "arch": "a", "runtime": "r", "vm-type": "t"},
    **{"mount": "V", "dns": "n", "disk-image": "i", "editor": "", "downloader": ""},
}
SWITCHES = {
    **dict.fromkeys(_TOGGLES, ""),
    **{"foreground": "f", "ssh-agent": "s", "kubernetes": "k", "save-config": "", "template": ""},
}
_FIXED = {
    "arch": "architecture",
    "vmType": "virtual machine type",
    "runtime": "runtime",
    "mountType": "volume mount type",
}


def start(run: Run) -> int:
    call, log = run.call, run.log
    if not which(call, "limactl"):
        return log.fatal(
            "lima compatibility error: error checking Lima version: "
            'exec: "limactl": executable file not found in $PATH'
        )
    config = _prepared(run)
    invalid = _invalid(config)
    if invalid:
        return log.fatal(f"error in config: {invalid}")
    if run.flags.get("save-config") != ["false"]:
        write(call.path(f"{run.base}/{run.profile}/colima.yaml"), config)
    if not which(call, "lima"):
        return no_lima(log)
    if run.running:
        log.warn("already running, ignoring")
        return 0
    return _start_all(run, config)


def _start_all(run: Run, config: dict[str, Any]) -> int:
    call, log = run.call, run.log
    docker = config["runtime"] == "docker"
    log.info(f"starting {run.title}")
    log.info(f"runtime: {config['runtime']}")
    if docker and not which(call, "docker"):
        return log.fatal(
            "dependency check failed for docker: "
            "docker not found, run 'brew install docker' to install"
        )
    failed = _start_machine(run, config)
    if failed:
        return log.fatal(f"error starting vm: {failed}")
    if docker:
        _provide_docker(run, config)
    with call.changing(VirtualMachines) as machines:
        machines.instances[run.directory].provisioned = True
    log.info("done")
    write_ssh_config(run, include=bool(config["sshConfig"]))
    return 0


def _start_machine(run: Run, config: dict[str, Any]) -> str:
    """Why not, or "" if it runs."""
    log, call = run.log, run.call
    resumed = run.instance is not None
    stage = "starting" if resumed else "creating and starting"
    if not resumed:
        log.info(f"{stage} ...", "vm")
    if config["rosetta"] and not call.state(System).rosetta_installed:
        log.warn("Unable to enable Rosetta: Rosetta2 is not installed")
        log.warn("Run 'softwareupdate --install-rosetta' to install Rosetta2")
    if resumed:
        log.info(f"{stage} ...", "vm")
    elif failed := _fetch_image(run):
        return f"error at '{stage}': {failed}"
    instance = Instance(
        arch=config["arch"],
        cpus=int(config["cpu"]),
        memory=int(float(config["memory"]) * GIB),
        disk=int(config["disk"]) * GIB,
    )
    said = lima.start(call, run.directory, instance)
    for text in said:
        (call.err if call.stderr.isatty() else call.out)(text)
    if said:
        return f"error at '{stage}': exit status 1"
    write(call.path(f"{run.directory}/colima.yaml"), config)
    return ""


def _fetch_image(run: Run) -> str:
    call = run.call
    cached = call.home / "Library/Caches/colima/caches" / _IMAGE
    if cached.exists():
        return ""
    run.log.info("downloading disk image ...", "vm")
    if "github.com" in call.state(Network).broken:
        address = f"https://github.com/abiosoft/colima-core/releases/download/v0.10.4/{_IMAGE}"
        return (
            "error getting qcow image: error during image download: error resolving download URL "
            f"'{address}': resolve failed for '{address}': DNS lookup failed for host "
            "'github.com'. Check your network connection or DNS settings"
        )
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.touch()
    return ""


def _provide_docker(run: Run, config: dict[str, Any]) -> None:
    run.log.info("provisioning ...", "docker")
    create_context(run.call, run.id, run.title, run.socket)
    if config["autoActivate"]:
        use_context(run.call, run.id)
    run.log.info("starting ...", "docker")
    open_socket(run.call, run.socket)
    containers.bring_back()


# Its settings


def _prepared(run: Run) -> dict[str, Any]:
    """The flags, over what the file says, over the defaults; what cannot change stays."""
    arch = "aarch64" if run.call.state(System).process_arch == "arm64" else "x86_64"
    config: dict[str, Any] = {
        **{"cpu": 2, "disk": 100, "rootDisk": 20, "memory": 2, "arch": arch, "runtime": "docker"},
        **{"hostname": run.id, "vmType": "vz", "mountType": "virtiofs", "mounts": []},
        **{"portForwarder": "ssh", "rosetta": False, "binfmt": True, "sshConfig": True},
        **{"autoActivate": True, "mountInotify": False, "networkAddress": False},
    }
    config |= read(run.call.path(f"{run.base}/{run.profile}/colima.yaml"))
    for flag, values in run.flags.items():
        if flag in _SETTINGS:
            told = values if flag in _LISTS else value(values[-1])
            config[_SETTINGS[flag]] = told
    settled = read(run.call.path(f"{run.directory}/colima.yaml"))
    for key, name in _FIXED.items():
        if key in settled and settled[key] != config[key]:
            run.log.warn(f"'{name}' cannot be updated after initial setup, discarded")
            config[key] = settled[key]
    return config


def _invalid(config: dict[str, Any]) -> str:
    if config["mountType"] not in ("9p", "sshfs", "virtiofs"):
        return f"invalid mountType: '{config['mountType']}'"
    if config["vmType"] not in ("qemu", "vz", "krunkit"):
        return f"invalid vmType: '{config['vmType']}'"
    return ""
