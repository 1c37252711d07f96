"""Stage: Apple's Command Line Tools on a Mac: compilers, git, the SDK."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.facts.machine import on_a_mac


@deploy("Command Line Tools")
def command_line_tools() -> None:
    """Nothing elsewhere."""
    if not on_a_mac():
        return
