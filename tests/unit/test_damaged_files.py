"""Files that were damaged: what is read from them is whole, or is said; never a traceback.

Bytes are changed at random, and values are put into other values' places.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrapper.inventory import InventoryError, check_settings, load_inventory
from bootstrapper.journal import KEPT, NAME, Journal
from bootstrapper.proof.against.differences import Difference
from bootstrapper.proof.against.discovery import Discovery
from bootstrapper.proof.against.ledger import PageResult, ledger_of
from bootstrapper.record import read_record, write_record
from bootstrapper.versions import changes
from deploys.brewfile import BrewfileError, Wishes, parse
from deploys.changes import Change, is_whole
from deploys.facts.built_site import BuiltSite, ManifestError, parse_manifest
from deploys.facts.site import Site
from deploys.settings import SettingsError
from deploys.site_needs import Needs, needs_of
from tests.support import LOCAL
from tests.unit.test_cli import bootstrap

EXAMPLES = settings(max_examples=60, deadline=None)
VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "\0", "../../etc/passwd", "undone", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=3,
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes of it changed, cut out, put in, or cut off."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(changed)))
        end = draw(st.sampled_from([start, start + 1, start + 20, len(changed)]))
        changed[start:end] = draw(st.binary(max_size=4) | st.sampled_from([b"\n", b"[" * 5000]))
    return bytes(changed)


@st.composite
def misplaced(draw: st.DrawFn, value: Any) -> Any:
    """The value with another one somewhere in it."""
    if draw(st.integers(0, 3)) == 0 or not isinstance(value, dict | list) or not value:
        return draw(VALUES)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = draw(st.sampled_from(keys))
    copy = value.copy()
    if isinstance(value, dict) and draw(st.booleans()):
        del copy[key]
    else:
        copy[key] = draw(misplaced(value[key]))
    return copy


def either(value: Any) -> st.SearchStrategy[bytes]:
    """A JSON file, damaged in either way."""
    return damaged(json.dumps(value).encode()) | misplaced(value).map(
        lambda other: json.dumps(other).encode()
    )


RECORD = {
    "version": 1,
    "finished": "2026-11-24T12:00:00",
    "versions": {LOCAL: {"macOS": "26.6 (25G72)", "Ruby": "3.4.9"}},
    "report": {"ok": True},
}


@given(either(RECORD))
@EXAMPLES
def test_a_damaged_record_is_read_or_set_aside(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "record.json").write_bytes(content)
        record, damage = read_record(directory)
        if record is None:
            (aside,) = directory.glob("record-damaged-*")
            assert aside.read_bytes() == content
            assert str(aside) in damage
            return
        assert damage == ""
        for before in record.get("versions", {}).values():  # as the next run goes by it
            changes(before, {"Ruby": "3.4.10"})
        write_record(directory, record)


JOURNAL: list[dict[str, Any]] = [
    {"event": "begun", "kind": "formula", "target": "jq", "before": {"there": ["git"]}},
    {"event": "begun", "kind": "packages", "target": "a b", "before": {"came": ["a", "b"]}},
    {"event": "begun", "kind": "left", "target": "Homebrew", "before": {"why": "it was old."}},
    {"event": "begun", "kind": "vm", "target": "colima", "before": {"home": "/x"}},
    {"event": "begun", "kind": "trust", "target": "a/b", "before": {"what": "tap"}},
    {"event": "begun", "kind": "group", "target": "docker", "before": {"user": "ada"}},
    {"event": "done"},
    {"event": "undone"},
]


def _journal_lines() -> list[dict[str, Any]]:
    told: dict[str, Any] = {"time": "2026-11-24T12:00:00Z", "machine": LOCAL}
    numbers = [1, 2, 3, 4, 5, 6, 1, 2]
    return [
        {"entry": number, **told, **line} for number, line in zip(numbers, JOURNAL, strict=True)
    ]


@st.composite
def damaged_journals(draw: st.DrawFn) -> bytes:
    lines = _journal_lines()
    at = draw(st.integers(0, len(lines) - 1))
    told = [json.dumps(line) for line in lines]
    if draw(st.booleans()):
        return draw(damaged(("\n".join(told) + "\n").encode()))
    told[at] = json.dumps(draw(misplaced(lines[at])))
    return ("\n".join(told) + "\n").encode()


@given(damaged_journals())
@EXAMPLES
def test_of_a_damaged_journal_whole_lines_count_and_it_goes_on(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / NAME).write_bytes(content)
        journal = Journal(directory)
        for machine in journal.machines:
            assert all(is_whole(made.change) for made in journal.made(machine))
        assert all(len(sentence.splitlines()) == 1 for sentence in journal.damage)
        (number,) = journal.begin(LOCAL, [Change("left", "new", {"why": "a test."})])
        journal.end([number], "done")
        again = Journal(directory)
        assert any(made.entries == (number,) for made in again.made(LOCAL))
        assert len(again.machines) >= len(journal.machines)


@pytest.mark.parametrize("damage", ["gone", "another content", "a folder"])
def test_a_file_whose_former_bytes_are_lost_is_not_taken_for_new(
    damage: str, tmp_path: Path
) -> None:
    """`undo` removes a file that was not there before; this one was."""
    profile, state = tmp_path / "profile", tmp_path / "bootstrapper"
    state.mkdir()
    profile.write_text("mine\n# >>> bootstrapper >>>\n# <<< bootstrapper <<<\n")
    Journal(state).begin(LOCAL, [Change("block", str(profile), content=b"mine\n")])
    (kept,) = (state / KEPT).iterdir()
    kept.unlink()
    if damage == "another content":
        kept.write_text("theirs\n")
    elif damage == "a folder":
        kept.mkdir()
    before = profile.read_text()
    answer = bootstrap("undo", state=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert f"what {profile} was before is lost; it is left as it is." in answer.stderr
    assert profile.read_text() == before


MANIFEST = {
    "version": 1,
    "baseurl": "/blog",
    "url": "https://example.com",
    "files": [{"path": "blog/index.html", "sha256": "0" * 64, "size": 3}],
}


@given(either(MANIFEST))
@EXAMPLES
def test_a_damaged_manifest_is_refused_or_whole(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    outcome = told_or(ManifestError, lambda: parse_manifest(text, "0" * 16, ["./blog/index.html"]))
    assert isinstance(outcome, BuiltSite | str)


BREWFILE = b"""tap "user/tap", "https://example.com/tap.git", trusted: true
brew "jq", args: ["HEAD"], link: false # a comment
cask_args appdir: "~/Applications"
cask "firefox", args: { appdir: "/Applications", require_sha: true }
mas "Xcode", id: 497799835
"""


@given(damaged(BREWFILE))
@EXAMPLES
def test_a_damaged_brewfile_is_refused_with_its_line_or_read(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    outcome = told_or(BrewfileError, lambda: parse(text, "Brewfile"))
    assert isinstance(outcome, Wishes) or outcome.startswith("line ")


CONFIG = b"""title: Test
plugins:
  - jekyll-feed # a comment
  - "jekyll-seo-tag"
theme: minima
gems: [a, 'b']
markdown: kramdown
"""
GEMFILE = b"""source "https://gems.example.com"
ruby "3.4.1"
group :jekyll_plugins do
  gem "jekyll-feed", "~> 0.17"
end
gem "jekyll", "~> 4.3", platforms: [:ruby]
"""
LOCK = (
    b"GEM\n  specs:\n    jekyll (4.3.1)\n\nRUBY VERSION\n   ruby 3.2.2p53\n\nBUNDLED WITH\n   2.6\n"
)


@given(damaged(CONFIG), damaged(GEMFILE), damaged(LOCK))
@EXAMPLES
def test_a_site_with_damaged_files_asks_for_something_or_nothing(
    config: bytes, gemfile: bytes, lock: bytes
) -> None:
    contents = {"_config.yml": config, "Gemfile": gemfile, "Gemfile.lock": lock}
    texts = {name: content.decode("utf-8", "replace") for name, content in contents.items()}
    assert isinstance(needs_of(Site("/x", "0" * 64, True, texts)), Needs)


INVENTORY = b"""web = [("@local", {"blog_port": 4001, "without_plugins": ["a"]}), "@local"]
team = (["@local"], {"blog": "~/blog"})
"""


@given(damaged(INVENTORY))
@EXAMPLES
def test_a_damaged_inventory_is_one_line_or_machines(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "hosts.py"
        path.write_bytes(content)
        outcome = told_or(
            (InventoryError, SettingsError), lambda: check_settings(load_inventory(path, {}, ()))
        )
        assert outcome


HEADER = ("https://old.example.com", "0" * 16)


@given(st.data())
@EXAMPLES
def test_a_damaged_ledger_goes_on_or_begins_anew(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with ledger_of(directory, *HEADER) as ledger:
            ledger.begin(Discovery("sitemap", ("/", "/a")))
            ledger.add(PageResult("/", (Difference("title", "/", "a", "b"),)))
        (file,) = (directory / "comparisons").iterdir()
        lines = file.read_text().splitlines()
        at = data.draw(st.integers(0, len(lines) - 1))
        if data.draw(st.booleans()):
            lines[at] = json.dumps(data.draw(misplaced(json.loads(lines[at]))))
            file.write_text("\n".join(lines) + "\n")
        else:
            file.write_bytes(data.draw(damaged(file.read_bytes())))
        with ledger_of(directory, *HEADER) as ledger:
            assert all(isinstance(path, str) for path in ledger.pending)
            assert all(isinstance(result.path, str) for result in ledger.results)


def told_or(kinds: Any, read: Callable[[], Any]) -> Any:
    """What was read, or the one line that says why not."""
    try:
        return read()
    except kinds as error:
        said = str(error)
    assert said
    return said
