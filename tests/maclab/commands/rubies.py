"""The Rubies of this Mac: where each keeps its gems, and whether what is compiled still loads."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

from .call import LAB, Call, Section
from .gem_catalogue import known
from .network import Network
from .system import System

SYSTEM_VERSION = "2.6.10"
# By the beginning of Ruby's version: the Bundler and the RubyGems that it brings.
_BRINGS = {
    "2.6": ("1.17.2", "3.0.3.1"),
    "2.7": ("2.1.4", "3.1.6"),
    "3.0": ("2.2.33", "3.2.33"),
    "3.1": ("2.3.27", "3.3.27"),
    "3.2": ("2.4.19", "3.4.19"),
    "3.3": ("2.5.22", "3.5.22"),
    "3.4": ("2.6.9", "3.6.9"),
    "4.0": ("4.0.16", "4.0.16"),
}
_LAUNCHER = '#!/bin/sh\nMACLAB_EXECUTABLE={executable} exec {lab}/bin/run {name} "$@"\n'


@dataclass
class Gems(Section):
    """`versions` is what the registry has instead of the catalogue. `strict_bundler`: a Bundler
    that the lock names has to be there, as before RubyGems 3.3."""

    KEY: ClassVar[str] = "gems"

    versions: dict[str, str] = field(default_factory=dict)
    strict_bundler: bool = False


class InstalledGem(NamedTuple):
    """A gem below a directory of gems; `platform` is "" for one of plain or locally built Ruby."""

    home: Path
    name: str
    version: str
    platform: str = ""

    @property
    def full_name(self) -> str:
        platform = f"-{self.platform}" if self.platform else ""
        return f"{self.name}-{self.version}{platform}"

    @property
    def directory(self) -> Path:
        return self.home / "gems" / self.full_name


@dataclass(frozen=True)
class Ruby:
    """A Ruby. `prefix` is where it lies on this machine, `path` the same as the Mac names it."""

    call: Call
    prefix: Path
    path: str
    version: str
    is_system: bool = False

    @property
    def minor(self) -> str:
        return self.version.rpartition(".")[0]

    @property
    def abi(self) -> str:
        """The version of its directories."""
        return f"{self.minor}.0"

    @property
    def bundler(self) -> str:
        return _BRINGS.get(self.minor, _BRINGS["4.0"])[0]

    @property
    def rubygems(self) -> str:
        return _BRINGS.get(self.minor, _BRINGS["4.0"])[1]

    @property
    def platform(self) -> str:
        """As `Gem::Platform.local` has it: of the macOS that this Ruby was built on."""
        system = self.call.state(System)
        built = sorted((self.prefix / "lib/ruby" / self.abi).glob("*-darwin*"))
        if built:
            arch, _, darwin = built[-1].name.partition("-darwin")
            return f"{arch}-darwin-{darwin}"
        arch = "universal" if self.is_system else system.process_arch
        return f"{arch}-darwin-{system.kernel.partition('.')[0]}"

    @property
    def gem_home(self) -> Path:
        """Where `gem install` puts things: a keg's lies outside of it."""
        if told := self.call.env.get("GEM_HOME"):
            return self.call.path(told)
        if self.is_system:
            return self.call.path("/Library/Ruby/Gems/2.6.0")
        parts = self.prefix.parts
        outside = Path(*parts[: parts.index("Cellar")]) if "Cellar" in parts else self.prefix
        return outside / "lib/ruby/gems" / self.abi

    @property
    def user_home(self) -> Path:
        new = self.minor >= "3.0" and not (self.call.home / ".gem").exists()
        return self.call.home / (".local/share/gem" if new else ".gem") / "ruby" / self.abi

    @property
    def gem_path(self) -> list[Path]:
        own = self.prefix / "lib/ruby/gems" / self.abi
        return list(dict.fromkeys([self.gem_home, own, self.user_home]))

    def installed(self, homes: list[Path]) -> list[InstalledGem]:
        """All gems below these directories, and the Bundler that it brings."""
        found = [gem for home in homes for gem in _below(home)]
        brought = InstalledGem(self.gem_path[1], "bundler", self.bundler)
        return found if brought in found else [*found, brought]


def ruby_of(call: Call) -> Ruby:
    """The Ruby whose executable was called."""
    executable = call.env.get("MACLAB_EXECUTABLE", "")
    found = call.path(executable).resolve().parent.parent if executable else None
    version = re.search(r"(\d+\.\d+\.\d+)", found.name) if found else None
    if not found or not version:
        place = "/System/Library/Frameworks/Ruby.framework/Versions/2.6/usr"
        return Ruby(call, call.path(place), place, SYSTEM_VERSION, is_system=True)
    return ruby_at(call, found)


def ruby_at(call: Call, prefix: Path) -> Ruby:
    version = re.search(r"(\d+\.\d+\.\d+)", prefix.name)
    assert version
    path = f"/{prefix.relative_to(call.root.resolve())}"
    return Ruby(call, prefix, path, version[1])


def make_ruby(call: Call, directory: str, version: str) -> Ruby:
    """Fill a directory of the Mac with a Ruby. Its name has to hold the version."""
    prefix = call.path(directory)
    for name in ("ruby", "gem", "bundle", "bundler"):
        put_program(prefix / "bin" / name, name, '"$0"')
    abi = f"{version.rpartition('.')[0]}.0"
    system = call.state(System)
    darwin = f"{system.process_arch}-darwin{system.kernel.partition('.')[0]}"
    ruby = Ruby(call, prefix, directory, version)
    write_library(ruby, prefix / "lib/ruby" / abi / darwin / "openssl.bundle")
    write_gem(ruby, InstalledGem(prefix / "lib/ruby/gems" / abi, "bundler", ruby.bundler))
    return ruby


def put_program(file: Path, name: str, executable: str) -> None:
    """A script that runs a command of the lab for the Ruby of `executable` (shell words)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_LAUNCHER.format(executable=executable, lab=LAB, name=name))
    file.chmod(0o755)


def reaches(call: Call, host: str) -> bool:
    return host not in call.state(Network).broken


def writable(ruby: Ruby, gems: Path) -> bool:
    """Whether gems can be put there; the system's own are root's."""
    there = next(one for one in (gems, *gems.parents) if one.exists())
    is_systems = ruby.is_system and gems == ruby.gem_home
    return ruby.call.uid == 0 or (not is_systems and os.access(there, os.W_OK))


# Gems on disk


def write_gem(ruby: Ruby, gem: InstalledGem) -> None:
    """Put a gem into its directory; what is compiled is built, or comes built."""
    kind = known(gem.name).kind
    (gem.directory / "lib").mkdir(parents=True, exist_ok=True)
    (gem.directory / "lib" / f"{gem.name}.rb").write_text(f"# {gem.full_name}\n")
    specification = gem.home / "specifications" / f"{gem.full_name}.gemspec"
    specification.parent.mkdir(exist_ok=True)
    specification.write_text(f"# {gem.full_name}\n")
    if gem.platform:
        write_library(ruby, gem.directory / "lib" / ruby.minor / f"{gem.name}.bundle")
    elif kind != "ruby":
        folder = extensions(ruby, gem)
        write_library(ruby, folder / f"{gem.name}.bundle")
        (folder / "gem.build_complete").touch()


def write_library(ruby: Ruby, file: Path, arch: str = "", abi: str = "", needs: str = "") -> None:
    """A compiled file: what it was built for, and a library that it is linked against."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arch = arch or ruby.call.state(System).process_arch
    told = json.dumps({"arch": arch, "abi": abi or ruby.abi, "needs": needs})
    file.write_text(f"{told}\0{needs}\0")  # as a load command has it, with what ends a string


def extensions(ruby: Ruby, gem: InstalledGem) -> Path:
    return gem.home / "extensions" / ruby.platform / ruby.abi / gem.full_name


def unbuilt(ruby: Ruby, gem: InstalledGem) -> bool:
    """Whether it is a compiled gem that was not built for this Ruby on this macOS."""
    compiled = known(gem.name).kind != "ruby" and not gem.platform
    return compiled and not (extensions(ruby, gem) / "gem.build_complete").exists()


def library(ruby: Ruby, gem: InstalledGem) -> Path | None:
    """The compiled file of a gem that has one."""
    if known(gem.name).kind == "ruby":
        return None
    folder = gem.directory / "lib" / ruby.minor if gem.platform else extensions(ruby, gem)
    return folder / f"{gem.name}.bundle"


def trouble(ruby: Ruby, file: Path) -> str:
    """Why a compiled file does not load; "" if it does. Texts: facts macos 6, after-upgrade 32, 33.

    A path is told as the Mac names it.
    """
    if not file.exists():
        return f"cannot load such file -- {file.stem}"
    told = json.loads(file.read_text().partition("\0")[0])
    path = f"/{file.relative_to(ruby.call.root)}"
    arch = ruby.call.state(System).process_arch
    if told["arch"] != arch:
        wrong = f"incompatible architecture (have '{told['arch']}', need '{arch}')"
        return f"dlopen({path}, 0x0009): tried: '{path}' (mach-o file, but is an {wrong}) - {path}"
    if told["needs"] and not ruby.call.path(told["needs"]).exists():
        return f"dlopen({path}, 0x0009): Library not loaded: {told['needs']} - {path}"
    if told["abi"] != ruby.abi:
        return f"incompatible library version - {path}"
    return ""


def remove_gem(ruby: Ruby, gem: InstalledGem) -> None:
    shutil.rmtree(gem.directory, ignore_errors=True)
    shutil.rmtree(extensions(ruby, gem), ignore_errors=True)
    (gem.home / "specifications" / f"{gem.full_name}.gemspec").unlink(missing_ok=True)


def newest(call: Call, name: str) -> str:
    """The version that the registry has."""
    return call.state(Gems).versions.get(name) or known(name).version


def _below(home: Path) -> Iterator[InstalledGem]:
    folder = home / "gems"
    for name in sorted(gem.name for gem in folder.iterdir()) if folder.is_dir() else []:
        found = re.fullmatch(r"(.+?)-(\d[\w.]*)(?:-([a-z].*))?", name)
        if found:
            yield InstalledGem(home, found[1], found[2], found[3] or "")
