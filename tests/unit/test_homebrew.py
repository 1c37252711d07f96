"""The stage Homebrew: what its fact reads, and what its operations do and refuse."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.engine import Engine
from bootstrapper.results import OperationResult
from deploys.brewfile import Cask, Formula, Tap
from deploys.facts.brewfile import BrewfileWishes
from deploys.facts.homebrew import BrewState, Homebrew, cask_name
from deploys.facts.homebrew_upkeep import HomebrewUpkeep, UpkeepState
from deploys.facts.mac import Mac
from deploys.facts.machine import Machine, ThisMachine
from deploys.homebrew import homebrew
from deploys.operations import homebrew as operations
from tests.maclab.brew import launcher
from tests.maclab.brew.machine import Machine as BrewMachine
from tests.maclab.brew.machine import from_fields
from tests.support import Remembering, evaluate, fake_inventory, stage

INSTALL = Path(operations.__file__).parents[1] / "files" / "homebrew" / "install.sh"

MAC = Machine(
    kernel="Darwin",
    architecture="arm64",
    user="ada",
    uid=501,
    groups=("staff", "admin"),
    home="/Users/ada",
    init="none",
    has_sudo=True,
    free_bytes=50 * 1024**3,
    os_id="macos",
    os_like=(),
    os_version="27.0.1",
    os_codename="",
    os_name="macOS 27.0.1",
)
BARE = BrewState()
USER = replace(MAC, groups=("staff",))  # no administrator
COMMAND = Homebrew.command
HERE = BrewState(prefix="/opt/homebrew", works=True, owner="ada")

Plan = Callable[..., dict[str, OperationResult]]


@pytest.fixture
def plan() -> Plan:
    """Evaluates the stage on a Mac whose facts are given."""

    def evaluate(
        *,
        state: BrewState = HERE,
        machine: Machine = MAC,
        brewfile_says: list[str] | None = None,
        **data: object,
    ) -> dict[str, OperationResult]:
        answers: dict[type, Any] = {
            ThisMachine: machine,
            Homebrew: state,
            HomebrewUpkeep: UpkeepState(),
            Mac: Mac().process(["version\t27.0.1", "silicon\t1"]),
            BrewfileWishes: BrewfileWishes().process(brewfile_says or ["absent"]),
        }
        inventory = fake_inventory("mac")
        inventory.host_data["@fake/mac"].update(data)
        with Engine(inventory, Remembering()) as running:
            (host,) = inventory
            setattr(host, "get_fact", lambda fact, *_, **__: answers[fact])  # noqa: B010
            (result,) = running.evaluate([stage(homebrew)], apply=False)
        assert result.failure is None
        return {operation.name: operation for operation in result.operations}

    return evaluate


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


# The fact


def test_a_bare_machine_has_no_homebrew(tmp_path: Path) -> None:
    state = Brewed(tmp_path).state()
    assert (state.prefix, state.works, state.lacks_ruby) == ("", False, False)
    assert state.place == str(tmp_path / "opt/homebrew")
    assert not state.has("jq")


@pytest.mark.parametrize("prefix", ["opt/homebrew", "usr/local"])
def test_an_empty_homebrew_works_and_has_nothing(tmp_path: Path, prefix: str) -> None:
    state = Brewed(tmp_path, prefix).install().state()
    assert (state.prefix, state.works, state.denied) == (str(tmp_path / prefix), True, ())
    assert not any((state.formulae, state.casks, state.taps, state.trusted))


def test_the_fact_agrees_with_brew(brewed: Brewed) -> None:
    brewed.setup.tap("acme/tools")
    brewed.setup.formula("jq", "1.7.1")
    for words in (
        ("install", "colima", "pkg-config", "ruby@3.4", "openssl@3"),
        ("install", "acme/tools/acme-lint"),
        ("install", "--cask", "firefox", "visual-studio-code"),
        ("upgrade", "jq"),
        ("trust", "acme/tools"),
    ):
        done = brewed.brew(*words)
        assert done.returncode == 0, done.stderr
    state = brewed.state()
    listed = brewed.brew("list", "--formula", "--versions").stdout.splitlines()
    assert {line.split()[0]: set(line.split()[1:]) for line in listed} == {
        name: set(versions) for name, versions in state.formulae.items()
    }
    casks = brewed.brew("list", "--cask", "--versions").stdout.splitlines()
    assert casks == [f"{name} {' '.join(found)}" for name, found in sorted(state.casks.items())]
    assert sorted(state.taps) == brewed.brew("tap").stdout.split()
    assert state.trusted == {"acme/tools"}


def test_a_name_may_be_an_alias_a_version_or_a_full_name(brewed: Brewed) -> None:
    brewed.setup.formulae(["pkgconf", "ruby@3.4"])
    brewed.setup.tap("acme/tools")
    brewed.setup.formula("acme/tools/acme-lint")
    state = brewed.state()
    for name in ("pkgconf", "pkg-config", "ruby@3.4", "acme/tools/acme-lint", "acme-lint", "alint"):
        assert state.has(name), name
    assert state.formula("pkg-config") == "pkgconf"
    assert not state.has("ruby")
    assert not state.has("jq")


def test_a_keg_that_a_killed_installation_left_does_not_count(brewed: Brewed) -> None:
    (brewed.prefix / "Cellar/tree/2.3.0/bin").mkdir(parents=True)
    (brewed.prefix / "opt/tree").symlink_to("../Cellar/tree/2.3.0")
    (brewed.prefix / "Cellar/wget").mkdir()
    assert not brewed.state().has("tree")
    assert not brewed.state().has("wget")


def test_what_is_installed_but_not_linked_shows(brewed: Brewed) -> None:
    brewed.setup.formula("jq", link=False)
    brewed.setup.formulae(["tree", "ruby@3.4"])
    state = brewed.state()
    assert [state.is_unlinked(name) for name in ("jq", "tree", "ruby@3.4")] == [True, False, False]


def test_what_says_in_its_recipe_that_it_is_keg_only_is_not_missed(brewed: Brewed) -> None:
    keg = brewed.setup.formula("readline", link=False)
    (keg.path / ".brew/readline.rb").write_text("class Readline\n  keg_only :shadowed_by_macos\n")
    assert not brewed.state().is_unlinked("readline")


def test_an_installer_that_failed_late_leaves_a_homebrew_without_ruby(brewed: Brewed) -> None:
    ruby = brewed.machine.repository / "Library/Homebrew/vendor/portable-ruby/current/bin/ruby"
    assert brewed.state().works
    ruby.unlink()
    state = brewed.state()
    assert (state.works, state.lacks_ruby) == (False, True)


def test_an_executable_without_its_repository_does_not_work(brewed: Brewed) -> None:
    (brewed.machine.repository / ".git").rename(brewed.root / "elsewhere")
    (brewed.machine.repository / "Library/Homebrew/brew.sh").unlink()
    state = brewed.state()
    assert (bool(state.prefix), state.works, state.lacks_ruby) == (True, False, False)


def test_the_trust_store_is_where_the_user_keeps_configuration(brewed: Brewed) -> None:
    config = brewed.root / "config"
    (config / "homebrew").mkdir(parents=True)
    (config / "homebrew/trust.json").write_text('{"trustedtaps": ["x/y"]}')
    assert brewed.state(XDG_CONFIG_HOME=str(config)).trusted == {"x/y"}
    assert brewed.state().trusted == set()
    (config / "homebrew/trust.json").write_text("[damaged")
    assert brewed.state(XDG_CONFIG_HOME=str(config)).trusted == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="makes another user's process")
def test_directories_of_another_user_show() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        brewed = Brewed(Path(folder)).install()
        output = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", brewed.command()],
            env=brewed.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        state = Homebrew().process(output.stdout.splitlines())
        assert state.owner == "root"
        assert str(brewed.prefix / "Cellar") in state.denied


@pytest.mark.parametrize(
    ("app", "name"),
    [
        ("Firefox.app", "firefox"),
        ("Visual Studio Code.app", "visual-studio-code"),
        ("Alfred 5.app", "alfred"),
        ("1Password.app", "1password"),
        ("iTerm.app", "iterm"),
    ],
)
def test_an_apps_name_tells_its_cask(app: str, name: str) -> None:
    assert cask_name(app) == name


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


# The installer, for real, with a download of the test


class Installer:
    """Runs the script that fetches the installer; curl hands out what the test wants."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.temporary = root / "tmp"
        self.temporary.mkdir()
        (root / "bin").mkdir()
        self.text = (
            'echo "$NONINTERACTIVE ${INTERACTIVE-unset} installed" >"$HOME/ran"\necho done\n'
        )

    def run(self, sha256: str = "", *, curl: str = "") -> subprocess.CompletedProcess[str]:
        (self.root / "served").write_text(self.text)
        fetch = f'echo "$@" >{self.root}/asked; while [ "$1" != --output ]; do shift; done'
        self._program("curl", curl or f"{fetch}; cp {self.root}/served $2")
        return subprocess.run(
            [
                *("sh", "-c", INSTALL.read_text(), "homebrew-installer", "https://x.example/i.sh"),
                sha256 or hashlib.sha256(self.text.encode()).hexdigest(),
            ],
            env={
                "PATH": f"{self.root}/bin:/usr/bin:/bin",
                "HOME": str(self.root),
                "TMPDIR": str(self.temporary),
                "INTERACTIVE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def ran(self) -> bool:
        return (self.root / "ran").exists()

    def _program(self, name: str, script: str) -> None:
        (self.root / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.root / "bin" / name).chmod(0o755)


@pytest.fixture
def installer(tmp_path: Path) -> Installer:
    return Installer(tmp_path)


def test_an_installer_with_the_right_hash_is_run_unattended(installer: Installer) -> None:
    done = installer.run()
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert (installer.root / "ran").read_text() == "1 unset installed\n"
    assert list(installer.temporary.iterdir()) == []


def test_the_download_is_https_only(installer: Installer) -> None:
    installer.run()
    asked = (installer.root / "asked").read_text()
    assert "--proto =https --tlsv1.2 --fail --silent --show-error --location" in asked


def test_an_installer_with_another_hash_is_never_run(installer: Installer) -> None:
    refused = installer.run("0" * 64)
    assert refused.returncode == 1
    assert not installer.ran
    assert "nothing was run" in refused.stderr
    assert f"and not {'0' * 64}" in refused.stderr
    assert list(installer.temporary.iterdir()) == []


def test_a_download_that_fails_is_said_and_nothing_is_run(installer: Installer) -> None:
    failed = installer.run(curl="echo 'curl: (6) Could not resolve host: x.example' >&2; exit 6")
    assert failed.returncode == 1
    assert not installer.ran
    assert "could not be downloaded from https://x.example/i.sh" in failed.stderr
    assert list(installer.temporary.iterdir()) == []


def test_an_installer_that_fails_is_a_failure_and_leaves_no_file(installer: Installer) -> None:
    installer.text = "echo 'Need sudo access on macOS' >&2; exit 1\n"
    failed = installer.run()
    assert (failed.returncode, failed.stderr) == (1, "Need sudo access on macOS\n")
    assert list(installer.temporary.iterdir()) == []


# What the user wants


def test_each_wish_is_an_operation_that_may_fail_alone(plan: Plan) -> None:
    result = plan(brew_taps=["Acme/tools"], brew_formulae=["jq", "tree"], brew_casks=["firefox"])
    wishes = {name: operation.optional for name, operation in result.items()}
    assert not wishes["install Homebrew"]
    assert not wishes["the Brewfile"]
    assert dict(list(wishes.items())[-4:]) == {
        "tap acme/tools": True,
        "formula jq": True,
        "formula tree": True,
        "cask firefox": True,
    }


def test_brew_is_called_unattended_and_by_its_absolute_path(plan: Plan) -> None:
    (command,) = plan(brew_formulae=["jq"])["formula jq"].commands
    assert command.startswith("cd && /usr/bin/env HOMEBREW_NO_ASK=1 HOMEBREW_NO_AUTO_UPDATE=1 ")
    assert " /opt/homebrew/bin/brew install --formula jq; " in command
    assert "sudo" not in command


def test_on_a_bare_mac_the_plan_has_the_wishes_too(plan: Plan) -> None:
    (command,) = plan(state=BARE, brew_formulae=["jq"])["formula jq"].commands
    assert "/opt/homebrew/bin/brew install --formula jq" in command


def test_wishes_of_settings_and_brewfile_are_joined(plan: Plan) -> None:
    says = ["/Users/ada/Brewfile\t/Users/ada", 'brew "jq"', 'tap "x/y"', 'mas "Xcode", id: 1']
    result = plan(brewfile_says=says, brewfile="~/Brewfile", brew_formulae=["jq", "tree"])
    assert list(result)[-3:] == ["tap x/y", "formula jq", "formula tree"]
    ignored = result["the Brewfile"].findings[0]
    assert (ignored.severity, 'mas "Xcode"' in ignored.seen) == ("notice", True)


def test_a_brewfile_decides_itself_what_is_trusted(plan: Plan) -> None:
    says = ["B\t/Users/ada", 'tap "a/b"', 'tap "c/d", "https://git.example.org/d", trusted: true']
    result = plan(brewfile_says=says, brewfile="B")
    (tap,) = result["tap a/b"].commands
    assert tap.endswith("brew tap a/b")
    assert result["tap a/b"].findings[-1].severity == "notice"
    tap, trust = result["tap c/d"].commands
    assert tap.endswith("brew tap c/d https://git.example.org/d")
    assert trust.endswith("brew trust c/d")


@pytest.mark.parametrize(
    ("says", "place"),
    [(["absent"], "~/Brewfile: There is no such file"), (["B\t/", "", "if x"], "line 2: 'if'")],
)
def test_a_brewfile_that_cannot_be_used_is_refused_with_its_place(
    plan: Plan, says: list[str], place: str
) -> None:
    refused = plan(brewfile_says=says, brewfile="~/Brewfile")["the Brewfile"]
    assert refused.status == "refused"
    assert place in refused.findings[0].seen


def test_what_is_installed_but_not_linked_is_only_said(plan: Plan) -> None:
    unlinked = replace(HERE, formulae={"jq": ("1",)})
    result = plan(state=unlinked, brew_formulae=["jq"])["formula jq"]
    assert (result.status, result.findings[0].code) == ("unchanged", "homebrew.not-linked")
    assert "brew link jq" in result.findings[0].mend
    says = ["B\t/", 'brew "jq", link: false']
    assert plan(state=unlinked, brewfile_says=says, brewfile="B")["formula jq"].findings == ()


def test_a_formula_of_a_tap_says_whom_homebrew_will_trust(plan: Plan) -> None:
    finding = plan(brew_formulae=["acme/tools/acme-cli"])["formula acme/tools/acme-cli"].findings[0]
    assert "trust this formula, but nothing else of acme/tools" in finding.means


def test_built_in_taps_are_not_tapped(plan: Plan) -> None:
    result = plan(brew_taps=["homebrew/bundle", "homebrew/cask"])
    assert not any(operation.commands for operation in result.values())
    assert result["tap homebrew/bundle"].findings[0].severity == "notice"


def test_a_tap_is_trusted_once(plan: Plan) -> None:
    known = replace(HERE, taps=frozenset({"acme/tools"}))
    (trust,) = plan(state=known, brew_taps=["acme/tools"])["tap acme/tools"].commands
    assert trust.endswith("brew trust acme/tools")
    trusting = replace(known, trusted=frozenset({"acme/tools"}))
    assert plan(state=trusting, brew_taps=["acme/tools"])["tap acme/tools"].status == "unchanged"


def test_an_app_that_was_put_there_by_hand_is_left_alone(plan: Plan) -> None:
    state = replace(HERE, applications=("Visual Studio Code.app",))
    cask = plan(state=state, brew_casks=["visual-studio-code"])["cask visual-studio-code"]
    assert (cask.status, cask.findings[0].severity) == ("unchanged", "notice")
    assert "--adopt visual-studio-code" in cask.findings[0].mend


def test_a_cask_that_wants_a_password_says_so(plan: Plan) -> None:
    result = plan(brew_casks=["docker-desktop", "firefox"])
    assert "asks for your password itself" in result["cask docker-desktop"].findings[0].means
    assert result["cask firefox"].findings[0].means == ""


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
