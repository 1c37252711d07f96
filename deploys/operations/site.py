"""The blog's source: there, a Jekyll site, and, where it is a repository, up to date."""

from __future__ import annotations

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.build import clone_of, current_site, repository_of, site_directory
from deploys.changes import change
from deploys.facts.site import RepositoryHeads, shell_path
from deploys.findings import found, refuse
from deploys.operations import Commands
from deploys.settings import Settings, is_git_url

_QUIET = ("env", "GIT_TERMINAL_PROMPT=0", "git")


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
        yield StringCommand("git", "-C", there, "reset", "--quiet", "--hard", heads.remote)
        submodules = ("submodule", "update", "--init", "--recursive", "--depth", "1")
        yield StringCommand(*_QUIET, "-C", there, *submodules)
    else:
        found("blog.repository-missing", f"There is no clone of {url} yet.")
        depth = ("--depth", "1", "--recurse-submodules", "--shallow-submodules")
        change("directory", directory)
        yield StringCommand("rm", "-rf", f"{there}.part")
        yield StringCommand(
            *_QUIET, "clone", "--quiet", *depth, *which, "--", QuoteString(url), f"{there}.part"
        )
        yield StringCommand("mv", f"{there}.part", there)


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
    if not site.is_jekyll:
        refuse(
            "blog.not-jekyll",
            f"{site.directory} does not look like a Jekyll site: no _config.yml, no index, no "
            "_posts.",
            mend="Give the directory that holds the site, such as --blog PATH/docs.",
        )
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
