"""The files of Homebrew's own code that others read: its start script, and the Ruby beside it."""

from __future__ import annotations

from .catalogue import order
from .machine import Machine
from .sources import source

# The first macOS that a Homebrew takes for a pre-release, by the first version that says so.
_UNSUPPORTED_SINCE = (("7.0.0", "28"), ("5.0.0", "27"), ("4.4.0", "16"), ("0", "15"))


@source(
    documents=(
        "Homebrew/brew Library/Homebrew/brew.sh: HOMEBREW_MACOS_NEWEST_UNSUPPORTED is 28 in one "
        "that supports 27, 27 in 5.0.16, 16 in one that supports 15",
    ),
    guess="the versions between",
)
def write_library(machine: Machine) -> None:
    """Have brew.sh, as far as others read it, and the Ruby that brew keeps for itself."""
    library = machine.repository / "Library" / "Homebrew"
    library.mkdir(parents=True, exist_ok=True)
    versions = (
        told for since, told in _UNSUPPORTED_SINCE if order(machine.version) >= order(since)
    )
    text = f'HOMEBREW_MACOS_NEWEST_UNSUPPORTED="{next(versions)}"\n'
    (library / "brew.sh").write_text(text)
    ruby = library / "vendor" / "portable-ruby" / "current" / "bin" / "ruby"
    if machine.ruby and not ruby.exists():
        ruby.parent.mkdir(parents=True, exist_ok=True)
        ruby.write_text("#!/bin/sh\n")
        ruby.chmod(0o755)
