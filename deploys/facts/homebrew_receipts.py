"""Homebrew's receipts: what each formula needs, whether somebody asked for it, where it is from."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api import FactBase

# Receipts are JSON of many lines; `tr` makes a line of each.
_ASK = r"""
cd %s 2>/dev/null || exit 0
for receipt in Cellar/*/*/INSTALL_RECEIPT.json Caskroom/*/.metadata/INSTALL_RECEIPT.json; do
  [ -f "$receipt" ] && printf '%%s\t%%s\n' "$receipt" "$(tr -d '\n\t' <"$receipt")"
done
for app in Caskroom/*/*/*.app; do [ -L "$app" ] && printf 'app\t%%s\n' "$app"; done
for place in etc/* var/*; do [ -e "$place" ] && printf 'place\t%%s\n' "$place"; done
exit 0
"""


@dataclass(frozen=True)
class Keg:
    """An installed formula. `needs` are the formulae that it was linked with, theirs too;
    `installed` is when, in seconds since the epoch."""

    name: str
    needs: frozenset[str] = frozenset()
    on_request: bool = True
    tap: str = "homebrew/core"
    installed: float = 0.0


@dataclass(frozen=True)
class Receipts:
    """All of one Homebrew. `casks` have their taps, `apps` the names of the apps that they put into
    place; `places` are what is in `etc` and `var`."""

    kegs: Mapping[str, Keg] = field(default_factory=dict)
    casks: Mapping[str, str] = field(default_factory=dict)
    apps: Mapping[str, frozenset[str]] = field(default_factory=dict)
    places: frozenset[str] = frozenset()


class HomebrewReceipts(FactBase[Receipts]):
    """The receipts below a prefix."""

    def command(self, prefix: str) -> str:
        """Reads files only."""
        return _ASK % shlex.quote(prefix)

    @staticmethod
    def default() -> Receipts:
        """Nothing is installed."""
        return Receipts()

    def process(self, output: list[str]) -> Receipts:
        """`path<TAB>value` a line; of several versions of a formula the last one counts."""
        kegs, casks = {}, {}
        apps: dict[str, frozenset[str]] = {}
        places = set()
        for line in output:
            path, _, value = line.partition("\t")
            if path == "app":
                _, token, *_, app = value.split("/")
                apps[token] = apps.get(token, frozenset()) | {app}
            elif path == "place":
                places.add(value)
            elif path.startswith("Cellar/"):
                name = path.split("/")[1]
                kegs[name] = _keg(name, _parsed(value))
            else:
                source = _parsed(value).get("source") or {}
                casks[path.split("/")[1]] = str(source.get("tap", ""))
        return Receipts(kegs, casks, apps, frozenset(places))


def _keg(name: str, told: dict[str, Any]) -> Keg:
    """What a receipt leaves open is taken for the user's own wish."""
    needs = [one.get("full_name", "") for one in told.get("runtime_dependencies") or []]
    return Keg(
        name,
        frozenset(full.rpartition("/")[2] for full in needs),
        bool(told.get("installed_on_request", True)),
        str((told.get("source") or {}).get("tap") or "homebrew/core"),
        float(told.get("time") or 0),
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
