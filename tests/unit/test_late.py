"""Modules imported on first use: nothing is loaded before, and everything is real afterwards."""

import subprocess
import sys
from pathlib import Path

import pytest

from bootstrapper.late import imported_late

HEAVY = """
class Unhappy(Exception): pass
class Shape: pass
def work(happy):
    if not happy: raise Unhappy("no")
    return Shape()
"""
USER = """
from {heavy} import Shape, Unhappy, work
shapes: dict[str, Shape] = {{}}
def use(happy):
    try:
        return work(happy)
    except Unhappy as error:
        return str(error)
"""


@pytest.fixture
def heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that nobody has imported, and of one beside it that uses it."""
    name = f"heavy_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(HEAVY)
    (tmp_path / f"{name}_user.py").write_text(USER.format(heavy=name))
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_a_module_is_imported_when_something_of_it_is_called(heavy: str) -> None:
    with imported_late(heavy):
        user = __import__(f"{heavy}_user")
    assert heavy not in sys.modules
    made = user.use(True)
    assert isinstance(made, sys.modules[heavy].Shape)
    assert user.Shape is sys.modules[heavy].Shape


def test_its_exceptions_are_its_own(heavy: str) -> None:
    with imported_late(heavy):
        user = __import__(f"{heavy}_user")
    assert user.use(False) == "no"


def test_one_that_is_imported_already_stays_as_it_is(heavy: str) -> None:
    real = __import__(heavy)
    with imported_late(heavy):
        user = __import__(f"{heavy}_user")
    assert user.work is real.work


BEGIN = """
import sys
from bootstrapper.processes import make_way_for_greenlets
make_way_for_greenlets()
"""
LOOK = """
from bootstrapper import runs
print(*{"jinja2", "typeguard", "bootstrapper.proof"} & {*sys.modules})
"""
CHECK = """
from pyinfra.api.util import raise_if_bad_type
raise_if_bad_type(True, bool, KeyError, "")
raise_if_bad_type("yes", bool, KeyError, "wrong")
"""


def test_a_plan_imports_only_what_it_uses() -> None:
    assert _python(BEGIN + LOOK).stdout.split() == []


def test_pyinfras_own_check_of_types_still_checks() -> None:
    assert "KeyError: 'wrong: str is not an instance of bool'" in _python(BEGIN + CHECK).stderr


def _python(program: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", program]
    return subprocess.run(words, capture_output=True, text=True, check=False)
