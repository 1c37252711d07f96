"""Runs one simulated command: records it, and lets happen what was set to happen.

Faults are in `/maclab/faults.json`: a list of objects with `command`, optionally `match` (a string
that the arguments hold) and `times` (default 1), and `happens`: "fail" (with `exit` and `stderr`),
"hang", "power-cut" or "sudo-expires" (the user's tickets are gone, as after a laptop's sleep, and
the command works); `after` true lets the command do its work first.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .call import COMMANDS, LAB, Call

FAMILIES = (
    "system",
    "developer_tools",
    "software_update",
    "packages",
    "preferences",
    "network",
    "services",
    "installer",
    "colima",
    "docker",
    "other_engines",
    "apple_container",
    "ruby",
    "brewing",
    "presets",
)
POWER = f"{LAB}/power"  # process 1 ends, and all others with it, when somebody writes to this pipe


def load_all() -> None:
    """Import every family that there is, so that its commands are registered."""
    folder = Path(__file__).parent
    for family in FAMILIES:
        if (folder / f"{family}.py").exists():
            importlib.import_module(f".{family}", __package__)


def main(name: str, arguments: list[str]) -> int:
    """Run command `name` as the machine's user has called it."""
    call = Call(name, arguments)
    started = time.monotonic()
    fault = _fault(call)
    code = 1
    try:
        if fault and not fault.get("after"):
            code = _happen(call, fault)
        else:
            code = perform(call)
            if fault:
                code = _happen(call, fault)
    except KeyboardInterrupt:
        code = 130
    finally:
        _record(call, code, time.monotonic() - started)
    return code


def perform(call: Call) -> int:
    """Do what the command does."""
    _load(call.name)
    return COMMANDS[call.name].function(call)


def _load(name: str) -> None:
    # A command of a family that was not imported yet: its index is written when the disk is made.
    index = Path(f"{LAB}/families.json")
    if index.exists():
        family = json.loads(index.read_text())[name]
        importlib.import_module(f".{family}", __package__)
    else:
        load_all()


def note(call: Call, **more: Any) -> None:
    """Add a line to the machine's record of commands."""
    line = {
        "command": call.name,
        "argv": call.argv,
        "user": call.user,
        "cwd": str(call.cwd),
        **more,
    }
    descriptor = os.open(
        call.path(f"{LAB}/record.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666
    )
    os.write(descriptor, json.dumps(line).encode() + b"\n")
    os.close(descriptor)


def _record(call: Call, code: int, seconds: float) -> None:
    note(call, exit=code, seconds=round(seconds, 4))


def _fault(call: Call) -> dict[str, Any] | None:
    file = call.path(f"{LAB}/faults.json")
    if not file.exists():
        return None
    with file.open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        faults: list[dict[str, Any]] = json.load(stream)
        for fault in faults:
            wanted = fault.get("match", "") in " ".join(call.argv)
            if fault["command"] == call.name and wanted and fault.get("times", 1) > 0:
                fault["times"] = fault.get("times", 1) - 1
                stream.seek(0)
                stream.truncate()
                json.dump(faults, stream)
                return fault
    return None


def _happen(call: Call, fault: dict[str, Any]) -> int:
    if fault["happens"] == "power-cut":
        Path(POWER).write_text("cut\n")
        signal.pause()
    if fault["happens"] == "hang":
        signal.pause()
    if fault["happens"] == "sudo-expires":
        subprocess.run(["/usr/bin/sudo", "-K"], check=True)
        return perform(call)
    call.err(str(fault.get("stderr", "")))
    return int(fault.get("exit", 1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
