"""Every start after the first: what the program behind the door gets, and what it is kept from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.front_door.conftest import ROOT, Door, find_python, told


def test_second_start_builds_nothing_and_says_nothing(door: Door) -> None:
    result = door.start()
    assert told(result)["prefix"] == str(door.environment)
    assert result.stderr == ""


def test_program_gets_the_arguments_and_the_directory_of_the_user(
    door: Door, tmp_path: Path
) -> None:
    said = told(door.start("--set", "a b=c", "", "é", cwd=tmp_path))
    assert said["arguments"] == ["--set", "a b=c", "", "é"]
    assert said["directory"] == str(tmp_path)


def test_exit_code_is_the_programs(door: Door) -> None:
    assert door.start("exit", "2").returncode == 2


def test_door_opens_through_a_symbolic_link(door: Door, tmp_path: Path) -> None:
    link = tmp_path / "link.py"
    link.symlink_to(door.project / "bootstrap.py")
    result = subprocess.run(
        [sys.executable, "link.py"],
        cwd=tmp_path,
        env=door.variables(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert told(result)["prefix"] == str(door.environment)


@pytest.mark.parametrize("flag", ["-E", "-s", "-I", "-O", "-B"])
def test_door_opens_whatever_the_flags_of_python(door: Door, flag: str) -> None:
    assert told(door.start(python=[sys.executable, flag]))["tiny"] == "1.0"


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_door_opens_whatever_the_locale(door: Door, locale: str) -> None:
    assert told(door.start(LC_ALL=locale))["tiny"] == "1.0"


def test_door_opens_from_inside_another_environment(door: Door) -> None:
    inside = [str(door.environment / "bin" / "python")]
    assert told(door.start(python=inside))["prefix"] == str(door.environment)


def test_packages_of_the_user_do_not_get_in(door: Door, tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text("VERSION = 'not the locked one'")
    said = told(door.start(PYTHONPATH=str(tmp_path), cwd=tmp_path))
    assert said["tiny"] == "1.0"


def test_pythonhome_does_not_get_in(door: Door) -> None:
    assert told(door.start(PYTHONHOME=sys.base_prefix))["prefix"] == str(door.environment)


def test_what_the_program_runs_does_not_see_the_doors_variables(door: Door) -> None:
    assert told(door.start())["doors"] == []


def test_environments_lie_where_the_user_keeps_caches(door: Door, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    door.cache.rename(elsewhere / "bootstrapper")
    said = told(door.start(XDG_CACHE_HOME=str(elsewhere)))
    assert said["prefix"].startswith(f"{elsewhere}/bootstrapper/env-")


def test_cache_that_cannot_be_made_is_one_line(fresh_door: Door) -> None:
    result = fresh_door.start(HOME="/dev/null/home")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "cannot build the private environment in /dev/null/home/.cache" in result.stderr
    assert "XDG_CACHE_HOME" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_cache_of_another_user_is_not_trusted(door: Door) -> None:
    os.chown(door.cache, 65534, 65534)
    result = door.start()
    assert result.returncode == 1
    assert f"{door.cache} belongs to another user" in result.stderr


def test_missing_lock_is_one_line(door: Door) -> None:
    (door.project / "requirements" / "runtime.txt").unlink()
    result = door.start()
    assert result.returncode == 1
    assert "restore it from the repository" in result.stderr
    assert "Traceback" not in result.stderr


def test_mistake_in_the_program_is_not_taken_for_damage(door: Door) -> None:
    before = door.environment.stat().st_ino
    result = door.start("import", "nowhere import nothing")
    assert "No module named 'nowhere'" in result.stderr
    assert door.environment.stat().st_ino == before


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_python_too_old_to_start_says_so_in_one_line(version: str) -> None:
    python = find_python(version)
    result = subprocess.run(
        [python, str(ROOT / "bootstrap.py")], text=True, capture_output=True, check=False
    )
    assert result.returncode == 1
    assert f"this is Python {version}; 3.8 or newer is needed" in result.stderr
    assert "./bootstrap.sh" in result.stderr
    assert len(result.stderr.splitlines()) == 1
