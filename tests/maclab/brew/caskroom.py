"""Installed casks on disk: the Caskroom, its metadata, applications and linked commands."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from .catalogue import Cask
from .kegs import template
from .machine import Machine
from .sources import source


class InstalledCask(NamedTuple):
    """One cask in the Caskroom."""

    path: Path

    @property
    def token(self) -> str:
        return self.path.name

    @property
    def version(self) -> str:
        """The version that its metadata names; of several the newest made."""
        versions = [one for one in (self.path / ".metadata").iterdir() if one.is_dir()]
        return max(versions, key=lambda one: one.stat().st_mtime_ns).name if versions else ""

    @property
    def tap(self) -> str:
        told = json.loads((self.path / ".metadata" / "INSTALL_RECEIPT.json").read_text())
        return str(told["source"]["tap"])

    @property
    def time(self) -> int:
        told = json.loads((self.path / ".metadata" / "INSTALL_RECEIPT.json").read_text())
        return int(told["time"])

    def size(self) -> int:
        return sum(one.lstat().st_size for one in self.path.rglob("*") if not one.is_dir())


class Caskroom(NamedTuple):
    """The Caskroom of one machine."""

    machine: Machine

    def all(self) -> list[InstalledCask]:
        if not self.machine.caskroom.is_dir():
            return []
        return [
            InstalledCask(one)
            for one in sorted(self.machine.caskroom.iterdir())
            if (one / ".metadata").is_dir()
        ]

    def get(self, token: str) -> InstalledCask | None:
        return next((one for one in self.all() if one.token == token), None)

    def app(self, name: str) -> Path:
        return self.machine.applications / name

    def binary(self, name: str) -> Path:
        return self.machine.prefix / "bin" / Path(name).name

    @source(
        "cask-which",
        guess="the link from the Caskroom to an application is as the real one leaves it",
    )
    def stage(self, cask: Cask) -> Path:
        """Make the directories of a cask: staged files, and metadata with a receipt."""
        staged = self.machine.caskroom / cask.token / cask.version
        for name in cask.binaries:
            self._write_binary(staged / name, cask)
        staged.mkdir(parents=True, exist_ok=True)
        metadata = staged.parent / ".metadata"
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime()) + ".000"
        recipe = metadata / cask.version / stamp / "Casks" / f"{cask.token}.json"
        recipe.parent.mkdir(parents=True, exist_ok=True)
        recipe.write_text("{}")
        told = {
            "homebrew_version": self.machine.version,
            "loaded_from_api": cask.tap == "homebrew/cask",
            "time": int(time.time()),
            "source": {"tap": cask.tap, "version": cask.version},
            "arch": self.machine.arch,
        }
        (metadata / "INSTALL_RECEIPT.json").write_text(json.dumps(told, indent=2))
        (metadata / "config.json").write_text('{"default": {}, "env": {}, "explicit": {}}')
        return staged

    def move_app(self, cask: Cask, name: str) -> None:
        """Put an application into place, with the link that the Caskroom keeps to it."""
        place = self.app(name)
        contents = place / "Contents"
        (contents / "MacOS").mkdir(parents=True, exist_ok=True)
        (contents / "Info.plist").write_text(_property_list(name, cask.version))
        executable = contents / "MacOS" / name.removesuffix(".app")
        executable.write_text(self._text(executable.name, cask))
        executable.chmod(0o755)
        self.keep_app(cask, name)

    def keep_app(self, cask: Cask, name: str) -> None:
        link = self.machine.caskroom / cask.token / cask.version / name
        link.unlink(missing_ok=True)
        link.symlink_to(self.app(name))

    def link_binary(self, cask: Cask, name: str) -> None:
        place = self.binary(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(self.machine.caskroom / cask.token / cask.version / name)

    def forget(self, token: str, version: str = "") -> None:
        """Delete a cask from the Caskroom, or one version of it."""
        path = self.machine.caskroom / token
        if not version:
            shutil.rmtree(path)
            return
        shutil.rmtree(path / version, ignore_errors=True)
        shutil.rmtree(path / ".metadata" / version, ignore_errors=True)

    def app_version(self, name: str) -> str:
        """The version that an application in place says it has; empty where it says none."""
        file = self.app(name) / "Contents" / "Info.plist"
        if not file.exists():
            return ""
        _, _, rest = file.read_text().partition("<key>CFBundleShortVersionString</key>")
        return rest.partition("<string>")[2].partition("</string>")[0]

    def _write_binary(self, place: Path, cask: Cask) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(self._text(place.name, cask))
        place.chmod(0o755)

    def _text(self, name: str, cask: Cask) -> str:
        marks = {
            "NAME": name,
            "FORMULA": cask.token,
            "VERSION": cask.version,
            "KEG": str(self.machine.caskroom / cask.token / cask.version),
            "PREFIX": str(self.machine.prefix),
        }
        text = template(self.machine, name)
        for mark, value in marks.items():
            text = text.replace(f"@{mark}@", value)
        return text


def _property_list(name: str, version: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">\n<dict>\n'
        f"\t<key>CFBundleName</key>\n\t<string>{name.removesuffix('.app')}</string>\n"
        f"\t<key>CFBundleShortVersionString</key>\n\t<string>{version}</string>\n"
        "</dict>\n</plist>\n"
    )
