"""What a machine has to be before anything is done to it."""

from __future__ import annotations

from shlex import quote

from pyinfra.api import operation
from pyinfra.context import host

from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac import DeveloperTools, Mac, MacSystem
from deploys.facts.machine import Machine, ThisMachine
from deploys.findings import found, refuse
from deploys.operations import Commands

ROOM_NEEDED = 3 * 1024**3
ROOM_NEEDED_MAC = 10 * 1024**3  # estimated: tools, Homebrew, a virtual machine and its images
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
    if machine.is_mac:
        place, free, needed = machine.home, host.get_fact(Mac).free_bytes, ROOM_NEEDED_MAC
    else:
        place, free, needed = "/", machine.free_bytes, ROOM_NEEDED
    if free < needed:
        found(
            "machine.little-room",
            f"Only {free / 1024**3:.1f} GiB are free on "
            f"{f'the disk of {place}' if machine.is_mac else place}.",
            means=f"Packages and images together need up to {needed / 1024**3:.0f} GiB.",
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
    mac = host.get_fact(Mac)
    if mac.proxies:
        found(
            "machine.proxy-not-exported",
            "System Settings name a web proxy, and this shell does not.",
            means="curl, git, Homebrew and Docker go by the environment only.",
            mend=f"If downloads fail: `{_exports(mac)}`, then run this again.",
            severity="notice",
        )
    elif mac.proxy_script:
        found(
            "machine.proxy-script",
            f"System Settings find a web proxy through a script, {mac.proxy_script}.",
            means="curl, git, Homebrew and Docker go by the environment only, and run no script.",
            mend="If downloads fail, ask whoever keeps the network for the proxy's name and port: "
            "`export http_proxy=http://NAME:PORT https_proxy=http://NAME:PORT "
            "no_proxy=localhost,127.0.0.1`.",
            severity="notice",
        )
    yield from ()


@operation()
def touch_id() -> Commands:
    """Say it where the next upgrade of macOS takes a fingerprint's power to do for sudo's password:
    it writes /etc/pam.d/sudo anew, and leaves sudo_local (tw93/Mole#278,
    MikeMcQuaid/strap#831)."""
    if host.get_fact(Mac).touch_id_in == {"sudo"}:
        found(
            "machine.touch-id-until-upgrade",
            "Touch ID for sudo is set up in /etc/pam.d/sudo.",
            means="An upgrade of macOS writes that file anew; it leaves sudo_local alone.",
            mend="`echo 'auth sufficient pam_tid.so' | sudo tee -a /etc/pam.d/sudo_local`.",
            severity="notice",
        )
    yield from ()


def _exports(mac: MacSystem) -> str:
    """One line for a shell. This machine itself goes without: the blog is served from it.

    The system's `*.local` is `.local` here, and an abbreviated network (169.254/16) has no form.
    """
    hosts = (name.removeprefix("*") for name in mac.not_proxied if "/" not in name)
    without = ",".join(dict.fromkeys(("localhost", "127.0.0.1", *hosts)))
    variables = {f"{scheme}_proxy": f"http://{at}" for scheme, at in mac.proxies.items()}
    words = [f"{name}={quote(value)}" for name, value in variables.items()]
    return " ".join(("export", *words, f"no_proxy={quote(without)}"))


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
            "/etc/homebrew/brew.no_install exists: whoever manages this Mac forbids Homebrew"
            f"{f' ({mac.forbids_homebrew})' if mac.forbids_homebrew else ''}.",
            means="Homebrew's installer obeys it, and so does this tool.",
            mend="Ask them to install Homebrew, or to remove that file.",
        )
    _may_administer(machine, brew)


def _supported_macos(mac: MacSystem) -> None:
    if not mac.major:
        found(
            "machine.macos-unknown",
            f"The version of this macOS cannot be read ({mac.version or 'sw_vers says nothing'}).",
            mend="It is tried all the same.",
            severity="notice",
        )
    elif mac.major < OLDEST_MACOS:
        refuse(
            "machine.macos-too-old",
            f"This is macOS {mac.version}; Homebrew supports {OLDEST_MACOS} or newer.",
            means="Its packages would be compiled for hours, or not at all.",
            mend="Upgrade macOS in System Settings > General > Software Update, then run it again.",
        )
    elif mac.major > NEWEST_KNOWN_MACOS:
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
        verb = "is" if lacking == ["Homebrew"] else "are"
        refuse(
            "machine.no-admin",
            f"{machine.user} is no administrator of this Mac, and {' and '.join(lacking)} {verb} "
            "missing.",
            means="Only an administrator can install them.",
            mend="Have an administrator run this once, or make you one in System Settings > Users "
            "& Groups.",
        )
