"""~/.docker/config.json: only what differs is changed, and nothing else of the user's file."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import deploy

from bootstrapper.results import OperationResult
from deploys.facts.docker_config import DockerConfig, DockerConfigState, DockerPlugins
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.mac_engine import MacEngines, MacEngineState
from deploys.json_edits import appended, applied, removed
from deploys.operations import docker_config
from deploys.settings import parse_settings
from tests.support import planned_with

BREW = "/opt/homebrew/lib/docker/cli-plugins"
SECRET = "YWRhOnNlY3JldA=="
ANSWERS = Engine(True, ("docker",), "colima", "29.5.2", context="colima")
STOPPED = Engine(False, ("docker",), reason="nobody there")
FOUND = frozenset({("docker-compose", BREW), ("docker-buildx", BREW)})


def state_of(text: str | None, home: Path = Path("/Users/ada/.docker")) -> DockerConfigState:
    file = str(home / "config.json")
    return DockerConfigState(
        file=file,
        target=file,
        is_writable=True,
        is_readable=True,
        text=text,
        sum="",
        helpers=frozenset(),
        plugins=frozenset(),
        brew="/opt/homebrew",
    )


def planned(
    state: DockerConfigState,
    engine: Engine = ANSWERS,
    elsewhere: tuple[str, ...] = (),
    **data: object,
) -> dict[str, OperationResult]:
    """Evaluates the three operations with given facts."""
    wanted = parse_settings("laptop", data)
    answers: dict[type, Any] = {
        DockerConfig: state,
        DockerPlugins: elsewhere,
        ContainerEngine: engine,
        MacEngines: MacEngineState(),
        Homebrew: BrewState(prefix="/opt/homebrew", works=True),
    }

    @deploy("Docker's configuration")
    def all_of_it() -> None:
        docker_config.readable(name="readable")
        docker_config.credentials(name="credentials", settings=wanted)
        docker_config.plugins(name="plugins", settings=wanted)

    result = planned_with(answers, all_of_it)
    return {operation.name: operation for operation in result.operations}


# The edits of a text.


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        ('{"credsStore": "x"}', {"credsStore"}, "{}"),
        ('{\n\t"a": 1,\n\t"credsStore": "x"\n}\n', {"credsStore"}, '{\n\t"a": 1\n}\n'),
        ('{\n  "credsStore": "x",\n  "a": 1\n}', {"credsStore"}, '{\n  "a": 1\n}'),
        ('{"a":1,"credsStore":"x","b":2}', {"credsStore"}, '{"a":1,"b":2}'),
        ('{\r\n "a": 1,\r\n "c": 2\r\n}\r\n', {"c"}, '{\r\n "a": 1\r\n}\r\n'),
        ('{"a": 1, "b": 2, "c": 3, "d": 4}', {"b", "c"}, '{"a": 1, "d": 4}'),
        ('{"a": 1, "b": 2, "c": 3, "d": 4}', {"c", "d"}, '{"a": 1, "b": 2}'),
        ('{"a": 1, "b": 2, "c": 3}', {"a", "c"}, '{"b": 2}'),
        ('{"ä": "ü{,}", "b": "\\"", "c": {"b": 1}}', {"b"}, '{"ä": "ü{,}", "c": {"b": 1}}'),
        ("{}", {"a"}, "{}"),
    ],
)
def test_removal_leaves_the_rest_as_it_was_written(
    text: str, keys: set[str], expected: str
) -> None:
    assert applied(text, removed(text, frozenset(keys))) == expected


def test_removal_within_an_object_leaves_what_is_around_it() -> None:
    text = '{"credHelpers": {"gcr.io": "gcloud", "ecr": "ecr-login"}, "auths": {}}'
    edits = removed(text, frozenset({"gcr.io"}), ("credHelpers",))
    assert applied(text, edits) == '{"credHelpers": {"ecr": "ecr-login"}, "auths": {}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '{\n\t"dirs": ["/d"]\n}'),
        ('{"a":1}', '{"a":1,"dirs":["/d"]}'),
        ('{\n\t"a": {}\n}\n', '{\n\t"a": {},\n\t"dirs": ["/d"]\n}\n'),
        ('{\r\n    "a": 1,\r\n    "b": 2\r\n}', None),
        ('{"dirs": []}', '{"dirs": ["/d"]}'),
        ('{"dirs": ["/c"]}', '{"dirs": ["/c","/d"]}'),
        ('{\n "dirs": [\n  "/b",\n  "/c"\n ]\n}', '{\n "dirs": [\n  "/b",\n  "/c",\n  "/d"\n ]\n}'),
        ('{"dirs": null, "a": 1}', '{"dirs": ["/d"], "a": 1}'),
    ],
)
def test_an_added_directory_looks_like_what_is_around_it(text: str, expected: str | None) -> None:
    result = applied(text, appended(text, "dirs", "/d"))
    if expected is not None:
        assert result == expected
    else:
        assert result == '{\r\n    "a": 1,\r\n    "b": 2,\r\n    "dirs": ["/d"]\r\n}'
    assert json.loads(result)["dirs"][-1] == "/d"


# Facts in, commands out.


def test_a_sane_configuration_is_left_alone() -> None:
    sane = replace(
        state_of(json.dumps({"credsStore": "osxkeychain", "cliPluginsExtraDirs": [BREW]})),
        helpers=frozenset({"osxkeychain"}),
        plugins=FOUND,
    )
    assert {operation.status for operation in planned(sane).values()} == {"unchanged"}


def test_plugins_in_the_clients_own_place_need_no_setting() -> None:
    place = "/Users/ada/.docker/cli-plugins"
    plugins = frozenset({("docker-compose", place), ("docker-buildx", place)})
    result = planned(replace(state_of(None), plugins=plugins))
    assert {operation.status for operation in result.values()} == {"unchanged"}


def test_plugins_in_a_directory_that_the_user_named_are_found() -> None:
    own = state_of(json.dumps({"cliPluginsExtraDirs": ["/Users/ada/plugins"]}))
    result = planned(own, elsewhere=("docker-compose", "docker-buildx"))
    assert result["plugins"].status == "unchanged"


def test_missing_plugins_are_installed_and_their_place_is_named() -> None:
    result = planned(state_of(None))["plugins"]
    compose, buildx, write = result.commands
    assert " install --formula docker-compose;" in compose
    assert " install --formula docker-buildx;" in buildx
    assert "mkdir -p /Users/ada/.docker" in write


def test_another_engines_missing_plugins_are_only_said() -> None:
    """Docker Desktop's cask and the formula docker-compose exclude each other."""
    result = planned(state_of(None), replace(ANSWERS, name="docker-desktop"))["plugins"]
    assert result.commands == ()
    assert result.findings[0].severity == "notice"


def test_a_helper_that_an_engine_of_this_run_brings_is_not_removed() -> None:
    state = replace(state_of('{"credsStore": "desktop"}'), plugins=FOUND)
    coming = planned(state, STOPPED, container_engine="docker-desktop")
    assert coming["credentials"].status == "unchanged"
    assert planned(state, STOPPED)["credentials"].status == "planned"


@pytest.mark.parametrize(
    ("text", "place"),
    [('{\n  "auths": {},\n  "a": oops\n}', "line 3, column 8"), ('{"a": 1,}', "line 1, column ")],
)
def test_a_broken_file_is_refused_with_the_place_and_left_alone(text: str, place: str) -> None:
    refusal = planned(state_of(text))["readable"]
    assert refusal.status == "refused"
    assert refusal.commands == ()
    assert place in refusal.findings[0].seen


@pytest.mark.parametrize("text", ["[]", '{"credsStore": 1}', '{"cliPluginsExtraDirs": "/d"}'])
def test_a_shape_that_the_client_cannot_use_is_refused(text: str) -> None:
    assert planned(state_of(text))["readable"].status == "refused"


def test_a_read_only_file_is_refused_with_what_to_change() -> None:
    managed = replace(state_of('{"credsStore": "desktop"}'), is_writable=False)
    refusal = planned(managed)["credentials"]
    assert refusal.status == "refused"
    assert "not writable" in refusal.findings[-1].seen


def test_what_may_be_secret_is_neither_shown_nor_in_a_command() -> None:
    text = json.dumps({"credsStore": "desktop", "auths": {"r": {"auth": SECRET}}})
    state = state_of(text)
    assert SECRET not in repr(state)
    for operation in planned(state).values():
        assert SECRET not in "".join(operation.commands)
        assert SECRET not in "".join(map(str, operation.findings))


# For real, on files.


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / ".docker"
        self.file = self.folder / "config.json"
        self.programs = folder / "bin"
        self.programs.mkdir(parents=True)
        for tool in TOOLS:
            (self.programs / tool).symlink_to(shutil.which(tool) or tool)

    def write(self, text: str) -> None:
        self.folder.mkdir(exist_ok=True)
        self.file.write_bytes(text.encode())

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        for place in ("/opt/homebrew/bin", "/usr/local/", "/usr/lib", "/Applications/"):
            script = script.replace(place, f"/nonexistent{place}")
        return subprocess.run(
            ["/bin/sh", "-c", script],
            env={"HOME": str(self.folder.parent), "PATH": str(self.programs)},
            capture_output=True,
            text=True,
            check=False,
        )

    def state(self) -> DockerConfigState:
        done = self.shell(DockerConfig().command())
        assert done.returncode == 0, done.stderr
        return DockerConfig().process(done.stdout.splitlines())

    def mended(self) -> None:
        """What a run does: each operation with the facts of its own time."""
        for name in ("credentials", "plugins"):
            state = replace(self.state(), plugins=FOUND)
            for command in planned(state)[name].commands:
                done = self.shell(command)
                assert done.returncode == 0, done.stderr


TOOLS = [
    "base64",
    "cat",
    "cksum",
    "cp",
    "dirname",
    "head",
    "mkdir",
    "mv",
    "sync",
    "readlink",
    "rm",
    "tail",
    "tr",
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "a user's home")


TEXT = '{\r\n\t"auths": {"ü": {"auth": "' + SECRET + '"}},\r\n\t"credsStore": "desktop",\r\n'
TEXT += '\t"credHelpers": {"a": "gone", "b": "here"},\r\n\t"currentContext": "colima"\r\n}'


def test_a_file_is_mended_and_all_else_in_it_stays(home: Home) -> None:
    home.write(TEXT)
    home.file.chmod(0o640)
    (home.programs / "docker-credential-here").symlink_to("/bin/true")
    home.mended()
    expected = TEXT.replace('"credsStore": "desktop",\r\n\t', "").replace('"a": "gone", ', "")
    expected = expected.replace(
        '"colima"\r\n', f'"colima",\r\n\t"cliPluginsExtraDirs": ["{BREW}"]\r\n'
    )
    assert home.file.read_bytes().decode() == expected
    assert home.file.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in home.folder.iterdir()] == ["config.json"]


def test_a_second_time_nothing_changes(home: Home) -> None:
    home.write(TEXT)
    home.mended()
    once = home.file.read_bytes()
    state = replace(home.state(), plugins=FOUND)
    assert {operation.status for operation in planned(state).values()} == {"unchanged"}
    assert home.file.read_bytes() == once


def test_a_link_into_a_repository_stays_a_link(home: Home) -> None:
    repository = home.folder.parent / "dotfiles"
    repository.mkdir()
    home.folder.mkdir()
    (repository / "docker.json").write_text('{"credsStore": "gone", "a": 1}')
    (repository / "through.json").symlink_to("docker.json")
    home.file.symlink_to("../dotfiles/through.json")
    home.mended()
    assert home.file.is_symlink()
    assert json.loads((repository / "docker.json").read_text()) == {
        "a": 1,
        "cliPluginsExtraDirs": [BREW],
    }


def test_a_missing_file_is_made_for_its_user_only(home: Home) -> None:
    home.mended()
    assert json.loads(home.file.read_text()) == {"cliPluginsExtraDirs": [BREW]}
    assert home.file.stat().st_mode & 0o777 == 0o600
    assert home.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_is_an_empty_configuration(home: Home, text: str) -> None:
    home.write(text)
    home.mended()
    assert json.loads(home.file.read_text()) == {"cliPluginsExtraDirs": [BREW]}


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(home: Home) -> None:
    home.write('{"credsStore": "gone", "a": 1}')
    (command,) = planned(replace(home.state(), plugins=FOUND))["credentials"].commands
    home.write('{"credsStore": "gone", "b": 1}')
    done = home.shell(command)
    assert done.returncode == 1
    assert "changed meanwhile" in done.stderr
    assert home.file.read_text() == '{"credsStore": "gone", "b": 1}'


def test_plugins_are_seen_through_links_that_lead_somewhere(home: Home) -> None:
    place = home.folder / "cli-plugins"
    place.mkdir(parents=True)
    (place / "docker-compose").symlink_to("/bin/true")
    (place / "docker-buildx").symlink_to("/nonexistent/docker-buildx")
    assert home.state().plugins == {("docker-compose", str(place))}


def test_a_file_that_is_no_file_is_refused(home: Home) -> None:
    home.file.mkdir(parents=True)
    refusal = planned(home.state())["readable"]
    assert refusal.status == "refused"
    assert "cannot be read" in refusal.findings[0].seen
