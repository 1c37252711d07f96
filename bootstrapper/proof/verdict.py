"""What a proof says: a verdict, the figures that it rests on, and whatever differs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import groupby

JSON_VERSION = 1


@dataclass(frozen=True)
class Fault:
    """One thing that is served otherwise than it was built.

    `kind` is stable: what was asked and what was wrong with the answer ("file.content",
    "redirect.location", "unknown.status", "server.stranger", …). `path` is the URL's path;
    `expected` and `got` are for a person.
    """

    kind: str
    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        """One sentence, without a full stop."""
        return f"{self.path}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class Flaw:
    """Something in what was built that a reader will miss: the author's to mend, no fault of the
    server.

    `kind` is stable ("link.missing", "image.truncated", …). `page` is the file that has it (the
    first one by path), `pages` how many have it, `line` where it stands (0: nobody looked), `link`
    the address that it is about, `why` how it was seen where the kind alone does not say it.
    """

    kind: str
    link: str
    page: str
    pages: int = 1
    line: int = 0
    why: str = ""

    @property
    def mend(self) -> str:
        """What to do about it, in one sentence."""
        return _KINDS[self.kind][1]

    def __str__(self) -> str:
        """One sentence, without a full stop."""
        place = f"{self.page}, line {self.line}" if self.line else self.page
        others = "" if self.pages == 1 else f" and {_count(self.pages - 1, 'other page')}"
        about = f"{_noun(self.kind)} {self.link}: " if self.link else ""
        return f"{place}{others}: {about}{self.why or _KINDS[self.kind][0]}"


_KINDS = {
    "link.missing": ("no such page", "Mend the link, or write the page."),
    "link.anchor": (
        "no such place in that page",
        "Mend what stands behind the #, or give the place this id.",
    ),
    "link.baseurl": (
        "it leaves out the site's baseurl",
        "Write it with the filter relative_url: {{ '/about/' | relative_url }}.",
    ),
    "link.insecure": (
        "loaded over http by a page that is read over https",
        "Write https://, or a path of the site: browsers block such things, or show a warning.",
    ),
    "feed.invalid": (
        "no well-formed XML",
        "Escape what stands there with the filter xml_escape: no reader takes the feed as it is.",
    ),
    "feed.link": (
        "no such page",
        "Write the entry's address from the post's url with the filter absolute_url.",
    ),
    "sitemap.invalid": (
        "no well-formed XML",
        "Escape what stands there with the filter xml_escape: no search engine takes it as it is.",
    ),
    "sitemap.link": (
        "no such page",
        "Take the address out, or write it from the page's url with the filter absolute_url.",
    ),
    "image.empty": ("no bytes", "Put the picture there again."),
    "image.truncated": ("its end is missing", "Copy it again from where it came from."),
    "image.unreadable": (
        "no picture",
        "Put the picture there again, as PNG, JPEG, GIF, WebP or SVG.",
    ),
}


def _noun(kind: str) -> str:
    return "entry" if kind in ("feed.link", "sitemap.link") else "link to"


def shown(flaws: Iterable[Flaw], most: int) -> tuple[str, ...]:
    """For each kind the first `most` flaws, how many more there are, and what mends them."""
    lines: list[str] = []
    for _, group in groupby(sorted(flaws, key=lambda flaw: flaw.kind), lambda flaw: flaw.kind):
        its = list(group)
        lines += [f"warning: {flaw}" for flaw in its[:most]]
        if len(its) > most:
            lines.append(f"… and {len(its) - most:,} more of this kind, all with --json")
        lines.append(f"→ {its[0].mend}")
    return tuple(lines)


@dataclass(frozen=True)
class Proof:
    """The verdict. `bytes` counts what was received and compared, `files` what was built."""

    build_id: str
    base_url: str
    files: int
    bytes: int
    requests: int
    seconds: float
    faults: tuple[Fault, ...]
    warnings: tuple[Flaw, ...]

    @property
    def ok(self) -> bool:
        """Whether every byte served is the byte that was built."""
        return not self.faults

    @property
    def summary(self) -> str:
        """The verdict in one line of words."""
        if not self.ok:
            return f"Not proved: {_more(self.faults)}"
        files, requests = _count(self.files, "file"), _count(self.requests, "request")
        return (
            f"Proved: {files} of build {self.build_id} served byte for byte as built "
            f"({requests}, {self.bytes / 1e6:.1f} MB, {self.seconds:.1f} s){self._flaws}."
        )

    def as_json(self) -> dict[str, object]:
        """The proof for programs; `version` changes when a key changes its meaning or goes."""
        told = {"version": JSON_VERSION, "ok": self.ok, "summary": self.summary, **asdict(self)}
        warnings = [{**asdict(flaw), "mend": flaw.mend} for flaw in self.warnings]
        return {**told, "warnings": warnings}

    @property
    def _flaws(self) -> str:
        links = sum(flaw.kind in _BROKEN for flaw in self.warnings)
        others = len(self.warnings) - links
        told = [_count(links, "broken link")] if links else []
        told += [_count(others, "other warning" if links else "warning")] if others else []
        return "".join(f"; {text}" for text in told)


_BROKEN = ("link.missing", "link.anchor", "link.baseurl")


def _more(faults: tuple[Fault, ...]) -> str:
    if len(faults) == 1:
        return f"{faults[0]}."
    return f"{_count(len(faults), 'difference')}; the first: {faults[0]}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
