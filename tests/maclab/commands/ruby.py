"""Ruby and RubyGems: which Ruby, the path of the executable tells (`MACLAB_EXECUTABLE`)."""

from __future__ import annotations

import re

from . import bundler, ruby_managers, ruby_scripts
from .call import Call, command
from .developer_tools import has_tools
from .gem_catalogue import known
from .rubies import (
    InstalledGem,
    Ruby,
    newest,
    put_program,
    reaches,
    remove_gem,
    ruby_of,
    unbuilt,
    writable,
    write_gem,
)

__all__ = ["bundler", "ruby_managers"]  # families that come with this one


@command(
    "ruby",
    "/usr/bin/ruby",
    source="facts macos 2.5 and 6 (captures), after-upgrade 32, 33, 35",
    guesses=(
        "there on macOS 27, as on every Mac before",
        "dates and revisions in --version; where a LoadError is said to come from",
        "only the few programs of ruby_scripts.py",
    ),
)
def ruby(call: Call) -> int:
    own = ruby_of(call)
    if call.argv[:1] in (["--version"], ["-v"]):
        if own.is_system:
            call.out(f"ruby {own.version}p210 (2022-04-12 revision 67958) [{_platform(own)}]")
        else:
            call.out(f"ruby {own.version} (2026-07-14 revision 0000000000) [{_platform(own)}]")
        return 0
    return ruby_scripts.run(call, own, call.argv)


def _platform(own: Ruby) -> str:
    plain = own.platform.replace("darwin-", "darwin")
    return plain.replace("universal-", "universal.arm64e-") if own.is_system else plain


@command(
    "gem",
    "/usr/bin/gem",
    source="facts macos 2.5 (capture of FilePermissionError), after-upgrade 35",
    guesses=(
        "there on macOS 27, as on every Mac before",
        "exit codes; what a registry out of reach is told as; list and env as far as they go",
    ),
)
def gem(call: Call) -> int:
    own = ruby_of(call)
    verb, *words = call.argv or ["help"]
    if verb in ("--version", "-v"):
        call.out(own.rubygems)
        return 0
    if verb == "install":
        return _install(call, own, words)
    if verb == "pristine":
        return _pristine(call, own, words)
    if verb == "list":
        return _list(call, own)
    if verb in ("env", "environment") and words:
        return _environment(call, own, words[0])
    return call.fails(f"ERROR:  While executing gem ... (Gem::CommandLineError)\n    {verb}")


def _install(call: Call, own: Ruby, words: list[str]) -> int:
    names, version = _named(words)
    home = own.user_home if "--user-install" in words else own.gem_home
    if not writable(own, home):
        path = f"/{home.relative_to(call.root)}"
        return call.fails(
            "ERROR:  While executing gem ... (Gem::FilePermissionError)\n"
            f"    You don't have write permissions for the {path} directory."
        )
    for name in names:
        name, _, told = name.partition(":")
        wanted = told or version
        if not reaches(call, bundler.REGISTRY):
            which = f"'{name}' (= {wanted})" if wanted else f"'{name}' (>= 0)"
            return call.fails(
                f"ERROR:  Could not find a valid gem {which}, here is why:\n"
                "          Unable to download data from https://gems.example.org/ - "
                "Failed to open TCP connection to gems.example.org:443",
                2,
            )
        chosen = InstalledGem(home, name, wanted or newest(call, name))
        call.out(f"Fetching {chosen.full_name}.gem")
        if known(name).kind != "ruby":
            call.out("Building native extensions. This could take a while...")
            if not has_tools(call):
                return call.fails(f"ERROR:  Error installing {name}:\n{bundler.NO_COMPILER}")
        write_gem(own, chosen)
        _put_executables(own, chosen)
        call.out(f"Successfully installed {chosen.full_name}")
    call.out(f"{len(names)} gem{'s' * (len(names) != 1)} installed")
    return 0


def _named(words: list[str]) -> tuple[list[str], str]:
    """The names, and the version that -v says."""
    names, version, rest = [], "", list(words)
    while rest:
        word = rest.pop(0)
        if word in ("-v", "--version"):
            version = rest.pop(0)
        elif word.startswith("--version="):
            version = word.partition("=")[2]
        elif not word.startswith("-"):
            names.append(word)
    return names, version


def _put_executables(own: Ruby, chosen: InstalledGem) -> None:
    # Such a script is run by the Ruby that installed it, wherever it lies itself.
    for name in ("bundle", "bundler") if chosen.name == "bundler" else ():
        put_program(chosen.home / "bin" / name, name, f"{own.path}/bin/ruby")


def _pristine(call: Call, own: Ruby, words: list[str]) -> int:
    names, version = _named(words)
    for one in own.installed(own.gem_path):
        asked = one.name in names and version in ("", one.version)
        if not asked and "--all" not in words:
            continue
        if unbuilt(own, one) and not has_tools(call):
            return call.fails(f"ERROR:  While executing gem ...\n{bundler.NO_COMPILER}")
        remove_gem(own, one)
        write_gem(own, one)
        call.out(f"Restored {one.full_name}")
    return 0


def _list(call: Call, own: Ruby) -> int:
    call.out("\n*** LOCAL GEMS ***\n")
    versions: dict[str, set[str]] = {}
    for one in own.installed(own.gem_path):
        versions.setdefault(one.name, set()).add(one.version)
    for name, there in sorted(versions.items()):
        newest_first = sorted(there, key=bundler.numbers, reverse=True)
        default = own.bundler if name == "bundler" else ""
        told = (f"{'default: ' * (one == default)}{one}" for one in newest_first)
        call.out(f"{name} ({', '.join(told)})")
    return 0


def _environment(call: Call, own: Ruby, asked: str) -> int:
    path = [f"/{one.relative_to(call.root)}" for one in own.gem_path]
    told = {"home": path[0], "gemdir": path[0], "gempath": ":".join(path), "version": own.rubygems}
    told |= {"path": told["gempath"], "user_gemdir": path[-1], "user_gemhome": path[-1]}
    key = re.sub(r"^--", "", asked)
    if key not in told:
        return call.fails(f"ERROR:  Unknown environment option [{asked}]")
    call.out(told[key])
    return 0
