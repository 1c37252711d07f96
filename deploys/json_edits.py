"""Edits of a JSON text that leave the rest of it alone: order, indentation, line ends. Pure.

Positions are counted in bytes of UTF-8, as the tools that carry out the edits count.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

_SPACE = " \t\r\n"
_decoder = json.JSONDecoder()


@dataclass(frozen=True)
class Edit:
    """The bytes from `start` to `end` are replaced by `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class _Member:
    key: str
    start: int  # of the key's quote
    value: int
    end: int


def removed(text: str, keys: frozenset[str], inside: tuple[str, ...] = ()) -> list[Edit]:
    """What removes members of the object at a path, each with the comma that belongs to it."""
    position = _object_at(text, inside)
    members = _members(text, position)
    kept = [index for index, member in enumerate(members) if member.key not in keys]
    if not kept:
        end = members[-1].end if members else position + 1
        return [_edit(text, position + 1, _space_after(text, end), "")]
    return [
        _edit(text, member.start, members[index + 1].start, "")
        if index < kept[-1]
        else _edit(text, members[index - 1].end, member.end, "")
        for index, member in enumerate(members)
        if index not in kept
    ]


def appended(text: str, key: str, item: str) -> list[Edit]:
    """What adds a string to the list that is the value of a key; the list is made if missing."""
    members = _members(text, _object_at(text, ()))
    member = next((member for member in members if member.key == key), None)
    if member is None:
        return [_new_member(text, members, key, json.dumps([item]))]
    if text[member.value] != "[":  # null
        return [_edit(text, member.value, member.end, json.dumps([item]))]
    places = _items(text, member.value)
    if not places:
        return [_edit(text, member.value + 1, member.end - 1, json.dumps(item))]
    first, last = places[0], places[-1]
    before = text[member.value + 1 : first[0]]
    if len(places) > 1:
        before = text[places[-2][1] : last[0]].strip(",")
    return [_edit(text, last[1], last[1], f",{before}{json.dumps(item)}")]


def dropped(text: str, key: str, item: str) -> list[Edit]:
    """What takes a string out of the list that is the value of a key; an empty list goes too."""
    members = _members(text, _object_at(text, ()))
    member = next(member for member in members if member.key == key)
    places = _items(text, member.value)
    wanted = [n for n, (start, end) in enumerate(places) if json.loads(text[start:end]) == item]
    if len(wanted) == len(places):
        return removed(text, frozenset({key}))
    number = wanted[0]
    if number == 0:
        return [_edit(text, places[0][0], places[1][0], "")]
    return [_edit(text, places[number - 1][1], places[number][1], "")]


def applied(text: str, edits: list[Edit]) -> str:
    """The text after some edits that do not overlap."""
    content = text.encode("utf-8", "surrogateescape")
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        content = content[: edit.start] + edit.text.encode() + content[edit.end :]
    return content.decode("utf-8", "surrogateescape")


def _new_member(text: str, members: list[_Member], key: str, value: str) -> Edit:
    if not members:
        start = _object_at(text, ()) + 1
        end = _space_after(text, start)
        return _edit(text, start, end, f"\n\t{json.dumps(key)}: {value}\n")
    last = members[-1]
    beginning = members[-2].end if len(members) > 1 else _object_at(text, ()) + 1
    before = text[beginning : last.start].replace(",", "")
    colon = text[last.start + len(json.dumps(last.key)) : last.value]
    colon = colon if colon.strip() == ":" else ": "
    return _edit(text, last.end, last.end, f",{before}{json.dumps(key)}{colon}{value}")


def _object_at(text: str, path: tuple[str, ...]) -> int:
    """Where the object at a path begins; it is known to be there."""
    position = _space_after(text, 0)
    for key in path:
        position = next(m.value for m in reversed(_members(text, position)) if m.key == key)
    return position


def _members(text: str, position: int) -> list[_Member]:
    """The members of the object that begins at a position of a text which is known to be JSON."""
    members = []
    position = _space_after(text, position + 1)
    while text[position] != "}":
        key, after = _decoder.raw_decode(text, position)
        value = _space_after(text, _space_after(text, after) + 1)
        _, end = _decoder.raw_decode(text, value)
        members.append(_Member(key, position, value, end))
        position = _space_after(text, end)
        if text[position] == ",":
            position = _space_after(text, position + 1)
    return members


def _items(text: str, position: int) -> list[tuple[int, int]]:
    """Where each item of the list that begins at a position begins and ends."""
    items = []
    position = _space_after(text, position + 1)
    while text[position] != "]":
        _, end = _decoder.raw_decode(text, position)
        items.append((position, end))
        position = _space_after(text, end)
        if text[position] == ",":
            position = _space_after(text, position + 1)
    return items


def _space_after(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _edit(text: str, start: int, end: int, replacement: str) -> Edit:
    def in_bytes(position: int) -> int:
        return len(text[:position].encode("utf-8", "surrogateescape"))

    return Edit(in_bytes(start), in_bytes(end), replacement)
