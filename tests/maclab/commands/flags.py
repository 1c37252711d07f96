"""Command line options as Go's pflag reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class UnknownFlag(Exception):
    """An option that the command does not have; the message is pflag's."""


def parse(
    words: Iterable[str], valued: Mapping[str, str], switches: Mapping[str, str]
) -> tuple[dict[str, list[str]], list[str]]:
    """Values by long name, and the other words. Both maps: long name -> letter, or "".

    Raises:
        UnknownFlag: a word is no option of these, or lacks its value.
    """
    letters = {letter: name for name, letter in [*valued.items(), *switches.items()] if letter}
    told: dict[str, list[str]] = {}
    others: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return told, others + rest
        if not word.startswith("-") or word == "-":
            others.append(word)
            continue
        name, value = _split(word, letters)
        if name in switches:
            value = "true" if value is None else value
        elif name not in valued:
            raise UnknownFlag(_unknown(word))
        elif value is None:
            if not rest:
                raise UnknownFlag(f"flag needs an argument: {word}")
            value = rest.pop(0)
        told.setdefault(name, []).append(value)
    return told, others


def _split(word: str, letters: Mapping[str, str]) -> tuple[str, str | None]:
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        return name, value if equals else None
    value = word[2:].removeprefix("=")
    return letters.get(word[1], ""), value or None


def _unknown(word: str) -> str:
    if word.startswith("--"):
        return f"unknown flag: {word.partition('=')[0]}"
    return f"unknown shorthand flag: {word[1]!r} in {word}"
