"""`brew tap`, `untap`, `tap-info`, `trust`, `untrust`."""

from __future__ import annotations

import json
from typing import Any

from .brew import Brew
from .catalogue import CASK, CORE, default_remote
from .console import Failure, counted
from .kegs import readable
from .options import Options, parse
from .sources import source
from .taps import file_of, set_remote
from .trust import KINDS

_EMPTY_NOW = ("homebrew/bundle", "homebrew/services")
_SINGULAR = {"taps": "tap", "formulae": "formula", "casks": "cask", "commands": "command"}


@source(
    "tap-list", "tap-again", "tap-bad-name", "tap-core", "api-tap-core", "api-offline-tap-again"
)
def tap(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "force custom-remote repair eval-all")
    if not options.names:
        for name in brew.taps.installed():
            brew.console.out(name)
        return 0
    name = normal(options.names[0])
    brew.need_api(repeats_error=False)
    _refuse_official(brew, name, options)
    remote = options.names[1] if len(options.names) > 1 else ""
    if brew.taps.path(name).exists():
        _tapped_already(brew, name, remote, options)
    else:
        clone(brew, name, remote or default_remote(name))
    return 0


@source("install-from-unknown-tap")
def tap_for(brew: Brew, name: str) -> None:
    """Tap what a full name needs, as `brew install user/tap/x` does.

    Raises:
        Failure: the tap cannot be had.
    """
    if name.count("/") != 2:
        return
    wanted = normal(name.rpartition("/")[0])
    if wanted not in brew.taps.usable():
        clone(brew, wanted, default_remote(wanted))


@source("tap-first-time", "tap-offline", "tap-wrong-url", "other-user-tap", "api-tap-add")
def clone(brew: Brew, name: str, remote: str) -> None:
    """Clone a tap.

    Raises:
        Failure: git cannot get it; its words are repeated.
    """
    console = brew.console
    path = brew.taps.path(name)
    console.heading_err(f"Tapping {name}")
    problem = _git_problem(brew, name, remote)
    if problem:
        console.err(problem)
        raise Failure(
            "Failure while executing; `/usr/bin/env GIT_TERMINAL_PROMPT=0 git "
            "-c core.hooksPath=/dev/null clone --origin=origin --template= "
            f"--config core.fsmonitor=false --end-of-options {remote} {path}` exited with 128. "
            f"Here's the output:\n{problem}"
        )
    console.err(f"Cloning into '{path}'...")
    told = brew.catalogue.taps[name]
    brew.taps.clone(told, remote)
    console.err(f"Tapped {_contents(brew, name)}.")
    if told.private and remote.startswith("https://github.com/"):
        console.err(
            "It looks like you tapped a private repository. To avoid entering your\n"
            "credentials each time you update, you can use git HTTP credential\n"
            "caching or issue the following command:\n"
            f"  cd {path}\n"
            f"  git remote set-url origin git@github.com:{remote.split('.com/')[1]}.git"
        )


@source("untap-unknown", "untap-with-installed", "untap-force", "trust-after-untap")
def untap(brew: Brew, arguments: list[str]) -> int:
    """Remove taps. What the user trusts in them stays trusted."""
    options = parse(arguments, "force")
    for typed in options.names:
        name = normal(typed)
        if not brew.taps.path(name).exists():
            raise Failure(
                f"No available tap {name}.\nRun brew tap-new {name} to create a new {name} tap!"
            )
        kegs = [keg for keg in brew.kegs.all() if keg.tap == name]
        full_names = [f"{name}/{keg.name}" for keg in kegs]
        if kegs and "force" not in options:
            brew.console.heading(f"Would untap {name} after uninstalling the following formulae:")
            brew.console.out("\n".join(full_names))
            raise Failure(
                f"Refusing to untap {name} because it contains the following installed formulae:\n"
                + "\n".join(full_names)
            )
        for keg in kegs:
            brew.console.out(f"Uninstalling {keg.name}... ({keg.usage()})")
            brew.kegs.remove(keg)
        drop(brew, name)
    return 0


def drop(brew: Brew, name: str) -> None:
    """Delete a clone, and say so."""
    contents = _contents(brew, name)
    brew.console.err(f"Untapping {name}...")
    brew.taps.remove(name)
    brew.console.err(f"Untapped {contents}.")


@source("tap-info-text")
def tap_info(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "json installed")
    names = [normal(name) for name in options.names]
    if "installed" in options:
        names = sorted(brew.taps.usable())
    if "json" in options:
        brew.console.out(json.dumps([_tap_json(brew, name) for name in names], indent=2))
    else:
        for name in names:
            _tap_text(brew, name)
    return 0


@source(
    "trust-list", "trust-json", "trust-tap", "trust-tap-again", "trust-unknown-tap", "trust-formula"
)
def trust(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "json formula cask command tap")
    if not options.names:
        return _trust_list(brew, options)
    for name in options.names:
        kind = _kind(options)
        new = brew.trust.add(kind, name.lower())
        said = f"{'Trusted' if new else 'Already trusted'} {_SINGULAR[kind]}: {name.lower()}"
        brew.console.out(said)
    return 0


@source("untrust-formula", guess="something that was not trusted")
def untrust(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "formula cask command tap")
    for name in options.names:
        kind = _kind(options)
        was = brew.trust.remove(kind, name.lower())
        brew.console.out(
            f"{'Untrusted' if was else 'Not trusted'} {_SINGULAR[kind]}: {name.lower()}"
        )
    return 0


def normal(name: str) -> str:
    """The name of a tap as brew knows it: `User/homebrew-repo` is `user/repo`.

    Raises:
        Failure: this cannot be a tap.
    """
    user, _, repository = name.lower().partition("/")
    if not user or not repository or "/" in repository:
        raise Failure(f"Invalid tap name: '{name}'")
    return f"{user}/{repository.removeprefix('homebrew-')}"


@source("tap-bundle-deprecated", "tap-services-deprecated", "api-tap-core")
def _refuse_official(brew: Brew, name: str, options: Options) -> None:
    if name in _EMPTY_NOW:
        raise Failure(
            f"{name} was deprecated. This tap is now empty and all its contents were either "
            "deleted or migrated."
        )
    if name in (CORE, CASK) and brew.from_api and "force" not in options:
        raise Failure(
            f"Tapping {name} is no longer typically necessary.\n"
            "Add --force if you are sure you need it for contributing to Homebrew."
        )


@source("tap-again", "tap-again-same-url", "tap-again-other-url", "tap-custom-remote")
def _tapped_already(brew: Brew, name: str, remote: str, options: Options) -> None:
    now = brew.taps.remote(name)
    if not remote or remote == now:
        return
    if "custom-remote" not in options:
        raise Failure(f"Tap {name} remote mismatch.\n{now} != {remote}")
    set_remote(brew.taps.path(name), remote)
    brew.console.heading_err(f"{name}: changed remote from {now} to {remote}")


def _git_problem(brew: Brew, name: str, remote: str) -> str:
    path = brew.taps.path(name)
    if not brew.may_write(brew.machine.taps):
        return f"fatal: could not create work tree dir '{path}': Permission denied"
    cloning = f"Cloning into '{path}'...\n"
    if not remote.startswith("https://"):
        known = any(remote == tap.remote for tap in brew.catalogue.taps.values())
        return (
            ""
            if known
            else cloning
            + (
                f"fatal: '{remote.removeprefix('file://')}' "
                "does not appear to be a git repository\n"
                "fatal: Could not read from remote repository.\n\n"
                "Please make sure you have the correct access rights\nand the repository exists."
            )
        )
    host = remote.split("/")[2]
    mirrored = name in brew.machine.mirrors and name in brew.catalogue.taps
    if not mirrored and not brew.reaches(host):
        return f"{cloning}fatal: unable to access '{remote}/': Could not resolve host: {host}"
    if name not in brew.catalogue.taps:
        return cloning + _no_repository(remote)
    return ""


@source(guess="what git says without a terminal of a GitHub repository that there is not")
def _no_repository(remote: str) -> str:
    host = remote.split("/")[2]
    return f"fatal: could not read Username for 'https://{host}': terminal prompts disabled"


def _contents(brew: Brew, name: str) -> str:
    casks, formulae = brew.taps.casks(name), brew.taps.formulae(name)
    parts = [counted(len(casks), "cask")] if casks else []
    parts += [counted(len(formulae), "formula", "formulae")] if formulae else []
    files = [file for file in brew.taps.path(name).rglob("*") if file.is_file()]
    size = readable(sum(file.stat().st_size for file in files))
    return f"{' and '.join(parts)} ({len(files)} files, {size})"


@source(
    "tap-info-json",
    "tap-info-json-trusted",
    "tap-info-json-not-tapped",
    "tap-info-json-installed",
    "api-tap-info-json-installed",
)
def _tap_json(brew: Brew, name: str) -> dict[str, Any]:
    user, repository = name.split("/")
    cloned = brew.taps.path(name).exists()
    official = brew.taps.official(name)
    path = brew.taps.path(name)
    own = "" if name in (CORE, CASK) else f"{name}/"
    formulae, casks = brew.taps.formulae(name), brew.taps.casks(name)
    told: dict[str, Any] = {
        "name": name,
        "user": "Homebrew" if user == "homebrew" else user,
        "repo": repository,
        "repository": repository,
        "path": str(path),
        "installed": cloned,
        "official": official,
        "trusted": official or name in brew.trust.entries()["taps"],
        "formula_names": [own + one for one in formulae],
        "cask_tokens": [own + one for one in casks],
    }
    if not cloned:
        return told
    remote = brew.taps.remote(name)
    return told | {
        "formula_files": [str(path / file_of(name, "Formula", one)) for one in formulae],
        "cask_files": [str(path / file_of(name, "Casks", one)) for one in casks],
        "command_files": [],
        "remote": remote,
        "custom_remote": remote != default_remote(name),
        "private": brew.catalogue.taps[name].private,
        "HEAD": "0" * 40,
        "last_commit": "3 minutes ago",
        "branch": "main",
    }


def _tap_text(brew: Brew, name: str) -> None:
    told = _tap_json(brew, name)
    out = brew.console.out
    if not told["installed"]:
        out(f"{name}: Not installed")
        return
    contents, _, size = _contents(brew, name).partition(" (")
    out(f"{name}: Installed")
    if not told["official"]:
        out("Trusted" if told["trusted"] else "Untrusted")
    out(contents.replace(" and ", ", "))
    if told["private"]:
        out("Private")
    out(f"{told['path']} ({size}")
    out(f"From: {told['remote']}\nHEAD: {told['HEAD']}\nlast commit: {told['last_commit']}")
    for title, names in (("Formulae", told["formula_names"]), ("Casks", told["cask_tokens"])):
        if names:
            brew.console.heading(title)
            brew.console.names([one.rpartition("/")[2] for one in names])


@source("trust-list", "trust-json-empty", "tap-empty-trust")
def _trust_list(brew: Brew, options: Options) -> int:
    entries = brew.trust.entries()
    if "json" in options:
        brew.console.out(json.dumps(entries, indent=2))
        return 0
    brew.console.out("All official taps and commands are trusted.")
    if not any(entries.values()):
        brew.console.out("No trusted taps, formulae, casks or commands.")
    for kind in KINDS:
        if entries[kind]:
            brew.console.out("\n  ".join([f"Trusted {kind}:", *entries[kind]]))
    return 0


def _kind(options: Options) -> str:
    return next((kind for kind, one in _SINGULAR.items() if one in options), "taps")
