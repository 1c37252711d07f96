"""Puts formulae into the Cellar: downloads, pours and builds, links, caveats, clean-up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from .brew import Brew, unresolved
from .catalogue import CORE, Formula
from .caveats import caveats_of, shadowed_by_linked, shadowed_in_path
from .cleaning import clean_after, downloaded
from .console import Failure, sentence
from .kegs import Conflict, Keg, receipt
from .locks import formula_lock
from .names import dependencies
from .sources import source

BOTTLE_HOST = "ghcr.io"


class Job(NamedTuple):
    """One formula to bring in, with the dependencies that it lacks; `verb` heads what is said."""

    formula: Formula
    missing: Sequence[Formula] = ()
    verb: str = "Installing"
    old: Keg | None = None
    on_request: bool = True


def with_dependencies(brew: Brew, jobs: list[Job]) -> list[Job]:
    """The same jobs with what each needs and is not there; a dependency is brought in once.

    Raises:
        Failure: a dependency is in an untrusted tap, or is not to be had.
    """
    coming = {job.formula.full_name for job in jobs}
    whole = []
    for job in jobs:
        missing = [
            one
            for one in dependencies(brew, job.formula)
            if one.full_name not in coming and not brew.kegs.of(one.name)
        ]
        coming |= {one.full_name for one in missing}
        whole.append(job._replace(missing=missing))
    return whole


@source(
    "install-bottle-with-dependency-quiet-env",
    "install-with-dependency",
    "install-file-missing",
    "install-offline",
    "install-checksum-mismatch",
    "api-install",
    "api-cached-offline-install-bottle",
    "tty-install-no-ask",
)
def fetch(brew: Brew, jobs: list[Job]) -> None:
    """Download everything first.

    Raises:
        Failure: a download failed; nothing is installed then.
    """
    console = brew.console
    formulae = [one for job in jobs for one in (*job.missing, job.formula)]
    from_api = [one for one in formulae if brew.from_api and one.tap == CORE]
    manifests = [job.formula for job in jobs if job.formula in from_api]
    if manifests:
        console.heading_err("Downloading bottle manifests")
        for one in manifests:
            here = brew.reaches(BOTTLE_HOST)
            console.ticked(f"Bottle Manifest {one.name} ({one.version})", done=here)
    names = [console.name(job.formula.name) for job in jobs]
    console.step_err(f"Fetching downloads for: {sentence(names)}")
    for one in formulae:
        if one in from_api and one not in manifests:
            console.ticked(f"Bottle Manifest {one.name} ({one.version})")
    for one in formulae:
        download(brew, one)


def download(brew: Brew, formula: Formula) -> None:
    """Fetch one formula's bottle or source.

    Raises:
        Failure: it cannot be had, or is not what it should be.
    """
    bottled = formula.bottled(brew.machine.tag)
    kind = "Bottle" if bottled else "Formula"
    unreachable = bottled and brew.from_api and not brew.reaches(BOTTLE_HOST)
    failed = bool(formula.download) or unreachable
    brew.console.ticked(f"{kind} {formula.name} ({formula.version})", done=not failed)
    if not failed:
        file = downloaded(brew, formula)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{formula.name} {formula.version}\n")
        return
    if formula.download.startswith("sha256:"):
        digest = formula.download.removeprefix("sha256:")
        brew.console.out(f"       SHA-256 checksum of downloaded file: {digest}")
        raise Failure(f"Formula reports different checksum:  {'0' * 64}")
    resource = formula.name if bottled else f"{formula.name} ({formula.version})"
    url = formula.download or f"https://{BOTTLE_HOST}/v2/homebrew/core/{formula.name}/blobs/sha256:"
    raise Failure(f'Failed to download resource "{resource}"\n{_reason(url)}')


def install(brew: Brew, jobs: list[Job]) -> bool:
    """Install what was fetched, one after the other; whether all went well.

    Raises:
        Failure: a build failed; what comes after it is not installed.
    """
    done: list[Formula] = []
    well = True
    for one in jobs:
        with _announced(brew, one):
            well &= _install(brew, one, done)
    _repeat_caveats(brew, done)
    return well


@contextmanager
def _announced(brew: Brew, job: Job) -> Iterator[None]:
    """Hold the lock of a formula, after the heading that brew prints before it takes the lock."""
    _header(brew, job)
    with formula_lock(brew, job.formula.name):
        yield


def _header(brew: Brew, job: Job) -> None:
    name = brew.console.name(job.formula.name)
    full = brew.console.name(job.formula.full_name)
    if job.verb == "Reinstalling":
        brew.console.step(f"Reinstalling {full} ")
    elif job.verb == "Upgrading":
        assert job.old
        brew.console.step(f"Upgrading {full}")
        brew.console.out(f"  {job.old.version} -> {job.formula.version} ")
    elif job.formula.tap != CORE:
        brew.console.step(f"Installing {name} from {job.formula.tap}")


@source(
    "install-bottle",
    "install-short-name",
    "install-with-dependency",
    "reinstall",
    "upgrade-one-unknown",
    "install-link-conflict",
    "install-post-install-fails",
)
def _install(brew: Brew, job: Job, done: list[Formula]) -> bool:
    console = brew.console
    full = console.name(job.formula.full_name)
    for one in job.missing:
        console.step(
            f"Installing {job.formula.full_name} dependency: {console.name(one.full_name)}"
        )
        with formula_lock(brew, one.name):
            _bring(brew, Job(one, on_request=False))
        done.append(one)
    if job.missing:
        console.step(f"{job.verb} {full}")
    well = _bring(brew, job)
    done.append(job.formula)
    if not brew.on("NO_INSTALL_CLEANUP"):
        clean_after(brew, job.formula)
    return well


def _bring(brew: Brew, job: Job) -> bool:
    formula, console = job.formula, brew.console
    started = time.monotonic()
    if job.old:
        brew.kegs.unlink(job.old)
        if job.old.version == formula.version:
            brew.kegs.remove(job.old)
    bottled = formula.bottled(brew.machine.tag)
    if bottled:
        dashes = "--" if brew.from_api and formula.tap == CORE else "-"
        bottle = f"{formula.name}{dashes}{formula.version}.{brew.machine.tag}.bottle.tar.gz"
        console.heading(f"Pouring {bottle}")
    else:
        _build(brew, formula)
    keg = _pour(brew, job, bottled)
    problems = _finish(brew, formula, keg)
    if problems.caveats:
        console.heading("Caveats")
        console.out(problems.caveats)
    if problems.caveats or not problems.well:
        console.heading("Summary")
    seconds = round(time.monotonic() - started)
    built = "" if bottled else f", built in {seconds} second{'' if seconds == 1 else 's'}"
    console.out(f"🍺  {keg.path}: {keg.usage()}{built}")
    return problems.well


@source("install-build-fails", "install-one-build-fails-one-works")
def _build(brew: Brew, formula: Formula) -> None:
    """Show the commands of a build from source.

    Raises:
        Failure: the build fails; its log is shown.
    """
    out = brew.console.out
    command = formula.build_fails or formula.build_command
    if command:
        # Coloured even without a terminal: the build runs on a pseudo-terminal of its own.
        out(f"\033[34m==>\033[0m \033[1m{command}\033[0m")
    if not formula.build_fails:
        return
    shell, option, script = formula.build_fails.split(" ", 2)
    out(f"Last 15 lines from {brew.cache}/Logs/{formula.name}/01.sh.log:")
    out(time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime()))
    out(f"\n{shell}\n{option}\n{script}\n\nbuilding\nsome error\n")
    out("If reporting this issue please do so at (not Homebrew/* repositories):")
    out(f"  {brew.catalogue.taps[formula.tap].remote}/issues\n")
    if not brew.on("NO_GITHUB_API") and not brew.reaches("api.github.com"):
        brew.console.warn("Unable to query GitHub for recent issues on the tap")
        brew.console.err(f"curl failed! {unresolved('api.github.com')}")
    raise Failure


def _pour(brew: Brew, job: Job, bottled: bool) -> Keg:
    formula = job.formula
    was_asked = bool(job.old and job.old.receipt().get("installed_on_request")) if job.old else None
    told = receipt(
        brew.machine,
        formula,
        dependencies(brew, formula),
        bottled=bottled,
        on_request=job.on_request if was_asked is None else was_asked,
        from_api=brew.from_api and formula.tap == CORE,
        recipe=brew.taps.recipe(formula),
    )
    return brew.kegs.pour(formula, told)


class _Finished(NamedTuple):
    well: bool
    caveats: str


def _finish(brew: Brew, formula: Formula, keg: Keg) -> _Finished:
    """Link and run the post-install step; what went wrong is said, and does not undo anything."""
    console = brew.console
    conflicts = [] if formula.keg_only else brew.kegs.conflicts(keg)
    if conflicts:
        console.error("The `brew link` step did not complete successfully")
        console.out(f"The formula built, but is not symlinked into {brew.machine.prefix}")
        console.out(conflict_text(brew, formula.name, conflicts))
        console.out("\nPossible conflicting files are:")
        for one in conflicts:
            console.out(f"{one.wanted} -> {one.wanted.resolve()}")
        return _Finished(False, shadowed_in_path(brew, formula))
    shadow = shadowed_by_linked(brew, formula)
    if shadow:
        owner = formula.full_name.partition("@")[0]
        console.warn(
            f"{formula.full_name} was installed but not linked because {owner} is already linked.\n"
            f"To link this version, run:\n  brew link {formula.full_name}"
        )
    if not formula.keg_only:
        brew.kegs.link(keg)
    if formula.post_install_fails:
        console.warn("The post-install step did not complete successfully")
        console.out(f"You can try again using:\n  brew postinstall {formula.full_name}")
        return _Finished(False, caveats_of(brew, formula))
    return _Finished(True, caveats_of(brew, formula, shadowed=shadow))


@source("install-link-conflict", "link-conflict", guess="a file that belongs to no formula")
def conflict_text(brew: Brew, name: str, conflicts: list[Conflict]) -> str:
    """Why a keg cannot be linked, and how it can."""
    first = conflicts[0]
    owner = (
        f"is a symlink belonging to {first.owner}. You can unlink it:\n  brew unlink {first.owner}"
        if first.owner
        else f"already exists. You may want to remove it:\n  rm '{first.wanted}'"
    )
    return (
        f"Could not symlink {first.relative}\nTarget {first.wanted}\n{owner}\n\n"
        "To force the link and overwrite all conflicting files:\n"
        f"  brew link --overwrite {name}\n\n"
        "To list all files that would be deleted:\n"
        f"  brew link --overwrite {name} --dry-run"
    )


def _repeat_caveats(brew: Brew, done: list[Formula]) -> None:
    """After several formulae, the caveats once more, together (published output of Homebrew 7)."""
    said = [(one.name, caveats_of(brew, one)) for one in done]
    said = [(name, text) for name, text in said if text]
    if len(done) < 2 or not said:
        return
    brew.console.heading("Caveats")
    for name, text in said:
        brew.console.heading(name)
        brew.console.out(text)


def _reason(url: str) -> str:
    if url.startswith("file://"):
        path = url.removeprefix("file://")
        return f"File cannot be read: {path}\ncurl: (37) Couldn't open file {path}"
    host = url.split("/")[2]
    return "\n".join([f"Download failed: {url}", *[unresolved(host)] * 4])
