"""What a lock means for a machine: what is said, what is refused, what is had instead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootstrapper.results import MachineResult, OperationResult
from deploys.brewfile import Cask, Formula
from deploys.build import base_images, by_digest
from deploys.facts.docker import Answer, Container, ContainerState, Image, Images, RegistryAnswer
from deploys.facts.docker import ServedSite as Served
from deploys.facts.docker_contents import EngineContents
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac_engine import MacEngines, MacEngineState
from deploys.facts.mac_ruby import RubyOnMac, RubyState
from deploys.facts.machine import Machine, ThisMachine
from deploys.facts.site import Site, SiteSource
from deploys.operations import homebrew, images, lock
from deploys.parts import (
    KEY,
    Difference,
    Held,
    Parts,
    Renewing,
    differences,
    kind_of,
    way_out,
)
from deploys.settings import parse_settings
from tests.support import MAC, evaluate, local_inventory, planned_with
from tests.unit.test_homebrew import HERE, Brewed, brewed, local
from tests.unit.test_mac_engine import ANSWERS

__all__ = ["brewed", "local"]  # fixtures

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
BUILDER, SERVER = "ruby:3.4-slim", "nginxinc/nginx-unprivileged:stable-alpine-slim"
SITE = Site("/Users/ada/blog", "0" * 64, is_jekyll=True)
INSTALLED = replace(
    HERE,
    formulae={"colima": ("0.10.0", "0.9.1"), "docker": ("29.5.2",), "lima": ("2.0",)},
    used={"colima": "0.10.0"},
    casks={"firefox": ("130.0",)},
)
NO_RUBY = RubyState("/Users/ada", "arm64", 25, (), (), (), None, {})
LOCKED = Parts(
    formulae={"colima": "0.10.0", "docker": "29.5.2"}, base_images={BUILDER: OLD, SERVER: NEW}
)
DEBIAN = replace(MAC, kernel="Linux", os_id="debian", os_codename="bookworm")


def held_to(parts: Parts, *, strict: bool, machine: str = "macos") -> Held:
    return Held("inventories/bootstrap.lock", {machine: parts}, strict)


def evaluated(
    operation: Any,
    *,
    held: Held | Renewing | None,
    machine: Machine = MAC,
    state: BrewState = INSTALLED,
    engine: Engine = ANSWERS,
    there: dict[str, Image] | None = None,
    refusal: str = "",
    site: Site = SITE,
    **data: object,
) -> OperationResult:
    wanted = parse_settings("laptop", data)
    answers: dict[type, Any] = {
        ThisMachine: machine,
        Homebrew: state,
        ContainerEngine: engine,
        MacEngines: MacEngineState(),
        RubyOnMac: NO_RUBY,
        SiteSource: site,
        Images: there or {},
        RegistryAnswer: Answer(refusal),
        ContainerState: Container("exited", "sha256:x", "spec", ""),
        Served: None,
    }
    declare = lambda: operation(name="it", settings=wanted)  # noqa: E731
    result: MachineResult = planned_with(answers, declare, **{KEY: held}, **data)
    assert result.failure is None
    return result.operations[0]


def pulled(result: OperationResult) -> list[str]:
    return [command.split()[-1] for command in result.commands]


# What is here


def test_what_is_as_locked_is_not_spoken_of() -> None:
    assert evaluated(lock.kept, held=held_to(LOCKED, strict=True)).findings == ()


def test_without_a_lock_nothing_is_compared() -> None:
    assert evaluated(lock.kept, held=None).findings == ()


def test_another_version_is_a_notice_and_with_strict_a_refusal() -> None:
    older = replace(LOCKED, formulae={"colima": "0.9.1", "docker": "29.6.0"})
    said = evaluated(lock.kept, held=held_to(older, strict=False))
    assert said.status == "unchanged"
    assert [finding.severity for finding in said.findings] == ["notice", "notice"]
    refused = evaluated(lock.kept, held=held_to(older, strict=True))
    assert refused.status == "refused"
    assert refused.commands == ()
    last = refused.findings[-1]
    assert "colima 0.9.1 is locked, 0.10.0 is here; docker 29.6.0 is locked" in last.seen
    assert "brew extract --version=0.9.1 colima" in last.mend
    assert "`brew upgrade docker`" in last.mend


def test_what_is_wished_for_and_not_locked_is_a_difference_what_is_not_here_is_none() -> None:
    result = evaluated(
        lock.kept,
        held=held_to(replace(LOCKED, formulae={**LOCKED.formulae, "jq": "1"}), strict=True),
        brew_formulae=["jq"],
        brew_casks=["firefox"],
    )
    assert [finding.code for finding in result.findings] == ["lock.differs", "lock.refused"]
    assert "firefox 130.0 is here and not locked" in result.findings[0].seen


def test_the_installer_is_compared_only_where_the_user_has_set_one() -> None:
    mine, other = f"{'a' * 40}@{OLD}", f"{'b' * 40}@{NEW}"
    held = held_to(replace(LOCKED, homebrew_installer=mine), strict=True)
    assert evaluated(lock.kept, held=held).status == "unchanged"
    assert evaluated(lock.kept, held=held, homebrew_installer=other).status == "refused"


@pytest.mark.parametrize(("mine", "used"), [("", "b"), (f"{'a' * 40}@{OLD}", "a")])
def test_the_locked_installer_is_run_in_place_of_our_own_choice(mine: str, used: str) -> None:
    data: dict[str, Any] = {"homebrew_installer": mine} if mine else {}
    held = held_to(Parts(homebrew_installer=f"{'b' * 40}@{NEW}"), strict=False)
    result = evaluated(homebrew.installed, held=held, state=BrewState(), **data)
    assert any(f"/{used * 40}/install.sh" in command for command in result.commands)


def test_gems_of_the_sites_own_lock_are_compared_before_a_build() -> None:
    text = "GEM\n  specs:\n    jekyll (4.4.1)\n      csv (~> 3.0)\n    nokogiri (1.18.0-arm64)\n"
    site = replace(SITE, texts={"Gemfile.lock": text})
    gems = {"jekyll": "4.3.1", "nokogiri": "1.18.0", "csv": "3.3"}
    held = held_to(replace(LOCKED, gems=gems), strict=True)
    refused = evaluated(lock.kept, held=held, site=site)
    assert "jekyll 4.3.1 is locked, 4.4.1 is here." in refused.findings[0].seen
    same = held_to(replace(LOCKED, gems=gems | {"jekyll": "4.4.1"}), strict=True)
    assert evaluated(lock.kept, held=same, site=site).status == "unchanged"


def test_a_blog_that_is_not_served_has_no_gems_to_compare() -> None:
    held = held_to(replace(LOCKED, gems={"jekyll": "1"}), strict=True)
    assert evaluated(lock.gems_kept, held=held).status == "unchanged"


# Base images


def test_locked_base_images_are_pulled_by_their_digests() -> None:
    result = evaluated(images.bases, held=held_to(LOCKED, strict=True))
    assert pulled(result) == [f"ruby@{OLD}", f"nginxinc/nginx-unprivileged@{NEW}"]


@pytest.mark.parametrize(
    ("name", "pulled_as"),
    [
        ("ruby:3.4-slim", f"ruby@{OLD}"),
        ("ruby", f"ruby@{OLD}"),
        ("127.0.0.1:5055/ruby", f"127.0.0.1:5055/ruby@{OLD}"),
        ("127.0.0.1:5055/hub/ruby:3", f"127.0.0.1:5055/hub/ruby@{OLD}"),
        (f"ruby:3@{NEW}", f"ruby:3@{NEW}"),
    ],
)
def test_a_digest_takes_the_place_of_the_tag(name: str, pulled_as: str) -> None:
    assert by_digest(name, OLD) == pulled_as


def test_a_mirror_has_the_same_digests() -> None:
    result = evaluated(
        images.bases, held=held_to(LOCKED, strict=True), registry_mirror="127.0.0.1:5055/hub"
    )
    assert pulled(result)[0] == f"127.0.0.1:5055/hub/ruby@{OLD}"


def test_a_tag_that_has_moved_on_is_not_what_is_locked() -> None:
    held = held_to(LOCKED, strict=False)
    tags = {BUILDER: Image("sha256:1", NEW), SERVER: Image("sha256:2", NEW)}
    assert evaluated(images.bases, held=None, there=tags).commands == ()
    assert len(pulled(evaluated(images.bases, held=held, there=tags))) == 2
    server = f"nginxinc/nginx-unprivileged@{NEW}"
    by_digest = {f"ruby@{OLD}": Image("sha256:1", OLD), server: Image("sha256:2", NEW)}
    assert evaluated(images.bases, held=held, there=by_digest).commands == ()


def test_a_digest_that_the_registry_has_no_more_is_a_refusal_that_names_update() -> None:
    result = evaluated(images.bases, held=held_to(LOCKED, strict=False), refusal="unknown")
    assert f"does not give ruby@{OLD}: unknown" in result.findings[0].seen
    assert "`update`" in result.findings[0].mend


def test_a_base_image_that_is_not_locked_is_said_or_refused() -> None:
    other: dict[str, Any] = {"builder_image": "ruby:3.3-slim"}
    said = evaluated(images.bases, held=held_to(LOCKED, strict=False), **other)
    assert (said.status, said.findings[0].severity) == ("planned", "notice")
    refused = evaluated(images.bases, held=held_to(LOCKED, strict=True), **other)
    assert refused.status == "refused"
    assert refused.findings[0].seen.endswith(": ruby:3.3-slim is not locked.")


def test_an_update_asks_for_newer_ones_though_they_are_here() -> None:
    tags = {BUILDER: Image("sha256:1", OLD), SERVER: Image("sha256:2", NEW)}
    assert pulled(evaluated(images.bases, held=Renewing(), there=tags)) == [BUILDER, SERVER]


def test_images_made_from_packages_are_locked_as_what_they_are() -> None:
    seen: list[dict[str, str]] = []

    def look(name: str, settings: Any) -> None:
        seen.append(dict(base_images(settings).digests))

    answers: dict[type, Any] = {
        ThisMachine: DEBIAN,
        ContainerEngine: ANSWERS,
        SiteSource: SITE,
        Images: {},
        RegistryAnswer: Answer("no route to host"),
    }
    wanted = parse_settings("desk", {"base_images": "packages"})
    planned_with(answers, lambda: look("it", wanted))
    assert set(seen[0].values()) == {"local"}
    assert all(name.startswith("bootstrapper/") for name in seen[0])


def test_an_image_is_known_by_its_digest_too() -> None:
    told = f'[{{"Id": "sha256:1", "RepoTags": [], "RepoDigests": ["ruby@{OLD}"]}}]'
    assert Images().process([told]) == {f"ruby@{OLD}": Image("sha256:1", OLD)}


def test_what_was_pulled_by_its_digest_can_be_taken_back() -> None:
    rows = [f"image\truby:<none>\t1\t{OLD}", "image\t<none>:<none>\t2\t<none>"]
    inside = EngineContents().process(rows)
    assert inside.images == {f"ruby@{OLD}"}
    assert inside.nameless == {"2"}
    assert inside.of_others([f"ruby@{OLD}"]) == ("the image 2",)


# What is to be installed, with the simulated Homebrew


def wished(parts: Parts, *wishes: Formula | Cask, strict: bool = True) -> dict[str, Any]:
    def declare() -> None:
        for wish in wishes:
            operation = getattr(homebrew, type(wish).__name__.lower())
            operation(name=wish.name, wish=wish, _ignore_errors=True)

    kinds = dict.fromkeys(("macos", "debian-bookworm", "debian-trixie", "linux"), parts)
    inventory = local_inventory(**{KEY: Held("bootstrap.lock", kinds, strict)})
    (machine,) = evaluate(declare, apply=True, inventory=inventory)
    return {operation.name: operation for operation in machine.operations}


def test_homebrew_installs_what_is_locked_or_nothing(local: Brewed) -> None:
    parts = Parts(
        formulae={"jq": "1.8.2", "tree": "2.6.0"}, casks={"rectangle": "0.1", "iterm2": "3.6.9"}
    )
    wishes = (Formula("jq"), Formula("tree"), Formula("htop"), Cask("rectangle"), Cask("iterm2"))
    result = wished(parts, *wishes)
    assert {name: one.status for name, one in result.items()} == {
        "jq": "changed",
        "tree": "failed",
        "htop": "failed",
        "rectangle": "failed",
        "iterm2": "changed",
    }
    told = result["tree"].failure.output[-1]
    assert told.startswith("tree 2.6.0 is locked, and Homebrew has 2.7.0. Homebrew installs its")
    assert "htop is not locked" in result["htop"].failure.output[-1]
    assert set(local.state().casks) == {"iterm2"}
    assert not {"tree", "htop"} & set(local.state().formulae)


def test_without_strict_homebrew_installs_what_it_has(local: Brewed) -> None:
    assert wished(Parts(), Formula("tree"), strict=False)["tree"].status == "changed"


def test_the_version_that_is_used_is_the_one_that_counts(local: Brewed) -> None:
    local.setup.formula("tree", "9.0")
    local.setup.formula("tree", "2.6.0")
    state = local.state()
    assert set(state.formulae["tree"]) == {"9.0", "2.6.0"}
    assert state.version("tree") == "2.6.0"


# Values


def test_differences_are_told_by_kind_and_name() -> None:
    before = Parts(formulae={"a": "1", "b": "1"}, base_images={"ruby:3": OLD}, gems={"x": "1"})
    after = Parts(formulae={"b": "2", "c": "3"}, base_images={"ruby:3": NEW}, gems={"x": "1"})
    assert [str(one) for one in differences(before, after)] == [
        "a 1 is gone",
        "b 1 → 2",
        "c 3 is new",
        f"ruby:3 {'a' * 12} → {'b' * 12}",
    ]


@pytest.mark.parametrize(
    ("locked", "here", "way"),
    [
        ("0.10.0", "0.9.1", "brew upgrade"),
        ("3.4.10_1", "3.4.10", "brew upgrade"),
        ("0.9.1", "0.10.0", "cannot go back"),
        ("3.4.10", "3.4.10_2", "cannot go back"),
        ("r2026", "r2025", "cannot go back"),
        ("", "1.0", "`update` adds it"),
    ],
)
def test_what_can_be_done_depends_on_which_is_newer(locked: str, here: str, way: str) -> None:
    assert way in way_out(Difference("formulae", "thing", locked, here))


def test_the_kind_of_a_machine() -> None:
    assert (kind_of(MAC), kind_of(DEBIAN)) == ("macos", "debian-bookworm")
    assert kind_of(replace(DEBIAN, os_id="", os_codename="")) == "linux"
