"""Stage before all others, where there is a `bootstrap.lock`: what is here is what is locked."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.operations import lock as operations
from deploys.settings import settings


@deploy("Lock")
def lock() -> None:
    """Looks only; with `--locked` it refuses, before anything is touched."""
    operations.kept(name="what is locked", settings=settings())
