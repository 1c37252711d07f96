"""After an upgrade of macOS: container engines, their contexts, and what is left of those gone."""

from __future__ import annotations

import json

import pytest

from tests.maclab.commands.colima_profile import read
from tests.maclab.machine import Mac

from .conftest import Start
from .job import bootstrap, changed, diagnosed, record
from .test_what_is_there import READY, installed, names, unchanged

pytestmark = pytest.mark.debian
breakage = pytest.mark.breakage
case = pytest.param

COLIMA = "/Users/dev/.colima"
LAN = "192.168.64.9"
NETWORK = f"{COLIMA}/_lima/_networks/user-v2"

# What would take minutes here takes seconds: each look at the clock is half a minute later.
_CLOCK = """#!/bin/sh
[ "$*" = +%s ] || exec /bin/date "$@"
echo x >>"$HOME/looks"; echo $(($(wc -l <"$HOME/looks") * 30))
"""


def hurried(mac: Mac) -> dict[str, str]:
    """The environment of a user whose clock is ahead."""
    mac.write("/Users/dev/fast/date", _CLOCK, mode=0o755)
    return {"PATH": "/Users/dev/fast:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}


def starts(mac: Mac) -> int:
    return len([words for words in names(mac.commands(), "colima") if words.startswith("start")])


def done_for(mac: Mac, code: str) -> str:
    """The operation of the last run that changed something because of a finding."""
    (machine,) = record(mac)["machines"]
    changes = [one for one in machine["operations"] if one["status"] == "changed"]
    (name,) = [c["name"] for c in changes if code in [found["code"] for found in c["findings"]]]
    return str(name)


@pytest.mark.parametrize(
    ("preset", "code", "done"),
    [
        case(
            "colima-broken",
            "engine.colima-broken",
            ("colima", "stop --force"),
            marks=[breakage(10, "mended"), breakage(11, "mended"), breakage(16, "mended")],
        ),
        case(
            "colima-half-started",
            "engine.colima-half-started",
            ("colima", "stop --force"),
            marks=breakage(11, "mended"),
        ),
        case(
            "colima-network-stale",
            "engine.colima-network-stale",
            None,
            marks=breakage(12, "mended"),
        ),
        case(
            "lima-outdated",
            "engine.lima-of-another-macos",
            ("brew", "reinstall lima"),
            marks=breakage(14, "mended"),
        ),
        case(
            "lima-without-rosetta",
            "engine.lima-of-another-macos",
            ("brew", "reinstall lima"),
            marks=breakage(15, "mended"),
        ),
        case("colima-key-open", "engine.colima-key-open", None, marks=breakage(13, "mended")),
    ],
)
def test_colima_is_mended_and_started_once(
    proved: Mac, preset: str, code: str, done: tuple[str, str] | None
) -> None:
    proved.prepare(preset)
    assert diagnosed(proved) == {code}
    assert starts(proved) == 0
    assert not names(proved.commands(), "limactl")
    proved.forget_commands()
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert "Proved" in run.stdout
    assert starts(proved) == 1
    assert done is None or done[1] in names(proved.commands(), done[0])
    assert not any("delete" in words for words in names(proved.commands(), "colima"))
    assert (proved.file(f"{COLIMA}/_lima/_config/user").stat().st_mode & 0o77) == 0
    assert unchanged(proved)


@breakage(12, "mended")
def test_a_network_that_nobody_has_met_yet_is_mended_in_the_same_run(proved: Mac) -> None:
    proved.prepare("colima-network-left")
    assert diagnosed(proved) == set()
    proved.forget_commands()
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert done_for(proved, "engine.colima-network-stale") == "mend the engine"
    assert starts(proved) == 2
    assert not proved.file(NETWORK).exists()
    assert unchanged(proved)


@breakage(12, "alike")
def test_a_network_in_order_is_left_alone(proved: Mac) -> None:
    proved.prepare("colima-network-healthy")
    assert diagnosed(proved) == set()
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert proved.file(NETWORK).is_dir()


def test_a_mend_that_does_not_help_fails_once_and_says_what_to_try(proved: Mac) -> None:
    proved.prepare("colima-network-stale")
    proved.forget_commands()
    failing = {"command": "colima", "match": "start", "happens": "fail", "times": 9}
    proved.faults({**failing, "exit": 1, "stderr": "still not"})
    run = bootstrap(proved)
    assert run.returncode == 1
    assert "still not" in run.stdout
    assert "Next to try: restart macOS" in run.stdout
    assert starts(proved) == 1


@breakage(14, "said")
def test_a_lima_of_today_is_not_installed_again(proved: Mac) -> None:
    proved.prepare("lima-outdated lately")
    proved.forget_commands()
    run = bootstrap(proved)
    assert run.returncode == 1
    assert "brew upgrade lima colima" in run.stdout
    assert installed(proved) == set()
    assert not any("reinstall" in words for words in names(proved.commands(), "brew"))


@breakage(9, "said")
def test_lost_rosetta_is_said_where_colima_is_to_use_it(proved: Mac) -> None:
    proved.prepare("colima-rosetta gone")
    assert diagnosed(proved) == {"engine.colima-rosetta-gone"}
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert "has no Rosetta any more" in run.stdout
    assert read(proved.file(f"{COLIMA}/default/colima.yaml"))["rosetta"] is True
    assert names(proved.commands(), "softwareupdate") == []
    assert unchanged(proved)


@breakage(9, "alike")
def test_a_colima_whose_rosetta_is_there_is_left_alone(proved: Mac) -> None:
    proved.prepare("colima-rosetta there")
    assert diagnosed(proved) == set()


# Clients


@breakage(23, "mended")
def test_colimas_own_stale_context_is_given_its_address(proved: Mac) -> None:
    proved.prepare("context-stale")
    assert diagnosed(proved) == {"engine.context-stale"}
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert done_for(proved, "engine.context-stale") == "docker in your shell"
    assert proved.run(["/opt/homebrew/bin/docker", "version"]).returncode == 0
    assert unchanged(proved)


@pytest.mark.parametrize(
    ("preset", "env"),
    [
        case("context-default", {}, marks=breakage(22, "said")),
        case(
            "colima-network-healthy",
            {"DOCKER_HOST": f"unix://{COLIMA}/docker.sock"},
            marks=breakage(23, "said"),
        ),
    ],
    ids=["var-run", "DOCKER_HOST"],
)
def test_a_client_that_is_set_elsewhere_is_said_and_left(
    proved: Mac, preset: str, env: dict[str, str]
) -> None:
    proved.prepare(preset)
    run = bootstrap(proved, env=env)
    assert run.returncode == 0, run.stdout
    assert "docker in your shell is set to" in run.stdout
    plan = bootstrap(proved, "plan", "--json", env=env)
    assert (plan.returncode, "engine.elsewhere" in plan.stdout) == (0, True)


@breakage(26, "said")
def test_an_engine_that_macos_keeps_from_the_terminal_is_said_with_the_clicks(proved: Mac) -> None:
    proved.prepare(f"local-network-denied {LAN}", f"engine-elsewhere tcp://{LAN}:2375")
    assert diagnosed(proved) == {"engine.local-network"}
    run = bootstrap(proved)
    assert run.returncode == 1
    assert "Privacy & Security > Local Network" in " ".join(run.stdout.split())
    assert starts(proved) == 0


@breakage(26, "alike")
def test_an_engine_elsewhere_that_is_off_is_no_matter_of_permission(proved: Mac) -> None:
    proved.prepare("engine-elsewhere tcp://127.0.0.1:2375")
    assert diagnosed(proved) == {"engine.elsewhere-unreachable"}


@pytest.mark.parametrize(
    ("state", "code", "asked"),
    [
        case("unregistered", "engine.apple-container-down", 1, marks=breakage(42, "said")),
        case("silent", "engine.apple-container-down", 1, marks=breakage(42, "said")),
        case("running", "", 1, marks=breakage(42, "alike")),
        case("unregistered empty", "", 0, marks=breakage(42, "alike")),
    ],
)
def test_apples_container_is_said_where_it_keeps_something(
    proved: Mac, state: str, code: str, asked: int
) -> None:
    proved.prepare(f"apple-container {state}")
    assert diagnosed(proved) == ({code} if code else set())
    assert names(proved.commands(), "container") == ["system status"] * asked
    if state == "unregistered":
        lost = proved.run(["/opt/homebrew/bin/container", "list"], check=False)
        assert "XPC connection error" in lost.stderr
        run = bootstrap(proved)
        assert run.returncode == 0, run.stdout
        assert "`container system start`" in " ".join(run.stdout.split())
        assert unchanged(proved)
        proved.run(["/opt/homebrew/bin/container", "system", "start"])
        assert diagnosed(proved) == set()


@breakage(24, "mended")
def test_the_helper_of_a_docker_desktop_that_is_gone_is_removed(proved: Mac) -> None:
    proved.prepare("docker-app-removed")
    assert diagnosed(proved) == {"docker.credential-helper-missing"}
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    config = json.loads(proved.file("/Users/dev/.docker/config.json").read_text())
    assert "credsStore" not in config
    assert unchanged(proved)


# Other engines


@pytest.mark.parametrize(
    ("version", "code"),
    [
        case("4.36.0 vmnetd socket", "engine.desktop-helper-blocked", marks=breakage(19, "said")),
        case("4.29.0", "engine.desktop-needs-rosetta", marks=breakage(20, "said")),
        case("4.91.0 vmnetd", "", marks=[breakage(19, "alike"), breakage(20, "alike")]),
    ],
    ids=["malware", "rosetta", "healthy"],
)
def test_an_old_docker_desktop_is_said(start: Start, version: str, code: str) -> None:
    mac = start(*READY, "docker-desktop", f"docker-desktop-version {version}")
    told = json.dumps(json.loads(bootstrap(mac, "plan", "--json").stdout))
    assert [c for c in ("desktop-helper-blocked", "desktop-needs-rosetta") if c in told] == (
        [code.partition(".")[2]] if code else []
    )
    assert names(mac.commands(), "open") == []


@pytest.mark.parametrize(
    ("presets", "said"),
    [
        case(
            ("docker-desktop", "docker-desktop-stuck"),
            "brew upgrade --cask docker-desktop",
            marks=breakage(21, "said"),
        ),
        case(
            ("orbstack", "orbstack-stuck"),
            "brew upgrade --cask orbstack",
            marks=breakage(17, "said"),
        ),
        case(("podman", "podman-broken"), "podman machine rm -f", marks=breakage(18, "said")),
    ],
    ids=["desktop", "orbstack", "podman"],
)
def test_an_engine_that_never_comes_fails_once_and_says_what_to_try(
    start: Start, presets: tuple[str, ...], said: str
) -> None:
    mac = start(*READY, *presets)
    run = bootstrap(mac, "--only", "container_engine", env=hurried(mac))
    assert run.returncode == 1
    assert said in run.stdout
    assert "colima" not in installed(mac)
    assert not any("rm" in words.split() for words in names(mac.commands(), "podman"))


@breakage(21, "alike")
def test_a_docker_desktop_that_says_what_is_not_true_is_left_alone(start: Start) -> None:
    mac = start(*READY, "docker-desktop", "docker-desktop-running")
    mac.prepare("docker-desktop-says starting")
    assert bootstrap(mac).returncode == 0
    assert changed(record(mac))
    assert names(mac.commands(), "open") == []
    assert unchanged(mac)
