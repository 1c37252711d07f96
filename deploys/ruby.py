"""Stage: Ruby, Bundler and Jekyll on the machine itself, for writing with `jekyll serve`."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.facts.machine import on_a_mac
from deploys.operations import mac_ruby, site
from deploys.operations import ruby as operations
from deploys.settings import is_git_url, settings


@deploy("Ruby")
def ruby() -> None:
    """Jekyll and the plugins that the site asks for; the blog is served without them, too."""
    wanted = settings()
    if not on_a_mac():
        operations.jekyll_packages(name="install Ruby and Jekyll", settings=wanted)
        operations.leftovers(name="programs of another Ruby")
        return
    if is_git_url(wanted.blog):  # it says which Ruby
        site.cloned(name="the blog's repository", settings=wanted)
    mac_ruby.installed(name="install Ruby", settings=wanted, _ignore_errors=True)
    mac_ruby.gems(name="the site's gems", settings=wanted, _ignore_errors=True)
