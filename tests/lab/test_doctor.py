"""`doctor` on simulated Macs: healthy ones, broken ones, and what changed since the last run."""

from __future__ import annotations

import json

import pytest

from tests.maclab.machine import Mac

from .conftest import Start
from .job import bootstrap, costly

pytestmark = pytest.mark.debian


def test_a_mac_that_is_as_it_was_left_is_healthy(proved: Mac) -> None:
    assert bootstrap(proved).returncode == 0
    proved.forget_commands()
    told = bootstrap(proved, "doctor")
    assert told.returncode == 0, told.stdout
    assert "Fine: Machine, Command line tools, Homebrew, Container engine" in told.stdout
    assert "Since the last run" not in told.stdout
    assert costly(proved.commands()) == []


def test_findings_are_said_with_their_mend_and_nothing_is_touched(proved: Mac) -> None:
    proved.prepare("macos 27.1 26B100 27.1.0", "broken-tools")
    told = bootstrap(proved, "doctor", "--json")
    assert told.returncode == 2, told.stdout
    (machine,) = json.loads(told.stdout)["machines"]
    codes = [finding["code"] for finding in machine["findings"]]
    assert "tools.broken" in codes
    assert "macOS 27.0.1 (26A434) → 27.1 (26B100)" in machine["since"]
    assert machine["health"] == "findings"
    # colima is asked how its machine is, since it does not run; nothing else is started.
    assert {words.split()[0] for words in costly(proved.commands())} <= {"colima"}


def test_after_an_upgrade_of_macos_the_run_says_so_mends_it_and_proves_the_blog(
    proved: Mac,
) -> None:
    proved.prepare("macos 27.1 26B100 27.1.0", "broken-tools", "offers 27.1")
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert "macOS 27.0.1 (26A434) → 27.1 (26B100)" in run.stdout
    assert "Proved" in run.stdout
    proved.forget_commands()
    again = bootstrap(proved, "doctor")
    assert again.returncode == 0, again.stdout
    assert costly(proved.commands()) == []


def test_a_bare_mac_is_told_what_is_missing(start: Start) -> None:
    told = bootstrap(start(), "doctor")
    assert told.returncode == 2
    assert "tools.missing" in told.stdout
    assert "homebrew.missing" in told.stdout
