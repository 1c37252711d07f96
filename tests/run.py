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
DEBIAN = Path(__file__).parent / "debian"
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


# The Macs of all tests share a machine that is made first; then they have both processors. The
# parts of each two that run beside each other take about as long.
FIRST = Part("the machine that all share", (f"{DEBIAN}/test_main_job.py", "-k", "test_a_bare_mach"))


def parts() -> list[Part]:
    """The tests of the Macs, then those on Debian, which take longest, and units."""
    some = {*LAB.glob("test_upgrade_*.py"), LAB / "test_undo.py", LAB / "test_lock.py"}
    others = set(LAB.glob("test_*.py")) - some
    faults = DEBIAN / "test_faults.py"
    debian = {*DEBIAN.glob("test_*.py")} - {faults}
    return [
        Part("Macs", tuple(sorted(map(str, others)))),
        Part("Macs, upgraded and undone", tuple(sorted(map(str, some)))),
        Part("Debian", tuple(sorted(map(str, debian)))),
        Part("Debian, faults", (str(faults),)),
        Part("units", ("tests/unit",)),
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
    try:
        results = {FIRST.name: FIRST.run(arguments)}
        running = {part.name: pool.submit(part.run, arguments) for part in parts()}
        results |= {name: future.result() for name, future in running.items()}
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(shared, ignore_errors=True)
    for name, (code, seconds) in results.items():
        print(f"{name}: {seconds / 60:.1f} min, exit code {code}")
    return max((code for code, _ in results.values()), key=abs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
