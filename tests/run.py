"""Runs the suite in parts, two at a time: most of a part waits for one processor only.

`make test` calls it. Each part is a process that prints its own lines; how long each took is
printed at the end. The exit code is the worst one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.tables import VARIABLE, tables, told

AT_ONCE = 2
LAB = Path(__file__).parent / "lab"
MACHINES = Path(__file__).parents[1] / ".cache" / "debian" / "machines"


class Part(NamedTuple):
    """Tests that run one after the other, in one process."""

    name: str
    paths: tuple[str, ...]

    def run(self, arguments: list[str]) -> tuple[int, float]:
        """Its exit code, and how many seconds it took."""
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-v", "--durations=10", *self.paths, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            text=True,
        )
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
        return process.wait(), time.monotonic() - began


def parts() -> list[Part]:
    """Those on Debian first: the machine that is proved there has the engine of all Macs, and the
    Macs then have both processors."""
    table = {*LAB.glob("test_upgrade_*.py"), LAB / "test_what_is_there.py"}  # of the breakages
    others = set(LAB.glob("test_*.py")) - table
    return [
        Part("Debian", ("tests/debian",)),
        Part("units", ("tests/unit",)),
        Part("Macs", tuple(sorted(map(str, others)))),
        Part("Macs after an upgrade", tuple(sorted(map(str, table)))),
    ]


def main(arguments: list[str]) -> int:
    """Run all parts to their ends; Ctrl-C reaches those at work by itself, and ends it all."""
    shared = MACHINES / f"proved-{os.getpid()}"
    os.environ["PROVED_DISK"] = str(shared)
    with tempfile.TemporaryDirectory() as scratch:
        seen = Path(scratch) / "seen.jsonl"
        os.environ[VARIABLE] = str(seen)
        code = _run(shared, arguments)
        for title, lines in tables(told(seen)):
            print(f"\n{f' {title} ':=^100}", *lines, sep="\n")
    return code


def _run(shared: Path, arguments: list[str]) -> int:
    pool = ThreadPoolExecutor(AT_ONCE)
    running = {part.name: pool.submit(part.run, arguments) for part in parts()}
    try:
        results = {name: future.result() for name, future in running.items()}
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(shared, ignore_errors=True)
    for name, (code, seconds) in results.items():
        print(f"{name}: {seconds / 60:.1f} min, exit code {code}")
    return max((code for code, _ in results.values()), key=abs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
