"""Stage: Ruby, Bundler and Jekyll on the machine itself, for writing with `jekyll serve`."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.operations import ruby as operations
from deploys.settings import settings


@deploy("Ruby")
def ruby() -> None:
    """Jekyll and the plugins that the site asks for, from the distribution's packages."""
    operations.jekyll_packages(name="install Ruby and Jekyll", settings=settings())
