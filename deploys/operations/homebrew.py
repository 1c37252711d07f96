"""Homebrew itself, and what it installs: taps, formulae, casks. The one place that calls `brew`."""

from __future__ import annotations

import shlex
from pathlib import Path

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.brewfile import Cask, Formula, Tap, Wishes
from deploys.changes import change, left
from deploys.facts.brewfile import BrewfileWishes
from deploys.facts.homebrew import BrewState, Homebrew, short_name
from deploys.facts.machine import Machine, ThisMachine
from deploys.findings import found, refuse
from deploys.operations import Commands
from deploys.operations.held_version import only_as_locked
from deploys.parts import locked_parts
from deploys.settings import Settings

INSTALLER = "https://raw.githubusercontent.com/Homebrew/install/{commit}/install.sh"
BREW_SECONDS = 3600  # a formula without a bottle is built from source

# Homebrew's manual, "Environment". Data of formulae that were never fetched are fetched in spite of
# NO_AUTO_UPDATE (recordings of Homebrew 6.0.18). NO_GITHUB_API: asking whether a tap is private
# costs seconds where api.github.com is blocked. NO_AUTOREMOVE: leftovers may be the user's.
ENVIRONMENT = (
    "HOMEBREW_NO_ASK=1",
    "HOMEBREW_NO_AUTO_UPDATE=1",
    "HOMEBREW_NO_ENV_HINTS=1",
    "HOMEBREW_NO_ANALYTICS=1",
    "HOMEBREW_NO_INSTALL_CLEANUP=1",
    "HOMEBREW_NO_INSTALL_UPGRADE=1",
    "HOMEBREW_NO_AUTOREMOVE=1",
    "HOMEBREW_NO_GITHUB_API=1",
    "NONINTERACTIVE=1",
)

# Built in, or read from Homebrew's API: `brew tap` refuses them (Homebrew 6.0.17).
BUILT_IN_TAPS = ("homebrew/core", "homebrew/cask", "homebrew/bundle", "homebrew/services")

# Their installers ask for the user's password on the terminal: this one writes to /usr/local.
ASKING_CASKS = ("docker-desktop", "docker")

_INSTALL = (Path(__file__).parents[1] / "files" / "homebrew" / "install.sh").read_text("utf-8")


def brew(*words: str) -> StringCommand:
    """A command of Homebrew: by absolute path, unattended, from a directory that it may read.

    Every run of brew calls `sudo --reset-timestamp` (Homebrew/brew, Library/Homebrew/brew.sh). The
    time limit gives it a session of its own, where it has no ticket but its own to lose.
    """
    return StringCommand(brew_line(*words), _timeout=BREW_SECONDS)


def reinstall(name: str) -> StringCommand:
    """The command that installs a formula again; refuses if this user may not change Homebrew."""
    may_change(host.get_fact(Homebrew))
    return brew("reinstall", name)


@operation()
def installed(settings: Settings) -> Commands:
    """Have a Homebrew that works; one that is there is never replaced."""
    state = host.get_fact(Homebrew)
    machine = host.get_fact(ThisMachine)
    if state.works:
        yield from _have_directories(state, machine)
        return
    if state.lacks_ruby:
        found(
            "homebrew.no-ruby",
            f"Homebrew in {state.prefix} has no Ruby.",
            means="Its installation, or its last update, did not come to an end.",
            mend="Homebrew fetches it at its next command.",
        )
    else:
        yield from _run_installer(settings, state, machine)
    # `brew --version` succeeds without a Ruby; this does not (recordings of Homebrew 6.0.17).
    yield brew("config")


@operation()
def brewfile(settings: Settings) -> Commands:
    """Refuse a Brewfile that is more than a list; say what of it is left alone."""
    if settings.brewfile:
        read = host.get_fact(BrewfileWishes, path=settings.brewfile)
        if read.problem:
            place = f"{settings.brewfile}, line {read.line}" if read.line else settings.brewfile
            refuse(
                "homebrew.brewfile",
                f"The Brewfile cannot be used: {place}: {read.problem}",
                means="It is read, and never run.",
                mend="Correct that, or the setting brewfile; for a Brewfile that is a program, "
                "leave the setting empty and run `brew bundle`.",
            )
        if read.wishes.ignored:
            found(
                "homebrew.brewfile-ignored",
                f"{settings.brewfile} has what this tool leaves alone: "
                f"{', '.join(read.wishes.ignored)}.",
                mend="`brew bundle` does it.",
                severity="notice",
            )
    yield from ()


def wishes(settings: Settings) -> Wishes:
    """What the user wants of Homebrew on the current host: the settings, and the Brewfile."""
    stated = Wishes(
        tuple(Tap(name.lower()) for name in settings.brew_taps),
        tuple(Formula(name) for name in settings.brew_formulae),
        tuple(Cask(name) for name in settings.brew_casks),
    )
    if not settings.brewfile:
        return stated
    return stated.with_those_of(host.get_fact(BrewfileWishes, path=settings.brewfile).wishes)


@operation()
def tap(wish: Tap) -> Commands:
    """Have a tap, trusted if that was asked for: Homebrew 6 loads nothing from an untrusted one."""
    state = host.get_fact(Homebrew)
    if wish.name in BUILT_IN_TAPS:
        found(
            "homebrew.tap-built-in",
            f"{wish.name} is built into Homebrew; {wish.source} need not name it.",
            severity="notice",
        )
        return
    if wish.name not in state.taps:
        may_change(state)
        found("homebrew.tap-missing", f"The tap {wish.name} is missing; {wish.source} names it.")
        change("tap", wish.name)
        yield brew("tap", wish.name, *filter(None, [wish.url]))
    if state.trusts(wish.name, wish.url):
        return
    if wish.trusted:
        found(
            "homebrew.tap-untrusted",
            f"The tap {wish.name} is not trusted yet.",
            means="Homebrew loads nothing from it, and hides what is installed from it.",
        )
        change("trust", wish.name, what="tap")
        yield brew("trust", wish.name)
    else:
        found(
            "homebrew.tap-untrusted",
            f"The tap {wish.name} is not trusted, and {wish.source} does not ask for it.",
            means="Homebrew loads nothing from it but what is named in full.",
            mend="If you trust its authors, write `, trusted: true` behind it.",
            severity="notice",
        )


@operation()
def formulae(names: list[str], purpose: str) -> Commands:
    """Have these formulae; `purpose` completes the sentence "… missing for PURPOSE"."""
    state = host.get_fact(Homebrew)
    missing = [name for name in names if not state.has(name)]
    if missing:
        may_change(state)
        found(
            "homebrew.formulae-missing",
            f"{_listed(missing)} missing for {purpose}.",
            mend="Homebrew installs what is missing.",
        )
    for name in missing:
        yield _install_formula(state, name)
    for name in names:
        _say_unlinked(state, name)


@operation()
def formula(wish: Formula) -> Commands:
    """Have one formula that the user wants."""
    state = host.get_fact(Homebrew)
    if state.has(wish.name):
        if wish.link:
            _say_unlinked(state, wish.name)
        return
    may_change(state)
    of_tap = wish.name.rpartition("/")[0]
    found(
        "homebrew.formulae-missing",
        f"{wish.name} is missing; {wish.source} names it.",
        means=f"Homebrew will trust this formula, but nothing else of {of_tap}."
        if of_tap and not state.trusts(of_tap)
        else "",
    )
    yield _install_formula(state, wish.name, *wish.args)
    if not wish.link:
        yield brew("unlink", wish.name)


@operation()
def casks(names: list[str], purpose: str) -> Commands:
    """Have these casks; `purpose` completes the sentence "… missing for PURPOSE"."""
    for name in names:
        yield from _cask(Cask(name), f"{name} is missing for {purpose}.")


@operation()
def cask(wish: Cask) -> Commands:
    """Have one cask that the user wants."""
    yield from _cask(wish, f"{wish.name} is missing; {wish.source} names it.")


def _run_installer(settings: Settings, state: BrewState, machine: Machine) -> Commands:
    if state.no_install:
        refuse(
            "homebrew.forbidden",
            "/etc/homebrew/brew.no_install exists.",
            means="Whoever looks after this Mac does not want Homebrew on it.",
            mend="Ask them; without that file, run this again.",
        )
    if machine.architecture != "arm64":
        # Homebrew/install#1140, since 2026-09-11: Apple Silicon only.
        refuse(
            "homebrew.intel",
            f"There is no Homebrew in {state.place}, and it can no longer be installed on Intel.",
            mend="Move an earlier installation over, or use an Apple Silicon Mac.",
        )
    commit, _, sha256 = _installer(settings, machine).partition("@sha256:")
    found(
        "homebrew.broken" if state.prefix else "homebrew.missing",
        f"Homebrew in {state.place} is incomplete."
        if state.prefix
        else f"There is no Homebrew in {state.place}.",
        mend="Its installer is downloaded, compared with the SHA-256 that is pinned, and run; "
        "what is installed already stays.",
    )
    if machine.root:
        # The installer runs sudo itself, and gives up at once if there is no ticket. It gets this
        # terminal's, so it has to stay in its session: no time limit.
        yield StringCommand(*machine.root, "-v")
    if state.prefix:
        left("Homebrew, completed", "it did not work before.")
    else:
        change("homebrew", state.place)
    address = INSTALLER.format(commit=commit)
    yield StringCommand("sh", "-c", shlex.quote(_INSTALL), "homebrew-installer", address, sha256)


def _installer(settings: Settings, machine: Machine) -> str:
    """The one that is locked takes the place of this program's own choice, not of the user's."""
    if "homebrew_installer" in settings.model_fields_set:
        return settings.homebrew_installer
    return locked_parts(machine).homebrew_installer or settings.homebrew_installer


def _have_directories(state: BrewState, machine: Machine) -> Commands:
    if not state.denied:
        return
    if _is_ones_own(state, machine):
        # Homebrew/brew#10546
        found(
            "homebrew.not-writable",
            f"Directories of Homebrew are not yours to write to: {shlex.join(state.denied)}.",
            means="It cannot install or update anything. Something may have been run as root.",
            mend="They are given to you, with what is in them.",
        )
        left(f"{shlex.join(state.denied)}, given to you", "Homebrew cannot work without.")
        owner = f"{machine.user}:admin"
        yield StringCommand(
            *machine.root, "chown", "-R", QuoteString(owner), *map(QuoteString, state.denied)
        )
        return
    if not state.owners - {machine.user, "root"}:
        may_change(state)
    found(
        "homebrew.other-owner",
        f"Homebrew in {state.prefix} belongs to {state.others(machine.user)}; you can use it, not "
        "change it.",
        mend=f"Should something be missing, ask {state.others(machine.user)} to install it.",
        severity="notice",
    )


def may_change(state: BrewState) -> None:
    """Refuse where this user may not change Homebrew, and `installed` cannot mend that."""
    if not state.denied:
        return
    machine = host.get_fact(ThisMachine)
    if _is_ones_own(state, machine):
        return
    places = shlex.join(state.denied)
    chown = f"`sudo chown -R {machine.user} {places}`"
    if not state.owners - {machine.user, "root"}:
        # Homebrew/brew#10546
        refuse(
            "homebrew.not-writable",
            f"You may not write to {places}.",
            means="Homebrew cannot install or update anything.",
            mend=f"Have an administrator run {chown}, then run this again.",
            alone=True,
        )
    others = state.others(machine.user)
    refuse(
        "homebrew.other-owner",
        f"Homebrew in {state.prefix} belongs to {others}; you may not install with it.",
        mend=f"Ask {others} to install what is missing; or, if nobody else uses this Mac, "
        f"run {chown}.",
        alone=True,
    )


def _is_ones_own(state: BrewState, machine: Machine) -> bool:
    """Whether directories that may not be written can be taken back: nobody else has a part."""
    return "admin" in machine.groups and not state.owners - {machine.user, "root"}


def _say_unlinked(state: BrewState, name: str) -> None:
    if state.is_unlinked(name):
        found(
            "homebrew.not-linked",
            f"{name} is installed, but its programs are not in {state.prefix}/bin.",
            means="An installation could not put them there, or `brew unlink` took them away.",
            mend=f"`{state.prefix}/bin/brew link {state.formula(name)}` says what is in the way.",
            severity="notice",
        )


def _install_formula(state: BrewState, name: str, *args: str) -> StringCommand:
    """`brew install` may exit with 0 where it did nothing, and with 1 where it did (seen with
    6.0.17: a link that clashes, a post-install step that fails): what is there decides."""
    there = f"{state.place}/opt/{short_name(name)}"
    _tap_comes_along(state, name, "formula")
    change("formula", name, there=sorted(state.formulae))
    return _checked(
        only_as_locked("formulae", name, brew_line("info", "--json=v2", "--formula", name))
        + brew_line("install", "--formula", *args, name),
        f"[ -e {shlex.quote(there)} ]",
        unfinished=f"{name} is installed, but its last steps failed. If its programs are missing, "
        f"`{state.place}/bin/brew link {name}` says what is in the way.",
        absent=f"Homebrew reported no error, but there is no {there}. If it has installed {name} "
        "under another name, write that name instead.",
    )


def _tap_comes_along(state: BrewState, name: str, what: str) -> None:
    """`brew install user/tap/name` taps what it needs, and trusts that one thing of it."""
    of_tap = name.rpartition("/")[0].lower()
    if of_tap and of_tap not in (*state.taps, *BUILT_IN_TAPS):
        change("tap", of_tap)
    if of_tap and not state.trusts(of_tap) and name.lower() not in state.trusted_parts:
        change("trust", name.lower(), what=what)


def _cask(wish: Cask, seen: str) -> Commands:
    state = host.get_fact(Homebrew)
    if state.has_cask(wish.name):
        return
    app = state.app_of(wish.name)
    if app:
        found(
            "homebrew.app-by-hand",
            f"{app} is there already, and not from Homebrew; it is left as it is.",
            mend=f"To have Homebrew look after it: `brew install --cask --adopt {wish.name}`.",
            severity="notice",
        )
        return
    may_change(state)
    asks = short_name(wish.name) in ASKING_CASKS
    found(
        "homebrew.cask-missing",
        seen,
        means="Its installer asks for your password itself: Homebrew gives up sudo's ticket."
        if asks
        else "",
    )
    yield _install_cask(state, wish, asks=asks)


def _install_cask(state: BrewState, wish: Cask, *, asks: bool) -> StringCommand:
    """`--adopt`: an app that is there under a name that cannot be foretold becomes Homebrew's if it
    is the same version, and is left alone if not; `--force` would overwrite it."""
    by_hand = shlex.join([f"{state.place}/bin/brew", "install", "--cask", *wish.args, wish.name])
    there = shlex.quote(f"{state.place}/Caskroom/{short_name(wish.name)}")
    _tap_comes_along(state, wish.name, "cask")
    change("cask", wish.name, apps=list(state.applications), there=sorted(state.formulae))
    return _checked(
        only_as_locked("casks", wish.name, brew_line("info", "--json=v2", "--cask", wish.name))
        + brew_line("install", "--cask", "--adopt", *wish.args, wish.name),
        f"[ -d {there}/.metadata ]",
        unfinished=f"{wish.name} is there, but Homebrew could not finish.",
        absent=f"{wish.name} was not installed. An app of another version that is there already "
        "is left alone; an installer that wants a password needs a terminal of its own: "
        f"`{by_hand}`. Where an app may not be changed (Operation not permitted), allow your "
        "terminal in System Settings > Privacy & Security > App Management, and run this again.",
        keeps_terminal=asks,
    )


def _checked(
    line: str, test: str, *, unfinished: str, absent: str, keeps_terminal: bool = False
) -> StringCommand:
    say_unfinished, say_absent = (f"echo {shlex.quote(text)} >&2" for text in (unfinished, absent))
    script = (
        f"{line}; code=$?; if {test}; then [ $code -eq 0 ] || {say_unfinished}; "
        f"else {say_absent}; [ $code -ne 0 ] || code=1; fi; exit $code"
    )
    return StringCommand(script) if keeps_terminal else StringCommand(script, _timeout=BREW_SECONDS)


def brew_line(*words: str) -> str:
    """`brew` as a line of a shell: unattended, by absolute path, from a directory it may read."""
    executable = f"{host.get_fact(Homebrew).place}/bin/brew"
    return f"cd && {shlex.join(['/usr/bin/env', *ENVIRONMENT, executable, *words])}"


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
