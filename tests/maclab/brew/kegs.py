"""Installed formulae on disk: kegs, receipts, links, pins. The layout is the real one's."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .catalogue import Formula, newest
from .machine import Machine
from .sources import source

LINKED_FOLDERS = ("bin", "etc", "include", "lib", "sbin", "share")
_SCRIPT = '#!/bin/sh\necho "@NAME@ @VERSION@"\n'


class Conflict(NamedTuple):
    """A file that a keg wants to link, and what is there instead."""

    wanted: Path
    relative: str
    owner: str


class Keg(NamedTuple):
    """One installed version of a formula."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.parent.name

    @property
    def version(self) -> str:
        return self.path.name

    def receipt(self) -> dict[str, Any]:
        """What INSTALL_RECEIPT.json says; empty for a keg without one (half built, or by hand)."""
        file = self.path / "INSTALL_RECEIPT.json"
        told: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return told

    @property
    def tap(self) -> str:
        return str(self.receipt().get("source", {}).get("tap", ""))

    def files(self) -> list[Path]:
        """Every file of the keg: those at the top in the order of their making, then the rest."""
        top = [file for file in self.path.iterdir() if not file.is_dir()]
        rest = [file for file in self.path.rglob("*") if not file.is_dir() and file not in top]
        return top + sorted(rest)

    def usage(self) -> str:
        """`5 files, 13.7KB`."""
        files = self.files()
        size = sum(file.lstat().st_size for file in files)
        number = f"{len(files)} files, " if len(files) != 1 else ""
        return number + readable(size)

    def linkable(self) -> Iterator[tuple[Path, Path]]:
        """Files that linking shows in the prefix, with their path below the keg."""
        for folder in LINKED_FOLDERS:
            for file in sorted((self.path / folder).rglob("*")):
                if not file.is_dir():
                    yield file, file.relative_to(self.path)


class Kegs(NamedTuple):
    """The Cellar of one machine and what hangs on it: opt, bin, linked, pinned."""

    machine: Machine

    def racks(self) -> list[str]:
        """Names of the directories in the Cellar, empty ones too; sorted."""
        if not self.machine.cellar.is_dir():
            return []
        return sorted(one.name for one in self.machine.cellar.iterdir() if one.is_dir())

    def of(self, name: str) -> list[Keg]:
        """The installed versions, in the order of the directory, as the real one lists them."""
        rack = self.machine.cellar / name
        if not rack.is_dir():
            return []
        return [Keg(rack / entry.name) for entry in os.scandir(rack) if entry.is_dir()]

    def newest(self, name: str) -> Keg | None:
        versions = [keg.version for keg in self.of(name)]
        return Keg(self.machine.cellar / name / newest(versions)) if versions else None

    def all(self) -> list[Keg]:
        """The newest keg of each rack that has one, by name."""
        kegs = (self.newest(name) for name in self.racks())
        return [keg for keg in kegs if keg]

    def linked(self, name: str) -> str | None:
        return _target(self.machine.prefix / "var" / "homebrew" / "linked" / name)

    def opt(self, name: str) -> str | None:
        return _target(self.machine.prefix / "opt" / name)

    def pinned(self, name: str) -> str | None:
        return _target(self._pin(name))

    def pin(self, keg: Keg) -> None:
        _point(self._pin(keg.name), keg.path)

    def unpin(self, name: str) -> None:
        self._pin(name).unlink()

    @source("receipt-of-installed", "receipt-of-tap-formula", "ls-cellar", "list-formula-by-name")
    def pour(self, formula: Formula, receipt: Mapping[str, Any]) -> Keg:
        """Make a keg with its receipt, its executables and its links in opt, aliases included."""
        keg = Keg(self.machine.cellar / formula.name / formula.version)
        if keg.path.exists():
            # What a killed build left.
            shutil.rmtree(keg.path)
        keg.path.mkdir(parents=True)
        (keg.path / "INSTALL_RECEIPT.json").write_text(json.dumps(receipt, indent=2))
        (keg.path / "README.md").write_text(f"{formula.name}\n")
        (keg.path / "LICENSE").write_text(f"{formula.license}\n")
        if not receipt["poured_from_bottle"]:
            (keg.path / "sbom.spdx.json").write_text("{}\n")
        recipe = keg.path / ".brew" / f"{formula.name}.rb"
        recipe.parent.mkdir()
        keg_only = f"keg_only {formula.keg_only}\n" if formula.keg_only else ""
        recipe.write_text(f'# {formula.name}\nversion "{formula.version}"\n{keg_only}')
        for name in formula.executables:
            write_executable(self.machine, keg.path / "bin" / name, formula, keg)
        for name in formula.files:
            write_executable(self.machine, keg.path / name, formula, keg)
        for name in (formula.name, *formula.aliases):
            _point(self.machine.prefix / "opt" / name, keg.path)
        return keg

    def conflicts(self, keg: Keg) -> list[Conflict]:
        """Files in the prefix that stand where this keg's links would be."""
        found = []
        for _, relative in keg.linkable():
            place = self.machine.prefix / relative
            if (place.exists() or place.is_symlink()) and keg.path not in place.resolve().parents:
                found.append(Conflict(place, str(relative), self._owner(place)))
        return found

    def link(self, keg: Keg) -> int:
        """Link a keg into the prefix, over whatever is there; the number of links made."""
        number = 0
        for file, relative in keg.linkable():
            place = self.machine.prefix / relative
            _point(place, file)
            number += 1
        _point(self.machine.prefix / "var" / "homebrew" / "linked" / keg.name, keg.path)
        return number

    def unlink(self, keg: Keg) -> int:
        """Take a keg's links out of the prefix; the number of links removed."""
        number = 0
        for _, relative in keg.linkable():
            place = self.machine.prefix / relative
            if place.is_symlink() and keg.path in place.resolve().parents:
                place.unlink()
                number += 1
        (self.machine.prefix / "var" / "homebrew" / "linked" / keg.name).unlink(missing_ok=True)
        return number

    def remove(self, keg: Keg) -> None:
        """Delete a keg, and with the last one its rack and its links in opt."""
        if self.linked(keg.name) == keg.version:
            self.unlink(keg)
        shutil.rmtree(keg.path)
        opt = self.machine.prefix / "opt"
        for link in list(opt.iterdir()) if opt.is_dir() else []:
            if link.is_symlink() and not link.exists() and _points_into(link, keg.path):
                link.unlink()
        if not any(keg.path.parent.iterdir()):
            keg.path.parent.rmdir()

    def set_on_request(self, keg: Keg) -> None:
        """Note that the user asked for a keg which came as a dependency."""
        told = keg.receipt()
        if told and not told.get("installed_on_request"):
            told["installed_on_request"] = True
            (keg.path / "INSTALL_RECEIPT.json").write_text(json.dumps(told, indent=2))

    def _pin(self, name: str) -> Path:
        return self.machine.prefix / "var" / "homebrew" / "pinned" / name

    def _owner(self, place: Path) -> str:
        target = place.resolve()
        if self.machine.cellar.resolve() in target.parents:
            return target.relative_to(self.machine.cellar.resolve()).parts[0]
        return ""


def receipt(
    machine: Machine,
    formula: Formula,
    runtime: list[Formula],
    *,
    bottled: bool,
    on_request: bool,
    from_api: bool,
    recipe: Path,
) -> dict[str, Any]:
    """What INSTALL_RECEIPT.json says of an installation made now."""
    origin: dict[str, Any] = {
        "tap": formula.tap,
        "tap_git_head": "0" * 40,
        "spec": "stable",
        "path": str(recipe),
        "versions": {
            "stable": formula.version,
            "head": None,
            "version_scheme": 0,
            "compatibility_version": None,
        },
    }
    return {
        "homebrew_version": machine.version,
        "used_options": [],
        "unused_options": [],
        "built_as_bottle": bottled,
        "poured_from_bottle": bottled,
        "loaded_from_api": from_api,
        "loaded_from_internal_api": from_api,
        "installed_on_request": on_request,
        "changed_files": None,
        "time": int(time.time()),
        "source_modified_time": 1767225600,
        "compiler": "clang" if machine.os == "macos" else "gcc-12",
        "aliases": list(formula.aliases),
        "runtime_dependencies": [
            {
                "full_name": one.full_name,
                "version": one.version,
                "revision": 0,
                "bottle_rebuild": 0,
                "pkg_version": one.version,
                "declared_directly": one.full_name in formula.deps,
            }
            for one in runtime
        ],
        "source": origin,
        "arch": machine.arch,
        "built_on": _built_on(machine),
    }


def _built_on(machine: Machine) -> dict[str, str]:
    if machine.os == "linux":
        return {"os": "Linux"}
    return {"os": "Macintosh", "os_version": f"macOS {machine.os_version}"}


def write_executable(machine: Machine, place: Path, formula: Formula, keg: Keg) -> None:
    """Write what an installed command is, from the machine's templates."""
    place.parent.mkdir(parents=True, exist_ok=True)
    text = template(machine, place.name)
    marks = {
        "NAME": place.name,
        "FORMULA": formula.name,
        "VERSION": formula.version,
        "KEG": str(keg.path),
        "PREFIX": str(machine.prefix),
    }
    for mark, value in marks.items():
        text = text.replace(f"@{mark}@", value)
    place.write_text(text)
    place.chmod(0o755)


def template(machine: Machine, name: str) -> str:
    """The text of an executable: its own template, or the default one, or one that names itself."""
    for choice in (name, "default") if machine.templates else ():
        assert machine.templates
        if (machine.templates / choice).is_file():
            return (machine.templates / choice).read_text()
    return _SCRIPT


def readable(size: int) -> str:
    """A number of bytes as brew prints it: `264B`, `13.7KB`."""
    if size < 1000:
        return f"{size}B"
    value, unit = size / 1024, "KB"
    for larger in ("MB", "GB"):
        if value >= 1000:
            value, unit = value / 1024, larger
    return f"{value:.1f}".removesuffix(".0") + unit


def _target(link: Path) -> str | None:
    return link.readlink().name if link.is_symlink() and link.exists() else None


def _point(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() or link.exists():
        link.unlink()
    link.symlink_to(os.path.relpath(target, link.parent))


def _points_into(link: Path, keg: Path) -> bool:
    target = Path(os.path.normpath(link.parent / link.readlink()))
    return target == keg
