"""Stage: a login shell on a Mac that finds what was installed."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.facts.machine import on_a_mac


@deploy("Shell")
def shell() -> None:
    """Nothing elsewhere."""
    if not on_a_mac():
        return
