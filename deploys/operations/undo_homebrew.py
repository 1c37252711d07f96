"""Taking back what Homebrew has installed, Homebrew itself, and Apple's Command Line Tools."""

from __future__ import annotations

import shlex

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.build import container_engine
from deploys.changes import Made, change
from deploys.facts.homebrew import BrewState, Homebrew, short_name
from deploys.facts.homebrew_receipts import HomebrewReceipts, Receipts
from deploys.facts.mac import TOOLS, DeveloperTools
from deploys.facts.mac_engine import MacEngines
from deploys.facts.machine import ThisMachine
from deploys.findings import found
from deploys.operations import Commands
from deploys.operations.homebrew import ASKING_CASKS, BREW_SECONDS, brew, brew_line, may_change
from deploys.operations.undo import Undoing, kept, listed, others_in_engine
from deploys.operations.undo_docker import vm_stays
from deploys.unneeded import Ours, needed_by, removable

_SLACK = 60.0  # seconds between the journal's word and a receipt's
_CACHES = ("Library/Caches/Homebrew", "Library/Logs/Homebrew")

# What Homebrew itself, and the formulae that this tool needs, leave in `etc` and `var`.
_PLACES = frozenset(
    {"etc/bash_completion.d", "etc/ca-certificates", "etc/openssl@3", "var/homebrew", "var/log"}
)


@operation()
def formula(made: Made, undoing: Undoing) -> Commands:
    """Uninstall a formula of ours, and what came with it, if nothing else needs it."""
    state = host.get_fact(Homebrew)
    name = _installed(state, made.target)
    if not name:
        return
    receipts = _receipts(state)
    if _is_of_another(made, receipts, name):
        kept(f"{name}: this tool began to install it, did not succeed, and somebody else did.")
        return
    going = _going(state, receipts, undoing)
    if name not in going:
        other = next((other for other, along in going.items() if name in along), "")
        why = f"{other} needs it, and takes it along." if other else ""
        kept(f"{name}: {why or _why_it_stays(receipts, undoing, name, going)}")
        return
    may_change(state)
    along = going[name]
    found(
        "undo.formula",
        f"{name} was installed here.",
        means=f"{', '.join(along)} came with it, and nothing else needs that." if along else "",
    )
    for one in along:  # as soon as the receipt is gone, only the journal knows
        change("formula", one, there=made.change.before["there"], came_with=name)
    for one in (name, *along):
        yield _uninstalled(state, one)


@operation()
def cask(made: Made, undoing: Undoing) -> Commands:
    """Uninstall a cask of ours, but never with an app that was there before."""
    state = host.get_fact(Homebrew)
    name = short_name(made.target)
    if name not in state.casks:
        return
    why = _why_cask_stays(made, _receipts(state), undoing)
    if why:
        kept(
            f"{name}: {why}",
            mend=f"If you do not need that: `brew uninstall --cask {name}`.",
        )
        return
    may_change(state)
    found("undo.cask", f"{name} was installed here.", mend="Its data in your Library stay.")
    line = brew_line("uninstall", "--cask", name)
    # Its uninstaller asks for the password as its installer did.
    asks = name in ASKING_CASKS
    yield StringCommand(line) if asks else StringCommand(line, _timeout=BREW_SECONDS)


@operation()
def tap(made: Made, undoing: Undoing) -> Commands:
    """Untap a tap of ours, unless something of it stays."""
    state = host.get_fact(Homebrew)
    if made.target not in state.taps:
        return
    receipts = _receipts(state)
    staying = _staying(state, receipts, undoing)
    users = [name for name, of_tap in staying.items() if of_tap == made.target]
    if users:
        kept(f"the tap {made.target}: {listed(tuple(users))} is from it.")
        return
    may_change(state)
    found("undo.tap", f"The tap {made.target} was added here.")
    yield brew("untap", made.target)


@operation()
def trust(made: Made, undoing: Undoing) -> Commands:  # noqa: ARG001 (each operation gets both)
    """Take trust back that was given here."""
    state = host.get_fact(Homebrew)
    if not state.prefix or made.target not in state.trusted | state.trusted_parts:
        return
    found("undo.trust", f"Homebrew was told here to trust {made.target}.")
    yield brew("untrust", f"--{made.change.before['what']}", made.target)


@operation()
def homebrew(made: Made, undoing: Undoing) -> Commands:
    """Remove the Homebrew that was installed here, if nothing in it is anybody else's."""
    state = host.get_fact(Homebrew)
    if not state.prefix and state.place == made.target:
        return
    others = _others_in(state, undoing)
    if others:
        kept(
            f"Homebrew in {made.target}: it has what was not installed here: {listed(others)}.",
            mend="Homebrew's own uninstall script removes it with all that is in it.",
        )
        return
    found(
        "undo.homebrew",
        f"Homebrew in {made.target} was installed here, and has nothing that is not ours.",
    )
    root = host.get_fact(ThisMachine).root
    paths = "/etc/paths.d/homebrew"  # by its installer
    ours = shlex.quote(f"{made.target}/bin")
    yield StringCommand(_seen_to_be_empty(made.target))
    yield StringCommand(
        f'[ "$(cat {paths} 2>/dev/null)" != {ours} ] || {shlex.join([*root, "rm", "-f", paths])}'
    )
    if undoing.everything:
        yield StringCommand("cd", "&&", "rm", "-rf", *_CACHES)
    yield StringCommand(*root, "rm", "-rf", QuoteString(made.target))


@operation()
def tools(made: Made, undoing: Undoing) -> Commands:
    """Remove Apple's Command Line Tools that were installed here, if that is asked for."""
    if not host.get_fact(DeveloperTools).folder:
        return
    if not undoing.everything:
        kept(
            "Apple's Command Line Tools: other programs of yours may use them by now.",
            mend="`undo --all` takes them back too.",
        )
        return
    state = host.get_fact(Homebrew)
    if state.prefix and (
        state.prefix not in undoing.targets("homebrew") or _others_in(state, undoing)
    ):
        kept("Apple's Command Line Tools: Homebrew, which stays, needs them.")
        return
    found("undo.tools", f"Apple's Command Line Tools in {made.target} were installed here.")
    root = host.get_fact(ThisMachine).root
    forget = (
        "for one in $(/usr/sbin/pkgutil --pkgs | grep '^com[.]apple[.]pkg[.]CLTools_'); do "
        '/usr/sbin/pkgutil --forget "$one" || exit 1; done; /usr/bin/xcode-select --reset'
    )
    brew_left = shlex.quote(f"{state.place}/bin/brew")
    said = shlex.quote("Homebrew, which needs them, is still there.")
    yield StringCommand(f"[ ! -e {brew_left} ] || {{ echo {said} >&2; exit 1; }}")
    yield StringCommand(*root, "rm", "-rf", TOOLS)
    yield StringCommand(*root, "/bin/sh", "-c", QuoteString(forget))


def _receipts(state: BrewState) -> Receipts:
    return host.get_fact(HomebrewReceipts, prefix=state.prefix)


def _installed(state: BrewState, name: str) -> str:
    return state.formula(name) if state.prefix else ""


def _ours(state: BrewState, receipts: Receipts, undoing: Undoing) -> list[Ours]:
    return [
        Ours(name, frozenset(one.change.before["there"]))
        for one in undoing.made
        if one.change.kind == "formula"
        and (name := _installed(state, one.target))
        and not _is_of_another(one, receipts, name)
    ]


def _going(state: BrewState, receipts: Receipts, undoing: Undoing) -> dict[str, tuple[str, ...]]:
    return removable(receipts.kegs, _ours(state, receipts, undoing), _held(undoing))


def _held(undoing: Undoing) -> frozenset[str]:
    """Formulae that a virtual machine needs; receipts do not know that."""
    machine = host.get_fact(MacEngines).machine
    podman = {"podman", "docker"} if machine else set()
    return frozenset(podman | ({"colima", "lima", "docker"} if vm_stays(undoing) else set()))


def _why_it_stays(
    receipts: Receipts, undoing: Undoing, name: str, going: dict[str, tuple[str, ...]]
) -> str:
    users = needed_by(
        receipts.kegs, name, {*going, *(one for many in going.values() for one in many)}
    )
    if users:
        return f"{listed(tuple(users))} needs it now."
    return (
        "the virtual machine, which stays, needs it." if name in _held(undoing) else "it is used."
    )


def _why_cask_stays(made: Made, receipts: Receipts, undoing: Undoing) -> str:
    name = short_name(made.target)
    adopted = receipts.apps.get(name, frozenset()) & {*made.change.before["apps"]}
    if adopted:
        return f"{', '.join(sorted(adopted))} was there before, and would be removed with it."
    others = others_in_engine(undoing) if container_engine().name == name else ()
    return f"it holds what was not made here: {listed(others)}." if others else ""


def _is_of_another(made: Made, receipts: Receipts, name: str) -> bool:
    """Whether it was installed at another time than when this tool tried, and failed."""
    keg = receipts.kegs.get(name)
    if made.finished or keg is None or not keg.installed:
        return False
    if "came_with" in made.change.before:  # it was there when it was written down
        return keg.installed > made.begun
    late = bool(made.ended) and keg.installed > made.ended + _SLACK
    return late or keg.installed < made.begun - _SLACK


def _staying(state: BrewState, receipts: Receipts, undoing: Undoing) -> dict[str, str]:
    """What stays in Homebrew, with the tap that it is from."""
    going = _going(state, receipts, undoing)
    gone = {*going, *(one for along in going.values() for one in along)}
    casks = {
        short_name(one.target)
        for one in undoing.made
        if one.change.kind == "cask" and not _why_cask_stays(one, receipts, undoing)
    }
    kegs = {name: keg.tap for name, keg in receipts.kegs.items() if name not in gone}
    return kegs | {name: of for name, of in receipts.casks.items() if name not in casks}


def _others_in(state: BrewState, undoing: Undoing) -> tuple[str, ...]:
    """What is in Homebrew that is not ours, or stays for another reason."""
    receipts = _receipts(state)
    taps = state.taps - {*undoing.targets("tap")}
    staying = _staying(state, receipts, undoing)
    ours = {*receipts.kegs, *map(short_name, undoing.targets("formula"))} - {*staying}
    places = {p for p in receipts.places - _PLACES if p.partition("/")[2] not in ours}
    return (*sorted(staying), *sorted(taps), *sorted(places))


def _seen_to_be_empty(prefix: str) -> str:
    """Nothing is removed below what `brew uninstall` has failed to remove."""
    said = shlex.quote("Homebrew is kept: these could not be uninstalled.")
    return (
        f"cd {shlex.quote(prefix)} && left=$(ls -A Cellar Caskroom 2>/dev/null | "
        "grep -v -e '^$' -e ':$' -e '^[.]') || exit 0; "
        f"echo {said} $left >&2; exit 1"
    )


def _uninstalled(state: BrewState, name: str) -> StringCommand:
    """A pinned formula stays, and `brew uninstall` succeeds (recordings of Homebrew 6.0.17)."""
    force = ("--force",) if len(state.formulae.get(name, ())) > 1 else ()  # all its versions
    rack = shlex.quote(f"{state.prefix}/Cellar/{name}")
    said = shlex.quote(f"{name} is still there. If it is pinned: `brew unpin {name}`.")
    line = brew_line("uninstall", "--formula", *force, name)
    return StringCommand(
        f"{line} || exit $?; [ ! -d {rack} ] || {{ echo {said} >&2; exit 1; }}",
        _timeout=BREW_SECONDS,
    )
