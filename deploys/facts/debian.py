"""Debian's package state: what is installed, what is half done, what could be installed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyinfra.api import FactBase

_ASK_DPKG = r"""
dpkg-query -W -f 'p\t${db:Status-Abbrev}\t${Package}\t${Version}\n'
[ -n "$(ls -A /var/lib/dpkg/updates 2>/dev/null)" ] && printf 'interrupted\n'
[ -n "$(find /var/lib/apt/lists -name '*_Packages*' -mtime -1 2>/dev/null | head -n 1)" ] && {
  for source in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    [ ! -e "$source" ] ||
      [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -newercc "$source" | head -n 1)" ] ||
      changed=yes
  done
  [ -n "${changed:-}" ] || printf 'lists\n'
}
exit 0
"""


@dataclass(frozen=True)
class Packages:
    """`interrupted`: dpkg was stopped midway. `lists_fresh`: apt's lists are at most a day old, and
    newer than what says where they come from. `versions` are those of the installed."""

    installed: frozenset[str]
    interrupted: bool
    lists_fresh: bool
    versions: Mapping[str, str] = field(default_factory=dict)


class DpkgPackages(FactBase[Packages]):
    """dpkg's database, and whether an earlier run of it was cut off."""

    def command(self) -> str:
        """dpkg(1): the journal in /var/lib/dpkg/updates is empty unless dpkg was interrupted."""
        return _ASK_DPKG

    def process(self, output: list[str]) -> Packages:
        """`p<TAB>ii <TAB>name<TAB>version` a package; iU and iF are half installed ones."""
        rows = [line.split("\t") for line in output if line.startswith("p\t")]
        states = {name: state.strip() for _, state, name, _ in rows}
        installed = {name for name, state in states.items() if state[1:2] == "i"}
        return Packages(
            installed=frozenset(installed),
            interrupted="interrupted" in output or any(s[1:2] in "UFHWt" for s in states.values()),
            lists_fresh="lists" in output,
            versions={name: version for _, _, name, version in rows if name in installed},
        )


class AptInstallation(FactBase[tuple[str, ...]]):
    """What apt would install for some packages, those that they need among it; nothing is done."""

    def command(self, names: tuple[str, ...]) -> str:
        """apt-get(8), `--simulate`; a package that is not known yet is no error here."""
        words = "apt-get --simulate install --no-install-recommends"
        return f"LC_ALL=C {words} -- {shlex.join(names)} 2>/dev/null || true"

    @staticmethod
    def default() -> tuple[str, ...]:
        """apt does not tell."""
        return ()

    def process(self, output: list[str]) -> tuple[str, ...]:
        """`Inst name (version …)`, and `Inst name [old version] (…)` for what is only renewed."""
        rows = [line.split() for line in output if line.startswith("Inst ")]
        return tuple(row[1] for row in rows if not row[2].startswith("["))


class AptCandidates(FactBase[dict[str, str]]):
    """The version that apt would install of each of some packages, as far as its lists tell."""

    def command(self, names: tuple[str, ...]) -> str:
        """apt-cache(8), `policy`: reads apt's cache only; unknown names are left out."""
        return f"LC_ALL=C apt-cache policy -- {shlex.join(names)}"

    @staticmethod
    def default() -> dict[str, str]:
        """apt knows none of them."""
        return {}

    def process(self, output: list[str]) -> dict[str, str]:
        """`name:`, then indented `Candidate: version`, which is `(none)` for a virtual package."""
        candidates = {}
        name = ""
        for line in output:
            if not line.startswith(" "):
                name = line.rstrip(":")
            key, _, value = line.strip().partition(": ")
            if key == "Candidate" and value != "(none)":
                candidates[name] = value
        return candidates


class AptRemoval(FactBase[frozenset[str]]):
    """What apt would remove with some packages: those that need them too. Nothing is done."""

    def command(self, names: tuple[str, ...]) -> str:
        """apt-get(8), `--simulate`."""
        return f"LC_ALL=C apt-get --simulate remove -- {shlex.join(names)}"

    def process(self, output: list[str]) -> frozenset[str]:
        """`Remv name [version]`."""
        return frozenset(line.split()[1] for line in output if line.startswith("Remv "))


class AptManual(FactBase[frozenset[str]]):
    """The packages that somebody has asked for; the others came because those need them."""

    def command(self) -> str:
        """apt-mark(8)."""
        return "apt-mark showmanual"

    @staticmethod
    def default() -> frozenset[str]:
        """None."""
        return frozenset()

    def process(self, output: list[str]) -> frozenset[str]:
        """One name a line; `:architecture` may follow."""
        return frozenset(line.strip().partition(":")[0] for line in output)
