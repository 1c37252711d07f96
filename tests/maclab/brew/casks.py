"""Installs, upgrades and removes casks: applications, commands, installers that need sudo."""

from __future__ import annotations

import shlex
import shutil

from . import pouring
from .brew import Brew
from .catalogue import Cask
from .console import Failure, sentence
from .names import find_formula
from .sources import source

_NO_TERMINAL = (
    "sudo: a terminal is required to read the password; either use the -S option to read "
    "from standard input or configure an askpass helper\nsudo: a password is required"
)


@source("cask-install-again", "cask-install-again-without-flag")
def is_new(brew: Brew, cask: Cask) -> bool:
    """Whether a cask is not installed; that it is, is said."""
    one = brew.caskroom.get(cask.token)
    if one and one.version == cask.version:
        brew.console.warn(f"Not upgrading {cask.token}, the latest version is already installed")
    return one is None or one.version != cask.version


@source(
    "cask-install-full-name",
    "cask-install-without-flag",
    "cask-mac-only-on-linux",
    documents=(
        "published output of Homebrew 7.0.4: --adopt with another version",
        "published output: sudo without a terminal",
    ),
    guess="`Moving App`, `Adopting existing App`, `Running installer`; formulae that a cask needs",
)
def install(brew: Brew, new: list[Cask], *, adopt: bool, force: bool) -> bool:
    """Install casks; what stands in the way of one ends the run.

    Raises:
        Failure: this system cannot have it, or an application is in place, or sudo is refused.
    """
    console = brew.console
    for cask in new:
        if cask.requires == "macos" and brew.machine.os != "macos":
            raise Failure(f"{cask.token}: {cask.token}: This cask requires macOS.")
    fetch(brew, new)
    for cask in new:
        _dependencies(brew, cask)
        old = brew.caskroom.get(cask.token)
        console.step(f"Installing Cask {console.name(cask.token)}")
        _refuse_apps_in_place(brew, cask, adopt=adopt, force=force)
        place(brew, cask, adopt=adopt)
        if old:
            brew.caskroom.forget(cask.token, old.version)
        console.out(f"🍺  {cask.token} was successfully installed!")
        if cask.caveats:
            console.heading("Caveats")
            console.out(cask.caveats)
    return True


def fetch(brew: Brew, new: list[Cask]) -> None:
    """Download casks."""
    console = brew.console
    names = [console.name(cask.full_token) for cask in new]
    console.step_err(f"Fetching downloads for: {sentence(names)}")
    for cask in new:
        console.ticked(f"Cask {cask.token} ({cask.version})")
        file = brew.cache / "Cask" / f"{cask.token}--{cask.version}.tar.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{cask.token} {cask.version}\n")


def place(brew: Brew, cask: Cask, *, adopt: bool = False) -> None:
    """Stage a cask and put its artifacts into place.

    Raises:
        Failure: its installer needs sudo, and sudo refuses.
    """
    console, caskroom = brew.console, brew.caskroom
    caskroom.stage(cask)
    moved = []
    for app in cask.apps:
        if adopt and caskroom.app(app).exists():
            console.heading(f"Adopting existing App at '{caskroom.app(app)}'")
            caskroom.keep_app(cask, app)
        else:
            console.heading(f"Moving App '{app}' to '{caskroom.app(app)}'")
            caskroom.move_app(cask, app)
            moved.append(app)
    try:
        for command in cask.sudo:
            _as_root(brew, cask, command)
    except Failure:
        for app in moved:
            shutil.rmtree(caskroom.app(app))
        caskroom.forget(cask.token)
        raise
    for binary in cask.binaries:
        target = caskroom.binary(binary)
        if _belongs_to_formula(brew, target.name):
            # 7.0: a formula's link wins over a cask's link of the same name.
            continue
        console.heading(f"Linking Binary '{target.name}' to '{target}'")
        caskroom.link_binary(cask, binary)


@source(
    "uninstall-cask-without-flag",
    "untrusted-cask-uninstall-cask",
    guess="`Removing App`",
)
def remove(brew: Brew, token: str) -> None:
    """Remove an installed cask: its links, its applications, its files."""
    one = brew.caskroom.get(token)
    assert one
    brew.console.step(f"Uninstalling Cask {brew.console.name(token)}")
    unlink(brew, token)
    for app in _apps(brew, token):
        path = brew.caskroom.app(app)
        brew.console.heading(f"Removing App '{path}'")
        shutil.rmtree(path, ignore_errors=True)
    brew.console.heading(f"Purging files for version {one.version} of Cask {token}")
    brew.caskroom.forget(token)


def unlink(brew: Brew, token: str) -> None:
    """Take a cask's commands out of the prefix."""
    folder = brew.machine.caskroom / token
    for link in sorted((brew.machine.prefix / "bin").glob("*")):
        if link.is_symlink() and folder in link.readlink().parents:
            brew.console.heading(f"Unlinking Binary '{link}'")
            link.unlink()


@source("upgrade-all", guess="applications in an upgrade")
def upgrade(brew: Brew, cask: Cask) -> None:
    """Replace an outdated cask."""
    console = brew.console
    old = brew.caskroom.get(cask.token)
    assert old
    console.step(f"Upgrading {console.name(cask.token)}")
    console.out(f"  {old.version} -> {cask.version}")
    before = old.version
    unlink(brew, cask.token)
    for app in cask.apps:
        shutil.rmtree(brew.caskroom.app(app), ignore_errors=True)
    place(brew, cask)
    console.heading(f"Purging files for version {before} of Cask {cask.token}")
    brew.caskroom.forget(cask.token, before)
    console.out(f"🍺  {cask.token} was successfully upgraded!")


def _dependencies(brew: Brew, cask: Cask) -> None:
    formulae = [find_formula(brew, name) for name in cask.deps]
    jobs = [
        pouring.Job(one, on_request=False) for one in formulae if one and not brew.kegs.of(one.name)
    ]
    if jobs:
        jobs = pouring.with_dependencies(brew, jobs)
        pouring.fetch(brew, jobs)
        pouring.install(brew, jobs)


def _refuse_apps_in_place(brew: Brew, cask: Cask, *, adopt: bool, force: bool) -> None:
    for app in cask.apps:
        path = brew.caskroom.app(app)
        if not path.exists() or force or brew.caskroom.get(cask.token):
            continue
        if not adopt:
            raise Failure(f"It seems there is already an App at '{path}'.")
        if brew.caskroom.app_version(app) != cask.version and not cask.auto_updates:
            raise Failure("It seems the existing App is different from the one being installed.")


def _as_root(brew: Brew, cask: Cask, command: tuple[str, ...]) -> None:
    brew.console.heading(
        f"Running installer for {cask.token} with `sudo` (which may request your password)..."
    )
    askpass = ("-A",) if brew.environment.get("SUDO_ASKPASS") else ()
    whole = (*(brew.machine.sudo or ("/usr/bin/sudo",)), *askpass, "-E", "--", *command)
    if brew.machine.sudo:
        code = brew.hook(whole)
    else:
        code = 1
        brew.console.err(_NO_TERMINAL)
    if code:
        raise Failure(f"Failure while executing; `{shlex.join(whole)}` exited with {code}.")


def _belongs_to_formula(brew: Brew, name: str) -> bool:
    link = brew.machine.prefix / "bin" / name
    return link.is_symlink() and brew.machine.cellar.resolve() in link.resolve().parents


def _apps(brew: Brew, token: str) -> list[str]:
    staged = sorted((brew.machine.caskroom / token).glob("*/*.app"))
    return [link.name for link in staged if link.is_symlink()]
