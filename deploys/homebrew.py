"""Stage: Homebrew on a Mac, and what the user wants of it."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.facts.machine import on_a_mac


@deploy("Homebrew")
def homebrew() -> None:
    """Nothing elsewhere."""
    if not on_a_mac():
        return
