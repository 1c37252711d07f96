"""Files of the user's, taken back for real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.changes import Change, Made
from deploys.operations.undo import Undoing
from deploys.undo import undo
from tests.support import evaluate
from tests.unit.test_undo import is_gone, is_kept, said

BLOCK = b"# >>> bootstrapper >>>\nexport A=1\n# <<< bootstrapper <<<\n"


def taken_back(one: Made, **options: Any) -> OperationResult:
    (result,) = evaluate(lambda: undo(Undoing((one,))), apply=True, **options)
    return result.operations[0]


@pytest.mark.parametrize(
    "before", [None, b"", b"mine\n", b"no end", b"\n\n", b"caf\xe9\r\n"], ids=str
)
def test_a_file_with_our_block_becomes_what_it_was(tmp_path: Path, before: bytes | None) -> None:
    profile = tmp_path / "profile"
    end = b"\n" if before and not before.endswith(b"\n") else b""
    profile.write_bytes((before or b"") + end + BLOCK)
    profile.chmod(0o640)
    inode = profile.stat().st_mode
    one = Made(Change("block", str(profile), content=before))
    assert taken_back(one).status == "changed"
    if before is None:
        assert not profile.exists()
    else:
        assert profile.read_bytes() == before
        assert profile.stat().st_mode == inode
    assert is_gone(taken_back(one))
    assert len(list(tmp_path.iterdir())) == (before is not None)


def test_what_was_written_around_our_block_since_stays(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(b"new first\n" + BLOCK + b"new last")
    result = taken_back(Made(Change("block", str(profile))))
    assert profile.read_bytes() == b"new first\nnew last"
    assert "has been changed since" in said(result)


def test_broken_markers_are_left_to_the_user(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(BLOCK.replace(b"<<<", b""))
    assert is_kept(taken_back(Made(Change("block", str(profile), content=b""))))


def test_dockers_configuration_gets_its_former_bytes_and_keeps_its_link_and_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    before = b'{ "auths": {"x": {"auth": "secret"}} }'
    target, kept = tmp_path / "real.json", tmp_path / "kept"
    kept.write_bytes(before)
    told = {**json.loads(before), "currentContext": "colima"}
    target.write_text(json.dumps(told))
    target.chmod(0o600)
    link = tmp_path / "config.json"
    link.symlink_to(target)
    one = Made(Change("file", str(link), {"what": "docker", "folders": []}, before), kept=kept)
    result = taken_back(one)
    assert result.status == "changed", result.failure
    assert target.read_bytes() == before
    assert target.stat().st_mode & 0o777 == 0o600
    assert link.is_symlink()
    assert "secret" not in "".join(result.commands)
    assert is_gone(taken_back(one))
    assert {path.name for path in tmp_path.iterdir()} == {"real.json", "kept", "config.json"}


def test_a_directory_of_ours_is_removed_and_no_other(tmp_path: Path) -> None:
    ours = tmp_path / ".cache/bootstrapper/gems/a"
    (ours / "b").mkdir(parents=True)
    assert taken_back(Made(Change("directory", str(ours)))).status == "changed"
    assert not ours.parent.exists()
    assert is_gone(taken_back(Made(Change("directory", str(tmp_path)))))
    assert tmp_path.exists()


COLIMAS = ("_lima/_config/user", "_lima/_networks/user-v2/user-v2.pid", "_store/colima.json")


@pytest.mark.parametrize(
    "theirs", [(), ("_templates/default.yaml",), ("_lima/_config/override.yaml", "a b/notes")]
)
def test_of_colimas_directory_only_what_colima_made_goes(
    tmp_path: Path, theirs: tuple[str, ...]
) -> None:
    home = tmp_path / "Ada's" / ".colima"
    for name in (*COLIMAS, "default/colima.yaml", "ssh_config", *theirs):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("mine")
    one = Made(Change("vm", "colima", {"home": str(home), "home_is_new": True}))
    result = taken_back(one)
    assert result.status == "changed"
    left = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert left == {*theirs}
    assert home.exists() == bool(theirs)
    assert all(name in said(result) for name in theirs)
    again = taken_back(one)
    assert again.status == "unchanged"
    assert all(name in said(again) for name in theirs)
