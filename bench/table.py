"""The table that the benchmark prints: budgets, what was measured, and what others need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.measure import Sample

Unit = Literal["s", "MB", "times"]


@dataclass(frozen=True)
class Rival:
    """What a user would use instead, and what it needs for the same; in the row's unit."""

    name: str
    sample: Sample


@dataclass(frozen=True)
class Row:
    """One thing measured, and its budget if it has one."""

    what: str
    sample: Sample
    budget: float | None = None
    unit: Unit = "s"
    rivals: tuple[Rival, ...] = ()

    @property
    def verdict(self) -> str:
        """Whether the median keeps to the budget; nothing where there is none."""
        if self.budget is None:
            return ""
        return "held" if self.sample.median <= self.budget else "MISSED"


def gain(rival: Rival, sample: Sample) -> float:
    """How many times more the rival needs."""
    return rival.sample.median / sample.median


def render(rows: Sequence[Row]) -> str:
    """The rows as text; each rival stands on a line of its own below its row."""
    head = ("", "budget", "min", "median", "max", "")
    cells = [head, *(line for row in rows for line in _lines(row))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    return "\n".join(_join(line, widths) for line in cells)


def _lines(row: Row) -> list[tuple[str, ...]]:
    budget = "" if row.budget is None else f"≤ {row.budget:g} {row.unit}"
    lines: list[tuple[str, ...]] = [
        (row.what, budget, *_figures(row.sample, row.unit), row.verdict)
    ]
    for rival in row.rivals:
        times = f"{gain(rival, row.sample):.1f} times as much"
        lines.append((f"  {rival.name}", "", *_figures(rival.sample, row.unit), times))
    return lines


def _figures(sample: Sample, unit: Unit) -> tuple[str, str, str]:
    low, middle, high = (
        f"{value:.2f}" if value < 10 else f"{value:.0f}"
        for value in (sample.low, sample.median, sample.high)
    )
    return low, f"{middle} {unit}", high


def _join(line: tuple[str, ...], widths: Sequence[int]) -> str:
    what, *middle, verdict = line
    columns = [what.ljust(widths[0])]
    columns += [cell.rjust(width) for cell, width in zip(middle, widths[1:], strict=False)]
    return "  ".join([*columns, verdict]).rstrip()
