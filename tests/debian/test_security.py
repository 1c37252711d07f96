"""What the blog's container can do, and what of it a neighbour on the network can reach."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.debian.job import BLOG, HOME, docker
from tests.debian.machine import DebianMachine
from tests.debian.waiting import wait_for

pytestmark = pytest.mark.debian

HERE, NEIGHBOUR = "10.99.0.1", "10.99.0.2"
HERE_6, NEIGHBOUR_6 = "fd99::1", "fd99::2"
INSIDE = ("docker", "exec", "bootstrapper-blog", "/bin/busybox")
SCAN = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
for port in range(1, 65536):
    with socket.socket(family) as probe:
        probe.settimeout(1)
        if probe.connect_ex((sys.argv[1], port)) == 0:
            print(port)
"""


@contextmanager
def neighbour(machine: DebianMachine) -> Iterator[list[str]]:
    """The words that run a command in a network of its own, with a cable to the machine's."""
    with subprocess.Popen(["unshare", "--net", "sleep", "600"]) as other:
        try:
            wait_for(lambda: _net(other.pid) != _net("self"), 5, "a network of its own")
            theirs = ["nsenter", f"--net=/proc/{other.pid}/ns/net", "--"]
            ours = machine.inside_network([])
            to = {"cable0": ours[1].removeprefix("--net="), "cable1": f"/proc/{other.pid}/ns/net"}
            run("ip", "link", "add", "cable0", "type", "veth", "peer", "name", "cable1")
            ends = (("cable0", HERE, HERE_6, ours), ("cable1", NEIGHBOUR, NEIGHBOUR_6, theirs))
            for end, address, address_6, words in ends:
                run("ip", "link", "set", end, "netns", to[end])
                run(*words, "ip", "address", "add", f"{address}/24", "dev", end)
                run(*words, "ip", "address", "add", f"{address_6}/64", "dev", end, "nodad")
                run(*words, "ip", "link", "set", end, "up")
            yield theirs
        finally:
            other.kill()


def _net(process: object) -> Path:
    return Path(f"/proc/{process}/ns/net").readlink()


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def open_ports(words: list[str]) -> set[tuple[str, int]]:
    """The TCP ports of the machine that answer to somebody else, at its addresses of both kinds."""
    return {
        (address, int(port))
        for address in (HERE, HERE_6)
        for port in run(*words, sys.executable, "-c", SCAN, address).split()
    }


def udp_sockets(machine: DebianMachine) -> list[str]:
    """Those that are not bound to loopback, as the kernel lists them: silence is no proof there."""
    rows = machine.run(["sh", "-c", "tail -q -n +2 /proc/net/udp /proc/net/udp6"]).stdout
    addresses = [row.split()[1].partition(":")[0] for row in rows.splitlines()]
    loopback = {"0100007F", "0" * 24 + "01000000"}
    return [address for address in addresses if address not in loopback]


@contextmanager
def previewed(machine: DebianMachine) -> Iterator[None]:
    words = ["python3", f"{HOME}/bootstrap.py", "preview", "--blog", BLOG]
    quiet = subprocess.DEVNULL
    with machine.start(words, user="dev", stdout=quiet, stderr=quiet) as process:
        machine.wait_for_answer("http://127.0.0.1:4001/", 120)
        yield
        process.send_signal(signal.SIGINT)


def test_a_neighbour_reaches_no_port(proved: DebianMachine) -> None:
    """Neither the blog's nor the preview's; a server that listens everywhere is seen."""
    with neighbour(proved) as words, previewed(proved):
        for port in (4000, 4001):
            proved.get(f"http://127.0.0.1:{port}/")  # it answers on the machine itself
        assert open_ports(words) == set()
        assert udp_sockets(proved) == []
        everywhere = ["python3", "-m", "http.server", "--bind", "::", "4999"]
        with proved.start(everywhere, stderr=subprocess.DEVNULL) as server:
            proved.wait_for_answer("http://127.0.0.1:4999/")
            assert open_ports(words) == {(HERE, 4999), (HERE_6, 4999)}
            server.send_signal(signal.SIGTERM)


ANSWERS = """
import socket
server = socket.create_server(("0.0.0.0", 4998))
while True:
    server.accept()[0].sendall(b"here\\n")
"""
NAMES = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
print("asked", server.recvfrom(512)[1], flush=True)
"""


def reached(machine: DebianMachine, container: str, address: str) -> bool:
    """Whether a server at port 4998 answers what is in the container."""
    words = ["docker", "exec", container, "/bin/busybox", "timeout", "3"]
    asked = machine.run([*words, "/bin/busybox", "nc", address, "4998"], check=False)
    return "here" in asked.stdout


@contextmanager
def ordinary_container(machine: DebianMachine, *options: str) -> Iterator[str]:
    """One of the same image in a network such as Docker's own default."""
    image = docker(machine, "inspect", "-f", "{{.Config.Image}}", "bootstrapper-blog").strip()
    docker(machine, "run", "--detach", "--name", "ordinary", *options, image)
    try:
        yield "ordinary"
    finally:
        docker(machine, "rm", "--force", "ordinary")


def test_the_container_reaches_no_other_computer(proved: DebianMachine) -> None:
    """A server in a network beyond the machine answers an ordinary container, and not ours."""
    answering = [sys.executable, "-c", ANSWERS]
    with neighbour(proved) as words, ordinary_container(proved) as ordinary:
        with subprocess.Popen([*words, *answering]) as server:
            wait_for(lambda: reached(proved, ordinary, NEIGHBOUR), 20, "the neighbour to answer")
            assert not reached(proved, "bootstrapper-blog", NEIGHBOUR)
            server.kill()
        proved.get("http://127.0.0.1:4000/")


@pytest.mark.parametrize("network", ["bridge", "theirs"])
def test_the_container_reaches_no_other_container(proved: DebianMachine, network: str) -> None:
    if network == "theirs":
        docker(proved, "network", "create", network)
    serving = ["--entrypoint", "/bin/busybox", "--network", network, "--name"]
    image = docker(proved, "inspect", "-f", "{{.Config.Image}}", "bootstrapper-blog").strip()
    loop = ["sh", "-c", "while true; do echo here | /bin/busybox nc -l -p 4998; done"]
    docker(proved, "run", "--detach", *serving, "server", image, *loop)
    where = f"{{{{(index .NetworkSettings.Networks {json.dumps(network)}).IPAddress}}}}"
    address = docker(proved, "inspect", "-f", where, "server").strip()
    with ordinary_container(proved, "--network", network) as ordinary:
        wait_for(lambda: reached(proved, ordinary, address), 20, "the other container to answer")
        assert not reached(proved, "bootstrapper-blog", address)


def test_the_container_asks_nobody_for_names(proved: DebianMachine) -> None:
    """Docker asks the machine's own name server for what is in a network of its own; not ours."""
    proved.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    docker(proved, "restart", "bootstrapper-blog")
    docker(proved, "network", "create", "theirs")
    lookup = ["timeout", "3", "/bin/busybox", "nslookup", "example.org"]
    with proved.start(["python3", "-c", NAMES], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == "ready"
        proved.run([*INSIDE, *lookup], check=False)
        assert server.poll() is None  # nobody has asked
        with ordinary_container(proved, "--network", "theirs") as ordinary:
            proved.run(["docker", "exec", ordinary, "/bin/busybox", *lookup], check=False)
            assert server.stdout.readline().startswith("asked")


def test_the_container_can_write_nowhere_but_to_its_own_memory(proved: DebianMachine) -> None:
    places = (
        "/ /srv /srv/site /srv/manifest.json /etc /bin /usr /var /var/lib/nginx /root /home /run"
    )
    script = (
        f"for p in {places}; do [ -e $p ] || continue; "
        "if /bin/busybox touch $p/x || ( : >>$p ); then echo $p; fi; done 2>/dev/null"
    )
    assert proved.run([*INSIDE, "sh", "-c", script]).stdout == ""
    assert proved.run([*INSIDE, "sh", "-c", ": >/tmp/x && echo yes"]).stdout == "yes\n"
    mounts = proved.run([*INSIDE, "cat", "/proc/1/mounts"]).stdout
    on_disk = [
        line.split() for line in mounts.splitlines() if line.startswith(("/dev/", "overlay"))
    ]
    assert all("ro" in fields[3].split(",") for fields in on_disk if fields[1] == "/")
    assert {fields[1] for fields in on_disk} <= {
        "/", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"
    }  # fmt: skip


def test_the_container_has_no_rights_and_gains_none(proved: DebianMachine) -> None:
    status = proved.run([*INSIDE, "cat", "/proc/1/status"]).stdout
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(told[capabilities], 16) == 0, capabilities
    assert told["Uid"].split() == ["10001"] * 4
    assert told["Gid"].split() == ["10001"] * 4
    assert told["NoNewPrivs"] == "1"
    assert told["Seccomp"] == "2"  # a filter
    setuid = proved.run(
        [*INSIDE, "find", "/", "-xdev", "-perm", "/6000", "-type", "f"], check=False
    )
    assert setuid.stdout == ""
    for refused in (["su"], ["mount", "-t", "tmpfs", "x", "/tmp"], ["chown", "0", "/tmp"]):
        assert proved.run([*INSIDE, *refused], check=False).returncode != 0


def test_the_container_sees_nothing_of_the_machine(proved: DebianMachine) -> None:
    (told,) = json.loads(docker(proved, "inspect", "bootstrapper-blog"))
    settings = told["HostConfig"]
    assert (told["Mounts"], settings["Binds"], settings["Devices"]) == ([], None, [])
    assert (settings["Privileged"], settings["PidMode"], settings["IpcMode"]) == (
        False, "", "private"
    )  # fmt: skip
    assert settings["NetworkMode"] != "host"
    assert proved.run([*INSIDE, "find", "/", "-xdev", "-type", "s"], check=False).stdout == ""
    processes = proved.run([*INSIDE, "ls", "/proc"]).stdout.split()
    names = {
        proved.run([*INSIDE, "cat", f"/proc/{number}/comm"], check=False).stdout.strip()
        for number in processes
        if re.fullmatch(r"\d+", number)
    }
    assert names <= {"nginx", "busybox", "ls", "cat", ""}


def test_private_files_are_private(proved: DebianMachine) -> None:
    """What is kept of a run: its user's alone, whatever the umask was."""
    for place in ("/home/dev/.local/state/bootstrapper", "/home/dev/.cache/bootstrapper"):
        assert proved.run(["stat", "-c", "%a %U", place]).stdout == "700 dev\n"
    state = "/home/dev/.local/state/bootstrapper"
    others = proved.run(["find", state, "-perm", "/077"]).stdout
    assert others == ""
    assert proved.run(["ls", f"{state}/record.json", f"{state}/changes.jsonl", f"{state}/lock"])
