"""Taking back: what was there before the first run is there after, byte for byte."""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
from pathlib import Path

import pytest

from tests.debian.machine import DebianMachine
from tests.debian.process import CommandError
from tests.debian.waiting import wait_for
from tests.maclab.machine import Mac
from tests.maclab.room import forget_stages
from tests.tables import not_compared

from .conftest import Start
from .job import bootstrap

pytestmark = pytest.mark.debian

# What is different afterwards, and why. Paths that begin so are not compared.
EXCEPTIONS = {
    "/Users/dev/Library/Application Support/bootstrapper": "the record, the journal and the logs",
    "/Users/dev/.cache/bootstrapper": "the private environment, which runs the undo itself",
    "/Users/dev/Library/Caches": "downloads of Homebrew's and colima's; --all removes them",
    "/Library/Developer": "the Command Line Tools, kept by default",
    "/Users/dev/.sudo_as_admin_successful": "of the sudo that the lab has, which is Debian's",
    "/Users/dev/.homebrew": "Homebrew's list of what is trusted, empty again",
    "/opt/homebrew/var/homebrew/locks": "lock files that Homebrew leaves",
    "/opt/homebrew/.git/describe-cache": "Homebrew keeps what its own version is",
    "/opt/homebrew/lib/docker": "a directory of links, empty; the lab's Homebrew leaves it",
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
            if path.name == "__pycache__" or any(
                name == place or name.startswith(f"{place}/") for place in EXCEPTIONS
            ):
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


def assert_same(before: dict[str, str], after: dict[str, str]) -> None:
    names = sorted({*before, *after})
    found = [
        f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in names
        if before.get(name) != after.get(name)
    ]
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def bare(room: DebianMachine, layers: tuple[Path, ...], machine_cache: Path) -> dict[str, str]:
    """What a Mac has on which the main job has never run."""
    with Mac(layers, machine_cache, room) as mac:
        return tree(mac)


@not_compared("Mac", EXCEPTIONS)
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
    assert_same(before, after)
    again = bootstrap(mac, "undo")
    print(again.stdout)
    assert again.returncode == 0
    assert "Nothing to take back." in again.stdout
    anew = bootstrap(mac)
    assert anew.returncode == 0, anew.stdout
    assert "Proved" in anew.stdout


def test_all_that_the_user_had_is_there_afterwards_byte_for_byte(start: Start) -> None:
    mac = start("tools 27.0", "homebrew", "formulae jq openssl@3 lima", "tap acme/tools")
    config = '{\n  "auths": {"x.example": {"auth": "c2VjcmV0"}},\n  "credsStore": "desktop"\n}'
    mac.write("/Users/dev/dotfiles/config.json", config, mode=0o600)
    mac.run(["mkdir", ".docker"])
    mac.run(["ln", "-s", "../dotfiles/config.json", ".docker/config.json"])
    mac.write("/Users/dev/.zprofile", "export EDITOR=vi", mode=0o640)
    mac.write("/Users/dev/.ssh/config", "Host *\n  ForwardAgent no\n", mode=0o600)
    before = tree(mac)
    wishes = ("--set", "brew_formulae=tree,jq,acme/tools/acme-cli", "--set", "brew_casks=rectangle")
    run = bootstrap(mac, *wishes)
    assert run.returncode == 0, run.stdout
    undone = bootstrap(mac, "undo")
    assert undone.returncode == 0, undone.stdout
    assert_same(before, tree(mac))
    again = bootstrap(mac, "undo")
    assert "Nothing to take back." in again.stdout


def test_an_engine_of_the_users_keeps_all_that_is_theirs(start: Start, room: DebianMachine) -> None:
    mac = start("tools 27.0", "homebrew", "docker-desktop", "docker-desktop-running")
    forget_stages(room)
    image = next(iter(listed(room, "image", "ls", "--quiet", "bootstrapper/builder")))
    room.run(["docker", "tag", image, "theirs:1"])
    room.run(["docker", "create", "--name", "theirs", "--volume", "theirs:/v", "theirs:1", "true"])
    try:
        before = tree(mac)
        engine = [listed(room, *words) for words in LISTINGS]
        assert bootstrap(mac).returncode == 0
        undone = bootstrap(mac, "undo")
        assert undone.returncode == 0, undone.stdout
        assert [listed(room, *words) for words in LISTINGS] == engine
        assert_same(before, tree(mac))
    finally:
        remove_theirs(room)


def test_a_virtual_machine_that_holds_something_of_the_users_stays_with_what_it_needs(
    proved: Mac, bare: dict[str, str], room: DebianMachine
) -> None:
    mac = proved
    assert bootstrap(mac).returncode == 0
    image = next(iter(listed(room, "image", "ls", "--quiet", "bootstrapper/builder")))
    room.run(["docker", "tag", image, "theirs:1"])
    room.run(["docker", "create", "--name", "theirs", "theirs:1", "true"])
    try:
        undone = bootstrap(mac, "undo")
        assert undone.returncode == 0, undone.stdout
        assert "it holds what was not made here: the container theirs" in undone.stdout
        for formula in ("colima", "lima", "docker"):
            assert mac.file(f"/opt/homebrew/Cellar/{formula}").is_dir()
        assert not mac.file("/opt/homebrew/Cellar/ruby@3.4").exists()
        assert listed(room, "ps", "--all", "--quiet") != set()
        assert "Nothing to take back." in bootstrap(mac, "undo").stdout
    finally:
        remove_theirs(room)
    assert bootstrap(mac, "undo").returncode == 0
    assert_same(bare, tree(mac))


@pytest.mark.parametrize(
    ("command", "match", "after"),
    [
        ("brew", "uninstall --formula ruby@3.4", True),
        ("brew", "uninstall --formula colima", False),
        ("colima", "delete", True),
    ],
    ids=["a dependency is left", "before a formula", "after the machine"],
)
def test_after_a_power_cut_undo_goes_on_to_the_end(
    proved: Mac, bare: dict[str, str], command: str, match: str, after: bool
) -> None:
    mac = proved
    assert bootstrap(mac).returncode == 0
    mac.faults({"command": command, "match": match, "happens": "power-cut", "after": after})
    with contextlib.suppress(CommandError):
        bootstrap(mac, "undo")
    wait_for(lambda: not mac.is_on, 10, "the power to be gone")
    mac.power_cut()
    mac.faults()
    undone = bootstrap(mac, "undo")
    if "it is off" in undone.stdout:
        for words in (("stop", "--force"), ("start",)):
            mac.run(["colima", *words], env={"PATH": f"/opt/homebrew/bin:{PATH}"})
        undone = bootstrap(mac, "undo")
    assert undone.returncode == 0, undone.stdout
    assert_same(bare, tree(mac))


def test_a_file_that_was_changed_since_keeps_what_others_have_written(start: Start) -> None:
    mac = start("tools 27.0", "homebrew")
    assert bootstrap(mac).returncode == 0
    profile = mac.file("/Users/dev/.zprofile")
    profile.write_text(profile.read_text() + "alias ll='ls -l'\n")
    config = mac.file("/Users/dev/.docker/config.json")
    config.write_text(config.read_text().replace('"auths": {}', '"auths": {"x": {"auth": "y"}}'))
    undone = bootstrap(mac, "undo")
    assert undone.returncode == 0, undone.stdout
    assert profile.read_text() == "alias ll='ls -l'\n"
    assert json.loads(config.read_text()) == {"auths": {"x": {"auth": "y"}}}
    assert "has been changed since" in undone.stdout


def test_all_takes_back_the_tools_and_the_downloads_too(start: Start) -> None:
    mac = start()
    assert bootstrap(mac).returncode == 0
    undone = bootstrap(mac, "undo", "--all")
    assert undone.returncode == 0, undone.stdout
    for place in ("/opt/homebrew", "/Library/Developer/CommandLineTools"):
        assert not mac.file(place).exists()
    for cache in ("Homebrew", "colima"):
        assert not mac.file(f"/Users/dev/Library/Caches/{cache}").exists()
    mac.prepare("offers 27.0")  # by Apple, to a Mac that has none
    anew = bootstrap(mac)
    assert anew.returncode == 0, anew.stdout


LISTINGS = (
    ("ps", "--all", "--format", "{{.ID}} {{.Names}} {{.Image}}"),
    ("image", "ls", "--all", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"),
    ("volume", "ls", "--quiet"),
    ("network", "ls", "--format", "{{.ID}} {{.Name}}"),
)
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def listed(room: DebianMachine, *words: str) -> set[str]:
    return set(room.run(["docker", *words]).stdout.splitlines())


def remove_theirs(room: DebianMachine) -> None:
    room.run(["docker", "rm", "--force", "--volumes", "theirs"])
    room.run(["docker", "image", "rm", "--force", "theirs:1"])
    room.run(["docker", "volume", "rm", "--force", "theirs"])
