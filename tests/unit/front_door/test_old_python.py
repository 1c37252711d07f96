"""A Python that is too old for the program: the door finds a newer one, or fetches it."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from tests.unit.front_door.conftest import Door, find_python, told, write_wheel


@pytest.fixture(params=["3.8", "3.9"])
def old_python(request: pytest.FixtureRequest) -> str:
    return find_python(request.param)


@pytest.fixture
def door_with_uv(fresh_door: Door) -> Door:
    """Its index has uv: the real one of the development environment, packed up again."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("no uv; pip install -r requirements/dev.txt")
    program = Path(uv).read_bytes()
    wheel = write_wheel(fresh_door.wheels, "uv", "1.0", {"uv-1.0.data/scripts/uv": program})
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = fresh_door.project / "requirements" / "uv.txt"
    lock.write_text(f"uv==1.0 --hash=sha256:{digest}\n")
    return fresh_door


def test_old_python_starts_the_program_in_a_newer_one(
    door_with_uv: Door, old_python: str, tmp_path: Path
) -> None:
    newer = tmp_path / "bin"
    newer.mkdir()
    (newer / "python3").symlink_to(sys.executable)
    result = door_with_uv.start(python=[old_python], PATH=str(newer))
    assert told(result)["tiny"] == "1.0"
    assert "the program needs Python 3.10 to 3.14. Looking for one" in result.stderr
    again = door_with_uv.start(python=[old_python])
    assert told(again)["tiny"] == "1.0"
    assert again.stderr == ""


def test_environment_of_an_old_python_is_mended_too(
    door_with_uv: Door, old_python: str, tmp_path: Path
) -> None:
    prefix = told(door_with_uv.start(python=[old_python]))["prefix"]
    next(Path(prefix).glob("lib/python*/site-packages/tiny.py")).unlink()
    result = door_with_uv.start(python=[old_python])
    assert told(result)["prefix"] == prefix
    assert result.stderr.count("Preparing the private environment") == 1


def test_no_newer_python_and_no_way_to_fetch_one_is_one_line(
    door_with_uv: Door, old_python: str
) -> None:
    result = door_with_uv.start(
        python=[old_python],
        PATH="/nowhere",
        UV_PYTHON_INSTALL_MIRROR="http://127.0.0.1:9",
        UV_HTTP_RETRIES="0",
    )
    assert result.returncode == 1
    [line] = [line for line in result.stderr.splitlines() if line.startswith("bootstrap.py: ")]
    assert "uv found none on this machine and could not fetch 3.13" in line
    assert "refused" in line.lower()
    assert "apt-get install python3" in line
    assert "Traceback" not in result.stderr
