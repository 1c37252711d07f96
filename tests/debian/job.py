"""The main job in a throwaway machine: how a test runs it, and reads what it left."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.debian.machine import DebianMachine

PROJECT = Path(__file__).resolve().parents[2]
HOME = "/home/dev/bootstrapper"
BLOG = "/home/dev/blog"
URL = "http://127.0.0.1:4000"


def bootstrap(
    machine: DebianMachine, *arguments: str, user: Any = "dev", blog: str = BLOG
) -> subprocess.CompletedProcess[str]:
    return machine.run(
        ["python3", f"{HOME}/bootstrap.py", "--blog", blog, *arguments], user=user, check=False
    )


def run(machine: DebianMachine, *arguments: str) -> str:
    """A run that has to succeed."""
    answer = bootstrap(machine, *arguments)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def record(machine: DebianMachine) -> dict[str, Any]:
    text = machine.read("/home/dev/.local/state/bootstrapper/record.json")
    return dict(json.loads(text)["report"])


def changed(report: dict[str, Any]) -> list[str]:
    """Stages in which the last run changed something, each once."""
    (machine,) = report["machines"]
    stages = [o["stage"] for o in machine["operations"] if o["status"] == "changed"]
    return list(dict.fromkeys(stages))


def docker(machine: DebianMachine, *arguments: str) -> str:
    return machine.run(["docker", *arguments]).stdout.strip()
