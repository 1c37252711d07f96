"""What a proof says: a verdict, the figures that it rests on, and whatever differs."""

from __future__ import annotations

from dataclasses import asdict, dataclass

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
class BrokenLink:
    """A link within the site that leads nowhere: the author's to mend, no fault of the server.

    `kind` is "link.missing" (no such page or file) or "link.anchor" (no such place in the page).
    `page` is the first page, by path, that has it; `pages` is how many have it.
    """

    kind: str
    link: str
    page: str
    pages: int

    def __str__(self) -> str:
        """One sentence, without a full stop."""
        others = "" if self.pages == 1 else f" and {_count(self.pages - 1, 'other page')}"
        what = "no such place in that page" if self.kind == "link.anchor" else "no such page"
        return f"{self.page}{others}: link to {self.link}: {what}"


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
    warnings: tuple[BrokenLink, ...]

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
        links = f"; {_count(len(self.warnings), 'broken link')}" if self.warnings else ""
        return (
            f"Proved: {files} of build {self.build_id} served byte for byte as built "
            f"({requests}, {self.bytes / 1e6:.1f} MB, {self.seconds:.1f} s){links}."
        )

    def as_json(self) -> dict[str, object]:
        """The proof for programs; `version` changes when a key changes its meaning or goes."""
        return {"version": JSON_VERSION, "ok": self.ok, "summary": self.summary, **asdict(self)}


def _more(faults: tuple[Fault, ...]) -> str:
    if len(faults) == 1:
        return f"{faults[0]}."
    return f"{_count(len(faults), 'difference')}; the first: {faults[0]}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
