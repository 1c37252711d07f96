"""The developer tools: xcode-select, xcrun, xcodebuild, and the stubs that hand over to the tools.

`/usr/bin/git` and the like are stubs on every Mac: without tools they open a window and fail.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .call import Call, Section, command
from .packages import CLT_PACKAGE, add_receipt

CLT = "/Library/Developer/CommandLineTools"
XCODE = "/Applications/Xcode.app/Contents/Developer"
STUBS = (
    *("python3", "pip3", "git", "clang", "clang++", "cc", "c++", "gcc", "g++", "swift", "swiftc"),
    *("make", "gnumake", "ld", "ar", "as", "nm", "ranlib", "strip", "lipo", "libtool", "otool"),
    *("install_name_tool", "m4", "bison", "flex"),
)
CLANG = {27: "2100.3.20.102", 26: "1700.6.4.2", 16: "1600.0.26.6"}

_NO_TOOLS = """xcode-select: note: No developer tools were found, requesting install.
If developer tools are located at a non-default location on disk, use `sudo xcode-select --switch \
path/to/Xcode.app` to specify the Xcode that you wish to use for command line developer tools, and \
cancel the installation dialog.
See `man xcode-select` for more details."""
_LICENCE = (
    "You have not agreed to the Xcode license agreements. Please run 'sudo xcodebuild -license' "
    "from within a Terminal window to review and agree to the Xcode and Apple SDKs license."
)
_VERSIONS = {
    "git": "git version 2.50.1 (Apple Git-155)",
    "python3": "Python 3.9.6",
    "make": "GNU Make 3.81",
    "gnumake": "GNU Make 3.81",
}
_RUNS = {"git": "/maclab/real/git", "python3": "/usr/bin/python3.11", "xcrun": "/usr/bin/xcrun"}
_GUESSES = {"git": (), "python3": ("Python of the tools is a newer one but for --version",)}
_COMPILERS = ("clang", "clang++", "cc", "c++", "gcc", "g++")


@dataclass
class DeveloperTools(Section):
    """`selected` is the folder that xcode-select was switched to; `dialogs` are windows opened."""

    KEY: ClassVar[str] = "developer_tools"

    selected: str = ""
    dialogs: int = 0
    licence_agreed: bool = True
    xcode_version: str = "27.0"
    xcode_build: str = "27A266a"


@dataclass(frozen=True)
class _Trouble:
    """Why no tool can be run: what is said, and the exit code."""

    message: str
    code: int


# What puts them there, and what takes them away


def install_tools(call: Call, version: str = "27.0") -> None:
    """Have the Command Line Tools: their folder, and a receipt.

    `version` is Apple's, such as 26.6, or that of a receipt, such as 26.6.0.0.1781586589.
    """
    shutil.rmtree(call.path(CLT), ignore_errors=True)
    _fill(call.path(CLT), version)
    add_receipt(call, CLT_PACKAGE, receipt_version(version))


def install_xcode(call: Call, *, licence_agreed: bool) -> None:
    """Have Xcode, and have it selected."""
    with call.changing(DeveloperTools) as tools:
        tools.selected = XCODE
        tools.licence_agreed = licence_agreed
        _fill(call.path(XCODE), tools.xcode_version)


def break_tools(call: Call) -> None:
    """Leave of the tools what an upgrade of macOS may: the selected folder and the receipt."""
    shutil.rmtree(call.path(CLT) / "usr", ignore_errors=True)
    with call.changing(DeveloperTools) as tools:
        tools.selected = CLT


def has_tools(call: Call) -> bool:
    return (call.path(CLT) / "usr/bin/git").exists()


def receipt_version(version: str) -> str:
    """What a receipt says. Since Xcode 26 it has one component fewer."""
    if version.count(".") > 2:
        return version
    seen = {
        "14.2": "14.2.0.0.1.1668646533",
        "15.3": "15.3.0.0.1.1708646388",
        "16.2": "16.2.0.0.1.1733547573",
        "16.4": "16.4.0.0.1.1747106510",
        "26.6": "26.6.0.0.1781586589",
        "27.0": "27.0.0.0.1787197235",
    }
    return seen.get(version, f"{version}.0.0.1790000000")


def _fill(folder: Path, version: str) -> None:
    (folder / "usr/bin").mkdir(parents=True)
    for name in (*STUBS, "xcrun"):
        file = folder / "usr/bin" / name
        file.write_text(_tool(name, version))
        file.chmod(0o755)
    sdk = f"MacOSX{version.partition('.')[0]}.sdk"
    (folder / "SDKs" / sdk).mkdir(parents=True)
    (folder / "SDKs/MacOSX.sdk").symlink_to(sdk)


def _tool(name: str, version: str) -> str:
    told = _VERSIONS.get(name, f"{name}: its version is not simulated")
    if name in _COMPILERS:
        build = CLANG.get(int(version.partition(".")[0]), "1500.3.9.4")
        told = f"Apple clang version {build[:2]}.0.0 (clang-{build})"
    runs = f'echo "{name}: not simulated" >&2; exit 1'
    if name in _COMPILERS:
        runs = 'echo "clang: error: no input files" >&2; exit 1'
    elif name in _RUNS:
        runs = f'exec {_RUNS[name]} "$@"'
    if name == "xcrun":
        return f"#!/bin/sh\n{runs}\n"
    return f'#!/bin/sh\ncase "$1" in --version|-V) echo "{told}"; exit 0 ;; esac\n{runs}\n'


# xcode-select


@command(
    "xcode-select",
    "/usr/bin/xcode-select",
    source="facts macos 2.1, 2.2, 2.3 (captures; invalid directory: Homebrew/install#119); "
    "--switch without root: two published outputs",
    guesses=(
        "exit 1 of a refused --switch, --reset and unknown option",
        "without a selection Xcode comes before the Command Line Tools",
        "--reset without root is refused in the words of --switch",
    ),
)
def xcode_select(call: Call) -> int:
    option, *values = call.argv or ["--help"]
    if option in ("-p", "--print-path", "-print-path"):
        return _print_path(call)
    if option == "--install":
        return _request_install(call)
    if option in ("-s", "--switch", "-switch"):
        return _switch(call, values[0] if values else "")
    if option in ("-r", "--reset"):
        return _select(call, "", "--reset")
    return call.fails(f"xcode-select: error: unknown command option '{option}'.")


def _print_path(call: Call) -> int:
    active = _active(call)
    if active:
        call.out(active)
        return 0
    return call.fails(
        "xcode-select: error: Unable to get active developer directory. Use `sudo xcode-select "
        "--switch path/to/Xcode.app` to set one (or see `man xcode-select`)",
        2,
    )


def _request_install(call: Call) -> int:
    if has_tools(call):
        return call.fails(
            "xcode-select: note: Command line tools are already installed. Use "
            '"Software Update" in System Settings or the softwareupdate command line interface '
            "to install updates"
        )
    _open_dialog(call)
    call.err("xcode-select: note: install requested for command line developer tools")
    return 0


def _switch(call: Call, folder: str) -> int:
    chosen = folder.rstrip("/")
    if chosen.endswith(".app"):
        chosen += "/Contents/Developer"
    if call.uid == 0 and not (call.path(chosen) / "usr").is_dir():
        return call.fails(f"xcode-select: error: invalid developer directory '{folder}'")
    return _select(call, chosen, "--switch")


def _select(call: Call, folder: str, option: str) -> int:
    if call.uid != 0:
        example = "sudo xcode-select --switch <xcode_folder_path>"
        example = example if option == "--switch" else "sudo xcode-select --reset"
        return call.fails(f"xcode-select: error: {option} must be run as root (e.g. `{example}`).")
    with call.changing(DeveloperTools) as tools:
        tools.selected = folder
    return 0


# What hands over to a tool


@command(
    "xcrun",
    "/usr/bin/xcrun",
    source="facts macos 2.4, 2.7 and after-upgrade 1 (captures); no such utility, exit 72: "
    "published outputs",
    guesses=(
        "--show-sdk-path; no tool named; other options are ignored",
        "without tools it is a stub like the others",
        "last lines of the text where Xcode was deleted, and its exit 1",
    ),
)
def xcrun(call: Call) -> int:
    words = list(call.argv)
    find = False
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("--show-sdk-path", "-show-sdk-path"):
            return _sdk_path(call)
        if option in ("-sdk", "--sdk", "-toolchain", "--toolchain") and words:
            words.pop(0)
        find = find or option in ("-f", "-find", "--find")
    if not words:
        return call.fails("xcrun: error: no tool named", 64)
    return _use(call, words[0], words[1:], find=find)


def _sdk_path(call: Call) -> int:
    active = _active(call)
    trouble = _trouble(call, active)
    if trouble:
        return call.fails(trouble.message, trouble.code)
    return _print(call, f"{active}/SDKs/MacOSX.sdk")


@command(
    "xcodebuild",
    "/usr/bin/xcodebuild",
    source="facts macos 1.1 and 2.7 (captures)",
    guesses=(
        "exit 1 where only the Command Line Tools are there",
        "-license accept needs root and says nothing; nothing else but -version",
    ),
)
def xcodebuild(call: Call) -> int:
    active = _active(call)
    if active == CLT:
        return call.fails(
            "xcode-select: error: tool 'xcodebuild' requires Xcode, but active developer directory "
            f"'{CLT}' is a command line tools instance"
        )
    trouble = _trouble(call, active)
    if call.argv == ["-license", "accept"] and call.uid == 0:
        with call.changing(DeveloperTools) as tools:
            tools.licence_agreed = True
        return 0
    if trouble:
        return call.fails(trouble.message, trouble.code)
    tools = call.state(DeveloperTools)
    return _print(call, f"Xcode {tools.xcode_version}\nBuild version {tools.xcode_build}")


def stub(call: Call) -> int:
    """What lies in /usr/bin for each tool."""
    return _use(call, call.name, call.argv, find=False)


for _name in STUBS:
    command(
        _name,
        f"/usr/bin/{_name}",
        source="facts macos 2.4, 2.5, 2.7 and after-upgrade 1 (captures)",
        guesses=_GUESSES.get(_name, ("works for --version only",)),
    )(stub)


def _use(call: Call, name: str, arguments: list[str], *, find: bool) -> int:
    active = _active(call)
    trouble = _trouble(call, active)
    if trouble:
        return call.fails(trouble.message, trouble.code)
    file = call.path(active) / "usr/bin" / name
    if not file.exists():
        return call.fails(
            f'xcrun: error: unable to find utility "{name}", not a developer tool or in PATH', 72
        )
    return _print(call, f"{active}/usr/bin/{name}") if find else hand_over(call, file, arguments)


def _trouble(call: Call, active: str) -> _Trouble | None:
    if not active:
        _open_dialog(call)
        return _Trouble(_NO_TOOLS, 1)
    if not call.path(active).exists() and active != CLT:
        return _Trouble(
            f'xcrun: error: active developer path ("{active}") does not exist\n'
            "Use `sudo xcode-select --switch path/to/Xcode.app` to specify the Xcode that you wish "
            "to use for command line developer tools, or use `xcode-select --install` to install "
            "the standalone command line developer tools.\n"
            "See `man xcode-select` for more details.",
            1,
        )
    if not (call.path(active) / "usr/bin/xcrun").exists():
        return _Trouble(
            f"xcrun: error: invalid active developer path ({active}), "
            f"missing xcrun at: {active}/usr/bin/xcrun",
            1,
        )
    if active != CLT and not call.state(DeveloperTools).licence_agreed:
        return _Trouble(_LICENCE, 69)
    return None


def hand_over(call: Call, program: Path, arguments: list[str]) -> int:
    """Run a real program in place of a command, on the same streams."""
    done = subprocess.run([str(program), *arguments], cwd=call.cwd, env=dict(call.env), check=False)
    if done.returncode == -signal.SIGINT:
        raise KeyboardInterrupt
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def _active(call: Call) -> str:
    """The developer directory that is used; empty where there is none."""
    told = call.env.get("DEVELOPER_DIR") or call.state(DeveloperTools).selected
    if told:
        return f"{told}/Contents/Developer" if told.endswith(".app") else told
    return next((one for one in (XCODE, CLT) if os.path.lexists(call.path(one))), "")


def _open_dialog(call: Call) -> None:
    with call.changing(DeveloperTools) as tools:
        tools.dialogs += 1


def _print(call: Call, text: str) -> int:
    call.out(text)
    return 0
