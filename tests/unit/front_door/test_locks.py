"""The locks in `requirements/`: complete, hashed, the same everywhere, and at home on any index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.front_door.conftest import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def _locked(lock: Path) -> dict[str, set[str]]:
    """The names in a lock, each with its versions: some differ by Python or machine."""
    versions: dict[str, set[str]] = {}
    for line in _entries(lock):
        requirement = Requirement(line.split("--hash")[0].strip())
        versions.setdefault(canonicalize_name(requirement.name), set()).add(
            f"{requirement.specifier} ; {requirement.marker}"
        )
    return versions


def _entries(lock: Path) -> list[str]:
    return lock.read_text().replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_and_hashed(lock: Path) -> None:
    entry = re.compile(r"[a-z0-9.-]+==\S+( ; [^-]+?)?( +--hash=sha256:[0-9a-f]{64})+ *")
    assert [line for line in _entries(lock) if not entry.fullmatch(line)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_wish_is_locked(lock: Path) -> None:
    wishes = [
        Requirement(line)
        for line in lock.with_suffix(".in").read_text().splitlines()
        if line and not line.startswith(("#", "-"))
    ]
    assert {canonicalize_name(wish.name) for wish in wishes} <= set(_locked(lock))


@pytest.mark.parametrize("name", ["runtime.txt", "uv.txt"])
def test_developers_have_what_users_have(name: str) -> None:
    users, developers = (_locked(ROOT / "requirements" / lock) for lock in (name, "dev.txt"))
    assert {package: developers.get(package) for package in users} == users


def test_both_doors_bring_the_same_uv() -> None:
    script = (ROOT / "bootstrap.sh").read_text()
    version = re.search(r"^UV_VERSION=(\S+)$", script, re.MULTILINE)
    assert version is not None
    assert _locked(ROOT / "requirements" / "uv.txt") == {"uv": {f"=={version[1]} ; None"}}
