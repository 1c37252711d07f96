"""The simulated Mac's developer tools and Software Update, against what real ones have said."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from tests.maclab.commands.call import COMMANDS, Call
from tests.maclab.commands.developer_tools import (
    CLT,
    XCODE,
    DeveloperTools,
    break_tools,
    install_tools,
    install_xcode,
)
from tests.maclab.commands.main import load_all
from tests.maclab.commands.software_update import (
    PLACEHOLDER,
    SoftwareUpdate,
    macos_offer,
    tools_offer,
)
from tests.maclab.commands.system import System

load_all()

NO_TOOLS = """xcode-select: note: No developer tools were found, requesting install.
If developer tools are located at a non-default location on disk, use `sudo xcode-select --switch \
path/to/Xcode.app` to specify the Xcode that you wish to use for command line developer tools, and \
cancel the installation dialog.
See `man xcode-select` for more details.
"""


class Mac:
    """A Mac below a directory: `said` is what the last command printed, both streams apart."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def call(self, name: str = "lab", *argv: str, uid: int = 501, **env: str) -> Call:
        return Call(
            name, list(argv), env, Path("/"), uid, self.root, StringIO(), StringIO(), StringIO()
        )

    def run(self, name: str, *argv: str, uid: int = 501, **env: str) -> tuple[int, str, str]:
        call = self.call(name, *argv, uid=uid, **env)
        code = COMMANDS[name].function(call)
        assert isinstance(call.stdout, StringIO)
        assert isinstance(call.stderr, StringIO)
        return code, call.stdout.getvalue(), call.stderr.getvalue()

    def touch(self, path: str) -> None:
        file = self.call().path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


def test_without_tools_every_stub_opens_a_window_and_fails(mac: Mac) -> None:
    assert mac.run("xcode-select", "-p") == (
        2,
        "",
        "xcode-select: error: Unable to get active developer directory. Use `sudo xcode-select "
        "--switch path/to/Xcode.app` to set one (or see `man xcode-select`)\n",
    )
    for name in ("git", "python3", "clang"):
        assert mac.run(name, "--version") == (1, "", NO_TOOLS)
    assert mac.call().state(DeveloperTools).dialogs == 3


def test_asking_for_the_tools_returns_at_once_and_fails_once_they_are_there(mac: Mac) -> None:
    requested = "xcode-select: note: install requested for command line developer tools\n"
    assert mac.run("xcode-select", "--install") == (0, "", requested)
    install_tools(mac.call(uid=0), "27.0")
    code, _, said = mac.run("xcode-select", "--install")
    assert code == 1
    assert said.startswith("xcode-select: note: Command line tools are already installed.")


def test_installed_tools_run(mac: Mac, capfd: pytest.CaptureFixture[str]) -> None:
    install_tools(mac.call(uid=0), "27.0")
    assert mac.run("xcode-select", "-p") == (0, f"{CLT}\n", "")
    assert mac.run("xcrun", "-f", "git") == (0, f"{CLT}/usr/bin/git\n", "")
    assert mac.run("git", "--version")[0] == mac.run("python3", "--version")[0] == 0
    assert capfd.readouterr().out == "git version 2.50.1 (Apple Git-155)\nPython 3.9.6\n"
    assert mac.run("xcrun", "simctl")[0] == 72
    code, _, said = mac.run("xcodebuild", "-version")
    assert (code, said) == (
        1,
        "xcode-select: error: tool 'xcodebuild' requires Xcode, but active developer directory "
        "'/Library/Developer/CommandLineTools' is a command line tools instance\n",
    )


def test_an_upgrade_leaves_a_selected_folder_without_tools_and_their_receipt(mac: Mac) -> None:
    install_tools(mac.call(uid=0), "26.6")
    break_tools(mac.call(uid=0))
    assert mac.run("xcode-select", "-p")[0] == 0
    assert mac.run("git") == (
        1,
        "",
        "xcrun: error: invalid active developer path (/Library/Developer/CommandLineTools), "
        "missing xcrun at: /Library/Developer/CommandLineTools/usr/bin/xcrun\n",
    )
    code, told, _ = mac.run("pkgutil", "--pkg-info=com.apple.pkg.CLTools_Executables")
    assert code == 0
    assert told.startswith(
        "package-id: com.apple.pkg.CLTools_Executables\nversion: 26.6.0.0.1781586589\n"
        "volume: /\nlocation: /\ninstall-time: "
    )
    assert mac.call().state(DeveloperTools).dialogs == 0


def test_a_licence_that_nobody_agreed_to_blocks_xcode_but_not_the_tools(mac: Mac) -> None:
    install_tools(mac.call(uid=0), "27.0")
    install_xcode(mac.call(uid=0), licence_agreed=False)
    code, _, said = mac.run("xcrun", "clang")
    assert code == 69
    assert said.startswith("You have not agreed to the Xcode license agreements. Please run 'sudo ")
    assert mac.run("git", "--version", DEVELOPER_DIR=CLT)[0] == 0
    assert mac.run("xcodebuild", "-license", "accept", uid=0)[0] == 0
    assert mac.run("git", "--version")[0] == 0


def test_an_xcode_that_was_deleted_while_selected(mac: Mac) -> None:
    install_xcode(mac.call(uid=0), licence_agreed=True)
    mac.call().path("/Applications/Xcode.app").rename(mac.root / "gone")
    said = mac.run("git")[2]
    assert said.startswith(f'xcrun: error: active developer path ("{XCODE}") does not exist\nUse `')


def test_switching_needs_root_and_a_developer_directory(mac: Mac) -> None:
    assert mac.run("xcode-select", "--switch", CLT) == (
        1,
        "",
        "xcode-select: error: --switch must be run as root "
        "(e.g. `sudo xcode-select --switch <xcode_folder_path>`).\n",
    )
    invalid = f"xcode-select: error: invalid developer directory '{CLT}'\n"
    assert mac.run("xcode-select", "--switch", CLT, uid=0) == (1, "", invalid)
    install_tools(mac.call(uid=0), "27.0")
    assert mac.run("xcode-select", "--switch", CLT, uid=0)[0] == 0
    assert mac.call().state(DeveloperTools).selected == CLT


def test_offers_have_the_shapes_that_were_captured(mac: Mac) -> None:
    mac.call().save(
        SoftwareUpdate(
            [
                {**tools_offer("16.2", old_label=True), "size": 751786},
                tools_offer("26.6"),
                macos_offer("Tahoe", "26.5.2", "25F84"),
            ]
        )
    )
    mac.touch(PLACEHOLDER)
    code, told, _ = mac.run("softwareupdate", "-l")
    assert code == 0
    assert told == (
        "Software Update Tool\n\nFinding available software\n"
        "Software Update found the following new or updated software:\n"
        "* Label: Command Line Tools for Xcode-16.2\n"
        "\tTitle: Command Line Tools for Xcode, Version: 16.2, Size: 751786KiB, "
        "Recommended: YES, \n"
        "* Label: Command Line Tools for Xcode 26.6-26.6\n"
        "\tTitle: Command Line Tools for Xcode 26.6, Version: 26.6, Size: 920431KiB, "
        "Recommended: YES,\n"
        "* Label: macOS Tahoe 26.5.2-25F84\n"
        "\tTitle: macOS Tahoe 26.5.2, Version: 26.5.2, Size: 3709215KiB, Recommended: YES, "
        "Action: restart,\n"
    )


def test_tools_are_on_offer_on_demand_and_as_an_update_only(mac: Mac) -> None:
    label = "Command Line Tools for Xcode 27.0-27.0"
    assert "No new software available.\n" in mac.run("softwareupdate", "-l")
    assert mac.run("softwareupdate", "-i", label, uid=0)[1].endswith(
        f"{label}: No such update\nNo updates are available.\n"
    )
    install_tools(mac.call(uid=0), "26.6")
    assert f"* Label: {label}\n" in mac.run("softwareupdate", "--list")[1]
    install_tools(mac.call(uid=0), "27.0")
    assert label not in mac.run("softwareupdate", "--list")[1]


def test_installing_the_tools_says_what_was_captured(mac: Mac) -> None:
    offers = [tools_offer("16.4", old_label=True), macos_offer("Tahoe", "26.5.2", "25F84")]
    mac.call().save(SoftwareUpdate(offers))
    mac.touch(PLACEHOLDER)
    assert mac.run("softwareupdate", "-i", "Command Line Tools for Xcode-16.4")[0] == 1
    code, told, _ = mac.run("softwareupdate", "-i", "Command Line Tools for Xcode-16.4", uid=0)
    assert (code, told) == (
        0,
        "Software Update Tool\n\nFinding available software\n\n"
        "Downloading Command Line Tools for Xcode\nDownloaded Command Line Tools for Xcode\n"
        "Installing Command Line Tools for Xcode\nDone with Command Line Tools for Xcode\nDone.\n",
    )
    assert mac.run("git", "--version")[0] == 0
    assert (
        "16.4.0.0.1.1747106510"
        in mac.run("pkgutil", "--pkg-info", "com.apple.pkg.CLTools_Executables")[1]
    )
    assert mac.call().state(System).version == "27.0.1"


def test_installing_everything_upgrades_macos_too(mac: Mac) -> None:
    mac.call().save(SoftwareUpdate([macos_offer("Golden Gate", "27.1", "26B50")]))
    assert mac.run("softwareupdate", "-ia", uid=0)[0] == 0
    system = mac.call().state(System)
    assert (system.version, system.build) == ("27.1", "26B50")


def test_rosetta_is_installed_with_its_harmless_error(mac: Mac) -> None:
    code, told, said = mac.run("softwareupdate", "--install-rosetta", "--agree-to-license")
    assert (code, told) == (0, "Install of Rosetta 2 finished successfully\n")
    assert "Package Authoring Error: 093-50752: Package reference com.apple.pkg.Rosetta" in said
    assert mac.call().path("/Library/Apple/usr/libexec/oah/libRosettaRuntime").exists()
    assert mac.run("pgrep", "oahd") == (0, "412\n", "")


def test_a_package_without_receipt(mac: Mac) -> None:
    assert mac.run("pkgutil", "--pkg-info", "com.apple.pkg.CLTools_Executables") == (
        1,
        "",
        "No receipt for 'com.apple.pkg.CLTools_Executables' found at '/'.\n",
    )
