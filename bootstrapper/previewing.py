"""The container of a preview: started, told of changes, and gone without a trace.

It lives as long as its standard input. Whatever ends this program, SIGKILL too, closes that; the
container then ends and is removed by the engine, with its volume.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import gevent
import gevent.os
from gevent.queue import Empty, Queue

from bootstrapper.connectors import lines_of
from bootstrapper.processes import Process, ended, exit_code
from deploys.facts.docker import PREVIEW_LABEL
from deploys.operations.docker import USER

INSIDE_PORT = 8080
PLACE = "/var/tmp"  # noqa: S108 (inside the container; see preview.rb)
PIDS = 256
ANSWER_SECONDS = 10.0
END_SECONDS = 10.0
KEPT_LINES = 12


@dataclass(frozen=True)
class Outcome:
    """What came of the first `number` updates: `error` is empty if the site was built, or, without
    `whole`, what is in the last one of them."""

    number: int
    whole: bool
    seconds: float
    error: str
    warnings: tuple[str, ...]
    baseurl: str


class ContainerGone(Exception):
    """The container has ended by itself; carries its exit code and last words."""

    def __init__(self, code: int, words: Sequence[str]) -> None:
        super().__init__(f"exit code {code}")
        self.code = code
        self.words = tuple(words)


@dataclass(frozen=True)
class Wanted:
    """A preview's container. `id` is of the site: there is one for each."""

    client: tuple[str, ...]
    id: str
    image: str
    port: int
    memory: str
    environment: Mapping[str, str]
    command: tuple[str, ...]

    @property
    def name(self) -> str:
        """The container's name."""
        return f"bootstrapper-preview-{self.id}"


def run_words(wanted: Wanted) -> list[str]:
    """The command that starts a container: as hardened as the one that serves the blog. All that
    is written goes to a volume, which the engine removes with the container."""
    environment = [
        word for item in wanted.environment.items() for word in ("--env", "=".join(item))
    ]
    return [
        *(*wanted.client, "run", "--rm", "--interactive", "--name", wanted.name),
        *("--label", f"{PREVIEW_LABEL}={wanted.id}"),
        *("--publish", f"127.0.0.1:{wanted.port}:{INSIDE_PORT}"),
        *("--user", USER),
        *("--read-only", "--tmpfs", "/tmp", "--volume", PLACE),  # noqa: S108 (inside)
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--memory", wanted.memory, "--pids-limit", str(PIDS)),
        *("--log-driver", "none"),
        *environment,
        *(wanted.image, *wanted.command),
    ]


class PreviewContainer:
    """A running preview, for the length of a `with` block."""

    def __init__(self, wanted: Wanted, on_output: Callable[[str], None]) -> None:
        """`on_output` gets each line that the engine or a plugin prints."""
        self._wanted = wanted
        self._on_output = on_output
        self._outcomes: Queue[Outcome | None] = Queue()
        self._words: deque[str] = deque(maxlen=KEPT_LINES)

    def __enter__(self) -> PreviewContainer:
        self.remove()
        pipe = subprocess.PIPE
        self._process: Process = subprocess.Popen(
            run_words(self._wanted), stdin=pipe, stdout=pipe, stderr=pipe
        )
        self._readers = [gevent.spawn(self._read_outcomes), gevent.spawn(self._read_words)]
        return self

    def __exit__(self, *_: object) -> None:
        with _undisturbed():
            with contextlib.suppress(BrokenPipeError):
                _pipe(self._process.stdin).close()
            self.remove()
            if not ended(self._process, END_SECONDS):
                self._process.kill()
            gevent.killall(self._readers)

    def send(self, update: Iterable[bytes]) -> None:
        """Tell of a change."""
        descriptor = _pipe(self._process.stdin).fileno()
        gevent.os.make_nonblocking(descriptor)
        with contextlib.suppress(BrokenPipeError):  # whoever asks for the outcome learns why
            for chunk in update:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[gevent.os.nb_write(descriptor, rest) :]

    def outcome(self, seconds: float | None = None) -> Outcome | None:
        """The next outcome, waited for at most so long.

        Raises:
            ContainerGone: it has ended.
        """
        try:
            outcome: Outcome | None = self._outcomes.get(timeout=seconds)
        except Empty:
            return None
        if outcome is None:
            self._outcomes.put(None)
            raise self._end()
        return outcome

    def answers(self) -> bool:
        """Whether the published port leads to this container. The engine of a virtual machine may
        start it all the same where the port is taken (lima-vm/lima#3981)."""
        end = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < end:
            if _who_answers(self._wanted.port) == self._wanted.id:
                return True
            gevent.sleep(0.1)
        return False

    def remove(self) -> None:
        """Have no container of this preview, be it ours or one that was left behind."""
        words = [*self._wanted.client, "rm", "--force", "--volumes", self._wanted.name]
        exit_code(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _end(self) -> ContainerGone:
        ended(self._process, END_SECONDS)
        gevent.joinall(self._readers, timeout=1.0)
        return ContainerGone(self._process.poll() or 0, self._words)

    def _read_outcomes(self) -> None:
        for line in lines_of(_pipe(self._process.stdout)):
            told: dict[str, Any] = json.loads(line)
            told["warnings"] = tuple(told["warnings"])
            self._outcomes.put(Outcome(**{**told, "error": told["error"] or ""}))
        self._outcomes.put(None)

    def _read_words(self) -> None:
        for raw in lines_of(_pipe(self._process.stderr)):
            line = raw.decode("utf-8", "replace")
            self._words.append(line)
            self._on_output(line)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Another Ctrl-C does not keep what is being removed from being removed."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pipe(pipe: Any) -> Any:
    assert pipe is not None  # all three are asked for
    return pipe


def _who_answers(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/.bootstrapper/build?after=-1")
        return cast(str, json.loads(connection.getresponse().read())["preview"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return ""
    finally:
        connection.close()
