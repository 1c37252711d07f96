"""Taking back what is in a container engine, and colima's virtual machine."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.build import container_engine
from deploys.changes import Made
from deploys.facts.colima_folder import DIRECTORIES, OWN, ColimaFolder, Folder
from deploys.facts.mac_engine import ENGINES, MacEngines
from deploys.findings import found
from deploys.operations import Commands
from deploys.operations.mac_engine import environment, title
from deploys.operations.undo import Undoing, contents, engine_is_gone, kept, listed
from deploys.operations.undo import others_in_engine as of_others

_DELETE_SECONDS = 300
_HOMES = (".colima", "colima")  # in the home, or in XDG_CONFIG_HOME
_CACHES = ("Library/Caches/colima", "Library/Caches/lima")


@operation()
def container(made: Made, undoing: Undoing) -> Commands:
    """Remove the container that was made here."""
    inside = contents(_engine_of(made))
    if inside is None:
        _said_that_nobody_answers(made, undoing)
    elif made.target in inside.ours:
        found("undo.container", f"The container {made.target} was made here.")
        yield StringCommand(*container_engine().words, "rm", "--force", QuoteString(made.target))


@operation()
def network(made: Made, undoing: Undoing) -> Commands:
    """Remove the network that was made here for the container."""
    inside = contents(_engine_of(made))
    if inside is None:
        _said_that_nobody_answers(made, undoing)
    elif made.target in inside.networks:
        found("undo.network", f"The network {made.target} was made here.")
        yield StringCommand(*container_engine().words, "network", "rm", QuoteString(made.target))


@operation()
def image(made: Made, undoing: Undoing) -> Commands:
    """Remove an image that was made or pulled here, and the stages that its build has left."""
    inside = contents(_engine_of(made))
    if inside is None:
        _said_that_nobody_answers(made, undoing)
        return
    if made.target not in inside.images or made.target not in undoing.targets("image"):
        return
    users = inside.users_of(made.target)
    if users:
        kept(f"the image {made.target}: {listed(users)} was made from it.")
        return
    words = container_engine().words
    found("undo.image", f"The image {made.target} was made or pulled here.")
    yield StringCommand(*words, "image", "rm", QuoteString(made.target))
    if inside.stages & inside.nameless:
        label = "label=bootstrapper.stage"
        yield StringCommand(*words, "image", "prune", "--force", "--filter", label)


@operation()
def vm(made: Made, undoing: Undoing) -> Commands:
    """Delete colima's virtual machine, if it was made here and holds nothing but what is ours."""
    home = made.change.before["home"]
    folder = host.get_fact(ColimaFolder, home=home)
    if "colima" in folder.machines:
        why = _why_it_stays(undoing)
        if why:
            kept(
                f"colima's virtual machine: {why}",
                mend="If you do not need what is in it: `colima delete --data`.",
            )
            return
        found(
            "undo.vm",
            "colima's virtual machine was made here, and holds nothing but what is ours.",
            mend="It is deleted, with the context of Docker's that colima made for it.",
        )
        words = [*environment(host.get_fact(MacEngines), "colima"), "colima", "delete"]
        # --data: without it colima keeps the disk with the images (its docs/FAQ.md).
        yield StringCommand(shlex.join([*words, "--force", "--data"]), _timeout=_DELETE_SECONDS)
    elif not folder.is_there:
        return
    place = PurePosixPath(home)
    if place.name not in _HOMES or ".." in place.parts:
        return  # COLIMA_HOME, which was there; or a damaged journal, which may name any directory
    if made.change.before.get("home_is_new") and not folder.machines - {"colima"}:
        yield from _without_what_is_colimas(home, folder, undoing)


def _without_what_is_colimas(home: str, folder: Folder, undoing: Undoing) -> Commands:
    """Remove a directory of colima's that was made here; what others have put into it stays."""
    if folder.others:
        what = f"{home}: {listed(folder.others)} in it was not made by colima."
        kept(what, code="undo.left")
        if not folder.has_own:
            return
    if "colima" not in folder.machines:
        found("undo.colima-folder", f"{home} was made here, and has no machine any more.")
    if undoing.everything:
        yield StringCommand("cd", "&&", "rm", "-rf", *_CACHES)
    place = QuoteString(home)
    yield StringCommand("cd", place, "&&", "rm", "-rf", *OWN)
    emptied = f"rmdir {' '.join(DIRECTORIES)} 2>/dev/null"
    yield StringCommand("cd", place, "&&", f"{{ {emptied};", "rmdir", place, "2>/dev/null || :; }")


def vm_stays(undoing: Undoing) -> bool:
    """Whether some machine of colima's will be there after the undoing."""
    state = host.get_fact(MacEngines)
    if not state.colima_home:
        return False
    machines = host.get_fact(ColimaFolder, home=state.colima_home).machines
    ours = {"colima"} if undoing.targets("vm") and not _why_it_stays(undoing) else set()
    return bool(machines - ours)


def _why_it_stays(undoing: Undoing) -> str:
    engine = container_engine()
    if not engine.answers or engine.name != "colima":
        return (
            "it is off, so that it cannot be seen whether it holds anything of yours; to have it "
            "looked at: `colima stop --force`, `colima start`, and run this again."
        )
    others = of_others(undoing)
    return f"it holds what was not made here: {listed(others)}." if others else ""


def _engine_of(made: Made) -> str:
    return str(made.change.before.get("engine", ""))


def _said_that_nobody_answers(made: Made, undoing: Undoing) -> None:
    name = _engine_of(made)
    if engine_is_gone(name):
        return
    homes = [one.change.before["home"] for one in undoing.made if one.change.kind == "vm"]
    of_colima = name in ("", "colima") and bool(homes)
    if of_colima and "colima" not in host.get_fact(ColimaFolder, home=homes[0]).machines:
        return  # it went with its machine
    what = f"the {made.change.kind} {made.target}"
    if container_engine().denied:
        kept(f"{what}: only root may look into the engine.", mend="`undo` itself asks for root.")
        return
    which = f"its engine, {title(name)}," if name in ENGINES else "its engine"
    kept(f"{what}: {which} does not answer.", mend="Start it, and run this again.")
