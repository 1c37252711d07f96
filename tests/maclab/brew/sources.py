"""Where each simulated behaviour comes from: recordings of the real brew, its source, a guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

Behaviour = TypeVar("Behaviour", bound=Callable[..., object])


class Origin(NamedTuple):
    """One behaviour and where it was seen; an origin without sources is a guess and says why."""

    behaviour: str
    recordings: tuple[str, ...]
    documents: tuple[str, ...]
    guess: str


ORIGINS: list[Origin] = []


def source(
    *recordings: str, documents: tuple[str, ...] = (), guess: str = ""
) -> Callable[[Behaviour], Behaviour]:
    """Name the recordings and documents that a behaviour is taken from, and what is a guess."""

    def note(behaviour: Behaviour) -> Behaviour:
        where = f"{behaviour.__module__.rpartition('.')[2]}.{behaviour.__qualname__}"
        ORIGINS.append(Origin(where, recordings, documents, guess))
        return behaviour

    return note


def listing() -> str:
    """Every behaviour with its sources, one a line; guesses last."""
    sourced = [origin for origin in ORIGINS if origin.recordings or origin.documents]
    lines = [
        f"{origin.behaviour}: {', '.join(origin.recordings + origin.documents)}"
        for origin in sorted(sourced)
    ]
    lines += [
        f"{origin.behaviour}: guess: {origin.guess}" for origin in sorted(ORIGINS) if origin.guess
    ]
    return "\n".join(lines)
