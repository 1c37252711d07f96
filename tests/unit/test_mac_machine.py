"""The stage `machine` on a Mac: facts in, findings out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac import DeveloperTools, Mac, MacSystem, ToolsState
from deploys.facts.machine import Machine, ThisMachine
from deploys.findings import Finding
from deploys.machine import machine
from tests.support import planned_with

USER = Machine(
    kernel="Darwin",
    architecture="arm64",
    user="ada",
    uid=501,
    groups=("staff", "everyone", "admin"),
    home="/Users/ada",
    init="none",
    has_sudo=True,
    free_bytes=1024**3,  # of the sealed system volume, which says nothing
    os_id="macos",
    os_like=(),
    os_version="27.0",
    os_codename="",
    os_name="Darwin 27.0",
)
SILICON = MacSystem("27.0", "26A428", True, False, True, 200 * 1024**3, {})
INTEL = replace(SILICON, version="26.7", is_silicon=False)
TOOLS = ToolsState("/Library/Developer/CommandLineTools", True, True, True, "27.0.0.0.1787197235")
BREW = BrewState(prefix="/opt/homebrew", works=True)

Look = Callable[..., dict[str, OperationResult]]


@pytest.fixture
def look() -> Look:
    """Evaluates the stage on a Mac whose facts are given."""

    def evaluate(
        mac: MacSystem = SILICON,
        *,
        user: Machine = USER,
        brew: BrewState = BREW,
        tools: ToolsState = TOOLS,
    ) -> dict[str, OperationResult]:
        answers: dict[type, Any] = {
            ThisMachine: user,
            Mac: mac,
            Homebrew: brew,
            DeveloperTools: tools,
        }
        result = planned_with(answers, machine)
        assert result.failure is None
        return {operation.name: operation for operation in result.operations}

    return evaluate


def refusal(results: dict[str, OperationResult]) -> Finding:
    """The one finding of a machine that is refused."""
    (finding,) = results["supported system"].findings
    assert results["supported system"].status == "refused"
    return finding


def notice(results: dict[str, OperationResult], operation: str) -> Finding:
    """The one finding of an operation that stops nobody."""
    (finding,) = results[operation].findings
    assert results[operation].status == "unchanged"
    assert finding.severity == "notice"
    return finding


def test_a_mac_that_is_fine_is_told_nothing(look: Look) -> None:
    results = look()
    assert {o.status for o in results.values()} == {"unchanged"}
    assert [o.findings for o in results.values()] == [()] * 5


def test_root_is_refused(look: Look) -> None:
    finding = refusal(look(user=replace(USER, uid=0, user="root")))
    assert finding.code == "machine.root"
    assert "without sudo" in finding.mend


def test_a_rosetta_shell_is_told_how_to_become_native(look: Look) -> None:
    finding = refusal(look(replace(SILICON, translated=True), brew=BrewState()))
    assert finding.code == "machine.rosetta"
    assert "arch -arm64" in finding.mend


def test_an_intel_mac_without_homebrew_is_told_what_is_possible(look: Look) -> None:
    finding = refusal(look(INTEL, brew=BrewState()))
    assert finding.code == "machine.intel"
    assert "Apple Silicon" in finding.mend


def test_an_intel_mac_with_homebrew_goes_on(look: Look) -> None:
    finding = notice(look(INTEL, brew=BrewState(prefix="/usr/local")), "supported system")
    assert "no new packages for Intel" in finding.seen


@pytest.mark.parametrize("version", ["14.8.7", "10.16", "9.0"])
def test_a_macos_that_is_too_old_is_refused(look: Look, version: str) -> None:
    finding = refusal(look(replace(SILICON, version=version)))
    assert finding.code == "machine.macos-too-old"
    assert f"macOS {version}" in finding.seen


@pytest.mark.parametrize("version", ["15.0", "15.7.7", "26.6", "27.0.1"])
def test_a_macos_that_is_known_is_welcome(look: Look, version: str) -> None:
    assert look(replace(SILICON, version=version))["supported system"].findings == ()


@pytest.mark.parametrize(("version", "told"), [("28.0", "28.0"), ("100.1", "100.1"), ("", "read")])
def test_a_macos_that_is_unknown_is_tried(look: Look, version: str, told: str) -> None:
    finding = notice(look(replace(SILICON, version=version)), "supported system")
    assert finding.code == "machine.macos-unknown"
    assert told in finding.seen


NO_ADMIN = replace(USER, groups=("staff", "everyone"))


def test_without_an_administrator_all_that_is_missing_is_named(look: Look) -> None:
    finding = refusal(look(user=NO_ADMIN, brew=BrewState(), tools=ToolsState()))
    assert finding.code == "machine.no-admin"
    assert "the Command Line Tools and Homebrew are missing" in finding.seen
    assert "Have an administrator" in finding.mend


def test_homebrew_alone_is_missing_beside_xcode(look: Look) -> None:
    xcode = ToolsState("/Applications/Xcode.app/Contents/Developer", True)
    finding = refusal(look(user=NO_ADMIN, brew=BrewState(), tools=xcode))
    assert "Homebrew is missing" in finding.seen


def test_nobody_has_to_be_an_administrator_where_nothing_is_missing(look: Look) -> None:
    assert look(user=NO_ADMIN)["supported system"].findings == ()


def test_an_employer_who_forbids_homebrew_is_named_with_the_reason(look: Look) -> None:
    mac = replace(SILICON, forbids_homebrew="it is replaced by Managed Software Center")
    finding = refusal(look(mac, brew=BrewState(no_install=True)))
    assert finding.code == "machine.homebrew-forbidden"
    assert "(it is replaced by Managed Software Center)" in finding.seen


def test_a_homebrew_that_is_there_is_not_forbidden(look: Look) -> None:
    assert look(brew=replace(BREW, no_install=True))["supported system"].findings == ()


def test_room_is_measured_where_the_home_is(look: Look) -> None:
    finding = notice(look(replace(SILICON, free_bytes=2 * 1024**3)), "free disk space")
    assert "Only 2.0 GiB" in finding.seen
    assert "/Users/ada" in finding.seen


def test_no_virtualization_is_said_and_an_unknown_one_is_not(look: Look) -> None:
    finding = notice(look(replace(SILICON, can_virtualize=False)), "virtual machines")
    assert finding.code == "machine.no-virtualization"
    unknown = look(replace(SILICON, can_virtualize=None))
    assert unknown["virtual machines"].findings == ()


# The facts themselves: what a Mac's commands print, run by a real shell

PROXY_NONE = """<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
  }
  FTPPassive : 1
  HTTPEnable : 0
  HTTPSEnable : 0
}"""
PROXY = """<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
    2 : internal.corp
  }
  HTTPEnable : 1
  HTTPPort : 8080
  HTTPProxy : proxy.corp.example
  HTTPSEnable : 1
  HTTPSPort : 8443
  HTTPSProxy : proxy.corp.example
}"""
PROXY_SCRIPT = """<dictionary> {
  HTTPEnable : 0
  HTTPSEnable : 0
  ProxyAutoConfigEnable : 1
  ProxyAutoConfigURLString : http://wpad.corp.example/proxy.pac
}"""
DF = """Filesystem 1024-blocks Used Available Capacity Mounted on
/dev/disk3s5 482797652 322797652 15728640 68% /System/Volumes/Data"""
DF_NETWORK = """Filesystem 1024-blocks Used Available Capacity Mounted on
map auto_home 482797652 322797652 15728640 68% /System/Volumes/Data/home"""


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., MacSystem]:
    """Runs the fact's script with the given outputs of the commands of a Mac."""

    def run(
        *,
        sysctl: dict[str, str] | None = None,
        version: str = "27.0",
        df: str = DF,
        proxy: str = PROXY_NONE,
        env: dict[str, str] | None = None,
    ) -> MacSystem:
        known = {"hw.optional.arm64": "1", "sysctl.proc_translated": "0", "kern.hv_support": "1"}
        keys = known if sysctl is None else sysctl
        cases = "".join(f"{key}) echo {value} ;;\n" for key, value in keys.items())
        said = {
            "sw_vers": f'[ "$1" = -buildVersion ] && echo 26A428 && exit\n'
            f'[ "${{SYSTEM_VERSION_COMPAT:-1}}" = 0 ] && echo "{version}" || echo 16.0',
            "sysctl": f"case $2 in\n{cases}*) echo \"unknown oid '$2'\" >&2; exit 1 ;; esac",
            "df": f"cat <<'E'\n{df}\nE",
            "scutil": f"cat <<'E'\n{proxy}\nE",
        }
        for name, script in said.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        script = Mac().command().replace("/etc/homebrew", str(tmp_path))
        script = script.replace("/etc/pam.d", str(tmp_path / "pam.d"))
        script = script.replace("/opt/homebrew", str(tmp_path))
        for place in ("/usr/sbin/sysctl", "/usr/bin/sw_vers", "/usr/sbin/scutil"):
            script = script.replace(place, str(tmp_path / Path(place).name))
        output = subprocess.run(
            ["sh", "-c", script],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/Users/a b", **(env or {})},
            capture_output=True,
            text=True,
            check=True,
        )
        assert output.stderr == ""
        return Mac().process(output.stdout.splitlines())

    return run


Ask = Callable[..., MacSystem]


def test_apple_silicon_describes_itself(ask: Ask) -> None:
    assert ask() == MacSystem(
        "27.0", "26A428", True, False, True, 15 * 1024**3, {}, ("*.local", "169.254/16")
    )


def test_intel_and_a_rosetta_shell_are_told_apart(ask: Ask) -> None:
    rosetta = ask(sysctl={"hw.optional.arm64": "1", "sysctl.proc_translated": "1"})
    assert (rosetta.is_silicon, rosetta.translated) == (True, True)
    intel = ask(sysctl={"kern.hv_support": "1"})
    assert (intel.is_silicon, intel.translated) == (False, False)


def test_virtualization_may_be_unknown(ask: Ask) -> None:
    assert ask(sysctl={"hw.optional.arm64": "1"}).can_virtualize is None
    assert ask(sysctl={"kern.hv_support": "0"}).can_virtualize is False


def test_the_room_of_a_home_on_the_network_is_read_too(ask: Ask) -> None:
    assert ask(df=DF_NETWORK).free_bytes == 15 * 1024**3


def test_the_reason_for_which_homebrew_is_forbidden_is_read(ask: Ask, tmp_path: Path) -> None:
    assert ask().forbids_homebrew is None
    (tmp_path / "brew.no_install").write_text("")
    assert ask().forbids_homebrew == ""
    (tmp_path / "brew.no_install").write_text("it is not approved\n")
    assert ask().forbids_homebrew == "it is not approved"


def test_touch_id_is_said_where_the_next_upgrade_takes_it(
    ask: Ask, look: Look, tmp_path: Path
) -> None:
    (tmp_path / "pam.d").mkdir()
    line = "auth       sufficient     pam_tid.so\n"
    (tmp_path / "pam.d/sudo_local").write_text(f"#{line}")
    assert look(ask())["Touch ID for sudo"].findings == ()
    (tmp_path / "pam.d/sudo").write_text(line)
    finding = notice(look(ask()), "Touch ID for sudo")
    assert finding.code == "machine.touch-id-until-upgrade"
    (tmp_path / "pam.d/sudo_local").write_text(line)
    assert look(ask())["Touch ID for sudo"].findings == ()


def test_apples_container_is_seen_where_it_keeps_something_and_can_be_asked(
    ask: Ask, tmp_path: Path
) -> None:
    home = {"HOME": str(tmp_path / "a home")}
    kept = tmp_path / "a home/Library/Application Support/com.apple.container/containers"
    kept.mkdir(parents=True)
    program = tmp_path / "bin/container"
    program.parent.mkdir()
    (kept / "web").mkdir()
    assert ask(env=home).container == ""
    program.touch(mode=0o755)
    assert ask(env=home).container == str(program)
    assert ask(env={**home, "SSH_CONNECTION": "10.0.0.2 50000 10.0.0.3 22"}).container == ""
    (kept / "web").rmdir()
    assert ask(env=home).container == ""


def test_a_proxy_of_the_system_is_said_with_the_line_to_export(ask: Ask, look: Look) -> None:
    finding = notice(look(ask(proxy=PROXY)), "proxies")
    assert (
        "`export http_proxy=http://proxy.corp.example:8080 "
        "https_proxy=http://proxy.corp.example:8443 "
        "no_proxy=localhost,127.0.0.1,.local,internal.corp`" in finding.mend
    )


def test_a_proxy_without_a_port_is_a_proxy(ask: Ask) -> None:
    without = PROXY.replace("  HTTPPort : 8080\n", "")
    assert ask(proxy=without).proxies["http"] == "proxy.corp.example"


def test_a_script_that_finds_the_proxy_is_said(ask: Ask, look: Look) -> None:
    finding = notice(look(ask(proxy=PROXY_SCRIPT)), "proxies")
    assert "http://wpad.corp.example/proxy.pac" in finding.seen


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_shell_that_has_a_proxy_is_left_alone(ask: Ask, look: Look, name: str) -> None:
    mac = ask(proxy=PROXY, env={name: "http://proxy:1"})
    assert look(mac)["proxies"].findings == ()
