"""A Brewfile is read, not run: what it may say, and what is refused with its line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploys.brewfile import BrewfileError, Cask, Formula, Tap, Wishes, parse
from deploys.facts.brewfile import Brewfile, BrewfileWishes


def names(text: str) -> list[str]:
    """All that a Brewfile wishes for, by name."""
    wishes = parse(text, "Brewfile")
    return [one.name for group in (wishes.taps, wishes.formulae, wishes.casks) for one in group]


def test_each_kind_of_entry_is_a_wish() -> None:
    text = """
# What I use
tap "Acme/tools", trusted: true
tap 'local/lab', "https://git.example.org/lab.git"
brew "jq"   # a comment behind
brew "acme/tools/acme-cli"
cask "firefox"
"""
    assert parse(text, "~/Brewfile") == Wishes(
        taps=(
            Tap("acme/tools", trusted=True, source="~/Brewfile"),
            Tap("local/lab", "https://git.example.org/lab.git", False, "~/Brewfile"),
        ),
        formulae=(
            Formula("jq", source="~/Brewfile"),
            Formula("acme/tools/acme-cli", source="~/Brewfile"),
        ),
        casks=(Cask("firefox", source="~/Brewfile"),),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n# nothing but a comment", []),
        ('brew("jq")', ["jq"]),
        ('brew "jq",\n  args: [\n    "HEAD",\n  ]\nbrew "tree"', ["jq", "tree"]),
        ('brew "jq"\nbrew "jq"', ["jq"]),
        ("brew 'ruby@3.4', link: true", ["ruby@3.4"]),
        ('brew "gtk+3"', ["gtk+3"]),
        ('brew "a" # "b', ["a"]),
        ('brew "x", restart_service: :changed, conflicts_with: ["y"]', ["x"]),
        ('cask "y", args: { appdir: "/A", :z => "1", "w" => true }, greedy: true', ["y"]),
    ],
)
def test_the_usual_ways_of_writing_are_read(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_options_become_words_of_the_command() -> None:
    wishes = parse(
        'cask_args appdir: "~/Applications", no_binaries: true\n'
        'brew "vim", args: ["HEAD"], link: false\n'
        'cask "firefox", args: { language: "de" }\n',
        "Brewfile",
        "/Users/ada",
    )
    assert wishes.formulae == (Formula("vim", ("--HEAD",), link=False, source="Brewfile"),)
    assert wishes.casks[0].args == (
        "--appdir=/Users/ada/Applications",
        "--no-binaries",
        "--language=de",
    )


def test_what_belongs_to_other_tools_is_named() -> None:
    text = """
mas "Xcode", id: 497799835
vscode "golang.go"
go "golang.org/x/tools/gopls"
brew "postgresql@17", restart_service: true
"""
    assert parse(text, "Brewfile").ignored == (
        'mas "Xcode"',
        'vscode "golang.go"',
        'go "golang.org/x/tools/gopls"',
        'restart_service of brew "postgresql@17"',
    )


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ('brew "jq" if OS.mac?', 1, "'if' is Ruby"),
        ('\nif OS.mac?\n  brew "jq"\nend', 2, "'if' is Ruby"),
        ("%w[jq tree].each { |name| brew name }", 1, "'%' is Ruby"),
        ('brew "jq#{1}"', 1, "computed by Ruby"),
        ('brew "jq"\nbrew name', 2, "'name' is Ruby"),
        ('brew "tree\nbrw "x"', 1, "has no end"),
        ('brw "x"', 1, "'brw' is Ruby"),
        ("brew", 1, "wants a name"),
        ('brew "jq",', 1, "ends too early"),
        ('brew "jq", args: ["HEAD"', 1, "ends too early"),
        ('brew "--force"', 1, "no name of a brew"),
        ('brew "jq; rm -rf /"', 1, "no name of a brew"),
        ('tap "acme"', 1, "no name of a tap"),
        ('brew "jq", "tree"', 1, "more than one name"),
        ("brew true", 1, "wants a name"),
        ('brew "jq", args: ["HEAD; rm"]', 1, "no option of brew"),
        ('brew "jq", args: { a: 1 }', 1, "is a list"),
        ('cask "x", args: ["a"]', 1, "in braces"),
        ('cask "x", args: { a: ["b"] }', 1, "a has a value"),
        ('brew "jq"; brew "tree"', 1, "';' is Ruby"),
    ],
)
def test_what_is_more_than_a_list_is_refused_with_its_line(
    text: str, line: int, problem: str
) -> None:
    with pytest.raises(BrewfileError) as caught:
        parse(text, "Brewfile")
    assert caught.value.line == line
    assert problem in caught.value.problem


def read(path: str, home: Path) -> Brewfile:
    output = subprocess.run(
        ["sh", "-c", BrewfileWishes().command(path)],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return BrewfileWishes().process(output.stdout.splitlines())


def test_a_file_in_the_users_home_is_read_from_there(tmp_path: Path) -> None:
    (tmp_path / "my Brewfile").write_text('brew "jq"\ncask_args appdir: "~/A"\ncask "x"')
    wishes = read("~/my Brewfile", tmp_path).wishes
    source = f"{tmp_path}/my Brewfile"
    assert wishes.formulae == (Formula("jq", source=source),)
    assert wishes.casks == (Cask("x", (f"--appdir={tmp_path}/A",), source),)


def test_a_missing_file_and_a_wrong_line_are_problems(tmp_path: Path) -> None:
    assert read("~/Brewfile", tmp_path).problem == "There is no such file."
    (tmp_path / "Brewfile").write_text('brew "jq"\n\nputs 1\n')
    wrong = read("~/Brewfile", tmp_path)
    assert (wrong.line, "'puts' is Ruby" in wrong.problem) == (3, True)


def test_an_empty_file_wishes_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "Brewfile").touch()
    assert read("~/Brewfile", tmp_path) == Brewfile()
