"""One run of brew: the machine, the user's environment, the console, and what is on disk."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TextIO

from . import catalogue as catalogues
from .caskroom import Caskroom
from .console import Console, Failure
from .kegs import Kegs
from .machine import Machine
from .sources import source
from .taps import Taps
from .trust import Trust, open_trust

API_HOST = "formulae.brew.sh"
Hook = Callable[[Sequence[str]], int]


def call(command: Sequence[str]) -> int:
    """Run a command of the machine; its exit code, 127 where there is no such command."""
    try:
        return subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        return 127


class Brew:
    """What every command works with."""

    def __init__(
        self,
        machine: Machine,
        environment: Mapping[str, str],
        cwd: Path,
        console: Console,
        *,
        stdin: TextIO | None = None,
        hook: Hook = call,
    ) -> None:
        self.machine = machine = with_updates(machine)
        _describe(machine)
        self.environment = dict(environment)
        self.cwd = cwd
        self.console = console
        self.stdin = stdin
        self.hook = hook
        self.kegs = Kegs(machine)
        self.caskroom = Caskroom(machine)
        self.typed: list[str] = []

    def on(self, name: str) -> bool:
        """Whether HOMEBREW_<name> is set."""
        return bool(self.environment.get(f"HOMEBREW_{name}"))

    @property
    def home(self) -> Path:
        return Path(self.environment["HOME"])

    @property
    def user(self) -> str:
        return self.machine.user or self.environment.get("USER") or str(self.machine.uid)

    @property
    def from_api(self) -> bool:
        return not self.on("NO_INSTALL_FROM_API")

    @property
    def cache(self) -> Path:
        told = self.environment.get("HOMEBREW_CACHE")
        if told:
            return Path(told)
        below = "Library/Caches" if self.machine.os == "macos" else ".cache"
        return self.home / below / "Homebrew"

    @cached_property
    def catalogue(self) -> catalogues.Catalogue:
        return catalogues.read(self.machine.catalogue, self.machine.prefix, self.machine.tag)

    @cached_property
    def taps(self) -> Taps:
        return Taps(self.machine, self.catalogue, self.cache, self.from_api)

    @cached_property
    def trust(self) -> Trust:
        return open_trust(self.environment, self.home)

    def trusted(self, tap: str, kind: str, full_name: str) -> bool:
        """Whether a package may be loaded. An untrusted tap is still listed, not loaded."""
        return self.taps.official(tap) or self.trust.trusts(tap, kind, full_name)

    def reaches(self, host: str) -> bool:
        return host not in self.machine.unreachable

    def may_write(self, path: Path) -> bool:
        """Whether the machine's user may write here; the modes say it: that holds for root too."""
        return self._may(path, stat.S_IWUSR, stat.S_IWOTH)

    def may_read(self, path: Path) -> bool:
        return self._may(path, stat.S_IRUSR, stat.S_IROTH)

    @source(
        "api-first-command-downloads-api",
        "api-offline-leaves",
        "api-offline-missing",
        "api-stale-offline-list-versions-auto",
        "api-stale-offline-list-versions",
    )
    def need_api(self, *, repeats_error: bool = True) -> None:
        """Have the API's data before formulae are loaded; where it is old, fetch it anew.

        Raises:
            Failure: there is none and the network does not give it.
        """
        if not self.from_api:
            return
        have = self.taps.api_file.exists()
        if have and (self.on("NO_AUTO_UPDATE") or self.taps.api_age() < self._api_seconds):
            return
        name = self.taps.api_file.name
        self.console.heading_err("Downloading Homebrew API data")
        if self.reaches(API_HOST):
            self.taps.refresh_api()
        elif have:
            self.console.warn(f"{name}: update failed, falling back to cached version.")
            self.taps.api_file.touch()
        else:
            self.console.ticked(f"JSON API {name}", done=False)
            self._api_failed(repeats_error)
        self.console.ticked(f"JSON API {name}")

    @property
    def _api_seconds(self) -> int:
        # Homebrew's manual: the default of HOMEBREW_API_AUTO_UPDATE_SECS.
        return int(self.environment.get("HOMEBREW_API_AUTO_UPDATE_SECS", "450"))

    def _api_failed(self, repeats_error: bool) -> None:
        url = f"https://{API_HOST}/api/internal/{self.taps.api_file.name}"
        failed = (
            f"Failure while executing; `/usr/bin/env curl {url}` exited with 6. "
            f"Here's the output:\n{unresolved(API_HOST)}\nHTTP status: 000"
        )
        self.console.error(f"{unresolved(API_HOST)}\nHTTP status: 000{failed}")
        if repeats_error:
            raise Failure(failed)
        raise Failure

    def _may(self, path: Path, as_owner: int, as_other: int) -> bool:
        if self.machine.uid == 0:
            return True
        if self.machine.uid == os.geteuid():
            return os.access(path, os.W_OK if as_owner == stat.S_IWUSR else os.R_OK)
        told = path.stat()
        return bool(told.st_mode & (as_owner if told.st_uid == self.machine.uid else as_other))


def with_updates(machine: Machine) -> Machine:
    """The machine with the version that an update left in its repository."""
    file = version_file(machine)
    return machine._replace(version=file.read_text()) if file.exists() else machine


def check_out(machine: Machine) -> str:
    """Have the version's revision checked out, as git says it; returns the revision."""
    revision = hashlib.sha1(machine.version.encode(), usedforsecurity=False).hexdigest()
    branch = machine.repository / ".git/refs/heads/stable"
    branch.parent.mkdir(parents=True, exist_ok=True)
    branch.write_text(f"{revision}\n")
    return revision


def _describe(machine: Machine) -> None:
    """Keep the version by the revision that is checked out, as every run of brew does that may
    (Homebrew/brew, Library/Homebrew/utils/git.sh)."""
    git = machine.repository / ".git"
    if git.is_dir() and git.stat().st_uid == os.geteuid():
        told = git / "describe-cache" / check_out(machine)
        told.parent.mkdir(exist_ok=True)
        told.write_text(f"{machine.version}\n")


def version_file(machine: Machine) -> Path:
    return machine.repository / ".git" / "maclab-version"


def unresolved(host: str) -> str:
    """What curl says where a name cannot be resolved."""
    return f"curl: (6) Could not resolve host: {host}"
