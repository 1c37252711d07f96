"""What an upgrade of macOS breaks of Homebrew: facts in, commands out, and who is left alone."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.facts.brewfile import BrewfileWishes
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.homebrew_upkeep import HomebrewUpkeep, UpkeepState
from deploys.facts.mac import Mac
from deploys.facts.machine import Machine, ThisMachine
from deploys.homebrew import homebrew
from tests.support import MAC, planned_with

USER = replace(MAC, groups=("staff",))
HERE = BrewState(prefix="/opt/homebrew", works=True, owner="ada")
HEALTHY = UpkeepState(unsupported=28)
LINKS = ("/usr/local/bin/docker", "/usr/local/bin/docker-credential-desktop")

Plan = Callable[..., dict[str, OperationResult]]


@pytest.fixture
def plan() -> Plan:
    """Evaluates the stage on a Mac whose facts are given; what acts or speaks, by its name."""

    def evaluate(
        upkeep: UpkeepState = HEALTHY,
        *,
        state: BrewState = HERE,
        machine: Machine = MAC,
        macos: str = "27.0.1",
        **data: object,
    ) -> dict[str, OperationResult]:
        answers: dict[type, Any] = {
            ThisMachine: machine,
            Homebrew: state,
            HomebrewUpkeep: upkeep,
            Mac: Mac().process([f"version\t{macos}", "silicon\t1"]),
            BrewfileWishes: BrewfileWishes().process(["absent"]),
        }
        result = planned_with(answers, homebrew, **data)
        assert result.failure is None
        return {o.name: o for o in result.operations if o.findings or o.commands}

    return evaluate


def only(results: dict[str, OperationResult]) -> tuple[str, str, list[str]]:
    """Code, severity and commands of the one operation that has something to say."""
    (result,) = results.values()
    (finding,) = result.findings
    return finding.code, finding.severity, [str(command) for command in result.commands]


def test_a_healthy_mac_is_left_alone(plan: Plan) -> None:
    assert plan() == {}


# Homebrew and this macOS: 5 and 7


def test_a_homebrew_older_than_macos_is_updated_and_fetched_anew_where_that_dies(
    plan: Plan,
) -> None:
    code, severity, (command,) = only(plan(UpkeepState(unsupported=27)))
    assert (code, severity) == ("homebrew.too-old", "change")
    assert command.index("bin/brew update ") < command.index("bin/brew update-reset;")


def test_one_that_was_just_updated_is_only_spoken_of(plan: Plan) -> None:
    code, severity, commands = only(plan(UpkeepState(unsupported=27, fresh=True)))
    assert (code, severity, commands) == ("homebrew.newest-too-old", "notice", [])


@pytest.mark.parametrize("unsupported", [0, 28, 29])
def test_a_homebrew_that_knows_this_macos_or_does_not_say_so_is_left_alone(
    plan: Plan, unsupported: int
) -> None:
    assert plan(UpkeepState(unsupported=unsupported)) == {}


def test_where_there_is_no_homebrew_nothing_is_old(plan: Plan) -> None:
    assert list(plan(UpkeepState(unsupported=27), state=BrewState())) == ["install Homebrew"]


@pytest.mark.parametrize(
    ("update", "reset", "code"),
    [
        ("exit 0", "exit 9", 0),
        ('echo "Error: unknown or unsupported macOS version: \\"27.0\\"" >&2; exit 1', "exit 0", 0),
        ('echo "Error: unknown or unsupported macOS version: \\"27.0\\"" >&2; exit 1', "exit 3", 3),
        ('echo "fatal: no route" >&2; exit 1', "touch reset", 1),
    ],
    ids=["updated", "fetched-anew", "not-even-that", "another-reason"],
)
def test_the_mend_ends_as_its_last_command_and_resets_for_one_reason_only(
    plan: Plan, tmp_path: Path, update: str, reset: str, code: int
) -> None:
    brew = tmp_path / "bin/brew"
    brew.parent.mkdir()
    brew.write_text(
        f'#!/bin/sh\ncd "{tmp_path}"\ncase $1 in update) {update};; *) {reset};; esac\n'
    )
    brew.chmod(0o755)
    here = replace(HERE, prefix=str(tmp_path), place=str(tmp_path))
    _, _, (command,) = only(plan(UpkeepState(unsupported=27), state=here))
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert done.returncode == code
    assert not (tmp_path / "reset").exists()


# pkgconf: 6


def test_pkgconf_of_another_macos_is_installed_again(plan: Plan) -> None:
    code, _, (command,) = only(plan(replace(HEALTHY, pkgconf_built_on=26)))
    assert code == "homebrew.pkgconf-of-another-macos"
    assert "bin/brew reinstall pkgconf" in command


@pytest.mark.parametrize(
    ("upkeep", "macos"),
    [
        (replace(HEALTHY, pkgconf_built_on=27), "27.1"),
        (HEALTHY, "27.0"),
        (UpkeepState(unsupported=28, pkgconf_built_on=27), ""),
    ],
    ids=["of-this-one", "not-installed", "version-unknown"],
)
def test_any_other_pkgconf_is_left_alone(plan: Plan, upkeep: UpkeepState, macos: str) -> None:
    assert plan(upkeep, macos=macos) == {}


def test_where_homebrew_has_no_packages_for_this_macos_yet_pkgconf_is_no_matter(plan: Plan) -> None:
    results = plan(UpkeepState(unsupported=28, fresh=True, pkgconf_built_on=27), macos="28.0")
    assert list(results) == ["Homebrew and this macOS"]


def test_a_mend_of_pkgconf_that_does_not_help_fails_with_the_next_thing_to_try(
    plan: Plan, tmp_path: Path
) -> None:
    receipt = tmp_path / "opt/pkgconf/INSTALL_RECEIPT.json"
    for folder in (receipt.parent, tmp_path / "bin"):
        folder.mkdir(parents=True)
    (tmp_path / "bin/brew").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "bin/brew").chmod(0o755)
    here = replace(HERE, prefix=str(tmp_path), place=str(tmp_path))
    _, _, (command,) = only(plan(replace(HEALTHY, pkgconf_built_on=26), state=here))
    codes = []
    for version in ("26.1", "27", "27.0.1", "270"):
        receipt.write_text('{"built_on":{"os":"Macintosh","os_version":"macOS %s"}}' % version)  # noqa: UP031
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        codes.append(done.returncode)
        assert ("brew update" in done.stderr) == bool(done.returncode)
    assert codes == [1, 0, 0, 1]


# Links: 25


def test_links_into_a_docker_app_that_is_gone_are_removed_as_root(plan: Plan) -> None:
    code, _, (command,) = only(plan(replace(HEALTHY, dangling=LINKS)))
    assert code == "homebrew.docker-links"
    assert command == f"sudo -n rm -f {' '.join(LINKS)}"


def test_who_is_no_administrator_is_told(plan: Plan) -> None:
    code, severity, commands = only(plan(replace(HEALTHY, dangling=LINKS), machine=USER))
    assert (code, severity, commands) == ("homebrew.docker-links", "notice", [])


# launchd: 30


def test_of_two_agents_of_one_engine_the_old_one_is_moved_aside(plan: Plan) -> None:
    both = replace(HEALTHY, agents=("homebrew.mxcl.colima", "sh.brew.colima"))
    code, _, (command,) = only(plan(both))
    old = "/Users/ada/Library/LaunchAgents/homebrew.mxcl.colima.plist"
    assert (code, command) == ("homebrew.agent-twice", f"mv {old} {old}.old")


@pytest.mark.parametrize("label", ["homebrew.mxcl.colima", "sh.brew.colima"])
def test_one_agent_is_left_alone_whatever_its_name(plan: Plan, label: str) -> None:
    assert plan(replace(HEALTHY, agents=(label,))) == {}


def test_an_agent_that_did_not_load_is_said(plan: Plan) -> None:
    label = "sh.brew.colima"
    code, severity, commands = only(plan(replace(HEALTHY, agents=(label,), unloaded=(label,))))
    assert (code, severity, commands) == ("homebrew.agent-not-loaded", "notice", [])


# Two prefixes, and Rosetta: 38 and 8


@pytest.mark.parametrize("rosetta", [True, False])
def test_an_intel_macs_homebrew_is_said_with_the_way_over(plan: Plan, rosetta: bool) -> None:
    (result,) = plan(replace(HEALTHY, intel=True, rosetta=rosetta)).values()
    (finding,) = result.findings
    assert (finding.code, finding.severity) == ("homebrew.intel-too", "notice")
    assert "bundle dump --file=~/intel-Brewfile" in finding.mend
    assert ("Bad CPU type" in finding.means) != rosetta
    assert ("--install-rosetta" in finding.mend) != rosetta
    assert not result.commands


# Directories: 40


@pytest.mark.parametrize("owner", ["root", "ada"])
def test_directories_that_may_not_be_written_are_taken_back(plan: Plan, owner: str) -> None:
    denied = ("/opt/homebrew/Cellar", "/opt/homebrew/opt")
    state = replace(HERE, denied=denied, denied_of=frozenset({owner}))
    results = plan(state=state, brew_formulae=["jq"])
    (command,) = results["install Homebrew"].commands
    assert str(command) == "sudo -n chown -R ada:admin /opt/homebrew/Cellar /opt/homebrew/opt"
    assert results["formula jq"].status != "refused"


def test_what_belongs_to_somebody_else_is_not_taken(plan: Plan) -> None:
    state = replace(HERE, denied=("/opt/homebrew/Cellar",), denied_of=frozenset({"grace"}))
    code, severity, commands = only(plan(state=state))
    assert (code, severity, commands) == ("homebrew.other-owner", "notice", [])
    assert plan(state=state, brew_formulae=["jq"])["formula jq"].status == "refused"


# The fact, on files


class SmallMac:
    """A prefix, /usr/local and the rest below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("opt/homebrew", "usr/local/bin", "Applications", "home/Library/LaunchAgents"):
            (root / name).mkdir(parents=True)

    def write(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        return file

    def link(self, name: str, target: str) -> None:
        (self.root / "usr/local/bin" / name).symlink_to(target)

    def state(self) -> UpkeepState:
        told = HomebrewUpkeep().command(
            f"{self.root}/opt/homebrew", f"{self.root}/usr/local", str(self.root)
        )
        environment = {"HOME": f"{self.root}/home", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            ["sh", "-c", told], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        return HomebrewUpkeep().process(done.stdout.splitlines())


@pytest.fixture
def small(tmp_path: Path) -> SmallMac:
    return SmallMac(tmp_path)


def test_a_bare_mac_has_nothing_to_keep_up(small: SmallMac) -> None:
    assert small.state() == UpkeepState()


def test_what_a_homebrew_knows_is_read_from_its_start_script(small: SmallMac) -> None:
    script = '# and, if needed:\nHOMEBREW_MACOS_NEWEST_UNSUPPORTED="28"\n  export X\n'
    small.write("opt/homebrew/Library/Homebrew/brew.sh", script)
    fetched = small.write("opt/homebrew/.git/FETCH_HEAD")
    state = small.state()
    assert (state.unsupported, state.fresh) == (28, True)
    then = time.time() - 3 * 86400
    os.utime(fetched, (then, then))
    assert not small.state().fresh


@pytest.mark.parametrize(
    ("receipt", "macos"),
    [
        ('{"built_on":{"os":"Macintosh","os_version":"macOS 26.1"}}', 26),
        ('{\n  "built_on": {\n    "os_version": "macOS 27"\n  }\n}', 27),
        ('{"built_on":{"os":"Macintosh"}}', 0),
        ('{"built_on":null}', 0),
        ("[1]", 0),
        ("half {", 0),
    ],
)
def test_where_pkgconf_was_built_is_in_its_receipt(
    small: SmallMac, receipt: str, macos: int
) -> None:
    small.write("opt/homebrew/opt/pkgconf/INSTALL_RECEIPT.json", receipt)
    assert small.state().pkgconf_built_on == macos


def test_only_dangling_links_into_a_removed_docker_app_are_named(small: SmallMac) -> None:
    app = f"{small.root}/Applications/Docker.app"
    small.link("docker", f"{app}/Contents/Resources/bin/docker")
    small.link("kubectl", f"{app}/Contents/Resources/bin/kubectl")
    small.link("gone", "/Volumes/Backup/docker")
    small.link("docker-mine", "/bin/sh")
    small.write("usr/local/bin/docker-compose")
    bin_ = f"{small.root}/usr/local/bin"
    assert small.state().dangling == (f"{bin_}/docker", f"{bin_}/kubectl")
    Path(app).mkdir()
    assert small.state().dangling == ()


def test_an_intel_macs_homebrew_shows_and_whether_it_can_run(small: SmallMac) -> None:
    small.write("usr/local/bin/brew")
    assert (small.state().intel, small.state().rosetta) == (True, False)
    small.write("Library/Apple/usr/libexec/oah/libRosettaRuntime")
    assert small.state().rosetta


def test_rosetta_alone_is_no_matter(small: SmallMac) -> None:
    small.write("Library/Apple/usr/libexec/oah/libRosettaRuntime")
    assert small.state() == UpkeepState()


def test_agents_of_engines_only_are_named(small: SmallMac) -> None:
    for label in ("homebrew.mxcl.colima", "sh.brew.colima", "sh.brew.postgresql", "com.docker.x"):
        small.write(f"home/Library/LaunchAgents/{label}.plist")
    assert small.state().agents == ("homebrew.mxcl.colima", "sh.brew.colima")
