"""What the user asked for on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_INVENTORIES = Path(__file__).resolve().parent.parent / "inventories"


@dataclass(frozen=True)
class Options:
    """The options that every command takes; `settings` are the `KEY=VALUE` of `--set`.

    `locked` refuses to differ from the lock. `plan` and `everything` are of `undo`: only show it;
    take back what is kept by default too. `against` and `pages` are `verify`'s: an old site, and
    how many pages of it a run compares.
    """

    inventory: Path = _INVENTORIES / "laptop.py"
    limit: tuple[str, ...] = ()
    blog: str | None = None
    settings: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    yes: bool = False
    as_json: bool = False
    verbose: bool = False
    plan: bool = False
    everything: bool = False
    locked: bool = False
    against: str | None = None
    pages: int | None = None


@dataclass(frozen=True)
class PreviewOptions:
    """What the command `preview` takes besides; without a port, the one after the blog's."""

    port: int | None = None
    drafts: bool = False
    future: bool = False
    in_browser: bool = False
