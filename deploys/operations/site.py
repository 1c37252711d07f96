"""The blog's source: there, a Jekyll site, and, where it is a repository, up to date."""

from __future__ import annotations

from shlex import quote

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.build import (
    BaseImages,
    base_images,
    clone_of,
    container_engine,
    current_site,
    is_built,
    repository_of,
    site_directory,
)
from deploys.changes import change
from deploys.facts.debian import AptCandidates, DpkgPackages
from deploys.facts.machine import ThisMachine
from deploys.facts.site import RepositoryHeads, Site, shell_path
from deploys.findings import found, refuse
from deploys.operations import Commands
from deploys.operations.ruby import package_of
from deploys.settings import Settings, is_git_url
from deploys.site_needs import REMOTE_THEME, Needs, lost_without, needs_of

# Asks for no credentials, and gives up a server that sends nothing for a minute (git-config(1)).
_SLOW = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60")
_QUIET = ("env", "GIT_TERMINAL_PROMPT=0", "git", *_SLOW)
_SHOWN = 3
_BYGONE_MARKDOWN = (
    "redcarpet",
    "rdiscount",
    "maruku",
)  # not in Jekyll 4, which is what is packaged


@operation()
def cloned(settings: Settings) -> Commands:
    """Have a clone of the blog's repository at its newest commit; offline, an older one will do."""
    url, branch, _ = repository_of(settings.blog)
    directory = clone_of(settings.blog)
    heads = host.get_fact(RepositoryHeads, url=url, branch=branch, directory=directory)
    if not heads.remote:
        _offline(url, branch, heads.local, heads.reason)
        return
    if heads.local == heads.remote:
        return
    there = shell_path(directory)
    which = ("--branch", QuoteString(branch)) if branch else ()
    if heads.local:
        found(
            "blog.repository-moved",
            f"{url} has moved on to {heads.remote[:10]}; the clone is at {heads.local[:10]}.",
        )
        yield StringCommand(*_QUIET, "-C", there, "fetch", "--depth", "1", "origin", heads.remote)
        # The commit is the clone's only when all its files are on the disk: what is cut off before
        # that is done again by the next run.
        yield StringCommand("git", "-C", there, "read-tree", "--reset", "-u", heads.remote)
        submodules = ("submodule", "update", "--init", "--recursive", "--depth", "1")
        yield StringCommand(*_QUIET, "-C", there, *submodules)
        yield StringCommand(_on_the_disk(there))
        yield StringCommand("git", "-C", there, "update-ref", "HEAD", heads.remote)
    else:
        found("blog.repository-missing", f"There is no clone of {url} yet.")
        depth = ("--depth", "1", "--recurse-submodules", "--shallow-submodules")
        change("directory", directory)
        yield StringCommand("rm", "-rf", f"{there}.part")
        yield StringCommand(
            *_QUIET, "clone", "--quiet", *depth, *which, "--", QuoteString(url), f"{there}.part"
        )
        yield StringCommand(_on_the_disk(f"{there}.part"))
        yield StringCommand("mv", f"{there}.part", there)


def _on_the_disk(directory: str) -> str:
    return f"sync -f {directory} 2>/dev/null || sync"


@operation()
def readable(settings: Settings) -> Commands:
    """Refuse what is no Jekyll site, before anything is built."""
    site = current_site(settings)
    if site is None and clone_is_to_come(settings):
        return
    if site is None:
        refuse(
            "blog.missing",
            f"There is no directory {site_directory(settings)}.",
            mend="Give the site's directory with --blog, or set blog in the inventory.",
        )
    if not site.is_jekyll and len(site.places) > 1:
        refuse(
            "blog.several-sites",
            f"{site.directory} holds several Jekyll sites: {_some(site.places)}.",
            mend=f"Say which one: --blog {quote(f'{site.directory}/{site.places[0]}')}",
        )
    if not site.is_jekyll:
        refuse(
            "blog.not-jekyll",
            f"{site.directory} does not look like a Jekyll site: no _config.yml, no index, no "
            "_posts.",
            mend="Give the directory that holds the site, such as --blog PATH/docs.",
        )
    yield from ()


@operation()
def needs(settings: Settings) -> Commands:
    """Say what the site asks for, and refuse what a build could not have, before there is one."""
    site = current_site(settings)
    if site is None:
        return
    images = base_images(settings)
    if is_built(settings, site, images):
        return
    _incomplete(site)
    asked = needs_of(site, settings.without_plugins)
    _asked_for(asked, images)
    if images.origin == "packages":
        _all_packaged(settings, site, asked)
    elif settings.base_images == "auto" and not container_engine().answers:
        _perhaps_packaged(settings, site, asked)
    yield from ()


def clone_is_to_come(settings: Settings) -> bool:
    """Whether the site is missing only because its repository has not been cloned yet."""
    if not is_git_url(settings.blog):
        return False
    url, branch, _ = repository_of(settings.blog)
    directory = clone_of(settings.blog)
    return not host.get_fact(RepositoryHeads, url=url, branch=branch, directory=directory).local


def _offline(url: str, branch: str, local: str, reason: str) -> None:
    where = f"{url} (branch {branch})" if branch else url
    if not local:
        refuse(
            "blog.repository-unreachable",
            f"{where} cannot be read: {reason or 'no answer'}.",
            mend="Check the address, the branch and your access with `git ls-remote`.",
        )
    found(
        "blog.repository-offline",
        f"{where} does not answer ({reason}); the clone at {local[:10]} is used as it is.",
        severity="notice",
    )


def _incomplete(site: Site) -> None:
    if site.submodules:
        found(
            "blog.submodules-missing",
            f"Submodules of the site are not checked out: {_some(site.submodules)}.",
            means="What is in them is missing on the site.",
            mend=f"git -C {quote(site.directory)} submodule update --init --recursive",
            severity="notice",
        )
    if site.pointers:
        found(
            "blog.lfs-pointers",
            f"Files of the site are only pointers of Git LFS: {_some(site.pointers)}.",
            means="In place of a picture the site serves the text of its pointer.",
            mend=f"git -C {quote(site.directory)} lfs pull (`git lfs install` before, once)",
            severity="notice",
        )
    if site.outside:
        found(
            "blog.links-outside",
            f"Links lead out of the site: {_some(site.outside)}.",
            means="What they lead to is published as if it lay in the site; GitHub Pages leaves it "
            "out.",
            mend="If it is not to be published, put the link on the list `exclude` of _config.yml.",
            severity="notice",
        )
    if site.dangling:
        found(
            "blog.links-dangling",
            f"Links of the site lead nowhere: {_some(site.dangling)}. They are left out.",
            severity="notice",
        )


def _asked_for(asked: Needs, images: BaseImages) -> None:
    wishes = [
        *(["GitHub Pages' own build"] if asked.for_pages else []),
        *([f"Jekyll {asked.jekyll}"] if asked.jekyll else []),
        *([f"Ruby {asked.ruby}"] if asked.ruby else []),
        *(
            [f"the theme {asked.theme or asked.remote_theme}"]
            if asked.theme or asked.remote_theme
            else []
        ),
        *([f"the plugins {', '.join(asked.plugins)}"] if asked.plugins else []),
    ]
    if not wishes:
        return
    packages = "the distribution's own Jekyll and Ruby, whichever version is asked for"
    found(
        "blog.site-asks",
        f"The site asks for {'; '.join(wishes)}.",
        means=f"It is built with {packages if images.origin == 'packages' else images.builder}.",
        severity="notice",
    )


def _all_packaged(settings: Settings, site: Site, asked: Needs) -> None:
    missing = _missing(settings, site, asked)
    if not missing:
        return
    lost = "; ".join(f"{name}: {lost_without(name, asked)}" for name in missing)
    leave_out = " ".join(f"--without {quote(name)}" for name in missing)
    refuse(
        "blog.gems-missing",
        f"The site asks for what this distribution does not package: {_named(missing, asked)}.",
        mend=f"Leave it out: {leave_out} (without_plugins in the inventory keeps that). What is "
        f"lost then: {lost}. Or bring it: as .gem files in the site's vendor/cache "
        "(`bundle cache`), with --set gem_source=URL of a gem server, or with "
        "--set base_images=registry.",
    )


def _perhaps_packaged(settings: Settings, site: Site, asked: Needs) -> None:
    missing = _missing(settings, site, asked)
    if missing:
        found(
            "blog.gems-perhaps-missing",
            f"Where no registry answers, these cannot be had: {_named(missing, asked)}.",
            means="The site is then built from the distribution's packages, which lack them.",
            severity="notice",
        )


def _missing(settings: Settings, site: Site, asked: Needs) -> tuple[str, ...]:
    """What is in no package, as far as apt's lists tell, and comes from nowhere else."""
    if settings.gem_source or not host.get_fact(ThisMachine).is_debian:
        return ()
    bygone = asked.markdown in _BYGONE_MARKDOWN and not asked.for_pages
    names = [*asked.plugins, *([asked.markdown] if bygone else [])]
    packages = {name: package_of(name) for name in names if name not in settings.without_plugins}
    known = host.get_fact(DpkgPackages).installed if packages else frozenset()
    unknown = sorted({*packages.values()} - known)
    if unknown:  # apt takes half a second to tell where it keeps no cache
        candidates = host.get_fact(AptCandidates, names=("jekyll", *unknown))
        if "jekyll" not in candidates:  # it has no lists yet; the build itself will tell
            return ()
        known |= candidates.keys()
    cached = {file.rpartition("-")[0] for file in site.cached_gems}
    return tuple(
        name
        for name, package in packages.items()
        if name not in cached and (package not in known or (bygone and name == asked.markdown))
    )


def _named(missing: tuple[str, ...], asked: Needs) -> str:
    theme = f" (for the theme {asked.remote_theme}, which is fetched while the site is built)"
    return ", ".join(
        name + (theme if name == REMOTE_THEME and asked.remote_theme else "") for name in missing
    )


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
