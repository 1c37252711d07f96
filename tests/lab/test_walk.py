"""The README's walk: what a newcomer sees on the first run, the second, and after an upgrade.

`make walk` writes it anew; the test says when it is no longer what is seen.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.maclab.machine import Mac

from .conftest import Start
from .job import bootstrap

pytestmark = pytest.mark.debian

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- walk: begin -->", "<!-- walk: end -->"
COMMAND = "$ python3 bootstrap.py --blog ~/blog"
UPGRADE = (
    "macos 27.0.1 26A434 27.0.0",
    "offers 27.0",
    "pkgconf-of 26.6",
    "docker-app-removed",
    "colima-broken",
)


def test_the_readme_shows_what_is_seen(start: Start) -> None:
    seen = _walk(start("macos 26.6 25G72 25.6.0", "offers 26.6"))
    head, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    shown, _, tail = rest.partition(END)
    if os.environ.get("WALK") == "write":
        README.write_text(f"{head}{BEGIN}\n{seen}\n{END}{tail}", encoding="utf-8")
    else:
        assert _without_figures(shown) == _without_figures(seen), "make walk"


def _walk(mac: Mac) -> str:
    """Three runs on a simulated Mac, as Markdown."""
    parts = ["On a new Mac:", _run(mac), "The next day, and whenever you like:", _run(mac)]
    mac.prepare(*UPGRADE)
    return "\n\n".join([*parts, "The morning after the upgrade to macOS 27:", _run(mac)])


def _run(mac: Mac) -> str:
    run = bootstrap(mac, env={"TERM": "dumb"})
    assert run.returncode == 0, run.stdout
    lines = [COMMAND, *(line.rstrip() for line in run.stdout.strip().splitlines())]
    return "\n".join(["```text", *lines, "```"])


def _without_figures(text: str) -> str:
    """Without what is another each time: seconds, dates, the build's id."""
    text = re.sub(r"build [0-9a-f]{16}", "build ID", text)
    return re.sub(r"[0-9]+(\.[0-9]+)?", "N", text).strip()
