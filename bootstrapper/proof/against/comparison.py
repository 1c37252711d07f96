"""What a comparison with the old site came to: figures, differences, words."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from itertools import groupby

from bootstrapper.proof.against.differences import MEANINGS, Difference

JSON_VERSION = 1
_SHOWN_LOST = 20
_SHOWN_PAGES = 8


@dataclass(frozen=True)
class Comparison:
    """The old site and the new one, page by page.

    `source` says where the pages are known from ("sitemap" or "crawl"), `pages` how many were
    compared, `left` how many known ones were not (a crawl may find more). `trouble` is why it
    ended early, empty if it did not; `notes` are what else the user should know.
    """

    old_url: str
    new_url: str
    build_id: str
    source: str = ""
    pages: int = 0
    left: int = 0
    seconds: float = 0.0
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def lost(self) -> tuple[Difference, ...]:
        """The pages that the new site has not."""
        return tuple(difference for difference in self.differences if difference.kind == "lost")

    @property
    def is_whole(self) -> bool:
        """Whether every page was compared."""
        return not self.left and not self.trouble

    @property
    def ok(self) -> bool:
        """Whether every page was compared, and none would be lost."""
        return self.is_whole and not self.lost

    @property
    def counts(self) -> dict[str, int]:
        """How many differences there are of each kind."""
        return dict(Counter(difference.kind for difference in self.differences))

    @property
    def summary(self) -> str:
        """What it came to in one line of words."""
        if not self.pages:
            return self.trouble or f"{self.old_url} has no page to compare."
        done = f"{_count(self.pages, 'page')} of {self.old_url} compared"
        if self.left:
            done += f", {self.left:,} to go (run it again to go on)"
        if self.lost:
            return f"{_count(len(self.lost), 'page')} would be lost: {done}."
        verdict = "Nothing would be lost" if self.is_whole else "Nothing lost so far"
        return f"{verdict}: {done}, {self._others()}."

    @property
    def details(self) -> tuple[str, ...]:
        """What is lost, what else differs page by page, how often, and what else to know."""
        lost = _first(list(map(str, self.lost)), _SHOWN_LOST)
        others = [one for one in self.differences if one.kind != "lost"]
        by_page = groupby(sorted(others, key=lambda one: one.path), key=lambda one: one.path)
        pages = _first([_line(path, list(its)) for path, its in by_page], _SHOWN_PAGES)
        counted = [f"In all: {self._others()}."] if others and self.lost else []
        trouble = [self.trouble] if self.trouble and self.pages else []
        return (*lost, *pages, *counted, *trouble, *(f"note: {note}" for note in self.notes))

    def as_json(self) -> dict[str, object]:
        """The comparison for programs; `version` changes when a key changes its meaning or goes."""
        told = {"version": JSON_VERSION, "ok": self.ok, "summary": self.summary}
        return {**told, "counts": self.counts, **asdict(self)}

    def _others(self) -> str:
        counts = Counter(one.kind for one in self.differences if one.kind != "lost")
        told = [f"{MEANINGS[kind]}: {number:,}" for kind, number in counts.most_common()]
        return ", ".join(told) or "no other difference"


def _line(path: str, differences: list[Difference]) -> str:
    told = "; ".join(f"{MEANINGS[one.kind]}: {one.old} → {one.new}" for one in differences)
    return f"{path}: {told}"


def _first(lines: list[str], number: int) -> list[str]:
    more = len(lines) - number
    return lines[:number] + ([f"… and {more:,} more pages, in the log"] if more > 0 else [])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
