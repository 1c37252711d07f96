"""Our part is taken out of a file that others have a part in; nothing else is."""

from __future__ import annotations

import json

import pytest

from deploys.json_edits import applied
from deploys.restored import Restoration, docker_config, ssh_config

PLUGINS = "/opt/homebrew/lib/docker/cli-plugins"
LINE = "Include /Users/ada/.colima/ssh_config"


def without_ours(current: bytes, found: Restoration | None) -> bytes:
    assert found is not None
    text = current.decode("utf-8", "surrogateescape")
    return applied(text, list(found.edits)).encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("before", "current"),
    [
        (b"", f"{LINE}".encode()),
        (b"Host *\n", f"{LINE}\n\nHost *\n".encode()),
        (b"caf\xe9", f"{LINE}\n\n".encode() + b"caf\xe9"),
    ],
    ids=["no file", "a file", "no last newline"],
)
def test_colimas_line_in_sshs_configuration_is_taken_out(before: bytes, current: bytes) -> None:
    found = ssh_config(current, before or None, LINE)
    assert found is not None
    assert found.whole
    assert without_ours(current, found) == before


def test_what_the_user_has_added_to_it_stays() -> None:
    current = f"{LINE}\n\nHost *\nHost new\n".encode()
    found = ssh_config(current, b"Host *\n", LINE)
    assert found is not None
    assert not found.whole
    assert without_ours(current, found) == b"Host *\nHost new\n"


def test_without_that_line_there_is_nothing_to_do() -> None:
    assert ssh_config(b"Host *\n", b"Host *\n", LINE) is None


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({}, {"auths": {}, "currentContext": "colima", "cliPluginsExtraDirs": [PLUGINS]}),
        ({"credsStore": "desktop"}, {"auths": {}}),
        ({"currentContext": "desktop-linux"}, {"currentContext": "colima"}),
        ({"cliPluginsExtraDirs": ["/x"]}, {"cliPluginsExtraDirs": ["/x", PLUGINS]}),
    ],
)
def test_dockers_configuration_with_nothing_but_our_changes_becomes_what_it_was(
    before: dict[str, object], now: dict[str, object]
) -> None:
    found = docker_config(json.dumps(now).encode(), json.dumps(before).encode(), PLUGINS)
    assert found == Restoration(whole=True)


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (
            f'{{"auths": {{"x": {{}}}},\n\t"cliPluginsExtraDirs": ["{PLUGINS}"]}}',
            '{"auths": {"x": {}}}',
        ),
        (
            f'{{"cliPluginsExtraDirs": [ "{PLUGINS}",  "/y" ], "debug": true}}',
            '{"cliPluginsExtraDirs": [ "/y" ], "debug": true}',
        ),
        (
            f'{{"cliPluginsExtraDirs": ["/x", "{PLUGINS}", "/y"], "debug": true}}',
            '{"cliPluginsExtraDirs": ["/x", "/y"], "debug": true}',
        ),
    ],
)
def test_where_the_user_has_changed_it_only_our_directory_is_taken_out(now: str, left: str) -> None:
    found = docker_config(now.encode(), b"{}", PLUGINS)
    assert found is not None
    assert not found.whole
    assert without_ours(now.encode(), found).decode() == left


@pytest.mark.parametrize("current", [b'{"auths": {"x": {}}}', b"{ no JSON", b"[]"])
def test_a_configuration_of_the_users_own_is_left_alone(current: bytes) -> None:
    assert docker_config(current, None, PLUGINS) is None


def test_one_that_named_the_directory_before_keeps_it() -> None:
    before = json.dumps({"cliPluginsExtraDirs": [PLUGINS]}).encode()
    now = json.dumps({"cliPluginsExtraDirs": [PLUGINS], "debug": True}).encode()
    assert docker_config(now, before, PLUGINS) is None
