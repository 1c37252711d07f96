"""What brew says: headings, warnings and errors, on the right stream, coloured on a terminal."""

from __future__ import annotations

import os
import termios
import tty
from collections.abc import Mapping
from io import UnsupportedOperation
from typing import TextIO


class Failure(Exception):
    """The command ends with exit code 1; its message, where there is one, is an error line."""


class Console:
    """The two streams of one run. `hints` is whether HOMEBREW_NO_ENV_HINTS allows hints."""

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        environment: Mapping[str, str],
        keyboard: TextIO | None = None,
    ) -> None:
        self._out = out
        self._err = err
        self._keyboard = keyboard
        self.hints = "HOMEBREW_NO_ENV_HINTS" not in environment
        self._colour = _colour_wish(environment)

    @property
    def terminal(self) -> bool:
        return self._out.isatty()

    @property
    def interactive(self) -> bool:
        """Whether a question can be asked: both ends are terminals."""
        return self.terminal and self._keyboard is not None and self._keyboard.isatty()

    def out(self, text: str = "") -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def err(self, text: str = "") -> None:
        self._err.write(text + "\n")
        self._err.flush()

    def copy(self, out: str, err: str) -> None:
        """Repeat what another run said, stream by stream."""
        self._out.write(out)
        self._err.write(err)

    def heading(self, text: str) -> None:
        """A blue `==>` line on stdout."""
        self.out(self._arrow(text, "34", self._out))

    def heading_err(self, text: str) -> None:
        """A blue `==>` line on stderr."""
        self.err(self._arrow(text, "34", self._err))

    def step(self, text: str) -> None:
        """A green `==>` line on stdout."""
        self.out(self._arrow(text, "32", self._out))

    def step_err(self, text: str) -> None:
        """A green `==>` line on stderr."""
        self.err(self._arrow(text, "32", self._err))

    def warn(self, text: str) -> None:
        self.err(f"{self._marked('Warning:', '33')} {text}")

    def error(self, text: str) -> None:
        self.err(f"{self._marked('Error:', '31')} {text}")

    def ticked(self, text: str, done: bool = True) -> None:
        """A line of a download: fetched, or failed."""
        self.err(f"{self._marked('✔︎', '32') if done else self._marked('✘', '31')} {text}")

    def name(self, text: str) -> str:
        """A formula's name inside a green heading."""
        return f"\033[32m{text}\033[39m" if self._coloured(self._out) else text

    def bold(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self._coloured(self._out) else text

    def link(self, text: str) -> str:
        return f"\033[4m{text}\033[24m" if self._coloured(self._out) else text

    def hint(self, text: str) -> None:
        """How to turn something off, and how to hide such hints; nothing where they are hidden."""
        if self.hints:
            self.out(text)
            self.out("Hide these hints with `HOMEBREW_NO_ENV_HINTS=1` (see `man brew`).")

    def names(self, names: list[str]) -> None:
        """One name a line; in columns on a terminal."""
        if self.terminal and len(names) > 1:
            for line in columns(names, 100):
                self.out(line)
        else:
            for name in names:
                self.out(name)

    def key(self) -> str:
        """The key that was pressed, without waiting for a line; end of input is Ctrl-D."""
        assert self._keyboard is not None
        try:
            descriptor = self._keyboard.fileno()
        except UnsupportedOperation:
            return self._keyboard.read(1) or "\x04"
        before = termios.tcgetattr(descriptor)
        # Keys pressed before are kept, as they are typed ahead.
        tty.setcbreak(descriptor, termios.TCSANOW)
        try:
            return os.read(descriptor, 1).decode(errors="replace") or "\x04"
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _arrow(self, text: str, colour: str, stream: TextIO) -> str:
        if self._coloured(stream):
            return f"\033[{colour}m==>\033[0m \033[1m{text}\033[0m"
        return f"==> {text}"

    def _marked(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._coloured(self._err) else text

    def _coloured(self, stream: TextIO) -> bool:
        return stream.isatty() if self._colour is None else self._colour


def columns(names: list[str], width: int) -> list[str]:
    """Lay names out as ls(1) does: down, then across."""
    for rows in range(1, len(names) + 1):
        chunks = [names[start : start + rows] for start in range(0, len(names), rows)]
        widths = [max(map(len, chunk)) + 2 for chunk in chunks]
        if sum(widths) - 2 <= width or rows == len(names):
            return [
                "".join(
                    chunk[row].ljust(size)
                    for chunk, size in zip(chunks, widths, strict=True)
                    if row < len(chunk)
                ).rstrip()
                for row in range(rows)
            ]
    return []


def sentence(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def counted(number: int, word: str, plural: str = "") -> str:
    """`1 formula`, `2 formulae`."""
    return f"{number} {word if number == 1 else plural or word + 's'}"


def _colour_wish(environment: Mapping[str, str]) -> bool | None:
    if "HOMEBREW_COLOR" in environment:
        return True
    return False if {"HOMEBREW_NO_COLOR", "NO_COLOR"} & set(environment) else None
