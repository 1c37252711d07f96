"""Stage: Homebrew on a Mac, and what the user wants of it."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.facts.machine import on_a_mac
from deploys.operations import homebrew as operations
from deploys.operations import homebrew_upkeep as upkeep
from deploys.settings import settings


@deploy("Homebrew")
def homebrew() -> None:
    """Nothing elsewhere. One wish that cannot be had does not stop the others."""
    if not on_a_mac():
        return
    wanted = settings()
    operations.installed(name="install Homebrew", settings=wanted)
    upkeep.other_prefix(name="Homebrew of an Intel Mac")
    upkeep.knows_this_macos(name="Homebrew and this macOS")
    upkeep.pkgconf_built_here(name="pkgconf and this macOS", _ignore_errors=True)
    upkeep.docker_links(name="links of a removed Docker.app", _ignore_errors=True)
    upkeep.agents(name="launchd agents of engines", _ignore_errors=True)
    operations.brewfile(name="the Brewfile", settings=wanted)
    wishes = operations.wishes(wanted)
    for tap in wishes.taps:
        operations.tap(name=f"tap {tap.name}", wish=tap, _ignore_errors=True)
    for formula in wishes.formulae:
        operations.formula(name=f"formula {formula.name}", wish=formula, _ignore_errors=True)
    for cask in wishes.casks:
        operations.cask(name=f"cask {cask.name}", wish=cask, _ignore_errors=True)
