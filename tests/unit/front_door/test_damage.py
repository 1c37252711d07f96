"""An environment that was broken from outside is noticed and built anew: once, never in a loop."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.front_door.conftest import Door, told


def _lose_a_module(environment: Path) -> None:
    next(environment.glob("lib/python*/site-packages/tiny.py")).unlink()


def _lose_the_base_python(environment: Path) -> None:
    python = environment / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")


def _spoil_the_python(environment: Path) -> None:
    python = environment / "bin" / "python"
    python.unlink()
    python.write_text("#!/nowhere/python3\n")
    python.chmod(0o755)


def _lose_what_makes_it_an_environment(environment: Path) -> None:
    (environment / "pyvenv.cfg").unlink()


def _lose_the_marker(environment: Path) -> None:
    (environment / "complete.json").unlink()


def _lose_the_packages(environment: Path) -> None:
    shutil.rmtree(environment / "lib")


@pytest.mark.parametrize(
    "damage",
    [
        _lose_a_module,
        _lose_the_base_python,
        _spoil_the_python,
        _lose_what_makes_it_an_environment,
        _lose_the_marker,
        _lose_the_packages,
    ],
)
def test_damaged_environment_is_built_anew_and_the_program_runs(door: Door, damage: object) -> None:
    assert callable(damage)
    damage(door.environment)
    result = door.start("once")
    assert told(result)["arguments"] == ["once"]
    assert result.stderr.count("Preparing the private environment") == 1
    assert told(door.start())["tiny"] == "1.0"


def test_damage_that_a_rebuild_does_not_mend_ends_in_one_line(door: Door) -> None:
    result = door.start("import", "tiny import what_it_never_had")
    assert result.returncode == 1
    assert result.stderr.count("Preparing the private environment") == 1
    assert "was built anew and is still damaged" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_rebuild_that_fails_says_why_in_one_place(door: Door) -> None:
    _lose_a_module(door.environment)
    shutil.rmtree(door.wheels)
    door.wheels.mkdir()
    result = door.start()
    assert result.returncode == 1
    assert "The private environment is damaged" in result.stderr
    assert "cannot build the private environment" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_environment_whose_python_is_gone_goes_when_another_is_built(door: Door) -> None:
    """After an upgrade of Homebrew's Python, which the environment was made of."""
    lost = door.environment.rename(door.cache / "env-0123456789abcdef-of-another-python")
    _lose_the_base_python(lost)
    assert told(door.start("once"))["arguments"] == ["once"]
    assert door.environment != lost
