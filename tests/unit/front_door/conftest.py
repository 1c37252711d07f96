"""A small checkout with the real front door, a small program behind it, and a small lock."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

PROGRAM = """
import json, os, sys

def main():
    import tiny
    match sys.argv[1:]:
        case ["exit", code]:
            sys.exit(int(code))
        case ["wait"]:
            print("waiting", flush=True)
            sys.stdin.read()
        case ["import", name, *_]:
            exec(f"from {name}")
        case _:
            print(json.dumps({
                "arguments": sys.argv[1:], "directory": os.getcwd(), "prefix": sys.prefix,
                "tiny": tiny.VERSION,
                "doors": [name for name in os.environ if "BOOTSTRAPPER" in name],
            }))
"""


@dataclass(frozen=True)
class Door:
    """One user's view: a checkout, a home, and a package index that is a directory."""

    project: Path
    home: Path
    wheels: Path

    def command(self, *arguments: str, python: Sequence[str] = (sys.executable,)) -> list[str]:
        return [*python, str(self.project / "bootstrap.py"), *arguments]

    def variables(self, **changes: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.wheels.as_uri(),
            **changes,
        }

    def start(
        self,
        *arguments: str,
        python: Sequence[str] = (sys.executable,),
        cwd: Path | None = None,
        **changes: str,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, python=python),
            env=self.variables(**changes),
            cwd=cwd or self.home,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own, as a terminal would, and do not wait."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def cache(self) -> Path:
        return self.home / ".cache" / "bootstrapper"

    @property
    def environments(self) -> list[Path]:
        return sorted(self.cache.glob("env-*"))

    @property
    def environment(self) -> Path:
        [environment] = self.environments
        return environment

    def lock(self, wheel: Path, digest: str = "") -> None:
        name, version = wheel.name.split("-")[:2]
        digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
        lock = self.project / "requirements" / "runtime.txt"
        lock.write_text(f"{name}=={version} --hash=sha256:{digest}\n")


def told(result: subprocess.CompletedProcess[str]) -> Any:
    """What the program behind the door said, once it is there without a fault."""
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within a minute"
        time.sleep(0.01)


def write_wheel(directory: Path, name: str, version: str, files: dict[str, bytes]) -> Path:
    """A wheel as pip wants it: its files, their list, and what it is."""
    wheel = directory / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in {**files, f"{info}/RECORD": record.encode()}.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, content)
    return wheel


def find_python(version: str) -> str:
    """A Python of that version on this machine; skips the test where there is none."""
    homes = [Path(directory) for directory in os.environ["PATH"].split(os.pathsep)]
    homes += Path.home().glob(f".pyenv/versions/{version}.*/bin")
    for home in homes:
        python = home / f"python{version}"
        works = [str(python), "-c", "pass"]
        if python.exists() and subprocess.run(works, capture_output=True).returncode == 0:
            return str(python)
    pytest.skip(f"no Python {version} on this machine")


def tiny_wheel(directory: Path, version: str) -> Path:
    return write_wheel(directory, "tiny", version, {"tiny.py": f"VERSION = {version!r}\n".encode()})


def write_checkout(project: Path) -> None:
    (project / "bootstrapper").mkdir(parents=True)
    (project / "requirements").mkdir()
    shutil.copy(ROOT / "bootstrap.py", project)
    for module in ("__init__.py", "door.py", "environment.py"):
        shutil.copy(ROOT / "bootstrapper" / module, project / "bootstrapper")
    shutil.copy(ROOT / "requirements" / "uv.txt", project / "requirements")
    (project / "bootstrapper" / "cli.py").write_text(PROGRAM)


@pytest.fixture
def fresh_door(tmp_path: Path) -> Door:
    """A door that nobody went through yet. Its paths are as awkward as a user's may be."""
    door = Door(tmp_path / "mein Blög" / "checkout", tmp_path / "home of Zoë", tmp_path / "wheels")
    door.home.mkdir()
    door.wheels.mkdir()
    write_checkout(door.project)
    door.lock(tiny_wheel(door.wheels, "1.0"))
    return door


@pytest.fixture(scope="session")
def built_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built environment, to be copied: it can be moved, and building takes seconds."""
    scratch = tmp_path_factory.mktemp("built")
    door = Door(scratch / "checkout", scratch, scratch)
    write_checkout(door.project)
    door.lock(tiny_wheel(scratch, "1.0"))
    told(door.start())
    return door.cache


@pytest.fixture
def door(fresh_door: Door, built_cache: Path) -> Door:
    """A door that was gone through before."""
    shutil.copytree(built_cache, fresh_door.cache, symlinks=True)
    marker = fresh_door.environment / "complete.json"
    details = json.loads(marker.read_text())
    marker.write_text(json.dumps({**details, "project": str(fresh_door.project)}))
    return fresh_door
