"""Macs on which it cannot work: said before anything is touched, with what to do instead."""

from __future__ import annotations

import pytest

from tests.maclab.commands.developer_tools import DeveloperTools

from .conftest import Start
from .job import bootstrap, costly

pytestmark = pytest.mark.debian


@pytest.mark.parametrize(
    ("presets", "seen", "mend"),
    [
        (
            ("macos 26.6 25G72 25.6.0", "intel"),
            "Intel Mac without Homebrew",
            "Use a Mac with Apple Silicon",
        ),
        (("rosetta-shell",), "under Rosetta", "arch -arm64"),
        (("macos 14.8.7 23J520 23.6.0",), "macOS 14.8.7", "Upgrade macOS"),
        (("no-admin",), "is no administrator", "Have an administrator run this once"),
        (("no-brew-allowed", "tools 27.0"), "forbids Homebrew", "Ask them"),
    ],
    ids=["intel", "rosetta", "macos-14", "no-admin", "managed"],
)
def test_a_mac_that_cannot_be_prepared_is_left_alone(
    start: Start, presets: tuple[str, ...], seen: str, mend: str
) -> None:
    mac = start(*presets)
    run = bootstrap(mac)
    assert run.returncode == 1
    assert seen in run.stdout
    assert mend in run.stdout
    assert "Traceback" not in run.stdout
    assert costly(mac.commands()) == []


def test_root_is_refused(start: Start) -> None:
    mac = start()
    run = bootstrap(mac, user="root")
    assert run.returncode == 1
    assert "without sudo" in run.stdout


def test_a_stub_is_never_touched(start: Start) -> None:
    mac = start()
    bootstrap(mac)
    assert mac.state(DeveloperTools).dialogs == 0


def test_a_proxy_of_the_system_is_said_with_the_lines_to_export(start: Start) -> None:
    mac = start("web-proxy proxy.corp.example 8080", "tools 27.0", "homebrew")
    run = bootstrap(mac, "plan", "--only", "machine")
    assert run.returncode == 0, run.stdout
    assert "https_proxy=http://proxy.corp.example:8080" in run.stdout


def test_airplay_on_the_blogs_port_is_named(start: Start) -> None:
    mac = start("airplay", "tools 27.0", "homebrew")
    run = bootstrap(mac, "plan", "--set", "blog_port=5000")
    assert run.returncode == 1
    assert "AirPlay" in run.stdout


def test_an_installer_that_is_not_the_pinned_one_is_not_run(start: Start) -> None:
    mac = start("tools 27.0")
    mac.write("/maclab/install.sh", "touch /tmp/was-run\n", user="root")
    run = bootstrap(mac, "--only", "homebrew")
    assert run.returncode == 1
    assert "not the installer that is pinned" in run.stdout
    assert not mac.file("/tmp/was-run").exists()
    assert not mac.file("/opt/homebrew").exists()
