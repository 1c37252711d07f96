"""Taking back what the journal has: an operation a change, the newest first, none needs another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deploys.changes import Kind, Made
from deploys.operations import undo as shared
from deploys.operations import undo_debian, undo_docker, undo_files, undo_homebrew
from deploys.operations.undo import Undoing

_OPERATIONS: dict[Kind, Callable[..., Any]] = {
    "tools": undo_homebrew.tools,
    "homebrew": undo_homebrew.homebrew,
    "tap": undo_homebrew.tap,
    "trust": undo_homebrew.trust,
    "formula": undo_homebrew.formula,
    "cask": undo_homebrew.cask,
    "vm": undo_docker.vm,
    "container": undo_docker.container,
    "network": undo_docker.network,
    "image": undo_docker.image,
    "packages": undo_debian.packages,
    "service": undo_debian.service,
    "daemon": undo_debian.daemon,
    "group": undo_debian.group,
    "block": undo_files.block,
    "file": undo_files.file,
    "directory": undo_files.directory,
    "left": shared.left,
}


def title(made: Made) -> str:
    """What an operation is called: the same change has the same name."""
    return f"{made.change.kind} {made.target}"


def undo(undoing: Undoing) -> None:
    """Each change taken back by itself; one that cannot be does not stop the others."""
    for made in undoing.made:
        operation = _OPERATIONS[made.change.kind]
        operation(name=title(made), made=made, undoing=undoing, _ignore_errors=True)
