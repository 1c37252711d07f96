"""colima's directory: which virtual machines have files in it, running or not, and what else is."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pyinfra.api import FactBase

# What colima, and Lima for it, write for the default machine (colima at 490420d: config/files.go,
# config/profile.go, environment/). What is missing here stays in the directory, and is named.
OWN = (
    *("_lima/colima", "_lima/_networks", "_store/colima.json"),
    *("_lima/_config/networks.yaml", "_lima/_config/user", "_lima/_config/user.pub"),
    *("ssh_config", "docker.sock", "default/colima.yaml", "default/daemon"),
    *(f"default/{kind}.sock" for kind in ("docker", "containerd", "buildkitd", "incus")),
)
DIRECTORIES = ("_lima/_disks", "_lima/_config", "_lima", "_store", "default")  # deepest first


@dataclass(frozen=True)
class Folder:
    """`machines` by Lima's names: "colima" is the default one, "colima-NAME" another's.

    `others` are files that neither colima nor Lima has written for the default machine, the first
    few; `has_own` says whether there are any that they have.
    """

    is_there: bool = False
    machines: frozenset[str] = frozenset()
    has_own: bool = False
    others: tuple[str, ...] = ()


class ColimaFolder(FactBase[Folder]):
    """The files below a directory; Lima's own begin with `_` (`_config`, `_disks`, `_networks`)."""

    def command(self, home: str) -> str:
        """Looks at names only."""
        paths = " ".join(OWN)
        pruned = " ".join(f"-path ./{path} -prune -o" for path in OWN)
        return (
            f"cd {shlex.quote(home)} 2>/dev/null || exit 0; echo there; "
            'for one in _lima/*; do [ -d "$one" ] && echo "machine ${one#*/}"; done; '
            f'for one in {paths}; do [ -e "$one" ] || [ -L "$one" ] && echo own; done; '
            f"find . {pruned} ! -type d -print | head -n 20 | sed 's|^\\./|other |'"
        )

    @staticmethod
    def default() -> Folder:
        """There is no such directory."""
        return Folder()

    def process(self, output: list[str]) -> Folder:
        """`there`, then `machine NAME`, `own` or `other PATH`, one a line."""
        told = [line.partition(" ")[::2] for line in output]
        return Folder(
            is_there=True,
            machines=frozenset(
                name for kind, name in told if kind == "machine" and not name.startswith("_")
            ),
            has_own="own" in output,
            others=tuple(path for kind, path in told if kind == "other"),
        )
