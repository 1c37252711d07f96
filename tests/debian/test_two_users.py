"""Two users of one computer: while a run of one changes it, the other's does not."""

from __future__ import annotations

import os
import re

import pytest

from tests.debian.job import HOME, PROJECT
from tests.debian.machine import DebianMachine
from tests.debian.terminal import at_a_terminal, converse

pytestmark = pytest.mark.debian

THEIRS = "/home/asked/bootstrapper"


def test_the_second_users_run_is_told_whose_the_first_is(machine: DebianMachine) -> None:
    machine.copy_checkout(PROJECT, HOME)
    machine.copy_checkout(PROJECT, THEIRS, user="asked")
    words = ["--only", "machine", "--only", "container_engine"]
    mine = ["python3", f"{HOME}/bootstrap.py"]
    seen = []

    def meanwhile() -> None:
        seen.append(machine.run([*mine, *words], user="dev", check=False))
        seen.append(machine.run([*mine, "plan", *words], user="dev", check=False))

    terminal, first = at_a_terminal(
        machine, " ".join(["python3", f"{THEIRS}/bootstrap.py", *words])
    )
    shown = converse(terminal, [("Go ahead?", "n\n")], first, before_each=meanwhile)
    os.close(terminal)
    assert "Go ahead?" in shown
    refused, planned = seen
    assert refused.returncode == 1
    assert re.search(
        r"Another run is at work on this computer \(process \d+ of asked, since \w{3} .*\)\. "
        r"Wait for it, or have it stopped",
        " ".join(refused.stderr.split()),
    ), refused.stderr
    assert planned.returncode == 2, planned.stdout  # looks only, and so is nobody's matter
    alone = machine.run([*mine, *words[:2]], user="dev", check=False)
    assert alone.returncode == 0, alone.stderr
