"""Taps on this machine, and which versions it knows: from clones, or from the API's cache."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from .catalogue import CASK, CORE, Cask, Catalogue, Formula, Tap
from .machine import Machine

_VERSION = re.compile(r'version "([^"]*)"')


class Taps:
    """The taps of one machine. In API mode core and cask come from a cached file."""

    def __init__(self, machine: Machine, catalogue: Catalogue, cache: Path, from_api: bool) -> None:
        self.machine = machine
        self.catalogue = catalogue
        self.cache = cache
        self.from_api = from_api
        self._api: dict[str, dict[str, str]] = {}

    def installed(self) -> list[str]:
        """Names of the taps that are cloned, sorted."""
        return sorted(
            f"{clone.parent.name}/{clone.name.removeprefix('homebrew-')}"
            for clone in self.machine.taps.glob("*/homebrew-*")
        )

    def usable(self) -> list[str]:
        """Names of the taps that formulae are loaded from; core first."""
        api = {CORE, CASK} if self.from_api else set()
        return sorted(set(self.installed()) | api, key=lambda name: (name != CORE, name))

    def path(self, name: str) -> Path:
        user, repository = name.split("/")
        return self.machine.taps / user / f"homebrew-{repository}"

    def remote(self, name: str) -> str:
        """Where a clone came from, as its git configuration says."""
        config = self.path(name) / ".git" / "config"
        found = re.search(r"url = (\S+)", config.read_text()) if config.exists() else None
        return found.group(1) if found else ""

    def official(self, name: str) -> bool:
        """Whether a tap is Homebrew's own: by its name and by its remote."""
        if name not in self.catalogue.taps or not name.startswith("homebrew/"):
            return False
        if self.from_api and not self.path(name).exists():
            return True
        return self.remote(name) == self.catalogue.taps[name].remote

    def formula(self, tap: str, name: str) -> Formula | None:
        """A formula in the version that this machine knows."""
        found = self.catalogue.taps[tap].formula(name) if tap in self.catalogue.taps else None
        version = self._known(found.tap, "Formula", found.name) if found else None
        return found._replace(version=version) if found and version else None

    def cask(self, tap: str, token: str) -> Cask | None:
        """A cask in the version that this machine knows."""
        found = self.catalogue.taps[tap].cask(token) if tap in self.catalogue.taps else None
        version = self._known(found.tap, "Casks", found.token) if found else None
        return found._replace(version=version) if found and version else None

    def formulae(self, tap: str) -> list[str]:
        """Names of the formulae that a tap has, as far as this machine knows; sorted."""
        return self._listed(tap, "Formula")

    def casks(self, tap: str) -> list[str]:
        return self._listed(tap, "Casks")

    def clone(self, tap: Tap, remote: str, versions: Mapping[str, str] | None = None) -> None:
        """Make a clone of a tap, with the versions that the remote has now (or older ones)."""
        path = self.path(tap.name)
        path.mkdir(parents=True, exist_ok=True)
        set_remote(path, remote)
        self.refresh(tap, versions)

    def refresh(self, tap: Tap, versions: Mapping[str, str] | None = None) -> bool:
        """Bring a clone to what its remote has now; whether anything changed."""
        path = self.path(tap.name)
        changed = False
        for folder, packages in (("Formula", tap.formulae), ("Casks", tap.casks)):
            for name, package in packages.items():
                version = (versions or {}).get(name, package.version)
                changed |= _write(path / file_of(tap.name, folder, name), name, version)
        (path / ".git" / "FETCH_HEAD").touch()
        return changed

    def recipe(self, formula: Formula) -> Path:
        """The file that a formula is loaded from."""
        if self.from_api and formula.tap == CORE:
            return self.api_file
        return self.path(formula.tap) / file_of(formula.tap, "Formula", formula.name)

    def remove(self, name: str) -> None:
        shutil.rmtree(self.path(name))
        if not any(self.path(name).parent.iterdir()):
            self.path(name).parent.rmdir()

    @property
    def api_file(self) -> Path:
        """The file that the API's data is cached in."""
        return self.cache / "api" / "internal" / f"packages.{self.machine.tag}.jws.json"

    def refresh_api(self, versions: Mapping[str, str] | None = None) -> bool:
        """Fetch the API's data anew; whether anything changed."""
        told = {
            "Formula": self._versions(CORE, versions),
            "Casks": self._versions(CASK, versions),
        }
        before = self.api_file.read_text() if self.api_file.exists() else ""
        text = json.dumps(told, sort_keys=True)
        self.api_file.parent.mkdir(parents=True, exist_ok=True)
        self.api_file.write_text(text)
        self._api = {}
        return bool(before) and before != text

    def api_age(self) -> float:
        """Seconds since the API's data was fetched."""
        return time.time() - self.api_file.stat().st_mtime

    def _api_data(self) -> dict[str, dict[str, str]]:
        """What is empty or cut off, after a full disk say, is fetched again (Homebrew,
        Library/Homebrew/api.rb, `fetch_json_api_file`)."""
        if not self._api:
            try:
                self._api = json.loads(self.api_file.read_text())
            except json.JSONDecodeError:
                self.refresh_api()
                self._api = json.loads(self.api_file.read_text())
        return self._api

    def _versions(self, name: str, versions: Mapping[str, str] | None) -> dict[str, str]:
        tap = self.catalogue.taps.get(name)
        packages: dict[str, Formula | Cask] = {**tap.formulae, **tap.casks} if tap else {}
        return {
            one: (versions or {}).get(one, package.version) for one, package in packages.items()
        }

    def _known(self, tap: str, folder: str, name: str) -> str | None:
        file = self.path(tap) / file_of(tap, folder, name)
        if file.exists():
            found = _VERSION.search(file.read_text())
            return found.group(1) if found else None
        if self.from_api and tap in (CORE, CASK) and self.api_file.exists():
            return self._api_data()[folder].get(name)
        return None

    def _listed(self, tap: str, folder: str) -> list[str]:
        if self.path(tap).exists():
            return sorted(file.stem for file in (self.path(tap) / folder).rglob("*.rb"))
        if self.from_api and self.api_file.exists():
            wanted = {CORE: "Formula", CASK: "Casks"}.get(tap)
            return sorted(self._api_data()[folder]) if wanted == folder else []
        return []


def set_remote(clone: Path, remote: str) -> None:
    git = clone / ".git"
    git.mkdir(exist_ok=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "config").write_text(f'[remote "origin"]\n\turl = {remote}\n')


def file_of(tap: str, folder: str, name: str) -> str:
    """Where a tap keeps the file of a formula or cask: core and cask by first letter."""
    letter = f"{name[0]}/" if tap in (CORE, CASK) else ""
    return f"{folder}/{letter}{name}.rb"


def _write(file: Path, name: str, version: str) -> bool:
    text = f'# {name}\nversion "{version}"\n'
    if file.exists() and file.read_text() == text:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return True
