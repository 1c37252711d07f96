"""Runs one recorded command against the simulated brew, on the machine it was recorded on."""

from __future__ import annotations

import fcntl
import fnmatch
import json
import re
import shlex
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from ..brew import Brew
from ..console import Console
from ..machine import Machine
from ..main import execute
from .cases import EXCLUDED, GROUPS, Group
from .compare import Verdict, judge
from .states import HOME, STATES, USER, build

RECORDINGS = Path(__file__).parents[2] / "recordings" / "brew"
_REAL_HOME = "/home/linuxbrew"


class Run(NamedTuple):
    """What one replay gave."""

    code: int
    out: str
    err: str


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def recordings() -> dict[str, dict[str, Any]]:
    """Every recording that is kept, by name."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(RECORDINGS.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            told = json.loads(line)
            found[told["name"]] = told
    return found


def excluded() -> dict[str, str]:
    """The recordings that are left out, with the reason why."""
    return {name: reason for reason, names in EXCLUDED.items() for name in names.split()}


def group_of(name: str) -> Group | None:
    """The group of a recording: the last of those that name it, exact names before patterns."""
    exact = [group for group in GROUPS if name in group.recordings.split()]
    wide = [
        group
        for group in GROUPS
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in group.recordings.split())
    ]
    fitting = exact or wide
    return fitting[-1] if fitting else None


class Replayer:
    """Replays recordings below a directory. Those that only look share a machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shared: dict[Group, tuple[Machine, Path]] = {}

    def verdict(self, recorded: dict[str, Any]) -> Verdict:
        """Run a recorded command, and compare."""
        run = self.run(recorded)
        return judge(run.code, run.out, run.err, recorded)

    def run(self, recorded: dict[str, Any]) -> Run:
        """Run a recorded command; paths come back as they were recorded."""
        group = group_of(recorded["name"])
        assert group, recorded["name"]
        with ExitStack() as locks:
            if not _only_looks(recorded, group):
                return _run(*self._build(group, locks), recorded)
            if group not in self._shared:
                self._shared[group] = self._build(group, locks)
            return _run(*self._shared[group], recorded)

    def _build(self, group: Group, locks: ExitStack) -> tuple[Machine, Path]:
        root = self._folder / str(len(list(self._folder.iterdir())))
        root.mkdir()
        machine = build(STATES[group.machine], root)
        _write_brewfiles(root)
        for step in group.before:
            _prepare(machine, root, step, locks)
        return machine, root


def _only_looks(recorded: dict[str, Any], group: Group) -> bool:
    words = [word for word in recorded["argv"] if not word.startswith("/")]
    still = "HOMEBREW_NO_AUTO_UPDATE" in recorded["env"]
    locked = any(step.startswith("lock") for step in group.before)
    looking = words[0] == "brew" and len(words) > 1 and words[1] in _LOOKING
    return looking and still and not locked and recorded["cwd"] == _REAL_HOME


_LOOKING = (
    *("--cache", "--caskroom", "--cellar", "--prefix", "--repository", "--taps", "--version"),
    *("deps", "info", "leaves", "list", "missing", "outdated", "shellenv", "tap-info", "uses"),
)


def _run(machine: Machine, root: Path, recorded: dict[str, Any]) -> Run:
    words, stdin = _command(recorded)
    if words[0] == "cat":
        return Run(0, _file(root, words[1]), "")
    words = [word.replace(_REAL_HOME, str(root / HOME)) for word in words[1:]]
    terminal = "typed" in recorded or recorded["name"].startswith(("tty-", "color-env"))
    out = _Terminal() if terminal else StringIO()
    err = out if terminal else StringIO()
    environment = _environment(root, recorded)
    keyboard = _Terminal(recorded.get("typed", ""))
    console = Console(out, err, environment, keyboard=keyboard if terminal else None)
    cwd = root / recorded["cwd"].lstrip("/")
    cwd.mkdir(parents=True, exist_ok=True)
    if recorded["cwd"] == "/root":
        cwd.chmod(0)
    brew = Brew(machine, environment, cwd, console, stdin=StringIO(stdin), hook=lambda _: 0)
    code = execute(brew, words)
    if str(recorded["argv"][-1]).endswith("| cat"):
        code = 0
    return Run(code, _real(root, out), "" if terminal else _real(root, err))


def _command(recorded: dict[str, Any]) -> tuple[list[str], str]:
    """The words of a command and its standard input; of a small shell script, what it comes to."""
    words: list[str] = list(recorded["argv"])
    stdin = str(recorded.get("stdin", ""))
    if words[0].endswith("chroot"):
        words = words[2:]
    if words[0] == "bash":
        script = words[-1]
        piped = re.fullmatch(r"echo '(.*)' \| (brew .*)", script)
        if piped:
            return shlex.split(piped[2]), piped[1] + "\n"
        script = script.removesuffix(" | cat").rpartition("; ")[2]
        words = shlex.split(script.replace("$HOME/lab/b1", f"{_REAL_HOME}/lab/bundle/b1"))
    return words, stdin


def _prepare(machine: Machine, root: Path, step: str, locks: ExitStack) -> None:
    verb, *words = shlex.split(step.replace(_REAL_HOME, str(root / HOME)))
    cache = root / HOME / ".cache" / "Homebrew"
    if verb == "brew":
        quiet = {
            "HOME": str(root / HOME),
            "HOMEBREW_NO_AUTO_UPDATE": "1",
            "HOMEBREW_NO_INSTALL_FROM_API": "1",
        }
        console = Console(StringIO(), StringIO(), quiet)
        brew = Brew(machine._replace(uid=USER), quiet, root / HOME, console, hook=lambda _: 0)
        execute(brew, words)
    elif verb == "half":
        (machine.cellar / words[0] / words[1] / "bin").mkdir(parents=True)
    elif verb == "empty":
        (machine.cellar / words[0]).mkdir()
    elif verb == "uncache":
        for file in cache.rglob("*.jws.json"):
            file.unlink()
    elif verb == "brewfile":
        folder = root / HOME / "lab" / "bundle"
        (folder / "Brewfile").write_text((folder / words[0]).read_text())
    elif verb == "cache":
        (cache / words[0]).parent.mkdir(parents=True, exist_ok=True)
        (cache / words[0]).write_text("x")
    else:
        assert verb == "lock", step
        file = machine.prefix / "var" / "homebrew" / "locks" / words[0]
        fcntl.flock(locks.enter_context(file.open("w")), fcntl.LOCK_EX)


def _environment(root: Path, recorded: dict[str, Any]) -> dict[str, str]:
    told = {
        "HOME": _REAL_HOME,
        "SHELL": "/bin/bash",
        "PATH": f"{_REAL_HOME}/.linuxbrew/bin:{_REAL_HOME}/.linuxbrew/sbin:/usr/bin:/bin",
        **recorded["env"],
    }
    return {
        key: value.replace(_REAL_HOME, str(root / HOME)) for key, value in told.items() if value
    }


def _write_brewfiles(root: Path) -> None:
    folder = root / HOME / "lab" / "bundle"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in json.loads((RECORDINGS / "brewfiles.json").read_text()).items():
        (folder / name).write_text(text)


def _file(root: Path, path: str) -> str:
    return (root / path.lstrip("/")).read_text().replace(str(root), "")


def _real(root: Path, stream: StringIO) -> str:
    return stream.getvalue().replace(str(root), "")
