"""Macs that have something already: it is respected, and only what is missing is added."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.maclab.machine import Mac, Ran
from tests.maclab.room import REGISTRY

from .conftest import Start
from .job import BLOG, CHECKOUT, bootstrap, changed, costly, record

pytestmark = pytest.mark.debian

READY = ("tools 27.0", "homebrew")


def names(commands: Sequence[Ran], command: str) -> list[str]:
    """The first arguments with which a command was called."""
    return [" ".join(c.argv) for c in commands if c.command == command]


def installed(mac: Mac) -> set[str]:
    """What `brew install` was called for."""
    return {words.split()[-1] for words in names(mac.commands(), "brew") if "install" in words}


def test_a_home_on_a_case_insensitive_volume(start: Start) -> None:
    mac = start()
    mac.make_caseless("/Users/dev")
    mac.run(["test", "-f", f"{CHECKOUT.upper().replace('/USERS/DEV', '/Users/dev')}/readme.MD"])
    picture = "![A picture]({{ '/assets/Images/social-card.png' | relative_url }})"
    mac.run(["sh", "-c", f'echo "{picture}" >>{BLOG}/_posts/2025-02-17-who-owns-what.md'])
    run = bootstrap(mac)
    assert run.returncode == 0, run.stdout
    assert "Proved" in run.stdout
    # What the author's own Mac finds under either name, a web server does not.
    assert "/assets/Images/social-card.png" in run.stdout
    assert unchanged(mac)


def unchanged(mac: Mac) -> bool:
    """Whether another run changes nothing, at no cost."""
    mac.forget_commands()
    again = bootstrap(mac)
    assert again.returncode == 0, again.stdout
    assert costly(mac.commands()) == []
    return changed(record(mac)) == []


@pytest.mark.parametrize(
    ("presets", "sent_to"),
    [
        (("docker-desktop", "docker-desktop-running"), ".docker/run/docker.sock"),
        (("docker-desktop",), ".docker/run/docker.sock"),
        pytest.param(
            ("orbstack", "orbstack-running"),
            ".orbstack/run/docker.sock",
            marks=pytest.mark.breakage(17, "alike"),
        ),
        (("orbstack",), ".orbstack/run/docker.sock"),
        pytest.param(
            ("podman", "podman-running"),
            "podman",
            marks=pytest.mark.breakage(18, "alike"),
        ),
        (("podman",), "podman"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_engine_that_is_there_is_respected(
    start: Start, presets: tuple[str, ...], sent_to: str
) -> None:
    mac = start(*READY, *presets)
    run = bootstrap(mac)
    assert run.returncode == 0, run.stdout
    assert "colima" not in installed(mac)
    assert not names(mac.commands(), "colima start")
    assert unchanged(mac)


def test_after_a_restart_the_engine_is_started_and_the_blog_is_back(proved: Mac) -> None:
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert changed(record(proved))[0] == "container_engine"
    assert installed(proved) == set()
    assert not names(proved.commands(), "softwareupdate")
    assert "Password:" not in run.stdout
    assert unchanged(proved)


def test_a_user_without_admin_rights_can_use_what_is_there(start: Start, proved: Mac) -> None:
    proved.prepare("no-admin")
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert not names(proved.commands(), "sudo -v")


def test_an_intel_mac_with_an_old_homebrew_is_prepared_with_it(start: Start) -> None:
    mac = start("macos 26.7 25G229 25.6.0", "intel", "tools 26.6", "homebrew 6.0.22")
    mac.prepare("formulae colima docker docker-compose docker-buildx ruby@3.4")
    run = bootstrap(mac)
    assert run.returncode == 0, run.stdout
    assert "Homebrew makes no new packages for Intel Macs." in run.stdout
    assert installed(mac) == set()
    assert unchanged(mac)


def test_dotfiles_in_a_git_repository_stay_links_and_keep_what_is_theirs(start: Start) -> None:
    mac = start(*READY)
    own = "# mine\nexport EDITOR=vi\n"
    config = '{\n\t"HttpHeaders": {"X": "y"},\n\t"credsStore": "desktop"\n}\n'
    mac.write("/Users/dev/dotfiles/zprofile", own, mode=0o640)
    mac.write("/Users/dev/dotfiles/config.json", config, mode=0o600)
    mac.run(["mkdir", "-p", ".docker"])
    mac.run(["ln", "-s", "dotfiles/zprofile", ".zprofile"])
    mac.run(["ln", "-s", "../dotfiles/config.json", ".docker/config.json"])
    run = bootstrap(mac)
    assert run.returncode == 0, run.stdout
    for link in (".zprofile", ".docker/config.json"):
        assert mac.file(f"/Users/dev/{link}").is_symlink()
    profile = mac.file("/Users/dev/dotfiles/zprofile")
    assert profile.read_text().startswith(own)
    assert profile.stat().st_mode & 0o777 == 0o640
    docker = mac.file("/Users/dev/dotfiles/config.json").read_text()
    # colima's own `docker context use` writes the file anew, with all that is in it.
    assert json.loads(docker)["HttpHeaders"] == {"X": "y"}
    assert "credsStore" not in docker
    assert "docker-credential-desktop" in run.stdout
    assert unchanged(mac)


def test_the_socket_is_found_where_xdg_config_home_puts_it(start: Start) -> None:
    mac = start(*READY)
    env = {"XDG_CONFIG_HOME": "/Users/dev/.config"}
    run = bootstrap(mac, env=env)
    assert run.returncode == 0, run.stdout
    assert mac.file("/Users/dev/.config/colima/default/docker.sock").is_symlink()
    assert not mac.file("/Users/dev/.colima").exists()
    assert bootstrap(mac, "plan", env=env).returncode == 0


def test_a_proxy_that_is_gone_does_not_stop_the_proof(proved: Mac) -> None:
    dead = "http://127.0.0.1:9"
    run = bootstrap(proved, env={"http_proxy": dead, "HTTPS_PROXY": dead, "all_proxy": dead})
    assert run.returncode == 0, run.stdout
    assert "Proved" in run.stdout


def test_the_users_own_list_is_had_and_one_failure_does_not_stop_the_rest(start: Start) -> None:
    mac = start(*READY)
    brewfile = (
        'tap "acme/tools", trusted: true\nbrew "jq"\nbrew "acme/tools/acme-cli"\n'
        'brew "nosuchthing"\ncask "rectangle"\nmas "Xcode", id: 497799835\n'
    )
    mac.write("/Users/dev/Brewfile", brewfile)
    wishes = ("--set", "brewfile=~/Brewfile", "--set", "brew_formulae=tree,python@3.14")
    run = bootstrap(mac, *wishes)
    assert run.returncode == 1
    assert "nosuchthing" in run.stdout
    assert "Proved" in run.stdout
    for keg in ("jq", "acme-cli", "tree", "python@3.14"):
        assert mac.file(f"/opt/homebrew/Cellar/{keg}").is_dir(), run.stdout
    assert mac.file("/Applications/Rectangle.app").is_dir()
    mac.write("/Users/dev/Brewfile", brewfile.replace('brew "nosuchthing"\n', ""))
    mac.forget_commands()
    again = bootstrap(mac, *wishes)
    assert again.returncode == 0, again.stdout
    assert costly(mac.commands()) == []


def test_an_app_that_is_there_by_hand_is_not_replaced(start: Start) -> None:
    mac = start(*READY)
    mac.run(["mkdir", "-p", "/Applications/Rectangle.app/Contents"], user="root")
    wish = ("--only", "homebrew", "--set", "brew_casks=rectangle")
    assert "Rectangle.app" in bootstrap(mac, "plan", *wish).stdout
    assert bootstrap(mac, *wish).returncode == 0
    assert installed(mac) == set()


def test_a_version_manager_that_is_there_brings_the_ruby_that_the_blog_asks_for(
    start: Start,
) -> None:
    mac = start(*READY, "formulae rbenv")
    mac.write(f"{BLOG}/.ruby-version", "3.3.9\n")
    run = bootstrap(mac, "--only", "ruby")
    assert run.returncode == 0, run.stdout
    assert mac.file("/Users/dev/.rbenv/versions/3.3.9/bin/ruby").exists()
    assert not any("ruby@" in name for name in installed(mac))


def test_the_stock_command_does_the_same_work(start: Start) -> None:
    mac = start(*READY, "formulae colima docker docker-compose docker-buildx ruby@3.4")
    script = f"cd {CHECKOUT} && ~/.cache/bootstrapper/env-*/bin/python -m pyinfra -y"
    script += f" --data blog={BLOG} --data registry_mirror={REGISTRY}"
    run = mac.run(["sh", "-c", f"{script} inventories/laptop.py deploys/all.py"], check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert bootstrap(mac, "verify").returncode == 0
