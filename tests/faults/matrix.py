"""What is done to a run, and what became of it: the matrix of faults at the end of the suite.

A test of one fault carries `@pytest.mark.fault(kind, machine)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

KINDS = {
    "fail": "the command fails",
    "hang": "the command hangs, Ctrl-C",
    "ctrl-c": "Ctrl-C while it works",
    "kill-before": "SIGKILL of the tool before it",
    "kill-during": "SIGKILL of the tool during it",
    "kill-after": "SIGKILL of the tool after it",
    "power-before": "power cut before it",
    "power-during": "power cut during it",
    "power-after": "power cut after it",
    "power-states": "power cut: unsynced bytes are lost",
    "network-gone": "the network goes",
    "disk-full": "the disk is full",
    "sudo-expires": "sudo's ticket expires",
}
MACHINES = ("lab", "Debian")


class Tried(NamedTuple):
    """One fault that was tried; `converged`: one more plain run has put all in order."""

    kind: str
    machine: str
    converged: bool


def table(rows: Sequence[tuple[Sequence[Any], bool]]) -> list[str]:
    """One line a kind: faults tried, converged and lost, on each kind of machine."""
    all_of_them = [Tried(kind, machine, converged) for (kind, machine), converged in rows]
    assert {one.kind for one in all_of_them} <= {*KINDS}
    heads = "".join(f"{machine:>8} {'converged':>10} {'lost':>5}" for machine in MACHINES)
    lines = [f"{'faults tried':36}{heads}"]
    for kind, words in {**KINDS, "": "all"}.items():
        row = ""
        for machine in MACHINES:
            here = [t for t in all_of_them if t.machine == machine and kind in ("", t.kind)]
            good = sum(one.converged for one in here)
            figures = f"{len(here):>8} {good:>10} {len(here) - good:>5}"
            row += figures if here else f"{'-':>8}{'':17}"
        lines.append(f"{words:36}{row}".rstrip())
    good = sum(one.converged for one in all_of_them)
    return [*lines, f"{100 * good / len(all_of_them):.1f} % of {len(all_of_them)} converged"]
