"""What an upgrade of macOS breaks of container engines: facts after-upgrade.

Presets, each on a Mac that this project has set up already, or that has the engine in question.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import time
from contextlib import suppress
from dataclasses import replace

from . import apple_container, colima, lima, other_engines
from .call import COMMANDS, Call
from .colima_profile import folder, read, write
from .docker_files import change_config, create_context, home, remove_context
from .docker_files import which as found_on_path
from .podman import Podman
from .preferences import Preferences
from .presets import _preset as preset

_MONTH = 30 * 24 * 3600
_DESKTOP = "/Applications/Docker.app/Contents/Info"
_HELPERS = "/Library/PrivilegedHelperTools"


@preset("colima-broken", "dev")
def colima_broken(call: Call) -> None:
    """macOS was restarted while it ran: after-upgrade 10, 11, 16."""
    _colima(call, "start")
    colima.lose_power(call)


@preset("colima-half-started", "dev")
def colima_half_started(call: Call) -> None:
    """It says that it runs, and has no runtime: abiosoft/colima#1564."""
    _colima(call, "stop", "--force")
    _colima(call, "start")
    colima.start_by_half(call)


@preset("colima-network-stale", "dev")
def colima_network_stale(call: Call) -> None:
    """A network that nobody serves, and a start in vain: after-upgrade 12."""
    _colima(call, "stop", "--force")
    lima.leave_stale_network(call, f"{folder(call)}/_lima")
    _colima(call, "start")


@preset("colima-network-left", "dev")
def colima_network_left(call: Call) -> None:
    """The same, and nobody has tried to start it yet."""
    _colima(call, "stop", "--force")
    lima.leave_stale_network(call, f"{folder(call)}/_lima")


@preset("colima-network-healthy", "dev")
def colima_network_healthy(call: Call) -> None:
    """The directory of a network that is in order, of a machine that was stopped in order."""
    _colima(call, "stop", "--force")
    call.path(f"{folder(call)}/_lima/_networks/user-v2").mkdir(parents=True, exist_ok=True)


@preset("lima-outdated", "dev")
def lima_outdated(call: Call, when: str = "long-ago") -> None:
    """limactl is of another macOS, and a start in vain: after-upgrade 14. `lately`: it was
    installed today."""
    _colima(call, "stop", "--force")
    longer = _with_homebrew(call)
    lima.outdate(longer)
    _colima(call, "start")
    limactl = found_on_path(longer, "limactl")
    assert limactl
    if when == "long-ago":
        receipt = limactl.resolve().parents[1] / "INSTALL_RECEIPT.json"
        os.utime(receipt, (time.time() - _MONTH,) * 2)


@preset("colima-key-open", "dev")
def colima_key_open(call: Call) -> None:
    """Others may read Lima's key: after-upgrade 13."""
    call.path(f"{folder(call)}/_lima/_config/user").chmod(0o644)


@preset("colima-rosetta", "dev")
def colima_rosetta(call: Call, is_there: str = "gone") -> None:
    """colima is to use Rosetta, which the upgrade has removed, or not: after-upgrade 9."""
    file = call.path(f"{folder(call)}/default/colima.yaml")
    write(file, read(file) | {"rosetta": True})
    if is_there == "there":
        runtime = call.path("/Library/Apple/usr/libexec/oah/libRosettaRuntime")
        runtime.parent.mkdir(parents=True, exist_ok=True)
        runtime.touch()


@preset("lima-without-rosetta", "dev")
def lima_without_rosetta(call: Call) -> None:
    """Lima was built for an older macOS and cannot use the Rosetta that is there: after-upgrade 15,
    lima-vm/lima#2753."""
    colima_rosetta(call, "there")
    log = call.path(f"{folder(call)}/_lima/colima/ha.stderr.log")
    said = (
        "Unable to configure Rosetta: unsupported build target macOS version for 14.0 (the binary "
        "was built with __MAC_OS_X_VERSION_MAX_ALLOWED=130100; needs recompilation)"
    )
    with log.open("a") as file:
        file.write(json.dumps({"level": "warning", "msg": said}) + "\n")
    limactl = found_on_path(_with_homebrew(call), "limactl")
    assert limactl
    receipt = limactl.resolve().parents[1] / "INSTALL_RECEIPT.json"
    os.utime(receipt, (time.time() - _MONTH,) * 2)


@preset("context-stale", "dev")
def context_stale(call: Call) -> None:
    """colima's context leads to where its socket was once: after-upgrade 23."""
    _colima(call, "start")
    remove_context(call, "colima")
    create_context(call, "colima", "colima", f"{home(call)}/.colima/docker.sock")
    change_config(call, currentContext="colima")


@preset("context-default", "dev")
def context_default(call: Call) -> None:
    """colima runs, and the client goes to /var/run, which is wiped at boot: after-upgrade 22."""
    _colima(call, "stop", "--force")
    _colima(call, "start")
    change_config(call, currentContext=None)


@preset("docker-app-removed", "dev")
def docker_app_removed(call: Call) -> None:
    """Docker Desktop was there, and is in the bin: after-upgrade 24."""
    other_engines.fill_docker_app(call)
    other_engines.open_docker(call)
    other_engines.remove_docker_app(call)


@preset("docker-desktop-version", "root")
def docker_desktop_version(call: Call, version: str, *helpers: str) -> None:
    """Of which version the application is, and its privileged helpers: after-upgrade 19, 20."""
    with call.changing(Preferences) as preferences:
        preferences.domains[_DESKTOP] = {"CFBundleShortVersionString": version}
    for helper in helpers:
        file = call.path(f"{_HELPERS}/com.docker.{helper}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@preset("docker-desktop-stuck", "dev")
def docker_desktop_stuck(call: Call) -> None:
    """It opens, and its engine never comes: after-upgrade 21."""
    with call.changing(other_engines.DockerDesktop) as desktop:
        desktop.stuck = True


@preset("docker-desktop-says", "dev")
def docker_desktop_says(call: Call, status: str) -> None:
    """Its status is this whatever is true: facts macos 5.2."""
    with call.changing(other_engines.DockerDesktop) as desktop:
        desktop.says = status


@preset("orbstack-stuck", "dev")
def orbstack_stuck(call: Call) -> None:
    """It stays in the state Starting: after-upgrade 17."""
    with call.changing(other_engines.OrbStack) as orbstack:
        orbstack.stuck = True


@preset("podman-broken", "dev")
def podman_broken(call: Call) -> None:
    """Its machine does not start any more: after-upgrade 18."""
    with call.changing(Podman) as podman:
        podman.made = True
        podman.broken = "vfkit exited unexpectedly with exit code 1"


@preset("engine-elsewhere", "dev")
def engine_elsewhere(call: Call, address: str) -> None:
    """The user's client is set to an engine of another machine."""
    create_context(call, "elsewhere", "", address)
    change_config(call, currentContext="elsewhere")


@preset("local-network-denied", "root")
def local_network_denied(_: Call, address: str) -> None:
    """Programs get `No route to host` for an address of the local network: after-upgrade 26. The
    kernel says it here, to all programs of all Macs of this network: route(8), `reject`."""

    def packed(name: str) -> bytes:
        return struct.pack("=H2x4s8x", socket.AF_INET, socket.inet_aton(name))

    flags = 0x1 | 0x4 | 0x200  # RTF_UP, RTF_HOST, RTF_REJECT of <linux/route.h>
    addresses = packed(address) + packed("0.0.0.0") + packed("255.255.255.255")
    entry = struct.pack("@8x48sH62x", addresses, flags)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, suppress(FileExistsError):
        fcntl.ioctl(one, 0x890B, entry)  # SIOCADDRT


@preset("apple-container", "dev")
def apple_container_kept(call: Call, state: str, containers: str = "") -> None:
    """Apple's container in this state of its service, which keeps a container: after-upgrade 42;
    the directories of apple/container, ContainersService.swift."""
    other_engines.put_command(call, "/opt/homebrew/bin/container", "container")
    folder = call.home / apple_container.HOME / "containers"
    folder.mkdir(parents=True, exist_ok=True)
    if containers != "empty":
        (folder / "web").mkdir()
    with call.changing(apple_container.AppleContainer) as service:
        service.registered = state in ("running", "silent")
        service.answers = state == "running"


def _colima(call: Call, *words: str) -> None:
    COMMANDS["colima"].function(replace(_with_homebrew(call), name="colima", argv=list(words)))


def _with_homebrew(call: Call) -> Call:
    """With the PATH of a user whose shell was configured."""
    return replace(call, env={**call.env, "PATH": f"/opt/homebrew/bin:{call.env.get('PATH', '')}"})
