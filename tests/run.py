"""Runs the suite in two processes side by side: most of it waits for one processor only.

`make test` calls it. Each process prints its own lines; the exit code is the worse one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import IO

# About the same length. Those on simulated Macs share an engine, which takes its time to start.
_LAB = "tests/lab"
HALVES = (
    ("tests/unit", "tests/debian", f"{_LAB}/test_first_run.py", f"{_LAB}/test_what_is_there.py"),
    (_LAB, f"--ignore={_LAB}/test_first_run.py", f"--ignore={_LAB}/test_what_is_there.py"),
)


def main(arguments: list[str]) -> int:
    """Run both halves to their ends; Ctrl-C reaches them by itself."""
    halves = [_start([*half, *arguments]) for half in HALVES]
    printing = [threading.Thread(target=_print_lines, args=(half.stdout,)) for half in halves]
    for thread in printing:
        thread.start()
    try:
        codes = [half.wait() for half in halves]
    except KeyboardInterrupt:
        codes = [half.wait() for half in halves]
    for thread in printing:
        thread.join()
    return max(codes, key=abs)


def _start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-v", "--durations=10", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )


def _print_lines(output: IO[str] | None) -> None:
    for line in output or ():
        sys.stdout.write(line)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
