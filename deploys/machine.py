"""Stage: a machine that this tool can prepare."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.facts.machine import on_a_mac
from deploys.operations import machine as operations


@deploy("Machine")
def machine() -> None:
    """Refuse, before anything is touched, what cannot work."""
    operations.supported(name="supported system")
    operations.room_left(name="free disk space")
    if on_a_mac():
        operations.virtualization(name="virtual machines")
        operations.proxies(name="proxies")
        operations.touch_id(name="Touch ID for sudo")
