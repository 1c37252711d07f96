"""After an upgrade of macOS: Ruby, gems, the shell's files, and what this tool itself runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.maclab.machine import Mac

from .job import BLOG, CHECKOUT, bootstrap, changed, diagnosed, record
from .test_what_is_there import installed, names, unchanged

pytestmark = pytest.mark.debian
breakage = pytest.mark.breakage
case = pytest.param

KEG = "/opt/homebrew/opt/ruby@3.4"
PROFILE = "/Users/dev/.zprofile"
CACHE = "/Users/dev/.cache/bootstrapper"


def stages(mac: Mac) -> list[str]:
    """What the last run changed beside the engine, which was off, and the blog in it."""
    return [stage for stage in changed(record(mac)) if stage not in ("container_engine", "blog")]


def library(mac: Mac, below: str, gem: str) -> Path:
    (found,) = mac.file(below).rglob(f"{gem}.bundle")
    return found


@pytest.mark.parametrize(
    ("preset", "code", "seen", "done"),
    [
        case(
            f"openssl-gone {KEG}",
            "ruby.library-gone",
            "libssl.1.1.dylib, which is gone",
            ("brew", "reinstall ruby@3.4"),
            marks=breakage(32, "mended"),
        ),
        case(
            f"gems-of-another-architecture {KEG}",
            "ruby.gems-of-another-system",
            "last seen in order on x86_64-darwin27",
            ("bundle", "pristine"),
            marks=breakage(33, "mended"),
        ),
        case(
            f"gems-of-an-older-macos {KEG}",
            "ruby.gems-of-another-system",
            "last seen in order on arm64-darwin25",
            ("bundle", "install"),
            marks=breakage(33, "mended"),
        ),
    ],
    ids=["openssl", "architecture", "not-built"],
)
def test_ruby_is_mended_where_it_is_broken(
    proved: Mac, preset: str, code: str, seen: str, done: tuple[str, str]
) -> None:
    proved.prepare(f"user-gem {KEG} ffi 1.15.5", preset)
    gem = library(proved, "/Users/dev/.local/share/gem", "ffi")
    before = gem.read_text()
    assert diagnosed(proved) == {code}
    asked = {command.command for command in proved.commands()}
    assert not asked & {"ruby", "bundle", "gem"}
    run = bootstrap(proved)
    assert seen in run.stdout
    assert run.returncode == 0, run.stdout
    assert any(words.startswith(done[1]) for words in names(proved.commands(), done[0]))
    assert stages(proved) == ["ruby"]
    assert gem.read_text() == before
    assert unchanged(proved)


def test_a_mend_that_does_not_help_fails_once_with_the_next_thing_to_try(proved: Mac) -> None:
    proved.prepare(f"gems-of-another-architecture {KEG}")
    proved.faults({"command": "bundle", "match": "pristine", "happens": "fail", "exit": 0})
    run = bootstrap(proved)
    assert run.returncode == 1
    assert "incompatible architecture (have 'x86_64', need 'arm64')" in run.stdout
    assert "Next to try: remove /Users/dev/.cache/bootstrapper/gems/" in run.stdout
    assert "Proved" in run.stdout
    assert len([w for w in names(proved.commands(), "bundle") if "pristine" in w]) == 1


@breakage(32, "mended")
def test_a_version_managers_ruby_is_built_over_and_keeps_its_gems(proved: Mac) -> None:
    proved.prepare("formulae rbenv")
    proved.write(f"{BLOG}/.ruby-version", "3.3.9\n")
    assert bootstrap(proved).returncode == 0
    ruby = "/Users/dev/.rbenv/versions/3.3.9"
    gem = f"{ruby}/lib/ruby/gems/3.3.0/gems/mine-1.0/mine.rb"
    proved.write(gem, "# mine\n")
    proved.prepare(f"openssl-gone {ruby}")
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert "install --force 3.3.9" in names(proved.commands(), "rbenv")
    assert proved.file(gem).exists()
    assert unchanged(proved)


@breakage(34, "unharmed")
@breakage(35, "unharmed")
def test_no_system_ruby_is_used_or_changed(proved: Mac) -> None:
    proved.prepare("system-ruby-gone", f"gems-of-an-older-macos {KEG}")
    stub = proved.file("/usr/local/bin/bundle").read_text()
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert stages(proved) == ["ruby"]
    assert proved.file("/usr/local/bin/bundle").read_text() == stub
    assert not proved.file("/Library/Ruby").exists()
    assert unchanged(proved)


@breakage(36, "mended")
def test_the_locks_bundler_is_had_again(proved: Mac) -> None:
    proved.run(["sh", "-c", f"cp {CACHE}/gems/*/bundle/Gemfile.lock {BLOG}/"])
    lock = proved.file(f"{BLOG}/Gemfile.lock").read_text().rstrip().rpartition("\n")[0]
    proved.write(f"{BLOG}/Gemfile.lock", f"{lock}\n   2.5.1\n")
    only = ("--only", "ruby")
    assert bootstrap(proved, *only).returncode == 0
    proved.prepare("no-bundler 2.5.1")
    proved.forget_commands()
    assert "Bundler 2.5.1, which this Ruby does not have" in bootstrap(proved, "plan", *only).stdout
    run = bootstrap(proved, *only)
    assert run.returncode == 0, run.stdout
    assert "install bundler -v 2.5.1 --no-document" in names(proved.commands(), "gem")
    proved.forget_commands()
    assert bootstrap(proved, *only).returncode == 0
    assert names(proved.commands(), "gem") == []


@breakage(37, "mended")
def test_the_tools_are_mended_before_gems_are_compiled(proved: Mac) -> None:
    proved.run(["rm", "-rf", "/Library/Developer/CommandLineTools"], user="root")
    proved.prepare("offers 27.0", f"gems-of-an-older-macos {KEG}")
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert stages(proved) == ["command_line_tools", "ruby"]
    order = [(c.command, *c.argv[:1]) for c in proved.commands()]
    assert order.index(("softwareupdate", "-i")) < order.index(("bundle", "install"))
    assert unchanged(proved)


@breakage(28, "unharmed")
@breakage(31, "alike")
def test_the_users_own_profile_survives_a_reset_of_the_systems(proved: Mac) -> None:
    proved.prepare("etc-reset")
    before = proved.file(PROFILE).read_text()
    assert bootstrap(proved).returncode == 0
    assert stages(proved) == []
    assert proved.file(PROFILE).read_text() == before
    ruby = proved.run(["zsh", "-lc", "command -v ruby brew"]).stdout.split()
    assert ruby == [f"{KEG}/bin/ruby", "/opt/homebrew/bin/brew"]


@breakage(31, "said")
def test_nix_darwins_links_that_an_upgrade_took_are_said_and_left(proved: Mac) -> None:
    proved.prepare("nix-darwin zshrc zprofile")
    before = proved.file("/etc/zshrc").read_text()
    assert diagnosed(proved) == {"shell.nix-darwin-files"}
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert "sudo mv /etc/zshrc /etc/zshrc.before-nix-darwin" in " ".join(run.stdout.split())
    assert proved.file("/etc/zshrc").read_text() == before
    assert unchanged(proved)


@breakage(31, "alike")
def test_nix_darwins_links_that_are_there_are_left_alone(proved: Mac) -> None:
    proved.prepare("nix-darwin")
    assert diagnosed(proved) == set()


@breakage(29, "said")
def test_touch_id_for_sudo_is_said_before_an_upgrade_takes_it_and_after(proved: Mac) -> None:
    proved.prepare("touch-id sudo")
    assert diagnosed(proved) == {"machine.touch-id-until-upgrade"}
    assert bootstrap(proved).returncode == 0
    proved.prepare("touch-id")
    assert "Touch ID for sudo is gone" in bootstrap(proved, "doctor").stdout


@breakage(29, "alike")
def test_touch_id_in_the_users_own_file_is_left_alone(proved: Mac) -> None:
    proved.prepare("touch-id sudo_local")
    assert diagnosed(proved) == set()


@breakage(28, "mended")
def test_a_lost_block_is_written_again(proved: Mac) -> None:
    before = proved.file(PROFILE).read_text()
    proved.write(PROFILE, "export EDITOR=vi\n")
    assert bootstrap(proved).returncode == 0
    assert stages(proved) == ["shell"]
    after = proved.file(PROFILE).read_text()
    assert after.startswith("export EDITOR=vi\n")
    assert before.strip() in after
    assert unchanged(proved)


@breakage(41, "unharmed")
def test_the_path_of_gems_programs_follows_the_version(proved: Mac) -> None:
    for version in ("3.3", "3.4"):
        run = bootstrap(proved, "--set", f"ruby_version={version}")
        assert run.returncode == 0, run.stdout
        profile = proved.file(PROFILE).read_text()
        assert f"/opt/homebrew/lib/ruby/gems/{version}.0/bin" in profile
        assert profile.count("/lib/ruby/gems/") == 1
    assert installed(proved) == {"ruby@3.3"}
    assert unchanged(proved)


@breakage(39, "mended")
def test_the_private_environment_is_made_of_another_python(proved: Mac) -> None:
    """Homebrew's Python was upgraded: `bad interpreter: no such file or directory`."""
    (old,) = proved.file(CACHE).glob("env-*")
    python = f"{CACHE}/{old.name}/bin/python"
    proved.run(["sh", "-c", f"ln -sf /opt/homebrew/opt/python@3.9/bin/python3.9 {python}"])
    proved.run(["sh", "-c", "mkdir -p py/bin; cp /usr/bin/python3.11 py/bin/python3"])
    words = ["/Users/dev/py/bin/python3", f"{CHECKOUT}/bootstrap.py", "--help"]
    first = proved.run(words, check=False)
    assert first.returncode == 0, first.stderr
    assert "Preparing the private environment" in first.stderr
    (new,) = proved.file(CACHE).glob("env-*")
    assert new.name != old.name
    assert "Preparing" not in proved.run(words).stderr
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert unchanged(proved)
