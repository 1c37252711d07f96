"""Proves the blog of one machine: what its container was built from against what it serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bootstrapper.engine import Engine
from bootstrapper.proof import Proof
from bootstrapper.results import Failure
from deploys.settings import Settings


@dataclass(frozen=True)
class Verdict:
    """A proof, or why none could be made."""

    proof: Proof | None = None
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        return self.proof is not None and self.proof.ok

    @property
    def summary(self) -> str:
        return self.proof.summary if self.proof else "the blog could not be checked"

    @property
    def details(self) -> tuple[str, ...]:
        return ()

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok}


def prove_blog(
    engine: Engine, machine: str, settings: Settings, on_progress: Callable[[int, int], None]
) -> Verdict:
    return Verdict(failure=Failure("not yet"))
