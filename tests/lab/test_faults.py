"""What a run says of a command that fails; the next one goes on. `test_fault_matrix.py` has all
kinds of faults."""

from __future__ import annotations

import pytest

from .conftest import Start
from .job import bootstrap

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
