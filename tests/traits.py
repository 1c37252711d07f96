"""What a site of years may have about it, and what the tests here saw become of such a site.

A test that stands for a trait carries `@pytest.mark.trait(name, outcome)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# proved: built, served and proved for real. said: cannot be, and the author is told what to do.
OUTCOMES = ("proved", "said")

TRAITS = (
    "no Gemfile",
    "github-pages",
    "a gem theme",
    "a remote theme",
    "a theme's own repository",
    "plugins of GitHub's list",
    "plugins beyond that list",
    "a lock made on a Mac only",
    "an old BUNDLED WITH",
    "an old .ruby-version",
    "webrick, csv, base64, logger",
    "sassc",
    "sass-embedded",
    "Sass of npm's",
    "names and content not ASCII",
    "spaces in paths",
    "baseurl",
    "CNAME",
    "include and exclude",
    "drafts and future posts",
    "collections",
    "data files",
    "hundreds of megabytes",
    "links",
    "submodules",
    "Git LFS",
    "a site in a subfolder",
    "Markdown of long ago",
    "two posts of one address",
    "Liquid of long ago",
    "what GitHub would be asked for",
    "a folder called src",
)


def table(rows: Sequence[tuple[Sequence[Any], bool]]) -> list[str]:
    """One line a trait: the tests for it that passed, and what becomes of the site."""
    assert {(name in TRAITS, then in OUTCOMES) for (name, then), _ in rows} == {(True, True)}
    lines = [f"{'trait':34} {'passed':8} then"]
    for trait in TRAITS:
        seen = [(outcome, passed) for (name, outcome), passed in rows if name == trait]
        passed = f"{sum(passed for _, passed in seen)} of {len(seen)}" if seen else ""
        then = ", ".join(dict.fromkeys(outcome for outcome, _ in seen))
        lines.append(f"{trait:34} {passed:8} {then or 'not seen in this run'}")
    return lines
