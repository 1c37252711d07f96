"""The simulated brew against recordings of the real one: exit code, stdout, stderr."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.maclab.brew import main
from tests.maclab.brew.conformance import replay
from tests.maclab.brew.conformance.compare import Verdict
from tests.maclab.brew.sources import ORIGINS

# The shares that were reached. A change that agrees with fewer recordings has to say why.
FLOOR = {"code": 1.0, "out": 0.994, "err": 0.992, "all": 0.990}


@pytest.fixture(scope="module")
def verdicts() -> Iterator[dict[str, Verdict]]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        replayer = replay.Replayer(Path(folder))
        yield {name: replayer.verdict(recorded) for name, recorded in replay.recordings().items()}


@pytest.mark.parametrize("part", ["code", "out", "err", "all"])
def test_brew_answers_as_recorded(
    verdicts: dict[str, Verdict], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [name for name, verdict in verdicts.items() if not getattr(verdict, part)]
    share = 1 - len(wrong) / len(verdicts)
    with capsys.disabled():
        agreeing = len(verdicts) - len(wrong)
        print(f"\n{part}: {agreeing} of {len(verdicts)} recordings agree ({share:.1%})")
    assert share >= FLOOR[part], f"{part} differs in: {', '.join(wrong)}"


def test_every_recording_is_replayed_or_left_out_for_a_reason() -> None:
    kept = set(replay.recordings())
    assert not kept & set(replay.excluded())
    assert len(kept) + len(replay.excluded()) == 587
    assert all(replay.group_of(name) for name in kept)


def test_behaviours_name_recordings_that_exist() -> None:
    _import_all()
    known = set(replay.recordings()) | set(replay.excluded())
    cited = {name for origin in ORIGINS for name in origin.recordings}
    assert cited <= known


def test_every_command_says_where_it_was_seen() -> None:
    _import_all()
    told = {origin.behaviour for origin in ORIGINS}
    assert set(main.COMMANDS.values()) <= told


def _import_all() -> None:
    for target in main.COMMANDS.values():
        import_module(f"tests.maclab.brew.{target.partition('.')[0]}")
