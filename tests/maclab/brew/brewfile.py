"""Reads a Brewfile: one entry a line, as `brew bundle dump` writes them and people do."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

from .console import Failure

KINDS = ("tap", "brew", "cask", "mas", "vscode", "go", "cargo", "uv", "flatpak", "npm")
_LINE = re.compile(r'(\w+)\s+("[^"]*"|\'[^\']*\')\s*(.*)')
_OPTION = re.compile(r'(\w+):\s*(\[[^\]]*\]|"[^"]*"|:?[\w-]+)')
_VALUES: dict[str, object] = {"true": True, "false": False, "nil": None}


class Entry(NamedTuple):
    """One line of a Brewfile; a tap's address is the option `url`."""

    kind: str
    name: str
    options: dict[str, object]

    @property
    def trusted(self) -> bool:
        return self.options.get("trusted") is True


def read(text: str, where: Path) -> list[Entry]:
    """The entries of a Brewfile, in its order.

    Raises:
        Failure: it cannot be understood.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        found = _LINE.fullmatch(bare.partition(" #")[0].strip())
        if not found:
            raise Failure(f"Invalid Brewfile: {where}:{number}: syntax errors found")
        if found[1] not in KINDS:
            raise Failure(
                f"Invalid Brewfile: undefined method '{found[1]}' "
                "for an instance of Homebrew::Bundle::Dsl"
            )
        entries.append(Entry(found[1], found[2][1:-1], _options(found[3])))
    return entries


def _options(rest: str) -> dict[str, object]:
    told: dict[str, object] = {key: _value(value) for key, value in _OPTION.findall(rest)}
    url = re.match(r',\s*"([^"]*)"', rest)
    return told | ({"url": url.group(1)} if url else {})


def _value(text: str) -> object:
    if text.startswith(("[", '"')):
        value: object = ast.literal_eval(text)
        return value
    return _VALUES.get(text, text.lstrip(":"))
