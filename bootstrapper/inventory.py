"""Loads the inventory and checks every setting of every machine, before anything is touched."""

from __future__ import annotations

import fnmatch
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_origin

from pyinfra.api import Inventory, State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import ctx_state

from bootstrapper.errors import UserError
from bootstrapper.processes import processes_left_alone
from deploys.settings import Settings, SettingsError, is_git_url, parse_settings

with processes_left_alone():
    from pyinfra_cli.exceptions import CliError, UnexpectedExternalError
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
    if not path.is_file():
        raise InventoryError(f"--inventory {path}: no such file; the default is laptop.py.")
    inventory = _read(path, overrides)
    names = [host.name for host in inventory]
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
    """
    return {host.name: parse_settings(host.name, host.data.dict()) for host in inventory}


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
    directory = Path(text).expanduser().resolve()
    if not directory.is_dir():
        raise InventoryError(
            f"--blog {text}: no such directory; give the site's directory or a git URL."
        )
    return str(directory)


def _converted(kind: object, value: str) -> object:
    if kind is bool:
        return _as_bool(value)
    if kind is int:
        if not value.isdecimal():
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


def _read(path: Path, overrides: Mapping[str, object]) -> Inventory:
    # pyinfra's loader notes in the current state which file it executes, so there has to be one.
    ctx_state.set(State())
    try:
        return cast(Inventory, make_inventory_from_files(str(path), dict(overrides)))
    except UnexpectedExternalError as error:
        raise InventoryError(_place(error)) from error
    except SyntaxError as error:
        raise InventoryError(f"{error.filename}, line {error.lineno}: {error.msg}.") from error
    except (CliError, PyinfraError, TypeError, ValueError) as error:
        raise InventoryError(f"{path}: {error}") from error
    finally:
        ctx_state.reset()


def _place(error: UnexpectedExternalError) -> str:
    cause = error.exception
    frames = traceback.extract_tb(cause.__traceback__)
    inside = [frame for frame in frames if frame.filename == error.filename] or frames
    kind = type(cause).__name__
    return f"{error.filename}, line {inside[-1].lineno}: {kind}: {cause}."


def _matches(host: Any, limit: Sequence[str]) -> bool:
    names = (host.name, *host.groups)
    return not limit or any(fnmatch.fnmatch(name, pattern) for pattern in limit for name in names)
