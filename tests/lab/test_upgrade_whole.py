"""A Mac that this tool has set up, through two upgrades of macOS and what each of them breaks."""

from __future__ import annotations

import pytest

from tests.maclab.machine import Mac

from .conftest import Start
from .job import CHECKOUT, bootstrap, changed, diagnosed, record, versions
from .test_upgrade_ruby import CACHE, KEG
from .test_what_is_there import unchanged

pytestmark = pytest.mark.debian

TO_26 = (
    "macos 26.6 25G72 25.6.0",
    "broken-tools",
    "offers 26.5 26.6",
    "pkgconf-of 15.7",
    "etc-reset",
    "lima-outdated",
)
TO_27 = (
    "macos 27.0.1 26A434 27.0.0",
    "offers 27.0",
    "old-homebrew 6.0.22 7.0.7 40",
    f"openssl-gone {KEG}",
    f"gems-of-an-older-macos {KEG}",
    "docker-app-removed",
    "colima-rosetta gone",
    "colima-broken",
)


def upgrade(mac: Mac, *breaks: str) -> None:
    """Another macOS, and what it breaks; the Python that this tool runs on is gone, too."""
    mac.prepare(*breaks)
    (environment,) = mac.file(CACHE).glob("env-*")
    python = f"{CACHE}/{environment.name}/bin/python"
    mac.run(["ln", "-sf", "/opt/homebrew/opt/python@3.9/bin/python3.9", python])
    first = mac.run(["python3", f"{CHECKOUT}/bootstrap.py", "--help"])
    assert "Preparing the private environment" in first.stderr
    mac.forget_commands()


def mended(mac: Mac, since: str) -> None:
    """The run says since when, mends it all and proves the blog; the next changes nothing."""
    run = bootstrap(mac)
    assert run.returncode == 0, run.stdout
    assert since in run.stdout
    assert "Proved" in run.stdout
    in_order = ["command_line_tools", "homebrew", "container_engine", "ruby"]
    assert [stage for stage in changed(record(mac)) if stage in in_order] == in_order
    assert unchanged(mac)


def test_two_upgrades_end_with_a_proved_blog_each(start: Start) -> None:
    mac = start("macos 15.7.7 24G720 24.6.0", "offers 16.2 16.4")
    assert bootstrap(mac).returncode == 0

    upgrade(mac, *TO_26)
    assert diagnosed(mac) == {
        "tools.broken",
        "homebrew.pkgconf-of-another-macos",
        "engine.lima-of-another-macos",
        "ruby.gems-of-another-system",
    }
    mended(mac, "macOS 15.7.7 (24G720) → 26.6 (25G72)")

    upgrade(mac, *TO_27)
    assert diagnosed(mac) == {
        "tools.outdated",
        "homebrew.too-old",
        "homebrew.pkgconf-of-another-macos",
        "ruby.library-gone",
        "ruby.gems-of-another-system",
        "docker.credential-helper-missing",
        "engine.colima-rosetta-gone",
        "engine.colima-broken",
    }
    mended(mac, "macOS 26.6 (25G72) → 27.0.1 (26A434)")
    assert versions(mac)["Homebrew"] == "7.0.7"
    assert bootstrap(mac, "doctor").returncode == 0
