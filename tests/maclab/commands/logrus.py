"""What programs written in Go with logrus say: on standard error, another shape at a terminal."""

from __future__ import annotations

import json
import re
import time

from .call import Call

_LEVELS = {"info": ("INFO", 36), "warning": ("WARN", 33), "fatal": ("FATA", 31)}


class Logrus:
    """The log of one run; its source is logrus's own text_formatter.go."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._started = time.monotonic()

    def info(self, message: str, context: str = "") -> None:
        self._say("info", message, context)

    def warn(self, message: str, context: str = "") -> None:
        self._say("warning", message, context)

    def fatal(self, message: str) -> int:
        """Say it; the exit code of it."""
        self._say("fatal", message, "")
        return 1

    def _say(self, level: str, message: str, context: str) -> None:
        if self._call.stderr.isatty():
            word, colour = _LEVELS[level]
            seconds = int(time.monotonic() - self._started)
            field = f" \x1b[{colour}mcontext\x1b[0m={context}" if context else ""
            self._call.err(f"\x1b[{colour}m{word}\x1b[0m[{seconds:04d}] {message:<44} {field}")
        else:
            self._call.err(line(level, message, context))


def line(level: str, message: str, context: str = "") -> str:
    """As it is written where there is no terminal."""
    offset = time.strftime("%z")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S") + f"{offset[:3]}:{offset[3:]}"
    field = f" context={context}" if context else ""
    return f'time="{stamp}" level={level} msg={_quoted(message)}{field}'


def _quoted(text: str) -> str:
    plain = re.fullmatch(r"[A-Za-z0-9._/@^+-]+", text)
    return text if plain else json.dumps(text, ensure_ascii=False)
