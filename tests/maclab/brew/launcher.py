"""Puts the simulated brew into a prefix: directories, the executable, a repository, its taps."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path

from .brew import Brew, check_out
from .catalogue import CORE
from .console import Console
from .kegs import Keg, receipt
from .library import write_library
from .machine import Machine, to_fields
from .names import dependencies, load_cask, load_formula

_FOLDERS = (
    "Caskroom",
    "Cellar",
    "Frameworks",
    "bin",
    "etc/bash_completion.d",
    "include",
    "lib",
    "opt",
    "sbin",
    "share/doc",
    "share/man/man1",
    "share/zsh/site-functions",
    "var/homebrew/linked",
    "var/homebrew/locks",
    "var/log",
)
_LAUNCHER = """#!@PYTHON@ -IS
import sys

sys.path.append("@PACKAGE@")
from @NAME@ import fast

answer = fast.answer("@PREFIX@", "@REPOSITORY@", sys.argv[1:])
if answer:
    print(answer)
else:
    from @NAME@.main import main

    sys.exit(main("@CONFIG@", sys.argv[1:]))
"""


def install(machine: Machine, config: Path, python: str) -> Path:
    """Make a prefix with an executable `brew`, as the official installer leaves one.

    `config` is where the machine's JSON file is written; `python` is the interpreter (3.10 or
    newer) that the executable runs with. Returns the executable.
    """
    prepare(machine)
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps(to_fields(machine), indent=2))
    package = Path(__file__).resolve().parent
    subprocess.run([python, "-m", "compileall", "-q", str(package)], check=True)
    marks = {
        "PYTHON": python,
        "PACKAGE": str(package.parent),
        "NAME": package.name,
        "PREFIX": str(machine.prefix),
        "REPOSITORY": str(machine.repository),
        "CONFIG": str(config),
    }
    text = _LAUNCHER
    for mark, value in marks.items():
        text = text.replace(f"@{mark}@", value)
    executable = machine.repository / "bin" / "brew"
    executable.parent.mkdir(parents=True, exist_ok=True)
    executable.write_text(text)
    executable.chmod(0o755)
    link = machine.prefix / "bin" / "brew"
    if link != executable:
        link.unlink(missing_ok=True)
        link.symlink_to(executable)
    return link


def prepare(machine: Machine) -> None:
    """Make the directories of an empty installation, the repository's git marker among them."""
    for folder in _FOLDERS:
        (machine.prefix / folder).mkdir(parents=True, exist_ok=True)
    git = machine.repository / ".git"
    git.mkdir(parents=True, exist_ok=True)
    (git / "HEAD").write_text("ref: refs/heads/stable\n")
    (git / "config").write_text('[remote "origin"]\n\turl = https://github.com/Homebrew/brew\n')
    (git / "FETCH_HEAD").touch()
    check_out(machine)
    machine.taps.mkdir(parents=True, exist_ok=True)
    write_library(machine)


class Setup:
    """Puts things onto a machine without running brew: for machines that have them already."""

    def __init__(self, machine: Machine, environment: Mapping[str, str]) -> None:
        trusting = {**environment, "HOMEBREW_NO_REQUIRE_TAP_TRUST": "1"}
        console = Console(StringIO(), StringIO(), trusting)
        self._brew = Brew(machine, trusting, Path("/"), console)

    def know(self, versions: Mapping[str, str] | None = None) -> None:
        """Have the API's data, with older versions of what `versions` names."""
        self._brew.taps.refresh_api(versions)

    def tap(self, name: str, versions: Mapping[str, str] | None = None) -> None:
        """Have a clone of a tap, with older versions of what `versions` names."""
        tap = self._brew.catalogue.taps[name]
        self._brew.taps.clone(tap, tap.remote, versions)

    def trust(self, kind: str, *names: str) -> None:
        for name in names:
            self._brew.trust.add(kind, name)

    def formula(
        self, name: str, version: str = "", *, on_request: bool = True, link: bool = True
    ) -> Keg:
        """Have a formula installed, in an older version if one is named; not its dependencies."""
        brew = self._brew
        formula = load_formula(brew, _full(brew, name))
        formula = formula._replace(version=version) if version else formula
        told = receipt(
            brew.machine,
            formula,
            dependencies(brew, formula),
            bottled=formula.bottled(brew.machine.tag),
            on_request=on_request,
            from_api=brew.from_api and formula.tap == CORE,
            recipe=brew.taps.recipe(formula),
        )
        keg = brew.kegs.pour(formula, told)
        if link and not formula.keg_only:
            brew.kegs.link(keg)
        return keg

    def upgraded(self, name: str, version: str) -> None:
        """Have another version of a formula in place of the one that is there."""
        kegs = self._brew.kegs
        for keg in kegs.of(name):
            kegs.remove(keg)
        self.formula(name, version)

    def formulae(self, names: Iterable[str]) -> None:
        """Have formulae installed with all their dependencies, as `brew install` leaves them."""
        brew = self._brew
        wanted = [load_formula(brew, _full(brew, name)) for name in names]
        asked = {one.full_name for one in wanted}
        for formula in wanted:
            for one in [*dependencies(brew, formula), formula]:
                if not brew.kegs.of(one.name):
                    self.formula(one.full_name, on_request=one.full_name in asked)

    def cask(self, name: str, version: str = "") -> None:
        """Have a cask installed; its installer is not run."""
        brew = self._brew
        cask = load_cask(brew, name)
        cask = cask._replace(version=version) if version else cask
        brew.caskroom.stage(cask)
        for app in cask.apps:
            brew.caskroom.move_app(cask, app)
        for binary in cask.binaries:
            if not brew.caskroom.binary(binary).exists():
                brew.caskroom.link_binary(cask, binary)

    def pin(self, name: str) -> None:
        keg = self._brew.kegs.newest(name)
        assert keg
        self._brew.kegs.pin(keg)


def _full(brew: Brew, name: str) -> str:
    # A full name is loaded whether its tap is trusted or not.
    found = [tap for tap in brew.taps.usable() if brew.taps.formula(tap, name)]
    return name if "/" in name or not found or found[0] == CORE else f"{found[0]}/{name}"
