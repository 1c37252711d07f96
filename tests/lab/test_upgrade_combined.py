"""Several breakages at once: all of them are named, mended in one run, each after what it needs."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pytest

from tests.maclab.machine import Mac

from .job import bootstrap, changed, diagnosed, record
from .test_upgrade_engines import LAN
from .test_upgrade_ruby import KEG
from .test_what_is_there import unchanged

pytestmark = pytest.mark.debian


@dataclass(frozen=True)
class Broken:
    """`mended` and `said` are the codes of what is found, those that are mended in the order of the
    plan; `steps` how the commands begin that have to come one after the other."""

    presets: tuple[str, ...]
    mended: tuple[str, ...]
    said: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


COMBINED = {
    "tools, Homebrew, gems": Broken(
        (
            "offers 27.0",
            "broken-tools",
            "old-homebrew 6.0.10 7.0.7 40",
            f"gems-of-an-older-macos {KEG}",
        ),
        ("tools.broken", "homebrew.too-old", "ruby.gems-of-another-system"),
        steps=("softwareupdate -i", "brew update-reset", "bundle install"),
    ),
    "engine, credentials, Ruby": Broken(
        ("colima-network-stale", "docker-app-removed", f"openssl-gone {KEG}"),
        (
            "engine.colima-network-stale",
            "docker.credential-helper-missing",
            "ruby.library-gone",
        ),
        steps=("colima start", "brew reinstall ruby@3.4"),
    ),
    "all that is mended": Broken(
        (
            "offers 27.0",
            "context-stale",
            "broken-tools",
            "old-homebrew 6.0.22 7.0.7 40",
            "pkgconf-of 26.1",
            f"openssl-gone {KEG}",
        ),
        (
            "tools.broken",
            "homebrew.too-old",
            "homebrew.pkgconf-of-another-macos",
            "engine.context-stale",
            "ruby.library-gone",
        ),
        steps=("softwareupdate -i", "brew update", "brew reinstall pkgconf", "brew reinstall ruby"),
    ),
    "said, and one that is mended": Broken(
        ("touch-id sudo", "nix-darwin zshrc", "apple-container unregistered", "docker-links"),
        ("homebrew.docker-links",),
        said=(
            "machine.touch-id-until-upgrade",
            "engine.apple-container-down",
            "shell.nix-darwin-files",
        ),
    ),
}


@pytest.mark.parametrize("broken", COMBINED.values(), ids=COMBINED)
def test_all_are_named_and_mended_in_one_run(proved: Mac, broken: Broken) -> None:
    proved.prepare(*broken.presets)
    assert diagnosed(proved) == {*broken.mended, *broken.said}

    plan = bootstrap(proved, "plan", "--json")
    (machine,) = json.loads(plan.stdout)["machines"]
    planned = having(machine, "planned", broken.mended)
    assert tuple(planned) == broken.mended
    assert all(planned.values()), "each of them shows its commands"

    proved.forget_commands()
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert run.stdout.rstrip().splitlines()[-2].startswith("✓ Proved")
    (machine,) = record(proved)["machines"]
    assert tuple(having(machine, "changed", broken.mended)) == broken.mended
    did = [f"{c.command} {' '.join(c.argv)}" for c in proved.commands()]
    places = [next(i for i, line in enumerate(did) if line.startswith(s)) for s in broken.steps]
    assert places == sorted(places)

    assert unchanged(proved)
    assert diagnosed(proved) == set(broken.said)


def test_what_was_hidden_behind_another_is_mended_in_the_same_run(proved: Mac) -> None:
    """Nobody sees where a context leads as long as the machine behind it does not run."""
    proved.prepare("context-stale", "colima-broken", "pkgconf-of 26.1")
    assert diagnosed(proved) == {"engine.colima-broken", "homebrew.pkgconf-of-another-macos"}
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    in_order = (
        "homebrew.pkgconf-of-another-macos",
        "engine.colima-broken",
        "engine.context-stale",
    )
    (machine,) = record(proved)["machines"]
    assert tuple(having(machine, "changed", in_order)) == in_order
    assert unchanged(proved)


def test_what_does_not_need_a_person_is_mended_all_the_same(proved: Mac) -> None:
    elsewhere = (f"local-network-denied {LAN}", f"engine-elsewhere tcp://{LAN}:2375")
    proved.prepare(*elsewhere, "pkgconf-of 26.1", f"openssl-gone {KEG}")
    mended = ("homebrew.pkgconf-of-another-macos", "ruby.library-gone")
    assert diagnosed(proved) == {*mended, "engine.local-network"}
    run = bootstrap(proved)
    assert run.returncode == 1, run.stdout
    assert "2 changes to make." in run.stdout
    assert "Privacy & Security > Local Network" in " ".join(run.stdout.split())
    (machine,) = record(proved)["machines"]
    assert tuple(having(machine, "changed", mended)) == mended
    again = bootstrap(proved)
    assert again.returncode == 1, again.stdout
    assert changed(record(proved)) == []
    assert diagnosed(proved) == {"engine.local-network"}


def having(machine: dict[str, Any], status: str, codes: Collection[str]) -> dict[str, list[str]]:
    """The codes of findings, in the order of operations that have this status, and the commands."""
    return {
        found["code"]: operation["commands"]
        for operation in machine["operations"]
        if operation["status"] == status
        for found in operation["findings"]
        if found["code"] in codes
    }
