"""Ruby and Jekyll from Debian's packages, with the gems that a site names."""

from __future__ import annotations

import re

from pyinfra.api import operation
from pyinfra.context import host

from deploys.build import current_site
from deploys.facts.debian import AptCandidates, DpkgPackages
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


def package_of(gem: str) -> str:
    """The Debian package of a gem, by the distribution's naming rule."""
    return _OTHER_NAMES.get(gem, "ruby-" + re.sub("[_/]", "-", gem.lower()))
