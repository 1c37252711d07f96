"""The stage `command_line_tools`: facts in, commands out; and the script that it runs as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.build import FILES
from deploys.command_line_tools import command_line_tools
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac import TOOLS, DeveloperTools, Mac, MacSystem, ToolsState
from deploys.facts.machine import ThisMachine
from tests.support import planned_with

from .test_mac_machine import SILICON, USER

SCRIPT = FILES / "mac" / "command-line-tools.sh"
XCODE = "/Applications/Xcode.app/Contents/Developer"

HEALTHY = ToolsState(TOOLS, True, True, True, "27.0.0.0.1787197235")
WITH_XCODE = ToolsState(XCODE, True)
BREW = BrewState(prefix="/opt/homebrew", works=True)

INSTALL, UPDATE, SELECT, LICENCE = (
    "install the Command Line Tools",
    "update the Command Line Tools",
    "developer directory",
    "Xcode's licence",
)
Plan = Callable[..., dict[str, OperationResult]]


@pytest.fixture
def plan() -> Plan:
    """Evaluates the stage on a Mac whose facts are given."""

    def evaluate(
        tools: ToolsState, *, mac: MacSystem = SILICON, brew: BrewState = BREW, kernel: str = ""
    ) -> dict[str, OperationResult]:
        answers: dict[type, Any] = {
            ThisMachine: replace(USER, kernel=kernel or USER.kernel),
            Mac: mac,
            Homebrew: brew,
            DeveloperTools: tools,
        }
        result = planned_with(answers, command_line_tools)
        assert result.failure is None
        return {operation.name: operation for operation in result.operations}

    return evaluate


def acting(results: dict[str, OperationResult]) -> list[str]:
    return [name for name, result in results.items() if result.status != "unchanged"]


def test_whole_tools_need_nothing(plan: Plan) -> None:
    assert acting(plan(HEALTHY)) == []


def test_nothing_is_declared_elsewhere(plan: Plan) -> None:
    assert plan(ToolsState(), kernel="Linux") == {}


def test_missing_tools_are_installed_in_one_command_as_root(plan: Plan) -> None:
    results = plan(ToolsState(), brew=BrewState())
    assert acting(results) == [INSTALL]
    (command,) = results[INSTALL].commands
    assert command.startswith("sudo -n /bin/sh -c ")
    assert command.endswith(" command-line-tools")
    assert results[INSTALL].findings[0].code == "tools.missing"


def test_a_folder_without_its_tools_is_found_in_spite_of_the_receipt(plan: Plan) -> None:
    """An upgrade of macOS leaves that: `xcode-select -p` still succeeds."""
    results = plan(ToolsState(TOOLS, False, True, False, "26.6.0.0.1781586589"))
    assert acting(results) == [INSTALL]
    assert results[INSTALL].findings[0].code == "tools.broken"
    assert "26.6.0.0.1781586589" in results[INSTALL].findings[0].seen


def test_a_receipt_whose_folder_was_deleted_proves_nothing(plan: Plan) -> None:
    results = plan(ToolsState("", False, False, False, "16.4.0.0.1.1747106510"))
    assert acting(results) == [INSTALL]


def test_xcode_is_as_good_where_homebrew_is_there(plan: Plan) -> None:
    assert acting(plan(WITH_XCODE)) == []


def test_homebrews_installer_wants_the_tools_next_to_xcode_too(plan: Plan) -> None:
    results = plan(WITH_XCODE, brew=BrewState())
    assert acting(results) == [INSTALL]
    assert "does not take Xcode's" in results[INSTALL].findings[0].means


@pytest.mark.parametrize(
    ("macos", "receipt", "outdated"),
    [
        ("15.7.7", "15.3.0.0.1.1708646388", True),
        ("15.7.7", "16.2.0.0.1.1733547573", False),
        ("26.6", "16.4.0.0.1.1747106510", True),
        ("26.6", "26.6.0.0.1781586589", False),
        ("27.0", "26.6.0.0.1781586589", True),
        ("27.0.1", "27.0.0.0.1787197235", False),
        ("27.0", "27.10.0.0.1787197235", False),
        ("28.0", "27.0.0.0.1787197235", True),
        ("27.0", "", False),
        ("27.0", "strange", False),
    ],
)
def test_the_tools_have_to_be_as_new_as_macos(
    plan: Plan, macos: str, receipt: str, outdated: bool
) -> None:
    results = plan(replace(HEALTHY, version=receipt), mac=replace(SILICON, version=macos))
    assert acting(results) == ([UPDATE] if outdated else [])


def test_outdated_tools_stop_nobody_and_the_script_knows_what_will_do(plan: Plan) -> None:
    update = plan(replace(HEALTHY, version="26.6.0.0.1781586589"))[UPDATE]
    assert update.optional
    assert update.commands[0].endswith(" command-line-tools 27.0")


def test_a_selection_that_points_to_nothing_is_mended(plan: Plan) -> None:
    results = plan(replace(HEALTHY, selected=XCODE, usable=False))
    assert acting(results) == [SELECT]
    assert results[SELECT].commands == (f"sudo -n /usr/bin/xcode-select --switch {TOOLS}",)


def test_a_wrong_developer_dir_is_the_users_to_unset(plan: Plan) -> None:
    refused = plan(replace(HEALTHY, selected="/nowhere", usable=False, override=True))[SELECT]
    assert refused.status == "refused"
    assert "DEVELOPER_DIR is set to /nowhere" in refused.findings[0].seen
    assert "Unset it" in refused.findings[0].mend


def test_a_licence_is_a_persons_to_agree_to(plan: Plan) -> None:
    refused = plan(replace(WITH_XCODE, licence_open=True))[LICENCE]
    assert refused.status == "refused"
    assert refused.commands == ()
    assert "sudo xcodebuild -license accept" in refused.findings[0].mend


# A small Mac in a directory, for the fact and for the script


@dataclass
class SmallMac:
    """`root` has its files; its commands are shell scripts that the test writes."""

    root: Path

    @property
    def tools(self) -> Path:
        return self.root / "CommandLineTools"

    @property
    def placeholder(self) -> Path:
        return self.root / "placeholder"

    def says(self, name: str, script: str) -> None:
        """Have a command do this; each call is noted in the log."""
        file = self.root / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.root}/log"\n{script}\n')
        file.chmod(0o755)

    def has(self, folder: Path, *programs: str) -> None:
        (folder / "usr/bin").mkdir(parents=True, exist_ok=True)
        for program in programs:
            self.says(str((folder / "usr/bin" / program).relative_to(self.root)), "exit 0")

    def called(self, name: str) -> list[str]:
        log = self.root / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]

    def moved(self, script: str) -> str:
        """A script with the Mac's paths in this directory."""
        for name in ("xcode-select", "pkgutil", "xcrun", "softwareupdate"):
            for place in ("/usr/bin", "/usr/sbin"):
                script = script.replace(f"{place}/{name}", str(self.root / name))
        placeholder = "/tmp/.com.apple.dt.CommandLineTools.installondemand.in-progress"
        script = script.replace(TOOLS, str(self.tools)).replace(placeholder, str(self.placeholder))
        return script.replace("5 5 0", "0 0 0")

    def ask(self, **env: str) -> ToolsState:
        environment = {"PATH": "/usr/bin:/bin", **env}
        script = self.moved(DeveloperTools().command())
        done = subprocess.run(
            ["sh", "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        return DeveloperTools().process(done.stdout.splitlines())


@pytest.fixture
def mac(tmp_path: Path) -> SmallMac:
    """A bare one: no tools, no selection, no receipt."""
    mac = SmallMac(tmp_path)
    mac.says(
        "xcode-select", f'[ "$1" = -p ] || exit 0; cat "{tmp_path}/selected" 2>/dev/null||exit 2'
    )
    mac.says("pkgutil", f'[ -e "{tmp_path}/receipt" ] || exit 1; cat "{tmp_path}/receipt"')
    mac.says("xcrun", "exit 0")
    return mac


def receipt(version: str) -> str:
    return f"package-id: com.apple.pkg.CLTools_Executables\nversion: {version}\nvolume: /\n"


def test_a_bare_mac_has_nothing_and_no_stub_was_touched(mac: SmallMac) -> None:
    assert mac.ask() == ToolsState()
    assert mac.called("xcrun") == []


def test_tools_describe_themselves(mac: SmallMac) -> None:
    mac.has(mac.tools, "git", "clang")
    (mac.root / "selected").write_text(f"{mac.tools}\n")
    (mac.root / "receipt").write_text(receipt("26.6.0.0.1781586589"))
    state = mac.ask()
    assert state == ToolsState(str(mac.tools), True, True, True, "26.6.0.0.1781586589")
    assert mac.called("xcrun") == []


def test_an_empty_folder_is_not_whole_though_it_is_selected(mac: SmallMac) -> None:
    mac.has(mac.tools)
    (mac.root / "selected").write_text(f"{mac.tools}\n")
    state = mac.ask()
    assert (state.folder, state.whole, state.usable) == (True, False, False)


@pytest.mark.parametrize(("code", "licence_open"), [(69, True), (1, False), (0, False)])
def test_only_an_xcode_that_is_there_is_asked_for_its_licence(
    mac: SmallMac, code: int, licence_open: bool
) -> None:
    xcode = mac.root / "Xcode.app/Contents/Developer"
    (mac.root / "selected").write_text(f"{xcode}\n")
    mac.says("xcrun", f"exit {code}")
    deleted = mac.ask()
    assert (deleted.usable, deleted.licence_open) == (False, False)
    assert mac.called("xcrun") == []
    mac.has(xcode, "git")
    there = mac.ask()
    assert there.is_xcode
    assert there.licence_open == licence_open


def test_developer_dir_goes_before_the_selection(mac: SmallMac) -> None:
    mac.has(mac.root / "Xcode.app/Contents/Developer", "git")
    by_app = mac.ask(DEVELOPER_DIR=str(mac.root / "Xcode.app"))
    assert (by_app.override, by_app.usable, by_app.is_xcode) == (True, True, True)
    assert not mac.ask(DEVELOPER_DIR="/nowhere").usable


# The script: under each shell and awk that is here

OLD_AND_NEW = """Software Update Tool

Finding available software
Software Update found the following new or updated software:
* Label: Command Line Tools for Xcode-16.4
	Title: Command Line Tools for Xcode, Version: 16.4, Size: 751786KiB, Recommended: YES, 
* Label: Command Line Tools for Xcode 26.2-26.2
	Title: Command Line Tools for Xcode 26.2, Version: 26.2, Size: 920416KiB, Recommended: YES, 
* Label: Command Line Tools for Xcode-16.2
	Title: Command Line Tools for Xcode, Version: 16.2, Size: 751786KiB, Recommended: YES, 
* Label: Safari26.2SequoiaAuto-26.2
	Title: Safari, Version: 26.2, Size: 100000KiB, Recommended: YES, 
* Label: macOS Tahoe 26.5.2-25F84
	Title: macOS Tahoe 26.5.2, Version: 26.5.2, Size: 3709215KiB, Recommended: YES, Action: restart,"""  # noqa: E501, W291 (as Apple prints it)
NOTHING = "Software Update Tool\n\nFinding available software\nNo new software available."


def labels(*names: str) -> str:
    return "\n".join(f"* Label: {name}\n\tTitle: x, Version: 1" for name in names)


SHELLS = [
    shell for shell in (("dash",), ("bash", "--posix"), ("busybox", "sh")) if shutil.which(shell[0])
]
AWKS = [awk for awk in ("mawk", "original-awk", "gawk", "busybox") if shutil.which(awk)]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=SHELLS, ids=lambda words: words[0])
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    words: tuple[str, ...] = request.param
    return words


@pytest.fixture(params=AWKS)
def run(
    request: pytest.FixtureRequest, mac: SmallMac, shell: tuple[str, ...], tmp_path: Path
) -> Run:
    """Runs the script on the small Mac; `offers` is what Apple answers, `installs` what it does."""
    awk = shutil.which(request.param)
    words = f"{awk} awk" if request.param == "busybox" else awk
    (tmp_path / "path").mkdir()
    (tmp_path / "path/awk").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (tmp_path / "path/awk").chmod(0o755)

    def run(
        offers: str, *arguments: str, installs: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        new = f"""
mkdir -p "{mac.tools}/usr/bin"
cd "{mac.tools}/usr/bin" && touch git clang && chmod 755 git clang
printf '%s' '{receipt("27.0.0.0.1787197235")}' >"{mac.root}/receipt"
echo Done."""
        mac.says(
            "softwareupdate",
            f'[ -e "{mac.placeholder}" ] || exit 9\n'
            f"if [ \"$1\" = -l ]; then cat <<'E'\n{offers}\nE\nelse {installs or new}\nfi",
        )
        return subprocess.run(
            [*shell, "-c", mac.moved(SCRIPT.read_text()), "command-line-tools", *arguments],
            env={"PATH": f"{tmp_path}/path:{os.environ['PATH']}", "HOME": "/"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def chosen(mac: SmallMac) -> str:
    (call,) = [words for words in mac.called("softwareupdate") if words != "-l"]
    assert call.startswith("-i ")
    return call.removeprefix("-i ")


@pytest.mark.parametrize(
    ("offers", "label"),
    [
        (OLD_AND_NEW, "Command Line Tools for Xcode 26.2-26.2"),
        (
            labels(*(f"Command Line Tools for Xcode 26.{n}-26.{n}" for n in (9, 10, 2))),
            "Command Line Tools for Xcode 26.10-26.10",
        ),
        (
            labels(
                "Command Line Tools for Xcode 26.4-26.4.1", "Command Line Tools for Xcode 26.4-26.4"
            ),
            "Command Line Tools for Xcode 26.4-26.4.1",
        ),
        (
            labels(
                "Command Line Tools beta 2 for Xcode 27.1-27.1",
                "Command Line Tools for Xcode 27.0-27.0",
                "Command Line Tools beta 3 for Xcode 27.1-27.1",
            ),
            "Command Line Tools for Xcode 27.0-27.0",
        ),
        (
            labels("Command Line Tools beta 2 for Xcode 27.1-27.1", "macOS Golden Gate 27.1-26B1"),
            "Command Line Tools beta 2 for Xcode 27.1-27.1",
        ),
    ],
    ids=["both shapes", "numbers", "point release", "no beta", "only a beta"],
)
def test_the_newest_label_is_installed(mac: SmallMac, run: Run, offers: str, label: str) -> None:
    done = run(offers)
    assert done.returncode == 0, done.stderr
    assert chosen(mac) == label
    assert f"Installing {label}" in done.stdout
    assert mac.called("xcode-select")[-1] == f"--switch {mac.tools}"
    assert not mac.placeholder.exists()


def test_a_link_in_the_placeholders_place_is_not_followed(mac: SmallMac, run: Run) -> None:
    """Anybody may write to /tmp, and the script runs as root."""
    target = mac.root / "made-by-root"
    mac.placeholder.symlink_to(target)
    assert run(labels("Command Line Tools for Xcode 27.0-27.0")).returncode == 0
    assert not target.exists()
    mac.placeholder.mkdir()  # somebody else's, which cannot be removed
    (mac.placeholder / "file").touch()
    refused = run(labels("Command Line Tools for Xcode 27.0-27.0"))
    assert refused.returncode == 1
    assert "cannot be made; somebody holds its place" in refused.stderr


def test_nothing_on_offer_ends_with_what_to_do(mac: SmallMac, run: Run) -> None:
    done = run(NOTHING)
    assert done.returncode == 1
    assert mac.called("softwareupdate") == ["-l"] * 3
    assert "No new software available." in done.stderr
    assert "System Settings > General > Software Update" in done.stderr
    assert "developer.apple.com/download/all" in done.stderr
    assert not mac.placeholder.exists()


def test_only_an_upgrade_of_macos_on_offer_is_nothing(mac: SmallMac, run: Run) -> None:
    assert run(labels("macOS Tahoe 26.5.2-25F84")).returncode == 1
    assert set(mac.called("softwareupdate")) == {"-l"}


@pytest.mark.parametrize("code", [0, 1])
def test_a_label_that_is_refused_ends_with_what_to_do(mac: SmallMac, run: Run, code: int) -> None:
    refused = (
        f'echo "Command Line Tools: No such update"; echo "No updates are available."; exit {code}'
    )
    done = run(OLD_AND_NEW, installs=refused)
    assert done.returncode == 1
    assert "No such update" in done.stdout
    assert "System Settings" in done.stderr
    assert not mac.placeholder.exists()
    assert not any("--switch" in call for call in mac.called("xcode-select"))


def test_remains_are_moved_aside_and_named(mac: SmallMac, run: Run) -> None:
    mac.has(mac.tools, "git")
    (mac.tools / "kept").write_text("")
    done = run(OLD_AND_NEW)
    assert done.returncode == 0, done.stderr
    (aside,) = mac.root.glob("CommandLineTools.*")
    assert (aside / "kept").exists()
    assert str(aside) in done.stdout
    assert (mac.tools / "usr/bin/clang").exists()


def test_remains_go_back_where_nothing_came(mac: SmallMac, run: Run) -> None:
    mac.has(mac.tools, "git")
    assert run(NOTHING).returncode == 1
    assert (mac.tools / "usr/bin/git").exists()
    assert not list(mac.root.glob("CommandLineTools.*"))


def test_outdated_tools_are_updated_where_new_ones_are_on_offer(mac: SmallMac, run: Run) -> None:
    mac.has(mac.tools, "git", "clang")
    (mac.root / "receipt").write_text(receipt("26.6.0.0.1781586589"))
    done = run(labels("Command Line Tools for Xcode 27.0-27.0"), "27.0")
    assert done.returncode == 0, done.stderr
    assert not list(mac.root.glob("CommandLineTools.*"))


def test_tools_that_are_not_new_enough_are_not_installed_again(mac: SmallMac, run: Run) -> None:
    """In August 2026 macOS 27 was still offered those of Xcode 26.6."""
    mac.has(mac.tools, "git", "clang")
    done = run(labels("Command Line Tools for Xcode 26.6-26.6"), "27.0")
    assert done.returncode == 1
    assert "no Command Line Tools newer than 26.6; 27.0 is wanted" in done.stderr
    assert mac.called("softwareupdate") == ["-l"]


def test_an_update_that_changed_nothing_is_no_success(mac: SmallMac, run: Run) -> None:
    mac.has(mac.tools, "git", "clang")
    (mac.root / "receipt").write_text(receipt("26.6.0.0.1781586589"))
    done = run(labels("Command Line Tools for Xcode 27.0-27.0"), "27.0", installs="echo Done.")
    assert done.returncode == 1
    assert "still those of before" in done.stderr


def test_an_xcode_that_is_selected_stays_selected(mac: SmallMac, run: Run) -> None:
    xcode = mac.root / "Xcode.app/Contents/Developer"
    mac.has(xcode, "git")
    (mac.root / "selected").write_text(f"{xcode}\n")
    assert run(OLD_AND_NEW).returncode == 0
    assert mac.called("xcode-select") == ["-p"]
