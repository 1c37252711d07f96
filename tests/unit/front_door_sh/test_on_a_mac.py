"""`bootstrap.sh` on a Mac, where /usr/bin/python3 may be a stub that opens a dialog."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.front_door_sh.conftest import Machine, ran

UNSHARE = ["/usr/bin/unshare", "--mount"]
if os.geteuid() != 0:
    UNSHARE.append("--map-root-user")
RECORDER = "#!/bin/sh\necho ran >>{}\nexit 1\n"


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """What a Mac without the command line tools has as /usr/bin/python3; records that it ran."""
    allowed = subprocess.run([*UNSHARE, "true"], capture_output=True, check=False)
    if allowed.returncode != 0 or not Path("/usr/bin/python3").exists():
        pytest.skip("needs mount namespaces and a /usr/bin/python3 to cover")
    path = tmp_path / "stub"
    path.write_text(RECORDER.format(shlex.quote(str(tmp_path / "stub-ran"))))
    path.chmod(0o755)
    return path


def with_stub(
    machine: Machine, stub: Path, directory: str = "/usr/bin"
) -> subprocess.CompletedProcess[str]:
    """Run it where /usr/bin/python3 is this file: in a mount namespace, the machine unharmed."""
    script = shlex.quote(str(machine.checkout / "bootstrap.sh"))
    inside = f"mount --bind {shlex.quote(str(stub))} /usr/bin/python3 && exec sh {script} plan"
    return machine.run_as([*UNSHARE, "/bin/sh", "-c", inside], f":{directory}:/usr/bin")


@pytest.mark.parametrize("tools", ["never installed", "emptied by an upgrade"])
def test_mac_without_the_tools_never_runs_the_stub(
    machine: Machine, uv: bytes, stub: Path, tmp_path: Path, tools: str
) -> None:
    empty = tmp_path / "CommandLineTools"
    empty.mkdir()
    machine.is_mac(developer_directory=None if tools == "never installed" else empty)
    machine.serves("aarch64-apple-darwin", uv)
    machine.has_python(f"python3.{sys.version_info[1]}")
    links = tmp_path / "bin"
    links.mkdir()
    (links / "python3").symlink_to("/usr/bin/python3")
    result = with_stub(machine, stub, str(links))
    assert ran(result, machine, "plan")
    assert machine.index.asked == ["uv-aarch64-apple-darwin.tar.gz"]
    assert not (tmp_path / "stub-ran").exists()
    assert (machine.home / "Library" / "Caches" / "bootstrapper").is_dir()


def test_mac_with_the_tools_uses_their_python_and_not_the_stub(
    machine: Machine, stub: Path, tmp_path: Path
) -> None:
    binaries = tmp_path / "Command Line Tools" / "usr" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python3").symlink_to(Path(sys.executable).resolve())
    machine.is_mac(developer_directory=binaries.parents[1])
    assert ran(with_stub(machine, stub), machine, "plan")
    assert machine.index.asked == []
    assert not (tmp_path / "stub-ran").exists()


def test_terminal_under_rosetta_gets_the_build_for_apple_silicon(
    machine: Machine, uv: bytes, stub: Path
) -> None:
    machine.is_mac(developer_directory=None)
    machine.command("uname", "#!/bin/sh\n[ $1 = -s ] && echo Darwin || echo x86_64\n")
    machine.command("sysctl", "#!/bin/sh\necho 1\n")
    machine.serves("aarch64-apple-darwin", uv)
    machine.has_python(f"python3.{sys.version_info[1]}")
    assert ran(with_stub(machine, stub), machine, "plan")
