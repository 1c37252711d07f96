"""A Brewfile on the machine: what it wishes for, or why it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyinfra.api import FactBase

from deploys.brewfile import BrewfileError, Wishes, parse
from deploys.facts.site import shell_path

_ASK = r"""
[ -f %(path)s ] || { printf 'absent\n'; exit 0; }
[ -r %(path)s ] || { printf 'unreadable\n'; exit 0; }
printf '%%s\t%%s\n' %(path)s "$HOME"
cat %(path)s
"""


@dataclass(frozen=True)
class Brewfile:
    """What one says; `problem` is why it could not be read, and `line` where in it, if inside."""

    wishes: Wishes = field(default_factory=Wishes)
    problem: str = ""
    line: int = 0


class BrewfileWishes(FactBase[Brewfile]):
    """One Brewfile, parsed; nothing in it is run."""

    def command(self, path: str) -> str:
        """`path` may begin with `~/`."""
        return _ASK % {"path": shell_path(path)}

    def process(self, output: list[str]) -> Brewfile:
        """`path<TAB>home` and the file; or one word that says why there is none."""
        first, *lines = output
        if first == "absent":
            return Brewfile(problem="There is no such file.")
        if first == "unreadable":
            return Brewfile(problem="You may not read it.")
        path, _, home = first.partition("\t")
        try:
            return Brewfile(parse("\n".join(lines), path, home))
        except BrewfileError as error:
            return Brewfile(problem=error.problem, line=error.line)
