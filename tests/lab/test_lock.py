"""A team's lock: the same laptop for everyone, or a plain word on why not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.debian.machine import DebianMachine
from tests.maclab.machine import Mac
from tests.maclab.room import BUILDERS, SERVER

from .conftest import Start
from .job import CHECKOUT, bootstrap, changed, costly, record
from .test_what_is_there import READY, installed, names

pytestmark = pytest.mark.debian

LOCK = f"{CHECKOUT}/inventories/bootstrap.lock"
BUILDER = BUILDERS[-1]
BUILDER_NAME = BUILDER.partition("/")[2]
COLIMA = "0.10.3"


def locked(mac: Mac) -> dict[str, dict[str, str]]:
    told = json.loads(mac.file(LOCK).read_text())
    assert told["version"] == 1
    return dict(told["machines"]["macos"])


def changing(mac: Mac) -> list[str]:
    """The commands that have changed something, or might have."""
    docker = [w for w in names(mac.commands(), "docker") if w.startswith(("pull", "build", "run"))]
    return costly(mac.commands()) + docker


@pytest.fixture
def with_lock(proved: Mac) -> Mac:
    """A Mac on which everything is proved, and locked."""
    run = bootstrap(proved, "update")
    assert run.returncode == 0, run.stdout
    assert "bootstrap.lock is renewed" in run.stdout
    proved.forget_commands()
    return proved


@pytest.fixture
def newer_builder(room: DebianMachine) -> Iterator[str]:
    """The registry has another image of the same tag by now; what it was before is put back."""
    original, aside = BUILDER, "bootstrapper/aside:builder"
    room.run(["docker", "pull", "--quiet", original])
    room.run(["docker", "tag", original, aside])
    recipe = f"printf 'FROM {aside}\\nLABEL newer=yes\\n' | docker build --quiet --tag {original} -"
    room.run(["sh", "-c", recipe])
    room.run(["docker", "push", "--quiet", original])
    digest = room.run(
        ["docker", "image", "inspect", "--format", "{{index .RepoDigests 0}}", original]
    ).stdout.strip()
    room.run(["docker", "image", "rm", original])
    yield digest.partition("@")[2]
    room.run(["docker", "tag", aside, original])
    room.run(["docker", "push", "--quiet", original])
    room.run(["docker", "image", "rm", aside])


def test_what_was_proved_is_locked_and_held_to_without_a_change(with_lock: Mac) -> None:
    parts = locked(with_lock)
    assert parts["formulae"]["colima"] == COLIMA
    assert {"docker", "docker-compose", "docker-buildx", "ruby@3.4"} < set(parts["formulae"])
    assert "lima" not in parts["formulae"]
    assert set(parts["base_images"]) == {BUILDER_NAME, SERVER.partition("/")[2]}
    assert all(digest.startswith("sha256:") for digest in parts["base_images"].values())
    assert parts["gems"]["jekyll"] == "4.3.1"
    before = with_lock.file(LOCK).read_bytes()
    for arguments in (("--locked",), ("plan", "--locked"), ("doctor", "--locked"), ("plan",)):
        run = bootstrap(with_lock, *arguments)
        assert run.returncode == 0, run.stdout
    assert changing(with_lock) == []
    assert changed(record(with_lock)) == []
    again = bootstrap(with_lock, "update")
    assert again.returncode == 0, again.stdout
    assert "Nothing to renew" in again.stdout
    assert with_lock.file(LOCK).read_bytes() == before


def test_a_run_makes_no_lock_unasked_and_a_missing_one_is_said(proved: Mac) -> None:
    run = bootstrap(proved, "--locked")
    assert run.returncode == 1
    assert "there is no" in run.stdout
    assert "update" in run.stdout
    assert changing(proved) == []
    assert bootstrap(proved).returncode == 0
    assert not proved.file(LOCK).exists()


def test_a_second_mac_gets_the_base_image_that_is_locked_not_the_newest(
    with_lock: Mac, start: Start, room: DebianMachine, newer_builder: str
) -> None:
    digest = locked(with_lock)["base_images"][BUILDER_NAME]
    text = with_lock.file(LOCK).read_text()
    assert digest != newer_builder
    second = start(*READY)
    second.write(LOCK, text)
    run = bootstrap(second, "--locked")
    assert run.returncode == 0, run.stdout
    assert f"{BUILDER.rpartition(':')[0]}@{digest}" in " ".join(names(second.commands(), "docker"))
    label = '{{index .Config.Labels "bootstrapper.builder"}}'
    built = room.run(["docker", "container", "inspect", "-f", label, "bootstrapper-blog"]).stdout
    assert built.strip() == f"{BUILDER} {digest}"
    second.forget_commands()
    again = bootstrap(second, "--locked")
    assert again.returncode == 0, again.stdout
    assert changing(second) == []


def test_what_differs_is_refused_before_anything_is_touched_and_update_takes_it(
    with_lock: Mac, newer_builder: str
) -> None:
    with_lock.prepare("upgraded colima 0.11.0")
    before = with_lock.file(LOCK).read_bytes()
    for command in ((), ("plan",)):
        refused = bootstrap(with_lock, *command, "--locked")
        assert refused.returncode == 1
        said = " ".join(refused.stdout.split())
        assert f"colima {COLIMA} is locked, 0.11.0 is here" in said
        assert "cannot go back" in said
        assert f"brew extract --version={COLIMA} colima" in said
    assert changing(with_lock) == []
    said_only = bootstrap(with_lock)
    assert said_only.returncode == 0, said_only.stdout
    assert f"colima {COLIMA} is locked, 0.11.0 is here" in said_only.stdout
    assert with_lock.file(LOCK).read_bytes() == before
    renewed = bootstrap(with_lock, "update")
    assert renewed.returncode == 0, renewed.stdout
    assert f"colima {COLIMA} → 0.11.0" in renewed.stdout
    assert locked(with_lock)["base_images"][BUILDER_NAME] == newer_builder
    with_lock.forget_commands()
    content = bootstrap(with_lock, "--locked")
    assert content.returncode == 0, content.stdout
    assert changing(with_lock) == []
    assert "colima's virtual machine:" not in bootstrap(with_lock, "undo", "--plan").stdout


def test_what_homebrew_no_longer_has_is_not_installed_in_another_version(with_lock: Mac) -> None:
    told = json.loads(with_lock.file(LOCK).read_text())
    told["machines"]["macos"]["formulae"] |= {"tree": "2.6.0", "jq": "1.8.2"}
    with_lock.write(LOCK, json.dumps(told))
    wish = ("--set", "brew_formulae=tree,jq,htop")
    run = bootstrap(with_lock, "--locked", *wish)
    assert run.returncode == 1
    said = " ".join(run.stdout.split())
    assert "tree 2.6.0 is locked, and Homebrew has 2.7.0" in said
    assert "htop is not locked" in said
    assert installed(with_lock) == {"jq"}
    loose = bootstrap(with_lock, *wish)
    assert loose.returncode == 0, loose.stdout
    assert "tree 2.6.0 is locked, 2.7.0 is here" in loose.stdout


def test_what_a_new_tap_brings_is_seen_at_the_end_of_the_run(with_lock: Mac) -> None:
    """Homebrew tells nothing of a formula whose tap is not there yet."""
    told = json.loads(with_lock.file(LOCK).read_text())
    told["machines"]["macos"]["formulae"]["acme-cli"] = "0.0.1"
    with_lock.write(LOCK, json.dumps(told))
    wish = ("--set", "brew_formulae=acme/tools/acme-cli")
    run = bootstrap(with_lock, "--locked", *wish)
    assert run.returncode == 1
    assert "acme-cli 0.0.1 is locked" in " ".join(run.stdout.split())
    assert "Not done" in run.stdout


@pytest.mark.parametrize("damage", ["{", '{"version": 2}', '{"version": 1, "machine": {}}'])
def test_a_lock_that_cannot_be_used_is_said_and_nothing_is_touched(
    proved: Mac, damage: str
) -> None:
    proved.write(LOCK, damage)
    run = bootstrap(proved)
    assert run.returncode == 1
    assert "bootstrap.lock" in run.stdout
    assert len(run.stdout.strip().splitlines()) == 1
    assert changing(proved) == []
    assert proved.file(LOCK).read_text() == damage
