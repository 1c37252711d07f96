"""What the record keeps of a machine's parts, and how a later run tells what became of them."""

from __future__ import annotations

import pytest

from bootstrapper.versions import changes


def test_what_changed_since_the_last_run_is_said_part_by_part() -> None:
    before = {
        "macOS": "26.6 (25G72)",
        "Homebrew": "6.0.22",
        "container engine": "colima 29",
        "Rosetta": "1",
        "ruby@3.4": "3.4.9",
        "gem jekyll": "4.4.1",
        "same": "2",
    }
    now = {
        "macOS": "27.0.1 (26A434)",
        "Homebrew": "7.0.7",
        "ruby@3.4": "3.4.10",
        "lima": "2.2.0",
        "gem rouge": "4.5",
        "same": "2",
    }
    assert changes(before, now) == (
        "macOS 26.6 (25G72) → 27.0.1 (26A434)",
        "Homebrew 6.0.22 → 7.0.7",
        "Rosetta is gone (it was 1)",
        "ruby@3.4 3.4.9 → 3.4.10",
        "gem jekyll is gone (it was 4.4.1)",
        "lima is new (2.2.0)",
        "gem rouge is new (4.5)",
    )


@pytest.mark.parametrize("name", ["container engine", "virtual machine", "Homebrew"])
def test_what_may_only_be_off_is_not_called_gone(name: str) -> None:
    assert changes({name: "29"}, {}) == ()
