"""What a run leaves behind: the last run's record, and the logs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from bootstrapper.door import DoorError, home_directory
from bootstrapper.durable import replace_file
from bootstrapper.errors import UserError

KEPT_LOGS = 20
VERSION = 1


class RecordError(UserError):
    """The record's directory cannot be used; one line with the mend."""


def state_directory() -> Path:
    """This user's directory for records and logs, made if missing, private to them.

    `$XDG_STATE_HOME` on Linux, `~/Library/Application Support` on macOS.

    Raises:
        RecordError: it cannot be made, or is another user's.
    """
    directory = _state_home() / "bootstrapper"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_uid != os.geteuid():
            raise RecordError(
                f"{directory} belongs to another user; give it back to yourself (sudo chown -R "
                f"\"$(id -un)\" '{directory}'), or, as root, run it with root's own HOME (sudo -H)."
            )
        directory.chmod(0o700)
        (directory / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"{directory}: {error.strerror}; make it writable, or set XDG_STATE_HOME."
        ) from error
    return directory


def _state_home() -> Path:
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    if sys.platform != "darwin" and given.is_absolute():
        return given
    try:
        home = Path(home_directory())
    except DoorError as error:
        raise RecordError(str(error)) from None
    return home / ("Library/Application Support" if sys.platform == "darwin" else ".local/state")


def private(path: Path) -> TextIO:
    """A file to read and to add to, made if missing: for this user's eyes only, and no link."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    os.fchmod(handle, 0o600)
    return os.fdopen(handle, "a+", encoding="utf-8", errors="replace")


def write_record(directory: Path, content: Mapping[str, Any]) -> None:
    """Replace the last run's record, whole or not at all.

    Raises:
        OSError: it could not be written, and the old one is still there.
    """
    text = json.dumps({"version": VERSION, **content}, indent=1) + "\n"
    replace_file(directory / "record.json", text.encode())


def read_record(directory: Path) -> tuple[dict[str, Any] | None, str]:
    """The last run's record, or None, and a sentence when a damaged one was set aside."""
    path = directory / "record.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not _is_record(record):
            raise ValueError("not a record of this version")
    except FileNotFoundError:
        return None, ""
    except (ValueError, OSError, RecursionError) as error:
        aside = path.with_name(f"record-damaged-{int(time.time())}.json")
        with contextlib.suppress(OSError):
            path.replace(aside)
        return None, f"The last run's record was damaged ({error}); it is kept as {aside}."
    return record, ""


def _is_record(value: Any) -> bool:
    """Whether it has what the next run goes by, in the form that it goes by."""
    if not isinstance(value, dict) or value.get("version") != VERSION:
        return False
    versions = value.get("versions", {})
    machines = versions.values() if isinstance(versions, dict) else [None]
    return isinstance(value.get("finished", ""), str) and all(
        isinstance(machine, dict) and all(isinstance(text, str) for text in machine.values())
        for machine in machines
    )


def new_log(directory: Path, started: datetime) -> Path:
    """A path for this run's log; logs beyond the newest ones are removed."""
    logs = directory / "logs"
    for old in sorted(logs.glob("*.log"))[: -KEPT_LOGS + 1]:
        old.unlink(missing_ok=True)
    return logs / f"{started:%Y-%m-%dT%H-%M-%S}-{os.getpid()}.log"
