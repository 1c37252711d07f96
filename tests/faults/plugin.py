"""Gathers what became of the faults that tests have tried, and prints the matrix at the end."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.faults.matrix import KINDS, Tried, table

_TRIED = pytest.StashKey[list[Tried]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what became of the faults that a test stands for."""
    report = yield
    if report.when == "call" or report.failed:
        tried = item.config.stash.setdefault(_TRIED, [])
        for mark in item.iter_markers("fault"):
            kind, machine = mark.args
            assert kind in KINDS
            tried.append(Tried(kind, machine, report.passed))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The matrix, at the end of the suite."""
    tried = terminalreporter.config.stash.get(_TRIED, [])
    if tried:
        terminalreporter.section("faults, and what one more plain run made of them")
        for line in table(tried):
            terminalreporter.write_line(line)
