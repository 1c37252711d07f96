"""`python -m tests.maclab sources`: every simulated command and where it was seen; then guesses."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module

from .brew import sources as brew
from .brew.main import COMMANDS as BREW_COMMANDS
from .commands.call import COMMANDS, Command
from .commands.main import load_all


def listing(commands: Iterable[Command]) -> str:
    """Commands with their source, then what is guessed of them; each part with its count."""
    sourced: dict[str, list[str]] = {}  # names by text: many commands are alike
    guessed: dict[str, list[str]] = {}
    for one in sorted(commands, key=lambda one: one.name):
        if one.source:
            sourced.setdefault(one.source, []).append(one.name)
        for guess in one.guesses:
            guessed.setdefault(guess, []).append(one.name)
    total = sum(map(len, sourced.values()))
    parts = ((f"{total} commands with a source", sourced), (f"{len(guessed)} guesses", guessed))
    return "\n".join(
        "\n".join([title, *(f"  {', '.join(names)}: {text}" for text, names in told.items())])
        for title, told in parts
    )


def brew_total() -> str:
    """How much of the simulated brew was recorded, and how much is guessed."""
    for module in sorted({target.partition(".")[0] for target in BREW_COMMANDS.values()}):
        import_module(f"{brew.__package__}.{module}")
    sourced = sum(bool(one.recordings or one.documents) for one in brew.ORIGINS)
    guesses = sum(bool(one.guess) for one in brew.ORIGINS)
    return (
        f"brew: {sourced} behaviours with a source, {guesses} guesses "
        "(python -m tests.maclab.brew sources)"
    )


def main(arguments: list[str]) -> int:
    if arguments != ["sources"]:
        print("usage: python -m tests.maclab sources", file=sys.stderr)
        return 2
    load_all()
    print(listing(COMMANDS.values()))
    print(brew_total())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
