"""Commands that fail, and power cuts in the middle of a first run: the next plain run goes on."""

from __future__ import annotations

import contextlib

import pytest

from tests.debian.process import CommandError
from tests.debian.waiting import wait_for

from .conftest import Start
from .job import bootstrap, costly

pytestmark = pytest.mark.debian


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            {"command": "softwareupdate", "match": "-i", "stderr": "The network is gone."},
            "softwareupdate could not install",
        ),
        ({"command": "curl", "match": "install.sh", "exit": 6, "times": 9}, "installer"),
        ({"command": "brew", "match": "install --formula docker", "stderr": "Error: no"}, "docker"),
        ({"command": "colima", "match": "start", "stderr": "FATA[0000] no"}, "FATA[0000] no"),
    ],
    ids=["tools", "installer", "formula", "engine"],
)
def test_a_command_that_fails_is_named_and_the_next_run_goes_on(
    start: Start, fault: dict[str, object], said: str
) -> None:
    mac = start()
    mac.faults({"happens": "fail", **fault})
    run = bootstrap(mac)
    assert run.returncode == 1
    assert said in run.stdout
    assert "everything: /Users/dev/" in run.stdout
    assert "Traceback" not in run.stdout
    mac.faults()
    again = bootstrap(mac)
    assert again.returncode == 0, again.stdout
    assert "Proved" in again.stdout


def test_a_ticket_of_sudos_that_runs_out_is_said_and_the_next_run_goes_on(start: Start) -> None:
    mac = start("tools 27.0")
    # Homebrew is installed with the ticket; until then a laptop may have slept.
    mac.faults({"command": "curl", "match": "install.sh", "happens": "sudo-expires"})
    run = bootstrap(mac)
    assert run.returncode == 1
    assert "sudo" in run.stdout
    assert "Traceback" not in run.stdout
    again = bootstrap(mac)
    assert again.returncode == 0, again.stdout
    assert again.stdout.count("Password:") == 1
    assert "Proved" in again.stdout


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("command", "match"),
    [
        ("softwareupdate", "-i"),
        ("install-homebrew", ""),
        ("brew", "install --formula colima"),
        ("colima", "start"),
        ("bundle", "install"),
    ],
    ids=["tools", "homebrew", "formula", "engine", "gems"],
)
def test_after_a_power_cut_the_next_run_ends_proved(
    start: Start, command: str, match: str, after: bool
) -> None:
    mac = start()
    mac.faults({"command": command, "match": match, "happens": "power-cut", "after": after})
    with contextlib.suppress(CommandError):
        bootstrap(mac)
    wait_for(lambda: not mac.is_on, 10, "the power to be gone")
    mac.power_cut()
    mac.faults()
    run = bootstrap(mac)
    assert run.returncode == 0, run.stdout
    assert "Proved" in run.stdout
    mac.forget_commands()
    assert bootstrap(mac, "plan").returncode == 0
    assert costly(mac.commands()) == []
