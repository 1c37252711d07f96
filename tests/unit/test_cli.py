"""The command line as a user meets it: help, completions, exit codes, one line for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def bootstrap(
    *arguments: str, state: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bootstrapper", *arguments],
        cwd=PROJECT,
        env={**os.environ, "XDG_STATE_HOME": str(state), **(environment or {})},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_help_lists_every_command_and_imports_no_pyinfra(tmp_path: Path) -> None:
    answer = bootstrap("--help", state=tmp_path)
    assert answer.returncode == 0
    for command in ("plan", "doctor", "verify", "update", "undo", "preview"):
        assert command in answer.stdout
    loaded = subprocess.run(
        [sys.executable, "-c", "import bootstrapper.cli, sys; print('pyinfra' in sys.modules)"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "False\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--nonsense",),
        ("nonsense",),
        ("plan", "--only", "everything"),
        ("plan", "--set", "blog_prot=1"),
        ("plan", "--set", "blog_port=many"),
        ("plan", "--inventory", "/nowhere.py"),
        ("plan", "--limit", "nobody"),
        ("--blog", "/nowhere"),
        ("undo", "--only", "blog"),
        ("update", "--only", "blog"),
        ("update", "--locked"),
        ("--locked", "undo"),
        ("--locked", "verify"),
        ("plan", "--locked"),  # without a lock
    ],
)
def test_wrong_input_is_one_line_and_touches_nothing(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    answer = bootstrap(*arguments, state=tmp_path / "state")
    assert answer.returncode == 1
    assert len(answer.stderr.strip().splitlines()) == 1
    assert answer.stderr.startswith("bootstrap.py: ")
    assert answer.stdout == ""
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("command", [(), ("plan",), ("doctor",), ("verify",), ("update",)])
def test_a_damaged_lock_is_one_line_and_touches_nothing(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "laptop.py").write_text("laptop = ['@local']\n")
    (tmp_path / "bootstrap.lock").write_text('{"version": 1, "machines": {"macos": {"brews": {}}}}')
    answer = bootstrap(
        *command, "--inventory", str(tmp_path / "laptop.py"), state=tmp_path / "state"
    )
    assert answer.returncode == 1
    assert len(answer.stderr.strip().splitlines()) == 1
    assert "bootstrap.lock: machines.macos: unknown key 'brews'" in answer.stderr
    assert answer.stdout == ""
    assert not (tmp_path / "state" / "bootstrapper" / "record.json").exists()


def test_a_lock_of_other_machines_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "laptop.py").write_text("laptop = ['@local']\n")
    (tmp_path / "bootstrap.lock").write_text('{"version": 1}')
    inventory = ("--inventory", str(tmp_path / "laptop.py"))
    answer = bootstrap("plan", "--only", "machine", "--locked", *inventory, state=tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_options_work_before_and_after_the_command(tmp_path: Path) -> None:
    before = bootstrap("--set", "blog_port=1", "plan", state=tmp_path)
    after = bootstrap("plan", "--set", "blog_port=1", state=tmp_path)
    assert before.stderr == after.stderr
    assert "blog_port = 1" in after.stderr


def test_plan_as_json_is_versioned_and_alone_on_standard_output(tmp_path: Path) -> None:
    answer = bootstrap("plan", "--only", "machine", "--json", state=tmp_path)
    report = json.loads(answer.stdout)
    assert (answer.returncode, report["version"], report["command"]) == (0, 1, "plan")
    (machine,) = report["machines"]
    assert [operation["status"] for operation in machine["operations"]] == ["unchanged"] * 2


def test_each_run_has_one_private_log_with_what_a_bug_report_needs(tmp_path: Path) -> None:
    bootstrap("plan", "--only", "machine", "--set", "blog_port=4321", state=tmp_path)
    (log,) = (tmp_path / "bootstrapper" / "logs").glob("*.log")
    text = log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    for wanted in ("pyinfra 3.", "'blog_port': 4321", "supported system: unchanged"):
        assert wanted in text


@pytest.mark.parametrize("shell", ["zsh", "bash"])
def test_completions_offer_commands_and_stages(shell: str, tmp_path: Path) -> None:
    script = bootstrap("completion", shell, state=tmp_path)
    assert script.returncode == 0
    assert "_BOOTSTRAP_PY_COMPLETE" in script.stdout
    answer = bootstrap(
        state=tmp_path,
        environment={
            "_BOOTSTRAP_PY_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": "bootstrap.py --only co",
            "COMP_CWORD": "2",
        },
    )
    assert "container_engine" in answer.stdout


def test_a_record_that_was_damaged_is_said_and_kept(tmp_path: Path) -> None:
    directory = tmp_path / "bootstrapper"
    directory.mkdir()
    (directory / "record.json").write_text("{")
    answer = bootstrap("--only", "machine", state=tmp_path)
    assert answer.returncode == 0
    assert "record was damaged" in answer.stderr
    assert json.loads((directory / "record.json").read_text())["report"]["ok"] is True
