"""What machines answer to questions: pyinfra's facts, each asked once until something changes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore
from gevent.pool import Group
from pyinfra.api import FactBase, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host

from bootstrapper.results import OUTPUT_TAIL, Failure

T = TypeVar("T")

# Far more than any answer takes: the longest read a site of hundreds of megabytes, or wait for a
# git server. Whatever has not answered by then (a dead network drive, an engine that hangs) will
# not; those that are known to hang have shorter limits of their own.
ANSWER_SECONDS = 120.0

ASKED_AT_ONCE = 6  # an SSH server allows ten on a connection (sshd_config(5), MaxSessions)


class FactFailed(PyinfraError):
    """A question to the machine had no usable answer."""

    def __init__(
        self, name: str, command: str, output: Sequence[str], mend: str = "See the output above."
    ) -> None:
        super().__init__(f"The machine did not answer the question {name!r}.")
        self.failure = Failure(
            f"could not read {name}", command, tuple(output[-OUTPUT_TAIL:]), mend
        )


class Facts:
    """The answers of one machine, kept until something changes it.

    pyinfra 3 asks anew each time, and on failure carries on with a default value while other
    machines are left (api/facts.py); here a fact is asked once, and an unanswered one is an error.
    """

    def __init__(self, host: Host, begin: Callable[[], None]) -> None:
        """`begin` is called before each question; what it raises keeps it from being asked."""
        self._host = host
        self._begin = begin
        self._answers: dict[object, AsyncResult[Any]] = {}
        self._ahead = Group()
        self._at_once = BoundedSemaphore(ASKED_AT_ONCE)

    def clear(self) -> None:
        """Forget them, and those that are still to come: something was changed, or time has
        passed."""
        self._answers = {}

    def ask_ahead(self, questions: Sequence[Callable[[], object]]) -> None:
        """Call functions that get answers, side by side, so that whoever needs these finds them.

        What one of them raises concerns nobody: whoever needs that answer asks again.
        """
        for question in questions:
            self._ahead.spawn(_tried, question)

    def stop_asking_ahead(self) -> None:
        """End the questions that were asked ahead and are not answered yet."""
        self._ahead.kill()

    def get(self, fact: type[FactBase[T]], *args: Any, **kwargs: Any) -> T:
        """The answer to a question, as `host.get_fact` gives it.

        Raises:
            FactFailed: there is none, or none that was foreseen.
        """
        key = (fact, args, tuple(sorted(kwargs.items())))
        answers = self._answers  # what was asked before a change answers nothing after it
        if key not in answers:
            answers[key] = AsyncResult()
            try:
                answers[key].set(self._ask(fact(), args, kwargs))
            except BaseException as error:
                # Ctrl-C is for whoever asked; those who wait for the same answer only stop waiting.
                shared = error if isinstance(error, Exception) else gevent.GreenletExit()
                answers.pop(key).set_exception(shared)
                raise
        return cast(T, answers[key].get())

    def _ask(self, fact: FactBase[T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        options = {key: kwargs.pop(key) for key in list(kwargs) if key in CONNECTOR_ARGUMENT_KEYS}
        command = StringCommand(fact.command(*args, **kwargs))
        late = TimeoutError(f"no answer within {ANSWER_SECONDS:g} seconds")
        try:
            # Not `_timeout`: it takes the terminal away, and with it sudo's ticket.
            with self._at_once, gevent.Timeout(ANSWER_SECONDS, late):
                self._begin()  # while it waited for its turn, Ctrl-C may have come
                succeeded, output = self._host.run_shell_command(command, **options)
        except TimeoutError as error:
            mend = "Run this command in a terminal to see what it waits for, then run again."
            raise FactFailed(fact.name, str(command), [str(error)], mend) from error
        except OSError as error:
            raise FactFailed(fact.name, str(command), [str(error)]) from error
        if not succeeded:
            raise FactFailed(fact.name, str(command), output.output_lines)
        lines = output.stdout_lines
        try:
            return fact.process(lines) if lines else fact.default()
        except (
            ValueError,
            KeyError,
            IndexError,
            TypeError,
        ) as error:  # no such answer was foreseen
            raise FactFailed(fact.name, str(command), lines) from error


def _tried(question: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):
        question()
