"""Ruby on a Mac after an upgrade: what is broken is found in files, and mended where it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploys.facts.mac_ruby import Manager, Ruby
from tests.unit.test_mac_ruby import (
    BARE,
    KEG,
    LOCKED,
    RBENV,
    Home,
    Plan,
    gems,
    home,
    plan,
    run,
    scripts,
)

__all__ = ["home", "plan", "scripts"]  # fixtures

LOST = ("/usr/local/opt/openssl@1.1/lib/libssl.1.1.dylib",)
READY = replace(BARE, rubies=(KEG,), site=LOCKED)


def of_manager(origin: Any, versions: str = "/v") -> Ruby:
    return Ruby(origin, f"{versions}/3.4.10", "3.4.10", "3.4.10", "3.4.0", ("2.6.9",), LOST)


def stamped(plan: Plan) -> tuple[str, str]:
    """The name of the gems' directory, and the stamp that says they are in order."""
    directory, stamp = gems(plan(READY)).split()[-2:]
    return directory.rpartition("/")[2], stamp


# A library that Ruby needs


def test_a_keg_whose_library_is_gone_is_installed_again(plan: Plan) -> None:
    result = plan(replace(READY, rubies=(replace(KEG, lacks=LOST),)))["install Ruby"]
    reinstall, check = result.commands
    assert reinstall.endswith("brew reinstall ruby@3.4")
    assert "/brew/opt/ruby@3.4/bin/ruby -ropenssl -rpsych -e1" in check
    assert "Next to try" in check
    (finding,) = result.findings
    assert (finding.code, finding.severity) == ("ruby.library-gone", "change")
    assert LOST[0] in finding.seen


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("rbenv", "env RBENV_ROOT=/v /x/rbenv install --force 3.4.10"),
        (
            "chruby",
            "env HOMEBREW_NO_ASK=1 HOMEBREW_NO_AUTO_UPDATE=1 /x/chruby --rubies-dir /v/versions "
            "ruby 3.4.10",
        ),
    ],
)
def test_a_manager_that_keeps_what_is_there_builds_over_it(
    plan: Plan, origin: Any, words: str
) -> None:
    state = replace(
        READY,
        rubies=(of_manager(origin, "/v/versions"),),
        managers=(Manager(origin, f"/x/{origin}", "/v/versions"),),
    )
    command, _ = plan(state)["install Ruby"].commands
    assert command == f"cd && {words}"


@pytest.mark.parametrize(
    ("origin", "manager", "words"),
    [
        ("mise", True, "mise install --force ruby@3.4.10"),
        ("asdf", True, "asdf uninstall ruby 3.4.10 && asdf install ruby 3.4.10"),
        ("rbenv", False, "rbenv install --force 3.4.10"),
    ],
)
def test_where_the_users_gems_would_go_it_is_only_said(
    plan: Plan, origin: Any, manager: bool, words: str
) -> None:
    managers = (Manager(origin, f"/x/{origin}", "/v"),) if manager else ()
    result = plan(replace(READY, rubies=(of_manager(origin),), managers=managers))
    finding = result["install Ruby"].findings[-1]
    assert (finding.code, finding.severity) == ("ruby.library-gone", "refusal")
    assert words in finding.mend
    assert not any(operation.commands for operation in result.values())


def test_a_broken_ruby_that_the_site_does_not_use_is_left_alone(plan: Plan) -> None:
    other = replace(of_manager("rbenv"), version="3.3.1", build="3.3.1", abi="3.3.0")
    state = replace(READY, rubies=(KEG, other), managers=(RBENV,))
    assert plan(state)["install Ruby"].status == "unchanged"


def macho(*libraries: str) -> str:
    """The beginning of a Mach-O file, as far as its strings go."""
    return "\0\1" + "".join(f"\0\2\0\0{library}\0\0" for library in libraries)


def test_what_is_gone_is_read_from_what_is_linked(home: Home) -> None:
    there = home.root / "brew/opt/libyaml/lib/libyaml-0.2.dylib"
    home.file("brew/opt/libyaml/lib/libyaml-0.2.dylib")
    home.program(".rbenv/versions/3.4.10/bin/ruby")
    system = ".rbenv/versions/3.4.10/lib/ruby/3.4.0/arm64-darwin25"
    home.file(f"{system}/openssl.bundle", macho("/usr/lib/libSystem.B.dylib", *LOST))
    home.file(f"{system}/psych.bundle", macho(str(there)))
    (ruby,) = [ruby for ruby in home.ask().rubies if ruby.origin == "rbenv"]
    assert ruby.lacks == LOST


def test_a_whole_ruby_lacks_nothing(home: Home) -> None:
    """Libraries of the system are in no file; others are named from where Ruby is."""
    home.program(".rbenv/versions/3.4.10/bin/ruby")
    home.file(
        ".rbenv/versions/3.4.10/lib/ruby/3.4.0/arm64-darwin25/openssl.bundle",
        macho(
            "/usr/lib/libssl.46.dylib",
            "/System/Library/Frameworks/Security.framework/Versions/A/x.dylib",
            "@rpath/libcrypto.3.dylib",
            "/Users/old/.rbenv/versions/3.4.10/lib/libruby.3.4.dylib",
        ),
    )
    assert [ruby.lacks for ruby in home.ask().rubies if ruby.origin == "rbenv"] == [()]


# Gems


def test_gems_of_another_system_are_named_as_such(plan: Plan) -> None:
    key, stamp = stamped(plan)
    assert stamp.startswith("arm64-darwin25-")
    for state in (
        replace(READY, stamps={key: stamp}, darwin=27),
        replace(READY, stamps={key: stamp.replace("arm64", "x86_64")}),
    ):
        result = plan(state)["the site's gems"]
        assert result.findings[0].code == "ruby.gems-of-another-system"
        assert result.commands


def test_gems_that_need_a_library_that_is_gone_are_looked_at(plan: Plan) -> None:
    key, stamp = stamped(plan)
    whole = replace(READY, stamps={key: stamp})
    assert plan(whole)["the site's gems"].status == "unchanged"
    assert plan(replace(whole, lacking={"other": LOST}))["the site's gems"].status == "unchanged"
    result = plan(replace(whole, lacking={key: LOST}))["the site's gems"]
    assert result.findings[0].code == "ruby.gems-library-gone"


def test_the_libraries_of_our_own_gems_are_read(home: Home) -> None:
    ours = ".cache/bootstrapper/gems/0123"
    home.file(f"{ours}/stamp", "abcd\n")
    bundle = "ruby/3.4.0/extensions/arm64-darwin-25/3.4.0/eventmachine-1.2.7/em.bundle"
    home.file(f"{ours}/{bundle}", macho(*LOST))
    home.file(f".local/share/gem/{bundle}", macho("/gone/x.dylib"))
    assert home.ask().lacking == {"0123": LOST}
    home.file(f"{ours}/{bundle}", macho("/usr/lib/libc++.1.dylib"))
    assert home.ask().lacking == {}


FAILS = """#!/bin/sh
echo "bundle $*" >>"$HOME/log"
case $1 in
  pristine) touch "$HOME/$MENDS" ;;
  exec)
    [ -e "$HOME/mended" ] && exit 0
    echo "ffi 1.17.2 does not load: incompatible architecture (have 'x86_64')" >&2
    exit 1 ;;
esac
"""


def test_what_does_not_load_is_built_again_and_nothing_else(home: Home, scripts: Path) -> None:
    home.file("rb/bin/bundle", FAILS)
    code, log = run(home, MENDS="mended")
    assert code == 0
    assert log.count("bundle pristine ffi") == 1
    assert (home.root / "gems/stamp").exists()


def test_what_building_again_does_not_mend_fails_once(home: Home, scripts: Path) -> None:
    home.file("rb/bin/bundle", FAILS)
    code, log = run(home, MENDS="other")
    assert code == 1
    assert [line for line in log if "pristine" in line] == ["bundle pristine ffi"]
    assert not (home.root / "gems/stamp").exists()
