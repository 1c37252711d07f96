"""The file `bootstrap.lock`: what is written is read; what is damaged is said with its place."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrapper.lock import (
    NAME,
    LockError,
    beside,
    held_to,
    parse,
    read_lock,
    text_of,
    write_lock,
)
from deploys.parts import Parts
from tests.unit.test_cli import bootstrap

DIGEST = "sha256:" + "a" * 64
MAC = Parts(
    homebrew_installer=f"{'c' * 40}@{DIGEST}",
    formulae={"ruby@3.4": "3.4.10_1", "colima": "0.9.1"},
    casks={"orbstack": "2.0.5,19905"},
    base_images={"ruby:3.4-slim": DIGEST},
    gems={"jekyll": "4.4.1"},
)
DEBIAN = Parts(base_images={"bootstrapper/builder:bookworm-0a1b": "local"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def test_what_is_written_is_read_and_each_part_is_a_line(path: Path) -> None:
    write_lock(path, {"macos": MAC, "debian-bookworm": DEBIAN})
    assert read_lock(path) == {"macos": MAC, "debian-bookworm": DEBIAN}
    lines = path.read_text().splitlines()
    assert lines[:4] == ["{", '  "version": 1,', '  "machines": {', '    "debian-bookworm": {']
    assert lines.index('        "colima": "0.9.1",') < lines.index('        "ruby@3.4": "3.4.10_1"')
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444
    assert [file.name for file in path.parent.iterdir()] == [NAME]


def test_the_order_of_parts_makes_no_difference() -> None:
    turned = Parts(gems=dict(reversed([("a", "1"), ("b", "2")])))
    assert text_of({"macos": turned}) == text_of({"macos": Parts(gems={"a": "1", "b": "2"})})


def test_without_a_file_there_is_no_lock(path: Path) -> None:
    assert read_lock(path) is None
    inventory = path.with_name("team.py")
    inventory.touch()
    assert held_to(inventory, strict=False) is None
    with pytest.raises(LockError, match=r"there is no .*update"):
        held_to(inventory, strict=True)


def test_an_inventorys_lock_lies_beside_it(path: Path) -> None:
    inventory = path.with_name("team.py")
    write_lock(beside(inventory), {"macos": MAC})
    lock = held_to(inventory, strict=True)
    assert lock is not None
    assert (lock.machines["macos"], lock.strict) == (MAC, True)


def test_mode_and_link_are_kept(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles"
    real.mkdir()
    (real / "lock").write_text("{}")
    (real / "lock").chmod(0o640)
    path.symlink_to("dotfiles/lock")
    write_lock(path, {"macos": MAC})
    assert path.is_symlink()
    assert stat.S_IMODE((real / "lock").stat().st_mode) == 0o640
    assert read_lock(path) == {"macos": MAC}


def test_what_a_killed_update_has_left_goes_with_the_next_run(tmp_path: Path) -> None:
    inventory = tmp_path / "team.py"
    inventory.write_text("hosts = ['@local']\n")
    left = tmp_path / f".{NAME}-new"
    left.write_text('{"vers')
    bootstrap("plan", "--inventory", str(inventory), "--only", "machine", state=tmp_path)
    assert left.exists()
    bootstrap("--yes", "--inventory", str(inventory), "--only", "machine", state=tmp_path)
    assert not left.exists()


def test_what_could_not_be_read_again_is_not_written(path: Path) -> None:
    write_lock(path, {"macos": MAC})
    before = path.read_bytes()
    with pytest.raises(LockError, match="'a b' is not a version; it was not written"):
        write_lock(path, {"macos": Parts(formulae={"jq": "a b"})})
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="it was not written"):
        write_lock(tmp_path / "gone" / NAME, {"macos": MAC})


def _machine(**parts: object) -> str:
    return json.dumps({"version": 1, "machines": {"macos": parts}})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1"),
        ('{\n"version": 1,\n<<<<<<< HEAD\n', "line 3"),
        ("[]", "no JSON object"),
        ("{}", "no `version`"),
        ('{"version": true}', "no `version`"),
        ('{"version": 2}', "version 2, and this program reads 1; update your checkout"),
        ('{"version": 1, "machine": {}}', "unknown key 'machine'"),
        ('{"version": 1, "machines": []}', "machines: wanted an object"),
        ('{"version": 1, "machines": {"My Mac": {}}}', "'My Mac' is no kind of machine"),
        ('{"version": 1, "machines": {"macos": 1}}', "machines.macos: wanted an object"),
        (_machine(formula={}), "machines.macos: unknown key 'formula'"),
        (_machine(formulae=["jq"]), "machines.macos.formulae: wanted an object"),
        (_machine(formulae={"jq": 1.8}), "machines.macos.formulae.jq: 1.8 is not a version"),
        (_machine(formulae={"jq": "1; rm -r ~"}), "machines.macos.formulae.jq: '1; rm -r ~' is"),
        (_machine(formulae={"--jq": "1"}), "machines.macos.formulae: '--jq' is no name"),
        (_machine(base_images={"ruby:3": "latest"}), "base_images.ruby:3: 'latest' is not a sha"),
        (_machine(homebrew_installer="HEAD"), "homebrew_installer: 'HEAD' is not a commit"),
        ('{"version": 1, "machines": {"macos": {"gems": {"a": "1", "a": "2"}}}}', "'a' is there t"),
        ("[" * 100_000, "nested too deeply"),
        ('{"version": ' + "9" * 5000 + "}", ""),
    ],
)
def test_a_damaged_lock_is_one_line_with_its_place(path: Path, text: str, place: str) -> None:
    path.write_text(text)
    with pytest.raises(LockError) as refused:
        read_lock(path)
    assert str(path) in str(refused.value)
    assert place in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_text() == text


def test_what_is_no_text_or_no_file_is_said(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LockError, match="UTF-8"):
        read_lock(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(LockError, match="make it readable"):
        read_lock(path)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
_VERSIONS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+:,~-]{0,12}", fullmatch=True)
_NAMES = st.from_regex(r"[A-Za-z0-9@][A-Za-z0-9@._+:/-]{0,12}", fullmatch=True)


@given(content=_JSON)
def test_whatever_is_there_is_a_lock_or_a_value_error(content: object) -> None:
    for wrapped in (content, {"version": 1, "machines": {"macos": content}}):
        try:
            machines = parse(json.dumps(wrapped))
        except ValueError:
            continue
        assert parse(text_of(machines)) == machines


@given(formulae=st.dictionaries(_NAMES, _VERSIONS), gems=st.dictionaries(_NAMES, _VERSIONS))
def test_every_lock_is_read_as_it_was_written(
    formulae: dict[str, str], gems: dict[str, str]
) -> None:
    machines = {"macos": Parts(formulae=formulae, gems=gems)}
    assert parse(text_of(machines)) == machines
    assert text_of(parse(text_of(machines))) == text_of(machines)
