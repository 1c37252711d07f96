"""Which taps, formulae and casks the user trusts: `~/.homebrew/trust.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .sources import source

KINDS = ("taps", "formulae", "casks", "commands")


class Trust(NamedTuple):
    """The trust store of one user."""

    file: Path
    required: bool

    def entries(self) -> dict[str, list[str]]:
        """Trusted names by kind; every kind is there."""
        told = json.loads(self.file.read_text()) if self.file.exists() else {}
        return {kind: list(told.get(f"trusted{kind}", [])) for kind in KINDS}

    def trusts(self, tap: str, kind: str, full_name: str) -> bool:
        entries = self.entries()
        return not self.required or tap in entries["taps"] or full_name in entries[kind]

    def add(self, kind: str, name: str) -> bool:
        """Trust something; whether that is new."""
        entries = self.entries()
        if name in entries[kind]:
            return False
        entries[kind] = sorted([*entries[kind], name])
        self.write(entries)
        return True

    def remove(self, kind: str, name: str) -> bool:
        """Stop trusting something; whether it was trusted."""
        entries = self.entries()
        if name not in entries[kind]:
            return False
        entries[kind].remove(name)
        self.write(entries)
        return True

    @source("trust-file")
    def write(self, entries: Mapping[str, list[str]]) -> None:
        """Write the store anew: kinds without entries are left out."""
        told = {f"trusted{kind}": entries[kind] for kind in sorted(KINDS) if entries.get(kind)}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(told, indent=2) + "\n")


@source("trust-file", documents=("Homebrew/brew Library/Homebrew/trust.rb: XDG_CONFIG_HOME",))
def open_trust(environment: Mapping[str, str], home: Path) -> Trust:
    """The trust store of the user whose environment this is."""
    xdg = environment.get("XDG_CONFIG_HOME")
    folder = Path(xdg) / "homebrew" if xdg else home / ".homebrew"
    return Trust(folder / "trust.json", "HOMEBREW_NO_REQUIRE_TAP_TRUST" not in environment)
