"""Taking back what was done to a Debian machine: packages, a group, an engine that was started."""

from __future__ import annotations

from shlex import quote

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.changes import Made
from deploys.facts.debian import AptManual, AptRemoval, DpkgPackages
from deploys.facts.engine import DaemonRuns
from deploys.facts.machine import GroupMembers, ThisMachine
from deploys.findings import found
from deploys.operations import Commands
from deploys.operations.debian import APT
from deploys.operations.engine_upkeep import STOP
from deploys.operations.undo import Undoing, kept, listed, others_in_engine

_ENGINE = "docker.io"


@operation()
def packages(made: Made, undoing: Undoing) -> Commands:
    """Remove packages that came here, those that they needed among them, if nothing else does."""
    installed = host.get_fact(DpkgPackages).installed
    asked = [name for name in made.target.split() if name in installed]
    came = {name for name in made.change.before["came"] if name in installed}
    if not came:
        return
    if _ENGINE in asked:
        others = others_in_engine(undoing)
        if others:
            kept(
                f"{_ENGINE}: its engine holds what was not made here: {listed(others)}.",
                mend=f"If you do not need that: `apt-get remove {_ENGINE}`.",
            )
            return
    ours = _candidates(undoing, installed)
    going = sorted(name for name in came & ours if not _users(name, came & ours, ours))
    staying = sorted({*asked} - {*going})
    if staying:
        users = {user for name in staying for user in _users(name, came & ours, ours)}
        kept(f"{' '.join(staying)}: {listed(tuple(sorted(users)))} needs it.")
    if not going:
        return
    found("undo.packages", f"{listed(tuple(going))} came with what was installed here.")
    root = host.get_fact(ThisMachine).root
    yield StringCommand(*root, *APT, "remove", "-y", *going)


@operation()
def group(made: Made, undoing: Undoing) -> Commands:  # noqa: ARG001 (each operation gets both)
    """Leave a group that the user has joined here."""
    machine = host.get_fact(ThisMachine)
    user = made.change.before["user"]
    if user not in host.get_fact(GroupMembers, group=made.target):
        return
    found("undo.group", f"{user} has joined the group {made.target} here.")
    yield StringCommand(
        *machine.root, "gpasswd", "--delete", QuoteString(user), QuoteString(made.target)
    )


@operation()
def service(made: Made, undoing: Undoing) -> Commands:
    """Have a service off that was off before; one that came with a package of ours goes with it."""
    if _ENGINE in " ".join(undoing.targets("packages")).split() or not host.get_fact(DaemonRuns):
        return
    others = others_in_engine(undoing)
    if others:
        kept(
            f"the service {made.target}: its engine holds what was not made here: {listed(others)}."
        )
        return
    found("undo.service", f"The service {made.target} was off, and was started here.")
    root = host.get_fact(ThisMachine).root
    about = made.change.before
    if about["init"] == "systemd":
        verb = ("stop",) if about["enabled"] else ("disable", "--now")
        # Its socket, where it has one, would start it again at the first question.
        socket, unit = (quote(f"{made.target}.{kind}") for kind in ("socket", "service"))
        stop = f"systemctl stop {socket} 2>/dev/null"
        script = f"{stop}; systemctl {' '.join(verb)} {unit}"
        yield StringCommand(*root, "sh", "-c", QuoteString(script))
    else:
        yield StringCommand(*root, "service", QuoteString(made.target), "stop")


@operation()
def daemon(made: Made, undoing: Undoing) -> Commands:
    """Stop an engine that was started here, and that nothing at boot would start."""
    if not host.get_fact(DaemonRuns):
        return
    others = others_in_engine(undoing)
    if others:
        kept(f"{made.target}: it holds what was not made here: {listed(others)}.")
        return
    found("undo.daemon", f"{made.target} was started here.")
    root = host.get_fact(ThisMachine).root
    yield StringCommand(*root, "sh", "-c", QuoteString(STOP.strip()))


def _candidates(undoing: Undoing, installed: frozenset[str]) -> frozenset[str]:
    """What came here, but for what somebody has asked apt for since."""
    made = [one for one in undoing.made if one.change.kind == "packages"]
    asked = {name for one in made for name in one.target.split()}
    came = {name for one in made for name in one.change.before["came"]}
    manual: frozenset[str] = host.get_fact(AptManual)
    return frozenset((asked | (came - manual)) & installed)


def _users(name: str, came: frozenset[str] | set[str], ours: frozenset[str]) -> frozenset[str]:
    """The packages of others that would go with one of ours; all are asked for at once first."""
    if not host.get_fact(AptRemoval, names=tuple(sorted(came))) - ours:
        return frozenset()
    return host.get_fact(AptRemoval, names=(name,)) - ours
