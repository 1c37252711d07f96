"""The stages of a run, in their order."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True)
class Stage:
    """One capability of a machine.

    `needs` names the stages that have to be done before its facts can be trusted: as long as they
    have something to do, its plan is a prediction. Nothing of it can be seen without the one
    that `seen_through` names: a container, without the engine.
    """

    name: str
    title: str
    needs: tuple[str, ...] = ()
    seen_through: str = ""

    def deploy(self) -> None:
        """Declare the stage's operations on the current host.

        The deploy is imported only now: it brings pyinfra, which `--help` does without.
        """
        getattr(importlib.import_module(f"deploys.{self.name}"), self.name)()

    def questions(self) -> tuple[Callable[[], object], ...]:
        """What the stage is sure to ask of the current host; `deploys/ahead.py` has it."""
        ahead = importlib.import_module("deploys.ahead")
        return cast(tuple[Callable[[], object], ...], ahead.QUESTIONS.get(self.name, ()))


STAGES = (
    Stage("machine", "Machine"),
    Stage("command_line_tools", "Command Line Tools", needs=("machine",)),
    Stage("homebrew", "Homebrew", needs=("command_line_tools",)),
    Stage("container_engine", "Container engine", needs=("machine", "homebrew")),
    Stage("ruby", "Ruby", needs=("machine", "homebrew")),
    Stage("shell", "Shell", needs=("homebrew",)),
    Stage("blog", "Blog", needs=("container_engine",), seen_through="container_engine"),
)
LOCK = Stage("lock", "Lock")  # comes before the others, where there is one; it only looks
PROOF = Stage("proof", "Proof", needs=("blog",))  # follows the others, and declares nothing
