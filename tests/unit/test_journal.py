"""The journal: written before a change is made, whole or not at all, private, read by anyone."""

from __future__ import annotations

import errno
import json
import stat
from pathlib import Path

import pytest
from pyinfra.api import StringCommand, operation

from bootstrapper.engine import Engine
from bootstrapper.journal import KEPT, NAME, Journal
from bootstrapper.results import OperationResult
from deploys.changes import Change, change
from deploys.operations import Commands
from tests.support import LOCAL, Remembering, local_inventory, stage

JQ = Change("formula", "jq", {"there": ["tree"]})
PROFILE = Change("block", "/home/ada/.zprofile", content=b"caf\xe9 = secret")


@operation()
def makes(target: str, command: str) -> Commands:
    change("directory", target)
    yield StringCommand(command)


def run(directory: Path, target: str, command: str, *, apply: bool = True) -> OperationResult:
    declared = stage(lambda: makes(target=target, command=command, name="it"))
    with Engine(local_inventory(), Remembering(), Journal(directory)) as engine:
        (result,) = engine.evaluate([declared], apply=apply)
    return result.operations[0]


def lines(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / NAME).read_text().splitlines()]


def test_a_change_is_on_the_disk_before_its_command_runs_and_completed_after(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "copy"
    assert run(tmp_path, "/a", f"cp {tmp_path / NAME} {copy}").status == "changed"
    (seen,) = [json.loads(line) for line in copy.read_text().splitlines()]
    assert (seen["event"], seen["kind"], seen["target"]) == ("begun", "directory", "/a")
    assert [line["event"] for line in lines(tmp_path)] == ["begun", "done"]


def test_a_command_that_fails_is_written_down_as_that(tmp_path: Path) -> None:
    assert run(tmp_path, "/a", "false").status == "failed"
    assert [line["event"] for line in lines(tmp_path)] == ["begun", "failed"]
    (made,) = Journal(tmp_path).made(LOCAL)
    assert made.finished is False


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "/a", "true", apply=False).status == "planned"
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_down_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bootstrapper.journal.os.write", full)
    result = run(tmp_path, "/a", f"touch {tmp_path / 'made'}")
    assert result.status == "failed"
    assert result.failure is not None
    assert "No space left on device" in result.failure.summary
    assert not (tmp_path / "made").exists()
    assert (tmp_path / NAME).read_bytes() == b""


def test_what_is_written_is_read_newest_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.recording(LOCAL, [PROFILE]):
        pass
    journal.begin(LOCAL, [JQ])
    journal.begin("other", [Change("tap", "user/tap")])
    jq, profile = Journal(tmp_path).made(LOCAL)
    assert jq.change == JQ
    assert (jq.finished, jq.ended) == (False, 0.0)
    assert profile.change == PROFILE
    assert profile.finished


def test_former_bytes_are_for_the_users_eyes_only_and_kept_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(LOCAL, [PROFILE])
    journal.begin(LOCAL, [PROFILE])
    (kept,) = (tmp_path / KEPT).iterdir()
    assert kept.read_bytes() == PROFILE.content
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / NAME, kept.parent, kept)]
    assert modes == [0o600, 0o700, 0o600]
    assert b"secret" not in (tmp_path / NAME).read_bytes()


def test_former_bytes_go_when_no_change_needs_them(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (first,) = journal.begin(LOCAL, [PROFILE])
    (second,) = journal.begin(LOCAL, [PROFILE])
    (other,) = journal.begin(LOCAL, [Change("block", "/b", content=b"other")])
    journal.end([first, other], "undone")
    (kept,) = (tmp_path / KEPT).iterdir()
    assert kept.read_bytes() == PROFILE.content
    Journal(tmp_path).end([second], "undone")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_former_bytes_stay_as_long_as_a_damaged_line_may_name_them(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (number,) = journal.begin(LOCAL, [PROFILE])
    with (tmp_path / NAME).open("a") as file:
        file.write("{damaged}\n")
    Journal(tmp_path).end([number], "undone")
    assert len(list((tmp_path / KEPT).iterdir())) == 1


def test_the_number_of_a_change_of_a_newer_version_is_not_given_again(tmp_path: Path) -> None:
    (number,) = Journal(tmp_path).begin(LOCAL, [JQ])
    with (tmp_path / NAME).open("a") as file:
        newer = {**lines(tmp_path)[0], "entry": number + 1, "kind": "of tomorrow"}
        file.write(json.dumps(newer) + "\n")
    assert Journal(tmp_path).begin(LOCAL, [JQ]) == (number + 2,)


def test_damaged_former_bytes_are_written_anew(tmp_path: Path) -> None:
    Journal(tmp_path).begin(LOCAL, [PROFILE])
    (kept,) = (tmp_path / KEPT).iterdir()
    kept.write_bytes(b"")
    Journal(tmp_path).begin(LOCAL, [PROFILE])
    assert kept.read_bytes() == PROFILE.content


def test_of_several_changes_of_one_thing_the_state_before_the_first_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first = Change("file", "/a", content=b"first")
    for one in (first, JQ, Change("file", "/a", content=b"second")):
        journal.begin(LOCAL, [one])
    assert [made.change for made in journal.made(LOCAL)] == [JQ, first]
    assert journal.made(LOCAL)[1].entries == (1, 3)


def test_a_container_comes_before_the_images_of_its_latest_build(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for one in ("1", "2"):
        journal.begin(LOCAL, [Change("image", one)])
        journal.begin(LOCAL, [Change("container", "blog")])
    assert [made.target for made in journal.made(LOCAL)] == ["blog", "2", "1"]


def test_what_was_taken_back_is_not_known_any_more(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.end(journal.begin(LOCAL, [JQ]), "undone")
    assert journal.made(LOCAL) == Journal(tmp_path).made(LOCAL) == ()
    journal.begin(LOCAL, [JQ])
    assert [made.entries for made in Journal(tmp_path).made(LOCAL)] == [(2,)]


def test_after_a_power_cut_between_any_two_bytes_the_rest_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.end(journal.begin(LOCAL, [JQ]), "done")
    whole = (tmp_path / NAME).read_bytes()
    journal.begin(LOCAL, [PROFILE])
    content = (tmp_path / NAME).read_bytes()
    for size in range(len(whole) + 1, len(content)):
        (tmp_path / NAME).write_bytes(content[:size])
        torn = Journal(tmp_path)
        assert [made.target for made in torn.made(LOCAL)] == ["jq"]
        assert "was cut off" in torn.damage[0]
    torn.begin(LOCAL, [PROFILE])
    assert (tmp_path / NAME).read_bytes().startswith(whole + b'{"entry": 2')
    (aside,) = tmp_path.glob("changes-torn-*")
    assert aside.read_bytes() == content[len(whole) : -1]
    assert Journal(tmp_path).damage == ()


@pytest.mark.parametrize("line", ["\0\0\0", "{}", "[]", '{"entry": 9, "event": "done"}'])
def test_a_line_that_cannot_be_read_is_passed_over_and_said(tmp_path: Path, line: str) -> None:
    Journal(tmp_path).begin(LOCAL, [JQ])
    with (tmp_path / NAME).open("a") as file:
        file.write(f"{line}\n")
    journal = Journal(tmp_path)
    assert f"line 2 of {tmp_path / NAME} cannot be read" in journal.damage[0]
    assert journal.begin(LOCAL, [PROFILE]) == (2,)
    assert len(Journal(tmp_path).made(LOCAL)) == 2


def test_a_machine_without_a_journal_has_nothing_to_take_back(tmp_path: Path) -> None:
    assert Journal(tmp_path).made(LOCAL) == ()
    assert list(tmp_path.iterdir()) == []
