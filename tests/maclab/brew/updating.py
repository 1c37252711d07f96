"""`brew update`, `update-reset`, and the automatic update before other commands."""

from __future__ import annotations

import time
from typing import NoReturn

from .brew import API_HOST, Brew, version_file
from .catalogue import CASK, CORE
from .console import Failure, counted, sentence
from .library import write_library
from .locks import update_lock
from .options import parse
from .sources import source
from .upgrading import outdated_casks, outdated_formulae

_DAY = 86400
_ANALYTICS = """==> Homebrew's analytics have entirely moved to our InfluxDB instance in the EU.
We gather less data than before and have destroyed all Google Analytics data:
  https://docs.brew.sh/Analytics
Please reconsider re-enabling analytics to help our volunteer maintainers with:
  brew analytics on"""
_ANALYTICS_ON = """\a==> Homebrew collects anonymous analytics.
Read the analytics documentation (and how to opt-out) here:
  https://docs.brew.sh/Analytics
No analytics have been recorded yet (nor will be during this `brew` run).
"""
_API_IS_DEFAULT = """Installing from the API is now the default behaviour!
You can save space and time by running:
  brew untap homebrew/core"""
_DONATE = """==> Homebrew is run entirely by unpaid volunteers. Please consider donating:
  https://github.com/Homebrew/brew#-donations
"""
_API_IS_BETTER = """==> You have `$HOMEBREW_NO_INSTALL_FROM_API` set
Homebrew >=4.1.0 is dramatically faster and less error-prone when installing
from the JSON API. Please consider unsetting `$HOMEBREW_NO_INSTALL_FROM_API`.
This message will only be printed once.

"""


@source(
    "update-nothing-new",
    "update-quiet-nothing-new",
    "update-core-changed",
    "update-with-outdated",
    "other-user-update",
    "lock-update-held",
    "api-update",
)
def update(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "force merge auto-update")
    machine = brew.machine
    if not brew.may_write(machine.cellar):
        raise Failure(
            f"{machine.cellar} is not writable. You should change the\n"
            f"ownership and permissions of {machine.cellar} back to your\n"
            f"user account:\n  sudo chown -R {brew.user} {machine.cellar}"
        )
    with update_lock(brew):
        brew.console.heading_err("Updating Homebrew...")
        if not _fetch(brew):
            _give_up(brew)
        changed = refresh(brew)
    if not changed:
        if "quiet" not in options:
            brew.console.out("Already up-to-date.")
        return 0
    _once(brew)
    brew.console.err(_updated(changed))
    _say_outdated(brew)
    return 0


@source("update-if-needed")
def update_if_needed(brew: Brew, arguments: list[str]) -> int:
    return 0


@source(
    documents=("published output: `==> Fetching <dir>...`, `==> Resetting <dir>...`",),
    guess="the rest",
)
def update_reset(brew: Brew, arguments: list[str]) -> int:
    places = [brew.machine.repository, *(brew.taps.path(name) for name in brew.taps.installed())]
    for place in places:
        brew.console.heading(f"Fetching {place}...")
        brew.console.heading(f"Resetting {place}...")
    refresh(brew)
    return 0


@source(
    "auto-update-nothing-new",
    "auto-update-recent",
    "auto-update-finds-news",
    "auto-update-offline-git",
    "auto-update-before-bundle-check",
    "auto-update-before-outdated-json",
    "auto-update-before-tap",
    "api-auto-update",
    "api-auto-update-recent",
    "api-cached-offline-auto-update",
)
def auto_update(brew: Brew, command: str) -> None:
    """Update before a command, where the last update is too long ago. Never fails."""
    console = brew.console
    if brew.on("NO_AUTO_UPDATE") or not _due(brew):
        return
    console.heading_err("Auto-updating Homebrew...")
    if console.hints:
        console.err(
            "Adjust how often this is run with `$HOMEBREW_AUTO_UPDATE_SECS` or disable with\n"
            "`$HOMEBREW_NO_AUTO_UPDATE=1`. Hide these hints with "
            "`$HOMEBREW_NO_ENV_HINTS=1` (see `man brew`)."
        )
    if not _fetch(brew, quiet=True):
        _once(brew)
        return
    changed = refresh(brew)
    if not changed:
        return
    _once(brew)
    console.heading_err("Auto-updated Homebrew!")
    console.err(_updated(changed))
    console.err()
    if command == "install" and _numbers(brew):
        console.err(f"You have {_numbers(brew)} installed.\n")


@source("update-brew-itself", "version-after-update", guess="which version comes: the lab says it")
def refresh(brew: Brew) -> list[str]:
    """Bring every clone, the API's data and brew itself to what the remotes have.

    Returns the names of the taps that changed: a new version of brew does not show.
    """
    changed = [
        name
        for name in brew.taps.installed()
        if name in brew.catalogue.taps and brew.taps.refresh(brew.catalogue.taps[name])
    ]
    if brew.from_api and brew.taps.refresh_api():
        changed += [name for name in (CORE, CASK) if name not in changed]
    _fetched(brew)
    if brew.machine.latest:
        version_file(brew.machine).write_text(brew.machine.latest)
        write_library(brew.machine._replace(version=brew.machine.latest))
    return sorted(changed)


def _fetched(brew: Brew) -> None:
    file = brew.machine.repository / ".git" / "FETCH_HEAD"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def _due(brew: Brew) -> bool:
    file = brew.machine.repository / ".git" / "FETCH_HEAD"
    told = brew.environment.get("HOMEBREW_AUTO_UPDATE_SECS")
    with_tap = any(word.count("/") == 2 and not word.startswith("-") for word in brew.typed)
    usual = 300 if not brew.from_api or with_tap else _DAY
    seconds = int(told) if told else usual
    return not file.exists() or time.time() - file.stat().st_mtime > seconds


@source("update-offline-git", "api-cached-offline-update", "update-nothing-new-api-mode-offline")
def _fetch(brew: Brew, *, quiet: bool = False) -> bool:
    """Whether everything could be fetched; what could not is said."""
    console = brew.console
    host = "github.com"
    names = [
        name
        for name in brew.taps.installed()
        if not brew.reaches(host) and name not in brew.machine.mirrors
    ]
    core_first = sorted(names, key=lambda name: name != CORE)
    own = not brew.reaches(host) and "homebrew/brew" not in brew.machine.mirrors
    places = [brew.taps.path(name) for name in core_first]
    remotes = [brew.taps.remote(name) for name in core_first]
    if own:
        places.insert(min(1, len(places)), brew.machine.repository)
        remotes.insert(min(1, len(remotes)), "https://github.com/Homebrew/brew")
    well = not places
    if places and not quiet:
        for remote in remotes:
            console.err(f"fatal: unable to access '{remote}/': Could not resolve host: {host}")
        console.error("\n".join(f"Fetching {place} failed!" for place in places))
    if brew.from_api and not brew.reaches(API_HOST):
        url = f"https://{API_HOST}/api/internal/{brew.taps.api_file.name}"
        console.error(f"Failed to download {url}!")
        well = False
    return well


@source("update-nothing-new-api-mode-offline", "api-cached-offline-update")
def _give_up(brew: Brew) -> NoReturn:
    """End an update that could not fetch everything.

    Raises:
        Failure: always.
    """
    problem = Failure()
    if brew.from_api and not brew.taps.api_file.exists():
        try:
            brew.need_api()
        except Failure as failure:
            problem = failure
    _once(brew)
    if brew.from_api and CORE in brew.taps.installed():
        brew.console.err(_API_IS_DEFAULT)
    raise problem


@source("update-core-changed", "update-offline-git", "api-cached-offline-update")
def _once(brew: Brew) -> None:
    """What is "only printed once": each time, where stdout is no terminal."""
    told = [_ANALYTICS if brew.on("NO_ANALYTICS") else _ANALYTICS_ON, _DONATE]
    if not brew.from_api:
        told += [_API_IS_BETTER]
    brew.console.err("\n".join(told))


def _updated(changed: list[str]) -> str:
    return f"Updated {counted(len(changed), 'tap')} ({sentence(changed)})."


def _say_outdated(brew: Brew) -> None:
    formulae, casks = outdated_formulae(brew, set()), outdated_casks(brew, set())
    if not (formulae or casks):
        return
    err = brew.console.err
    for title, found in (("Outdated Formulae", formulae), ("Outdated Casks", casks)):
        if found:
            brew.console.heading_err(title)
            err("\n".join(one.key.rpartition("/")[2] for one in found))
    err(
        f"\nYou have {_numbers(brew)} installed.\n"
        "You can upgrade them with brew upgrade\nor list them with brew outdated."
    )


def _numbers(brew: Brew) -> str:
    formulae, casks = outdated_formulae(brew, set()), outdated_casks(brew, set())
    parts = [counted(len(formulae), "outdated formula", "outdated formulae")] if formulae else []
    parts += [counted(len(casks), "outdated cask")] if casks else []
    return " and ".join(parts)
