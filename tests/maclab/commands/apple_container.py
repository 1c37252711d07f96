"""Apple's `container`: its service, and what its commands say without it; no Docker socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .call import Call, Section, command

HOME = "Library/Application Support/com.apple.container"
_NO_SERVICE = (
    'failed to get a response from apiserver: interrupted: "XPC connection error: Connection '
    'invalid"'
)


@dataclass
class AppleContainer(Section):
    """launchd knows the service, or not; it answers, or not."""

    KEY: ClassVar[str] = "apple_container"

    registered: bool = False
    answers: bool = False


@command(
    "container",
    source="apple/container SystemStatus.swift, SystemStart.swift; facts macos 5.6, after-upgrade "
    "42 and apple/container#80 for a service that is gone",
    guesses=(
        "the table has two rows only, and a start asks for no kernel",
        "a service that is registered and silent says so at once, not after ten seconds",
    ),
)
def container(call: Call) -> int:
    service = call.state(AppleContainer)
    verb = " ".join(call.argv[:2])
    if verb == "system start":
        with call.changing(AppleContainer) as changed:
            changed.registered = changed.answers = True
        call.out("Launching container-apiserver...\nTesting access to container-apiserver...")
        return 0
    if verb == "system status":
        if not service.answers:
            more = "" if service.registered else " and not registered with launchd"
            call.out(f"apiserver is not running{more}")
            return 1
        call.out("FIELD              VALUE\nstatus             running")
        return 0
    if not service.answers:
        call.err(f'Error: internalError: "{_NO_SERVICE}"')
        return call.fails(
            "Ensure container system service has been started with `container system start`."
        )
    return call.fails(f"Error: {verb}: not simulated")
