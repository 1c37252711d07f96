"""What the user wants of Homebrew: taps, formulae, casks, a Brewfile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.test_homebrew import BARE, HERE, Plan, evaluated


@pytest.fixture
def plan() -> Plan:
    return evaluated


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
