"""Apple's Command Line Tools: there, whole, new enough, selected, and their licence agreed to."""

from __future__ import annotations

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.build import FILES
from deploys.facts.mac import TOOLS, DeveloperTools, Mac, ToolsState
from deploys.facts.machine import ThisMachine
from deploys.findings import found, refuse
from deploys.operations import Commands

_INSTALL = FILES / "mac" / "command-line-tools.sh"


@operation()
def installed() -> Commands:
    """Have the tools, or a whole Xcode in their place."""
    tools = host.get_fact(DeveloperTools)
    if tools.whole or tools.is_xcode:
        return
    if tools.folder or tools.version:
        found(
            "tools.broken",
            f"{TOOLS} lacks its tools, though {_receipt(tools)}.",
            means="git, clang and all that is compiled fail.",
            mend="They are installed again through Software Update, without a window.",
        )
    else:
        found(
            "tools.missing",
            "Apple's Command Line Tools are not installed.",
            means="Homebrew needs their git and compilers.",
            mend="They are installed through Software Update, without a window.",
        )
    yield _install()


@operation()
def updated() -> Commands:
    """Have tools that are new enough for this macOS."""
    tools = host.get_fact(DeveloperTools)
    minimum = minimum_for(host.get_fact(Mac).major)
    if not tools.whole or tools.is_xcode or not tools.older_than(minimum):
        return
    found(
        "tools.outdated",
        f"The Command Line Tools are {tools.version}; this macOS wants {minimum} or newer.",
        means="Homebrew refuses to build with them.",
        mend="The newest are installed through Software Update.",
    )
    yield _install()


@operation()
def selected() -> Commands:
    """Have a developer directory that exists."""
    tools = host.get_fact(DeveloperTools)
    if tools.usable or not tools.whole:
        return
    found(
        "tools.selection",
        f"The selected developer directory, {tools.selected or 'none'}, has no tools.",
        means="git and clang fail, though the Command Line Tools are there.",
        mend=f"{TOOLS} is selected.",
    )
    root = host.get_fact(ThisMachine).root
    yield StringCommand(*root, "/usr/bin/xcode-select", "--switch", TOOLS)


@operation()
def licensed() -> Commands:
    """Refuse as long as Xcode's licence waits for its reader: git and clang end with code 69."""
    if host.get_fact(DeveloperTools).licence_open:
        refuse(
            "tools.licence",
            "Xcode is selected, and its licence has not been agreed to.",
            means="git and the compilers refuse to work.",
            mend="Read it and agree with `sudo xcodebuild -license accept`, or do without Xcode: "
            f"`sudo xcode-select --switch {TOOLS}`.",
        )
    yield from ()


def minimum_for(macos: int) -> str:
    """The oldest tools that Homebrew accepts on a macOS (its extend/os/mac/diagnostic.rb)."""
    return f"{macos}.0" if macos >= 26 else "16.0"


def _install() -> StringCommand:
    root = host.get_fact(ThisMachine).root
    return StringCommand(*root, "/bin/sh", "-c", QuoteString(_INSTALL.read_text(encoding="utf-8")))


def _receipt(tools: ToolsState) -> str:
    return f"its receipt says {tools.version}" if tools.version else "the folder is there"
