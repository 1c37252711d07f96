"""Taking back what was written into files, and directories of ours.

What others have written since stays: then only our part is taken out.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator
from pathlib import PurePosixPath

from pyinfra.api import FileUploadCommand, StringCommand, operation
from pyinfra.context import host

from deploys import restored
from deploys.changes import Made
from deploys.facts.homebrew import Homebrew
from deploys.facts.site import shell_path
from deploys.facts.text_file import Text, TextFile
from deploys.findings import found
from deploys.json_edits import Edit
from deploys.operations import Commands, text_block
from deploys.operations.docker_config import pieces
from deploys.operations.undo import Undoing, kept
from deploys.operations.undo_docker import vm_stays

_CACHE = "/.cache/bootstrapper/"

Steps = Generator[StringCommand | FileUploadCommand, None, None]


@operation()
def block(made: Made, undoing: Undoing) -> Commands:  # noqa: ARG001 (each operation gets both)
    """Take our lines out of a file; one that we made, and that has nothing else in it, goes."""
    text = host.get_fact(TextFile, path=made.target)
    if not _is_usable(text, made.target):
        return
    try:
        span = text_block.span_of(text.content)
    except text_block.BrokenMarkers as broken:
        kept(
            f"{made.target}: the markers of our lines do not make one pair: {broken}.",
            mend="Delete them, and what was between them.",
        )
        return
    if not span:
        return
    before = made.change.content
    end = span.end
    start = span.start
    rest = text.content[:start] + text.content[end:]
    if before is not None and rest == before + b"\n":
        start -= 1  # the last line had no end, and got one
        rest = before
    whole = rest == (before or b"")
    _say(made, whole=whole)
    if whole and before is None:
        yield _removed(text)
    else:
        yield _edited(text, (Edit(start, end, ""),))


@operation()
def file(made: Made, undoing: Undoing) -> Steps:
    """Have a file as it was, if nobody else has changed it; else without what is ours."""
    before, about = made.change.content, made.change.before
    text = host.get_fact(TextFile, path=made.target)
    if not _is_usable(text, made.target):
        return
    if about["what"] == "ssh":
        restoration = restored.ssh_config(text.content, before, about["line"])
    else:
        plugins = f"{host.get_fact(Homebrew).place}/lib/docker/cli-plugins"
        restoration = restored.docker_config(text.content, before, plugins)
    if not restoration:
        return
    if vm_stays(undoing):
        kept(f"{made.target}: colima's virtual machine, which stays, needs it.")
        return
    _say(made, whole=restoration.whole)
    if restoration.whole and before is None:
        yield _removed(text)
    elif restoration.whole and not restoration.edits:
        yield from _put_back(text, made)
    else:
        yield _edited(text, restoration.edits)
    if about["folders"]:  # they came with the file; one with anything in it stays
        yield StringCommand(f"rmdir {shlex.join(about['folders'])} 2>/dev/null || true")


@operation()
def directory(made: Made, undoing: Undoing) -> Commands:  # noqa: ARG001 (each gets both)
    """Remove a directory that is ours alone."""
    path = made.target
    if host.get_fact(TextFile, path=path).kind == "missing" or not _is_ours_alone(path):
        return
    found("undo.directory", f"{path} was made here.")
    parent = shell_path(str(PurePosixPath(path).parent))
    yield StringCommand(f"rm -rf {shell_path(path)} && {{ rmdir {parent} 2>/dev/null || true; }}")


def _is_ours_alone(path: str) -> bool:
    """A directory below our cache; a damaged journal may name any other."""
    below = path.partition(_CACHE)[2]
    return bool(below.strip("/")) and ".." not in PurePosixPath(path).parts


def _is_usable(text: Text, path: str) -> bool:
    if text.kind == "file" and text.writable:
        return True
    if text.kind not in ("missing", "stray"):
        kept(f"{path}: it cannot be read and written by you.")
    return False


def _say(made: Made, *, whole: bool) -> None:
    if whole:
        mend = "It is removed." if made.change.content is None else "It becomes what it was."
        found("undo.file", f"{made.target} has what was written here.", mend=mend)
    else:
        found(
            "undo.file-changed",
            f"{made.target} has what was written here, and has been changed since.",
            mend="Only what is ours is taken out; the rest stays as it is.",
        )


def _edited(text: Text, edits: tuple[Edit, ...]) -> StringCommand:
    target = shlex.quote(text.path)
    parts = [part for part in pieces(target, list(edits)) if part]
    return StringCommand(text_block.replacing(text, parts))


def _put_back(text: Text, made: Made) -> Steps:
    """The former bytes, which may be secret, go by a file that only the user can read."""
    assert made.kept is not None
    old = f"{text.path}.bootstrapper-old"
    yield StringCommand(f"umask 077; : >{shlex.quote(old)}")
    yield FileUploadCommand(str(made.kept), old)
    # It goes before the file is what it was: whenever this is cut off, the next undo does it again.
    content = [f"cat {shlex.quote(old)}", f"rm -f {shlex.quote(old)}"]
    script = text_block.replacing(text, content)
    yield StringCommand(f"( {script}\n); code=$?; rm -f {shlex.quote(old)}; exit $code")


def _removed(text: Text) -> StringCommand:
    target = shlex.quote(text.path)
    return StringCommand(
        f"[ \"$(cksum <{target} | awk '{{ print $1, $2 }}')\" = {shlex.quote(text.sum)} ] || "
        f"{{ echo 'It was changed meanwhile; run this again.' >&2; exit 1; }}\n"
        f"rm -f {target}"
    )
