"""Input that was damaged at random, through the whole program: a plan, or what is wrong in a line;
never a traceback, and nothing touched."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.test_bad_input import started
from tests.unit.test_damaged_files import (
    BREWFILE,
    CONFIG,
    GEMFILE,
    INVENTORY,
    RECORD,
    damaged,
    damaged_journals,
    either,
)

EXAMPLES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
GROUP_DATA = b'blog_port = 4001\ncasks = ["firefox"]\nbrewfile = "Brewfile"\n'
LOCK = {
    "version": 1,
    "machines": {
        "debian-bookworm": {"base_images": {"ruby:3.4-slim": "sha256:" + "a" * 64}},
        "macos": {"formulae": {"colima": "0.9.1"}, "homebrew_installer": ""},
    },
}
INVENTORY_FILES = {
    "hosts.py": b"team = [('@local', {'blog': 'site'})]\n",
    "group_data/all.py": GROUP_DATA,
    "Brewfile": BREWFILE,
    "site/_config.yml": CONFIG,
    "site/index.html": b"---\n---\nhello\n",
}
STATE = "state/bootstrapper"
DAMAGED: dict[str, Any] = {
    "hosts.py": damaged(INVENTORY),
    "group_data/all.py": damaged(GROUP_DATA),
    "bootstrap.lock": either(LOCK),
    "Brewfile": damaged(BREWFILE),
    "site/_config.yml": damaged(CONFIG),
    "site/Gemfile": damaged(GEMFILE),
    f"{STATE}/record.json": either(RECORD),
}


def written(here: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content)


def held(here: Path) -> dict[str, bytes]:
    """What is below a directory, but for logs, and for what Python makes of a source."""
    return {
        str(path.relative_to(here)): path.read_bytes()
        for path in here.rglob("*")
        if path.is_file() and not {"logs", "__pycache__"} & {*path.parts}
    }


def looked_at(arguments: tuple[str, ...], here: Path, capfd: Any) -> str:
    """One run of a command that changes nothing; what it said."""
    before = held(here)
    with pytest.MonkeyPatch.context() as patches:
        code = started(arguments, here, patches)
    said = capfd.readouterr()
    assert code in (0, 1, 2), said.err
    assert "Traceback" not in said.out + said.err
    assert "mistake in the program" not in said.err
    if code == 1 and not said.out:
        assert said.err.splitlines()[-1].startswith("bootstrap.py: ")
    after = held(here)
    aside = {name for name in after if name.startswith(f"{STATE}/record-damaged-")}
    kept = before.pop(f"{STATE}/record.json", b"") if aside else b""
    assert all(after.pop(name) == kept for name in aside)
    assert after == before
    return str(said.err)


@pytest.mark.parametrize("name", DAMAGED)
@given(data=st.data())
@EXAMPLES
def test_a_damaged_file_is_a_line_or_a_plan(
    name: str, data: st.DataObject, capfd: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        written(here, {**INVENTORY_FILES, name: data.draw(DAMAGED[name])})
        arguments = ("plan", "--only", "machine", "--limit", "@local", "--inventory")
        looked_at((*arguments, "{here}/hosts.py"), here, capfd)


@given(content=damaged_journals())
@EXAMPLES
def test_a_damaged_journal_is_said_and_undo_shows_the_rest(
    content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        written(here, {f"{STATE}/changes.jsonl": content})
        looked_at(("undo", "--plan"), here, capfd)


_WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_URLS = st.tuples(
    st.sampled_from(["https://", "git@", "ssh://git@", "file://", "ext::", "http://u:secret@", ""]),
    _WORDS,
    st.sampled_from([":", "/", "#", "#main:", "/../", " ", "\n", "$(x)", ";x"]),
    _WORDS,
).map("".join)


@given(url=_URLS)
@EXAMPLES
def test_an_address_of_a_blog_is_taken_or_a_line(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        said = looked_at(("plan", "--only", "machine", f"--blog={url}"), Path(folder), capfd)
        assert "secret@" not in said
