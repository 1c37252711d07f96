"""The simulated brew on a Mac: what is on disk, casks, services, the way it is called."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.maclab.brew import catalogue, launcher
from tests.maclab.brew.machine import CATALOGUE, Machine, from_fields
from tests.maclab.brew.main import Result, run

UNATTENDED = {
    "HOMEBREW_NO_ASK": "1",
    "HOMEBREW_NO_AUTO_UPDATE": "1",
    "HOMEBREW_NO_ENV_HINTS": "1",
    "HOMEBREW_NO_INSTALL_CLEANUP": "1",
}


class Mac:
    """A simulated Mac with Homebrew, below a directory."""

    def __init__(self, root: Path, **fields: Any) -> None:
        self.root = root
        told = {
            "prefix": str(root / "opt/homebrew"),
            "repository": str(root / "opt/homebrew"),
            "applications": str(root / "Applications"),
            "root_allowed": True,
            **fields,
        }
        self.machine = from_fields(told)
        self.home = root / "Users/me"
        self.home.mkdir(parents=True)
        self.environment = {"HOME": str(self.home), "SHELL": "/bin/zsh", **UNATTENDED}
        self.called: list[tuple[str, ...]] = []
        self.refused: tuple[str, ...] = ()
        launcher.prepare(self.machine)
        self.setup = launcher.Setup(self.machine, self.environment)
        self.setup.know()

    @property
    def prefix(self) -> Path:
        return self.machine.prefix

    def brew(self, *words: str, **environment: str) -> Result:
        told = {**self.environment, **environment}
        return run(self.machine, list(words), told, self.home, hook=self._called)

    def json(self, *words: str) -> Any:
        return json.loads(self.brew(*words).out)

    def _called(self, command: Sequence[str]) -> int:
        self.called.append(tuple(command))
        return 1 if command[0] in self.refused else 0


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


def test_installing_makes_the_files_that_facts_read(mac: Mac) -> None:
    assert mac.brew("install", "colima").code == 0
    keg = mac.prefix / "Cellar/colima/0.10.3"
    receipt = json.loads((keg / "INSTALL_RECEIPT.json").read_text())
    assert receipt["installed_on_request"] is True
    assert receipt["source"]["tap"] == "homebrew/core"
    assert [one["full_name"] for one in receipt["runtime_dependencies"]] == ["lima"]
    assert (mac.prefix / "bin/colima").resolve() == (keg / "bin/colima").resolve()
    assert (mac.prefix / "opt/colima").readlink() == Path("../Cellar/colima/0.10.3")
    assert (mac.prefix / "var/homebrew/linked/lima").is_symlink()


def test_an_alias_has_a_link_in_opt_and_names_the_formula_everywhere(mac: Mac) -> None:
    assert mac.brew("install", "pkg-config").code == 0
    assert (mac.prefix / "opt/pkg-config").resolve().name == "2.5.1"
    assert mac.brew("list", "--versions", "pkg-config").out == "pkgconf 2.5.1\n"


def test_a_versioned_formula_is_keg_only(mac: Mac) -> None:
    done = mac.brew("install", "ruby@3.4")
    assert "ruby@3.4 is keg-only" in done.out
    assert (mac.prefix / "opt/ruby@3.4/bin/ruby").exists()
    assert not (mac.prefix / "bin/ruby").exists()


def test_an_executable_is_what_the_template_says(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/default").write_text("#!/bin/sh\necho @FORMULA@ @VERSION@ @NAME@\n")
    mac = Mac(tmp_path, templates=str(tmp_path / "templates"))
    mac.brew("install", "ripgrep")
    told = subprocess.run([mac.prefix / "bin/rg"], capture_output=True, text=True, check=True)
    assert told.stdout == "ripgrep 15.2.0 rg\n"


def test_docker_finds_its_plugins_in_the_prefix(mac: Mac) -> None:
    mac.brew("install", "docker", "docker-compose", "docker-buildx")
    plugins = mac.prefix / "lib/docker/cli-plugins"
    assert sorted(one.name for one in plugins.iterdir()) == ["docker-buildx", "docker-compose"]


def test_upgrade_brings_the_newest_version(mac: Mac) -> None:
    mac.setup.formula("jq", "1.7.1")
    mac.setup.formula("oniguruma", on_request=False)
    assert mac.json("outdated", "--json=v2")["formulae"][0]["installed_versions"] == ["1.7.1"]
    assert mac.brew("upgrade", "jq").code == 0
    assert mac.brew("outdated").out == ""
    assert (mac.prefix / "bin/jq").resolve().parts[-3] == "1.8.2"


def test_update_makes_news_known(mac: Mac) -> None:
    mac.setup.know({"jq": "1.7.1", "iterm2": "3.5.0"})
    mac.setup.formula("jq", "1.7.1")
    assert mac.brew("outdated").out == ""
    assert "Outdated Formulae" in mac.brew("update").err
    assert mac.brew("outdated").out == "jq\n"


def test_update_brings_a_new_version_of_brew(tmp_path: Path) -> None:
    mac = Mac(tmp_path, version="6.0.18", latest="7.0.7")
    assert mac.brew("--version").out == "Homebrew 6.0.18\n"
    mac.brew("update")
    assert mac.brew("--version").out == "Homebrew 7.0.7\n"


def test_an_old_brew_on_a_new_macos_is_mended_by_update_reset(tmp_path: Path) -> None:
    mac = Mac(tmp_path, version="6.0.10", latest="7.0.7")
    broken = mac.brew("install", "jq")
    assert broken.code == 1
    assert 'unknown or unsupported macOS version: "27.0.1"' in broken.err
    assert mac.brew("--prefix").code == 0
    assert mac.brew("update-reset").code == 0
    assert mac.brew("install", "jq").code == 0


def test_a_macos_without_bottles_refuses_to_install(tmp_path: Path) -> None:
    mac = Mac(tmp_path, os_version="14.8.7")
    done = mac.brew("install", "jq")
    assert done.code == 1
    assert "jq: no bottle available!" in done.err
    assert not (mac.prefix / "Cellar/jq").exists()


def test_old_command_line_tools_stop_installations_only(tmp_path: Path) -> None:
    mac = Mac(tmp_path, refuses_installs="Your Command Line Tools are too outdated.")
    assert mac.brew("install", "jq").err == "Error: Your Command Line Tools are too outdated.\n"
    assert mac.brew("list", "--versions").code == 0


def test_doctor_runs_one_named_check(tmp_path: Path) -> None:
    text = "Your Command Line Tools are too outdated."
    mac = Mac(tmp_path, doctor={"check_clt_minimum_version": text})
    failing = mac.brew("doctor", "--quiet", "check_clt_minimum_version")
    assert (failing.code, failing.err) == (1, f"\nWarning: {text}\n")
    assert mac.brew("doctor", "check_missing_deps").code == 0


def test_a_cask_puts_its_application_into_place(mac: Mac) -> None:
    assert mac.brew("install", "--cask", "visual-studio-code").code == 0
    app = mac.root / "Applications/Visual Studio Code.app"
    assert (app / "Contents/Info.plist").exists()
    assert (mac.prefix / "bin/code").exists()
    assert mac.brew("list", "--cask", "--versions").out == "visual-studio-code 1.118.0\n"
    assert mac.brew("uninstall", "--cask", "visual-studio-code").code == 0
    assert not app.exists()
    assert not (mac.prefix / "bin/code").is_symlink()


def test_a_cask_leaves_an_application_that_is_there_alone(mac: Mac) -> None:
    mine = mac.root / "Applications/Rectangle.app/mine"
    mine.parent.mkdir(parents=True)
    mine.touch()
    refused = mac.brew("install", "--cask", "rectangle")
    assert refused.code == 1
    assert f"It seems there is already an App at '{mine.parent}'." in refused.err
    other = mac.brew("install", "--cask", "--adopt", "rectangle")
    assert "It seems the existing App is different from the one being installed." in other.err
    assert mine.exists()
    assert mac.brew("list", "--cask").out == ""


def test_adopt_takes_over_an_application_that_updates_itself(mac: Mac) -> None:
    mine = mac.root / "Applications/iTerm.app/mine"
    mine.parent.mkdir(parents=True)
    mine.touch()
    assert mac.brew("install", "--cask", "--adopt", "iterm2").code == 0
    assert mine.exists()
    assert mac.brew("list", "--cask").out == "iterm2\n"


def test_a_cask_that_needs_sudo_runs_it(tmp_path: Path) -> None:
    mac = Mac(tmp_path, sudo=["/usr/bin/sudo"])
    assert mac.brew("install", "--cask", "docker-desktop", SUDO_ASKPASS="/askpass").code == 0
    assert mac.called[0][:4] == ("/usr/bin/sudo", "-A", "-E", "--")


def test_a_cask_whose_sudo_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    mac = Mac(tmp_path, sudo=["/usr/bin/sudo"])
    mac.refused = ("/usr/bin/sudo",)
    done = mac.brew("install", "--cask", "docker-desktop")
    assert done.code == 1
    assert "exited with 1" in done.err
    assert not (mac.root / "Applications/Docker.app").exists()
    assert mac.brew("list", "--cask").out == ""


def test_without_sudo_a_cask_says_that_a_terminal_is_required(mac: Mac) -> None:
    done = mac.brew("install", "--cask", "docker-desktop")
    assert done.code == 1
    assert "sudo: a terminal is required to read the password" in done.err


def test_a_formula_keeps_its_command_when_a_cask_has_the_same(tmp_path: Path) -> None:
    told = json.loads(CATALOGUE.read_text())
    told["taps"]["homebrew/cask"]["casks"]["stats"]["binaries"] = ["bin/jq"]
    (tmp_path / "catalogue.json").write_text(json.dumps(told))
    mac = Mac(tmp_path, catalogue=str(tmp_path / "catalogue.json"))
    mac.brew("install", "jq")
    assert mac.brew("install", "--cask", "stats").code == 0
    assert "Cellar" in (mac.prefix / "bin/jq").resolve().parts


def test_an_old_token_names_the_cask(mac: Mac) -> None:
    mac.setup.cask("docker-desktop")
    assert (
        mac.json("info", "--json=v2", "--cask", "docker")["casks"][0]["token"] == "docker-desktop"
    )


@pytest.mark.parametrize(
    ("version", "label"), [("6.0.18", "homebrew.mxcl.colima"), ("7.0.7", "sh.brew.colima")]
)
def test_a_service_has_the_label_of_its_homebrew(tmp_path: Path, version: str, label: str) -> None:
    mac = Mac(tmp_path, version=version, launchctl=["/bin/launchctl"])
    mac.setup.formulae(["colima"])
    assert mac.brew("services", "start", "colima").code == 0
    plist = mac.home / f"Library/LaunchAgents/{label}.plist"
    assert plist.exists()
    assert ("/bin/launchctl", "bootstrap", f"gui/{mac.machine.uid}", str(plist)) in mac.called
    assert mac.json("services", "list", "--json")[0]["status"] == "started"
    assert mac.brew("services", "stop", "colima").code == 0
    assert mac.json("services", "list", "--json")[0]["status"] == "none"


def test_a_service_needs_a_session_at_the_screen(tmp_path: Path) -> None:
    mac = Mac(tmp_path, launchctl=["/bin/launchctl"])
    mac.refused = ("/bin/launchctl",)
    mac.setup.formulae(["colima"])
    done = mac.brew("services", "start", "colima")
    assert done.code == 1
    assert "Bootstrap failed: 5: Input/output error" in done.err


def test_shellenv_uses_path_helper_until_homebrew_7(tmp_path: Path) -> None:
    old = Mac(tmp_path / "old", version="6.0.18").brew("shellenv", "zsh").out
    new = Mac(tmp_path / "new").brew("shellenv", "zsh").out
    assert "/usr/libexec/path_helper" in old
    assert "/usr/libexec/path_helper" not in new
    assert 'fpath[1,0]="' in new


def test_each_call_that_needs_ruby_resets_the_sudo_ticket(tmp_path: Path) -> None:
    mac = Mac(tmp_path, sudo_reset=["/usr/bin/sudo", "--reset-timestamp"])
    mac.brew("--prefix")
    mac.brew("list")
    assert mac.called == []
    mac.brew("list", "--versions")
    assert mac.called == [("/usr/bin/sudo", "--reset-timestamp")]


def test_root_is_refused(tmp_path: Path) -> None:
    mac = Mac(tmp_path, uid=0, root_allowed=False)
    assert "extremely dangerous" in mac.brew("install", "jq").err
    assert mac.brew("--prefix").code == 0


def test_a_tap_is_trusted_by_a_full_name_and_stored_for_the_user(mac: Mac) -> None:
    mac.brew("tap", "acme/tools")
    assert mac.brew("install", "acme-lint").code == 1
    assert mac.brew("install", "acme/tools/acme-lint").code == 0
    store = json.loads((mac.home / ".homebrew/trust.json").read_text())
    assert store == {"trustedformulae": ["acme/tools/acme-lint"]}
    assert (mac.prefix / "Library/Taps/acme/homebrew-tools/.git").is_dir()


def test_the_trust_store_follows_xdg_config_home(mac: Mac) -> None:
    mac.brew("trust", "acme/tools", XDG_CONFIG_HOME=str(mac.home / "config"))
    assert (mac.home / "config/homebrew/trust.json").exists()


def test_one_failing_formula_of_a_brewfile_leaves_the_others_installed(mac: Mac) -> None:
    (mac.home / "Brewfile").write_text(
        'tap "acme/tools", trusted: true\nbrew "acme-broken"\nbrew "jq"\ncask "slack"\n'
    )
    assert mac.brew("bundle", "check").code == 1
    done = mac.brew("bundle", "install")
    assert done.code == 1
    assert "Installing acme-broken has failed!" in done.err
    assert (mac.prefix / "Cellar/jq").exists()
    assert (mac.root / "Applications/Slack.app").exists()


def test_a_brewfile_that_was_dumped_is_satisfied(mac: Mac) -> None:
    mac.setup.formulae(["colima", "jq"])
    mac.setup.cask("iterm2")
    assert mac.brew("bundle", "dump").code == 0
    assert 'brew "colima"' in (mac.home / "Brewfile").read_text()
    assert mac.brew("bundle", "check").code == 0


def test_offline_nothing_is_installed_and_the_host_is_named(tmp_path: Path) -> None:
    mac = Mac(tmp_path, unreachable=["ghcr.io", "github.com", "formulae.brew.sh"])
    done = mac.brew("install", "jq")
    assert done.code == 1
    assert "Could not resolve host: ghcr.io" in done.err
    assert mac.brew("list").out == ""


def test_what_is_set_up_is_what_installing_gives(tmp_path: Path) -> None:
    installed, prepared = Mac(tmp_path / "one"), Mac(tmp_path / "two")
    installed.brew("install", "colima", "ruby@3.4")
    prepared.setup.formulae(["colima", "ruby@3.4"])
    assert _names(installed.prefix) == _names(prepared.prefix)


def test_every_dependency_of_the_catalogue_is_in_it() -> None:
    told = catalogue.read(CATALOGUE, Path("/opt/homebrew"), "arm64_tahoe")
    core = told.taps[catalogue.CORE]
    needed = {name for formula in told.formulae() for name in formula.deps}
    assert not [name for name in needed if not core.formula(name)]


def test_the_launcher_is_a_brew_of_its_own(tmp_path: Path) -> None:
    mac = Mac(tmp_path)
    brew = launcher.install(mac.machine, tmp_path / "config/brew.json", sys.executable)
    assert brew == mac.prefix / "bin/brew"
    assert _call(mac, brew, "--prefix").stdout == f"{mac.prefix}\n"
    done = _call(mac, brew, "install", "jq")
    assert done.returncode == 0, done.stderr
    assert _call(mac, brew, "list", "--versions").stdout == "jq 1.8.2\noniguruma 6.9.10\n"
    assert "Unknown command: brew frobnicate" in _call(mac, brew, "frobnicate").stderr


def test_on_a_terminal_a_plan_with_dependencies_is_asked_about(tmp_path: Path) -> None:
    mac = Mac(tmp_path)
    brew = launcher.install(mac.machine, tmp_path / "brew.json", sys.executable)
    del mac.environment["HOMEBREW_NO_ASK"]
    assert _answer(mac, [str(brew), "install", "jq"], "n") == 1
    assert not (mac.prefix / "Cellar/jq").exists()
    assert _answer(mac, [str(brew), "install", "jq"], "y") == 0
    assert (mac.prefix / "Cellar/jq").exists()


def test_the_environment_overrides_the_configuration(tmp_path: Path) -> None:
    mac = Mac(tmp_path)
    brew = launcher.install(mac.machine, tmp_path / "brew.json", sys.executable)
    mac.environment["MACLAB_BREW_VERSION"] = "6.0.18"
    assert _call(mac, brew, "--version").stdout == "Homebrew 6.0.18\n"


def test_on_intel_the_executable_is_a_link_into_the_repository(tmp_path: Path) -> None:
    prefix = tmp_path / "usr/local"
    told = {"prefix": str(prefix), "arch": "x86_64", "os_version": "26.7"}
    machine: Machine = from_fields(told)
    brew = launcher.install(machine, tmp_path / "brew.json", sys.executable)
    assert brew.resolve() == (prefix / "Homebrew/bin/brew").resolve()


def _call(mac: Mac, brew: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [brew, *words], env=mac.environment, capture_output=True, text=True, cwd=mac.home
    )


def _answer(mac: Mac, command: list[str], key: str) -> int:
    """Run a command on a terminal, press a key when it asks; its exit code."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, env=mac.environment, cwd=mac.home, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        while chunk := _read(ours):
            said += chunk
            if said.endswith(b"[y/n]\x1b[0m\r\n"):
                os.write(ours, key.encode())
    os.close(ours)
    return process.returncode


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        # The other end is closed: Linux says so with an input/output error.
        return b""


def _names(prefix: Path) -> set[str]:
    """What is in a prefix, but for the locks that a run leaves behind."""
    names = {str(one.relative_to(prefix)) for one in prefix.rglob("*")}
    return {name for name in names if not name.endswith(".lock")}
