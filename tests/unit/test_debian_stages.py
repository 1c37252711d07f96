"""The Debian stages' operations: facts in, commands out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.container_engine import container_engine
from deploys.facts.debian import AptCandidates, AptInstallation, DpkgPackages
from deploys.facts.debian_ruby import Leftover, RubyLeftovers
from deploys.facts.docker_contents import Contents, EngineContents
from deploys.facts.engine import AtBoot, ContainerEngine
from deploys.facts.machine import Machine, ThisMachine
from deploys.machine import machine
from deploys.operations.ruby import leftovers
from tests.support import planned_with

LAPTOP = Machine(
    kernel="Linux",
    architecture="x86_64",
    user="ada",
    uid=1000,
    groups=("ada", "sudo"),
    home="/home/ada",
    init="systemd",
    has_sudo=True,
    free_bytes=50 * 1024**3,
    os_id="debian",
    os_like=(),
    os_version="12",
    os_codename="bookworm",
    os_name="Debian GNU/Linux 12 (bookworm)",
)
BARE = ["p\tii \tbash\t5.2.15", "lists"]
ABSENT: list[str] = []
ANSWERS = [
    "client\tdocker",
    'info\t{"ServerVersion": "28.0", "ClientInfo": {"Context": "default"}}',
]
ANSWERS_28_0_1 = [line.replace("28.0", "28.0.1") for line in ANSWERS]
STOPPED = [
    "daemon",
    "client\tdocker",
    'info\t{"ServerErrors": ["Cannot connect to the Docker daemon at unix:///var/run/docker.sock."]}',
]
DENIED = [
    "daemon",
    "client\tdocker",
    'info\t{"ServerErrors": ["permission denied while trying to connect"]}',
]
OURS = Contents({"bootstrapper-blog": "bootstrapper/blog:1"}, frozenset({"bootstrapper-blog"}))


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, OperationResult]]:
    """Evaluates a deploy on a machine whose facts are given."""

    def evaluate(
        deploy: Callable[[], object],
        *,
        machine: Machine = LAPTOP,
        packages: list[str] = BARE,
        engine: list[str] = ABSENT,
        candidates: list[str] | None = None,
        contents: Contents = OURS,
        leftovers: tuple[Leftover, ...] = (),
        **data: object,
    ) -> dict[str, OperationResult]:
        answers: dict[type, Any] = {
            ThisMachine: machine,
            DpkgPackages: DpkgPackages().process(packages),
            ContainerEngine: ContainerEngine().process(engine),
            AptInstallation: (),
            AtBoot: False,
            AptCandidates: AptCandidates().process(candidates or []),
            EngineContents: contents,
            RubyLeftovers: leftovers,
        }
        result = planned_with(answers, deploy, **data)
        assert result.failure is None
        return {operation.name: operation for operation in result.operations}

    return evaluate


Plan = Callable[..., dict[str, OperationResult]]


def test_a_bare_machine_gets_the_distributions_engine_and_it_is_started(plan: Plan) -> None:
    result = plan(container_engine)
    (install,) = result["install the engine"].commands
    assert install.startswith("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get")
    assert install.endswith("--no-install-recommends docker.io ca-certificates")
    start, wait = result["start the engine"].commands
    assert start == "sudo -n systemctl enable --now docker.service"
    assert "until docker version" in wait


def test_stale_package_lists_are_renewed_first(plan: Plan) -> None:
    update, _ = plan(container_engine, packages=["p\tii \tbash\t5.2.15"])[
        "install the engine"
    ].commands
    assert " update || echo " in update


def test_buildx_and_compose_come_along_where_packaged_in_a_useful_version(plan: Plan) -> None:
    trixie = ["docker-buildx:", "  Candidate: 0.13.1", "docker-compose:", "  Candidate: 2.26.1-4"]
    bookworm = ["docker-compose:", "  Candidate: 1.29.2-3"]
    new = plan(container_engine, candidates=trixie)["install the engine"].commands[-1]
    old = plan(container_engine, candidates=bookworm)["install the engine"].commands[-1]
    assert new.endswith("docker-buildx docker-compose")
    assert "docker-compose" not in old


def test_an_engine_that_answers_is_respected(plan: Plan) -> None:
    assert {o.status for o in plan(container_engine, engine=ANSWERS).values()} == {"unchanged"}


UPGRADED = [*BARE, "p\tii \tdocker.io\t28.5.1+dfsg1-1"]


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ("systemd", ["sudo -n systemctl restart docker.service"]),
        ("sysv", ["sudo -n service docker restart"]),
        ("none", ["/var/run/docker.pid", "dockerd", "until docker version"]),
    ],
)
def test_a_daemon_from_before_its_upgrade_is_restarted(
    plan: Plan, init: Any, words: list[str]
) -> None:
    machine = replace(LAPTOP, init=init)
    renewed = plan(container_engine, machine=machine, engine=ANSWERS_28_0_1, packages=UPGRADED)[
        "the engine that is installed"
    ]
    assert [one.code for one in renewed.findings] == ["engine.outdated"]
    assert "28.0.1 runs, and 28.5.1 is installed" in renewed.findings[0].seen
    assert len(renewed.commands) == len(words)
    assert all(word in command for word, command in zip(words, renewed.commands, strict=True))


def test_a_daemon_that_others_use_is_not_restarted_unasked(plan: Plan) -> None:
    theirs = replace(OURS, containers={**OURS.containers, "db": "postgres:17"})
    renewed = plan(container_engine, engine=ANSWERS_28_0_1, packages=UPGRADED, contents=theirs)[
        "the engine that is installed"
    ]
    assert renewed.commands == ()
    (notice,) = renewed.findings
    assert notice.severity == "notice"
    assert notice.means.endswith("others use it: db.")
    assert "`sudo systemctl restart docker.service`" in notice.mend


@pytest.mark.parametrize(
    "package", ["docker.io\t28.0.1+dfsg1-1", "docker-ce\t5:28.0.1-1~debian.12"]
)
def test_a_daemon_as_installed_is_left_alone(plan: Plan, package: str) -> None:
    packages = [*BARE, f"p\tii \t{package}"]
    result = plan(container_engine, engine=ANSWERS_28_0_1, packages=packages)
    assert {o.status for o in result.values()} == {"unchanged"}


def test_podman_that_answers_is_respected(plan: Plan) -> None:
    podman = [
        "client\tenv DOCKER_HOST=unix:///run/podman/podman.sock docker",
        'info\t{"ServerVersion": "4.3.1"}',
    ]
    assert {o.status for o in plan(container_engine, engine=podman).values()} == {"unchanged"}


def test_a_stopped_engine_is_started_and_not_installed_again(plan: Plan) -> None:
    result = plan(container_engine, engine=STOPPED)
    assert result["install the engine"].status == "unchanged"
    assert result["start the engine"].findings[0].code == "engine.stopped"


@pytest.mark.parametrize(
    ("init", "words"),
    [("systemd", "systemctl enable --now"), ("sysv", "service docker start"), ("none", "dockerd")],
)
def test_the_engine_is_started_the_way_the_machine_starts_things(
    plan: Plan, init: Any, words: str
) -> None:
    result = plan(container_engine, machine=replace(LAPTOP, init=init), engine=STOPPED)
    assert words in result["start the engine"].commands[0]


def test_an_engine_elsewhere_that_does_not_answer_is_a_refusal(plan: Plan) -> None:
    elsewhere = ["endpoint\ttcp://10.0.0.9:2375", *STOPPED[1:]]
    refusal = plan(container_engine, engine=elsewhere)["install the engine"]
    assert refusal.status == "refused"
    assert "tcp://10.0.0.9:2375" in refusal.findings[0].seen
    assert "unset DOCKER_HOST" in refusal.findings[0].mend


def test_an_engine_that_only_root_may_use_is_used_through_sudo(tmp_path: Path) -> None:
    """Docker 20.10's client exits with 0 when it was denied."""
    denied = '{"ServerErrors":["permission denied while trying to connect"]}'
    programs = {
        "docker": f'[ -n "$ROOT" ] && echo \'{{"ServerVersion": "20.10"}}\' || echo \'{denied}\'',
        "sudo": 'shift; ROOT=yes exec "$@"',
        "id": "echo 1000",
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    script = ContainerEngine().command().replace("-S /var/run/docker.sock", "-e /")
    output = subprocess.run(
        ["sh", "-c", script],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    engine = ContainerEngine().process(output.stdout.splitlines())
    assert (engine.answers, engine.client) == (True, ("sudo", "-n", "docker"))


@pytest.mark.parametrize("kernel", ["Linux", "Darwin"])
def test_what_a_newer_client_says_on_standard_error_alone_is_read(
    tmp_path: Path, kernel: str
) -> None:
    """Docker 28.2.2 prints no ServerErrors."""
    said = "permission denied while trying to connect to the Docker daemon socket"
    programs = {
        "uname": f"echo {kernel}",
        "docker": f"echo '{{\"ServerVersion\":\"\"}}'; printf ' {said}\\n\\n' >&2; exit 1",
        "sudo": "exit 1",
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    output = subprocess.run(
        ["sh", "-c", ContainerEngine().command()],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    engine = ContainerEngine().process(output.stdout.splitlines())
    assert (engine.answers, engine.reason) == (False, said)
    assert engine.denied == (kernel == "Linux")


def test_membership_of_the_docker_group_is_explained_and_not_given(plan: Plan) -> None:
    who = plan(container_engine)["who may use it"]
    assert who.commands == ()
    assert who.findings[0].severity == "notice"
    assert "makes root of its members" in who.findings[0].means


def test_membership_is_given_when_asked_for(plan: Plan) -> None:
    who = plan(container_engine, engine=DENIED, docker_group=True)["who may use it"]
    assert who.commands == ("sudo -n usermod -aG docker ada",)
    assert "become root" in who.findings[0].means


def test_root_needs_no_sudo(plan: Plan) -> None:
    result = plan(container_engine, machine=replace(LAPTOP, uid=0, user="root"))
    assert not any("sudo" in command for o in result.values() for command in o.commands)


def test_an_interrupted_dpkg_is_finished_first(plan: Plan) -> None:
    result = plan(
        container_engine,
        packages=["p\tiF \tdocker.io\t20.10.24+dfsg1-1", "p\tii \tbash\t5.2.15", "lists"],
    )
    first = next(iter(result.values()))
    assert first.findings[0].code == "debian.dpkg-interrupted"
    assert "dpkg --configure -a" in first.commands[0]


@pytest.mark.parametrize(
    ("program", "packages", "held"),
    [
        (
            "dpkg",
            ["p\tiF \tdocker.io\t20.10.24", "lists"],
            "dpkg: error: dpkg frontend lock was locked by another process with pid 7",
        ),
        ("apt-get", ["p\tii \tbash\t5.2"], "E: Could not get lock /var/lib/apt/lists/lock."),
    ],
    ids=["dpkg", "the lists of apt"],
)
def test_a_lock_that_somebody_holds_is_waited_for(
    plan: Plan, tmp_path: Path, program: str, packages: list[str], held: str
) -> None:
    result = plan(container_engine, machine=replace(LAPTOP, uid=0), packages=packages)
    command = next(o.commands[0] for o in result.values() if o.commands)
    fake = tmp_path / program
    fake.write_text(
        f"#!/bin/sh\n[ -e {tmp_path}/free ] || {{ >{tmp_path}/free; echo '{held}' >&2; exit 2; }}\n"
        f"[ ! -e {tmp_path}/broken ] || {{ echo broken >&2; exit 2; }}\necho done\n"
    )
    fake.chmod(0o755)

    def run() -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        return subprocess.run(
            ["sh", "-c", command], env=environment, capture_output=True, text=True, check=False
        )

    assert run().stdout == "done\n"
    (tmp_path / "broken").touch()
    assert run().stderr.startswith("broken\n")
    # One source that is gone is said, and no reason not to use the others.
    assert run().returncode == (1 if program == "dpkg" else 0)


def test_a_system_that_is_not_debian_is_refused_with_what_to_do(plan: Plan) -> None:
    fedora = replace(LAPTOP, os_id="fedora", os_name="Fedora Linux 43")
    refusal = plan(machine, machine=fedora)["supported system"]
    assert refusal.status == "refused"
    assert refusal.findings[0].seen.startswith("Fedora Linux 43 is not a system")


def test_what_descends_from_debian_is_welcome(plan: Plan) -> None:
    ubuntu = replace(LAPTOP, os_id="ubuntu", os_like=("debian",))
    mint = replace(LAPTOP, os_id="linuxmint", os_like=("ubuntu", "debian"))
    for descendant in (ubuntu, mint):
        assert plan(machine, machine=descendant)["supported system"].status == "unchanged"


def test_a_user_without_sudo_is_told_before_anything_starts(plan: Plan) -> None:
    refusal = plan(machine, machine=replace(LAPTOP, has_sudo=False))["supported system"]
    assert refusal.status == "refused"
    assert "ada is not root, and there is no sudo" in refusal.findings[0].seen


def test_a_nearly_full_disk_is_said_but_stops_nobody(plan: Plan) -> None:
    room = plan(machine, machine=replace(LAPTOP, free_bytes=1024**3))["free disk space"]
    assert (room.status, room.findings[0].severity) == ("unchanged", "notice")
    assert "Only 1.0 GiB" in room.findings[0].seen


def test_this_machine_describes_itself() -> None:
    output = subprocess.run(
        ["sh", "-c", ThisMachine().command()], capture_output=True, text=True, check=True
    )
    found = ThisMachine().process(output.stdout.splitlines())
    assert found.kernel == "Linux"
    assert found.free_bytes > 0
    assert found.os_name


def test_a_program_that_another_ruby_has_left_is_told_of(plan: Plan) -> None:
    left = Leftover("/usr/local/bin/jekyll", "/usr/bin/ruby2.7")
    told = plan(ruby_leftovers, leftovers=(left,))["programs of another Ruby"]
    assert told.commands == ()
    (notice,) = told.findings
    assert notice.seen == "/usr/local/bin/jekyll is made for /usr/bin/ruby2.7, which is gone."
    assert "`sudo rm /usr/local/bin/jekyll`" in notice.mend


def test_programs_whose_interpreter_is_gone_are_found(tmp_path: Path) -> None:
    for name, first in {
        "jekyll": "#!/nowhere/ruby2.7",
        "bundle": "#! /nowhere/ruby2.7 -w",
        "gem": "#!/bin/sh",
        "ruby": "\x7fELF",
    }.items():
        program = tmp_path / name
        program.write_text(f"{first}\nexit\n")
        program.chmod(0o755)
    output = subprocess.run(
        ["sh", "-c", RubyLeftovers().command()],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert RubyLeftovers().process(output.splitlines()) == (
        Leftover(str(tmp_path / "bundle"), "/nowhere/ruby2.7"),
        Leftover(str(tmp_path / "jekyll"), "/nowhere/ruby2.7"),
    )


def ruby_leftovers() -> None:
    """A stage with that operation alone."""
    leftovers(name="programs of another Ruby")
