"""Command lines: options of a command, and the names after them."""

from __future__ import annotations

from collections.abc import Iterable

from .console import Failure

_COMMON = ("quiet", "verbose", "debug", "help")
_SHORT = {"q": "quiet", "v": "verbose", "d": "debug", "f": "force", "n": "dry-run", "y": "yes"}
_SAME = {"formulae": "formula", "casks": "cask", "no-ask": "yes", "as-dependency": "as-dependency"}


class UsageError(Failure):
    """The command line is wrong; the usage would be printed before the error."""


class Options:
    """What was typed after a command: options, with their values if they have one, and names."""

    def __init__(self, given: dict[str, str], names: list[str]) -> None:
        self.given = given
        self.names = names

    def __contains__(self, option: object) -> bool:
        return option in self.given

    def value(self, option: str, default: str = "") -> str:
        return self.given.get(option, default)


def parse(arguments: Iterable[str], known: str) -> Options:
    """Read a command line. `known` are the options of the command, separated by blanks.

    Raises:
        UsageError: an option is unknown.
    """
    allowed = {*known.split(), *_COMMON}
    given: dict[str, str] = {}
    names: list[str] = []
    for argument in arguments:
        if argument == "--":
            continue
        if not argument.startswith("-") or argument == "-":
            names.append(argument)
            continue
        for option, value in _options(argument):
            if option not in allowed:
                raise UsageError(f"invalid option: {argument}")
            given[option] = value
    return Options(given, names)


def _options(argument: str) -> list[tuple[str, str]]:
    if argument.startswith("--"):
        name, _, value = argument[2:].partition("=")
        return [(_SAME.get(name, name), value)]
    return [(_SHORT.get(letter, letter), "") for letter in argument[1:]]
