"""Taking back: facts and the journal in, commands out; what is not ours stays, and is said."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrapper.answers import FactFailed
from bootstrapper.results import OperationResult
from deploys.changes import KINDS, Change, Made
from deploys.facts.colima_folder import ColimaFolder, Folder
from deploys.facts.docker_contents import Contents, EngineContents
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.homebrew_receipts import HomebrewReceipts, Keg, Receipts
from deploys.facts.mac import TOOLS, DeveloperTools, ToolsState
from deploys.facts.mac_engine import MacEngines, MacEngineState
from deploys.facts.machine import ThisMachine
from deploys.facts.text_file import Text, TextFile
from deploys.operations.undo import Undoing
from deploys.undo import _OPERATIONS, undo
from tests.support import MAC, planned_with

HOME = "/Users/ada/.colima"
NOBODY = Engine(False, ("docker",), reason="nobody answers")
COLIMA = Engine(True, ("docker",), "colima", "29.5.2", context="colima")
OURS = Contents(
    containers={"bootstrapper-blog": "bootstrapper/blog:1"},
    ours=frozenset({"bootstrapper-blog"}),
    images=frozenset({"bootstrapper/blog:1", "ruby:3.4-slim"}),
    networks=frozenset({"bootstrapper-blog"}),
)
THEIRS = replace(OURS, containers={**OURS.containers, "db": "postgres:18"})
MACHINE = Folder(is_there=True, machines=frozenset({"colima"}), has_own=True)
BREW = BrewState(
    prefix="/opt/homebrew",
    works=True,
    owner="ada",
    formulae={"jq": ("1.8",), "oniguruma": ("6",)},
)
KEGS = {
    "jq": Keg("jq", frozenset({"oniguruma"}), installed=1000.0),
    "oniguruma": Keg("oniguruma", on_request=False),
}
RECEIPTS = Receipts(kegs=KEGS)


def made(kind: Any, target: str, **before: object) -> Made:
    return Made(Change(kind, target, before))


JQ = made("formula", "jq", there=[])
VM = made("vm", "colima", home=HOME, home_is_new=True)
BLOG = made("container", "bootstrapper-blog")
NETWORK = made("network", "bootstrapper-blog")
PULLED = made("image", "ruby:3.4-slim")
BREWED = made("homebrew", "/opt/homebrew")


def planned(
    *changes: Made, facts: Mapping[Any, Any] | None = None, everything: bool = False
) -> dict[str, OperationResult]:
    """Evaluates an undo on a Mac, or on what else the facts say."""
    answers: dict[type, Any] = {
        ThisMachine: MAC,
        ContainerEngine: COLIMA,
        EngineContents: OURS,
        ColimaFolder: Folder(),
        MacEngines: MacEngineState(
            colima_home=HOME, programs=frozenset({"colima", "docker"}), path="/bin"
        ),
        Homebrew: BREW,
        HomebrewReceipts: RECEIPTS,
        DeveloperTools: ToolsState(),
        **(facts or {}),
    }
    result = planned_with(answers, lambda: undo(Undoing(changes, everything)))
    assert result.failure is None
    return {operation.name: operation for operation in result.operations}


def said(operation: OperationResult) -> str:
    return " ".join(map(str, operation.findings))


def is_kept(operation: OperationResult) -> bool:
    """Nothing is done, and it is said."""
    severities = {finding.severity for finding in operation.findings}
    return operation.status == "unchanged" and severities == {"notice"}


def is_gone(operation: OperationResult) -> bool:
    return operation.status == "unchanged" and operation.findings == ()


def test_each_kind_of_change_has_a_way_back_or_a_reason_why_not() -> None:
    assert set(_OPERATIONS) == set(KINDS)


def test_what_is_gone_already_needs_nothing() -> None:
    gone = planned(
        *(BLOG, PULLED, VM, JQ, BREWED, made("tools", TOOLS), made("tap", "a/b")),
        *(made("cask", "x", apps=[], there=[]), made("trust", "a/b", what="tap")),
        facts={
            EngineContents: Contents(),
            Homebrew: BrewState(),
            HomebrewReceipts: Receipts(),
        },
    )
    assert len(gone) == 9
    assert all(is_gone(operation) for operation in gone.values()), gone


def test_what_has_no_way_back_is_named_with_the_reason() -> None:
    (left,) = planned(made("left", "Homebrew, updated", why="it was too old.")).values()
    assert is_kept(left)
    assert said(left) == "Left as it is: Homebrew, updated: it was too old."


def test_one_that_cannot_be_taken_back_does_not_stop_the_others() -> None:
    def fails(**_: object) -> Receipts:
        raise FactFailed("HomebrewReceipts", "cat", ["Input/output error"])

    results = planned(JQ, PULLED, facts={HomebrewReceipts: fails})
    assert [operation.status for operation in results.values()] == ["unknown", "planned"]


# Containers, images, the virtual machine


def test_our_container_its_network_and_images_are_removed() -> None:
    results = planned(BLOG, NETWORK, made("image", "bootstrapper/blog:1"), PULLED)
    assert [operation.commands for operation in results.values()] == [
        ("docker rm --force bootstrapper-blog",),
        ("docker network rm bootstrapper-blog",),
        ("docker image rm bootstrapper/blog:1",),
        ("docker image rm ruby:3.4-slim",),
    ]


def test_a_container_of_that_name_that_is_not_ours_stays() -> None:
    theirs = replace(OURS, ours=frozenset())
    assert is_gone(planned(BLOG, facts={EngineContents: theirs})[f"container {BLOG.target}"])


def test_a_network_of_that_name_that_is_not_ours_stays() -> None:
    theirs = replace(OURS, networks=frozenset())
    assert is_gone(planned(NETWORK, facts={EngineContents: theirs})[f"network {NETWORK.target}"])


def test_what_a_tag_was_before_an_update_is_ours_if_the_tag_is() -> None:
    before = "ruby@sha256:" + "a" * 64
    here = {EngineContents: replace(OURS, images=OURS.images | {before})}
    moved = made("image", before, was="ruby:3.4-slim")
    both = planned(PULLED, moved, facts=here)
    assert both[f"image {before}"].commands == (f"docker image rm {before}",)
    assert planned(moved, facts=here)[f"image {before}"].commands == ()


def test_an_image_that_a_container_of_others_was_made_from_stays() -> None:
    used = replace(OURS, containers={**OURS.containers, "irb": "ruby:3.4-slim"})
    kept = planned(PULLED, facts={EngineContents: used})["image ruby:3.4-slim"]
    assert is_kept(kept)
    assert "irb was made from it" in said(kept)


def test_stages_of_our_builds_go_with_the_image() -> None:
    left = replace(OURS, nameless=frozenset({"a"}), stages=frozenset({"a"}))
    (_, prune) = planned(PULLED, facts={EngineContents: left})["image ruby:3.4-slim"].commands
    assert prune == "docker image prune --force --filter label=bootstrapper.stage"


def test_without_an_engine_it_is_said_that_nobody_can_look() -> None:
    facts = {ContainerEngine: NOBODY, ColimaFolder: MACHINE}
    assert is_kept(planned(BLOG, VM, facts=facts)[f"container {BLOG.target}"])


def test_what_is_in_another_engine_than_the_one_that_answers_is_not_taken_for_gone() -> None:
    ours = made("container", BLOG.target, engine="colima")
    facts = {
        ContainerEngine: replace(COLIMA, name="docker-desktop"),
        EngineContents: Contents(),
        ColimaFolder: MACHINE,
    }
    kept = planned(ours, VM, facts=facts)[f"container {BLOG.target}"]
    assert is_kept(kept)
    assert "its engine, colima, does not answer" in said(kept)


def test_what_was_in_a_machine_that_is_gone_is_gone() -> None:
    assert is_gone(planned(BLOG, VM, facts={ContainerEngine: NOBODY})[f"container {BLOG.target}"])


def test_a_machine_that_holds_only_what_is_ours_is_deleted_with_its_directory() -> None:
    delete, *rest = planned(BLOG, PULLED, VM, facts={ColimaFolder: MACHINE})["vm colima"].commands
    assert delete.endswith("colima delete --force --data")
    assert all(command.startswith(f"cd {HOME} && ") for command in rest)


def test_downloads_go_only_when_asked_for() -> None:
    facts = {ColimaFolder: MACHINE}
    kept = planned(BLOG, PULLED, VM, JQ, BREWED, facts=facts)
    gone = planned(BLOG, PULLED, VM, JQ, BREWED, facts=facts, everything=True)
    for name in ("vm colima", "homebrew /opt/homebrew"):
        assert not any("Library/Caches" in command for command in kept[name].commands)
        assert any("Library/Caches" in command for command in gone[name].commands)


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        (THEIRS, "the container db"),
        (replace(OURS, volumes=frozenset({"data"})), "the volume data"),
        (replace(OURS, images=OURS.images | {"alpine:3"}), "the image alpine:3"),
        (replace(OURS, nameless=frozenset({"f00"})), "the image f00"),
    ],
)
def test_a_machine_that_holds_something_of_others_stays_and_the_command_is_said(
    inside: Contents, named: str
) -> None:
    facts = {ColimaFolder: MACHINE, EngineContents: inside}
    kept = planned(BLOG, PULLED, VM, facts=facts)["vm colima"]
    assert is_kept(kept)
    assert named in said(kept)
    assert "`colima delete --data`" in said(kept)


def test_a_machine_that_is_off_stays_because_nobody_can_look_into_it() -> None:
    facts = {ColimaFolder: MACHINE, ContainerEngine: NOBODY}
    kept = planned(VM, facts=facts)["vm colima"]
    assert is_kept(kept)
    assert "it is off" in said(kept)


def test_an_engine_that_was_started_is_said_unless_its_machine_goes() -> None:
    started = made("left", "colima", why="it was off, and was started.")
    assert "colima: it was off, and was started." in said(planned(started)["left colima"])
    gone = planned(started, BLOG, PULLED, VM, facts={ColimaFolder: MACHINE})["left colima"]
    assert is_gone(gone)


def test_a_directory_with_other_machines_stays() -> None:
    both = replace(MACHINE, machines=frozenset({"colima", "colima-work"}))
    facts = {ColimaFolder: both}
    assert len(planned(BLOG, PULLED, VM, facts=facts)["vm colima"].commands) == 1


def test_what_a_machine_that_stays_needs_is_not_uninstalled() -> None:
    brew = replace(BREW, formulae={"colima": ("1",), "docker": ("29",)})
    receipts = Receipts(kegs={name: Keg(name) for name in brew.formulae})
    facts = {
        **{ColimaFolder: MACHINE, EngineContents: THEIRS},
        **{Homebrew: brew, HomebrewReceipts: receipts},
    }
    formulae = [made("formula", name, there=[]) for name in brew.formulae]
    results = planned(BLOG, PULLED, VM, *formulae, facts=facts)
    for name in brew.formulae:
        assert is_kept(results[f"formula {name}"])


# Homebrew


def test_a_formula_goes_with_what_came_with_it_and_nothing_is_removed_blindly() -> None:
    first, second = planned(JQ)["formula jq"].commands
    assert " brew uninstall --formula jq " in first.replace("/opt/homebrew/bin/", "")
    assert " uninstall --formula oniguruma " in second
    assert "HOMEBREW_NO_AUTOREMOVE=1" in first


def test_a_formula_that_something_else_needs_by_now_stays() -> None:
    needed = Receipts(kegs={**KEGS, "theirs": Keg("theirs", frozenset({"jq", "oniguruma"}))})
    kept = planned(JQ, facts={HomebrewReceipts: needed})["formula jq"]
    assert is_kept(kept)
    assert "theirs needs it now" in said(kept)


def test_all_versions_of_a_formula_of_ours_go() -> None:
    brew = replace(BREW, formulae={**BREW.formulae, "jq": ("1.8", "1.9")})
    commands = planned(JQ, facts={Homebrew: brew})["formula jq"].commands
    assert "uninstall --formula --force jq" in commands[0]


def test_a_formula_that_was_installed_after_we_had_failed_is_the_users() -> None:
    failed = replace(JQ, finished=False, begun=100.0, ended=200.0)
    assert is_kept(planned(failed)["formula jq"])
    cut = replace(JQ, finished=False, begun=990.0)
    assert planned(cut)["formula jq"].status == "planned"


def test_what_came_with_a_formula_is_ours_after_a_power_cut_however_old_it_is() -> None:
    along = made("formula", "oniguruma", there=[], came_with="jq")
    installed = {"oniguruma": replace(KEGS["oniguruma"], installed=1000.0)}
    facts = {
        Homebrew: replace(BREW, formulae={"oniguruma": ("6.9.10",)}),
        HomebrewReceipts: Receipts(kegs=installed),
    }
    cut = replace(along, finished=False, begun=90_000.0)
    assert planned(cut, facts=facts)["formula oniguruma"].status == "planned"
    before = replace(along, finished=False, begun=900.0)  # the user has it anew
    assert is_kept(planned(before, facts=facts)["formula oniguruma"])


def test_an_app_that_was_there_before_is_not_removed_with_its_cask() -> None:
    brew = replace(BREW, casks={"rectangle": ("0.9",)})
    receipts = replace(RECEIPTS, apps={"rectangle": frozenset({"Rectangle.app"})})
    facts = {Homebrew: brew, HomebrewReceipts: receipts}
    ours = made("cask", "rectangle", apps=["Safari.app"], there=[])
    adopted = made("cask", "rectangle", apps=["Rectangle.app"], there=[])
    assert "uninstall --cask rectangle" in planned(ours, facts=facts)["cask rectangle"].commands[0]
    assert is_kept(planned(adopted, facts=facts)["cask rectangle"])


def test_an_engine_that_came_as_a_cask_and_holds_something_of_others_stays() -> None:
    brew = replace(BREW, casks={"orbstack": ("2",)})
    facts = {
        **{Homebrew: brew, EngineContents: THEIRS},
        ContainerEngine: replace(COLIMA, name="orbstack"),
    }
    assert is_kept(
        planned(made("cask", "orbstack", apps=[], there=[]), facts=facts)["cask orbstack"]
    )


def test_a_tap_and_its_trust_go_unless_something_of_it_stays() -> None:
    brew = replace(BREW, taps=frozenset({"a/b"}), trusted=frozenset({"a/b"}))
    tap, trust = made("tap", "a/b"), made("trust", "a/b", what="tap")
    results = planned(trust, tap, facts={Homebrew: brew})
    assert results["trust a/b"].commands[0].endswith("brew untrust --tap a/b")
    assert results["tap a/b"].commands[0].endswith("brew untap a/b")
    of_it = Receipts(kegs={"jq": replace(KEGS["jq"], tap="a/b")})
    facts = {Homebrew: brew, HomebrewReceipts: of_it}
    assert is_kept(planned(tap, facts=facts)["tap a/b"])
    assert planned(JQ, tap, facts=facts)["tap a/b"].status == "planned"


def test_a_homebrew_of_ours_goes_when_nothing_in_it_is_anybody_elses() -> None:
    results = planned(JQ, BREWED)
    *_, remove = results["homebrew /opt/homebrew"].commands
    assert remove == "sudo -n rm -rf /opt/homebrew"
    assert results["homebrew /opt/homebrew"].uses_sudo


def test_a_homebrew_in_which_something_could_not_be_uninstalled_stays(tmp_path: Path) -> None:
    first, *_ = planned(JQ, BREWED)["homebrew /opt/homebrew"].commands
    script = first.replace("/opt/homebrew", str(tmp_path))
    for empty in ("Cellar", "Caskroom"):
        (tmp_path / empty).mkdir()
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0
    (tmp_path / "Caskroom" / "rectangle").mkdir()
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "could not be uninstalled. rectangle" in done.stderr


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize(
    "facts",
    [
        {HomebrewReceipts: Receipts(kegs={**KEGS, "tree": Keg("tree")})},
        {HomebrewReceipts: replace(RECEIPTS, casks={"iterm2": "homebrew/cask"})},
        {HomebrewReceipts: replace(RECEIPTS, places=frozenset({"var/mysql"}))},
        {Homebrew: replace(BREW, taps=frozenset({"their/tap"}))},
    ],
    ids=["formula", "cask", "data", "tap"],
)
def test_a_homebrew_that_has_something_of_the_users_is_never_removed(
    facts: dict[Any, Any], everything: bool
) -> None:
    result = planned(JQ, BREWED, facts=facts, everything=everything)
    assert is_kept(result["homebrew /opt/homebrew"])


def test_the_tools_go_only_when_asked_for_and_nothing_needs_them() -> None:
    tools = made("tools", TOOLS)
    facts = {DeveloperTools: ToolsState(folder=True)}
    assert is_kept(planned(tools, facts=facts)[f"tools {TOOLS}"])
    assert is_kept(planned(tools, facts=facts, everything=True)[f"tools {TOOLS}"])
    goes = planned(JQ, BREWED, tools, facts=facts, everything=True)[f"tools {TOOLS}"]
    assert goes.commands[1] == f"sudo -n rm -rf {TOOLS}"


@pytest.mark.parametrize(
    "change",
    [
        made("vm", "colima", home="/Users/ada", home_is_new=True),
        made("vm", "colima", home="/Users/ada/Documents/../.colima", home_is_new=True),
        made("directory", "/Users/ada/.cache/bootstrapper/../../Documents"),
        made("directory", "/Users/ada/.cache/bootstrapper/"),
    ],
)
def test_a_directory_that_only_a_damaged_journal_calls_ours_stays(change: Made) -> None:
    facts = {ColimaFolder: Folder(is_there=True), TextFile: Text(change.target, "stray")}
    (result,) = planned(change, facts=facts, everything=True).values()
    assert (result.status, result.commands) == ("unchanged", ())


_PARTS = ["", ".", "..", "Users", "ada", ".cache", "bootstrapper", "blogs", "a b", "*", "$(x)", "~"]
_PATHS = st.lists(st.sampled_from([*_PARTS, ".colima", "colima"]), max_size=6).map("/".join)


@given(st.sampled_from(["vm", "directory"]), _PATHS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_whatever_a_journal_says_only_directories_that_can_be_ours_are_removed(
    kind: str, path: str, root: bool
) -> None:
    place = f"/{path}" if root else path
    change = made("vm", "colima", home=place, home_is_new=True)
    if kind == "directory":
        change = made("directory", place)
    facts = {
        ColimaFolder: Folder(is_there=True, has_own=True),
        TextFile: Text(place, "other"),
    }
    (result,) = planned(change, facts=facts).values()
    for command in result.commands:
        first, target, *rest = shlex.split(command)
        target = rest[0] if first == "rm" else target
        assert ".." not in target.split("/")
        if kind == "vm":
            assert (first, PurePosixPath(target).name in (".colima", "colima")) == ("cd", True)
        else:
            assert first == "rm"
            assert re.search(r"/\.cache/bootstrapper/+[^/]", target)
