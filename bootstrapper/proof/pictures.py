"""Looks whether the bytes of a picture are one: its kind, its size, its end. Decodes nothing."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from bootstrapper.proof.documents import NotXmlError, local_name, parse_xml

Trouble = Literal["", "empty", "truncated", "unreadable"]

LARGEST_PICTURE = 8 * 1024 * 1024  # bytes; a larger one is compared, but not looked at

_NAMES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")
_GIT_LFS = b"version https://git-lfs"
# Kinds that are shown by browsers whatever their file is called, and whose inside is not looked at.
_OTHERS = (b"\x00\x00\x01\x00", b"BM", b"II*\x00", b"MM\x00*", b"\xff\x0a")
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))
_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15, the size's place


def is_picture(path: str) -> bool:
    """Whether a file of this name is looked at."""
    return PurePosixPath(path).suffix.lower() in _NAMES


def trouble_with(body: bytes) -> tuple[Trouble, str]:
    """What is wrong with a whole picture, and in words how that is seen; both empty if nothing is.

    What a picture is its bytes say, not its name: browsers do the same.
    """
    if not body.strip():
        return "empty", "no bytes" if not body else "nothing but white space"
    try:
        for magic, look in _KINDS.items():
            if body.startswith(magic):
                return look(body)
    except IndexError:
        return "truncated", "it ends too early"
    return _unknown(body)


def _unknown(body: bytes) -> tuple[Trouble, str]:
    if body.startswith(_OTHERS) or body[4:8] in (b"ftyp", b"JXL "):
        return "", ""
    if body.startswith(_GIT_LFS):
        return "unreadable", "it is a pointer of Git LFS, not the picture itself"
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or body[:2] in (
        b"\xff\xfe",
        b"\xfe\xff",
    ):
        return _svg(body)
    return "unreadable", "its first bytes are those of no picture"


def _svg(body: bytes) -> tuple[Trouble, str]:
    if b"<!ENTITY" in body:  # Illustrator declares some; browsers read them
        return "", ""
    try:
        root = parse_xml(body.lstrip(b" \t\r\n"))
    except NotXmlError as error:
        return "unreadable", f"it is no well-formed SVG ({error})"
    if local_name(root) != "svg":
        return "unreadable", f"it is a <{local_name(root)}>, no picture"
    return "", ""


def _png(body: bytes) -> tuple[Trouble, str]:
    if body[12:16] not in (b"IHDR", b"CgBI"):
        return "unreadable", "its header is missing"
    if body[12:16] == b"IHDR" and not (_number(body[16:20]) and _number(body[20:24])):
        return "unreadable", "its width or height is 0"
    place = 8
    while place + 8 <= len(body):
        if body[place + 4 : place + 8] == b"IEND":
            return "", ""
        place += 12 + _number(body[place : place + 4])
    return "truncated", "it ends before its end mark"


def _jpeg(body: bytes) -> tuple[Trouble, str]:
    place, sized = 2, False
    while body[place] == 0xFF:
        marker = body[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if marker in _WITHOUT_LENGTH:
            place += 2
            continue
        if marker in _FRAME:
            sized = bool(body[place + 8] or body[place + 7])  # the width; a height may come later
        if marker == 0xDA:
            whole = b"\xff\xd9" in body[place:]
            return ("", "") if whole and sized else _no_end(sized)
        place += 2 + _number(body[place + 2 : place + 4])
    return "unreadable", "its parts do not follow each other"


def _no_end(sized: bool) -> tuple[Trouble, str]:
    if not sized:
        return "unreadable", "its width is 0, or missing"
    return "truncated", "it ends before its end mark"


def _gif(body: bytes) -> tuple[Trouble, str]:
    if not (any(body[6:8]) and any(body[8:10])):
        return "", ""  # the frames have sizes of their own
    place = 13 + _table(body[10])
    while place < len(body) and body[place] != 0x3B:  # some leave the end mark out
        if body[place] == 0x2C:
            place += 11 + _table(body[place + 9])
        elif body[place] == 0x21:
            place += 2
        else:
            return "", ""  # browsers show the frames so far
        while body[place]:
            place += 1 + body[place]
        place += 1
    return "", ""


def _table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(body: bytes) -> tuple[Trouble, str]:
    if body[8:12] != b"WEBP":
        return "unreadable", "its first bytes are those of no picture"
    if int.from_bytes(body[4:8], "little") + 8 > len(body) + 1:  # some leave out the last padding
        return "truncated", "it is shorter than it says"
    return "", ""


def _number(four: bytes) -> int:
    return int.from_bytes(four, "big")


_KINDS = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8": _jpeg,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"RIFF": _webp,
}
