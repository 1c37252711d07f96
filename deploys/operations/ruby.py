"""Ruby and Jekyll from Debian's packages, with the gems that a site names."""

from __future__ import annotations

import re
import shlex

from pyinfra.api import operation
from pyinfra.context import host

from deploys.build import current_site
from deploys.facts.debian import AptCandidates, DpkgPackages
from deploys.facts.debian_ruby import RubyLeftovers
from deploys.findings import found
from deploys.operations import Commands, debian
from deploys.settings import Settings
from deploys.site_needs import needs_of

JEKYLL = ("ruby", "bundler", "jekyll", "ruby-kramdown-parser-gfm", "ruby-webrick")

# Where Debian's package is not called `ruby-` and the gem's name.
_OTHER_NAMES = {
    "jekyll": "jekyll",
    "bundler": "bundler",
    "minima": "jekyll-theme-minima",
    "jekyll-multiple-languages-plugin": "ruby-jekyll-multiple-languages",
}


@operation()
def jekyll_packages(settings: Settings) -> Commands:
    """Jekyll itself always; of what the site names, whatever this release packages."""
    site = current_site(settings)
    wished = [package_of(gem) for gem in needs_of(site).gems] if site else []
    installed = host.get_fact(DpkgPackages).installed
    missing = tuple(package for package in wished if package not in installed)
    available = host.get_fact(AptCandidates, names=missing) if missing else {}
    yield from debian.packages._inner(
        names=[*JEKYLL, *(package for package in missing if package in available)],
        purpose="`bundle exec jekyll serve`",
    )


@operation()
def leftovers() -> Commands:
    """Say it when a program that gem has installed hides Debian's own and cannot start: its Ruby
    went with an upgrade to a new release."""
    for one in host.get_fact(RubyLeftovers):
        name = one.path.rpartition("/")[2]
        found(
            "ruby.program-without-ruby",
            f"{one.path} is made for {one.interpreter}, which is gone.",
            means=f"It comes before Debian's own {name} in PATH, and cannot start.",
            mend=f"`sudo rm {shlex.quote(one.path)}`, and Debian's is used; or install the gem "
            "again, with the Ruby that is there now.",
            severity="notice",
        )
    yield from ()


def package_of(gem: str) -> str:
    """The Debian package of a gem, by the distribution's naming rule."""
    return _OTHER_NAMES.get(gem, "ruby-" + re.sub("[_/]", "-", gem.lower()))
