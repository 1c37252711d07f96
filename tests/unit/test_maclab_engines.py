"""Container engines of the simulated Mac, compared with what facts and sources say of the real."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.maclab.commands import colima as colima_module
from tests.maclab.commands import docker, docker_files, lima, main, other_engines
from tests.maclab.commands.call import COMMANDS, Call
from tests.maclab.commands.network import Network
from tests.maclab.commands.system import System

HOME = "/Users/dev"
SOCKET = f"{HOME}/.colima/default/docker.sock"
main.load_all()


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def messages(self) -> list[str]:
        """logrus's lines without their times."""
        found = re.findall(r"^time=\S+ (?:level=\w+ )msg=(.*)$", self.err, re.MULTILINE)
        return [line.replace('"', "") for line in found]


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Mac:
    """A Mac in a directory, with the named executables on PATH."""

    def __init__(self, root: Path, *executables: str) -> None:
        self.root = root
        self.env = {"HOME": HOME, "PATH": "/opt/homebrew/bin", "TMPDIR": "/var/folders/dev/T/"}
        (root / HOME[1:]).mkdir(parents=True)
        for name in executables:
            self.executable(f"/opt/homebrew/bin/{name}")

    def executable(self, path: str) -> None:
        file = self.root / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/maclab/launch {file.name}\n")
        file.chmod(0o755)

    def call(self, name: str, *argv: str, **more: Any) -> Call:
        settings = {"env": self.env, "cwd": self.root, "uid": 501, "root": self.root, **more}
        return Call(name, list(argv), **settings)

    def run(self, line: str, *, terminal: bool = False, typed: str = "") -> Said:
        name, *argv = line.split()
        out, err = StringIO(), Terminal() if terminal else StringIO()
        call = self.call(name, *argv, stdin=StringIO(typed), stdout=out, stderr=err)
        return Said(COMMANDS[name].function(call), out.getvalue(), err.getvalue())

    def home(self, path: str) -> Path:
        return self.root / HOME[1:] / path

    def docker_config(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.home(".docker/config.json").read_text())
        return told

    def contexts(self) -> dict[str, str]:
        files = self.home(".docker/contexts/meta").glob("*/meta.json")
        told = [json.loads(file.read_text()) for file in files]
        return {one["Name"]: one["Endpoints"]["docker"]["Host"] for one in told}


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path, "colima", "limactl", "lima", "docker")


def test_first_start_says_what_the_source_says(mac: Mac) -> None:
    said = mac.run("colima start")
    assert (said.code, said.out) == (0, "")
    assert said.messages == [
        "starting colima",
        "runtime: docker",
        "creating and starting ... context=vm",
        "downloading disk image ... context=vm",
        "provisioning ... context=docker",
        "starting ... context=docker",
        "done",
    ]
    assert re.fullmatch(r'time="\d{4}-[^"]+" level=info msg=done', said.err.splitlines()[-1])


def test_at_a_terminal_the_message_is_padded_before_its_context(mac: Mac) -> None:
    said = mac.run("colima start", terminal=True)
    plain = re.sub(r"\x1b\[\d+m", "", said.err).splitlines()
    assert plain[0].rstrip() == "INFO[0000] starting colima"
    assert plain[2] == "INFO[0000] creating and starting ...                     context=vm"


def test_start_makes_socket_context_and_include(mac: Mac) -> None:
    mac.home(".ssh").mkdir()
    mac.home(".ssh/config").write_text("Host x\n")
    mac.home(".docker").mkdir()
    mac.home(".docker/config.json").write_text('{"credsStore": "desktop"}')
    mac.run("colima start")
    assert mac.home(".colima/default/docker.sock").readlink() == Path("/maclab/engine.sock")
    assert mac.contexts() == {"colima": f"unix://{SOCKET}"}
    assert mac.docker_config() == {"auths": {}, "credsStore": "desktop", "currentContext": "colima"}
    include = f"Include {HOME}/.colima/ssh_config\n\nHost x\n"
    assert mac.home(".ssh/config").read_text() == include
    assert mac.home(".colima/_lima/colima/ha.stderr.log").exists()


def test_start_can_leave_the_ssh_configuration_and_the_context_alone(mac: Mac) -> None:
    mac.run("colima start --ssh-config=false --activate=false")
    assert not mac.home(".ssh").exists()
    assert not mac.home(".docker/config.json").exists()


def test_status_as_text_and_as_json(mac: Mac) -> None:
    mac.run("colima start --cpus 6 --memory 12 --disk=60")
    assert mac.run("colima status").messages == [
        "colima is running using macOS Virtualization.Framework",
        "arch: aarch64",
        "runtime: docker",
        "mountType: virtiofs",
        f"docker socket: unix://{SOCKET}",
        f"containerd socket: unix://{HOME}/.colima/default/containerd.sock",
    ]
    assert mac.run("colima status --json").out == (
        '{"display_name":"colima","driver":"macOS Virtualization.Framework","arch":"aarch64",'
        '"runtime":"docker","mount_type":"virtiofs","docker_socket":"unix:///Users/dev/.colima/'
        'default/docker.sock","containerd_socket":"unix:///Users/dev/.colima/default/'
        'containerd.sock","kubernetes":false,"cpu":6,"memory":12884901888,"disk":64424509440}\n'
    )
    assert mac.run("colima list --json").out == (
        '{"name":"default","status":"Running","arch":"aarch64","cpus":6,"memory":12884901888,'
        '"disk":64424509440,"runtime":"docker"}\n'
    )


def test_nothing_there(mac: Mac) -> None:
    said = mac.run("colima status")
    assert (said.code, said.messages) == (1, ["colima is not running"])
    assert "FATA" in mac.run("colima status", terminal=True).err
    assert mac.run("colima status --json").code == 1
    assert mac.run("colima list --json") == (0, "", "")
    assert mac.home(".colima/_lima").is_dir()  # made by being asked
    listed = mac.run("colima list")
    header = "PROFILE    STATUS    ARCH    CPUS    MEMORY    DISK    RUNTIME    ADDRESS\n"
    assert (listed.code, listed.out) == (0, header)
    assert listed.messages == ["No instance found. Run `colima start` to create an instance."]


def test_table_is_that_of_the_capture(mac: Mac) -> None:
    mac.run("colima start")
    mac.run("colima stop")
    header, row = mac.run("colima list").out.splitlines()
    assert header == (
        "PROFILE    STATUS     ARCH       CPUS    MEMORY    DISK      RUNTIME    ADDRESS"
    )
    assert row.startswith("default    Stopped    aarch64    2       2GiB      100GiB    docker")


def test_started_twice_and_stopped_twice(mac: Mac) -> None:
    mac.run("colima start")
    again = mac.run("colima start --cpus 4")
    assert (again.code, again.messages) == (0, ["already running, ignoring"])
    assert "level=warning" in again.err
    stopped = mac.run("colima stop")
    assert stopped.messages == [
        "stopping colima",
        "stopping ... context=docker",
        "stopping ... context=vm",
        "done",
    ]
    assert not mac.home(".colima/default/docker.sock").is_symlink()
    assert mac.contexts() == {}
    assert "currentContext" not in mac.docker_config()
    assert mac.run("colima stop").messages == ["stopping colima", "not running context=vm", "done"]


def test_what_is_settled_cannot_be_changed(mac: Mac) -> None:
    mac.run("colima start")
    mac.run("colima stop")
    said = mac.run("colima start --mount-type sshfs --cpus 4")
    assert said.messages[0] == (
        "'volume mount type' cannot be updated after initial setup, discarded"
    )
    assert '"cpu":4' in mac.run("colima status --json").out


def test_a_context_of_that_name_is_not_mended(mac: Mac) -> None:
    docker_files.create_context(mac.call("x"), "colima", "old", f"{HOME}/.colima/docker.sock")
    mac.run("colima start")
    assert mac.contexts() == {"colima": f"unix://{HOME}/.colima/docker.sock"}


@pytest.mark.parametrize(
    ("missing", "last"),
    [
        (
            "docker",
            "dependency check failed for docker: "
            "docker not found, run 'brew install docker' to install",
        ),
        (
            "lima",
            "Error: dependency check failed for VM: "
            "lima not found, run 'brew install lima' to install",
        ),
    ],
)
def test_what_it_needs(mac: Mac, missing: str, last: str) -> None:
    (mac.root / "opt/homebrew/bin" / missing).unlink()
    said = mac.run("colima start")
    assert said.code == 1
    assert said.messages[-1] == last


def _no_virtualization(mac: Mac) -> None:
    with mac.call("x").changing(System) as system:
        system.virtualization = None


def _outdated(mac: Mac) -> None:
    lima.outdate(mac.call("x"))


def _stale_network(mac: Mac) -> None:
    lima.leave_stale_network(mac.call("x"), f"{HOME}/.colima/_lima")


@pytest.mark.parametrize(
    ("breaking", "logged"),
    [
        (_no_virtualization, "Virtualization is not available on this hardware."),
        (_outdated, "VZ driver requires macOS 13 or higher to run"),
        (_stale_network, "user-v2_fd.sock: connect: connection refused"),
    ],
)
def test_a_machine_that_does_not_start(
    mac: Mac, breaking: Callable[[Mac], None], logged: str
) -> None:
    breaking(mac)
    said = mac.run("colima start")
    assert said.code == 1
    assert said.messages[-1] == (
        "error starting vm: error at 'creating and starting': exit status 1"
    )
    assert logged in mac.home(".colima/_lima/colima/ha.stderr.log").read_text()
    assert mac.run("colima start").messages[-1].endswith("error at 'starting': exit status 1")


def test_an_image_that_cannot_be_fetched(mac: Mac) -> None:
    with mac.call("x").changing(Network) as network:
        network.broken = {"github.com": "unresolved"}
    said = mac.run("colima start")
    assert said.code == 1
    assert "DNS lookup failed for host 'github.com'" in said.messages[-1]


def test_power_cut_breaks_it_and_force_mends_it(mac: Mac) -> None:
    mac.run("colima start")
    colima_module.lose_power(mac.call("x"))
    assert '"status":"Broken"' in mac.run("colima list --json").out
    assert mac.home(".colima/default/docker.sock").is_socket()
    failed = mac.run("colima start")
    assert failed.code == 1
    assert "errors inspecting instance: [vz driver is running but host agent is not]" in failed.out
    assert failed.messages[-1] == "error starting vm: error at 'starting': exit status 1"
    assert mac.run("colima stop").code == 0
    assert mac.run("colima start").code == 1
    assert mac.run("colima stop --force").code == 0
    assert mac.run("colima start").code == 0
    assert mac.home(".colima/default/docker.sock").is_symlink()


def test_half_started(mac: Mac) -> None:
    mac.run("colima start")
    colima_module.start_by_half(mac.call("x"))
    said = mac.run("colima status")
    assert (said.code, said.messages) == (1, ["error retrieving current runtime: empty value"])
    assert mac.run("colima start").messages == ["already running, ignoring"]
    assert mac.run("colima stop").code == 0
    assert mac.run("colima start").code == 0
    assert mac.run("colima status").code == 0


@pytest.mark.parametrize(
    ("there", "env", "chosen"),
    [
        ([], {}, ".colima"),
        ([], {"COLIMA_HOME": f"{HOME}/elsewhere"}, ".colima"),
        (["elsewhere"], {"COLIMA_HOME": f"{HOME}/elsewhere"}, "elsewhere"),
        ([], {"XDG_CONFIG_HOME": f"{HOME}/xdg"}, "xdg/colima"),
        ([".colima"], {"XDG_CONFIG_HOME": f"{HOME}/xdg"}, ".colima"),
        ([".config/colima"], {}, ".config/colima"),
    ],
)
def test_where_its_files_are(mac: Mac, there: list[str], env: dict[str, str], chosen: str) -> None:
    for folder in there:
        mac.home(folder).mkdir(parents=True)
    mac.env |= env
    mac.run("colima start")
    assert mac.home(f"{chosen}/default/docker.sock").is_symlink()
    assert json.loads(mac.run("colima status --json").out)["docker_socket"] == (
        f"unix://{HOME}/{chosen}/default/docker.sock"
    )


def test_deleted_with_all_its_files(mac: Mac) -> None:
    mac.run("colima start")
    assert mac.run("colima delete", typed="n\n").code == 0
    assert mac.run("colima status").code == 0
    assert mac.run("colima delete -f").messages == [
        "deleting colima",
        "deleting ... context=docker",
        "done",
    ]
    assert mac.run("colima list --json").out == ""
    assert not mac.home(".colima/default").exists()


def test_version_names_the_engine_only_while_it_runs(mac: Mac) -> None:
    before = mac.run("colima version").out
    assert before.startswith("colima version 0.10.3\ngit commit: ")
    mac.run("colima start")
    after = mac.run("colima version").out
    assert after == (
        f"{before}\nruntime: docker\narch: aarch64\nclient: v29.8.1\nserver: v29.5.2\n"
    )


def test_limactl_sees_colimas_machine_in_colimas_home_only(mac: Mac) -> None:
    mac.run("colima start")
    assert mac.run("limactl list --json").messages == [
        "No instance found. Run `limactl create` to create an instance."
    ]
    mac.env["LIMA_HOME"] = f"{HOME}/.colima/_lima"
    assert json.loads(mac.run("limactl list --json").out)["status"] == "Running"


def test_a_real_program_gets_signals_and_gives_its_exit_code(mac: Mac) -> None:
    call = mac.call("docker")
    script = "import os, signal; os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
    code = docker.hand_over(call, Path(sys.executable), ["-c", script])
    assert code == 128 + signal.SIGTERM
    assert docker.hand_over(call, Path(sys.executable), ["-c", "raise SystemExit(7)"]) == 7


def test_plugins_describe_themselves_and_credentials_are_not_found(mac: Mac) -> None:
    described = json.loads(mac.run("docker-compose docker-cli-plugin-metadata").out)
    assert described["SchemaVersion"] == "0.1.0"
    assert mac.run("docker-compose compose version").out == "Docker Compose version v5.5.1\n"
    said = mac.run("docker-credential-osxkeychain get", typed="https://index.example.org/v1/")
    assert (said.code, said.out) == (1, "credentials not found in native keychain\n")


def test_docker_desktop(mac: Mac) -> None:
    (mac.root / "Applications/Docker.app/Contents").mkdir(parents=True)
    assert mac.run("docker-desktop desktop status").err == (
        "Could not retrieve status. Is Docker Desktop running?\n"
    )
    assert mac.run("open -a Docker").code == 0
    assert mac.contexts() == {"desktop-linux": f"unix://{HOME}/.docker/run/docker.sock"}
    config = mac.docker_config()
    assert (config["credsStore"], config["currentContext"]) == ("desktop", "desktop-linux")
    assert mac.home(".docker/run/docker.sock").is_symlink()
    assert mac.home(".docker/bin/docker").is_symlink()
    with mac.call("x").changing(other_engines.DockerDesktop) as desktop:
        desktop.says = "starting"
    assert mac.run("docker-desktop desktop status").out == (
        "Name                Value\nStatus              starting\n"
    )
    other_engines.remove_docker_app(mac.call("x"))
    assert mac.docker_config()["credsStore"] == "desktop"


def test_orbstack_and_rancher_start_and_stop(mac: Mac) -> None:
    assert mac.run("orbctl status").out == "Stopped\n"
    mac.run("orbctl start")
    assert mac.run("orbctl status") == (0, "Running\n", "")
    mac.run("rdctl start")
    assert '"name":"moby"' in mac.run("rdctl list-settings").out
    for path in (".orbstack/run/docker.sock", ".rd/docker.sock"):
        assert mac.home(path).is_symlink()
    other_engines.lose_power(mac.call("x"))
    for path in (".orbstack/run/docker.sock", ".rd/docker.sock"):
        assert mac.home(path).is_socket()
    assert mac.run("rdctl list-settings").code == 1


def test_podman(mac: Mac) -> None:
    assert mac.run("podman machine start").code == 125
    made = mac.run("podman machine init")
    assert made.out.endswith("To start your machine run:\n\n\tpodman machine start\n\n")
    started = mac.run("podman machine start")
    socket = "/var/folders/dev/T/podman/podman-machine-default-api.sock"
    assert f"\nAPI forwarding listening on: {socket}\n" in started.out
    assert started.out.endswith('Machine "podman-machine-default" started successfully\n')
    assert (mac.root / socket[1:]).is_symlink()
    assert mac.run("podman machine inspect --format {{.State}}").out == "running\n"
    listed = json.loads(mac.run("podman machine list --format json").out)
    assert (listed[0]["Running"], listed[0]["Memory"]) == (True, "2147483648")
