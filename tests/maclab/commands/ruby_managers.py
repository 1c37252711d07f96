"""What installs further Rubies: rbenv with ruby-build, mise, asdf, ruby-install with chruby.

Only where things are put is known for sure: each project's README. Texts are short.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .call import LAB, Call, command
from .developer_tools import has_tools
from .docker import hand_over
from .docker_files import home
from .rubies import make_ruby, reaches
from .system import System

# The newest patch level of each, facts macos 9 as far as it names them.
NEWEST = {
    "2.7": "2.7.8",
    "3.0": "3.0.7",
    "3.1": "3.1.7",
    "3.2": "3.2.11",
    "3.3": "3.3.12",
    "3.4": "3.4.10",
    "4.0": "4.0.6",
}
_SHIM = '#!/bin/sh\nexec {lab}/bin/run {manager} {words} {name} "$@"\n'
_PROGRAMS = ("ruby", "gem", "bundle", "bundler")

CHRUBY_SH = """chruby() {
  case "$1" in
    "") ls "$HOME/.rubies" 2>/dev/null ;;
    *)
      for RUBY_ROOT in "$HOME/.rubies"/*"$1"*; do :; done
      export RUBY_ROOT
      PATH="$RUBY_ROOT/bin:$PATH"
      ;;
  esac
}
"""

_UNSEEN = "every text and exit code; a build takes no time, and needs the tools and the network"


@dataclass(frozen=True)
class _Manager:
    """`versions` is the folder of its Rubies, on the Mac; `shims` "" where it has none."""

    name: str
    versions: str
    shims: str = ""
    exec: str = "exec"


def _whole(version: str) -> str:
    """A whole version number, "" for one that nobody knows."""
    version = version.removeprefix("ruby-").removeprefix("latest:")
    if version in ("latest", "ruby", ""):
        return NEWEST["4.0"]
    if re.fullmatch(r"\d+\.\d+\.\d+", version):
        minor, patch = version.rsplit(".", 1)
        known = NEWEST.get(minor, "").rpartition(".")[2]
        return version if known and int(patch) <= int(known) else ""
    return NEWEST.get(version, "")


def _build(call: Call, manager: _Manager, version: str, directory: str) -> int:
    """Put a Ruby into a directory; the words are ruby-build's."""
    if not version:
        return call.fails(f"{manager.name}: definition not found", 2)
    failed = not has_tools(call)
    if not reaches(call, "cache.ruby-lang.org"):
        call.err(f"error: failed to download ruby-{version}.tar.gz")
        failed = True
    if failed:
        system = call.state(System)
        return call.fails(
            f"\nBUILD FAILED (macOS {system.version} on {system.process_arch} using "
            "ruby-build 20260915)"
        )
    call.err(f"==> Downloading ruby-{version}.tar.gz...\n==> Installing ruby-{version}...")
    make_ruby(call, directory, version)
    call.err(f"==> Installed ruby-{version} to {directory}")
    _put_shims(call, manager)
    return 0


def _put_shims(call: Call, manager: _Manager) -> None:
    for name in _PROGRAMS if manager.shims else ():
        file = call.path(manager.shims) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_SHIM.format(lab=LAB, manager=manager.name, words=manager.exec, name=name))
        file.chmod(0o755)


def _installed(call: Call, manager: _Manager) -> list[str]:
    folder = call.path(manager.versions)
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    return [one.name for one in there if (one / "bin/ruby").exists() and not one.is_symlink()]


def _selected(call: Call, manager: _Manager, file: str, fallback: Path) -> str:
    """The version that a file of the project, or one of the user's, asks for; else the newest."""
    for place in [*(folder / file for folder in (call.cwd, *call.cwd.parents)), fallback]:
        if place.is_file():
            found = re.search(r"(?:ruby\s+)?(\d+\.\d+\.\d+)", place.read_text())
            if found:
                return found[1]
    return (_installed(call, manager) or [""])[-1]


def _run(call: Call, manager: _Manager, version: str, words: list[str]) -> int:
    folder = f"{manager.versions}/{version}/bin"
    if not version or not (call.path(folder) / "ruby").exists():
        return call.fails(f"{manager.name}: version `{version}' is not installed")
    path = f"{folder}:{call.env.get('PATH', '')}"
    own = call.path(folder) / words[0]
    program = own if own.exists() else Path(words[0])
    return hand_over(call, program, words[1:], {"PATH": path})


# rbenv, ruby-build


def _rbenv(call: Call) -> _Manager:
    root = call.env.get("RBENV_ROOT") or f"{home(call)}/.rbenv"
    return _Manager("rbenv", f"{root}/versions", f"{root}/shims")


@command("rbenv", source="rbenv's README: versions and shims below RBENV_ROOT", guesses=(_UNSEEN,))
def rbenv(call: Call) -> int:
    manager = _rbenv(call)
    root = call.path(manager.versions).parent
    verb, *words = call.argv or ["help"]
    chosen = call.env.get("RBENV_VERSION") or _selected(
        call, manager, ".ruby-version", root / "version"
    )
    if verb == "install":
        return _rbenv_install(call, manager, words)
    if verb == "exec":
        return _run(call, manager, chosen, words)
    if verb in ("global", "local") and words:
        file = root / "version" if verb == "global" else call.cwd / ".ruby-version"
        root.mkdir(exist_ok=True)
        file.write_text(f"{words[0]}\n")
        return 0
    if verb == "rehash":
        _put_shims(call, manager)
        return 0
    told = {
        "--version": "rbenv 1.3.2",
        "root": str(Path(manager.versions).parent),
        "versions": "\n".join(_installed(call, manager)),
        "version": chosen,
        "version-name": chosen,
        "global": chosen,
        "prefix": f"{manager.versions}/{chosen}",
        "which": f"{manager.versions}/{chosen}/bin/{(words or [''])[0]}",
        "init": f'export PATH="{manager.shims}:${{PATH}}"',
    }
    if verb not in told:
        return call.fails(f"rbenv: no such command `{verb}'")
    call.out(told[verb])
    return 0


def _rbenv_install(call: Call, manager: _Manager, words: list[str]) -> int:
    names = [word for word in words if not word.startswith("-")]
    if {"-l", "--list"} & set(words):
        call.out("\n".join(NEWEST.values()))
        return 0
    version = _whole(names[0] if names else _selected(call, manager, ".ruby-version", Path("/-")))
    directory = f"{manager.versions}/{version}"
    if version and call.path(directory).exists():
        if {"-s", "--skip-existing"} & set(words):
            return 0
        if not {"-f", "--force"} & set(words):
            call.err(f"rbenv: {directory} already exists")
            if not call.stdin.readline().lower().startswith("y"):
                return 1
    if not version:
        name = names[0] if names else ""
        return call.fails(f"ruby-build: definition not found: {name}", 2)
    return _build(call, manager, version, directory)


@command("rbenv-install", source="rbenv's README: what `rbenv install` runs", guesses=(_UNSEEN,))
def rbenv_install(call: Call) -> int:
    return _rbenv_install(call, _rbenv(call), call.argv)


@command("ruby-build", source="ruby-build's README", guesses=(_UNSEEN,))
def ruby_build(call: Call) -> int:
    if call.argv[:1] == ["--version"]:
        call.out("ruby-build 20260915")
        return 0
    if call.argv[:1] in (["--definitions"], ["--list"]):
        call.out("\n".join(NEWEST.values()))
        return 0
    version, directory = call.argv[-2:]
    if not _whole(version):
        return call.fails(f"ruby-build: definition not found: {version}", 2)
    return _build(call, _Manager("ruby-build", ""), _whole(version), directory)


# mise


@command(
    "mise",
    source="mise's documentation: installs and shims below its data directory, links for prefixes",
    guesses=(_UNSEEN, "tools other than Ruby; a project's files are looked for in its folder only"),
)
def mise(call: Call) -> int:
    data = call.env.get("XDG_DATA_HOME") or f"{home(call)}/.local/share"
    data = call.env.get("MISE_DATA_DIR") or f"{data}/mise"
    manager = _Manager("mise", f"{data}/installs/ruby", f"{data}/shims", "exec --")
    verb, *words = call.argv or ["help"]
    named = next((one for one in words if one.startswith("ruby")), "ruby")
    asked = named.partition("@")[2] or _selected(call, manager, "mise.toml", Path("/-"))
    version = _whole(asked)
    if verb in ("install", "i", "use"):
        return _mise_install(call, manager, version, named)
    if verb in ("exec", "x"):
        after = words[words.index("--") + 1 :] if "--" in words else words
        return _run(call, manager, version, after)
    told = {
        "--version": "2026.9.14 macos-arm64 (2026-09-14)",
        "where": f"{manager.versions}/{version}",
        "ls": "\n".join(f"ruby  {one}" for one in _installed(call, manager)),
        "which": f"{manager.versions}/{version}/bin/ruby",
        "activate": f'export PATH="{manager.shims}:$PATH"',
        "trust": "",
    }
    missing = verb in ("where", "which") and version not in _installed(call, manager)
    if verb not in told or missing:
        return call.fails(f"mise ERROR {verb}: {named} is not installed")
    call.out(told[verb])
    return 0


def _mise_install(call: Call, manager: _Manager, version: str, named: str) -> int:
    if not version:
        return call.fails(f"mise ERROR Failed to install core:{named}: no such version")
    if version in _installed(call, manager):
        call.err("mise all tools are installed")
        return 0
    code = _build(call, manager, version, f"{manager.versions}/{version}")
    if code == 0:
        major, minor, _ = version.split(".")
        for name in (major, f"{major}.{minor}", "latest"):
            link = call.path(manager.versions) / name
            link.unlink(missing_ok=True)
            link.symlink_to(f"./{version}")
        call.err(f"mise ruby@{version} installed")
    return code


# asdf


@command(
    "asdf",
    source="asdf's documentation: plugins, installs and shims below ASDF_DATA_DIR",
    guesses=(_UNSEEN,),
)
def asdf(call: Call) -> int:
    data = call.env.get("ASDF_DATA_DIR") or f"{home(call)}/.asdf"
    manager = _Manager("asdf", f"{data}/installs/ruby", f"{data}/shims")
    plugin = call.path(data) / "plugins/ruby"
    verb, *words = call.argv or ["help"]
    if verb == "plugin":
        return _asdf_plugin(call, plugin, words)
    if verb == "--version":
        call.out("asdf version 0.18.0")
        return 0
    if not plugin.is_dir():
        return call.fails("No such plugin: ruby")
    return _asdf_with_plugin(call, manager, verb, words)


def _asdf_with_plugin(call: Call, manager: _Manager, verb: str, words: list[str]) -> int:
    version = _whole((words[1:] or [""])[0])
    if verb == "install" and version not in _installed(call, manager):
        return _build(call, manager, version, f"{manager.versions}/{version}")
    if verb == "exec":
        chosen = _selected(call, manager, ".tool-versions", call.home / ".tool-versions")
        return _run(call, manager, chosen, words)
    if verb == "list":
        call.out("\n".join(f"  {one}" for one in _installed(call, manager)))
    elif verb == "where":
        call.out(f"{manager.versions}/{version}")
    elif verb == "reshim":
        _put_shims(call, manager)
    elif verb != "install":
        return call.fails(f"asdf: {verb}: not simulated")
    return 0


def _asdf_plugin(call: Call, plugin: Path, words: list[str]) -> int:
    if words[:2] == ["add", "ruby"]:
        if not reaches(call, "github.com"):
            return call.fails("unable to clone plugin: github.com is out of reach")
        plugin.mkdir(parents=True, exist_ok=True)
        return 0
    if words[:1] == ["list"]:
        for name in sorted(plugin.parent.iterdir()) if plugin.parent.is_dir() else []:
            call.out(name.name)
        return 0
    return call.fails(f"asdf: plugin {' '.join(words)}: not simulated")


# ruby-install, chruby


@command(
    "ruby-install",
    source="ruby-install's manual: ~/.rubies, /opt/rubies for root, --no-reinstall; its >>> lines",
    guesses=(_UNSEEN, "it asks Homebrew for nothing"),
)
def ruby_install(call: Call) -> int:
    words = [word for word in call.argv if word not in ("--no-reinstall", "--cleanup", "-c")]
    if words[:1] in (["--version"], ["-V"]):
        call.out("ruby-install: 0.10.2")
        return 0
    rubies = "/opt/rubies" if call.uid == 0 else f"{home(call)}/.rubies"
    for option in ("--rubies-dir", "-r"):
        if option in words:
            place = words.index(option)
            rubies = words[place + 1]
            del words[place : place + 2]
    told = " ".join(words[-2:]).removeprefix("ruby ").removeprefix("ruby-")
    version = _whole(told)
    if not version:
        return call.fails(f"!!! Unknown ruby version: {told}", 255)
    directory = f"{rubies}/ruby-{version}"
    if "--no-reinstall" in call.argv and (call.path(directory) / "bin/ruby").exists():
        call.out(f">>> Ruby is already installed into {directory}")
        return 0
    call.out(f">>> Installing ruby {version} into {directory} ...")
    code = _build(call, _Manager("ruby-install", rubies), version, directory)
    if code == 0:
        call.out(f">>> Successfully installed ruby {version} into {directory}")
    return code


@command("chruby-exec", source="chruby's README", guesses=(_UNSEEN,))
def chruby_exec(call: Call) -> int:
    version, dashes, *words = call.argv if len(call.argv) > 2 else ["", "", ""]
    manager = _Manager("chruby", f"{home(call)}/.rubies")
    there = [one for one in _installed(call, manager) if version in one]
    if dashes != "--" or not there:
        return call.fails(f"chruby: unknown Ruby: {version}")
    return _run(call, manager, there[-1], words)
