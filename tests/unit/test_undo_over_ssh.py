"""Taking back on another machine: its own entries of the journal, former bytes sent over SSH."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.fleet import Fleet, fleet
from bootstrapper.inventory import load_inventory
from bootstrapper.journal import KEPT, Journal
from deploys.changes import Change
from tests.support import LOCAL
from tests.unit.test_cli import bootstrap
from tests.unit.test_undo_files import BLOCK

pytestmark = pytest.mark.debian

BEFORE = b'{\n\t"auths": {"x.example": {"auth": "c2VjcmV0"}}\n}\n'


def test_what_is_of_a_machine_is_taken_back_there_and_nothing_else(tmp_path: Path) -> None:
    profile, config, own = (tmp_path / name for name in ("profile", "config.json", "own"))
    profile.write_bytes(b"mine\n" + BLOCK)
    told = {**json.loads(BEFORE), "currentContext": "colima"}
    config.write_text(json.dumps(told))
    config.chmod(0o600)
    own.write_bytes(BLOCK)
    with fleet(tmp_path / "fleet") as machines:
        assert isinstance(machines, Fleet)
        inventory = machines.inventory(1)
        (name,) = load_inventory(inventory, {}, ()).hosts
        state = tmp_path / "bootstrapper"
        state.mkdir()
        journal = Journal(state)
        journal.begin(name, [Change("block", str(profile), content=b"mine\n")])
        about = {"what": "docker", "folders": []}
        journal.begin(name, [Change("file", str(config), about, content=BEFORE)])
        journal.begin(LOCAL, [Change("block", str(own))])
        answer = bootstrap("undo", "--inventory", str(inventory), state=tmp_path)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        again = bootstrap("undo", "--inventory", str(inventory), state=tmp_path)
        assert "Nothing to take back." in again.stdout
    assert profile.read_bytes() == b"mine\n"
    assert config.read_bytes() == BEFORE
    assert config.stat().st_mode & 0o777 == 0o600
    assert own.read_bytes() == BLOCK
    assert [path.name for path in tmp_path.glob("*bootstrapper-*")] == []
    assert not (state / KEPT).exists()
