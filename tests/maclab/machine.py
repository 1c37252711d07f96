"""A running simulated Mac: its own files and processes, the network and the engine of another.

The engine is a real one, in a throwaway Debian machine that stands for the virtual machine of
colima and its like. The Mac shares that machine's network, so that a container's published port is
on the Mac's loopback, as it is on a real one.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from tests.debian.machine import DebianMachine, checked_out
from tests.debian.process import CommandError, InsideProcess, finish
from tests.debian.scratch import claimed_directory

from .commands.call import Call, Section
from .commands.presets import user_of
from .disk import PASSWORD, USERS

User = Literal["root", "dev", "guest"]
S = TypeVar("S", bound=Section)

SOCKET = "/var/lib/docker/lab.sock"  # in the engine's machine, on a directory of the host
_BOOT = Path(__file__).with_name("boot.sh")
_TIOCSPTLCK, _TIOCGPTPEER = 0x40045431, 0x5441  # <asm-generic/ioctls.h>
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Ran:
    """A command that was recorded: `argv` without its name, `seconds` of wall time."""

    command: str
    argv: tuple[str, ...]
    user: str = ""
    cwd: str = ""
    exit: int = 0
    seconds: float = 0.0


class Mac:
    """A simulated Mac, as a context manager. Needs root on Linux.

    `layers` are read-only trees, topmost first (see `disk.bare_layers`); `room` is the machine with
    the engine, whose container engine listens on `SOCKET`.
    """

    def __init__(self, layers: Sequence[Path], cache: Path, room: DebianMachine) -> None:
        self._layers = tuple(layers)
        self._cache = cache
        self._room = room
        self._life = ExitStack()
        self._power = ExitStack()
        self._pid = 0

    def __enter__(self) -> Mac:
        with ExitStack() as life:
            self._home = life.enter_context(claimed_directory(self._cache / "macs"))
            for name in ("root", "mount"):
                (self._home / name).mkdir()
            life.callback(lambda: self._power.close())
            self._boot()
            self._life = life.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    # Commands

    def run(
        self,
        argv: Sequence[str],
        *,
        user: User = "dev",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
        check: bool = True,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, without a terminal, with the environment of a login.

        Raises:
            CommandError: it ran longer than `timeout` seconds, or, with `check`, failed.
        """
        stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
        process = InsideProcess(
            self._inside(argv, user, cwd),
            env=_environment(user) | dict(env or {}),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        return finish(process, argv, input, check=check, timeout=timeout)

    def run_at_terminal(
        self,
        argv: Sequence[str],
        *,
        answers: Mapping[str, str] | None = None,
        user: User = "dev",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        meanwhile: Callable[[], str] = str,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command at a terminal. Each time its output ends with a key of `answers`, that
        answer is typed; "Password:" is answered with the user's password. `meanwhile` is called
        again and again; what it returns is typed.

        Raises:
            CommandError: it ran longer than `timeout` seconds.
        """
        typed = {"Password:": PASSWORD, **(answers or {})}
        upper, lower = self._open_terminal()
        process = InsideProcess(
            self._inside(argv, user, cwd, terminal=True),
            env={"TERM": "xterm", **_environment(user), **(env or {})},
            stdin=lower,
            stdout=lower,
            stderr=lower,
            start_new_session=True,
        )
        os.close(lower)
        with process:
            shown = _converse(upper, typed, time.monotonic() + timeout, meanwhile)
            if shown is None:
                process.kill_group()
                raise CommandError(argv, f"not done after {timeout:g} s", "", "")
        os.close(upper)
        return subprocess.CompletedProcess(argv, process.returncode, _plain(shown), "")

    def commands(self) -> list[Ran]:
        """The simulated commands, and sudo, that ran since the disk was made, in their order."""
        text = self.file("/maclab/record.jsonl").read_text()
        told = [json.loads(line) for line in text.splitlines()]
        return [
            Ran(one.pop("command"), tuple(one.pop("argv")), **{k: one[k] for k in one})
            for one in told
        ]

    def forget_commands(self) -> None:
        self.file("/maclab/record.jsonl").write_text("")

    def faults(self, *faults: Mapping[str, Any]) -> None:
        """Let things happen to commands; see `commands/main.py`."""
        file = self.file("/maclab/faults.json")
        file.write_text(json.dumps(faults))
        file.chmod(0o666)

    # Files and state

    def file(self, path: str) -> Path:
        """A file of the Mac, as the host sees it. Links in it that begin with / lead astray."""
        return Path(f"/proc/{self._pid}/root") / path.lstrip("/")

    def state(self, section: type[S]) -> S:
        return self._call().state(section)

    def set_state(self, section: Section) -> None:
        self._call().save(section)

    def prepare(self, *presets: str) -> None:
        """Make it another Mac than a bare one: see `commands/presets.py` for the names."""
        for preset in presets:
            name, *arguments = preset.split()
            self.run(["/maclab/bin/run", "preset", name, *arguments], user=user_of(name))

    def write(self, path: str, text: str, *, user: User = "dev", mode: int = 0o644) -> None:
        script = 'umask 022; mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'
        self.run(["sh", "-c", script, "write", path, f"{mode:o}"], user=user, input=text)

    def copy_checkout(self, repository: Path, target: str, *, user: User = "dev") -> None:
        """Copy what git tracks or would track, without the tests, as it is in the tree now."""
        self.run(["mkdir", "-p", target], user=user)
        for name in checked_out(repository):
            if not name.startswith("tests/"):
                copied = self.file(f"{target}/{name}")
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(repository / name, copied)
        self.run(["chown", "-R", f"{USERS[user]}:20", target], user="root")

    def make_caseless(self, folder: str) -> None:
        """Make a folder case-insensitive until the power goes; see `caseless.py`."""
        words = [sys.executable, "-m", f"{__package__}.caseless", str(self._pid), folder]
        server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self._power.callback(server.wait)
        self._power.callback(server.kill)
        assert server.stdout is not None
        assert server.stdout.readline() == "up\n"

    # Power

    def power_cut(self) -> None:
        """End everything at once and boot again from the disk as it is; no engine runs then."""
        self._power.close()
        self._boot()
        self.prepare("lose-power")

    def snapshot(self, directory: Path) -> tuple[Path, ...]:
        """Turn it off for good; the layers from which other Macs start as this one is now."""
        self._power.close()
        directory.parent.mkdir(parents=True, exist_ok=True)
        (self._home / "root").rename(directory)
        return directory, *self._layers

    def copy_disk(self, directory: Path) -> tuple[Path, ...]:
        """What the disk holds at this moment, as layers from which other Macs start."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", self._home / "root", directory], check=True)
        return directory, *self._layers

    @property
    def is_on(self) -> bool:
        return Path(f"/proc/{self._pid}/root/maclab").exists()

    # How it is done

    def _boot(self) -> None:
        work = self._home / "work"
        shutil.rmtree(work, ignore_errors=True)  # of the last boot: volatile forbids its reuse
        work.mkdir()
        log = self._home / "boot.log"
        with ExitStack() as power, log.open("w") as errors:
            init = InsideProcess(
                [
                    *self._room.inside_network(["unshare", "--fork", "--kill-child"]),
                    *("--mount", "--pid", "--uts", "--ipc"),
                    *("sh", str(_BOOT), ":".join(map(str, self._layers)), str(self._home)),
                    str(self._room.host_path(SOCKET)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
            power.enter_context(init)
            power.callback(init.kill)
            assert init.stdout is not None
            up = init.stdout.readline() == "up\n"
            if not up or (pid := init.inside_pid) is None:
                raise CommandError(["boot"], f"failed in {self._home}", "", log.read_text())
            self._pid = pid
            self._power = power.pop_all()

    def _inside(
        self, argv: Sequence[str], user: User, cwd: str | None, *, terminal: bool = False
    ) -> list[str]:
        return [
            *("nsenter", f"--target={self._pid}"),
            *("--mount", "--pid", "--uts", "--ipc", "--net", "--wd=/", "--"),
            *("/maclab/real/setsid", *(["--ctty"] if terminal else [])),
            *("/maclab/real/setpriv", f"--reuid={user}", f"--regid={USERS.get(user, 0) and 20}"),
            *("--init-groups", "--"),
            *("/maclab/gnu/env", f"--chdir={cwd or _home(user)}", "--default-signal=INT", "--"),
            *argv,
        ]

    def _open_terminal(self) -> tuple[int, int]:
        """Both ends of a terminal of the Mac's own: sudo looks it up there for its ticket."""
        upper = os.open(self.file("/dev/pts/ptmx"), os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(upper, _TIOCSPTLCK, struct.pack("i", 0))
        lower = fcntl.ioctl(upper, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
        return upper, lower

    def _call(self, user: User = "root") -> Call:
        return Call("lab", [], env=_environment(user), uid=USERS.get(user, 0), root=self.file("/"))


def _home(user: User) -> str:
    return "/var/root" if user == "root" else f"/Users/{user}"


def _environment(user: User) -> dict[str, str]:
    """What Terminal.app's login shell has before it reads the user's own files."""
    return {
        "HOME": _home(user),
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/zsh",
        "LANG": "en_US.UTF-8",
        "TMPDIR": f"/var/folders/{user}/T/" if user != "root" else "/tmp",
        # Python takes this for Linux, where a Mac's place for it has another name, without a space.
        "XDG_STATE_HOME": f"{_home(user)}/Library/Application Support",
        "PATH": _PATH,
    }


def _converse(
    upper: int, answers: Mapping[str, str], deadline: float, meanwhile: Callable[[], str]
) -> bytes | None:
    """Type answers at a terminal until it is closed; what it showed, or None at the deadline."""
    shown = bytearray()
    since = 0
    while time.monotonic() < deadline:
        if keys := meanwhile():
            os.write(upper, keys.encode())
        if not select.select([upper], [], [], 0.1)[0]:
            continue
        with suppress(OSError):  # the last process has closed the terminal
            if chunk := os.read(upper, 65536):
                shown += chunk
                last = _plain(shown[since:]).rstrip(" ")
                for prompt, answer in answers.items():
                    if last.endswith(prompt):
                        os.write(upper, answer.encode() + b"\n")
                        since = len(shown)
                continue
        return bytes(shown)
    return None


def _plain(shown: bytes | bytearray) -> str:
    """What a terminal was sent, without colours, as text."""
    return _CONTROL.sub("", shown.decode(errors="replace")).replace("\r\n", "\n")
