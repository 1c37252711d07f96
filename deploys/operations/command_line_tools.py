"""Apple's Command Line Tools: there, whole, new enough, selected, and their licence agreed to."""

from __future__ import annotations

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.build import FILES
from deploys.changes import change, left
from deploys.facts.homebrew import Homebrew
from deploys.facts.mac import TOOLS, DeveloperTools, Mac, ToolsState
from deploys.facts.machine import ThisMachine
from deploys.findings import found, refuse
from deploys.operations import Commands

_INSTALL = FILES / "mac" / "command-line-tools.sh"


@operation()
def installed() -> Commands:
    """Have the tools, or a whole Xcode in their place; that does once Homebrew is there.

    Homebrew's installer wants the tools next to Xcode too: it would install them, and select them
    in Xcode's place (Homebrew/install, install.sh, should_install_command_line_tools).
    """
    tools = host.get_fact(DeveloperTools)
    if tools.whole or (tools.is_xcode and host.get_fact(Homebrew).prefix):
        return
    if tools.folder or tools.version:
        # DudeNr33/screen-on-time#4, soztag/fossos#76
        found(
            "tools.broken",
            f"{TOOLS} lacks its tools, though {_receipt(tools)}.",
            means="An upgrade of macOS may do that; git, clang and all that is compiled fail.",
            mend="They are installed again through Software Update, without a window; what is "
            "left of the folder is moved aside.",
        )
        left("the Command Line Tools, installed again", "those before did not work.")
    else:
        # munki/macadmin-scripts#125
        found(
            "tools.missing",
            "Apple's Command Line Tools are not installed.",
            means="Homebrew needs their git and compilers"
            + (", and its installer does not take Xcode's." if tools.is_xcode else "."),
            mend="They are installed through Software Update, without a window.",
        )
        change("tools", TOOLS)
    yield _install()


@operation()
def updated() -> Commands:
    """Have tools that are new enough for this macOS."""
    tools = host.get_fact(DeveloperTools)
    minimum = minimum_for(host.get_fact(Mac).major)
    if not tools.whole or tools.is_xcode or not tools.older_than(minimum):
        return
    # tw93/Mole#48; Homebrew/brew#9128, #4101, #10399
    found(
        "tools.outdated",
        f"The Command Line Tools are {tools.version}; this macOS wants {minimum} or newer.",
        means="Homebrew refuses to build with them.",
        mend="The newest are installed through Software Update.",
    )
    left("the Command Line Tools, updated", "there is no way back to older ones.")
    yield _install(minimum)


@operation()
def selected() -> Commands:
    """Have a developer directory that exists; the installation has selected it already."""
    tools = host.get_fact(DeveloperTools)
    if tools.override and not tools.usable:
        refuse(
            "tools.developer-dir",
            f"DEVELOPER_DIR is set to {tools.selected}, and no developer tools are there.",
            means="It goes before what xcode-select has selected: git and clang fail.",
            mend="Unset it where your shell sets it, such as ~/.zprofile or ~/.zshrc, open a new "
            "terminal, and run this again.",
        )
    if tools.usable or not tools.whole:
        return
    found(
        "tools.selection",
        f"The selected developer directory, {tools.selected or 'none'}, has no tools.",
        means="git and clang fail, though the Command Line Tools are there.",
        mend=f"{TOOLS} is selected.",
    )
    root = host.get_fact(ThisMachine).root
    left(f"the developer directory {TOOLS}, selected", "the one before had no tools.")
    yield StringCommand(*root, "/usr/bin/xcode-select", "--switch", TOOLS)


@operation()
def licensed() -> Commands:
    """Refuse as long as Xcode's licence waits for its reader: git and clang end with code 69."""
    if host.get_fact(DeveloperTools).licence_open:
        # Homebrew/install install.sh, which refuses with the same command
        refuse(
            "tools.licence",
            "Xcode is selected, and its licence has not been agreed to.",
            means="git and the compilers refuse to work.",
            mend="Read it and agree with `sudo xcodebuild -license accept`, or do without Xcode: "
            f"`sudo xcode-select --switch {TOOLS}`.",
            alone=True,
        )
    yield from ()


def minimum_for(macos: int) -> str:
    """The oldest tools that Homebrew accepts on a macOS (its extend/os/mac/diagnostic.rb)."""
    return f"{macos}.0" if macos >= 26 else "16.0"


def _install(minimum: str = "") -> StringCommand:
    """All of it in one command as root: a ticket of sudo that runs out meanwhile cannot hurt."""
    root = host.get_fact(ThisMachine).root
    script = QuoteString(_INSTALL.read_text(encoding="utf-8"))
    return StringCommand(
        *root, "/bin/sh", "-c", script, "command-line-tools", *([minimum] if minimum else [])
    )


def _receipt(tools: ToolsState) -> str:
    return f"its receipt says {tools.version}" if tools.version else "the folder is there"
