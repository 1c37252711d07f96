"""`brew install`, `brew reinstall`: what is asked for, what is there, the question, the order."""

from __future__ import annotations

from typing import NamedTuple

from . import casks, pouring
from .brew import Brew, unresolved
from .catalogue import CORE, Cask, Formula
from .checking import untrusted_taps
from .console import Failure, counted
from .kegs import Keg
from .names import (
    find_cask,
    find_formula,
    near,
    no_cask,
    no_formula,
    refuse_untrusted,
    refuse_untrusted_cask,
    split,
)
from .options import Options, parse
from .sources import source
from .tapping import tap_for
from .taps import file_of

SOURCE_HOST = "raw.githubusercontent.com"

_OPTIONS = (
    "formula cask adopt force dry-run yes as-dependency overwrite only-dependencies "
    "build-from-source force-bottle skip-post-install appdir"
)


class Wanted(NamedTuple):
    """What the typed names stand for."""

    formulae: list[Formula]
    casks: list[Cask]


@source("install-again-after-link-conflict", "install-two-again", "cask-install-without-flag")
def install(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, _OPTIONS)
    if not options.names:
        raise Failure("Invalid usage: This command requires at least 1 formula or cask argument.")
    brew.need_api()
    wanted = _wanted(brew, options)
    check_writable(brew)
    jobs = [
        job for formula in wanted.formulae for job in _jobs(brew, formula, quiet="quiet" in options)
    ]
    new_casks = [cask for cask in wanted.casks if casks.is_new(brew, cask)]
    if "dry-run" in options:
        plan(brew, jobs, new_casks, "install")
    jobs = plan(brew, jobs, new_casks, "install", silent=not asks(brew, options))
    if "dry-run" in options:
        return 0
    if asks(brew, options) and any(job.missing for job in jobs):
        confirm(brew, "installation")
    well = not _refuse_impossible(brew, jobs)
    if well and jobs:
        pouring.fetch(brew, jobs)
        well = pouring.install(brew, jobs)
    if well and new_casks:
        well = casks.install(brew, new_casks, adopt="adopt" in options, force="force" in options)
    return 0 if well else 1


@source("reinstall", "tty-install-tap-source-build", "install-no-github-api")
def reinstall(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, _OPTIONS)
    brew.need_api()
    wanted = _wanted(brew, options)
    check_writable(brew)
    jobs = [
        pouring.Job(formula, verb="Reinstalling", old=brew.kegs.newest(formula.name))
        for formula in wanted.formulae
    ]
    jobs = plan(brew, jobs, wanted.casks, "reinstall", silent=not asks(brew, options))
    pouring.fetch(brew, jobs)
    well = pouring.install(brew, jobs)
    for cask in wanted.casks:
        if brew.caskroom.get(cask.token):
            casks.remove(brew, cask.token)
        well &= casks.install(brew, [cask], adopt=False, force="force" in options)
    return 0 if well else 1


def asks(brew: Brew, options: Options) -> bool:
    """Whether the plan is shown first: brew's ask mode, the default since 6."""
    return not brew.on("NO_ASK") and "yes" not in options


@source(
    "tty-install-with-dependency-answer-n",
    "tty-install-with-dependency-answer-y",
    documents=("Homebrew/brew Library/Homebrew/ask.rb: the keys, and the text for other keys",),
)
def confirm(brew: Brew, what: str) -> None:
    """Ask on a terminal, and only there.

    Raises:
        Failure: the answer is no.
    """
    if not brew.console.interactive:
        return
    brew.console.heading(f"Do you want to proceed with the {what}? [y/n]")
    while True:
        key = brew.console.key().lower()
        if key == "y":
            return
        if key in ("n", "\x1b", "\x03", "\x04"):
            raise Failure
        if key.strip():
            brew.console.out("Invalid input. Please press 'y' to proceed, or 'n' to abort.")


@source("prefix-not-writable", "other-user-install-core")
def check_writable(brew: Brew) -> None:
    """Raises Failure where brew could not write, or would not install at all."""
    machine = brew.machine
    _check_system(brew)
    places = [machine.cellar, machine.repository, *(machine.prefix / name for name in _FOLDERS)]
    closed = sorted(
        str(place) for place in set(places) if place.is_dir() and not brew.may_write(place)
    )
    if closed:
        for text in untrusted_taps(brew):
            brew.console.warn(text)
        raise Failure(
            "The following directories are not writable by your user:\n"
            + "\n".join(closed)
            + "\n\nYou should change the ownership of these directories to your user.\n"
            + f"  sudo chown -R {brew.user} {' '.join(closed)}\n\n"
            + "And make sure that your user has write permission.\n"
            + f"  chmod u+w {' '.join(closed)}"
        )


@source(
    documents=(
        "Homebrew/brew: ARM processor in Intel default prefix, and the inverse",
        "Homebrew/brew Library/Homebrew/extend/os/mac/diagnostic.rb: Command Line Tools",
    ),
)
def _check_system(brew: Brew) -> None:
    machine = brew.machine
    wrong = {
        ("arm64", "/usr/local"): "ARM processor in Intel",
        ("x86_64", "/opt/homebrew"): "Intel processor in ARM",
    }
    pair = wrong.get((machine.arch, str(machine.prefix)))
    if pair and machine.os == "macos":
        raise Failure(f"Cannot install in Homebrew on {pair} default prefix ({machine.prefix})!")
    if machine.refuses_installs:
        raise Failure(machine.refuses_installs)


_FOLDERS = (
    "bin",
    "etc",
    "etc/bash_completion.d",
    "include",
    "lib",
    "opt",
    "sbin",
    "share",
    "share/doc",
    "share/man",
    "share/man/man1",
    "share/zsh",
    "share/zsh/site-functions",
    "var/homebrew/linked",
    "var/homebrew/locks",
    "var/log",
)


def _wanted(brew: Brew, options: Options) -> Wanted:
    wanted = Wanted([], [])
    unknown = []
    for name in options.names:
        tap_for(brew, name)
        formula = None if "cask" in options else find_formula(brew, name)
        cask = None if "formula" in options or formula else find_cask(brew, name)
        if formula:
            _trust_full_name(brew, name, formula.tap, "formula", formula.full_name)
            refuse_untrusted(brew, formula)
            wanted.formulae.append(formula)
        elif cask:
            _trust_full_name(brew, name, cask.tap, "cask", cask.full_token)
            refuse_untrusted_cask(brew, cask.tap, cask.full_token)
            wanted.casks.append(cask)
        else:
            unknown.append(name)
    for name in unknown:
        _unknown(brew, name, cask="cask" in options)
    if unknown:
        raise Failure
    return wanted


@source(
    "untrusted-install-full-name", "cask-install-full-name", "trust-list-after-install-by-full-name"
)
def _trust_full_name(brew: Brew, name: str, tap: str, kind: str, full_name: str) -> None:
    kinds = {"formula": "formulae", "cask": "casks"}[kind]
    if name.count("/") == 2 and not brew.trusted(tap, kinds, full_name):
        brew.trust.add(kinds, full_name)
        brew.console.heading_err(f"Trusted {kind} {full_name}")


@source(
    "install-unknown",
    "install-known-and-unknown",
    "install-unknown-near-miss",
    "install-unknown-in-known-tap",
    "cask-unknown",
    guess="the name that is suggested for one of a known tap",
)
def _unknown(brew: Brew, name: str, *, cask: bool) -> None:
    console = brew.console
    if split(name)[0]:
        console.warn(f'No available formula or cask with the name "{name}".')
        return
    similar = [] if cask else near(brew, name)
    meant = f" Did you mean {similar[0]}?" if similar else ""
    console.warn((no_cask(name) if cask else no_formula(name)) + meant)
    what = "casks" if cask else "formulae and casks"
    console.heading(f"Searching for similarly named {what}...")
    if similar:
        console.heading("Formulae")
        console.out(similar[0])
        console.out(f"\nTo install {similar[0]}, run:\n  brew install {similar[0]}")
    else:
        console.error(f"No {'casks' if cask else 'formulae or casks'} found for {name}.")


def _jobs(brew: Brew, formula: Formula, *, quiet: bool) -> list[pouring.Job]:
    _refuse_disabled(brew, formula)
    keg = brew.kegs.newest(formula.name)
    if not keg or not keg.receipt():
        return [pouring.Job(formula)]
    brew.kegs.set_on_request(keg)
    if keg.version == formula.version:
        if not quiet:
            _say_installed(brew, formula, keg)
        return []
    return _outdated(brew, formula, keg)


@source(
    "install-bottle-again",
    "install-short-name-again",
    "install-quiet-again",
    "install-installed-but-unlinked",
    "install-names-an-installed-dependency",
    "info-json-after-naming-a-dependency",
)
def _say_installed(brew: Brew, formula: Formula, keg: Keg) -> None:
    name = formula.full_name
    if not formula.keg_only and not brew.kegs.linked(formula.name):
        brew.console.warn(
            f"{name} {keg.version} is already installed, it's just not linked.\n"
            f"To link this version, run:\n  brew link {name}"
        )
        return
    brew.console.warn(
        f"{name} {keg.version} is already installed and up-to-date.\n"
        f"To reinstall {keg.version}, run:\n  brew reinstall {formula.name}"
    )


@source(
    "install-outdated-upgrades", "install-outdated-no-install-upgrade", "install-pinned-outdated"
)
def _outdated(brew: Brew, formula: Formula, keg: Keg) -> list[pouring.Job]:
    """An outdated formula is upgraded; pinned or with HOMEBREW_NO_INSTALL_UPGRADE it is an error
    that does not show in the exit code."""
    upgrade = f"brew upgrade {formula.full_name}"
    pinned = brew.kegs.pinned(formula.name)
    if pinned:
        upgrade = f"brew unpin {formula.full_name} && {upgrade}"
    if pinned or brew.on("NO_INSTALL_UPGRADE"):
        brew.console.error(
            f"{formula.name} {keg.version} is already installed\n"
            f"To upgrade to {formula.version}, run:\n  {upgrade}"
        )
        return []
    brew.console.out(
        f"{formula.name} {keg.version} is already installed but outdated (so it will be upgraded)."
    )
    return [pouring.Job(formula, verb="Upgrading", old=keg)]


@source("install-disabled", "install-deprecated")
def _refuse_disabled(brew: Brew, formula: Formula) -> None:
    if formula.disabled:
        raise Failure(
            f"{formula.full_name} has been disabled because it {formula.disabled['reason']}! "
            f"It was disabled on {formula.disabled['date']}."
        )
    if formula.deprecated:
        told = formula.deprecated
        brew.console.warn(
            f"{formula.full_name} has been deprecated because it {told['reason']}! "
            f"It will be disabled on {told['disable_date']}."
        )


@source(
    "install-mac-only-formula",
    "install-core-formula-without-bottle",
    "api-cached-offline-install-new",
)
def _refuse_impossible(brew: Brew, jobs: list[pouring.Job]) -> bool:
    """Say which formulae cannot be had on this system; whether there are any."""
    refused = False
    for job in jobs:
        formula = job.formula
        if formula.requires not in ("", brew.machine.os):
            brew.console.err(f"{formula.name}: This formula requires {_system(formula)}.")
            raise Failure(f"{formula.name}: An unsatisfied requirement failed this build.")
        whole = [formula, *job.missing]
        bare = [one for one in whole if one.tap == CORE and not one.bottled(brew.machine.tag)]
        if bare:
            brew.console.error(_no_bottle(bare[0].name))
            _miss_source(brew, bare[0])
            refused = True
    return refused


def _miss_source(brew: Brew, formula: Formula) -> None:
    if not brew.from_api or brew.reaches(SOURCE_HOST):
        return
    path = file_of(CORE, "Formula", formula.name)
    url = f"https://{SOURCE_HOST}/Homebrew/homebrew-core/{'0' * 40}/{path}"
    brew.console.ticked(f"API Source {formula.name}.rb", done=False)
    brew.console.error(
        "\n".join(
            [
                f'Failed to download resource "{formula.name}.rb"',
                f"Download failed: {url}",
                *[unresolved(SOURCE_HOST)] * 4,
            ]
        )
    )


def _system(formula: Formula) -> str:
    return {"macos": "macOS", "linux": "Linux"}[formula.requires]


def _no_bottle(name: str) -> str:
    return (
        f"{name}: no bottle available!\n"
        "If you're feeling brave, you can try to install from source with:\n"
        f"  brew install --build-from-source {name}\n\n"
        "This is a Tier 3 configuration:\n"
        "  https://docs.brew.sh/Support-Tiers#tier-3\n"
        "Do not report any issues to Homebrew/* repositories!\n"
        "Read the above document instead before opening any issues or PRs."
    )


@source(
    "install-bottle",
    "install-with-dependency-dry-run",
    "untrusted-dependency-install",
    "api-install",
    "api-install-cask",
)
def plan(
    brew: Brew, jobs: list[pouring.Job], new: list[Cask], verb: str, *, silent: bool = False
) -> list[pouring.Job]:
    """Say what would be done; the jobs with the dependencies that it names.

    Raises:
        Failure: a dependency is in an untrusted tap: said after the names that were asked for.
    """
    console = brew.console
    if jobs and not silent:
        console.heading(f"Would {verb} {counted(len(jobs), 'formula', 'formulae')}:")
        console.names([job.formula.name for job in jobs])
    jobs = pouring.with_dependencies(brew, jobs)
    for job in [] if silent else jobs:
        if job.missing:
            number = counted(len(job.missing), "dependency", "dependencies")
            console.heading(f"Would {verb} {number} for {job.formula.name}:")
            console.names([one.name for one in job.missing])
    if new and not silent:
        console.heading(f"Would {verb} {counted(len(new), 'cask')}:")
        console.names([cask.token for cask in new])
    return jobs
