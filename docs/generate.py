"""Writes what is generated in the documents: the README's settings, and `findings.md`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args, get_origin

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

import findings_of_code  # noqa: E402 (the path comes first)

from deploys.settings import SAMPLE_BLOG, Settings  # noqa: E402 (the path comes first)

README = PROJECT / "README.md"
FINDINGS = PROJECT / "docs" / "findings.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"


def settings_table() -> str:
    """A Markdown table, one row a setting, in the order in which they are declared."""
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `{name}` | {_default(field.default)} | {_meaning(field)} |")
    return "\n".join(rows)


def findings_page() -> str:
    """`findings.md` as it should be."""
    return findings_of_code.table(findings_of_code.rows(PROJECT / "deploys"))


def renewed(readme: str) -> str:
    """The README with the table as it should be."""
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{settings_table()}\n{END}{tail}"


def _default(value: object) -> str:
    if value == str(SAMPLE_BLOG):
        return "`examples/blog`"
    return f"`{value!r}`" if value not in ("", []) else "none"


def _meaning(field: object) -> str:
    annotation = getattr(field, "annotation", None)
    choices = get_args(annotation) if "Literal" in str(get_origin(annotation)) else ()
    listed = f" ({', '.join(f'`{choice}`' for choice in choices)})" if choices else ""
    return f"{getattr(field, 'description', '')}{listed}".replace("|", "\\|")


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
    FINDINGS.write_text(findings_page(), encoding="utf-8")
