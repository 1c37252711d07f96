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
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from tests.shared import VARIABLE as MACHINES
from tests.tables import VARIABLE as TABLES
from tests.tables import tables, told

AT_ONCE = 2
LAB = Path(__file__).parent / "lab"
DEBIAN = Path(__file__).parent / "debian"
FRONT_DOOR = Path(__file__).parent / "unit" / "front_door"
KEPT = Path(__file__).parents[1] / ".cache" / "debian" / "machines"


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


# Many start from machines that are made first, and the front door needs none of them; then the Macs
# have both processors. The parts of each two that run beside each other take about as long.
SHARED = Part(
    "the machines that all share",
    (f"{DEBIAN}/test_main_job.py", f"{LAB}/test_first_run.py", "-k", "test_a_bare_ma"),
)
BESIDE = Part("the front door", (str(FRONT_DOOR),))


def parts() -> list[Part]:
    """The tests of the Macs, then those on Debian, which take longest, and units."""
    some = {*LAB.glob("test_upgrade_*.py"), LAB / "test_undo.py"}
    others = set(LAB.glob("test_*.py")) - some
    faults = DEBIAN / "test_faults.py"
    debian = {*DEBIAN.glob("test_*.py")} - {faults}
    return [
        Part("Macs", tuple(sorted(map(str, others)))),
        Part("Macs, upgraded and undone", tuple(sorted(map(str, some)))),
        Part("Debian", tuple(sorted(map(str, debian)))),
        Part("Debian, faults", (str(faults),)),
        Part("units", ("tests/unit", f"--ignore={FRONT_DOOR}")),
    ]


def main(arguments: list[str]) -> int:
    """Run all parts to their ends; Ctrl-C reaches those at work by itself, and ends it all."""
    shared = KEPT / f"shared-{os.getpid()}"
    os.environ[MACHINES] = str(shared)
    with tempfile.TemporaryDirectory() as scratch:
        seen = Path(scratch) / "seen.jsonl"
        os.environ[TABLES] = str(seen)
        code = _run(shared, arguments)
        for title, lines in tables(told(seen)):
            print(f"\n{f' {title} ':=^100}", *lines, sep="\n")
    return code


def _run(shared: Path, arguments: list[str]) -> int:
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        running = {part.name: pool.submit(part.run, arguments) for part in (SHARED, BESIDE)}
        wait(running.values())
        running |= {part.name: pool.submit(part.run, arguments) for part in parts()}
        results = {name: future.result() for name, future in running.items()}
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(shared, ignore_errors=True)
    for name, (code, seconds) in results.items():
        print(f"{name}: {seconds / 60:.1f} min, exit code {code}")
    return max((code for code, _ in results.values()), key=abs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
