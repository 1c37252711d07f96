"""The command `undo` as a user meets it, on this computer, with a journal of files of a test's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrapper.journal import NAME, Journal
from deploys.changes import Change
from tests.support import LOCAL
from tests.unit.test_cli import bootstrap
from tests.unit.test_undo_files import BLOCK


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A profile with our block in it, and a state directory `tmp_path` whose journal knows that."""
    profile = tmp_path / "profile"
    profile.write_bytes(b"mine\n" + BLOCK)
    (tmp_path / "bootstrapper").mkdir()
    journal = Journal(tmp_path / "bootstrapper")
    journal.begin(LOCAL, [Change("left", "Homebrew, updated", {"why": "it was too old."})])
    journal.begin(LOCAL, [Change("block", str(profile), content=b"mine\n")])
    return profile


def test_the_plan_shows_why_and_how_and_changes_nothing(profile: Path, tmp_path: Path) -> None:
    journal = (tmp_path / "bootstrapper" / NAME).read_bytes()
    answer = bootstrap("undo", "--plan", state=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert f"{profile} has what was written here. It becomes what it was." in answer.stdout
    assert f"file={profile}" in answer.stdout
    assert "1 change to make." in answer.stdout
    assert profile.read_bytes() == b"mine\n" + BLOCK
    assert (tmp_path / "bootstrapper" / NAME).read_bytes() == journal


def test_it_takes_back_and_a_second_one_has_nothing_to_do(profile: Path, tmp_path: Path) -> None:
    first = bootstrap("undo", state=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "Left as it is: Homebrew, updated: it was too old." in first.stdout
    assert "1 change." in first.stdout
    assert profile.read_bytes() == b"mine\n"
    second = bootstrap("undo", state=tmp_path)
    assert (second.returncode, second.stdout) == (0, "Nothing to take back.\n")


def test_json_has_the_same_values(profile: Path, tmp_path: Path) -> None:
    report = json.loads(bootstrap("undo", "--json", state=tmp_path).stdout)
    assert (report["version"], report["command"], report["ok"]) == (1, "undo", True)
    (machine,) = report["machines"]
    done = {one["name"]: one["status"] for one in machine["operations"]}
    assert done[f"block {profile}"] == "changed"


def test_a_failure_is_said_and_the_rest_goes_on(profile: Path, tmp_path: Path) -> None:
    place = tmp_path / ".cache/bootstrapper/gems"
    place.parent.mkdir(parents=True)
    place.write_text("no directory")
    (tmp_path / "bin").mkdir()
    rm = tmp_path / "bin" / "rm"
    rm.write_text("#!/bin/sh\necho 'it is busy' >&2; exit 1\n")
    rm.chmod(0o755)
    Journal(tmp_path / "bootstrapper").begin(LOCAL, [Change("directory", str(place))])
    path = f"{rm.parent}:/usr/bin:/bin"
    answer = bootstrap("undo", state=tmp_path, environment={"PATH": path})
    assert answer.returncode == 1
    assert f"directory {place}" in answer.stderr
    assert "it is busy" in answer.stderr
    assert "Traceback" not in answer.stderr
    again = bootstrap("undo", state=tmp_path)
    assert again.returncode == 0, again.stderr
    assert not place.exists()
    assert profile.read_bytes() == b"mine\n"


def test_a_machine_without_a_journal_is_told_that_nothing_is_known(tmp_path: Path) -> None:
    answer = bootstrap("undo", state=tmp_path)
    assert answer.returncode == 0
    assert "the journal knows of no change of this machine" in answer.stdout


def test_a_torn_last_line_is_said_and_the_rest_is_taken_back(profile: Path, tmp_path: Path) -> None:
    with (tmp_path / "bootstrapper" / NAME).open("a") as file:
        file.write('{"entry": 3, "eve')
    answer = bootstrap("undo", state=tmp_path)
    assert answer.returncode == 0
    assert "was cut off and is passed over" in answer.stderr
    assert profile.read_bytes() == b"mine\n"
