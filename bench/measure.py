"""Runs a command as a user would and says what it cost: wall time, processor time, memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class BenchError(Exception):
    """Something cannot be measured; the message is for whoever runs the benchmark."""


@dataclass(frozen=True)
class Run:
    """One run of a command. `peak_mb` is the largest resident size of it or any child, in MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


@dataclass(frozen=True)
class Sample:
    """Several measurements of one thing, in seconds unless the row says otherwise."""

    values: tuple[float, ...]

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    *,
    directory: Path | None = None,
) -> Run:
    """Run a command to its end, without a terminal.

    Raises:
        BenchError: it did not exit with 0; holds the command and its last lines.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=directory,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # Ctrl-C, or an end that was asked for: leave nothing behind
            process.terminate()
            process.wait()
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if process.returncode:
        tail = "\n    ".join(text.splitlines()[-20:])
        line = " ".join(str(part) for part in command)
        raise BenchError(f"{line}\n  exited with {process.returncode}:\n    {tail}")
    # Linux counts ru_maxrss in KiB (getrusage(2)).
    peak_mb = usage.ru_maxrss * 1024 / 1e6
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak_mb, text)


def repeat(times: int, once: Callable[[], Run]) -> tuple[Run, ...]:
    """Run something several times, one after the other."""
    return tuple(once() for _ in range(times))


def seconds(runs: Sequence[Run]) -> Sample:
    """The wall times of some runs."""
    return Sample(tuple(each.seconds for each in runs))


def peaks(runs: Sequence[Run]) -> Sample:
    """The memory of some runs, in MB."""
    return Sample(tuple(each.peak_mb for each in runs))
