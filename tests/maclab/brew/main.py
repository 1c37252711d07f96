"""From a command line to a command: what is checked before, who answers, how errors end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import NamedTuple, TextIO

from .brew import Brew, Hook, call
from .catalogue import order
from .console import Console, Failure
from .machine import Machine, load
from .sources import source

COMMANDS = {
    "--version": "queries.version",
    "--prefix": "queries.prefix",
    "--cellar": "queries.place",
    "--caskroom": "queries.place",
    "--cache": "queries.place",
    "--repository": "queries.place",
    "--repo": "queries.place",
    "--taps": "queries.place",
    "shellenv": "queries.shellenv",
    "config": "queries.config",
    "analytics": "queries.analytics",
    "developer": "queries.developer",
    "list": "lists.run",
    "info": "information.run",
    "install": "installing.install",
    "reinstall": "installing.reinstall",
    "uninstall": "removing.uninstall",
    "autoremove": "removing.autoremove",
    "outdated": "upgrading.outdated",
    "upgrade": "upgrading.upgrade",
    "link": "linking.link",
    "unlink": "linking.unlink",
    "pin": "linking.pin",
    "unpin": "linking.unpin",
    "deps": "asking.deps",
    "uses": "asking.uses",
    "leaves": "asking.leaves",
    "missing": "asking.missing",
    "tap": "tapping.tap",
    "untap": "tapping.untap",
    "tap-info": "tapping.tap_info",
    "trust": "tapping.trust",
    "untrust": "tapping.untrust",
    "update": "updating.update",
    "update-if-needed": "updating.update_if_needed",
    "update-reset": "updating.update_reset",
    "services": "services.run",
    "bundle": "bundle.run",
    "cleanup": "cleaning.cleanup",
    "doctor": "checking.doctor",
}
_SAME = {
    "-v": "--version",
    "ls": "list",
    "rm": "uninstall",
    "remove": "uninstall",
    "abv": "info",
    "ln": "link",
    "up": "update",
    "dr": "doctor",
}
_KNOWN_SINCE = ((27, "6.0.18"), (26, "4.6.0"), (15, "4.4.0"))
_UPDATES_FIRST = ("install", "outdated", "upgrade", "bundle", "tap")
_WITHOUT_RUBY = (
    "--version",
    "--prefix",
    "--cellar",
    "--caskroom",
    "--repository",
    "--repo",
    "--cache",
    "--taps",
    "shellenv",
)
_NOT_AS_ROOT_BUT = (*_WITHOUT_RUBY, "services")

Command = Callable[[Brew, list[str]], int]


class Result(NamedTuple):
    """How a run in this process ended."""

    code: int
    out: str
    err: str


def run(
    machine: Machine,
    arguments: list[str],
    environment: Mapping[str, str],
    cwd: Path,
    *,
    stdin: str = "",
    hook: Hook = call,
) -> Result:
    """Run brew in this process, without terminals."""
    out, err = StringIO(), StringIO()
    console = Console(out, err, environment)
    brew = Brew(machine, environment, cwd, console, stdin=StringIO(stdin), hook=hook)
    return Result(execute(brew, arguments), out.getvalue(), err.getvalue())


def main(config: str, arguments: list[str]) -> int:
    """Run brew as a process; `config` is the path of the machine's JSON file."""
    return perform(load(Path(config), os.environ), arguments)


def perform(machine: Machine, arguments: list[str]) -> int:
    """Run brew on a machine, with this process's own streams, environment and directory."""
    streams: tuple[TextIO, TextIO, TextIO] = (sys.stdout, sys.stderr, sys.stdin)
    console = Console(streams[0], streams[1], os.environ, keyboard=streams[2])
    brew = Brew(machine, os.environ, _cwd(), console, stdin=streams[2])
    return execute(brew, arguments)


def execute(brew: Brew, arguments: list[str]) -> int:
    """Run one command line; the exit code."""
    brew.typed = arguments
    name = _SAME.get(arguments[0], arguments[0]) if arguments else ""
    try:
        return _execute(brew, name, arguments[1:])
    except Failure as failure:
        if str(failure):
            brew.console.error(str(failure))
        return 1


def command(name: str) -> Command:
    """The function that answers a command; its module is imported only now."""
    module, _, function = COMMANDS.get(name, "queries.unknown").partition(".")
    found: Command = getattr(import_module(f"{__package__}.{module}"), function)
    return found


def _execute(brew: Brew, name: str, arguments: list[str]) -> int:
    _check_environment(brew)
    _check_root(brew, name, arguments)
    if _needs_ruby(name, arguments):
        _check_ruby(brew)
        _check_system(brew, name)
        time.sleep(brew.machine.latency)
        _reset_sudo(brew)
    if name in _UPDATES_FIRST and not (name == "tap" and not arguments):
        import_module(f"{__package__}.updating").auto_update(brew, name)
    return command(name)(brew, arguments)


@source("home-unset", "cwd-unreadable", "user-unset")
def _check_environment(brew: Brew) -> None:
    if not brew.environment.get("HOME"):
        raise Failure("$HOME must be set to run brew.")
    if not brew.may_read(brew.cwd):
        raise Failure(f"The current working directory must be readable to {brew.user} to run brew.")


@source("root-install", "root-list", "root-services-list-json", "root-version", "root-tap-list")
def _check_root(brew: Brew, name: str, arguments: list[str]) -> None:
    allowed = name in _NOT_AS_ROOT_BUT or not _needs_ruby(name, arguments)
    if brew.machine.uid == 0 and not brew.machine.root_allowed and not allowed:
        raise Failure(
            "Running Homebrew as root is extremely dangerous and no longer supported.\n"
            "As Homebrew does not drop privileges on installation you would be giving all\n"
            "build scripts full access to your system."
        )


def _needs_ruby(name: str, arguments: list[str]) -> bool:
    """Whether a command is more than shell: only then is it slow, and resets the sudo ticket."""
    plain_list = name == "list" and all(word in ("-1", "--formula", "--cask") for word in arguments)
    quick_json = name == "list" and {"--versions", "--json"} <= set(arguments)
    plain_tap = name == "tap" and not arguments
    return not (plain_list or quick_json or plain_tap or name in _WITHOUT_RUBY)


@source("half-installed-install", "half-installed-list-versions", "half-installed-prefix")
def _check_ruby(brew: Brew) -> None:
    if brew.machine.ruby:
        return
    url = (
        "https://ghcr.io/v2/homebrew/core/portable-ruby/blobs/"
        "sha256:0980099dc2668dc47bd4c85b704beb76b9406b4a85f77fdda9820d8341b40f87"
    )
    console = brew.console
    console.heading_err(f"Downloading {url}")
    console.err("curl: (6) Could not resolve host: ghcr.io\n")
    console.error(
        f"Failed to download ruby from the following locations:\n  - {url}\n\n"
        "Do not file an issue on GitHub about this; you will need to figure out for\n"
        "yourself what issue with your internet connection restricts your access to\n"
        "GitHub (used for Homebrew updates and binary packages)."
    )
    raise Failure(
        "Failed to install Homebrew Portable Ruby and cannot find another Ruby 4.0!\n"
        "If there's no Homebrew Portable Ruby available for your processor:\n"
        "- install Ruby 4.0 with your system package manager (or rbenv/ruby-build)\n"
        "- make it first in your PATH\n- try again\n"
    )


@source(
    documents=("Homebrew/brew#20068, opencode#8684: an old brew on a new macOS",),
    guess="which version of brew knows which macOS: 27 is in 6.0.18, the others are near",
)
def _check_system(brew: Brew, name: str) -> None:
    """An old brew does not start on a macOS that it does not know; `update-reset` mends that."""
    machine = brew.machine
    if machine.os != "macos" or name == "update-reset":
        return
    major = int(machine.os_version.split(".")[0])
    needed = next((version for since, version in _KNOWN_SINCE if major >= since), "0")
    if order(machine.version) < order(needed):
        raise Failure(f'unknown or unsupported macOS version: "{machine.os_version}"')


@source(documents=("Homebrew/brew Library/Homebrew/brew.sh: sudo --reset-timestamp",))
def _reset_sudo(brew: Brew) -> None:
    if brew.machine.sudo_reset:
        brew.hook(brew.machine.sudo_reset)


def _cwd() -> Path:
    try:
        return Path.cwd()
    except (FileNotFoundError, PermissionError):
        return Path(os.environ.get("PWD", "/"))
