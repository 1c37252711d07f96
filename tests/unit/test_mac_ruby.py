"""Ruby on a Mac: which one, where from, and the site's gems."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.build import FILES
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac_ruby import Manager, Ruby, RubyOnMac, RubyState, SiteBundle, Wish
from deploys.facts.machine import ThisMachine
from deploys.ruby import ruby
from deploys.ruby_wish import Choice, Wanted, bundler_for, choose, wanted_ruby
from tests.support import planned_with
from tests.unit.test_debian_stages import LAPTOP

MAC = replace(LAPTOP, kernel="Darwin", architecture="arm64", home="/Users/ada", os_id="macos")
SITE = SiteBundle("/Users/ada/blog", frozenset({"Gemfile", "_config.yml"}), {"Gemfile": "1 2"})
LOCKED = replace(
    SITE,
    sums={"Gemfile": "1 2", "Gemfile.lock": "3 4"},
    platforms=("arm64-darwin", "x86_64-linux"),
    bundled_with="2.6.9",
)
KEG = Ruby("homebrew", "/brew/opt/ruby@3.4", "3.4.10", "3.4.10_1", "3.4.0", ("2.6.9",))
RBENV = Manager("rbenv", "/brew/bin/rbenv", "/Users/ada/.rbenv/versions")
BARE = RubyState("/Users/ada", "arm64", 25, (), (), (), SITE, {})


@pytest.fixture
def plan() -> Callable[..., dict[str, OperationResult]]:
    """Evaluates the stage on a Mac whose Ruby is given."""

    def evaluate(state: RubyState, **data: object) -> dict[str, OperationResult]:
        answers: dict[type, Any] = {
            ThisMachine: MAC,
            RubyOnMac: state,
            Homebrew: BrewState("/brew", "/brew", works=True),
        }
        result = planned_with(answers, ruby, **data)
        assert result.failure is None
        return {operation.name: operation for operation in result.operations}

    return evaluate


Plan = Callable[..., dict[str, OperationResult]]


# Which version


@pytest.mark.parametrize(
    ("source", "text", "version"),
    [
        (".ruby-version", "3.4.10", "3.4.10"),
        (".ruby-version", "ruby-3.3.1", "3.3.1"),
        (".ruby-version", "3.2.2@blog", "3.2.2"),
        (".ruby-version", "3.3", "3.3"),
        (".ruby-version", "3", "3.4"),
        (".ruby-version", "2.7.8", "2.7.8"),
        (".tool-versions", "3.4.10 3.3.1", "3.4.10"),
        ("mise.toml", '"3.4"', "3.4"),
        ("mise.toml", '{ version = "3.3.4" }', "3.3.4"),
        (".mise.toml", '["3.3", "3.2"]', "3.3"),
        ("Gemfile", '"3.4"', "3.4"),
        ("Gemfile", "'3.3.5')", "3.3.5"),
        ("Gemfile", '"= 3.3.5"', "3.3.5"),
        ("Gemfile", '"~> 3.2"', "3.4"),
        ("Gemfile", '"~> 3.2.1"', "3.2"),
        ("Gemfile", '">= 2.7", "< 3.3"', "3.2"),
        ("Gemfile", '">= 4.0"', "4.0"),
        ("Gemfile", '"3.3.5", patchlevel: "100"', "3.3.5"),
    ],
)
def test_the_site_says_which_ruby(source: str, text: str, version: str) -> None:
    wanted = wanted_ruby("", [Wish(source, text)])
    assert (wanted.version, wanted.source) == (version, source)


def test_nobody_asks_and_it_is_the_newest_that_jekyll_starts_on() -> None:
    assert wanted_ruby("", []) == Wanted("3.4")


@pytest.mark.parametrize(
    "text", ["latest", "system", 'file: ".ruby-version"', "jruby-9.4.5.0", "3.5.0-preview1"]
)
def test_what_names_no_version_is_passed_over(text: str) -> None:
    wanted = wanted_ruby("", [Wish(".ruby-version", text), Wish("Gemfile", '"~> 3.3.0"')])
    assert (wanted.version, wanted.source) == ("3.3", "Gemfile")


def test_the_setting_comes_first_and_the_lock_last() -> None:
    wishes = [Wish(".ruby-version", "3.3.1")]
    assert wanted_ruby("3.2", wishes, "ruby 3.1.2p20").version == "3.2"
    assert wanted_ruby("", wishes, "ruby 3.1.2p20").version == "3.3.1"
    assert wanted_ruby("", [], "ruby 3.1.2p20").version == "3.1"


# Where from


def test_homebrews_formula_of_that_version_where_nothing_else_is(plan: Plan) -> None:
    choice = choose(Wanted("3.4"), BARE, "/brew")
    assert (choice.formula, choice.bin) == ("ruby@3.4", "/brew/opt/ruby@3.4/bin")
    (command,) = plan(BARE)["install Ruby"].commands
    assert "ruby@3.4" in command
    assert "install" in command


def test_a_keg_that_is_there_is_enough(plan: Plan) -> None:
    result = plan(replace(BARE, rubies=(KEG,)))["install Ruby"]
    assert (result.status, result.findings) == ("unchanged", ())


@pytest.mark.parametrize(
    ("origin", "program", "version", "words"),
    [
        ("rbenv", "/brew/bin/rbenv", "3.4.10", "/brew/bin/rbenv install --skip-existing 3.4.10"),
        ("mise", "/a b/mise", "3.4", "env MISE_YES=1 '/a b/mise' install ruby@3.4"),
        ("asdf", "/x/asdf", "3.4.10", "/x/asdf install ruby 3.4.10"),
        ("asdf", "/x/asdf", "3.4", "/x/asdf install ruby latest:3.4"),
        ("chruby", "/x/ruby-install", "3.4.10", "/x/ruby-install --no-reinstall ruby 3.4.10"),
    ],
)
def test_a_version_manager_that_is_there_builds_the_exact_version(
    plan: Plan, origin: Any, program: str, version: str, words: str
) -> None:
    state = replace(BARE, managers=(Manager(origin, program, "/versions"),), rubies=())
    result = plan(state, ruby_version=version)["install Ruby"]
    (command,) = result.commands
    assert command.startswith("cd && ")
    assert command.endswith(words)
    assert result.findings[0].code == "ruby.missing"


def test_a_managed_ruby_that_fits_is_preferred_to_homebrews(plan: Plan) -> None:
    older = Ruby("rbenv", "/Users/ada/.rbenv/versions/3.4.9", "3.4.9", "3.4.9")
    newer = Ruby("rbenv", "/Users/ada/.rbenv/versions/3.4.10", "3.4.10", "3.4.10")
    state = replace(BARE, rubies=(KEG, older, newer), managers=(RBENV,))
    assert choose(Wanted("3.4"), state, "/brew").ruby == newer
    assert choose(Wanted("3.4.9"), state, "/brew").ruby == older


def test_a_ruby_of_another_version_is_not_enough() -> None:
    state = replace(BARE, rubies=(KEG,), managers=(RBENV,))
    choice = choose(Wanted("3.4.9"), state, "/brew")
    assert (choice.ruby, choice.manager, choice.version) == (None, RBENV, "3.4.9")
    assert choose(Wanted("3.3"), replace(BARE, rubies=(KEG,)), "/brew").formula == "ruby@3.3"


def test_a_ruby_that_the_gemfile_forbids_is_not_enough() -> None:
    wanted = wanted_ruby("", [Wish("Gemfile", '"~> 3.4.11"')])
    assert choose(wanted, replace(BARE, rubies=(KEG,), managers=(RBENV,)), "/brew").ruby is None


def test_an_ancient_ruby_is_answered_with_the_nearest_and_a_notice(plan: Plan) -> None:
    state = replace(BARE, wishes=(Wish(".ruby-version", "2.7.8"),))
    result = plan(state)["install Ruby"]
    assert "ruby@3.3" in result.commands[0]
    notice = result.findings[0]
    assert (notice.code, notice.severity) == ("ruby.not-to-be-had", "notice")
    assert ".ruby-version asks for Ruby 2.7.8; Homebrew's nearest is 3.3." in notice.seen


def test_ruby_4_is_only_for_a_site_that_asks_and_comes_with_a_warning(plan: Plan) -> None:
    state = replace(BARE, wishes=(Wish(".ruby-version", "4.0.6"),))
    (notice, *_) = [f for f in plan(state)["install Ruby"].findings if "logger" in f.code]
    assert 'gem "logger"' in notice.mend
    with_logger = replace(SITE, has=SITE.has | {"logger"})
    findings = plan(replace(state, site=with_logger))["install Ruby"].findings
    assert not [f for f in findings if "logger" in f.code]


def test_nothing_of_this_stage_can_keep_the_blog_from_being_served(plan: Plan) -> None:
    assert all(operation.optional for operation in plan(BARE).values())


def test_no_command_is_roots_or_uses_the_systems_ruby(plan: Plan) -> None:
    state = replace(BARE, rubies=(KEG,), site=replace(LOCKED, bundled_with="2.5.1"))
    commands = [command for o in plan(state).values() for command in o.commands]
    assert commands
    assert not any("sudo" in c or "/usr/bin/ruby" in c or " gem " in c for c in commands)


# Bundler


def with_keg(version: str = "3.4.10", bundlers: tuple[str, ...] = ("2.6.9",)) -> Choice:
    keg = replace(KEG, version=version, bundlers=bundlers)
    return Choice(Wanted("3.4"), "homebrew", version, keg.directory, ruby=keg)


def test_the_bundler_of_the_lock_is_had(plan: Plan) -> None:
    state = replace(BARE, rubies=(KEG,), site=replace(LOCKED, bundled_with="2.5.1"))
    result = plan(state)["the site's gems"]
    assert result.findings[0].code == "ruby.bundler-missing"
    assert result.commands[0] == (
        "env -u GEM_HOME -u GEM_PATH /brew/opt/ruby@3.4/bin/gem install bundler -v 2.5.1 "
        "--no-document"
    )
    assert "BUNDLER_VERSION=2.5.1" in result.commands[-1]


def test_a_bundler_that_this_ruby_cannot_run_is_not_installed() -> None:
    site = replace(LOCKED, bundled_with="1.17.2")
    bundler = bundler_for(with_keg(bundlers=("2.6.9", "2.10.1")), site)
    assert (bundler.version, bundler.missing, bundler.too_old) == ("2.10.1", False, "1.17.2")
    assert bundler_for(with_keg("3.1.2", ()), site).missing


def test_without_a_lock_any_bundler_will_do() -> None:
    assert not bundler_for(with_keg(bundlers=()), SITE).missing


# Gems


def gems(result: dict[str, OperationResult]) -> str:
    return result["the site's gems"].commands[-1]


def test_a_lock_that_knows_this_mac_is_kept_to(plan: Plan) -> None:
    command = gems(plan(replace(BARE, rubies=(KEG,), site=LOCKED)))
    assert "BUNDLE_FROZEN=true" in command
    assert "BUNDLE_GEMFILE=/Users/ada/blog/Gemfile" in command
    assert "BUNDLE_PATH=/Users/ada/.cache/bootstrapper/gems/" in command


@pytest.mark.parametrize(
    ("platforms", "frozen"),
    [
        (("ruby",), True),
        (("arm64-darwin-25",), True),
        (("arm64-darwin-24", "x86_64-linux"), False),
        (("x86_64-linux",), False),
    ],
)
def test_a_lock_from_elsewhere_is_copied_and_the_copy_completed(
    plan: Plan, platforms: tuple[str, ...], frozen: bool
) -> None:
    state = replace(BARE, rubies=(KEG,), site=replace(LOCKED, platforms=platforms))
    assert ("BUNDLE_FROZEN" in gems(plan(state))) is frozen


def test_plugins_to_be_left_out_are_left_out_here_too(plan: Plan) -> None:
    state = replace(BARE, rubies=(KEG,), site=LOCKED)
    command = gems(plan(state, without_plugins=["jekyll-assets"]))
    assert command.endswith(" jekyll-assets")
    assert "BUNDLE_FROZEN" not in command


def test_gems_that_were_seen_in_order_cost_nothing_until_something_changes(plan: Plan) -> None:
    state = replace(BARE, rubies=(KEG,), site=LOCKED)
    directory, stamp = gems(plan(state)).split()[-2:]
    stamped = replace(state, stamps={directory.rpartition("/")[2]: stamp})
    assert plan(stamped)["the site's gems"].status == "unchanged"
    changes = [
        replace(stamped, site=replace(LOCKED, sums={**LOCKED.sums, "Gemfile.lock": "5 6"})),
        replace(stamped, rubies=(replace(KEG, build="3.4.10_2"),)),
        replace(stamped, darwin=26),
    ]
    assert all(plan(change)["the site's gems"].status == "planned" for change in changes)


def test_a_configuration_decides_only_where_there_is_no_gemfile(plan: Plan) -> None:
    def stamp(site: SiteBundle) -> str:
        return gems(plan(replace(BARE, rubies=(KEG,), site=site))).split()[-1]

    other = {**SITE.sums, "_config.yml": "7 8"}
    assert stamp(SITE) == stamp(replace(SITE, sums=other))
    bare = replace(SITE, has=frozenset({"_config.yml"}), sums={"_config.yml": "5 6"})
    assert stamp(bare) != stamp(replace(bare, sums={"_config.yml": "7 8"}))


def test_what_is_no_site_gets_no_gems(plan: Plan) -> None:
    for site in (None, SiteBundle("/Users/ada", frozenset())):
        assert plan(replace(BARE, site=site))["the site's gems"].status == "unchanged"


# The fact


@dataclass(frozen=True)
class Home:
    """A home directory, a Homebrew and a site of the test's."""

    root: Path

    def program(self, path: str) -> None:
        self.file(path, "#!/bin/sh\n")
        (self.root / path).chmod(0o755)

    def file(self, path: str, text: str = "") -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def ask(self, site: str = "blog", **environment: str) -> RubyState:
        command = RubyOnMac().command(site=f"~/{site}", prefix=str(self.root / "brew"))
        output = subprocess.run(
            ["sh", "-c", command],
            env={"HOME": str(self.root), "PATH": "/usr/bin:/bin", **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert output.stderr == ""
        return RubyOnMac().process(output.stdout.splitlines())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "blog").mkdir()
    return Home(tmp_path)


def test_a_mac_without_any_ruby(home: Home) -> None:
    state = home.ask()
    assert (state.rubies, state.managers, state.wishes, state.stamps) == ((), (), (), {})
    assert state.site == SiteBundle(str(home.root / "blog"), frozenset())
    assert home.ask("nowhere").site is None


def test_a_site_in_a_subfolder_says_which_ruby_and_gems(home: Home) -> None:
    home.file(".ruby-version", "3.1.7\n")
    home.file("blog/README.md")
    home.file("blog/my site/_config.yml")
    home.file("blog/my site/.ruby-version", "3.3.1\n")
    home.file("blog/my site/Gemfile", 'gem "jekyll"\n')
    state = home.ask()
    assert state.wishes[0] == Wish(".ruby-version", "3.3.1")
    assert state.site is not None
    assert state.site.directory == str(home.root / "blog/my site")
    assert state.site.has == {"Gemfile", "_config.yml"}


def test_of_several_sites_below_none_is_chosen_for_its_ruby(home: Home) -> None:
    for name in ("v1", "v2"):
        home.file(f"blog/{name}/_config.yml")
        home.file(f"blog/{name}/.ruby-version", "3.3.1\n")
    state = home.ask()
    assert (state.wishes, state.site) == ((), SiteBundle(str(home.root / "blog"), frozenset()))


def test_every_ruby_is_found_where_its_manager_puts_it(home: Home) -> None:
    home.program(".rbenv/versions/3.4.10/bin/ruby")
    home.program(".rbenv/versions/jruby-9.4.5.0/bin/ruby")
    home.program(".local/share/mise/installs/ruby/3.3.9/bin/ruby")
    (home.root / ".local/share/mise/installs/ruby/3.3").symlink_to("3.3.9")
    home.program(".asdf/installs/ruby/3.2.2/bin/ruby")
    home.program(".rubies/ruby-3.1.7/bin/ruby")
    found = [(r.origin, r.version) for r in home.ask().rubies if not r.directory.startswith("/opt")]
    assert found == [
        ("rbenv", "3.4.10"),
        ("mise", "3.3.9"),
        ("asdf", "3.2.2"),
        ("chruby", "3.1.7"),
    ]


def test_managers_may_live_elsewhere(home: Home) -> None:
    home.program("tools/rb/versions/3.4.10/bin/ruby")
    home.program("tools/mise/installs/ruby/3.3.9/bin/ruby")
    state = home.ask(
        RBENV_ROOT=str(home.root / "tools/rb"), MISE_DATA_DIR=str(home.root / "tools/mise")
    )
    assert {r.version for r in state.rubies} >= {"3.4.10", "3.3.9"}


def test_a_keg_is_known_by_its_link_with_its_gems_outside_of_it(home: Home) -> None:
    home.program("brew/Cellar/ruby@3.4/3.4.10_1/bin/ruby")
    home.program("brew/Cellar/ruby@3.3/3.3.12/bin/ruby")  # without a receipt: half installed
    home.file("brew/Cellar/ruby@3.4/3.4.10_1/INSTALL_RECEIPT.json", "{}")
    home.file("brew/Cellar/ruby@3.4/3.4.10_1/lib/ruby/gems/3.4.0/gems/bundler-2.6.9/README.md")
    home.file("brew/lib/ruby/gems/3.4.0/gems/bundler-2.5.1/README.md")
    (home.root / "brew/opt").mkdir()
    (home.root / "brew/opt/ruby@3.4").symlink_to("../Cellar/ruby@3.4/3.4.10_1")
    (home.root / "brew/opt/ruby@3.3").symlink_to("../Cellar/ruby@3.3/3.3.12")
    (keg,) = [ruby for ruby in home.ask().rubies if ruby.origin == "homebrew"]
    directory = str(home.root / "brew/opt/ruby@3.4")
    assert keg == Ruby("homebrew", directory, "3.4.10", "3.4.10_1", "3.4.0", ("2.6.9", "2.5.1"))


def test_a_manager_counts_only_if_it_can_build_ruby(home: Home) -> None:
    home.program("brew/bin/rbenv")
    home.program("brew/bin/asdf")
    home.program("brew/bin/ruby-install")
    assert home.ask().managers == ()
    home.program("brew/bin/rbenv-install")
    home.file(".asdf/plugins/ruby/bin/install")
    home.file("brew/share/chruby/chruby.sh")
    home.program(".local/bin/mise")
    programs = {m.origin: m.program.removeprefix(f"{home.root}/") for m in home.ask().managers}
    assert programs == {
        "rbenv": "brew/bin/rbenv",
        "mise": ".local/bin/mise",
        "asdf": "brew/bin/asdf",
        "chruby": "brew/bin/ruby-install",
    }


def test_the_sites_wishes_are_read_nearest_first_up_to_its_repository(home: Home) -> None:
    home.file(".ruby-version", "2.0.0\n")  # outside of the repository
    home.file("repo/.git/HEAD")
    home.file("repo/.tool-versions", "nodejs 22.0.0\nruby   3.3.1\n")
    home.file("repo/docs/.ruby-version", "# ours\n\nruby-3.4.10\n")
    home.file("repo/docs/mise.toml", '[env]\nruby = "no"\n[tools]\nnode = "22"\nruby = "3.4"\n')
    home.file("repo/docs/Gemfile", 'source "x"\ngem "ruby-x"\n  ruby "~> 3.2" # why not\n')
    home.file("repo/docs/_config.yml")
    assert home.ask("repo/docs").wishes == (
        Wish(".ruby-version", "ruby-3.4.10"),
        Wish("mise.toml", '"3.4"'),
        Wish(".tool-versions", "3.3.1"),
        Wish("Gemfile", '"~> 3.2"'),
    )


def test_a_lock_is_read(home: Home) -> None:
    home.file("blog/Gemfile", "gem 'jekyll'\n")
    home.file(
        "blog/Gemfile.lock",
        "GEM\n  specs:\n    jekyll (4.4.1)\n    logger (1.6.0)\n\nPLATFORMS\n  arm64-darwin\n"
        "  ruby\n\nRUBY VERSION\n   ruby 3.2.2p53\n\nBUNDLED WITH\n   2.5.1\n",
    )
    site = home.ask().site
    assert site is not None
    assert (site.platforms, site.bundled_with) == (("arm64-darwin", "ruby"), "2.5.1")
    assert (site.lock_ruby, site.has_lock) == ("ruby 3.2.2p53", True)
    assert site.has == {"Gemfile", "logger"}
    assert set(site.sums) == {"Gemfile", "Gemfile.lock"}


def test_stamps_are_read(home: Home) -> None:
    home.file(".cache/bootstrapper/gems/0123/stamp", "abcd\n")
    assert home.ask().stamps == {"0123": "abcd"}


# The script


@pytest.fixture
def scripts(home: Home) -> Path:
    """Our scripts, and a Ruby whose programs only write down what they were asked."""
    folder = home.root / "scripts"
    folder.mkdir()
    for path in (
        "ruby/site-gems.sh",
        "ruby/load.rb",
        "blog/gems.rb",
        "blog/pages.rb",
        "blog/wishes.rb",
    ):
        (folder / Path(path).name).write_bytes((FILES / path).read_bytes())
    for name in ("ruby", "bundle"):
        home.file(
            f"rb/bin/{name}",
            f'#!/bin/sh\necho "{name} $*" >>"$HOME/log"\n[ "$*" != "$FAIL" ]\n',
        )
        (home.root / f"rb/bin/{name}").chmod(0o755)
    return folder


def run(home: Home, **environment: str) -> tuple[int, list[str]]:
    (home.root / "log").unlink(missing_ok=True)
    completed = subprocess.run(
        [
            *("sh", str(home.root / "scripts/site-gems.sh"), str(home.root / "rb/bin")),
            *(str(home.root / "blog"), str(home.root / "gems"), "stamped"),
        ],
        env={"HOME": str(home.root), "PATH": os.environ["PATH"], **environment},
        capture_output=True,
        check=False,
    )
    log = (home.root / "log").read_text().replace(str(home.root), "~")
    return completed.returncode, log.splitlines()


def test_gems_are_in_order_only_when_they_were_seen_to_load(home: Home, scripts: Path) -> None:
    stamp = home.root / "gems/stamp"
    code, log = run(home, FAIL="exec ruby ~/scripts/load.rb".replace("~", str(home.root)))
    assert (code, stamp.exists()) == (1, False)
    code, log = run(home)
    assert (code, stamp.read_text()) == (0, "stamped\n")
    assert log[-1] == "bundle exec ruby ~/scripts/load.rb"
    assert "bundle install --jobs 4" not in log
    code, log = run(home, FAIL="check")
    assert (code, stamp.exists()) == (1, False)
    assert "bundle install --jobs 4" in log


def test_nothing_is_written_into_the_site(home: Home, scripts: Path) -> None:
    home.file("blog/Gemfile", "gem 'jekyll'\n")
    home.file("blog/Gemfile.lock", "GEM\n")
    before = sorted(path.name for path in (home.root / "blog").iterdir())
    assert run(home)[0] == 0
    work = home.root / "gems/bundle"
    assert (work / "Gemfile").read_text() == f'eval_gemfile "{home.root}/blog/Gemfile"\n'
    assert (work / "Gemfile.lock").read_text() == "GEM\n"
    assert sorted(path.name for path in (home.root / "blog").iterdir()) == before


def test_without_a_gemfile_one_is_made_from_the_configuration(home: Home, scripts: Path) -> None:
    home.file("blog/_config.yml", "plugins: [jekyll-feed]\n")
    code, log = run(home)
    assert (code, log[0]) == (0, "ruby ~/scripts/gems.rb")
    assert (home.root / "gems/bundle/_config.yml").is_file()


def test_a_lock_that_is_kept_to_is_used_where_it_is(home: Home, scripts: Path) -> None:
    code, log = run(home, BUNDLE_FROZEN="true")
    assert (code, log[0]) == (0, "bundle check")
    assert list((home.root / "gems/bundle").iterdir()) == []
