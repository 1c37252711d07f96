"""Taking back: what the operations of `undo` share. What each needs is in `undo_*`.

Each looks at one change of the journal. What is gone already needs nothing; what has to stay is
said, and stays in the journal.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api import operation
from pyinfra.context import host

from deploys.build import container_engine
from deploys.changes import Kind, Made
from deploys.facts.docker_contents import Contents, EngineContents
from deploys.facts.mac_engine import ENGINES, MacEngines
from deploys.facts.machine import ThisMachine
from deploys.findings import found
from deploys.operations import Commands

_SHOWN = 6


@dataclass(frozen=True)
class Undoing:
    """All that is to be taken back of one machine, newest first. `everything`: also what is kept
    by default."""

    made: tuple[Made, ...]
    everything: bool = False

    def targets(self, kind: Kind) -> tuple[str, ...]:
        """Everything of one kind; what `was` another name before is ours if that was made here."""
        made = [one for one in self.made if one.change.kind == kind]
        names = {one.target for one in made}
        ours = [one for one in made if one.change.before.get("was", one.target) in names]
        return tuple(one.target for one in ours)


@operation()
def left(made: Made, undoing: Undoing) -> Commands:
    """Say what is left as it is, and why; a machine that goes has not been left running."""
    if made.target in undoing.targets("vm"):
        return
    kept(f"{made.target}: {made.change.before['why']}", code="undo.left")
    yield from ()


def kept(what: str, mend: str = "", code: str = "undo.kept") -> None:
    """Say that something is left as it is; `what` is "NAME: because of this."."""
    found(code, f"Left as it is: {what}", mend=mend, severity="notice")


def contents(of: str = "") -> Contents | None:
    """What is in the engine that answers, or None; also None if `of` names another engine."""
    engine = container_engine()
    if not engine.answers or (of and engine.name != of):
        return None
    return host.get_fact(EngineContents, client=engine.client)


def others_in_engine(undoing: Undoing) -> tuple[str, ...]:
    """What the engine that answers has of others."""
    inside = contents()
    return inside.of_others(undoing.targets("image")) if inside else ()


def engine_is_gone(name: str) -> bool:
    """Whether an engine is not installed any more, so that nothing of ours can be in it."""
    if host.get_fact(ThisMachine).is_mac:
        there = host.get_fact(MacEngines).engines
        return name not in there if name in ENGINES else not there
    engine = container_engine()
    return not engine.answers and not engine.daemon and not engine.endpoint


def listed(words: tuple[str, ...]) -> str:
    """Some of them, and how many more."""
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
