"""Reads every finding out of the operations' own source: code, symptom, meaning, mend, and where
it was seen."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Threads and files on GitHub as comments and docstrings name them: `owner/name#1, #2`, and
# `owner/name docs/FILE.md`
_SOURCES = re.compile(
    r"\b([\w.-]+/[\w.-]+)(?:(#\d+(?:(?:,| and) #\d+)*)| ([\w./-]+\.(?:md|sh|rb|go|swift)))"
)
_SEVERITY = {
    "change": "mended",
    "notice": "said",
    "refusal": "needs you",
    "refusal alone": "needs you, alone",
}


@dataclass(frozen=True)
class Row:
    """A finding as its author wrote it; what is only known on a machine is an ellipsis."""

    code: str
    seen: str
    means: str
    mend: str
    severity: str
    source: str


def rows(folder: Path) -> list[Row]:
    """Each call of `found` and `refuse` below a folder, by code."""
    found = {
        (row.code, row.seen): row
        for file in sorted(folder.rglob("*.py"))
        for row in _of_module(file.read_text(encoding="utf-8"))
    }
    return sorted(found.values(), key=lambda row: (row.code, row.seen))


def table(found: list[Row]) -> str:
    """A Markdown page."""
    lines = [
        "# Findings",
        "",
        "Everything that `plan`, `doctor` and `undo` can find, by its code. *mended*: the run does",
        "it; *said*: for you to know; *needs you*: nothing is changed before you have done what it",
        "says; *needs you, alone*: only what needs that stage waits for you, the rest is done.",
        "Made from the operations by `make docs`; an ellipsis stands for what depends on",
        "the machine. `owner/name#N` is a thread on GitHub.",
        "",
        "| code | what is seen | what it means | what mends it | | seen in |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        severity = _SEVERITY[row.severity]
        cells = (f"`{row.code}`", row.seen, row.means, row.mend, severity, row.source)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _of_module(text: str) -> Iterator[Row]:
    lines = text.splitlines()
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef):
            continue
        begin = function.lineno - 1
        for call in sorted(_calls(function), key=lambda call: call.lineno):
            end = call.end_lineno or call.lineno
            yield _row(call, _source(lines[begin:end], ast.get_docstring(function) or ""))
            begin = end


def _calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        named = len(node.args) >= 2 and isinstance(node.args[0], ast.Constant)
        if node.func.id in ("found", "refuse") and named:
            yield node


def _row(call: ast.Call, source: str) -> Row:
    code, words = call.args[0], {word.arg: word.value for word in call.keywords}
    assert isinstance(code, ast.Constant)
    assert isinstance(call.func, ast.Name)
    severity = _text(words["severity"]) if "severity" in words else "change"
    return Row(
        code=str(code.value),
        seen=_text(call.args[1]),
        means=_text(words["means"]) if "means" in words else "",
        mend=_text(words["mend"]) if "mend" in words else "",
        severity=_refusal(words) if call.func.id == "refuse" else severity,
        source=source,
    )


def _refusal(words: dict[str | None, ast.expr]) -> str:
    return "refusal alone" if "alone" in words else "refusal"


def _source(lines: list[str], about: str) -> str:
    """The threads and files that are named between the finding before and the end of this one, or
    in what is said about the function that has it."""
    told = " ".join([line.strip().removeprefix("# ") for line in lines] + about.split())
    named = (" ".join(filter(None, parts)) for parts in _SOURCES.findall(told))
    return ", ".join(dict.fromkeys(name.replace(" #", "#", 1) for name in named))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "…"
