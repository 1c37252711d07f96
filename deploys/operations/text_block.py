"""A block of lines between two markers in a file of the user's; all around it stays as it is.

pyinfra's `files.block` replaces a link by a file, takes the marker for a pattern, and deletes the
rest of the file where its end marker was lost (pyinfra 3.10).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pyinfra.api import StringCommand, operation
from pyinfra.context import host

from deploys.changes import change
from deploys.facts.text_file import Text, TextFile
from deploys.findings import found, refuse
from deploys.operations import Commands

MARKER = "bootstrapper"

# Only the block and numbers of bytes are in the command, never what else is in the file. The new
# file is made beside the real one, with its mode and owner (on macOS its ACL and flags too), and
# takes its place in one step. Where that would change the owner, or part hard links, the content
# is written into the old file instead. It is on the disk before it gets its name, or a power cut
# could leave an empty file there; GNU's sync takes names, one that takes none is called without.
_REPLACE = r"""
set -eu
file={file}
new=$file.{marker}-new
trap 'rm -f "$new"' EXIT
trap 'exit 130' HUP INT TERM
identity() {{ ls -ldn "$1" | awk '{{ print $1, $2, $3, $4 }}'; }}
if [ "$(cksum <"$file" | awk '{{ print $1, $2 }}')" != {sum} ]; then
  echo "$file has changed in the meantime; nothing was written." >&2
  exit 1
fi
rm -f "$new"
cp -p "$file" "$new"
{{
{content}
}} >"$new"
sync "$new" 2>/dev/null || sync
if [ "$(identity "$file")" = "$(identity "$new")" ]; then
  mv -f "$new" "$file"
else
  cat "$new" >"$file"
fi
"""

_CREATE = r"""
set -eu
file={file}
new=$file.{marker}-new
trap 'rm -f "$new"' EXIT
trap 'exit 130' HUP INT TERM
mkdir -p "$(dirname "$file")"
{{
{content}
}} >"$new"
chmod 644 "$new"
sync "$new" 2>/dev/null || sync
if [ -e "$file" ]; then
  echo "$file has appeared in the meantime; nothing was written." >&2
  exit 1
fi
mv -f "$new" "$file"
"""


class BrokenMarkers(ValueError):
    """The markers in a file do not make one pair; the message names their lines."""


@dataclass(frozen=True)
class Span:
    """Where a block stands in a file, in bytes, markers included, and the lines between them."""

    start: int
    end: int
    lines: tuple[str, ...]


@operation()
def block(path: str, lines: list[str], purpose: str, marker: str = MARKER) -> Commands:
    """Have exactly these lines between the markers, at the end of the file if there are none yet.

    Without lines there is to be no block. `purpose` completes the sentence "… for PURPOSE". Lines
    end in a plain newline whatever the rest of the file has: a shell takes a carriage return for a
    part of the command.
    """
    text = host.get_fact(TextFile, path=path)
    span = _span(text, path, marker)
    if (span.lines if span else ()) == tuple(lines):
        return
    _refuse_what_cannot_be_written(text, path)
    if not span:
        found(
            "text.block-missing",
            f"{path} has no lines for {purpose}.",
            mend="They are added at its end, between two markers.",
        )
    elif lines:
        found(
            "text.block-differs",
            f"The lines for {purpose} in {path} are not what they should be.",
            mend="What stands between the markers is renewed; the rest stays as it is.",
        )
    else:
        found("text.block-unwanted", f"{path} has lines for {purpose} that are not needed.")
    change("block", path, content=text.content if text.kind == "file" else None)
    yield StringCommand(_script(text, span, lines, marker))


def span_of(content: bytes, marker: str = MARKER) -> Span | None:
    """Where the block stands in a file's content, or None.

    Raises:
        BrokenMarkers: there is more than one block, or half of one.
    """
    first, last = _markers(marker)
    begins, ends, starts, position = [], [], [], 0
    rows = content.split(b"\n")
    for number, row in enumerate(rows):
        starts.append(position)
        position += len(row) + 1
        if row.strip() == first.encode():
            begins.append(number)
        elif row.strip() == last.encode():
            ends.append(number)
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        raise BrokenMarkers(f"`{first}` {_on(begins)}, and `{last}` {_on(ends)}")
    inner = rows[begins[0] + 1 : ends[0]]
    return Span(
        start=starts[begins[0]],
        end=min(starts[ends[0]] + len(rows[ends[0]]) + 1, len(content)),
        lines=tuple(row.decode("utf-8", "replace") for row in inner),
    )


def outside(content: bytes, marker: str = MARKER) -> list[str]:
    """The lines of a file that are not in the block: the user's own."""
    try:
        span = span_of(content, marker)
    except BrokenMarkers:
        span = None
    rest = content[: span.start] + content[span.end :] if span else content
    return rest.decode("utf-8", "replace").splitlines()


def replacing(text: Text, parts: list[str], marker: str = MARKER) -> str:
    """A script that gives a file the content that some commands print; they may read `$file`."""
    template = _CREATE if text.kind == "missing" else _REPLACE
    return template.format(
        file=shlex.quote(text.path),
        marker=marker,
        sum=shlex.quote(text.sum),
        content="\n".join(f"  {part}" for part in parts or [":"]),
    ).strip()


def _span(text: Text, path: str, marker: str) -> Span | None:
    try:
        return span_of(text.content, marker)
    except BrokenMarkers as broken:
        refuse(
            "text.markers-broken",
            f"The markers in {path} do not make one pair: {broken}.",
            means="What belongs to the block cannot be told from your own lines.",
            mend=f"Delete the markers and what was between them from {path}, then run again.",
        )


def _refuse_what_cannot_be_written(text: Text, path: str) -> None:
    if (text.kind == "file" and text.writable) or text.kind == "missing":
        return
    behind = "" if text.path == path else f" (it leads to {text.path})"
    problems = {
        "file": "is write-protected",
        "unreadable": "cannot be read by this user",
        "other": "is no regular file",
        "stray": "is a link into a directory that does not exist",
    }
    refuse(
        "text.not-writable",
        f"{path}{behind} {problems[text.kind]}.",
        means="It may be in the care of another tool, and is left alone.",
        mend="Make it a file that you may write, or have that tool add the lines; then run again.",
    )


def _script(text: Text, span: Span | None, lines: list[str], marker: str) -> str:
    size = len(text.content)
    start, end = (span.start, span.end) if span else (size, size)
    first, last = _markers(marker)
    parts = []
    if start:  # BSD head refuses `-c 0`
        parts.append(f'head -c {start} "$file"')
    if start and not text.content[:start].endswith(b"\n"):
        parts.append("printf '\\n'")
    if lines:
        parts.append("printf '%s\\n' " + " ".join(map(shlex.quote, (first, *lines, last))))
    if end < size:
        parts.append(f'tail -c +{end + 1} "$file"')
    return replacing(text, parts, marker)


def _markers(marker: str) -> tuple[str, str]:
    return f"# >>> {marker} >>>", f"# <<< {marker} <<<"


def _on(rows: list[int]) -> str:
    if not rows:
        return "is missing"
    numbers = [str(row + 1) for row in rows]
    return f"is on line {numbers[0]}" if len(rows) == 1 else f"is on lines {', '.join(numbers)}"
