"""One log file a run, with everything that a bug report needs; nothing is printed from here."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from typing_extensions import override

from bootstrapper.errors import UserError
from bootstrapper.observers import Observer
from bootstrapper.results import OperationResult
from bootstrapper.stages import Stage


class LogError(UserError):
    """A run cannot be logged; one line with the mend."""


class RunLog(Observer):
    """Follows a run and writes each event as it happens, so that a killed run has its log too."""

    def __init__(self, path: Path) -> None:
        """Raises LogError if there cannot be one."""
        self.path = path
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_APPEND
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise LogError(
                f"{path}: {error.strerror}; make room there, or make it writable."
            ) from error
        self.write(
            f"arguments {sys.argv[1:]}; python {platform.python_version()}; "
            f"pyinfra {version('pyinfra')}; {platform.platform()}"
        )

    def write(self, text: str) -> None:
        """One event, with its time. No run ends because its log has no room on a full disk."""
        line = f"{datetime.now():%H:%M:%S.%f} {text}\n"
        with contextlib.suppress(OSError):
            os.write(self._file, line.encode("utf-8", "backslashreplace"))

    def settings(self, machine: str, values: Mapping[str, object]) -> None:
        """The settings that a machine has."""
        self.write(f"[{machine}] settings {dict(values)}")

    @override
    def stage_started(self, machine: str, stage: Stage) -> None:
        self.write(f"[{machine}] stage {stage.name}")

    @override
    def operation_started(self, machine: str, stage: str, name: str) -> None:
        self.write(f"[{machine}] {stage}: {name}")

    @override
    def command_started(self, machine: str, command: str) -> None:
        self.write(f"[{machine}] $ {command}")

    @override
    def output(self, machine: str, line: str) -> None:
        self.write(f"[{machine}] | {line}")

    @override
    def operation_finished(self, result: OperationResult) -> None:
        self.write(
            f"[{result.machine}] {result.stage}: {result.name}: {result.status} "
            f"in {result.seconds:.2f} s {list(result.findings)} {result.failure or ''}"
        )
