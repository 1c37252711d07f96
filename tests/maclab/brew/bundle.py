"""`brew bundle`: check, install, list, dump, cleanup, with a Brewfile."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from . import brewfile, bundle_cleanup, bundle_dump, installing, pouring, services, tapping
from .brew import Brew
from .brewfile import Entry
from .catalogue import CORE, default_remote
from .console import Console, Failure, counted
from .names import (
    find_cask,
    find_formula,
    load_formula,
    refuse_untrusted,
    split,
)
from .options import Options, parse
from .sources import source

_OPTIONS = (
    "file global verbose no-upgrade upgrade force cleanup all formula cask tap jobs "
    "no-describe describe install"
)
_LABELS = {
    "mas": "App",
    "vscode": "VSCode Extension",
    "go": "Go Package",
    "cargo": "Cargo Package",
    "uv": "uv Tool",
    "flatpak": "Flatpak",
    "npm": "npm Package",
}


@source("bundle-install-no-subcommand", "bundle-check-no-brewfile", "bundle-check-stdin")
def run(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, _OPTIONS)
    verb = options.names[0] if options.names else "install"
    verbs: dict[str, Callable[[Brew, Options], int]] = {
        "install": _install,
        "check": _check,
        "list": _list,
        "dump": _dump,
        "cleanup": _cleanup,
    }
    if verb not in verbs:
        raise Failure(f"Invalid usage: unknown subcommand: {verb}")
    return verbs[verb](brew, options)


class State(NamedTuple):
    """What an entry needs: nothing, an installation, an upgrade, or something else, in words."""

    verb: str = ""
    unmet: str = ""


@source(
    "bundle-check-satisfied",
    "bundle-check-missing",
    "bundle-check-missing-verbose",
    "bundle-check-outdated",
    "bundle-check-outdated-no-upgrade",
    "bundle-check-install-link-false",
    "bundle-check-untrusted-installed",
    "bundle-other-types-check",
)
def _check(brew: Brew, options: Options) -> int:
    entries = _entries(brew, options)
    brew.need_api()
    entries = _for_this_system(brew, entries)
    unmet = [
        state.unmet
        for kind in ("tap", "cask", "brew", *_LABELS)
        for entry in entries
        if entry.kind == kind
        for state in [_state(brew, options, entry)]
        if state.unmet
    ]
    unmet += [
        f"Service {entry.name} needs to be started."
        for entry in entries
        if entry.kind == "brew" and _service_wanted(brew, entry)
    ]
    if not unmet:
        brew.console.out("The Brewfile's dependencies are satisfied.")
        return 0
    err = brew.console.err
    err("brew bundle can't satisfy your Brewfile's dependencies.")
    if "verbose" in options:
        err("\n".join(f"→ {line}" for line in unmet))
    else:
        err("Run `brew bundle check --verbose` to list unmet dependencies.")
    err("Satisfy missing dependencies with `brew bundle install`.")
    return 1


@source(
    "bundle-install-missing",
    "bundle-install-satisfied",
    "bundle-install-satisfied-quiet",
    "bundle-install-one-fails",
    "bundle-install-disabled",
    "bundle-install-trusted-option",
    "bundle-install-untrusted-full-name",
)
def _install(brew: Brew, options: Options) -> int:
    entries = _entries(brew, options)
    brew.need_api()
    entries = _for_this_system(brew, entries)
    brew.environment["HOMEBREW_NO_ASK"] = "1"
    for entry in entries:
        if entry.trusted:
            kind = {"tap": "taps", "brew": "formulae", "cask": "casks"}[entry.kind]
            brew.trust.add(kind, entry.name)
    taps = [entry for entry in entries if entry.kind == "tap" and _untapped(brew, entry)]
    failed = [entry for entry in taps if not _tap(brew, options, entry)]
    lost = tuple(f"{entry.name}/" for entry in failed)
    _fetch(brew, options, [entry for entry in entries if not entry.name.startswith(lost or "/")])
    late = _Late(brew)
    for entry in entries:
        if entry not in taps and not _bring(brew, options, entry, late):
            brew.console.err(f"Installing {entry.name} has failed!")
            failed.append(entry)
    late.say()
    if failed:
        number = counted(len(failed), "Brewfile dependency", "Brewfile dependencies")
        brew.console.err(f"`brew bundle` failed! {number} failed to install")
        return 1
    number = counted(len(entries), "Brewfile dependency", "Brewfile dependencies")
    _say(brew, options, f"`brew bundle` complete! {number} now installed.")
    return 0


@source("bundle-list", "bundle-list-all", "bundle-list-cask")
def _list(brew: Brew, options: Options) -> int:
    wanted = {"tap": "tap", "cask": "cask", "brew": "formula"}
    kinds = [kind for kind, option in wanted.items() if option in options or "all" in options]
    for entry in _entries(brew, options):
        if entry.kind in (kinds or ["brew"]):
            brew.console.out(entry.name)
    return 0


@source("bundle-dump-file", "bundle-dump-file-again", "bundle-dump-stdout")
def _dump(brew: Brew, options: Options) -> int:
    brew.need_api()
    text = "\n".join(bundle_dump.lines(brew, describe="no-describe" not in options)) + "\n"
    if options.value("file") == "-":
        brew.console.out(text.rstrip("\n"))
        return 0
    file = _file(brew, options)
    if file.exists() and "force" not in options:
        raise Failure(f"{file} already exists")
    file.write_text(text)
    return 0


@source("bundle-cleanup", "bundle-cleanup-nothing")
def _cleanup(brew: Brew, options: Options) -> int:
    entries = _entries(brew, options)
    brew.need_api()
    return bundle_cleanup.run(brew, entries, force="force" in options)


def _entries(brew: Brew, options: Options) -> list[Entry]:
    if options.value("file") == "-":
        return brewfile.read(brew.stdin.read() if brew.stdin else "", Path("-"))
    file = _file(brew, options)
    if not file.exists():
        raise Failure("No Brewfile found")
    return brewfile.read(file.read_text(), file)


def _file(brew: Brew, options: Options) -> Path:
    told = options.value("file") or brew.environment.get("HOMEBREW_BUNDLE_FILE", "")
    if "global" in options:
        return brew.home / ".Brewfile"
    return brew.cwd / (told or "Brewfile")


@source("bundle-check-unknown", "bundle-other-types-check")
def _for_this_system(brew: Brew, entries: list[Entry]) -> list[Entry]:
    if brew.machine.os == "macos":
        return entries
    kept = []
    for entry in entries:
        if entry.kind == "mas" or (entry.kind == "cask" and not _cask_runs_here(brew, entry)):
            brew.console.out(f"Skipping {entry.kind} {entry.name} (requires macOS)")
        else:
            kept.append(entry)
    return kept


def _cask_runs_here(brew: Brew, entry: Entry) -> bool:
    cask = find_cask(brew, entry.name)
    return bool(cask and not cask.requires)


def _state(brew: Brew, options: Options, entry: Entry) -> State:
    if entry.kind == "brew":
        return _formula_state(brew, options, entry)
    if entry.kind == "cask":
        return _cask_state(brew, options, entry)
    if entry.kind == "tap":
        tapped = entry.name in brew.taps.usable()
        return State() if tapped else State("Tapping", f"Tap {entry.name} needs to be tapped.")
    return State("Installing", f"{_LABELS[entry.kind]} {entry.name} needs to be installed.")


def _formula_state(brew: Brew, options: Options, entry: Entry) -> State:
    formula = find_formula(brew, entry.name)
    name = formula.name if formula else split(entry.name)[1]
    keg = brew.kegs.newest(name)
    unmet = f"Formula {entry.name} needs to be installed or updated."
    if not keg:
        return State("Installing", unmet)
    pinned = brew.kegs.pinned(name)
    loadable = formula and brew.trusted(formula.tap, "formulae", formula.full_name)
    outdated = loadable and formula and keg.version != formula.version and not pinned
    if outdated and _upgrades(brew, options):
        return State("Upgrading", unmet)
    if entry.options.get("link") is False and brew.kegs.linked(name):
        return State("", f"Formula {entry.name} needs to be unlinked.")
    return State()


def _cask_state(brew: Brew, options: Options, entry: Entry) -> State:
    one = brew.caskroom.get(split(entry.name)[1])
    unmet = f"Cask {entry.name} needs to be installed or updated."
    if not one:
        return State("Installing", unmet)
    cask = find_cask(brew, entry.name)
    old = cask and not cask.auto_updates and one.version != cask.version
    return State("Upgrading", unmet) if old and _upgrades(brew, options) else State()


def _upgrades(brew: Brew, options: Options) -> bool:
    return "no-upgrade" not in options and not brew.on("BUNDLE_NO_UPGRADE")


def _service_wanted(brew: Brew, entry: Entry) -> bool:
    wanted = entry.options.get("start_service") or entry.options.get("restart_service")
    formula = find_formula(brew, entry.name)
    return bool(wanted and formula and not services.running(brew, formula))


class _Late:
    """What a failed installation said comes after the next one was begun: two run at a time."""

    def __init__(self, brew: Brew) -> None:
        self._brew = brew
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        self._texts.append(text)

    def say(self) -> None:
        for text in self._texts:
            self._brew.console.out(text)
        self._texts.clear()


def _untapped(brew: Brew, entry: Entry) -> bool:
    return tapping.normal(entry.name) not in brew.taps.usable()


@source("bundle-install-untapped-tap", guess="the line of a tap that was added")
def _tap(brew: Brew, options: Options, entry: Entry) -> bool:
    name = tapping.normal(entry.name)
    _say(brew, options, f"Tapping {entry.name}")
    remote = str(entry.options.get("url") or default_remote(name))
    well = _inner(brew, options, lambda inner: _cloned(inner, name, remote))
    if not well:
        brew.console.err(f"Tapping {entry.name} has failed!")
    return well


def _cloned(brew: Brew, name: str, remote: str) -> int:
    tapping.clone(brew, name, remote)
    return 0


@source("bundle-install-unknown", "bundle-install-untrusted", "bundle-install-download-fails")
def _fetch(brew: Brew, options: Options, entries: list[Entry]) -> None:
    """Download all that is missing.

    Raises:
        Failure: one of them cannot be had; nothing is installed then.
    """
    missing = [
        entry
        for entry in entries
        if entry.kind in ("brew", "cask") and _state(brew, options, entry).verb
    ]
    if not missing:
        return
    names = ", ".join(entry.name for entry in missing)
    _say(brew, options, f"Fetching {names}")
    if not _inner(brew, options, lambda inner: _fetch_all(inner, missing, names)):
        brew.console.err(f"`brew bundle` failed! Failed to fetch {names}")
        raise Failure


def _fetch_all(brew: Brew, missing: list[Entry], names: str) -> int:
    formulae = [load_formula(brew, entry.name) for entry in missing if entry.kind == "brew"]
    found = [cask for entry in missing for cask in [find_cask(brew, entry.name)] if cask]
    brew.console.out(f"Fetching: {names}")
    for formula in formulae:
        if formula.tap != CORE:
            brew.console.step(f"Fetching {formula.name} from {formula.tap}")
    for formula in sorted(formulae, key=lambda one: bool(one.download)):
        pouring.download(brew, formula)
    for cask in found:
        brew.console.ticked(f"Cask {cask.token} ({cask.version})")
    return 0


@source("bundle-install-missing", "bundle-install-outdated", "bundle-install-satisfied-verbose")
def _bring(brew: Brew, options: Options, entry: Entry, late: _Late) -> bool:
    kind = {"brew": "formula", "cask": "cask"}.get(entry.kind, entry.kind)
    state = _state(brew, options, entry)
    if not state.verb:
        _use(brew, options, entry, kind)
        return _after(brew, entry)
    if entry.kind == "brew" and find_formula(brew, entry.name) and "/" in entry.name:
        # `brew bundle` does not trust by full name, `brew install` does.
        refuse_untrusted(brew, load_formula(brew, entry.name))
    brew.console.out(f"{state.verb} {entry.name}")
    late.say()
    adopt = " with --adopt" if kind == "cask" else ""
    if "verbose" in options:
        brew.console.out(f"Installing {entry.name} {kind}{adopt}. It is not currently installed.")
    if entry.kind not in ("brew", "cask"):
        return False
    words = [f"--{kind}", *(["--adopt"] if adopt else []), entry.name]
    well = _inner(brew, options, lambda inner: installing.install(inner, words), late)
    return well and _after(brew, entry)


def _after(brew: Brew, entry: Entry) -> bool:
    if entry.kind != "brew":
        return True
    formula = find_formula(brew, entry.name)
    if formula and entry.options.get("link") is False and brew.kegs.linked(formula.name):
        keg = brew.kegs.newest(formula.name)
        assert keg
        brew.kegs.unlink(keg)
    if formula and _service_wanted(brew, entry):
        services.start(_silent(brew, StringIO(), StringIO()), formula)
    return True


def _use(brew: Brew, options: Options, entry: Entry, kind: str) -> None:
    if "verbose" in options:
        name = entry.name if kind == "tap" else split(entry.name)[1]
        brew.console.out(f"Skipping install of {name} {kind}. It is already installed.")
    _say(brew, options, f"Using {entry.name}")


def _say(brew: Brew, options: Options, text: str) -> None:
    if "quiet" not in options:
        brew.console.out(text)


def _inner(
    brew: Brew, options: Options, command: Callable[[Brew], int], late: _Late | None = None
) -> bool:
    """Run a command as `brew bundle` does: silent, unless it fails or --verbose was given."""
    out = StringIO()
    err = StringIO() if "verbose" in options else out
    inner = _silent(brew, out, err)
    try:
        code = command(inner)
    except Failure as failure:
        code = 1
        if str(failure):
            inner.console.error(str(failure))
    if "verbose" in options:
        brew.console.copy(out.getvalue(), err.getvalue())
    elif code:
        text = out.getvalue().rstrip("\n")
        late.add(text) if late else brew.console.out(text)
    return not code


def _silent(brew: Brew, out: StringIO, err: StringIO) -> Brew:
    console = Console(out, err, brew.environment)
    return Brew(brew.machine, brew.environment, brew.cwd, console, hook=brew.hook)
