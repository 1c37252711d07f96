"""Programs of Ruby on Debian that are not Debian's own, and cannot start."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api import FactBase

# `gem install` writes the interpreter with its version ("#!/usr/bin/ruby3.1") into the programs of
# a gem; a new release of Debian has another Ruby, and removes that one.
_ASK = r"""
for name in ruby gem bundle jekyll; do
  path=$(command -v "$name") || continue
  case $path in /usr/bin/* | /bin/*) continue ;; esac
  IFS= read -r first <"$path" || continue
  case $first in '#!'*) ;; *) continue ;; esac
  interpreter=${first#'#!'}
  interpreter=${interpreter# }
  interpreter=${interpreter%% *}
  [ -x "$interpreter" ] || printf '%s\t%s\n' "$path" "$interpreter"
done
exit 0
"""


@dataclass(frozen=True)
class Leftover:
    """A program whose interpreter is gone; it is the first of its name in PATH."""

    path: str
    interpreter: str


class RubyLeftovers(FactBase[tuple[Leftover, ...]]):
    """Of ruby, gem, bundle and jekyll, those that another Ruby has left."""

    def command(self) -> str:
        """Reads first lines; nothing is started."""
        return _ASK

    @staticmethod
    def default() -> tuple[Leftover, ...]:
        """There is none."""
        return ()

    def process(self, output: list[str]) -> tuple[Leftover, ...]:
        """`path<TAB>interpreter` a line."""
        return tuple(Leftover(*line.split("\t")) for line in output)
