"""The stage Homebrew: what its fact reads, and what its operations do and refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.brewfile import Cask, Formula, Tap
from deploys.facts.brewfile import BrewfileWishes
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.homebrew_upkeep import HomebrewUpkeep, UpkeepState
from deploys.facts.mac import Mac
from deploys.facts.machine import Machine, ThisMachine
from deploys.homebrew import homebrew
from deploys.operations import homebrew as operations
from tests.maclab.brew import launcher
from tests.maclab.brew.machine import Machine as BrewMachine
from tests.maclab.brew.machine import from_fields
from tests.support import MAC, evaluate, planned_with

INSTALL = Path(operations.__file__).parents[1] / "files" / "homebrew" / "install.sh"

BARE = BrewState()
USER = replace(MAC, groups=("staff",))  # no administrator
COMMAND = Homebrew.command
HERE = BrewState(prefix="/opt/homebrew", works=True, owner="ada")

Plan = Callable[..., dict[str, OperationResult]]


def evaluated(
    *,
    state: BrewState = HERE,
    machine: Machine = MAC,
    brewfile_says: list[str] | None = None,
    **data: object,
) -> dict[str, OperationResult]:
    """Evaluates the stage on a Mac whose facts are given."""
    answers: dict[type, Any] = {
        ThisMachine: machine,
        Homebrew: state,
        HomebrewUpkeep: UpkeepState(),
        Mac: Mac().process(["version\t27.0.1", "silicon\t1"]),
        BrewfileWishes: BrewfileWishes().process(brewfile_says or ["absent"]),
    }
    result = planned_with(answers, homebrew, **data)
    assert result.failure is None
    return {operation.name: operation for operation in result.operations}


@pytest.fixture
def plan() -> Plan:
    return evaluated


class Brewed:
    """A simulated Homebrew below a directory, read by the fact and called by the operations."""

    def __init__(self, root: Path, prefix: str = "opt/homebrew", **fields: Any) -> None:
        self.root = root
        self.home = root / "home"
        self.home.mkdir()
        self.applications = root / "Applications"
        self.applications.mkdir()
        told = {
            "prefix": str(root / prefix),
            "applications": str(self.applications),
            "root_allowed": True,
            **fields,
        }
        self.machine: BrewMachine = from_fields(told)
        self.environment = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/zsh"}

    @property
    def prefix(self) -> Path:
        return self.machine.prefix

    def install(self) -> Brewed:
        launcher.install(self.machine, self.root / "brew.json", sys.executable)
        self.setup = launcher.Setup(self.machine, self.environment)
        self.setup.know()
        return self

    def brew(self, *words: str) -> subprocess.CompletedProcess[str]:
        unattended = dict(word.split("=") for word in operations.ENVIRONMENT)
        return subprocess.run(
            [self.prefix / "bin/brew", *words],
            env=self.environment | unattended,
            capture_output=True,
            text=True,
            check=False,
        )

    def command(self) -> str:
        return COMMAND(Homebrew(), str(self.prefix), str(self.applications))

    def state(self, **environment: str) -> BrewState:
        output = subprocess.run(
            ["sh", "-c", self.command()],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert output.stderr == ""
        return Homebrew().process(output.stdout.splitlines())

    def be_the_machines_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        script = self.command()
        monkeypatch.setattr(Homebrew, "command", lambda _: script)
        monkeypatch.setenv("HOME", str(self.home))


@pytest.fixture
def brewed(tmp_path: Path) -> Brewed:
    return Brewed(tmp_path).install()


@pytest.fixture
def local(brewed: Brewed, monkeypatch: pytest.MonkeyPatch) -> Brewed:
    """This computer, with the simulated Homebrew in place of the machine's own."""
    brewed.be_the_machines_own(monkeypatch)
    return brewed


# Homebrew itself


def test_a_bare_mac_gets_homebrew_from_the_pinned_installer(plan: Plan) -> None:
    commit, sha = "a" * 40, "b" * 64
    result = plan(state=BARE, homebrew_installer=f"{commit}@sha256:{sha}")["install Homebrew"]
    sudo, install, proof = result.commands
    assert sudo == "sudo -n -v"
    assert install.endswith(
        f"homebrew-installer https://raw.githubusercontent.com/Homebrew/install/{commit}"
        f"/install.sh {sha}"
    )
    assert install.index("shasum -a 256") < install.index("/bin/bash")
    assert proof.endswith("/opt/homebrew/bin/brew config")
    assert result.uses_sudo


def test_a_homebrew_that_works_is_left_alone(plan: Plan) -> None:
    assert {operation.status for operation in plan().values()} == {"unchanged"}


def test_a_homebrew_without_ruby_needs_no_installer_and_no_password(plan: Plan) -> None:
    state = replace(HERE, works=False, lacks_ruby=True)
    result = plan(state=state)["install Homebrew"]
    assert [command.rpartition("/")[2] for command in result.commands] == ["brew config"]
    assert not result.uses_sudo


def test_an_incomplete_homebrew_is_installed_over(plan: Plan) -> None:
    result = plan(state=replace(HERE, works=False))["install Homebrew"]
    assert result.findings[0].code == "homebrew.broken"
    assert len(result.commands) == 3


@pytest.mark.parametrize(
    ("state", "machine", "words"),
    [
        (replace(BARE, no_install=True), MAC, "brew.no_install exists"),
        (BARE, replace(MAC, architecture="x86_64"), "no longer be installed on Intel"),
        (replace(HERE, denied=("/opt/homebrew/Cellar",)), USER, "You may not write to"),
        (replace(HERE, owner="root", denied=("/opt/homebrew",)), USER, "You may not write to"),
    ],
)
def test_what_a_person_has_to_settle_is_refused(
    plan: Plan, state: BrewState, machine: Machine, words: str
) -> None:
    refused = plan(state=state, machine=machine)["install Homebrew"]
    assert refused.status == "refused"
    assert words in refused.findings[0].seen
    assert refused.findings[0].mend


def test_the_mend_of_a_directory_that_cannot_be_written_is_exact(plan: Plan) -> None:
    state = replace(HERE, denied=("/opt/homebrew/Cellar", "/opt/homebrew/bin"))
    mend = plan(state=state, machine=USER)["install Homebrew"].findings[0].mend
    assert "`sudo chown -R ada /opt/homebrew/Cellar /opt/homebrew/bin`" in mend


def test_another_users_homebrew_serves_as_long_as_nothing_is_missing(plan: Plan) -> None:
    shared = replace(HERE, owner="grace", denied=("/opt/homebrew/Cellar",), formulae={"jq": ("1",)})
    result = plan(state=shared, brew_formulae=["jq", "tree"])
    assert result["install Homebrew"].findings[0].severity == "notice"
    assert result["formula tree"].status == "refused"
    assert "Ask grace" in result["formula tree"].findings[0].mend


def test_elsewhere_there_is_nothing_to_do(plan: Plan) -> None:
    assert plan(machine=replace(MAC, kernel="Linux"), brew_formulae=["jq"]) == {}


# With the simulated Homebrew, for real


def wished(*wishes: Tap | Formula | Cask) -> dict[str, Any]:
    """Applies wishes on this computer; the result of each by its name."""

    def declare() -> None:
        for wish in wishes:
            operation = getattr(operations, type(wish).__name__.lower())
            operation(name=wish.name, wish=wish, _ignore_errors=True)

    (machine,) = evaluate(declare, apply=True)
    return {operation.name: operation for operation in machine.operations}


def test_what_was_installed_is_there_and_a_second_run_changes_nothing(local: Brewed) -> None:
    names = ["colima", "pkg-config", "ruby@3.4", "openssl"]

    def declare() -> None:
        operations.formulae(name="all", names=names, purpose="this test")

    for status in ("changed", "unchanged"):
        (machine,) = evaluate(declare, apply=True)
        assert machine.operations[0].status == status, machine.problems
    assert all(local.state().has(name) for name in names)


def test_taps_casks_and_formulae_of_taps_are_had_and_had_once(local: Brewed) -> None:
    wishes = (
        Tap("acme/tools"),
        Formula("acme-cli"),
        Formula("acme/tools/alint"),
        Cask("iterm2"),
    )
    assert {one.status for one in wished(*wishes).values()} == {"changed"}
    second = wished(*wishes)
    assert {one.status for one in second.values()} == {"unchanged"}
    assert [one.commands for one in second.values()] == [()] * 4


def test_one_wish_that_fails_does_not_stop_the_others(local: Brewed) -> None:
    result = wished(Formula("no-such-thing"), Formula("tree"))
    assert result["no-such-thing"].status == "failed"
    assert "No available formula" in " ".join(result["no-such-thing"].failure.output)
    assert result["tree"].status == "changed"


def test_an_old_name_is_no_success_although_brew_says_so(local: Brewed) -> None:
    failed = wished(Formula("pkgconfig"))["pkgconfig"]
    assert failed.status == "failed"
    assert "under another name, write that name" in failed.failure.output[-1]
    assert local.state().has("pkgconf")


def test_programs_in_the_way_are_a_failure_that_says_what_is_there(local: Brewed) -> None:
    local.setup.formulae(["jq"])
    clash = Formula("acme/tools/acme-jq")
    failed = wished(clash)[clash.name]
    assert failed.status == "failed"
    assert "is installed, but its last steps failed" in failed.failure.output[-1]
    again = wished(clash)[clash.name]
    assert (again.status, again.findings[0].code) == ("unchanged", "homebrew.not-linked")


def test_a_half_keg_is_replaced(local: Brewed) -> None:
    (local.prefix / "Cellar/tree/0.1/bin").mkdir(parents=True)
    assert wished(Formula("tree"))["tree"].status == "changed"


def test_an_unlinked_wish_is_installed_and_not_linked(local: Brewed) -> None:
    assert wished(Formula("tree", link=False))["tree"].status == "changed"
    assert not (local.prefix / "bin/tree").exists()
    assert local.state().has("tree")


def test_an_app_in_place_is_adopted_or_left_alone_never_overwritten(local: Brewed) -> None:
    """iTerm.app does not tell that it is iterm2: only Homebrew knows."""
    place_app(local, "iTerm.app", "3.6.9")
    assert wished(Cask("iterm2"))["iterm2"].status == "changed"
    assert (local.applications / "iTerm.app/mine").exists()


def test_an_app_of_another_version_is_left_alone_and_said(local: Brewed) -> None:
    place_app(local, "Rectangle.app", "0.1")
    result = wished(Cask("rectangle"))["rectangle"]
    assert (result.status, result.findings[0].code) == ("unchanged", "homebrew.app-by-hand")
    assert (local.applications / "Rectangle.app/mine").exists()


def test_an_installer_that_cannot_ask_for_the_password_says_how_it_can(local: Brewed) -> None:
    failed = wished(Cask("temurin"))["temurin"]
    assert failed.status == "failed"
    assert "sudo: a terminal is required" in " ".join(failed.failure.output)
    assert f"`{local.prefix}/bin/brew install --cask temurin`" in failed.failure.output[-1]
    assert not local.state().has_cask("temurin")


def place_app(brewed: Brewed, name: str, version: str) -> None:
    """An app that the user has dragged there."""
    contents = brewed.applications / name / "Contents"
    contents.mkdir(parents=True)
    plist = f"<key>CFBundleShortVersionString</key><string>{version}</string>"
    (contents / "Info.plist").write_text(plist)
    (contents.parent / "mine").touch()


def test_brew_cannot_take_the_terminals_sudo_ticket_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run resets the ticket of its own session; a cask that asks has to keep the terminal."""
    note = f"ps -o sid= -p $$ >>{tmp_path}/sessions"
    local = Brewed(tmp_path, sudo_reset=["sh", "-c", note], sudo=["true"]).install()
    local.be_the_machines_own(monkeypatch)
    wished(Formula("tree"), Cask("docker-desktop"))
    own, terminals = (tmp_path / "sessions").read_text().split()
    assert int(terminals) == os.getsid(0)
    assert int(own) != os.getsid(0)
