"""The main job on a simulated Mac: how a test runs it, and reads what it left."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.maclab.disk import INSTALLER_PIN
from tests.maclab.machine import Mac, Ran
from tests.maclab.room import REGISTRY

CHECKOUT = "/Users/dev/bootstrapper"
BLOG = "/Users/dev/blog"
URL = "http://127.0.0.1:4000/"
RUNS = {"plan": ("plan",), "run": (), "again": (), "plan again": ("plan",)}
NEVER_AGAIN = ("brew", "softwareupdate", "sudo", "colima")  # processes of a run with nothing to do


def bootstrap(mac: Mac, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run it at a terminal, as a user does; the password is typed when sudo asks. `within` are the
    words of a program that starts it, the user's shell say."""
    words = [*options.pop("within", ()), "python3", f"{CHECKOUT}/bootstrap.py", "--blog", BLOG]
    words += ["--set", f"homebrew_installer={INSTALLER_PIN}"]
    words += ["--set", f"registry_mirror={REGISTRY}", *arguments]
    answers = {"Go ahead? (Y/n)": "y", **options.pop("answers", {})}
    return mac.run_at_terminal(words, answers=answers, **options)


def record(mac: Mac, user: str = "dev") -> dict[str, Any]:
    return dict(_record(mac, user)["report"])


def versions(mac: Mac, user: str = "dev") -> dict[str, str]:
    """What the last run has written down of the Mac's parts."""
    (found,) = _record(mac, user)["versions"].values()
    return dict(found)


def diagnosed(mac: Mac) -> set[str]:
    """The codes that `doctor` names, beside that of an engine that was switched off with the Mac;
    it asks nothing costly."""
    mac.forget_commands()
    told = bootstrap(mac, "doctor", "--json")
    assert told.returncode in (0, 2), told.stdout
    asked = {words.split()[0] for words in costly(mac.commands())}
    assert asked <= {"colima"}  # how its machine is; it is not started
    (machine,) = json.loads(told.stdout)["machines"]
    return {finding["code"] for finding in machine["findings"]} - {"engine.stopped"}


def changed(report: dict[str, Any]) -> list[str]:
    """Stages in which the last run changed something, each once."""
    (machine,) = report["machines"]
    stages = [o["stage"] for o in machine["operations"] if o["status"] == "changed"]
    return list(dict.fromkeys(stages))


def costly(commands: list[Ran]) -> list[str]:
    """The commands that a run with nothing to do must not have run."""
    return [f"{c.command} {' '.join(c.argv)}" for c in commands if c.command in NEVER_AGAIN]


def planned(plan: str) -> list[str]:
    """The operations that a printed plan has to do."""
    return [line.strip()[2:] for line in plan.splitlines() if line.strip().startswith("○ ")]


def _record(mac: Mac, user: str) -> dict[str, Any]:
    path = f"/Users/{user}/Library/Application Support/bootstrapper/record.json"
    return dict(json.loads(mac.file(path).read_text()))
