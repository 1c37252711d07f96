"""`update`: what is locked after a run, and when the lock is left as it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bootstrapper.answers import FactFailed
from bootstrapper.lock import NAME, LockError, read_lock, write_lock
from bootstrapper.renewing import renew
from bootstrapper.results import Failure, MachineResult, OperationResult
from deploys.parts import Parts

OLD = Parts(formulae={"colima": "0.9.1"}, gems={"jekyll": "4.3.1"})
NEW = Parts(formulae={"colima": "0.10.0"}, gems={"jekyll": "4.3.1"})
DEBIAN = Parts(base_images={"bootstrapper/builder:x": "local"})


@dataclass
class Machines:
    """Machines after a run: what each is made of, and what came of the run."""

    folder: Path
    made_of: dict[str, tuple[str, Parts] | FactFailed]
    status: Any = "changed"
    proved: bool = True
    lines: list[str] = field(default_factory=list)

    def renew(self) -> int:
        return renew(self.session, lambda _: 0)

    @property
    def session(self) -> Any:
        operation = OperationResult("@local", "blog", "it", self.status)
        return SimpleNamespace(
            options=SimpleNamespace(inventory=self.folder / "team.py"),
            settings=dict.fromkeys(self.made_of),
            results={name: MachineResult(name, (operation,)) for name in self.made_of},
            verdicts={"@local": SimpleNamespace(ok=self.proved)},
            terminal=SimpleNamespace(say=self.lines.append),
            engine=SimpleNamespace(ask=self.ask),
            renewed=None,
        )

    def ask(self, name: str, _: object) -> tuple[str, Parts]:
        answer = self.made_of[name]
        if isinstance(answer, FactFailed):
            raise answer
        return answer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_lock(tmp_path / NAME, {"macos": OLD, "debian-bookworm": DEBIAN})
    return tmp_path / NAME


def test_what_is_another_is_shown_and_other_kinds_of_machines_stay(path: Path) -> None:
    machines = Machines(path.parent, {"@local": ("macos", NEW)})
    assert machines.renew() == 0
    assert machines.lines[0] == "  \\[macos] colima 0.9.1 → 0.10.0"
    assert read_lock(path) == {"macos": NEW, "debian-bookworm": DEBIAN}


def test_where_nothing_is_another_the_file_is_not_touched(path: Path) -> None:
    before = path.stat()
    machines = Machines(path.parent, {"@local": ("macos", OLD)})
    machines.renew()
    assert "Nothing to renew" in machines.lines[0]
    assert path.stat() == before


@pytest.mark.parametrize(("status", "proved"), [("planned", True), ("failed", True), ("", False)])
def test_a_run_that_was_declined_or_failed_locks_nothing(
    path: Path, status: str, proved: bool
) -> None:
    machines = Machines(
        path.parent, {"@local": ("macos", NEW)}, status or "unchanged", proved=proved
    )
    machines.renew()
    assert "was left as it is" in machines.lines[0]
    assert read_lock(path) == {"macos": OLD, "debian-bookworm": DEBIAN}


def test_machines_that_differ_among_themselves_are_named_with_a_way_out(path: Path) -> None:
    machines = Machines(path.parent, {"ada": ("macos", OLD), "grace": ("macos", NEW)})
    with pytest.raises(LockError, match=r"ada and grace .*colima 0\.9\.1 → 0\.10\.0.*--limit ada"):
        machines.renew()
    assert read_lock(path) == {"macos": OLD, "debian-bookworm": DEBIAN}


def test_a_machine_that_gives_no_answer_locks_nothing(path: Path) -> None:
    failed = FactFailed("gems", "docker exec", [])
    assert isinstance(failed.failure, Failure)
    with pytest.raises(LockError, match="nothing was locked"):
        Machines(path.parent, {"@local": failed}).renew()
