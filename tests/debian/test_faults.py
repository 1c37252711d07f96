"""Faults at the commands of a run on real Debian: real packages, a real engine, a real power cut.

`make test` tries some; with `FAULTS=all`, which is `make faults`, each kind at each command.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.debian.job import BLOG, HOME, PROJECT, URL, bootstrap, record
from tests.debian.machine import DebianMachine, Disk
from tests.debian.process import InsideProcess
from tests.debian.terminal import at_a_terminal, converse
from tests.debian.upgrades import OLDER_DAEMON
from tests.debian.waiting import wait_for

pytestmark = pytest.mark.debian

EVERYTHING = os.environ.get("FAULTS") == "all"
STATE = "/home/dev/.local/state/bootstrapper"
KINDS = (
    "fail", "hang", "ctrl-c", "kill-before", "kill-during", "kill-after", "power-before",
    "power-during", "power-after", "network-gone", "disk-full",
)  # fmt: skip

# Commands by words that they alone have. The first need a bare machine; the next one that has lost
# some packages and all images; those after them one that has all but a running engine, and a site
# that has changed; the last are after an upgrade that took Jekyll away and left the old daemon.
BARE = {
    "apt-update": "-o DPkg::Lock::Timeout=300 update",
    "apt-install": "install -y --no-install-recommends docker.io",
    "base-tree": "/debian-root.sh",
    "network": "network create",
}
STRIPPED = {
    "ruby-install": "install -y --no-install-recommends jekyll",
    "tree-tool-install": "install -y --no-install-recommends mmdebstrap",
    "base-import": "docker import",
    "base-tree-removed": "rm -f /home/dev/.cache/bootstrapper/files/",
    "server-build": "--tag bootstrapper/server",
}
READY = {
    "engine-start": "nohup dockerd",
    "engine-answers": "The engine did not answer within",
    "build-folder": "mkdir -p /home/dev/.cache/bootstrapper/files/",
    "build": "/build-image.sh /home/dev/blog",
    "remove": "rm --force bootstrapper-blog",
    "serve": "run --detach",
    "serve-answers": "The server in the container did not answer",
    "stages-removed": "image rm",
}
UPGRADED = {
    "engine-stops": "kill -0",
    "engine-starts-again": "nohup dockerd",
    "packages-again": "install -y --no-install-recommends jekyll",
}
COMMANDS = {**BARE, **STRIPPED, **READY, **UPGRADED}
SELECTED = (
    ("apt-install", "kill-during"),
    ("apt-install", "power-during"),
    ("apt-install", "network-gone"),
    ("base-tree", "disk-full"),
    ("engine-start", "kill-during"),
    ("engine-start", "power-after"),
    ("build-folder", "disk-full"),
    ("build", "disk-full"),
    ("build", "kill-during"),
    ("build", "power-during"),
    ("build", "hang"),
    ("remove", "kill-after"),
    ("serve", "ctrl-c"),
    ("serve", "fail"),
    ("engine-stops", "kill-after"),
    ("engine-starts-again", "fail"),
    ("packages-again", "kill-during"),
)

_SHELL = Path(__file__).parents[1] / "faults" / "shell.sh"
_PREPARE = """set -eu
mkdir -p /faults/met
cp /usr/bin/dash /faults/sh
cat >/faults/shell
rm -f /usr/bin/sh
cp /faults/shell /usr/bin/sh
chmod 755 /usr/bin/sh
chmod 777 /faults /faults/met
mkfifo -m 666 /faults/go /faults/never /faults/power
echo 'read -r _ </faults/go' >/faults/network-gone
echo 'sudo -n sh /faults/fill' >/faults/disk-full
"""
# "During" is a moment at which dpkg has unpacked packages, and has not configured them.
_STRIP = """set -eu
rm -rf /var/lib/docker/*
apt-get -q remove -y mmdebstrap jekyll ruby-kramdown
"""
_UNPACKED = """case $2 in *apt-get*install*)
  until dpkg-query -W -f '${db:Status-Abbrev}\\n' | grep -q '^iU'; do
    grep -q . /proc/$!/cmdline || break # it has ended, too fast to be seen
    sleep 0.05
  done ;;
esac
"""
_ARM = """set -eu
cat >/faults/armed
rm -rf /faults/met
mkdir -m 777 /faults/met
"""
# Where commands write a lot: a small file system takes the place of that, with what is in it.
_PLACES = {
    "/var/cache/apt/archives": ("apt-update", "apt-install", "ruby-install", "packages-again"),
    "/var/lib/docker": ("base-import", "server-build", "build", "network", "serve"),
}
_SMALL = """set -eu
mkdir -p /faults/small
case $1 in
  /home/*) mount -t tmpfs -o size=24m,mode=755 small /faults/small ;;
  *) mount -t tmpfs -o size=3g,mode=755 small /faults/small ;;
esac
case $1 in # an engine keeps its own layers on a file system of its own only
  /var/lib/docker) cp -a "$1/." /faults/small && mount --bind /faults/small "$1" ;;
  *)
    mkdir /faults/small/over /faults/small/work && chown --reference="$1" /faults/small/over
    mount -t overlay small "$1" \\
      -o "lowerdir=$1,upperdir=/faults/small/over,workdir=/faults/small/work" ;;
esac
echo "cat /dev/zero >$1/.filler 2>/dev/null" >/faults/fill
"""


@dataclass
class Case:
    """What happens, where, and what was seen; `place` is where the command writes."""

    machine: DebianMachine
    kind: str
    words: str
    place: str = "/home/dev"
    code: int | None = None
    shown: str = ""

    def __str__(self) -> str:
        return f"{self.kind} at {self.words!r}: exit {self.code}\n{self.shown}"


def selected() -> list[pytest.ParameterSet]:
    pairs = [(name, kind) for name in COMMANDS for kind in KINDS] if EVERYTHING else SELECTED
    return [
        pytest.param(name, kind, id=f"{name}-{kind}", marks=pytest.mark.fault(kind, "Debian"))
        for name, kind in pairs
    ]


def test_every_command_of_a_first_run_is_among_them(first_run: dict[str, Any]) -> None:
    (machine,) = first_run["report"]["machines"]
    changed = [one for one in machine["operations"] if one["status"] == "changed"]
    commands = [
        command
        for operation in changed
        for command in operation["commands"]
        if not command.startswith("[upload]")
    ]
    words = [*COMMANDS.values(), "install -y --no-install-recommends ruby bundler jekyll"]
    assert [one for one in commands if not any(w in one for w in words)] == []


@pytest.mark.parametrize(("name", "kind"), selected())
def test_one_more_run_ends_proved(
    bare_disk: Disk, prepared_disk: Disk, machine_cache: Path, name: str, kind: str
) -> None:
    disk = bare_disk if name in BARE else prepared_disk
    with DebianMachine(disk, machine_cache) as machine:
        machine.copy_checkout(PROJECT, HOME)
        if name in BARE:
            machine.run(["cp", "-R", f"{HOME}/examples/blog", BLOG], user="dev")
            machine.run(["python3", f"{HOME}/bootstrap.py", "--help"], user="dev")
        else:
            machine.run(["sh", "-c", f"echo more >> {BLOG}/index.html"], user="dev")
        if name in STRIPPED:
            machine.run(["sh", "-c", _STRIP])
        if name in UPGRADED:
            machine.run(["sh", "-c", OLDER_DAEMON])
            machine.run(["apt-get", "-q", "remove", "-y", "jekyll", "ruby-kramdown"])
        prepare(machine)
        (place,) = [place for place, names in _PLACES.items() if name in names] or ["/home/dev"]
        case = Case(machine, kind, COMMANDS[name], place)
        suffer(case)
        recover(case)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.fault("sudo-expires", "Debian"))
        for name in (
            ["apt-update", "apt-install", "engine-start"] if EVERYTHING else ["apt-install"]
        )
    ],
)
def test_a_ticket_of_sudo_that_expires_is_said_and_asked_for_by_one_more_run(
    machine: DebianMachine, name: str
) -> None:
    home = "/home/asked/bootstrapper"
    machine.copy_checkout(PROJECT, home, user="asked")
    machine.run(["cp", "-R", f"{home}/examples/blog", "/home/asked/blog"], user="asked")
    prepare(machine)
    arm(machine, ("sudo-expires", COMMANDS[name]))

    def answered(*answers: tuple[str, str]) -> tuple[int, str]:
        command = f"python3 {home}/bootstrap.py --blog /home/asked/blog"
        upper, process = at_a_terminal(machine, command)
        shown = converse(upper, list(answers), process)
        return process.wait(timeout=30), shown

    code, shown = answered(("Go ahead?", "y\n"), ("password for asked", "asked\n"))
    assert _is_there(machine, "/faults/met/1"), shown
    assert code == 1, shown
    assert "Not done" in shown
    assert "Traceback" not in shown
    arm(machine)
    code, shown = answered(("Go ahead?", "y\n"), ("password for asked", "asked\n"))
    assert (code, "Proved" in shown) == (0, True), shown
    assert shown.count("password for asked") == 1
    assert machine.get(f"{URL}/").status_code == 200


def prepare(machine: DebianMachine) -> None:
    machine.run(["/usr/bin/dash", "-c", _PREPARE], input=_SHELL.read_text())
    machine.write("/faults/begun", _UNPACKED)


def arm(machine: DebianMachine, *faults: tuple[str, str]) -> None:
    lines = "".join(f"{kind}\t{words}\n" for kind, words in faults)
    machine.run(["/faults/sh", "-c", _ARM], input=lines)


def suffer(case: Case) -> None:
    """A run to which it happens; asserts what holds for any of them."""
    machine = case.machine
    if case.kind == "disk-full":
        machine.run(["/faults/sh", "-c", _SMALL, "small", case.place])
    arm(machine, (case.kind, case.words))
    process = machine.start(
        ["python3", f"{HOME}/bootstrap.py", "--blog", BLOG], user="dev",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    wait_for(
        lambda: process.poll() is not None or _is_there(machine, "/faults/met/1"),
        600,
        f"the run to come to {case.words!r}",
    )
    _happen(case, process)
    case.shown = process.communicate(timeout=600)[0]
    case.code = process.returncode
    assert _is_there(machine, "/faults/met/1"), f"it never came to it: {case}"
    assert "Traceback" not in case.shown, str(case)
    assert "mistake in the program" not in case.shown, str(case)
    ends = {"fail": (1,), "hang": (130,), "ctrl-c": (0, 130), "kill": (137, -9)}
    wanted = ends.get(case.kind) or ends.get(case.kind.partition("-")[0], (0, 1))
    assert case.kind.startswith("power-") or case.code in wanted, str(case)
    if case.code == 1:
        assert "Not done" in case.shown or "bootstrap.py: " in case.shown, str(case)


def _happen(case: Case, process: InsideProcess) -> None:
    """The part of it that somebody outside does."""
    if case.kind in ("hang", "ctrl-c") and process.poll() is None:
        _press_ctrl_c(process)
    elif case.kind == "network-gone":
        _network(case.machine, "down")
        case.machine.run(["/faults/sh", "-c", "echo on >/faults/go"])
    elif case.kind.startswith("power-"):
        case.machine.run(["/faults/sh", "-c", "cat /faults/power"])  # until somebody writes to it
        case.machine.power_cut()


def _press_ctrl_c(process: InsideProcess) -> None:
    """What a terminal does: its foreground group, which the tool leads, gets the signal."""
    if (pid := process.inside_pid) is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGINT)


def _network(machine: DebianMachine, state: str) -> None:
    subprocess.run(
        machine.inside_network(["ip", "link", "set", "eth0", state]), check=True, timeout=10
    )


def _is_there(machine: DebianMachine, path: str) -> bool:
    return machine.run(["test", "-e", path], check=False).returncode == 0


def recover(case: Case) -> None:
    """The fault is over; one more plain run ends proved, and leaves nothing half done."""
    machine = case.machine
    if case.kind == "network-gone":
        machine.power_cut()  # a network comes back with its routes when it is made anew
    arm(machine)
    if case.kind == "disk-full":
        machine.run(["rm", "-f", f"{case.place}/.filler"])
        machine.run(["mount", "-o", "remount,size=4g", "/faults/small"])
    run = bootstrap(machine)
    assert run.returncode == 0, f"{case}\n--- and then:\n{run.stdout}{run.stderr}"
    assert "Proved" in run.stdout, f"{case}\n--- and then:\n{run.stdout}{run.stderr}"
    assert "Traceback" not in run.stdout + run.stderr
    assert record(machine)["ok"] is True
    assert machine.get(f"{URL}/").status_code == 200
    half = machine.run(["dpkg", "--audit"]).stdout
    assert half == "", half
    assert leftovers(case) == "", str(case)
    containers = machine.run(["docker", "ps", "--all", "--format", "{{.Names}}"]).stdout.split()
    assert containers == ["bootstrapper-blog"], str(case)
    plan = bootstrap(machine, "plan")
    assert plan.returncode == 0, f"{case}\n--- and then:\n{plan.stdout}{plan.stderr}"


def leftovers(case: Case) -> str:
    """Files of ours that are half written, or were for the moment only. /tmp is the system's to
    empty when it starts."""
    places = [f"{STATE}/.*", f"{STATE}/*damaged*", f"{STATE}/kept/.?*"]
    places += ["/home/dev/.cache/bootstrapper/.?*", "/home/dev/.cache/bootstrapper/files/*/*.part"]
    if not case.kind.startswith("power-") and case.kind != "network-gone":
        places.append("/tmp/bootstrapper*")
    script = f"for file in {' '.join(places)}; do [ ! -e $file ] || echo $file; done"
    found = case.machine.run(["/faults/sh", "-c", script]).stdout.split()
    return " ".join(name for name in found if not name.endswith(("/.", "/..")))
