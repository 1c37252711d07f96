"""The main job on Macs that have little or nothing: from there to a proved blog."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Start
from .job import bootstrap, changed, costly, planned, record

pytestmark = [pytest.mark.debian, pytest.mark.usefixtures("proved_layers")]

ALL_STAGES = ["command_line_tools", "homebrew", "container_engine", "ruby", "shell", "blog"]


def test_a_bare_mac_ends_with_a_proved_blog(first_run_on_a_mac: dict[str, Any]) -> None:
    seen = first_run_on_a_mac
    assert seen["run"].returncode == 0, seen["run"].stdout
    assert changed(seen["report"]) == ALL_STAGES
    (proof,) = seen["report"]["proofs"].values()
    assert proof["ok"] is True
    assert seen["answer"].headers["X-Build-Id"] == proof["build_id"]


def test_its_plan_had_what_was_then_done(first_run_on_a_mac: dict[str, Any]) -> None:
    plan = first_run_on_a_mac["plan"]
    assert plan.returncode == 2, plan.stdout
    assert costly(first_run_on_a_mac["plan commands"]) == []
    assert planned(plan.stdout) == [
        o["name"]
        for machine in first_run_on_a_mac["report"]["machines"]
        for o in machine["operations"]
        if o["status"] == "changed"
    ]


def test_the_password_is_asked_for_once(first_run_on_a_mac: dict[str, Any]) -> None:
    assert first_run_on_a_mac["run"].stdout.count("Password:") == 1


def test_the_second_run_changes_nothing_and_starts_nothing_costly(
    first_run_on_a_mac: dict[str, Any],
) -> None:
    for run in ("again", "plan again"):
        assert first_run_on_a_mac[run].returncode == 0, first_run_on_a_mac[run].stdout
        assert costly(first_run_on_a_mac[f"{run} commands"]) == []
    assert "nothing to change" in first_run_on_a_mac["again"].stdout
    assert "Nothing to change." in first_run_on_a_mac["plan again"].stdout


@pytest.mark.parametrize(
    "presets",
    [
        ("macos 26.6 25G72 25.6.0", "offers 26.5 26.6", "macos-offer"),
        ("macos 15.7.7 24G720 24.6.0", "offers 16.2 16.4 26.2"),
        ("tools 27.0",),
        ("tools 27.0", "homebrew"),
        ("broken-tools",),
    ],
    ids=[
        "macos-26",
        "macos-15-two-label-shapes",
        "tools-only",
        "tools-and-homebrew",
        "broken-tools",
    ],
)
def test_other_macs_end_with_a_proved_blog_too(start: Start, presets: tuple[str, ...]) -> None:
    mac = start(*presets)
    first = bootstrap(mac)
    assert first.returncode == 0, first.stdout
    done = changed(record(mac))
    installed = [words for words in mac.commands() if words.command == "softwareupdate"]
    assert ("command_line_tools" in done) == bool(installed)
    assert all("Command Line Tools" in c.argv[1] for c in installed if c.argv[0] == "-i")
    mac.forget_commands()
    assert bootstrap(mac).returncode == 0
    assert changed(record(mac)) == []
    assert costly(mac.commands()) == []
