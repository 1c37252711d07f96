"""The only module that embeds pyinfra: connect to machines, evaluate stages, read facts.

Plan and apply are one evaluation. Each operation is evaluated where it is written, from facts read
at that moment; applying also runs its commands, planning only lists them. Machines are independent:
each runs in its own greenlet, and its first failure ends its own run only.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import gevent
from gevent.pool import Pool
from pyinfra.api import Config, Inventory, State
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import StateOperationHostData
from pyinfra.connectors.util import CommandOutput
from pyinfra.context import ctx_config, ctx_host, ctx_inventory, ctx_state

from bootstrapper.answers import FactFailed, Facts
from bootstrapper.commands import connector_arguments, shown, uses_sudo
from bootstrapper.connectors import RemoteMachine, replacement_for
from bootstrapper.embedding import embed
from bootstrapper.journal import Journal, NotWritten
from bootstrapper.observers import Observer
from bootstrapper.results import OUTPUT_TAIL, Failure, MachineResult, OperationResult, Status
from bootstrapper.run_lock import Holder
from bootstrapper.stages import Stage
from deploys.changes import Change, take_changes
from deploys.findings import Refused, take_findings

T = TypeVar("T")

PARALLEL_MACHINES = 64


class _Stopped(PyinfraError):
    """An operation did not go through; its result was already reported."""


class Interrupted(Exception):
    """Ctrl-C: what was running was stopped; carries what had been evaluated until then."""

    def __init__(self, results: tuple[MachineResult, ...]) -> None:
        super().__init__("interrupted")
        self.results = results


class Engine:
    """Machines of an inventory, connected for the length of a `with` block.

    What operations say that they change is written into `journal`, before it is changed. Machines
    over SSH that are changed are held for `me`, so that no other run is at work there meanwhile.
    """

    def __init__(
        self,
        inventory: Inventory,
        observer: Observer,
        journal: Journal | None = None,
        me: Holder | None = None,
    ) -> None:
        embed(_evaluate_where_written)
        for host in inventory:
            host.connector_cls = replacement_for(host.connector_cls)
        self._state = _State(inventory, observer, journal, me)
        self._hosts = sorted(inventory, key=lambda host: host.name)
        self._pool = Pool(PARALLEL_MACHINES)
        self._unreachable: dict[str, Failure] = {}

    def __enter__(self) -> Engine:
        jobs = {host: self._pool.spawn(_connect, host) for host in self._hosts}
        gevent.joinall(list(jobs.values()), raise_error=True)
        self._unreachable = {host.name: job.value for host, job in jobs.items() if job.value}
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asking_ahead()
        for host in self._reachable():
            host.disconnect()

    def evaluate(
        self, stages: Sequence[Stage], *, apply: bool, machines: Collection[str] | None = None
    ) -> tuple[MachineResult, ...]:
        """Evaluate stages on every machine, or on some; `apply` also runs what they have to do.

        Raises:
            Interrupted: Ctrl-C; whatever was running has been stopped.
        """
        self._state.applying = apply
        if not apply:
            self.ask_ahead(stages)
        evaluations = [
            _Evaluation(host, self._state)
            for host in self._reachable()
            if machines is None or host.name in machines
        ]
        with self._contexts():
            jobs = [self._pool.spawn(evaluation.run, stages) for evaluation in evaluations]
            try:
                gevent.joinall(jobs, raise_error=True)
            except KeyboardInterrupt:
                self._state.stopping = True
                try:
                    for host in self._reachable():
                        _stop(host)
                    gevent.killall(jobs)
                finally:
                    self._state.stopping = False
                raise Interrupted(tuple(e.result() for e in evaluations)) from None
            finally:
                self._stop_asking_ahead()
        return tuple(evaluation.result() for evaluation in evaluations)

    def ask_ahead(self, stages: Sequence[Stage]) -> None:
        """Begin to ask what stages will ask, side by side, until they are evaluated: most of a
        look is waiting for answers."""
        questions = [question for stage in stages for question in stage.questions()]
        for host in self._reachable():
            self._state.facts[host].ask_ahead([partial(_asked_on, host, q) for q in questions])

    def ask(self, machine: str, question: Callable[[], T]) -> T:
        """Call a function that reads facts of the current host, with one machine as that host.

        Raises:
            FactFailed: the machine gave no usable answer.
        """
        host = next(host for host in self._reachable() if host.name == machine)
        with self._contexts(), _on(host):
            return question()

    def forget_facts(self) -> None:
        """Ask the machines again: time has passed, or something outside has changed them."""
        self._stop_asking_ahead()
        for facts in self._state.facts.values():
            facts.clear()

    def _stop_asking_ahead(self) -> None:
        for facts in self._state.facts.values():
            facts.stop_asking_ahead()

    def _reachable(self) -> list[Host]:
        return [host for host in self._hosts if host.connected]

    @property
    def unreachable(self) -> tuple[MachineResult, ...]:
        """The machines that could not be connected to."""
        return tuple(
            MachineResult(name, failure=failure) for name, failure in self._unreachable.items()
        )

    @contextlib.contextmanager
    def _contexts(self) -> Iterator[None]:
        # ctx_state is one for the process, unlike ctx_host; pyinfra's own `use` has no `finally`.
        ctx_state.set(self._state)
        ctx_inventory.set(self._state.inventory)
        try:
            yield
        finally:
            ctx_state.reset()
            ctx_inventory.reset()


class _State(State):
    """pyinfra's state, which hands each operation to us at the moment it is declared."""

    def __init__(
        self,
        inventory: Inventory,
        observer: Observer,
        journal: Journal | None,
        me: Holder | None,
    ) -> None:
        super().__init__(check_for_changes=False)
        self.init(inventory, Config())
        self.is_executing = True
        self.observer = observer
        self.journal = journal
        self.me = me
        self.held: set[Host] = set()
        self.applying = False
        self.stopping = False
        self.running_a_command: set[str] = set()
        self.evaluations: dict[Host, _Evaluation] = {}
        self.facts = {host: Facts(host, self.begin) for host in inventory}
        for host, facts in self.facts.items():
            setattr(host, "get_fact", facts.get)  # noqa: B010 (a method of this one host)

    def begin(self) -> None:
        """Whatever is to be started has to ask: while what runs is being stopped, nothing is."""
        if self.stopping:
            raise gevent.GreenletExit

    def hold(self, host: Host) -> Failure | None:
        """Have a machine over SSH for ourselves; why that is not possible."""
        if not self.me or host in self.held or not isinstance(host.connector, RemoteMachine):
            return None
        try:
            failure = host.connector.hold(self.me)
        except OSError as error:
            failure = _lost(host, error)
        if not failure:
            self.held.add(host)
        return failure

    def output(self, machine: str, line: str) -> None:
        """What the connectors report; a fact's output is nobody's business but its parser's."""
        if machine in self.running_a_command:
            self.observer.output(machine, line)


class _Evaluation:
    """One machine's way through the stages."""

    def __init__(self, host: Host, state: _State) -> None:
        self.host = host
        self.state = state
        self.operations: list[OperationResult] = []
        self.failure: Failure | None = None
        self._stage = Stage("", "")
        self._waiting_for = ""
        self._applies = state.applying
        state.evaluations[host] = self

    def run(self, stages: Sequence[Stage]) -> None:
        self.failure = self.state.hold(self.host) if self.state.applying else None
        if self.failure:
            return
        with _on(self.host):
            for stage in stages:
                self._stage = stage
                held = self.result().held_up
                self._waiting_for = self._unmet(stage, held)
                self._applies = self.state.applying and self._waiting_for not in held
                self.state.observer.stage_started(self.host.name, stage)
                try:
                    stage.deploy()
                except _Stopped:
                    if self.state.applying and not self.result().goes_on:
                        return
                except (PyinfraError, Refused) as error:
                    self.failure = Failure(f"{stage.title}: {error}")
                    return

    def step(self, op_hash: str) -> None:
        """Evaluate the operation that was just declared."""
        result = self._evaluate(op_hash)
        self.operations.append(result)
        self.state.observer.operation_finished(result)
        if result.ends_run:
            raise _Stopped(result.name)

    def result(self) -> MachineResult:
        return MachineResult(self.host.name, tuple(self.operations), self.failure)

    def _unmet(self, stage: Stage, held: Collection[str]) -> str:
        pending = {o.stage for o in self.operations if o.status not in ("unchanged", "changed")}
        unmet = [need for need in stage.needs if need in pending]
        return next((need for need in unmet if need in held), unmet[0] if unmet else "")

    def _evaluate(self, op_hash: str) -> OperationResult:
        name = next(iter(self.state.op_meta[op_hash].names)).rpartition(" | ")[2]
        self.state.observer.operation_started(self.host.name, self._stage.name, name)
        take_findings(self.host.connector_data)
        take_changes(self.host.connector_data)
        started = time.monotonic()
        data = self.state.ops[self.host][op_hash]
        commands: list[PyinfraCommand] = []
        status, failure, alone = self._work_through(data, commands)
        if self._applies and commands:
            self.state.facts[self.host].clear()
        return OperationResult(
            machine=self.host.name,
            stage=self._stage.name,
            name=name,
            status=status,
            findings=take_findings(self.host.connector_data),
            commands=tuple(shown(command, data.global_arguments) for command in commands),
            uses_sudo=any(uses_sudo(command) for command in commands),
            seconds=time.monotonic() - started,
            after=self._waiting_for if status == "planned" else "",
            failure=failure,
            optional=bool(data.global_arguments.get("_ignore_errors")),
            alone=alone,
        )

    def _work_through(
        self, data: StateOperationHostData, commands: list[PyinfraCommand]
    ) -> tuple[Status, Failure | None, bool]:
        """Evaluate the operation's generator; each command that it yields is added to `commands`,
        and run before the generator goes on if this is not a plan.

        What became of it, why, and whether that stands alone (`OperationResult.alone`).
        """
        try:
            for command in data.command_generator():
                self.state.begin()
                commands.append(command)
                changes = take_changes(self.host.connector_data)
                if self._applies:
                    self._run(command, data.global_arguments, changes)
        except Refused as refusal:
            failure = Failure(refusal.finding.seen, mend=refusal.finding.mend)
            return "refused", failure, refusal.alone
        except FactFailed as error:
            return "unknown", error.failure, False
        except (_CommandFailed, NotWritten) as error:
            return "failed", error.failure, False
        except gevent.GreenletExit:
            return "interrupted", None, False
        if not commands:
            return "unchanged", None, False
        return ("changed" if self._applies else "planned"), None, False

    def _run(
        self, command: PyinfraCommand, arguments: Any, changes: tuple[Change, ...] = ()
    ) -> None:
        said = shown(command, arguments)
        journal = self.state.journal if changes else None
        with journal.recording(self.host.name, changes) if journal else contextlib.nullcontext():
            self._run_now(command, arguments, said)

    def _run_now(self, command: PyinfraCommand, arguments: Any, said: str) -> None:
        self.state.observer.command_started(self.host.name, said)
        options = connector_arguments(command, arguments)
        self.state.running_a_command.add(self.host.name)
        try:
            answer = command.execute(self.state, self.host, options)
        except (TimeoutError, OSError) as error:
            raise _CommandFailed(said, [str(error)]) from error
        finally:
            self.state.running_a_command.discard(self.host.name)
        succeeded, output = answer if isinstance(answer, tuple) else (answer, CommandOutput([]))
        if not succeeded:
            # Where a command says on standard error what went wrong, the rest is only noise.
            raise _CommandFailed(said, output.stderr_lines or output.output_lines)


class _CommandFailed(PyinfraError):
    def __init__(self, command: str, output: Sequence[str]) -> None:
        told = [line for line in output if line.strip()]
        super().__init__(command)
        self.failure = Failure("a command failed", command, tuple(told[-OUTPUT_TAIL:]))


def _connect(host: Host) -> Failure | None:
    try:
        host.connect(show_errors=False, raise_exceptions=True)
    except (PyinfraError, OSError, ValueError) as error:  # a key that is none, a name that is none
        return _lost(host, error)
    return None


def _lost(host: Host, error: Exception) -> Failure:
    return Failure(
        f"could not connect to {host.name}: {error}",
        mend=f"Check that `ssh {host.name}` works, then run again.",
    )


def _stop(host: Host) -> None:
    stop = getattr(host.connector, "stop", None)
    if stop:
        stop()


@contextlib.contextmanager
def _on(host: Host) -> Iterator[None]:
    ctx_host.set(host)
    ctx_config.set(host.state.config)
    try:
        yield
    finally:
        ctx_host.reset()
        ctx_config.reset()


def _asked_on(host: Host, question: Callable[[], object]) -> None:
    with _on(host):
        question()


def _evaluate_where_written(state: _State, host: Host, op_hash: str) -> None:
    state.evaluations[host].step(op_hash)
