"""The first start: it builds the environment whole or not at all, and says what it lacks."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.front_door.conftest import (
    Door,
    tiny_wheel,
    told,
    wait_until,
    write_checkout,
)


def test_first_start_builds_an_environment_that_is_the_users_alone(fresh_door: Door) -> None:
    result = fresh_door.start("plan")
    assert told(result)["prefix"] == str(fresh_door.environment)
    assert result.stderr.splitlines() == [
        "Preparing the private environment (once, about 20 s) ..."
    ]
    for directory in (fresh_door.cache, fresh_door.environment):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_two_starts_at_once_build_one_environment(fresh_door: Door) -> None:
    first = fresh_door.begin()
    wait_until(lambda: list(fresh_door.cache.glob(".building-*")))
    second = fresh_door.begin()
    ends = [start.communicate(timeout=120) for start in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], ends
    said = [error for _, error in ends]
    assert "Preparing" in said[0]
    assert said[1].startswith("Another start is preparing")
    assert "Preparing" not in said[1]
    assert fresh_door.environment.is_dir()


def test_stopped_build_leaves_nothing_half_and_no_traceback(fresh_door: Door) -> None:
    start = fresh_door.begin()
    wait_until(lambda: list(fresh_door.cache.glob(".building-*/pyvenv.cfg")))
    os.killpg(start.pid, signal.SIGINT)
    _, said = start.communicate(timeout=60)
    assert start.returncode == 130
    assert said.splitlines()[-1] == "Stopped."
    assert "Traceback" not in said
    assert [path.name for path in fresh_door.cache.iterdir()] == ["lock"]


def test_build_cut_by_a_power_failure_is_begun_again(fresh_door: Door) -> None:
    start = fresh_door.begin()
    wait_until(lambda: list(fresh_door.cache.glob(".building-*/pyvenv.cfg")))
    os.killpg(start.pid, signal.SIGKILL)
    start.communicate()
    assert told(fresh_door.start())["tiny"] == "1.0"
    names = {path.name for path in fresh_door.cache.iterdir()}
    assert names == {"lock", fresh_door.environment.name}


def test_new_lock_gets_a_new_environment_and_the_old_one_goes(door: Door) -> None:
    old = door.environment
    door.lock(tiny_wheel(door.wheels, "2.0"))
    assert told(door.start())["tiny"] == "2.0"
    assert door.environment != old


def test_old_environment_in_use_is_left_alone(door: Door) -> None:
    old = door.environment
    running = door.begin("wait")
    assert running.stdout is not None
    assert running.stdout.readline() == "waiting\n"
    door.lock(tiny_wheel(door.wheels, "2.0"))
    told(door.start())
    assert old.is_dir()
    running.communicate("")
    door.lock(tiny_wheel(door.wheels, "3.0"))
    told(door.start())
    assert not old.exists()


def test_environment_of_another_checkout_is_left_alone(door: Door, tmp_path: Path) -> None:
    other = dataclasses.replace(door, project=tmp_path / "other")
    write_checkout(other.project)
    other.lock(tiny_wheel(door.wheels, "2.0"))
    assert told(other.start())["tiny"] == "2.0"
    assert door.start().stderr == ""


def test_package_that_was_not_locked_is_refused(fresh_door: Door) -> None:
    fresh_door.lock(tiny_wheel(fresh_door.wheels, "1.0"), digest="0" * 64)
    result = fresh_door.start()
    assert result.returncode == 1
    assert "a package is not the one that was locked" in result.stderr
    assert "--require-hashes" in result.stderr
    assert fresh_door.environments == []


def test_no_network_is_said_in_words(fresh_door: Door) -> None:
    result = fresh_door.start(
        PIP_NO_INDEX="0",
        PIP_FIND_LINKS="",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="1",
    )
    assert result.returncode == 1
    assert "no network: the package index could not be reached" in result.stderr
    assert "Connection refused" in result.stderr
    assert "Traceback" not in result.stderr
    assert fresh_door.environments == []


def test_files_named_in_pips_settings_are_found_from_where_the_user_is(fresh_door: Door) -> None:
    assert told(fresh_door.start(PIP_FIND_LINKS="../wheels", cwd=fresh_door.home))["tiny"] == "1.0"


def test_settings_that_send_packages_elsewhere_do_not_reach_the_build(
    fresh_door: Door, tmp_path: Path
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nuser = yes\nrequire-virtualenv = yes\n")
    elsewhere = str(tmp_path / "elsewhere")
    said = told(
        fresh_door.start(
            PIP_CONFIG_FILE=str(config),
            PIP_TARGET=elsewhere,
            PIP_PREFIX=elsewhere,
            PIP_ROOT=elsewhere,
            PIP_USER="1",
            PIP_REQUIRE_VIRTUALENV="1",
            PYTHONPATH=elsewhere,
        )
    )
    assert said["tiny"] == "1.0"
    assert not Path(elsewhere).exists()


def test_configuration_that_sends_packages_elsewhere_is_named(
    fresh_door: Door, tmp_path: Path
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(f"[install]\ntarget = {tmp_path}/elsewhere\n")
    result = fresh_door.start(PIP_CONFIG_FILE=str(config))
    assert result.returncode == 1
    assert "pip config list" in result.stderr
    assert fresh_door.environments == []


def _python_without(tmp_path: Path, *modules: str) -> str:
    """A Python whose distribution left out these modules, as Debian's leaves out ensurepip."""
    python = tmp_path / "lacking"
    subprocess.run([sys.executable, "-m", "venv", "--copies", python], check=True)
    site = next(python.glob("lib/python*/site-packages"))
    hidden = "; ".join(f"sys.modules[{module!r}] = None" for module in modules)
    (site / "lacking.pth").write_text(f"import sys; {hidden}\n")
    return str(python / "bin" / "python3")


def test_python_without_ensurepip_builds_with_its_pip(fresh_door: Door, tmp_path: Path) -> None:
    python = _python_without(tmp_path, "ensurepip")
    assert told(fresh_door.start(python=[python]))["tiny"] == "1.0"


def test_python_without_ensurepip_and_pip_builds_with_uv(fresh_door: Door, tmp_path: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("no uv; pip install -r requirements/dev.txt")
    (tmp_path / "uv").symlink_to(uv)
    python = _python_without(tmp_path, "ensurepip", "pip")
    settings = tmp_path / "uv.toml"
    settings.write_text(f"no-index = true\nfind-links = [{str(fresh_door.wheels)!r}]\n")
    result = fresh_door.start(python=[python], PATH=str(tmp_path), UV_CONFIG_FILE=str(settings))
    assert told(result)["tiny"] == "1.0"
    assert stat.S_IMODE(fresh_door.environment.stat().st_mode) == 0o700


def test_python_that_can_make_no_environment_says_what_to_install(
    fresh_door: Door, tmp_path: Path
) -> None:
    python = _python_without(tmp_path, "ensurepip", "pip")
    result = fresh_door.start(python=[python], PATH="/nowhere")
    assert result.returncode == 1
    assert "apt-get install python3-venv" in result.stderr
    assert "./bootstrap.sh" in result.stderr
    assert "Traceback" not in result.stderr


def test_pythons_own_variables_do_not_reach_the_build(fresh_door: Door, tmp_path: Path) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('not pip')")
    variables = {"PYTHONHOME": sys.base_prefix, "PYTHONPATH": str(tmp_path)}
    assert told(fresh_door.start(cwd=tmp_path, **variables))["tiny"] == "1.0"
