"""Reads every finding out of the operations' own source: code, symptom, meaning, mend."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SEVERITY = {"change": "mended", "notice": "said", "refusal": "needs you"}


@dataclass(frozen=True)
class Row:
    """A finding as its author wrote it; what is only known on a machine is an ellipsis."""

    code: str
    seen: str
    means: str
    mend: str
    severity: str


def rows(folder: Path) -> list[Row]:
    """Each call of `found` and `refuse` below a folder, by code."""
    found = {
        (row.code, row.seen): row
        for file in sorted(folder.rglob("*.py"))
        for row in _of_module(ast.parse(file.read_text(encoding="utf-8")))
    }
    return sorted(found.values(), key=lambda row: (row.code, row.seen))


def table(found: list[Row]) -> str:
    """A Markdown page."""
    lines = [
        "# Findings",
        "",
        "Everything that `plan`, `doctor` and `undo` can find, by its code. *mended*: the run does",
        "it; *said*: for you to know; *needs you*: the run ends there, and says what to do.",
        "Made from the operations by `make docs`; an ellipsis stands for what depends on",
        "the machine.",
        "",
        "| code | what is seen | what it means | what mends it | |",
        "|---|---|---|---|---|",
    ]
    for row in found:
        cells = (f"`{row.code}`", row.seen, row.means, row.mend, _SEVERITY[row.severity])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _of_module(tree: ast.Module) -> Iterator[Row]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id not in ("found", "refuse") or len(node.args) < 2:
            continue
        if not isinstance(node.args[0], ast.Constant):
            continue
        words = {word.arg: word.value for word in node.keywords}
        severity = _text(words["severity"]) if "severity" in words else "change"
        yield Row(
            code=str(node.args[0].value),
            seen=_text(node.args[1]),
            means=_text(words["means"]) if "means" in words else "",
            mend=_text(words["mend"]) if "mend" in words else "",
            severity="refusal" if node.func.id == "refuse" else severity,
        )


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "…"
