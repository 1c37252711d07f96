"""Macs on which a fault happens to one command of a run, and what has to be true after one more.

`tests/faults/shell.sh` takes the place of /bin/sh there, which the tool starts for each command.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.debian.process import CommandError
from tests.debian.waiting import wait_for
from tests.maclab.machine import Mac, Ran

from .job import bootstrap

STATE = "/Users/dev/Library/Application Support/bootstrapper"
_SHELL = Path(__file__).parents[1] / "faults" / "shell.sh"
# The user's own shell, which outlives the tool; Ctrl-C is not for it.
_WITHIN = ("/faults/sh", "-c", 'trap : INT; "$@"; exit $?', "shell")
# From now on no other computer answers; the registry of the lab stands for one.
_NO_NETWORK = (
    ("curl", "https://", "curl: (6) Could not resolve host"),
    ("softwareupdate", "-", "The Internet connection appears to be offline."),
    ("brew", "install", "Error: Download failed"),
    ("docker", "pull", "Error response from daemon: lookup: no such host"),
    ("docker", "manifest", "lookup: no such host"),
    ("bundle", "install", "Could not reach the host of the gems."),
)
_NETWORK = "cp /faults/no-network.json /maclab/faults.json\n"
# A small file system over where a command writes, on which nothing is left.
_SMALL = """
mkdir -p /faults/small && mount -t tmpfs -o size=24m,mode=755 small /faults/small
mkdir /faults/small/over /faults/small/work && chown 501:20 /faults/small/over
mount -t overlay small "$1" \
  -o "lowerdir=$1,upperdir=/faults/small/over,workdir=/faults/small/work"
echo "cat /dev/zero >$1/.filler 2>/dev/null" >/faults/disk-full
"""
_ARM = """set -eu
cat >/faults/armed
rm -rf /faults/met
mkdir -m 777 /faults/met
"""
_PREPARE = """set -eu
mkdir -p /faults /faults/met
cp /usr/bin/dash /faults/sh
cat >/faults/shell
rm -f /usr/bin/sh /faults/go /faults/never
cp /faults/shell /usr/bin/sh
chmod 755 /usr/bin/sh
chmod 777 /faults /faults/met
mkfifo -m 666 /faults/go /faults/never
ln -sf /maclab/power /faults/power
"""

# What must not be done again once it has succeeded. A machine that was switched off may start its
# engine, and its container, again.
ONCE = (
    ("softwareupdate", "-i"),
    ("install-homebrew", ""),
    ("brew", "install"),
    ("docker", "pull"),
    ("docker", "build"),
)


@dataclass
class Case:
    """A Mac, what happens on it, and what was seen."""

    mac: Mac
    kind: str
    words: str
    hangs: bool = False
    shown: str = ""
    code: int | None = None
    typed: list[str] = field(default_factory=list)

    @property
    def cuts_power(self) -> bool:
        return self.kind.startswith("power-")

    @property
    def place(self) -> str:
        """Where the command writes."""
        return "/opt/homebrew" if re.search("brew (re)?install", self.words) else "/Users/dev"

    def __str__(self) -> str:
        return f"{self.kind} at {self.words!r}: exit {self.code}\n{self.shown}"


def prepare(mac: Mac) -> None:
    """Put the shell of faults into a Mac."""
    mac.run(["/maclab/real/sh", "-c", _PREPARE], user="root", input=_SHELL.read_text())
    offline = [
        {"happens": "fail", "times": 10**6, "command": name, "match": words, "stderr": said}
        for name, words, said in _NO_NETWORK
    ]
    mac.write("/faults/no-network.json", json.dumps(offline), user="root")
    mac.write("/faults/network-gone", _NETWORK, user="root")
    mac.faults()


def arm(mac: Mac, *faults: tuple[str, str]) -> None:
    """Let faults happen, each to the first command that has the words."""
    lines = "".join(f"{kind}\t{words}\n" for kind, words in faults)
    mac.run(["/maclab/real/sh", "-c", _ARM], user="root", input=lines)


def happened(mac: Mac, number: int = 1) -> bool:
    return mac.file(f"/faults/met/{number}").exists()


def walk(mac: Mac, stops: Sequence[str], take: Callable[[int], None]) -> str:
    """A whole run, which stands still before the first command with each of these words, so that
    `take` can look at the machine; what it showed."""
    arm(mac, *(("pause", words) for words in stops))
    taken: set[int] = set()

    def meanwhile() -> str:
        for number in range(1, len(stops) + 1):
            if number not in taken and happened(mac, number):
                taken.add(number)
                take(number - 1)
                mac.run(["/maclab/real/sh", "-c", "echo on >/faults/go"], user="root")
        return ""

    run = bootstrap(mac, meanwhile=meanwhile)
    arm(mac)
    assert run.returncode == 0, run.stdout
    missed = [stops[n] for n in range(len(stops)) if n not in {t - 1 for t in taken}]
    assert not missed, f"no command has these words: {missed}"
    return run.stdout


def switched_on_again(mac: Mac) -> None:
    """A copy of a running Mac's disk is as after a power cut; scratch goes when a Mac starts."""
    mac.prepare("lose-power")
    mac.run(["sh", "-c", "rm -rf /tmp/* /tmp/.[!.]* /var/folders/dev/T/*"], user="root")


def suffer(case: Case, *arguments: str) -> None:
    """A run to which it happens; asserts what holds for any of them."""
    mac = case.mac
    if case.kind == "disk-full":
        mac.run(["/maclab/real/sh", "-ec", _SMALL, "small", case.place], user="root")
    arm(mac, (case.kind, case.words))

    def meanwhile() -> str:
        if case.kind in ("hang", "ctrl-c") and not case.typed and happened(mac):
            case.typed.append("^C")
            return "\x03"
        return ""

    met = mac.file("/faults/met/1")  # the Mac may be gone when it is asked for
    with contextlib.suppress(CommandError):
        run = bootstrap(mac, *arguments, within=_WITHIN, meanwhile=meanwhile, timeout=120)
        case.code, case.shown = run.returncode, run.stdout
    if case.cuts_power:
        wait_for(lambda: not mac.is_on, 10, "the power to be gone")
        mac.power_cut()
    assert met.exists() or happened(mac), f"it never came to it: {case}"
    assert "Traceback" not in case.shown, str(case)
    assert "mistake in the program" not in case.shown, str(case)
    ends = {"fail": (1,), "hang": (130,), "ctrl-c": (0, 130), "kill": (137,)}
    wanted = ends.get(case.kind) or ends.get(case.kind.partition("-")[0], (0, 1))
    assert case.cuts_power or case.code in wanted, str(case)
    if case.code == 1:
        assert "Not done" in case.shown or "bootstrap.py: " in case.shown, str(case)


def ask(case: Case) -> None:
    """A run in which a question finds no answer; a hanging one is ended with Ctrl-C."""
    mac = case.mac

    def meanwhile() -> str:
        (fault,) = json.loads(mac.file("/maclab/faults.json").read_text() or "[{}]")
        spent = fault.get("times") == 0
        if case.kind == "hang" and not case.typed and spent:
            case.typed.append("^C")
            return "\x03"
        return ""

    run = bootstrap(mac, within=_WITHIN, meanwhile=meanwhile, timeout=120)
    case.code, case.shown = run.returncode, run.stdout
    assert "Traceback" not in case.shown, str(case)
    assert "mistake in the program" not in case.shown, str(case)
    assert case.code in ((130,) if case.kind == "hang" else (0, 1)), str(case)


def recover(case: Case, *, plan: bool) -> None:
    """The fault is over; one more plain run ends proved, and leaves nothing half done."""
    mac = case.mac
    arm(mac)
    mac.faults()
    mac.file(f"{case.place}/.filler").unlink(missing_ok=True)
    run = bootstrap(mac)
    assert run.returncode == 0, f"{case}\n--- and then:\n{run.stdout}"
    assert "Proved" in run.stdout, f"{case}\n--- and then:\n{run.stdout}"
    assert "Traceback" not in run.stdout
    assert "damaged" not in run.stdout, run.stdout
    left = leftovers(case)
    assert not left, f"{left}: {case}"
    assert twice(mac.commands()) == {}, str(case)
    if plan:
        looked = bootstrap(mac, "plan")
        assert looked.returncode == 0, f"{case}\n--- and then:\n{run.stdout}\n{looked.stdout}"


def leftovers(case: Case) -> list[str]:
    """Files of ours that are half written, or were for the moment only."""
    root = case.mac.file("/")
    found: list[Path] = []
    for place, pattern in (
        ("Users/dev", ".zprofile.*"),
        ("Users/dev/.docker", "config.json.*"),
        ("Users/dev/.ssh", "config.*"),
        ("Users/dev/.cache/bootstrapper", "[!e]*/**/*.part"),  # not in env-*, which is Python's
        (STATE.lstrip("/"), ".*"),
        (STATE.lstrip("/"), "*damaged*"),
        (f"{STATE}/kept".lstrip("/"), ".*"),
        ("Users/dev/.cache/bootstrapper", ".*"),
        # Both are emptied when a Mac starts.
        *(() if case.cuts_power else (("tmp", "*"), ("tmp", ".*"), ("var/folders/dev/T", "*"))),
    ):
        found += (root / place).glob(pattern)
    return sorted(f"/{path.relative_to(root)}" for path in found)


def twice(commands: Sequence[Ran]) -> dict[str, int]:
    """What has succeeded more than once, and must not."""
    done = Counter(
        f"{ran.command} {' '.join(_without_the_context(ran))}"
        for ran in commands
        if ran.exit == 0 and any(ran.command == c and m in " ".join(ran.argv[:1]) for c, m in ONCE)
    )
    return {words: times for words, times in done.items() if times > 1}


def _without_the_context(ran: Ran) -> tuple[str, ...]:
    """The last word of a build is a directory that only that run has made."""
    return ran.argv[:-1] if ran.argv[:1] == ("build",) else ran.argv
