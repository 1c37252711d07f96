"""Ruby, RubyGems, Bundler and version managers of the simulated Mac."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.maclab.commands import main, rubies
from tests.maclab.commands.call import COMMANDS, Call
from tests.maclab.commands.developer_tools import install_tools
from tests.maclab.commands.network import Network
from tests.maclab.commands.rubies import InstalledGem, Ruby, make_ruby

HOME = "/Users/dev"
MANAGED = f"{HOME}/.rbenv/versions/3.4.10"
GEMFILE = """source "https://gems.example.org"
gem "jekyll", "~> 4.4"
gem "eventmachine" # compiled
group :jekyll_plugins do
  gem "jekyll-feed"
end
"""
main.load_all()


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Mac:
    """A Mac in a directory, with the site's directory as the current one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {"HOME": HOME, "PATH": "/usr/bin"}
        self.site = root / HOME[1:] / "site"
        self.site.mkdir(parents=True)
        self.state = Call("lab", [], env=self.env, cwd=self.site, uid=501, root=root)

    def run(self, line: str, ruby: str = MANAGED, uid: int = 501, typed: str = "") -> Said:
        return self.words(line.split(), ruby, uid, typed)

    def words(self, words: list[str], ruby: str = MANAGED, uid: int = 501, typed: str = "") -> Said:
        name, *argv = words
        out, err = StringIO(), StringIO()
        env = {**self.env, "MACLAB_EXECUTABLE": f"{ruby}/bin/{name}"}
        call = replace(self.state, name=name, argv=argv, env=env, uid=uid)
        call = replace(call, stdin=StringIO(typed), stdout=out, stderr=err)
        return Said(COMMANDS[name].function(call), out.getvalue(), err.getvalue())

    def write(self, name: str, text: str) -> None:
        (self.site / name).write_text(text)

    def unreachable(self, host: str) -> None:
        with self.state.changing(Network) as network:
            network.broken = {host: "unresolved"}


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


@pytest.fixture
def ruby(mac: Mac) -> Ruby:
    install_tools(mac.state)
    return make_ruby(mac.state, MANAGED, "3.4.10")


def _lock(*platforms: str, bundler: str = "2.6.9") -> str:
    listed = "".join(f"  {one}\n" for one in platforms)
    return (
        "GEM\n  remote: https://gems.example.org/\n  specs:\n"
        "    jekyll (4.3.4)\n      csv (~> 3.0)\n"
        "    csv (3.3.0)\n    ffi (1.17.2)\n    ffi (1.17.2-arm64-darwin)\n\n"
        f"PLATFORMS\n{listed}\nDEPENDENCIES\n  jekyll\n\nBUNDLED WITH\n   {bundler}\n"
    )


def test_the_executable_tells_which_ruby_it_is(mac: Mac, ruby: Ruby) -> None:
    assert mac.run("ruby --version").out.endswith("[arm64-darwin27]\n")
    assert mac.words(["ruby", "-e", "puts RUBY_VERSION"]).out == "3.4.10\n"
    keg = mac.root / "opt/homebrew/Cellar/ruby@3.4/3.4.10_1"
    keg.mkdir(parents=True)
    opt = mac.root / "opt/homebrew/opt/ruby@3.4"
    opt.parent.mkdir()
    opt.symlink_to("../Cellar/ruby@3.4/3.4.10_1")
    asked = mac.words(
        ["ruby", "-e", "puts Gem.dir; print RUBY_VERSION"], "/opt/homebrew/opt/ruby@3.4"
    )
    assert asked.out == "/opt/homebrew/lib/ruby/gems/3.4.0\n3.4.10"
    system = mac.run("ruby -v", "/usr")
    assert system.out.startswith("ruby 2.6.10p210 ")


def test_a_ruby_has_the_layout_of_a_real_one(mac: Mac, ruby: Ruby) -> None:
    assert (ruby.prefix / "lib/ruby/gems/3.4.0/gems/bundler-2.6.9").is_dir()
    launcher = (ruby.prefix / "bin/bundle").read_text()
    assert launcher == '#!/bin/sh\nMACLAB_EXECUTABLE="$0" exec /maclab/bin/run bundle "$@"\n'


def test_the_systems_gems_are_roots(mac: Mac) -> None:
    refused = mac.run("gem install bundler -v 2.3.7", "/usr")
    assert (refused.code, refused.err) == (
        1,
        "ERROR:  While executing gem ... (Gem::FilePermissionError)\n"
        "    You don't have write permissions for the /Library/Ruby/Gems/2.6.0 directory.\n",
    )
    assert mac.run("gem install bundler -v 2.3.7 --user-install", "/usr").code == 0
    assert mac.run("gem install bundler -v 2.3.7", "/usr", uid=0).code == 0


def test_gem_installs_the_locked_bundler(mac: Mac, ruby: Ruby) -> None:
    said = mac.run("gem install bundler -v 2.5.5 --no-document")
    assert said.out.endswith("Successfully installed bundler-2.5.5\n1 gem installed\n")
    assert (ruby.prefix / "lib/ruby/gems/3.4.0/gems/bundler-2.5.5").is_dir()
    assert "\nbundler (default: 2.6.9, 2.5.5)\n" in mac.run("gem list").out


def test_install_check_and_exec(mac: Mac, ruby: Ruby) -> None:
    mac.write("Gemfile", GEMFILE)
    mac.env |= {"BUNDLE_PATH": f"{HOME}/gems"}
    before = mac.run("bundle check")
    assert (before.code, before.err) == (
        1,
        "Bundler can't satisfy your Gemfile's dependencies.\n"
        "Install missing gems with `bundle install`\n",
    )
    said = mac.run("bundle install --jobs 4")
    assert said.code == 0
    assert "Installing eventmachine 1.2.7 with native extensions\n" in said.out
    gems = mac.root / HOME[1:] / "gems/ruby/3.4.0"
    assert (gems / "gems/ffi-1.17.2-arm64-darwin").is_dir()
    assert (
        gems / "extensions/arm64-darwin-27/3.4.0/eventmachine-1.2.7/gem.build_complete"
    ).exists()
    assert mac.run("bundle check") == (0, "The Gemfile's dependencies are satisfied\n", "")
    assert mac.run("bundle exec jekyll --version").out == "jekyll 4.4.1\n"
    assert "BUNDLED WITH\n   2.6.9\n" in (mac.site / "Gemfile.lock").read_text()


def test_no_gemfile(mac: Mac, ruby: Ruby) -> None:
    assert mac.run("bundle check").code == 10


def test_wrong_ruby(mac: Mac) -> None:
    mac.write("Gemfile", 'ruby ">= 3.2"\ngem "jekyll"\n')
    said = mac.run("bundle check", "/usr")
    assert (said.code, said.err) == (
        18,
        "Your Ruby version is 2.6.10, but your Gemfile specified >= 3.2\n",
    )


def test_a_frozen_lock_of_another_platform(mac: Mac, ruby: Ruby) -> None:
    mac.write("Gemfile", 'gem "jekyll"\n')
    mac.write("Gemfile.lock", _lock("arm64-darwin-22"))
    mac.env["BUNDLE_FROZEN"] = "true"
    said = mac.run("bundle install")
    assert (said.code, said.err) == (
        16,
        'Your bundle only supports platforms ["arm64-darwin-22"] but your local platform\n'
        "is arm64-darwin-27. Add the current platform to the lockfile with\n"
        "`bundle lock --add-platform arm64-darwin-27` and try again.\n",
    )
    del mac.env["BUNDLE_FROZEN"]
    assert mac.run("bundle lock --add-platform arm64-darwin-27").code == 0
    mac.env["BUNDLE_FROZEN"] = "true"
    assert mac.run("bundle install").code == 0
    assert mac.run("bundle exec jekyll -v").out == "jekyll 4.3.4\n"


def test_a_missing_locked_bundler(mac: Mac, ruby: Ruby) -> None:
    mac.write("Gemfile", 'gem "jekyll"\n')
    mac.write("Gemfile.lock", _lock("arm64-darwin", bundler="2.3.7"))
    assert mac.run("bundle check").err.startswith("The following gems are missing\n * csv (3.3.0)")
    mac.state.save(rubies.Gems(strict_bundler=True))
    assert mac.run("bundle check") == (
        1,
        "",
        f"Could not find 'bundler' (2.3.7) required by your {HOME}/site/Gemfile.lock. "
        "(Gem::GemNotFoundException)\n"
        "To update to the latest version installed on your system, run "
        "`bundle update --bundler`.\n"
        "To install the missing version, run `gem install bundler:2.3.7`\n",
    )
    mac.run("gem install bundler:2.3.7")
    assert mac.run("bundle --version").out == "Bundler version 2.6.9\n"
    assert mac.run("bundle check").err.startswith("The following gems are missing")


def test_without_a_compiler_and_without_a_registry(mac: Mac) -> None:
    make_ruby(mac.state, MANAGED, "3.4.10")
    mac.write("Gemfile", 'gem "eventmachine"\n')
    said = mac.run("bundle install")
    assert said.code == 5
    assert "The compiler failed to generate an executable file." in said.err
    assert "An error occurred while installing eventmachine (1.2.7), and" in said.err
    mac.unreachable("gems.example.org")
    assert mac.run("bundle install").code == 17
    assert mac.run("gem install bundler").code == 2


def test_jekyll_does_not_start_on_ruby_4_without_logger(mac: Mac) -> None:
    install_tools(mac.state)
    prefix = f"{HOME}/.rubies/ruby-4.0.6"
    make_ruby(mac.state, prefix, "4.0.6")
    mac.write("Gemfile", 'gem "jekyll"\n')
    mac.run("bundle install", prefix)
    said = mac.run("bundle exec jekyll build", prefix)
    assert said.code == 1
    assert "not part of the default gems since Ruby 4.0.0." in said.err
    assert said.err.endswith("cannot load such file -- logger (LoadError)\n")
    mac.write("Gemfile", 'gem "jekyll"\ngem "logger"\n')
    (mac.site / "Gemfile.lock").unlink()
    mac.run("bundle install", prefix)
    assert mac.run("bundle exec jekyll build", prefix).code == 0


def test_compiled_gems_break_and_are_made_anew(mac: Mac, ruby: Ruby) -> None:
    gem = InstalledGem(ruby.gem_home, "eventmachine", "1.2.7")
    mac.run("gem install eventmachine")
    assert mac.run("ruby -reventmachine -e1").code == 0
    rubies.write_library(ruby, rubies.extensions(ruby, gem) / "eventmachine.bundle", "x86_64")
    wrong = mac.run("ruby -reventmachine -e1")
    assert wrong.code == 1
    assert (
        "(mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64'))"
        in wrong.err
    )
    (rubies.extensions(ruby, gem) / "gem.build_complete").unlink()
    assert mac.run("ruby -reventmachine -e1").err.startswith(
        "Ignoring eventmachine-1.2.7 because its extensions are not built. "
        "Try: gem pristine eventmachine --version 1.2.7\n"
    )
    assert mac.run("gem pristine eventmachine --version 1.2.7").code == 0
    assert mac.run("ruby -reventmachine -e1").code == 0


def test_ruby_linked_against_a_library_that_went(mac: Mac, ruby: Ruby) -> None:
    assert mac.run("ruby -ropenssl -e1").code == 0
    library = "/usr/local/opt/openssl@1.1/lib/libssl.1.1.dylib"
    rubies.write_library(ruby, ruby.prefix / "lib/ruby/3.4.0/openssl.bundle", needs=library)
    assert f"Library not loaded: {library}" in mac.run("ruby -ropenssl -e1").err


def test_the_projects_own_scripts(mac: Mac, ruby: Ruby) -> None:
    mac.write("gems.rb", "")
    mac.write("load.rb", "")
    mac.write(
        "_config.yml", "title: x\nplugins:\n  - jekyll-feed\n  - jekyll/paginate\ntheme: minima\n"
    )
    assert mac.run("ruby gems.rb").code == 0
    assert '["jekyll-feed", "jekyll/paginate", "minima"].each' in (mac.site / "Gemfile").read_text()
    assert mac.run("bundle install").code == 0
    assert "  jekyll-paginate\n" in (mac.site / "Gemfile.lock").read_text()
    assert mac.run("bundle exec ruby load.rb") == (0, "", "")
    home = ruby.gem_home
    ffi = home / "gems/ffi-1.17.2-arm64-darwin/lib/3.4/ffi.bundle"
    rubies.write_library(ruby, ffi, arch="x86_64")
    broken = mac.run("bundle exec ruby load.rb")
    assert broken.code == 1
    assert broken.err.startswith("ffi 1.17.2 does not load: dlopen(")
    assert mac.run("ruby gems.rb minima").code == 0
    assert mac.run("bundle check").code == 0


@pytest.mark.parametrize(
    ("line", "directory"),
    [
        ("rbenv install -s 3.4.10", ".rbenv/versions/3.4.10"),
        ("rbenv install --skip-existing 3.3", ".rbenv/versions/3.3.12"),
        ("mise install ruby@3.4", ".local/share/mise/installs/ruby/3.4.10"),
        ("asdf install ruby latest:3.4", ".asdf/installs/ruby/3.4.10"),
        ("ruby-install --no-reinstall ruby 3.4.10", ".rubies/ruby-3.4.10"),
    ],
)
def test_managers_put_their_rubies_where_the_real_ones_do(
    mac: Mac, line: str, directory: str
) -> None:
    if line.startswith("asdf"):
        assert mac.run(line).code == 1
        mac.run("asdf plugin add ruby")
    failed = mac.run(line)
    assert failed.code == 1  # no tools to build with
    assert "BUILD FAILED" in failed.err
    install_tools(mac.state)
    assert mac.run(line).code == 0
    made = mac.root / HOME[1:] / directory
    assert (made / "bin/ruby").exists()
    assert mac.run(line).code == 0
    asked = mac.words(["ruby", "-e", "print RUBY_VERSION"], f"{HOME}/{directory}")
    assert asked.out == made.name.removeprefix("ruby-")


def test_mise_links_prefixes_and_rbenv_shims_programs(mac: Mac) -> None:
    install_tools(mac.state)
    mac.run("mise install ruby@3.4.10")
    installs = mac.root / HOME[1:] / ".local/share/mise/installs/ruby"
    assert (installs / "3.4").readlink() == Path("3.4.10")
    mac.run("rbenv install 3.4.10")
    shim = mac.root / HOME[1:] / ".rbenv/shims/bundle"
    assert shim.read_text().endswith('run rbenv exec bundle "$@"\n')
    assert mac.run("rbenv versions").out == "3.4.10\n"
