"""What a machine has to be before anything is done to it."""

from __future__ import annotations

from pyinfra.api import operation
from pyinfra.context import host

from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac import DeveloperTools, Mac, MacSystem
from deploys.facts.machine import Machine, ThisMachine
from deploys.findings import found, refuse
from deploys.operations import Commands

ROOM_NEEDED = 3 * 1024**3
OLDEST_MACOS = 15  # Homebrew's installer and its bottles need it (7.0.0 release notes)
NEWEST_KNOWN_MACOS = 27


@operation()
def supported() -> Commands:
    """Debian and what descends from it, with root or sudo; a Mac that Homebrew works on."""
    machine = host.get_fact(ThisMachine)
    if machine.is_mac:
        _supported_mac(machine, host.get_fact(Mac), host.get_fact(Homebrew))
    else:
        _supported_linux(machine)
    yield from ()


@operation()
def room_left() -> Commands:
    """Say it when the disk is so full that packages and images may not fit."""
    machine = host.get_fact(ThisMachine)
    free = host.get_fact(Mac).free_bytes if machine.is_mac else machine.free_bytes
    if free < ROOM_NEEDED:
        found(
            "machine.little-room",
            f"Only {free / 1024**3:.1f} GiB are free on {'your disk' if machine.is_mac else '/'}.",
            means=f"Packages and images together need up to {ROOM_NEEDED / 1024**3:.0f} GiB.",
            mend="Free some space if a step fails for want of it.",
            severity="notice",
        )
    yield from ()


@operation()
def virtualization() -> Commands:
    """Say it when this Mac, a virtual one say, cannot run a container engine's machine."""
    if host.get_fact(Mac).can_virtualize is False:
        found(
            "machine.no-virtualization",
            "This Mac cannot run virtual machines (kern.hv_support is 0).",
            means="Container engines need one; Macs in a cloud or in a virtual machine lack it.",
            mend="Leave the engine out with --only, or use a Mac that can.",
            severity="notice",
        )
    yield from ()


@operation()
def proxies() -> Commands:
    """Say it when the system's proxies are set where only browsers look."""
    proxies = host.get_fact(Mac).proxies
    if proxies:
        exports = " ".join(f"{scheme}_proxy=http://{at}" for scheme, at in proxies.items())
        found(
            "machine.proxy-not-exported",
            "System Settings name a web proxy, and this shell does not.",
            means="curl, git, Homebrew and Docker go by the environment only.",
            mend=f"If downloads fail: `export {exports}`, then run this again.",
            severity="notice",
        )
    yield from ()


def _supported_linux(machine: Machine) -> None:
    if not machine.is_debian:
        refuse(
            "machine.unsupported",
            f"{machine.os_name} is not a system that this version prepares.",
            mend="Run it on macOS 15 or newer, Debian 12 or newer, Ubuntu, or what descends from "
            "them.",
        )
    if machine.uid != 0 and not machine.has_sudo:
        refuse(
            "machine.no-sudo",
            f"{machine.user} is not root, and there is no sudo.",
            means="Packages cannot be installed.",
            mend="Run it as root, or have an administrator install sudo and grant it to you.",
        )


def _supported_mac(machine: Machine, mac: MacSystem, brew: BrewState) -> None:
    if machine.uid == 0:
        refuse(
            "machine.root",
            "You are root; Homebrew refuses to work as root.",
            mend="Run it as the user whose Mac this is, without sudo; it asks when it needs root.",
        )
    if mac.translated:
        refuse(
            "machine.rosetta",
            "This shell runs under Rosetta, as an Intel program on Apple Silicon.",
            means="Homebrew's installer takes this for an Intel Mac and refuses.",
            mend='Uncheck "Open using Rosetta" in the Finder\'s information window of your '
            "terminal, or run it with `arch -arm64 python3 bootstrap.py`.",
        )
    _supported_macos(mac)
    if not mac.is_silicon:
        _supported_intel(brew)
    if not brew.prefix and brew.no_install:
        refuse(
            "machine.homebrew-forbidden",
            "/etc/homebrew/brew.no_install exists: whoever manages this Mac forbids Homebrew.",
            mend="Ask them to install Homebrew, or to remove that file.",
        )
    _may_administer(machine, brew)


def _supported_macos(mac: MacSystem) -> None:
    if mac.major < OLDEST_MACOS:
        refuse(
            "machine.macos-too-old",
            f"This is macOS {mac.version}; Homebrew supports {OLDEST_MACOS} or newer.",
            means="Its packages would be compiled for hours, or not at all.",
            mend="Upgrade macOS in System Settings > General > Software Update, then run it again.",
        )
    if mac.major > NEWEST_KNOWN_MACOS:
        found(
            "machine.macos-unknown",
            f"macOS {mac.version} is newer than this version of the tool.",
            mend="It is tried all the same.",
            severity="notice",
        )


def _supported_intel(brew: BrewState) -> None:
    if not brew.prefix:
        refuse(
            "machine.intel",
            "This is an Intel Mac without Homebrew, and Homebrew's installer refuses Intel Macs "
            "since September 2026.",
            mend="Use a Mac with Apple Silicon; or install Docker Desktop and Ruby by hand, and "
            "run it with --only blog --only proof.",
        )
    found(
        "machine.intel",
        "Homebrew makes no new packages for Intel Macs.",
        means="What is missing may be compiled, which takes long, or be refused.",
        severity="notice",
    )


def _may_administer(machine: Machine, brew: BrewState) -> None:
    if "admin" in machine.groups:
        return
    tools = host.get_fact(DeveloperTools)
    lacking = [] if tools.whole or tools.is_xcode else ["the Command Line Tools"]
    lacking += [] if brew.prefix else ["Homebrew"]
    if lacking:
        refuse(
            "machine.no-admin",
            f"{machine.user} is no administrator of this Mac, and {' and '.join(lacking)} "
            f"{'are' if len(lacking) > 1 or not tools.whole else 'is'} missing.",
            means="Only an administrator can install them.",
            mend="Have an administrator run this once, or make you one in System Settings > Users "
            "& Groups.",
        )
