"""A throwaway Debian machine: its own root, processes, network and control groups.

It starts in a fraction of a second from a bare tree or from a frozen machine, and leaves nothing
behind. Real kernel, real packages, real engine. It has no init system: nothing starts by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, TypeVar

import requests
from gevent import monkey

from .cgroup import Cgroup
from .network import connect_to_host, enter_network
from .process import CommandError, InsideProcess, finish
from .scratch import claimed_directory
from .waiting import wait_for

User = Literal["root", "dev", "asked", "guest"]
T = TypeVar("T")

_BOOT = Path(__file__).with_name("boot.sh")
_NAME = "debian"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_JOIN = 'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs"; shift; done; shift; exec "$@"'


@dataclass(frozen=True)
class Disk:
    """What a machine starts from and never changes.

    `layers` are trees of files, topmost first; `engine` is the content of /var/lib/docker.
    """

    layers: tuple[Path, ...]
    engine: Path | None = None


@dataclass(frozen=True)
class Task:
    """A running process: its number in the machine, and its arguments."""

    pid: int
    command: tuple[str, ...]


class DebianMachine:
    """A running machine, as a context manager. Needs root.

    The Debian packages that it downloads are kept below `cache` for all machines; everything else
    vanishes with the machine. Should the process that runs the tests be
    killed, the machine ends at once, and its directory is removed when the next one starts.
    """

    def __init__(self, disk: Disk, cache: Path) -> None:
        self._disk = disk
        self._cache = cache
        self._life = ExitStack()
        self._power = ExitStack()
        self._pid = 0

    def __enter__(self) -> DebianMachine:
        with ExitStack() as life:
            self._home = life.enter_context(claimed_directory(self._cache / "machines"))
            self._furnish()
            life.callback(self._keep_downloads)
            life.callback(self._turn_off)
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
        user: User = "root",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
        check: bool = True,
        timeout: float = 600,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; it starts in the user's home, with a login's bare environment.

        Raises:
            CommandError: it ran longer than `timeout` seconds, or, with `check`, failed.
        """
        stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
        process = self.start(argv, user=user, cwd=cwd, env=env, stdin=stdin)
        return finish(process, argv, input, check=check, timeout=timeout)

    def start(
        self,
        argv: Sequence[str],
        *,
        user: User = "root",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int | IO[str] | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[str] = subprocess.PIPE,
        stderr: int | IO[str] = subprocess.PIPE,
        terminal: bool = False,
    ) -> InsideProcess:
        """Start a command and return at once.

        With `terminal`, `stdin` is the lower end of a pseudo-terminal (see os.openpty), which
        becomes the controlling one: what is typed at the upper end (Ctrl-C too) reaches it.
        """
        home = _home(user)
        return InsideProcess(
            [
                *self._entrance(),
                *(["setsid", "--ctty"] if terminal else ["setsid"]),
                *_identity(user),
                *("env", f"--chdir={cwd or home}", "--default-signal=INT", "--"),
                *argv,
            ],
            env=_environment(user, home) | dict(env or {}),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def processes(self) -> list[Task]:
        """What runs in the machine and in its containers, without the machine's own process 1."""
        tasks = []
        for entry in Path(f"/proc/{self._pid}/root/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                tasks.append(Task(int(entry.name), tuple(command.split("\0")[:-1])))
        alive = (task for task in tasks if task.command and task.pid != 1)
        return sorted(alive, key=lambda task: task.pid)

    # Files

    def read(self, path: str) -> str:
        return self.run(["cat", path]).stdout

    def write(self, path: str, text: str, *, user: User = "root") -> None:
        """Write a file as `user`, and the directories it needs."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1"'
        self.run(["sh", "-c", script, "write", path], user=user, input=text)

    def copy_in(self, source: Path, target: str, *, user: User = "root") -> None:
        """Copy the content of a directory of the host into the directory `target`, as `user`."""
        self._unpack(["tar", "-C", str(source), "-c", "."], b"", target, user)

    def copy_checkout(self, repository: Path, target: str, *, user: User = "dev") -> None:
        """Copy what git tracks or would track, as it is in the working tree now."""
        pack = ["tar", "-C", str(repository), "--null", "--files-from=-", "-c"]
        names = b"\0".join(map(os.fsencode, checked_out(repository)))
        self._unpack(pack, names, target, user)

    def host_path(self, path: str) -> Path:
        """Where the host sees a file below /var/lib/docker, sockets included."""
        return self._home / "docker" / Path(path).relative_to("/var/lib/docker")

    # Network

    def inside_network(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` on the host, a browser say, but in the machine's network."""
        return ["nsenter", f"--net=/proc/{self._pid}/ns/net", "--", *argv]

    def call_inside_network(self, function: Callable[[], T]) -> T:
        """Call `function` in a thread of its own whose sockets are the machine's."""
        results: list[T] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                enter_network(self._pid)
                results.append(function())
            except BaseException as error:
                errors.append(error)
            finally:
                done.release()

        # A thread of the system's: once pyinfra's command line package is imported, `threading`
        # makes greenlets, and entering the network in one of those moves the whole test run there.
        done = monkey.get_original("_thread", "allocate_lock")()
        done.acquire()
        monkey.get_original("_thread", "start_new_thread")(work, ())
        done.acquire()
        if errors:
            raise errors[0]
        return results[0]

    def get(self, url: str) -> requests.Response:
        """Ask what listens on the machine's 127.0.0.1, say, without following redirects."""
        with requests.Session() as session:
            session.trust_env = False
            return self.call_inside_network(
                lambda: session.get(url, timeout=10, allow_redirects=False)
            )

    def wait_for_answer(self, url: str, seconds: float = 10) -> requests.Response:
        """The first answer, whatever its status, of what is about to listen.

        Raises:
            TimeoutError: nothing answered within `seconds`.
        """
        answers: list[requests.Response] = []

        def answered() -> bool:
            with suppress(requests.ConnectionError):
                answers.append(self.get(url))
            return bool(answers)

        wait_for(answered, seconds, f"an answer from {url}")
        return answers[0]

    # Power

    def power_cut(self) -> None:
        """End everything at once and boot again from the disk as it is."""
        self._turn_off()
        self._boot()

    def freeze(self, directory: Path) -> Disk:
        """Shut down for good and keep the disk in `directory`, for other machines to start from."""
        self._stop_engine()
        self._turn_off()
        directory.mkdir(parents=True)
        for part in ("root", "docker"):
            subprocess.run(["mv", self._home / part, directory / part], check=True)
        return Disk((directory / "root", *self._disk.layers), directory / "docker")

    # How it is done

    def _furnish(self) -> None:
        for name in ("root", "mount", "archives"):
            (self._home / name).mkdir(exist_ok=True)
        if self._disk.engine is not None:
            source, target = str(self._disk.engine), str(self._home / "docker")
            subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)
        else:
            (self._home / "docker").mkdir(mode=0o710)
        packages = self._cache / "archives"
        packages.mkdir(exist_ok=True)
        _link_packages(packages, self._home / "archives")

    def _keep_downloads(self) -> None:
        _link_packages(self._home / "archives", self._cache / "archives")

    def _boot(self) -> None:
        work = self._home / "work"
        shutil.rmtree(work, ignore_errors=True)  # of the last boot: volatile forbids its reuse
        work.mkdir()
        with ExitStack() as power:
            cgroup = Cgroup.create(self._home.name)
            power.callback(cgroup.remove)
            self._doors = cgroup.doors
            self._pid = self._start_init(cgroup, power)
            connect_to_host(self._pid, self._home / "network.log", power)
            self._power = power.pop_all()

    def _start_init(self, cgroup: Cgroup, power: ExitStack) -> int:
        namespaces = ("mount", "pid", "uts", "ipc", "net", "cgroup")
        layers = ":".join(str(layer) for layer in self._disk.layers)
        groups = [str(group) for group in cgroup.groups]
        log = self._home / "boot.log"
        with log.open("w") as errors:
            init = InsideProcess(
                [
                    *("sh", "-c", _JOIN, "join", *groups, "--"),
                    *("unshare", "--fork", "--kill-child"),
                    *(f"--{namespace}" for namespace in namespaces),
                    *("sh", str(_BOOT), layers, str(self._home), _NAME, *groups),
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
            raise CommandError(
                ["boot"],
                f"failed in {self._home}; a writable layer must fit there",
                "",
                log.read_text(),
            )
        return pid

    def _turn_off(self) -> None:
        self._power.close()

    def _stop_engine(self) -> None:
        for engine in self._engines():
            self.run(["sh", "-c", f"kill {engine.pid}"])
        wait_for(lambda: not self._engines(), 30, "the engine to stop")

    def _engines(self) -> list[Task]:
        return [task for task in self.processes() if Path(task.command[0]).name == "dockerd"]

    def _entrance(self) -> list[str]:
        return [
            *("sh", "-c", _JOIN, "join", *map(str, self._doors), "--"),
            *("nsenter", f"--target={self._pid}", "--all", "--"),
        ]

    def _unpack(self, pack: list[str], names: bytes, target: str, user: User) -> None:
        archive = subprocess.run(pack, input=names, check=True, capture_output=True).stdout
        script = 'mkdir -p "$1" && tar -C "$1" -x --no-same-owner'
        with tempfile.TemporaryFile() as spool:
            spool.write(archive)
            spool.seek(0)
            argv = ["sh", "-c", script, "unpack", target]
            finish(self.start(argv, user=user, stdin=spool), argv, None, check=True, timeout=600)


def checked_out(repository: Path) -> list[str]:
    """The files that git tracks or would track, as far as they are in the working tree now."""
    git = ["git", "-c", "safe.directory=*", "-C", str(repository)]
    listing = [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    named = subprocess.run(listing, check=True, capture_output=True).stdout.split(b"\0")
    return [name for name in map(os.fsdecode, named) if name and (repository / name).exists()]


def _home(user: User) -> str:
    return "/root" if user == "root" else f"/home/{user}"


def _identity(user: User) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]


def _environment(user: User, home: str) -> dict[str, str]:
    """What a login gives: Debian's PATH of that user, and the proxies that the host goes by."""
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    plain = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
    return {
        "HOME": home,
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "PATH": system if user == "root" else plain,
    } | {name: os.environ[name] for name in _PROXIES if name in os.environ}


def _link_packages(source: Path, target: Path) -> None:
    """Hard links, not one shared directory: apt locks the directory it downloads to."""
    for package in source.glob("*.deb"):
        with suppress(FileExistsError):
            os.link(package, target / package.name)
