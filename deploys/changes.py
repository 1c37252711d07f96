"""What an operation changes, and what was there before: said just before it yields the command.

The engine writes it into the journal before that command runs; `undo` reads it there. Under the
stock `pyinfra` command nobody collects, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from pyinfra.context import host

Kind = Literal[
    "tools",  # Apple's Command Line Tools
    "homebrew",
    "tap",
    "trust",
    "formula",
    "cask",
    "vm",  # colima's virtual machine
    "packages",  # Debian's
    "service",  # systemd's or an init script's, that was stopped
    "daemon",  # an engine that was started directly
    "group",
    "container",
    "network",
    "image",
    "block",  # lines between two markers in a file of the user's
    "file",  # a file that others have a part in: Docker's configuration, ssh's
    "directory",  # one of ours alone
    "left",  # what is not taken back, and `before` says why
]
KINDS: tuple[Kind, ...] = get_args(Kind)

# What has to be known of a change to take it back: texts, truths, and lists of texts.
_TOLD: Mapping[Kind, Mapping[str, type]] = {
    "trust": {"what": str},
    "formula": {"there": list},
    "cask": {"apps": list, "there": list},
    "vm": {"home": str},
    "packages": {"came": list},
    "service": {"enabled": bool, "init": str},
    "group": {"user": str},
    "file": {"what": str, "folders": list},
    "left": {"why": str},
}

_KEY = "bootstrapper_changes"


@dataclass(frozen=True)
class Change:
    """One change. `before` is what has to be known to take it back, in values that JSON has;
    `content` are the bytes that a file had, None where there was no file."""

    kind: Kind
    target: str
    before: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None


def is_whole(change: Change) -> bool:
    """Whether all is known that taking it back needs: what was read may have been damaged."""
    before, told = change.before, dict(_TOLD.get(change.kind, {}))
    if before.get("what") == "ssh":
        told["line"] = str
    return all(isinstance(before.get(key), kind) for key, kind in told.items()) and all(
        _is_text(value) for value in (change.target, *_texts(before))
    )


def _texts(before: Mapping[str, Any]) -> Iterator[Any]:
    for value in before.values():
        if isinstance(value, list):
            yield from value
        elif not isinstance(value, bool):
            yield value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


@dataclass(frozen=True)
class Made:
    """A change that the journal knows of and that was not taken back yet.

    `finished`: its command was seen to succeed. `begun` and `ended` are seconds since the epoch,
    `ended` 0 where nobody saw the end. `kept` is where the former bytes of a file lie.
    """

    change: Change
    entries: tuple[int, ...] = ()
    finished: bool = True
    begun: float = 0.0
    ended: float = 0.0
    kept: Path | None = None

    @property
    def target(self) -> str:
        """What was changed."""
        return self.change.target


def change(kind: Kind, target: str, *, content: bytes | None = None, **before: object) -> None:
    """Say what the next command changes. Called from inside an operation's generator."""
    said = Change(kind, target, before, content)
    host.connector_data.setdefault(_KEY, []).append(said)


def left(target: str, why: str) -> None:
    """Say that the next command does what `undo` leaves as it is; `why` ends in a full stop."""
    change("left", target, why=why)


def take_changes(connector_data: dict[str, object]) -> tuple[Change, ...]:
    """What was said on a host since the last call; the engine calls this before each command."""
    return tuple(cast("list[Change]", connector_data.pop(_KEY, [])))
