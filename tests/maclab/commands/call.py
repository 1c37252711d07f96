"""What a simulated command sees of the machine: its arguments, its user, files, and state."""

from __future__ import annotations

import json
import os
import pwd
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any, ClassVar, TextIO, TypeVar

LAB = "/maclab"  # what a real Mac does not have lies here


@dataclass
class Section:
    """A part of the machine's state, kept as JSON in a file of its own below `/maclab/state`."""

    KEY: ClassVar[str] = ""


S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Command:
    """A simulated command. `at` are its paths on every Mac; none for one that is installed later.

    `source` says where its texts and exit codes were seen; `guesses` what nobody has recorded.
    """

    name: str
    function: Callable[[Call], int]
    at: tuple[str, ...]
    source: str
    guesses: tuple[str, ...]


COMMANDS: dict[str, Command] = {}


def command(
    name: str, *at: str, source: str, guesses: tuple[str, ...] = ()
) -> Callable[[Callable[[Call], int]], Callable[[Call], int]]:
    """Register the function that is run for a command; it returns the exit code."""

    def register(function: Callable[[Call], int]) -> Callable[[Call], int]:
        COMMANDS[name] = Command(name, function, at, source, guesses)
        return function

    return register


@dataclass
class Call:
    """One run of a command. Paths are looked up below `root`, which is `/` on the machine."""

    name: str
    argv: list[str]
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    cwd: Path = field(default_factory=Path.cwd)
    uid: int = field(default_factory=os.geteuid)
    root: Path = Path("/")
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)

    @property
    def user(self) -> str:
        return pwd.getpwuid(self.uid).pw_name

    @property
    def home(self) -> Path:
        """$HOME, as the commands see it."""
        return self.path(self.env.get("HOME") or pwd.getpwuid(self.uid).pw_dir)

    def path(self, absolute: str | Path) -> Path:
        return self.root / str(absolute).lstrip("/")

    def out(self, text: str = "") -> None:
        print(text, file=self.stdout, flush=True)

    def err(self, text: str = "") -> None:
        print(text, file=self.stderr, flush=True)

    def state(self, section: type[S]) -> S:
        """The section as it is now; with its defaults where nothing was ever saved."""
        try:
            told = json.loads(self._file(section).read_text())
        except FileNotFoundError:
            return section()
        known = {one.name for one in fields(section)}
        return section(**{key: value for key, value in told.items() if key in known})

    def save(self, section: Section) -> None:
        file = self._file(type(section))
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(asdict(section), indent=2))
        aside.chmod(0o666)
        aside.replace(file)

    @contextmanager
    def changing(self, section: type[S]) -> Iterator[S]:
        """The section, locked against other commands and saved afterwards."""
        folder = self.path(f"{LAB}/state")
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "lock"
        if not file.exists():
            file.touch()
            file.chmod(0o666)  # root and the users change the same state
        with file.open("a") as lock:
            flock(lock, LOCK_EX)
            state = self.state(section)
            yield state
            self.save(state)

    def fails(self, message: str, code: int = 1) -> int:
        """Say `message` on standard error; the exit code, to be returned."""
        self.err(message)
        return code

    def _file(self, section: type[Section]) -> Path:
        return self.path(f"{LAB}/state/{section.KEY}.json")


def as_json(value: Any) -> str:
    """Compact, as Go's encoder writes it."""
    return json.dumps(value, separators=(",", ":"))
