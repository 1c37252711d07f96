"""A text file of the user's as it really is: every byte, behind whatever links lead to it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal, cast

from pyinfra.api import FactBase

from deploys.facts.site import shell_path

Kind = Literal["file", "missing", "other", "unreadable", "stray"]

# readlink(1) without -f, which macOS has only lately; a link leads on from its own directory.
# base64 brings every byte through: CRLF, Latin-1, a last line without an end.
_ASK = r"""
file=%s
hops=0
while [ -L "$file" ] && [ "$hops" -lt 32 ]; do
  hops=$((hops + 1))
  to=$(readlink "$file")
  case $to in /*) file=$to ;; *) file=$(dirname "$file")/$to ;; esac
done
printf 'file\t%%s\n' "$file"
if [ -f "$file" ] && [ -r "$file" ]; then
  printf 'kind\tfile\n'
  [ -w "$file" ] && printf 'writable\tyes\n'
  printf 'sum\t%%s\n' "$(cksum <"$file" | awk '{ print $1, $2 }')"
  base64 <"$file"
elif [ -f "$file" ]; then printf 'kind\tunreadable\n'
elif [ -e "$file" ] || [ -L "$file" ]; then printf 'kind\tother\n'
elif [ "$hops" -gt 0 ] && [ ! -d "$(dirname "$file")" ]; then printf 'kind\tstray\n'
else printf 'kind\tmissing\n'
fi
exit 0
"""


@dataclass(frozen=True)
class Text:
    """One file. `path` is where it really is, no link; `sum` is cksum(1)'s word on `content`.

    `kind` is "other" for what is no regular file, and "stray" for a link into a directory that does
    not exist.
    """

    path: str
    kind: Kind
    content: bytes = b""
    sum: str = ""
    writable: bool = True


class TextFile(FactBase[Text]):
    """One file's content and where it really is. It is kept in memory only, and shown nowhere."""

    def command(self, path: str) -> str:
        """POSIX sh, for BSD and GNU tools; `path` may begin with `~/`."""
        return _ASK % shell_path(path)

    def process(self, output: list[str]) -> Text:
        """Lines of `key<TAB>value`, then the content in base64, whose lines have no tab."""
        told = dict(line.split("\t", 1) for line in output if "\t" in line)
        return Text(
            path=told["file"],
            kind=cast(Kind, told["kind"]),
            content=base64.b64decode("".join(line for line in output if "\t" not in line)),
            sum=told.get("sum", ""),
            writable=told["kind"] != "file" or "writable" in told,
        )
