"""colima's directory: which virtual machines have files in it, running or not."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pyinfra.api import FactBase


@dataclass(frozen=True)
class Folder:
    """`machines` by Lima's names: "colima" is the default one, "colima-NAME" another's."""

    is_there: bool = False
    machines: frozenset[str] = frozenset()


class ColimaFolder(FactBase[Folder]):
    """The files below a directory; Lima's own begin with `_` (`_config`, `_disks`, `_networks`)."""

    def command(self, home: str) -> str:
        """Looks at names only."""
        return (
            f"cd {shlex.quote(home)} 2>/dev/null || exit 0; echo there; "
            'for one in _lima/*; do [ -d "$one" ] && echo "$one"; done; exit 0'
        )

    @staticmethod
    def default() -> Folder:
        """There is no such directory."""
        return Folder()

    def process(self, output: list[str]) -> Folder:
        """`there`, then one path a line."""
        names = {line.removeprefix("_lima/") for line in output if line.startswith("_lima/")}
        return Folder(True, frozenset(name for name in names if not name.startswith("_")))
