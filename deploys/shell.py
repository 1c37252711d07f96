"""Stage: a login shell on a Mac that finds what was installed."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.facts.machine import on_a_mac
from deploys.operations import shell as operations
from deploys.settings import settings


@deploy("Shell")
def shell() -> None:
    """One block in the profile, the rest of it untouched; nothing elsewhere."""
    if not on_a_mac():
        return
    operations.login(name="login shell", settings=settings(), _ignore_errors=True)
    operations.of_nix_darwin(name="nix-darwin's links")
