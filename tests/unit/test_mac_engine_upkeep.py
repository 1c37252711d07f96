"""Container engines after an upgrade of macOS: what is found in files, said, or mended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.facts.mac_engine import MacEngines
from deploys.facts.mac_engine_upkeep import (
    ColimaFiles,
    ColimaUpkeep,
    DesktopFiles,
    DesktopUpkeep,
)
from tests.unit.test_mac_engine import ANSWERS, BARE, COLIMA, codes, planned
from tests.unit.test_mac_engine_scripts import Mac, mac

__all__ = ["mac"]  # a fixture

STALE = "dial unix /Users/ada/.colima/_lima/_networks/user-v2/user-v2_fd.sock: connect: "
STALE += "connection refused"
BUILD = "VZ driver requires macOS 13 or higher to run"
ROSETTA = (
    "Unable to configure Rosetta: unsupported build target macOS version for 14.0 (the binary was "
    "built with __MAC_OS_X_VERSION_MAX_ALLOWED=130100; needs recompilation)"
)
WHOLE = ColimaFiles(
    home="/Users/ada/.colima",
    vm_type="vz",
    is_silicon=True,
    limactl="/opt/homebrew/Cellar/lima/2.2.0/bin/limactl",
    lima_prefix="/opt/homebrew",
)
APP = replace(BARE, apps=frozenset({"docker-desktop"}))


def mend(files: ColimaFiles, **more: Any) -> OperationResult:
    return planned(state=more.pop("state", COLIMA), files=files, **more)["mend the engine"]


# colima: what is seen and done


def test_a_healthy_colima_that_is_stopped_is_only_started() -> None:
    result = planned(state=COLIMA, files=replace(WHOLE, has_network=True, has_rosetta=True))
    assert codes(result["start the engine"]) == ["engine.stopped"]
    assert result["mend the engine"].status == "unchanged"
    assert result["colima's Rosetta"].findings == ()


def test_a_stale_network_is_removed_and_colima_started_once() -> None:
    result = planned(state=COLIMA, files=replace(WHOLE, said=STALE, has_network=True))
    assert result["start the engine"].status == "unchanged"
    remove, start, wait = result["mend the engine"].commands
    assert remove == "rm -rf /Users/ada/.colima/_lima/_networks/user-v2"
    assert "colima start &" in start
    assert "colima list" not in start + wait  # no second mend
    (finding,) = result["mend the engine"].findings
    assert finding.code == "engine.colima-network-stale"
    assert STALE in finding.seen


def test_a_broken_machine_with_a_stale_network_is_stopped_by_force_too() -> None:
    state = replace(COLIMA, profile="Broken")
    result = mend(replace(WHOLE, said=STALE, has_network=True), state=state)
    assert codes(result) == ["engine.colima-network-stale", "engine.colima-broken"]
    assert "colima stop --force || true" in result.commands


@pytest.mark.parametrize(
    ("state", "files"),
    [
        (replace(COLIMA, others_run=("work",)), replace(WHOLE, said=STALE, has_network=True)),
        (COLIMA, replace(WHOLE, said=STALE)),
    ],
    ids=["others-use-it", "no-directory"],
)
def test_a_network_that_others_may_use_or_that_is_not_there_is_not_removed(
    state: Any, files: ColimaFiles
) -> None:
    result = mend(files, state=state)
    assert (result.status, result.commands) == ("refused", ())
    assert codes(result) == ["engine.colima-network-stale"]


def test_the_network_of_a_machine_that_runs_is_left_alone() -> None:
    state = replace(COLIMA, profile="Running")
    result = planned(state=state, files=replace(WHOLE, said=STALE, has_network=True))
    assert result["mend the engine"].status == "unchanged"
    assert codes(result["start the engine"])[1:] == ["engine.colima-half-started"]


@pytest.mark.parametrize(
    "files",
    [
        replace(WHOLE, said=BUILD),
        replace(WHOLE, rosetta_said=ROSETTA, wants_rosetta=True, has_rosetta=True),
    ],
    ids=["driver", "rosetta"],
)
def test_a_lima_of_another_macos_is_installed_again(files: ColimaFiles) -> None:
    lima, colima, start, _ = mend(files).commands
    assert lima.endswith("brew reinstall lima")
    assert colima.endswith("brew reinstall colima")
    assert "colima start &" in start
    assert codes(mend(files)) == ["engine.lima-of-another-macos"]


def test_a_lima_that_was_installed_since_is_tried_first() -> None:
    files = replace(WHOLE, said=BUILD, is_newer=True, is_fresh=True)
    assert mend(files).status == "unchanged"


def test_a_lima_that_was_installed_lately_is_not_installed_again() -> None:
    result = mend(replace(WHOLE, said=BUILD, is_fresh=True))
    assert result.status == "refused"
    assert "brew upgrade lima colima" in result.findings[0].mend


def test_a_lima_that_is_not_homebrews_is_left_to_its_user() -> None:
    result = mend(replace(WHOLE, said=BUILD, limactl="/usr/local/bin/limactl", lima_prefix=""))
    assert (result.status, result.commands) == ("refused", ())
    assert "/usr/local/bin/limactl" in result.findings[0].mend


def test_intels_lima_on_apple_silicon_is_said_with_the_steps() -> None:
    limactl = "/usr/local/Cellar/lima/1.0.0/bin/limactl"
    files = replace(WHOLE, is_intel=True, limactl=limactl, lima_prefix="/usr/local")
    result = mend(files)
    assert (result.status, result.commands) == ("refused", ())
    assert codes(result) == ["engine.lima-of-intel"]
    assert "/opt/homebrew/bin/brew install colima docker" in result.findings[0].mend


@pytest.mark.parametrize("healthy", [{"vm_type": "qemu"}, {"is_silicon": False}])
def test_intels_lima_where_it_works_is_left_alone(healthy: dict[str, Any]) -> None:
    assert mend(replace(WHOLE, is_intel=True, **healthy)).status == "unchanged"


def test_limas_key_is_the_users_alone_again() -> None:
    chmod, start, _ = mend(replace(WHOLE, key="r--r--")).commands
    assert chmod == "chmod 600 /Users/ada/.colima/_lima/_config/user"
    assert "colima start &" in start


def test_another_runtime_is_refused_before_anything_is_mended() -> None:
    state = replace(COLIMA, runtime="containerd")
    result = planned(state=state, files=replace(WHOLE, key="r--r--"))
    assert result["start the engine"].status == "refused"
    assert "mend the engine" not in result or not result["mend the engine"].commands


@pytest.mark.parametrize(
    ("profile", "code"),
    [("Broken", "engine.colima-broken"), ("Unknown", "engine.colima-half-started")],
)
def test_a_broken_machine_is_named(profile: str, code: str) -> None:
    operation = planned(state=replace(COLIMA, profile=profile))["start the engine"]
    assert codes(operation) == ["engine.stopped", code]
    assert not any("delete" in command.split("&")[0] for command in operation.commands)


def test_lost_rosetta_is_said_of_a_colima_that_runs_and_of_one_that_is_stopped() -> None:
    files = replace(WHOLE, wants_rosetta=True)
    for engine in (ANSWERS, replace(ANSWERS, answers=False)):
        said = planned(engine=engine, state=COLIMA, files=files)["colima's Rosetta"]
        assert (said.status, codes(said)) == ("unchanged", ["engine.colima-rosetta-gone"])
        assert said.findings[0].severity == "notice"


@pytest.mark.parametrize("there", [{"has_rosetta": True}, {"is_silicon": False}])
def test_rosetta_that_is_there_or_not_needed_is_not_missed(there: dict[str, Any]) -> None:
    files = replace(WHOLE, wants_rosetta=True, **there)
    assert planned(engine=ANSWERS, files=files)["colima's Rosetta"].findings == ()


def test_a_lima_that_cannot_use_rosetta_is_said_while_it_runs() -> None:
    files = replace(WHOLE, rosetta_said=ROSETTA, wants_rosetta=True, has_rosetta=True)
    said = planned(engine=ANSWERS, files=files)["colima's Rosetta"]
    assert codes(said) == ["engine.lima-without-rosetta"]
    assert planned(state=COLIMA, files=files)["colima's Rosetta"].findings == ()  # it is mended


def test_lost_rosetta_does_not_matter_to_another_engine() -> None:
    engine = replace(ANSWERS, name="orbstack")
    files = replace(WHOLE, wants_rosetta=True)
    assert planned(engine=engine, files=files)["colima's Rosetta"].findings == ()


# Docker Desktop

HELPERS = (
    "/Library/PrivilegedHelperTools/com.docker.vmnetd",
    "/Library/PrivilegedHelperTools/com.docker.socket",
)


def test_helpers_that_macos_blocks_are_said_with_exact_steps() -> None:
    desktop = DesktopFiles("4.36.0", HELPERS, has_rosetta=True, is_silicon=True)
    start = planned(state=APP, desktop=desktop)["start the engine"]
    assert codes(start) == ["engine.stopped", "engine.desktop-helper-blocked"]
    assert (
        "sudo launchctl bootout system/com.docker.vmnetd; sudo launchctl bootout "
        f"system/com.docker.socket; sudo rm -f {' '.join(HELPERS)}"
    ) in start.findings[1].mend
    assert not any("sudo" in command for command in start.commands)


def test_the_one_version_that_needs_rosetta_is_said() -> None:
    desktop = DesktopFiles("4.29.0", is_silicon=True)
    start = planned(state=APP, desktop=desktop)["start the engine"]
    assert codes(start)[1:] == ["engine.desktop-needs-rosetta"]


@pytest.mark.parametrize(
    "desktop",
    [
        DesktopFiles("4.91.0", HELPERS, is_silicon=True),
        DesktopFiles("4.36.0", is_silicon=True, has_rosetta=True),
        DesktopFiles("4.28.0", is_silicon=True),
        DesktopFiles("4.29.0", is_silicon=False),
        DesktopFiles("", HELPERS, is_silicon=True),
    ],
    ids=["new", "no-helper", "before", "intel", "unknown"],
)
def test_a_docker_desktop_that_has_neither_fault_is_only_started(desktop: DesktopFiles) -> None:
    start = planned(state=APP, desktop=desktop)["start the engine"]
    assert codes(start) == ["engine.stopped"]
    assert start.commands[0] == "open -a Docker"


# What the scripts do


def ask(mac: Mac, fact: type[Any], silicon: str = "1") -> Any:
    for tool in ("awk", "cut", "find", "ls", "od", "readlink"):
        link = mac.programs / tool
        if not link.exists():
            link.symlink_to(shutil.which(tool) or tool)
    mac.program("sysctl", f"echo {silicon}")
    script = fact().command().replace("/usr/sbin/sysctl", "sysctl")
    for place in ("/usr/bin/defaults", "/Library/Apple", "/Library/PrivilegedHelperTools"):
        script = script.replace(place, f"'{mac.home}/root'{place}")
    done = mac.run(script)
    assert (done.returncode, done.stderr) == (0, "")
    return fact().process(done.stdout.splitlines())


def log(mac: Mac, *messages: str) -> Path:
    file = mac.home / ".colima/_lima/colima/ha.stderr.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps({"level": "info", "msg": m}) + "\n" for m in messages))
    return file


def test_where_colima_is_not_there_nothing_is_found(mac: Mac) -> None:
    files = ask(mac, ColimaUpkeep)
    assert files == ColimaFiles(home=f"{mac.home}/.colima", is_silicon=True)
    assert not (mac.home / ".colima").exists()


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (STALE, "network"),
        (BUILD, "build"),
        ("vm driver 'vz' needs macOS 13 or later (Hint: try recompiling Lima", "build"),
        ("context deadline exceeded", ""),
    ],
)
def test_why_the_machine_did_not_start_is_read_from_its_log(
    mac: Mac, message: str, cause: str
) -> None:
    log(mac, "Starting VZ", message, "Shutting down VZ")
    files = ask(mac, ColimaUpkeep)
    assert files.cause == cause
    assert files.said == (message if cause else "")


def test_a_machine_that_came_to_run_after_all_had_no_fault(mac: Mac) -> None:
    log(mac, STALE, "[VZ] - vm state change: running", ROSETTA, "Shutting down VZ")
    files = ask(mac, ColimaUpkeep)
    assert files.cause == ""
    assert files.rosetta_said == ROSETTA


def test_the_rights_of_limas_key_the_network_and_the_settings_are_seen(mac: Mac) -> None:
    folder = mac.home / ".colima/_lima"
    (folder / "_config").mkdir(parents=True)
    (folder / "_networks/user-v2").mkdir(parents=True)
    key = folder / "_config/user"
    key.touch()
    settings = mac.home / ".colima/default/colima.yaml"
    settings.parent.mkdir()
    settings.write_text("cpu: 2\nvmType: vz\nrosetta: true\n")
    for mode, is_open in ((0o644, True), (0o640, True), (0o600, False), (0o400, False)):
        key.chmod(mode)
        assert ask(mac, ColimaUpkeep).is_key_open is is_open
    files = ask(mac, ColimaUpkeep)
    assert (files.has_network, files.vm_type, files.has_lost_rosetta) == (True, "vz", True)
    runtime = mac.home / "root/Library/Apple/usr/libexec/oah/libRosettaRuntime"
    runtime.parent.mkdir(parents=True)
    runtime.touch()
    assert not ask(mac, ColimaUpkeep).has_lost_rosetta


def test_a_program_for_intel_is_told_by_its_first_bytes(mac: Mac) -> None:
    limactl = mac.programs / "limactl"
    for head, is_intel in (
        ("cffaedfe07000001", True),
        ("cffaedfe0c000001", False),
        ("2321", False),
    ):
        limactl.write_bytes(bytes.fromhex(head) + b"\0" * 24)
        limactl.chmod(0o755)
        assert ask(mac, ColimaUpkeep).is_foreign is is_intel
    limactl.write_bytes(bytes.fromhex("cffaedfe07000001"))
    assert not ask(mac, ColimaUpkeep, silicon="0").is_foreign


def test_the_age_of_limas_installation_is_that_of_its_receipt(mac: Mac) -> None:
    keg = mac.home / "brew/Cellar/lima/2.2.0"
    mac.program("limactl", "", keg / "bin")
    (mac.home / "brew/bin").mkdir()
    (mac.home / "brew/bin/limactl").symlink_to("../Cellar/lima/2.2.0/bin/limactl")
    (mac.programs / "limactl").symlink_to(mac.home / "brew/bin/limactl")
    receipt = keg / "INSTALL_RECEIPT.json"
    receipt.touch()
    file = log(mac, BUILD)
    now = time.time()
    ages = {(30, 1): (False, False), (0, 1): (True, True), (1, 0): (False, True)}
    for (installed, logged), (is_newer, is_fresh) in ages.items():
        os.utime(receipt, (now - installed * 80000,) * 2)
        os.utime(file, (now - logged * 80000,) * 2)
        files = ask(mac, ColimaUpkeep)
        assert (files.is_newer, files.is_fresh) == (is_newer, is_fresh)
        assert files.lima_prefix == f"{mac.home}/brew"
        assert files.cause == ("" if is_newer else "build")


def test_docker_desktop_is_looked_at_in_its_files(mac: Mac) -> None:
    assert ask(mac, DesktopUpkeep) == DesktopFiles(is_silicon=True)
    (mac.home / "Applications/Docker.app").mkdir(parents=True)
    helper = mac.home / "root/Library/PrivilegedHelperTools/com.docker.vmnetd"
    helper.parent.mkdir(parents=True)
    helper.touch()
    mac.program("defaults", "echo 4.36.0", mac.home / "root/usr/bin")
    desktop = ask(mac, DesktopUpkeep)
    assert (desktop.version, desktop.helpers) == ("4.36.0", (str(helper),))


def test_other_machines_of_colima_that_run_are_seen(mac: Mac) -> None:
    (mac.home / ".colima/_lima").mkdir(parents=True)
    names = [("default", "Stopped"), ("work", "Running"), ("old", "Stopped")]
    lines = [json.dumps({"name": name, "status": status}) for name, status in names]
    mac.program("colima", "\n".join(f"echo '{line}'" for line in lines))
    assert mac.state().others_run == ("work",)
    assert MacEngines().process([]).others_run == ()


def start(mac: Mac, state: Any = COLIMA) -> subprocess.CompletedProcess[str]:
    home = str(mac.home / ".colima")
    command = planned(state=replace(state, colima_home=home))["start the engine"].commands[0]
    return mac.run(command)


def test_a_start_that_hangs_is_ended_and_the_next_thing_to_try_is_said(mac: Mac) -> None:
    log(mac, 'Waiting for the essential requirement 1 of 5: "ssh"')
    mac.program("colima", 'echo "$*" >>"$HOME/asked"; [ "$1" != start ] || exec /bin/sleep 600')
    mac.program("sleep", "")  # seconds pass quickly here
    done = start(mac)
    assert done.returncode == 1
    assert "It has not started within 300 seconds, and was ended." in done.stderr
    assert "essential requirement 1 of 5" in done.stderr
    assert "Next to try: restart macOS" in done.stderr
    assert (mac.home / "asked").read_text().splitlines() == ["start"]


def test_a_start_that_succeeds_keeps_nobody_waiting(mac: Mac) -> None:
    mac.program("colima", "exit 0")
    began = time.monotonic()
    assert start(mac).returncode == 0
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        (STALE, "Stopped", 0),
        (BUILD, "Broken", 0),
        (STALE, "Running", 1),
        ("no space left", "Stopped", 1),
    ],
)
def test_a_failure_passes_only_where_it_can_be_mended(
    mac: Mac, message: str, status: str, code: int
) -> None:
    log(mac, message)
    told = json.dumps({"name": "default", "status": status}, separators=(",", ":"))
    mac.program("colima", f"""case $1 in list) echo '{told}' ;; *) exit 1 ;; esac""")
    done = start(mac)
    assert done.returncode == code
    assert message in done.stderr


def test_podman_that_does_not_start_says_what_to_try(mac: Mac) -> None:
    there = frozenset({"podman", "docker"})
    podman = replace(BARE, programs=there, own=there, machine="stopped")
    mac.program("podman", "echo 'Error: vfkit exited unexpectedly with exit code 1' >&2; exit 125")
    command = planned(state=podman)["start the engine"].commands[0]
    done = mac.run(command)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: vfkit exited unexpectedly")
    assert "`podman machine rm -f`" in done.stderr
