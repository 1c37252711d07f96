"""A machine's own control groups, so that an engine inside shares none with the host's engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .waiting import wait_for

_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Cgroup:
    """One group by the same name in every hierarchy (version 1) or in the only one (version 2)."""

    groups: tuple[Path, ...]

    @classmethod
    def create(cls, name: str) -> Cgroup:
        groups = tuple(hierarchy / name for hierarchy in _hierarchies())
        for group in groups:
            group.mkdir()
            if group.parent.name == "cpuset":
                _inherit(group, "cpuset.cpus", "cpuset.mems")
        return cls(groups)

    @classmethod
    def existing(cls, name: str) -> Cgroup:
        return cls(tuple(hierarchy / name for hierarchy in _hierarchies()))

    @property
    def doors(self) -> tuple[Path, ...]:
        """The groups that a process of the machine joins; version 2 keeps processes in leaves."""
        return tuple(g / "init" if _version_2() else g for g in self.groups)

    def remove(self) -> None:
        """Remove the groups and all below. The machine's processes must have been told to end."""
        for group in self.groups:
            wait_for(partial(_removed, group), 10, f"{group} to lose its processes")


def _version_2() -> bool:
    return (_ROOT / "cgroup.controllers").exists()


def _hierarchies() -> list[Path]:
    if _version_2():
        return [_ROOT]
    mounted = (path for path in sorted(_ROOT.iterdir()) if not path.is_symlink())
    return [path for path in mounted if (path / "cgroup.procs").exists()]


def _inherit(group: Path, *files: str) -> None:
    # A new cpuset of version 1 is empty, and no process may join it so.
    for file in files:
        (group / file).write_text((group.parent / file).read_text())


def _removed(group: Path) -> bool:
    deepest_first = sorted(group.glob("**/"), key=lambda path: len(path.parts), reverse=True)
    for directory in deepest_first:
        try:
            directory.rmdir()
        except OSError:
            return False
    return True
