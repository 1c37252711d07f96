"""Loads the inventory and checks every setting of every machine, before anything is touched."""

from __future__ import annotations

import contextlib
import fnmatch
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_origin

from pyinfra import logger
from pyinfra.api import Inventory, State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.connectors.base import host_to_connector_data
from pyinfra.context import ctx_state

from bootstrapper.errors import UserError
from bootstrapper.processes import processes_left_alone
from deploys.settings import Settings, SettingsError, is_git_url, parse_settings

with processes_left_alone():
    from pyinfra_cli.exceptions import UnexpectedExternalError
    from pyinfra_cli.inventory import make_inventory_from_files

THIS_MACHINE = "@local"


class InventoryError(UserError):
    """The inventory cannot be used; the message is one line that names the place and the mend."""


def load_inventory(path: Path, overrides: Mapping[str, object], limit: Sequence[str]) -> Inventory:
    """Read an inventory file and the `group_data` beside it, with pyinfra's own precedence.

    `limit` keeps machines whose name, or the name of one of their groups, matches a pattern.

    Raises:
        InventoryError: no such file, an error in it, no machine in it, or nothing matches.
    """
    if not _exists(path, Path.is_file):
        raise InventoryError(f"--inventory {path}: no such file; the default is laptop.py.")
    inventory = _read(path, overrides)
    names = [host.name for host in inventory]
    for name in names:
        if not re.fullmatch(r"[^\s-]\S*", name) or not name.isprintable():
            raise InventoryError(f"{path}: {name!r} is no name of a machine.")
    if not names:
        raise InventoryError(
            f"{path}: no machine in it; write for example `machines = ['@local']`."
        )
    kept = {host.name for host in inventory if _matches(host, limit)}
    if not kept:
        raise InventoryError(f"--limit {','.join(limit)}: matches none of {', '.join(names)}.")
    inventory.hosts = {name: host for name, host in inventory.hosts.items() if name in kept}
    return inventory


def check_settings(inventory: Inventory) -> dict[str, Settings]:
    """The settings of each machine.

    Raises:
        SettingsError: for the first wrong one.
        InventoryError: what pyinfra is told of a connection is of the wrong type.
    """
    settings = {host.name: parse_settings(host.name, host.data.dict()) for host in inventory}
    for host in inventory:
        connector = host.connector_cls
        try:
            host_to_connector_data(connector.data_cls, connector.data_meta, host.data)
        except PyinfraError as error:
            raise InventoryError(f"{host.name}: {error}.") from None
    return settings


def only_this_machine(inventory: Inventory) -> None:
    """Leave this computer alone in an inventory.

    Raises:
        InventoryError: it is none of its machines.
    """
    if THIS_MACHINE not in inventory.hosts:
        raise InventoryError(
            f"preview works on this computer only ({THIS_MACHINE}), and the inventory has "
            f"{', '.join(inventory.hosts)}. Run it there, or without --inventory and --limit."
        )
    inventory.hosts = {THIS_MACHINE: inventory.hosts[THIS_MACHINE]}


def parse_override(text: str) -> tuple[str, object]:
    """`KEY=VALUE` of `--set`, the value as the type that the setting has.

    Raises:
        SettingsError: no `=`, no such key, or a value that is not of its type.
    """
    key, equals, value = text.partition("=")
    field = Settings.model_fields.get(key)
    if not equals or field is None:
        # An unknown key goes the same way as one in an inventory, which knows what to suggest.
        parse_settings("--set", {key: value})
        raise SettingsError(f"--set {text}: write it as KEY=VALUE.")
    try:
        converted = _converted(field.annotation, value)
    except ValueError as error:
        raise SettingsError(f"--set {text}: {key} takes {error}.") from None
    parse_settings("--set", {key: converted})
    return key, converted


def override_from_blog(text: str) -> str:
    """The setting `blog` for what was given to `--blog`: a path is made absolute here and now.

    Raises:
        InventoryError: it is neither a directory nor a git URL.
    """
    if is_git_url(text):
        return text
    with contextlib.suppress(RuntimeError, OSError):  # nobody's home, links in a circle
        directory = Path(text).expanduser().resolve()
        if _exists(directory, Path.is_dir):
            return str(directory)
    raise InventoryError(
        f"--blog {text}: no such directory; give the site's directory or a git URL."
    )


def _converted(kind: object, value: str) -> object:
    if kind is bool:
        return _as_bool(value)
    if kind is int:
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise ValueError("a whole number")
        return int(value)
    if get_origin(kind) is list:
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _as_bool(value: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if value.lower() not in words:
        raise ValueError("true or false")
    return words[value.lower()]


def _exists(path: Path, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(path)
    except OSError:  # a name that is too long, say
        return False


def _read(path: Path, overrides: Mapping[str, object]) -> Inventory:
    # pyinfra's loader notes in the current state which file it executes, so there has to be one.
    ctx_state.set(State())
    try:
        with _warnings() as warnings:
            inventory = cast(Inventory, make_inventory_from_files(str(path), dict(overrides)))
    except UnexpectedExternalError as error:
        raise InventoryError(_place(error)) from error
    except SyntaxError as error:
        raise InventoryError(
            f"{error.filename or path}: {_at(error.lineno)}{error.msg}."
        ) from error
    except SystemExit as error:
        raise InventoryError(
            f"{path}: it calls exit(); an inventory only lists machines."
        ) from error
    except Exception as error:  # an inventory is a program of the user's, and anything may be in it
        raise InventoryError(
            f"{path}: {type(error).__name__}: {error}; machines are names, or (name, settings)."
        ) from error
    finally:
        ctx_state.reset()
    if warnings:  # it would go on without that group
        raise InventoryError(f"{path}: pyinfra would leave a part out: {' '.join(warnings)}")
    return inventory


@contextlib.contextmanager
def _warnings() -> Iterator[list[str]]:
    """What pyinfra warns of in a `with` block, in place of its printing it."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    setattr(handler, "emit", lambda record: said.append(record.getMessage()))  # noqa: B010 (one handler)
    logger.addHandler(handler)
    propagated, logger.propagate = logger.propagate, False
    try:
        yield said
    finally:
        logger.propagate = propagated
        logger.removeHandler(handler)


def _place(error: UnexpectedExternalError) -> str:
    cause = error.exception
    frames = traceback.extract_tb(cause.__traceback__)
    inside = [frame for frame in frames if frame.filename == error.filename]
    kind = type(cause).__name__
    return f"{error.filename}: {_at(inside[-1].lineno if inside else None)}{kind}: {cause}."


def _at(line: int | None) -> str:
    return f"line {line}: " if line else ""


def _matches(host: Any, limit: Sequence[str]) -> bool:
    names = (host.name, *host.groups)
    return not limit or any(fnmatch.fnmatch(name, pattern) for pattern in limit for name in names)
