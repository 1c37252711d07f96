"""What is read of a Homebrew from its files, without running it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from deploys.facts.homebrew import Homebrew, cask_name
from tests.unit.test_homebrew import Brewed


@pytest.fixture
def brewed(tmp_path: Path) -> Brewed:
    return Brewed(tmp_path).install()


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


@pytest.mark.parametrize("packed", [False, True])
def test_homebrews_own_version_is_what_git_said_of_it(brewed: Brewed, packed: bool) -> None:
    told = brewed.brew("--version").stdout.split()[1]
    git = brewed.machine.repository / ".git"
    if packed:
        branch = git / "refs/heads/stable"
        (git / "packed-refs").write_text(
            f"# pack-refs\n{branch.read_text().strip()} refs/heads/stable\n"
        )
        branch.unlink()
    assert brewed.state().own_version == told
    (git / "HEAD").write_text("damaged")
    assert brewed.state().own_version == ""


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
