"""The main job on Macs that have little or nothing: from there to a proved blog."""

from __future__ import annotations

import pytest

from tests.debian.machine import DebianMachine

from .conftest import Start
from .job import bootstrap, changed, costly, record

pytestmark = pytest.mark.debian


def test_a_bare_mac_ends_with_a_proved_blog(start: Start, room: DebianMachine) -> None:
    mac = start()
    plan = bootstrap(mac, "plan")
    assert plan.returncode == 2, plan.stdout
    assert costly(mac.commands()) == []

    first = bootstrap(mac)
    assert first.returncode == 0, first.stdout
    report = record(mac)
    assert changed(report) == [
        "command_line_tools",
        "homebrew",
        "container_engine",
        "ruby",
        "shell",
        "blog",
    ]
    (proof,) = report["proofs"].values()
    answer = room.get("http://127.0.0.1:4000/")
    assert answer.headers["X-Build-Id"] == proof["build_id"]
    assert first.stdout.count("Password:") == 1

    mac.forget_commands()
    again = bootstrap(mac)
    assert again.returncode == 0, again.stdout
    assert changed(record(mac)) == []
    assert costly(mac.commands()) == []
    assert bootstrap(mac, "plan").returncode == 0
