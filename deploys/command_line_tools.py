"""Stage: Apple's Command Line Tools on a Mac: compilers, git, the SDK."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.facts.machine import on_a_mac
from deploys.operations import command_line_tools as operations


@deploy("Command Line Tools")
def command_line_tools() -> None:
    """Nothing elsewhere. Outdated tools do not stop the rest: bottles need no compiler."""
    if not on_a_mac():
        return
    operations.installed(name="install the Command Line Tools")
    operations.updated(name="update the Command Line Tools", _ignore_errors=True)
    operations.selected(name="developer directory")
    operations.licensed(name="Xcode's licence")
