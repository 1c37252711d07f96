"""No setting, and no word of a site, is ever run: each is one word of a command, or is refused.

What is planned, and what is asked, goes through a real shell that finds no programs. All that it
can do is what a shell does by itself: open a file for `>`, which is seen.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bootstrapper.results import OperationResult
from deploys.brewfile import BrewfileError, parse
from deploys.facts.brewfile import BrewfileWishes
from deploys.facts.debian import AptCandidates, AptInstallation, DpkgPackages
from deploys.facts.docker import Answer, ContainerState, Images, PortHolder, RegistryAnswer
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac_ruby import RubyOnMac
from deploys.facts.machine import Machine, ThisMachine
from deploys.facts.site import Heads, RepositoryHeads, Site, SiteSource
from deploys.operations import docker, homebrew, images, mac_ruby, ruby, site
from deploys.settings import Settings, SettingsError, parse_settings
from tests.support import MAC, planned_with
from tests.unit.test_debian_stages import LAPTOP
from tests.unit.test_mac_ruby import BARE, LOCKED

NASTY = [
    ";>canary",
    "$(>canary)",
    "`>canary`",
    "a b>canary",
    "a&>canary",
    "a|>canary",
    "a\n>canary",
    "';>canary;'",
    '";>canary;"',
    "\\';>canary;\\'",
    "a'\"$(>canary)\"'",
    "--HEAD",
    "-x",
    "*",
    "~",
    "$HOME",
    "#",
]
WORDS = st.sampled_from(NASTY) | st.text("ax-;|&$`'\"\\()<> \n\t*?~#{}=/.:@!", min_size=1)
COMMIT, OTHER = "1" * 40, "2" * 40


class BareShell:
    """A shell in an empty directory, which is its home, too; it finds `sh` and `env` only."""

    def __init__(self, root: Path) -> None:
        self.programs, self.home = root / "bin", root / "home"
        for directory in (self.programs, self.home):
            directory.mkdir()
        for name in ("sh", "env"):
            (self.programs / name).symlink_to(shutil.which(name) or "")

    def run(self, command: str) -> None:
        with tempfile.TemporaryFile() as nothing:
            subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=self.home,
                env={"PATH": str(self.programs), "HOME": str(self.home)},
                stdin=nothing,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=20,
                check=False,
            )
        assert not (left := [*self.home.iterdir()]), f"{command!r} has made {left}"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> BareShell:
    return BareShell(tmp_path_factory.mktemp("shell"))


def planned(
    shell: BareShell,
    operation: Callable[..., object],
    wanted: Settings,
    machine: Machine,
    **answers: Any,
) -> OperationResult:
    """What an operation plans; each question that it asks is put to the bare shell, too."""

    def asking(fact: type, answer: Any) -> Callable[..., Any]:
        def ask(**asked: Any) -> Any:
            shell.run(fact().command(**asked))
            return answer

        return ask

    given = _given(machine)
    given.update({_FACTS[name]: answer for name, answer in answers.items()})
    questions = {fact: asking(fact, answer) for fact, answer in given.items()}
    result = planned_with(questions, lambda: operation(name="it", settings=wanted))
    assert result.failure is None
    return result.operations[0]


_FACTS = {"site": SiteSource, "heads": RepositoryHeads, "ruby_state": RubyOnMac}


def _given(machine: Machine) -> dict[type, Any]:
    return {
        ThisMachine: machine,
        ContainerEngine: Engine(True, ("docker",)),
        ContainerState: None,
        PortHolder: None,
        Images: {},
        RegistryAnswer: Answer(""),
        SiteSource: Site("/srv/blog", "0" * 64, is_jekyll=True),
        RepositoryHeads: Heads("", COMMIT, ""),
        Homebrew: BrewState(prefix="/opt/homebrew", works=True, owner="ada"),
        DpkgPackages: DpkgPackages().process(["lists"]),
        AptCandidates: {"jekyll": "4.3.1"},
        AptInstallation: (),
        RubyOnMac: BARE,
        BrewfileWishes: BrewfileWishes().process(["absent"]),
    }


def words_of(command: str) -> Iterator[str]:
    """Each word of a command, and of the scripts that are words of it."""
    words = shlex.split(command)
    for before, word in zip(["", *words], words, strict=False):
        if before == "-c":
            yield from words_of(word)
        yield word


# What reaches a command, by setting: on which machine, and how the word ends.
REACHES: list[tuple[str, Callable[..., object], Machine, str]] = [
    ("blog", site.cloned, LAPTOP, ""),
    ("blog", site.readable, LAPTOP, ""),
    ("blog", images.blog, LAPTOP, ""),
    ("gem_source", images.blog, LAPTOP, "GEM_SOURCE="),
    ("without_plugins", images.blog, LAPTOP, "WITHOUT_PLUGINS="),
    ("without_plugins", mac_ruby.gems, MAC, ""),
    ("jekyll_env", images.blog, LAPTOP, "JEKYLL_ENV="),
    ("builder_image", images.bases, LAPTOP, ""),
    ("server_image", images.bases, LAPTOP, ""),
    ("registry_mirror", images.bases, LAPTOP, ""),
    ("container_memory", docker.serving, LAPTOP, ""),
    ("ruby_version", mac_ruby.installed, MAC, ""),
    ("brewfile", homebrew.brewfile, MAC, ""),
    ("homebrew_installer", homebrew.installed, MAC, ""),
]


@pytest.mark.parametrize(
    ("key", "operation", "machine", "before"),
    REACHES,
    ids=[f"{key}-{operation.__name__}" for key, operation, *_ in REACHES],
)
@given(st.sampled_from(["", "https://h.example/", "ssh://h/", "git@h:"]), WORDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
def test_a_setting_is_one_word_or_refused(
    shell: BareShell,
    key: str,
    operation: Callable[..., object],
    machine: Machine,
    before: str,
    prefix: str,
    text: str,
) -> None:
    value = prefix + text
    registry = {"base_images": "registry"} if key.endswith(("image", "mirror")) else {}
    try:
        told = [value] if key == "without_plugins" else value
        wanted = parse_settings("m", {**registry, key: told})
    except SettingsError:
        return  # `test_settings.py`: any data gives settings or one line
    result = planned(shell, operation, wanted, machine)
    for command in result.commands:
        shell.run(command)
    if before:
        words = [word for command in result.commands for word in words_of(command)]
        assert f"{before}{value}" in words


@given(WORDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
def test_what_a_site_names_is_one_word_of_what_is_asked_and_planned(
    shell: BareShell, text: str
) -> None:
    """A repository that is cloned is somebody else's: its plugins are looked for among packages."""
    line = text.replace("\n", " ")
    texts = {
        "_config.yml": f"plugins:\n  - {line}\ntheme: {line}\nmarkdown: {line}\n",
        "Gemfile": f'gem "{line}"\nruby "{line}"\n',
        ".ruby-version": line,
        "Gemfile.lock": f"RUBY VERSION\n   ruby {line}\n\nBUNDLED WITH\n   {line}\n",
    }
    theirs = Site(f"/srv/{line}", "0" * 64, True, texts, repository="a/b")
    wanted = parse_settings("m", {"base_images": "packages"})
    for operation in (site.needs, ruby.jekyll_packages, images.blog, images.bases):
        for command in planned(shell, operation, wanted, LAPTOP, site=theirs).commands:
            shell.run(command)


@given(WORDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
def test_what_a_lock_names_is_one_word_of_what_installs_gems(shell: BareShell, text: str) -> None:
    bundle = replace(LOCKED, directory=f"/srv/{text}", bundled_with=text, lock_ruby=text)
    state = replace(BARE, site=bundle)
    for operation in (mac_ruby.installed, mac_ruby.gems):
        for command in planned(shell, operation, Settings(), MAC, ruby_state=state).commands:
            shell.run(command)


@example("remote: $(>canary)")
@given(WORDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
def test_what_a_git_server_says_is_never_run(shell: BareShell, text: str) -> None:
    """The last line of an answer may be any text of the server's."""
    line = text.splitlines()[0] if text.splitlines() else text
    told = RepositoryHeads().process([f"local\t{OTHER}", f"remote\t{line}"])
    assert told.remote == ""
    wanted = parse_settings("m", {"blog": "https://h.example/blog.git"})
    assert planned(shell, site.cloned, wanted, LAPTOP, heads=told).commands == ()
    moved = planned(shell, site.cloned, wanted, LAPTOP, heads=Heads(OTHER, COMMIT, ""))
    assert any(COMMIT in command for command in moved.commands)


@pytest.mark.parametrize(
    "key", ["blog", "brewfile", "brew_taps", "brew_formulae", "brew_casks", "without_plugins"]
)
@pytest.mark.parametrize("name", ["--HEAD", "-x", "-"])
def test_a_name_that_is_an_option_is_refused(key: str, name: str) -> None:
    is_list = str(Settings.model_fields[key].annotation).startswith("list")
    with pytest.raises(SettingsError, match=f"setting {key} = '{name}'"):
        parse_settings("m", {key: [name] if is_list else name})


@pytest.mark.parametrize("key", ["brew_taps", "brew_formulae", "brew_casks", "without_plugins"])
@pytest.mark.parametrize("name", ["a;b", "$(x)", "a b", "`x`", "a/b/c;d", "a'b", "a\nb", ""])
def test_a_name_that_a_shell_would_read_is_refused(key: str, name: str) -> None:
    with pytest.raises(SettingsError, match=f"setting {key} = "):
        parse_settings("m", {key: [name]})


@pytest.mark.parametrize(
    "line",
    [
        'brew "--HEAD"',
        'brew "a;b"',
        'brew "$(x)"',
        'cask "-x"',
        'tap "a/b", "--force"',
        'tap "-a/b"',
        'brew "jq", args: ["HEAD; x"]',
    ],
)
def test_a_brewfile_is_held_to_the_same(line: str) -> None:
    with pytest.raises(BrewfileError, match="line 1: "):
        parse(line, "Brewfile")


@given(WORDS.filter(lambda text: "\n" not in text))  # a text ends with its line
@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
def test_what_a_brewfile_may_say_freely_is_one_word(shell: BareShell, text: str) -> None:
    """The address of a tap, and the value of a cask's option."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("#", "\\#")
    source = f'tap "a/b", "x{quoted}"\ncask "c", args: {{ appdir: "{quoted}" }}\n'
    wishes = parse(source, "Brewfile", "/Users/ada")
    answers: dict[type, Any] = {
        ThisMachine: MAC,
        Homebrew: BrewState(prefix="/opt/homebrew", works=True),
    }

    def declare() -> None:
        homebrew.tap(name="tap", wish=wishes.taps[0])
        homebrew.cask(name="cask", wish=wishes.casks[0])

    result = planned_with(answers, declare)
    commands = [command for operation in result.operations for command in operation.commands]
    for command in commands:
        shell.run(command)
    assert f"x{text}" in [*words_of(commands[0])]
    assert any(word.startswith("--appdir=") for word in words_of(commands[-1]))


def test_the_shell_of_these_tests_sees_what_is_run(tmp_path: Path) -> None:
    shell = BareShell(tmp_path)
    for command in NASTY[:6]:
        with pytest.raises(AssertionError, match="canary"):
            shell.run(f"echo {command}")
        (shell.home / "canary").unlink()
