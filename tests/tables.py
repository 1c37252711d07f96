"""The tables that the suite prints at its end: of what tests stand for, and what became of them.

A test says what it stands for with a mark. Where the suite runs in parts, the parts write what they
have seen into the file that `TABLES` names, and `run.py` prints the tables of all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import traits
from tests.faults import matrix
from tests.lab import breakages

VARIABLE = "TABLES"


class Seen(NamedTuple):
    """One mark of one test: its name and arguments, and whether the test has passed."""

    mark: str
    arguments: Sequence[Any]
    passed: bool


def _not_compared(rows: Sequence[tuple[Sequence[Any], bool]]) -> list[str]:
    return [f"{machine:8} {place}: {why}" for (machine, place, why), _ in rows]


# Mark: the table's title, and its lines.
TABLES: dict[str, tuple[str, Callable[[Sequence[tuple[Sequence[Any], bool]]], list[str]]]] = {
    "trait": ("traits of sites", traits.table),
    "breakage": ("breakages after an upgrade of macOS", breakages.table),
    "fault": ("faults, and what one more plain run made of them", matrix.table),
    "not_compared": ("after an undo all is as it was; not compared are", _not_compared),
}
_SEEN = pytest.StashKey[list[Seen]]()


def not_compared(machine: str, places: Mapping[str, str]) -> Callable[[Any], Any]:
    """Have what a test of `undo` does not compare, and why, printed at the end."""

    def marked(test: Any) -> Any:
        for place, why in places.items():
            test = pytest.mark.not_compared(machine, place, why)(test)
        return test

    return marked


def tables(seen: Sequence[Seen]) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of each table that has any."""
    for mark, (title, table) in TABLES.items():
        rows = [(one.arguments, one.passed) for one in seen if one.mark == mark]
        lines = table(rows) if rows else []
        if lines:
            yield title, lines


def told(file: Path) -> list[Seen]:
    """What parts of the suite have written."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Seen(*json.loads(line)) for line in lines]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what became of what a test stands for."""
    report = yield
    if report.when == "call" or report.failed:
        seen = item.config.stash.setdefault(_SEEN, [])
        for name in TABLES:
            marks = item.iter_markers(name)
            seen += [Seen(name, mark.args, report.passed) for mark in marks]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables, or leave them to who runs the parts."""
    seen = terminalreporter.config.stash.get(_SEEN, [])
    if os.environ.get(VARIABLE):
        with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(one) + "\n" for one in seen))
        return
    for title, lines in tables(seen):
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)
