"""The file `bootstrap.lock` beside the inventory: read, checked, written. What is in it is decided
elsewhere.

It is JSON, one part a line and sorted, so that a change is one line of a diff: every Python that
this program runs on reads and writes it without another library.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from bootstrapper.durable import replace_file, unfinished
from bootstrapper.errors import UserError
from deploys.parts import KINDS, LOCAL, Held, Parts

NAME = "bootstrap.lock"
VERSION = 1

_MEND = "Take it back from your repository, or delete it and run `bootstrap.py update`."
_MACHINE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PART = re.compile(r"[A-Za-z0-9@][A-Za-z0-9@._+:/-]*")
_SHAPES = {
    "homebrew_installer": (
        re.compile(r"([0-9a-f]{40}@sha256:[0-9a-f]{64})?"),
        "a commit and a SHA-256, as COMMIT@sha256:DIGEST",
    ),
    "base_images": (re.compile(rf"sha256:[0-9a-f]{{64}}|{LOCAL}"), f"a sha256: digest or {LOCAL}"),
}
_VERSION = (re.compile(r"[A-Za-z0-9][A-Za-z0-9._+:,~-]*"), "a version")


class LockError(UserError):
    """The lock cannot be used; one line with the place and the mend."""


def beside(inventory: Path) -> Path:
    """Where the lock of an inventory lies: it belongs to the same repository."""
    return inventory.parent / NAME


def shown(path: Path) -> str:
    """A path as people read it: from where they are, if it is below that."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def held_to(inventory: Path, *, strict: bool) -> Held | None:
    """What the machines of an inventory are held to; None without a lock.

    Raises:
        LockError: the lock cannot be used; or there is none, and `strict` asks for one.
    """
    path = beside(inventory)
    machines = read_lock(path)
    if machines is None and strict and inventory.is_file():
        raise LockError(f"--locked: there is no {shown(path)}; `bootstrap.py update` writes it.")
    return None if machines is None else Held(shown(path), machines, strict)


def read_lock(path: Path) -> dict[str, Parts] | None:
    """The parts by kind of machine; None where there is no such file.

    Raises:
        LockError: it cannot be read, is damaged, or of a newer version of this program.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        _damaged(path, "it is not text in UTF-8")
    except OSError as error:
        raise LockError(f"{path}: {error.strerror}; make it readable, or move it away.") from error
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        raise LockError(f"{path}, line {error.lineno}: {error.msg}. {_MEND}") from None
    except RecursionError:
        _damaged(path, "it is nested too deeply")
    except _NewerError as error:
        raise LockError(f"{path}: {error}") from None
    except ValueError as error:
        _damaged(path, str(error))


def parse(text: str) -> dict[str, Parts]:
    """The parts by kind of machine.

    Raises:
        ValueError: the text is no lock; says where in it, and why.
    """
    told = json.loads(text, object_pairs_hook=_each_once)
    if not isinstance(told, dict):
        raise ValueError("it is no JSON object")
    version = told.pop("version", None)
    if type(version) is not int or version < 1:
        raise ValueError("it has no `version`")
    if version > VERSION:
        raise _NewerError(
            f"it is of version {version}, and this program reads {VERSION}; update your checkout."
        )
    machines = told.pop("machines", {})
    if told:
        raise ValueError(f"unknown key {next(iter(told))!r}")
    if not isinstance(machines, dict):
        raise ValueError("machines: wanted an object")
    return {name: _parts(name, value) for name, value in machines.items()}


def text_of(machines: Mapping[str, Parts]) -> str:
    """The text of a lock: the same parts make the same text; what is empty is left out."""
    content = {
        name: {
            field.name: _sorted(value)
            for field in fields(Parts)
            if (value := getattr(parts, field.name))
        }
        for name, parts in sorted(machines.items())
    }
    return json.dumps({"version": VERSION, "machines": content}, indent=2) + "\n"


def write_lock(path: Path, machines: Mapping[str, Parts]) -> None:
    """Write it, whole or not at all; a file that is there keeps its mode, and a link stays one.

    Raises:
        LockError: it cannot be written.
    """
    text = text_of(machines)
    try:
        parse(text)
    except ValueError as error:
        raise LockError(f"{path}: {error}; it was not written.") from None
    target = path.resolve()
    try:
        replace_file(target, text.encode(), mode=_mode(target))
    except OSError as error:
        raise LockError(f"{path}: {error.strerror}; it was not written.") from error


def forget_unfinished(path: Path) -> None:
    """Remove what an update that was killed as it wrote has left beside the lock."""
    with contextlib.suppress(OSError):
        unfinished(path.resolve()).unlink(missing_ok=True)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        return 0o644


class _NewerError(ValueError):
    """A lock that a newer version of this program has written: that one has to read it."""


def _damaged(path: Path, why: str) -> NoReturn:
    raise LockError(f"{path}: {why}. {_MEND}") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What two people have locked at the same time, and git has put one under the other."""
    told = dict(pairs)
    for name in told:
        if sum(name == other for other, _ in pairs) > 1:
            raise ValueError(f"{name!r} is there twice")
    return told


def _parts(machine: str, told: object) -> Parts:
    if not _MACHINE.fullmatch(machine):
        raise ValueError(f"machines: {machine!r} is no kind of machine")
    if not isinstance(told, dict):
        raise ValueError(f"machines.{machine}: wanted an object")
    for kind, value in told.items():
        _check_kind(f"machines.{machine}", kind, value)
    return Parts(**told)


def _check_kind(place: str, kind: str, value: object) -> None:
    if kind not in KINDS:
        raise ValueError(f"{place}: unknown key {kind!r}")
    place = f"{place}.{kind}"
    if kind == "homebrew_installer":
        _check(place, kind, value)
        return
    if not isinstance(value, dict):
        raise ValueError(f"{place}: wanted an object")
    for name, version in value.items():
        if not _PART.fullmatch(name):
            raise ValueError(f"{place}: {name!r} is no name")
        _check(f"{place}.{name}", kind, version)


def _check(place: str, kind: str, value: object) -> None:
    shape, wanted = _SHAPES.get(kind, _VERSION)
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise ValueError(f"{place}: {value!r} is not {wanted}")


def _sorted(value: str | Mapping[str, str]) -> str | dict[str, str]:
    return value if isinstance(value, str) else dict(sorted(value.items()))
