"""What a machine has to be before anything is done to it."""

from __future__ import annotations

from pyinfra.api import operation
from pyinfra.context import host

from deploys.facts.machine import ThisMachine
from deploys.findings import found, refuse
from deploys.operations import Commands

ROOM_NEEDED = 3 * 1024**3


@operation()
def supported() -> Commands:
    """Debian and what descends from it; a user that is root or has sudo."""
    machine = host.get_fact(ThisMachine)
    if not machine.is_debian:
        refuse(
            "machine.unsupported",
            f"{machine.os_name} is not a system that this version prepares.",
            mend="Run it on Debian 12 or newer, Ubuntu, or what descends from them.",
        )
    if machine.uid != 0 and not machine.has_sudo:
        refuse(
            "machine.no-sudo",
            f"{machine.user} is not root, and there is no sudo.",
            means="Packages cannot be installed.",
            mend="Run it as root, or have an administrator install sudo and grant it to you.",
        )
    yield from ()


@operation()
def room_left() -> Commands:
    """Say it when the disk is so full that packages and images may not fit."""
    machine = host.get_fact(ThisMachine)
    if machine.free_bytes < ROOM_NEEDED:
        found(
            "machine.little-room",
            f"Only {machine.free_bytes / 1024**3:.1f} GiB are free on /.",
            means=f"Packages and images together need up to {ROOM_NEEDED / 1024**3:.0f} GiB.",
            mend="Free some space if a step fails for want of it.",
            severity="notice",
        )
    yield from ()
