"""Taking back: what was there before the first run is there after, byte for byte."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from tests.maclab.machine import Mac

from .conftest import Start
from .job import bootstrap

pytestmark = pytest.mark.debian

# What is different afterwards, and why. Paths that begin so are not compared.
EXCEPTIONS = {
    "/Users/dev/.local/state/bootstrapper": "the record, the journal and the logs",
    "/Users/dev/.cache/bootstrapper": "the private environment, which runs the undo itself",
    "/Users/dev/Library/Caches": "downloads of Homebrew's and colima's; --all removes them",
    "/Library/Developer": "the Command Line Tools, kept by default",
    "/maclab": "the lab's own state: what ran, processes, receipts",
    "/private/var/db": "receipts of the Command Line Tools, kept with them",
    "/proc": "not on the disk",
    "/tmp": "scratch",
    "/var/folders": "scratch",
    "/dev": "not on the disk",
    "/sys": "not on the disk",
    "/run": "not on the disk",
}


def tree(mac: Mac) -> dict[str, str]:
    """Every file, link and directory of the Mac that the exceptions leave: its kind, its mode and
    what it holds."""
    root = mac.file("/")
    found: dict[str, str] = {}
    waiting = [root]
    while waiting:
        for path in waiting.pop().iterdir():
            name = f"/{path.relative_to(root)}"
            if any(name == place or name.startswith(f"{place}/") for place in EXCEPTIONS):
                continue
            found[name] = described(path)
            if path.is_dir() and not path.is_symlink():
                waiting.append(path)
    return found


def described(path: Path) -> str:
    status = path.lstat()
    about = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if path.is_symlink():
        return f"{about} {path.readlink()}"
    if not stat.S_ISREG(status.st_mode):
        return about
    return f"{about} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    names = sorted({*before, *after})
    return [
        f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def test_a_bare_mac_is_what_it_was(start: Start) -> None:
    mac = start()
    before = tree(mac)
    assert bootstrap(mac).returncode == 0
    plan = bootstrap(mac, "undo", "--plan")
    print(plan.stdout)
    assert plan.returncode == 0
    undone = bootstrap(mac, "undo")
    print(undone.stdout)
    assert undone.returncode == 0
    after = tree(mac)
    for place, why in EXCEPTIONS.items():
        print(f"not compared: {place} ({why})")
    assert differences(before, after) == []
    again = bootstrap(mac, "undo")
    print(again.stdout)
    assert again.returncode == 0
    assert "Nothing to take back." in again.stdout
    anew = bootstrap(mac)
    assert anew.returncode == 0, anew.stdout
    assert "Proved" in anew.stdout
