"""What breaks on a Mac after an upgrade of macOS, and what the tests here saw become of it.

A test that stands for a breakage carries `@pytest.mark.breakage(number, kind)`; the table at the
end of the suite is made of these marks and of what became of the tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["mended", "said", "unharmed", "alike"]

# mended: found, mended, and found no more. said: a person has to decide or act, and is told how.
# unharmed: it breaks others, not what this tool has made. alike: a healthy Mac that looks similar.
_WORDS: dict[Kind, str] = {
    "mended": "mended",
    "said": "said, with what to do",
    "unharmed": "unharmed",
}

SYMPTOMS = {
    1: "invalid active developer path",
    2: "Command Line Tools of another macOS",
    3: "softwareupdate offers no tools",
    4: "Xcode's licence not agreed to",
    5: "unknown or unsupported macOS version",
    6: "pkgconf built on another macOS",
    7: "a Homebrew older than this macOS",
    8: "Bad CPU type in executable",
    9: "Rosetta2 is not installed",
    10: "host agent is not running",
    11: "colima's machine Broken, or half started",
    12: "user-v2_fd.sock: connection refused",
    13: "Waiting for the essential requirement",
    14: "vz driver needs a newer macOS",
    15: "unsupported build target macOS version",
    16: "Lima's instance Broken",
    17: "OrbStack stays Starting",
    18: "vfkit exited unexpectedly",
    19: "com.docker.vmnetd contains malware",
    20: "Docker Desktop wants Rosetta",
    21: "docker desktop start hangs",
    22: "/var/run/docker.sock does not answer",
    23: "a context of a socket that is gone",
    24: "docker-credential-desktop not found",
    25: "already a Binary at /usr/local/bin/docker",
    26: "No route to host (Local Network)",
    27: "no App Management permissions",
    28: "/etc/zshrc and others put back",
    29: "Touch ID for sudo lost",
    30: "Bootstrap failed: 5 (launchd agents)",
    31: "nix-darwin: Unexpected files in /etc",
    32: "Library not loaded: libssl",
    33: "gems of another architecture or macOS",
    34: "bad interpreter: the system's old Ruby",
    35: "no write permissions for /Library/Ruby",
    36: "Could not find 'bundler'",
    37: "native extensions fail to compile",
    38: "an Intel Mac's Homebrew came along",
    39: "this tool's own Python is gone",
    40: "directories not writable by your user",
    41: "programs of gems vanish",
    42: "apiserver: XPC connection error",
    43: "No developer tools were found",
}


class Seen(NamedTuple):
    """What became of one test that stands for a breakage."""

    number: int
    kind: Kind
    passed: bool


def table(rows: Sequence[tuple[Sequence[Any], bool]]) -> list[str]:
    """One line a breakage: found, what became of it, and false alarms on Macs that look alike."""
    by_number: dict[int, list[Seen]] = defaultdict(list)
    for (number, kind), passed in rows:
        by_number[number].append(Seen(number, kind, passed))
    lines = [f"{'#':>2}  {'breakage':42} {'found':8} {'then':28} false alarms"]
    return lines + [
        f"{number:>2}  {symptom:42} {_row(number, by_number[number])}"
        for number, symptom in SYMPTOMS.items()
    ]


def _row(number: int, seen: list[Seen]) -> str:
    if not seen:
        return "not seen in this run"
    states = [one for one in seen if one.kind != "alike"]
    alike = [one for one in seen if one.kind == "alike"]
    found = f"{sum(one.passed for one in states)} of {len(states)}"
    then = ", ".join(dict.fromkeys(_WORDS[one.kind] for one in states if one.kind in _WORDS))
    alarms = f"{sum(not one.passed for one in alike)} of {len(alike)}" if alike else ""
    return f"{found:8} {then:28} {alarms}".rstrip()
