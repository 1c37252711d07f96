"""The promises of the machines that the tests on Debian run in."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import requests

from .machine import DebianMachine, Disk
from .process import CommandError
from .scratch import claimed_directory
from .waiting import wait_for

pytestmark = pytest.mark.debian


def test_a_machine_is_bare(machine: DebianMachine) -> None:
    look = 'for name; do command -v "$name"; done; true'
    sought = ["python3", "git", "sudo", "docker", "dockerd", "podman", "ruby", "gem", "jekyll"]
    found = machine.run(["sh", "-c", look, "look", *sought]).stdout.split()
    assert found == ["/usr/bin/python3", "/usr/bin/git", "/usr/bin/sudo"]


def test_the_hosts_environment_stays_outside(
    machine: DebianMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere")
    environment = machine.run(["env"], user="dev", env={"GIVEN": "yes"}).stdout.splitlines()
    assert {"HOME=/home/dev", "USER=dev", "GIVEN=yes"} <= set(environment)
    assert not any("DOCKER_HOST" in line or "/root" in line for line in environment)


def test_commands_start_in_the_users_home_or_where_told(machine: DebianMachine) -> None:
    assert machine.run(["pwd"], user="dev").stdout == "/home/dev\n"
    assert machine.run(["pwd"], user="dev", cwd="/srv").stdout == "/srv\n"


def test_dev_becomes_root_without_a_password(machine: DebianMachine) -> None:
    assert machine.run(["sudo", "-n", "id", "-u"], user="dev").stdout == "0\n"


def test_asked_becomes_root_only_with_a_password(machine: DebianMachine) -> None:
    assert machine.run(["sudo", "-n", "id", "-u"], user="asked", check=False).returncode == 1
    with_password = machine.run(["sudo", "-S", "id", "-u"], user="asked", input="asked\n")
    assert with_password.stdout == "0\n"


def test_guest_never_becomes_root(machine: DebianMachine) -> None:
    assert machine.run(["sudo", "-n", "id", "-u"], user="guest", check=False).returncode == 1


def test_a_failed_command_says_what_it_printed(machine: DebianMachine) -> None:
    with pytest.raises(CommandError, match=r"(?s)ls /nowhere: exit 2.*No such file"):
        machine.run(["ls", "/nowhere"])


def test_a_command_that_hangs_is_ended_with_its_children(machine: DebianMachine) -> None:
    with pytest.raises(CommandError, match=r"not done after 0\.5 s"):
        machine.run(["sh", "-c", "sleep 1000 & sleep 1000"], timeout=0.5)
    wait_for(lambda: not running(machine, "sleep"), 5, "both to end")


def test_a_failed_test_does_not_wait_for_what_it_started(machine: DebianMachine) -> None:
    with pytest.raises(ZeroDivisionError), machine.start(["sleep", "1000"]):
        raise ZeroDivisionError
    assert not running(machine, "sleep")


def test_a_signal_reaches_the_process_inside(machine: DebianMachine) -> None:
    with machine.start(["sh", "-c", "echo set; exec sleep 1000"], user="dev") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "set\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_ctrl_c_at_a_terminal_interrupts(machine: DebianMachine) -> None:
    upper, lower = os.openpty()
    script = "test -t 0 && echo set; exec sleep 1000"
    with (
        os.fdopen(upper, "r+b", buffering=0) as keyboard,
        os.fdopen(lower, "r+b", buffering=0) as screen,
        machine.start(["sh", "-c", script], stdin=screen, stdout=lower, terminal=True) as process,
    ):
        assert b"set" in keyboard.read(100)
        keyboard.write(b"\x03")
        assert process.wait(10) == -signal.SIGINT


def test_files_go_in_and_come_out(machine: DebianMachine, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "tool").write_text("#!/bin/sh\necho works\n")
    (tmp_path / "sub" / "tool").chmod(0o755)
    machine.copy_in(tmp_path, "/home/dev/tools", user="dev")
    assert machine.run(["/home/dev/tools/sub/tool"], user="dev").stdout == "works\n"
    machine.write("/home/dev/new/ümlaut", "ä\n", user="dev")
    assert machine.read("/home/dev/new/ümlaut") == "ä\n"
    assert machine.run(["find", "/home/dev", "!", "-user", "dev"]).stdout == ""


def test_a_checkout_goes_in_as_it_is_on_disk(machine: DebianMachine, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name in ("kept", "deleted"):
        (tmp_path / name).write_text("first")
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    (tmp_path / "kept").write_text("changed")
    (tmp_path / "deleted").unlink()
    (tmp_path / "new").write_text("new")
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "ignored").write_text("ignored")
    machine.copy_checkout(tmp_path, "/home/dev/project")
    inside = machine.run(["ls", "-A"], user="dev", cwd="/home/dev/project").stdout.split()
    assert inside == [".gitignore", "kept", "new"]
    assert machine.read("/home/dev/project/kept") == "changed"


def test_machines_do_not_see_each_other(
    machine: DebianMachine, bare_disk: Disk, machine_cache: Path
) -> None:
    with DebianMachine(bare_disk, machine_cache) as other:
        for each, text in ((machine, "one"), (other, "two")):
            each.write("/srv/name", text)
            serve(each, "/srv")
        url = "http://127.0.0.1:4000/name"
        assert machine.wait_for_answer(url).text == "one"
        assert other.wait_for_answer(url).text == "two"
        assert len(running(machine, "http.server")) == 1


def test_programs_of_the_host_reach_what_listens_inside(machine: DebianMachine) -> None:
    machine.write("/srv/name", "inside")
    serve(machine, "/srv")
    machine.wait_for_answer("http://127.0.0.1:4000/name")
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:4000/name').read())"
    command = machine.inside_network([sys.executable, "-c", fetch])
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"b'inside'\n"


def test_the_hosts_loopback_is_out_of_reach(machine: DebianMachine) -> None:
    host = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with host:
        try:
            assert host.stdout is not None
            port = host.stdout.readline().split()[5]
            for address in ("127.0.0.1", "10.0.2.2"):
                with pytest.raises(requests.ConnectionError):
                    machine.get(f"http://{address}:{port}/")
        finally:
            host.kill()


def test_orphans_are_collected(machine: DebianMachine) -> None:
    machine.run(["sh", "-c", "(true &) ; (true &) ; sleep 0.1"])
    states = "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '"
    wait_for(lambda: machine.run(["sh", "-c", states], check=False).stdout == "0\n", 5, "no zombie")


def test_a_power_cut_ends_everything_and_keeps_the_disk(machine: DebianMachine) -> None:
    machine.write("/srv/name", "kept")
    machine.write("/run/name", "lost")
    machine.run(["rm", "/etc/debian_version"])
    machine.start(["sleep", "1000"])
    machine.power_cut()
    assert not running(machine, "sleep")
    assert machine.read("/srv/name") == "kept"
    assert machine.run(["ls", "/run/name", "/etc/debian_version"], check=False).stdout == ""


def test_machines_start_from_a_frozen_one_and_never_change_it(
    bare_disk: Disk, machine_cache: Path, tmp_path: Path
) -> None:
    with DebianMachine(bare_disk, machine_cache) as first:
        first.write("/srv/name", "frozen")
        first.write("/var/lib/docker/image", "frozen")
        first.run(["rm", "/etc/debian_version"])
        disk = first.freeze(tmp_path / "frozen")
    for _ in range(2):
        with DebianMachine(disk, machine_cache) as machine:
            assert machine.read("/srv/name") == "frozen"
            assert machine.read("/var/lib/docker/image") == "frozen"
            assert machine.run(["ls", "/etc/debian_version"], check=False).returncode == 2
            for path in ("/srv/name", "/var/lib/docker/image", "/etc/debian_version"):
                machine.write(path, "changed")


def test_nothing_of_a_machine_outlives_it(bare_disk: Disk, tmp_path: Path) -> None:
    seconds = str(time.time_ns())
    with pytest.raises(CommandError), DebianMachine(bare_disk, tmp_path) as machine:  # noqa: PT012 (ends it)
        machine.run(["sh", "-c", f"setsid sleep {seconds} >/dev/null 2>&1 &"])
        wait_for(lambda: on_the_host(seconds), 5, "the daemon")
        name = machine_directories(tmp_path)[0].name
        assert control_groups(name)
        machine.run(["false"])
    assert on_the_host(seconds) == []
    assert machine_directories(tmp_path) == []
    assert control_groups(name) == []
    assert name not in Path("/proc/self/mountinfo").read_text()


def test_a_killed_test_run_leaves_nothing(bare_disk: Disk, tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    told, tell = spawning.Pipe(duplex=False)
    run = spawning.Process(target=hold_a_machine, args=(bare_disk, tmp_path, tell))
    run.start()
    inside = told.recv()
    run.kill()
    run.join()
    wait_for(lambda: not Path(f"/proc/{inside}").exists(), 5, "the machine to end")
    abandoned = machine_directories(tmp_path)
    assert len(abandoned) == 1
    with DebianMachine(bare_disk, tmp_path):
        assert not abandoned[0].exists()
        assert control_groups(abandoned[0].name) == []
    assert machine_directories(tmp_path) == []


def test_test_runs_may_come_and_go_at_once(tmp_path: Path) -> None:
    def come_and_go(_: int) -> None:
        with claimed_directory(tmp_path) as directory:
            for name in range(50):
                (directory / f"{name}" / "below").mkdir(parents=True)

    with ThreadPoolExecutor(8) as runs:
        list(runs.map(come_and_go, range(100)))
    assert not list(tmp_path.glob("machine-*"))


def test_a_machine_that_cannot_boot_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(CommandError, match=r"failed in .*machine-"),
        DebianMachine(Disk((tmp_path / "no tree",)), tmp_path),
    ):
        pass
    assert machine_directories(tmp_path) == []


def test_packages_are_downloaded_once(bare_disk: Disk, machine_cache: Path) -> None:
    archives = []
    for _ in range(2):
        with DebianMachine(bare_disk, machine_cache) as machine:
            machine.run(["apt-get", "update"])
            printed = machine.run(["apt-get", "install", "-y", "hello"]).stdout
            assert machine.run(["hello"]).stdout == "Hello, world!\n"
            archives.append("0 B/" in printed)
    assert archives[1]


def test_an_engine_inside_runs_containers(machine: DebianMachine) -> None:
    packages = ["docker.io", "busybox-static"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    machine.run(["apt-get", "update"])
    machine.run(["apt-get", "install", "-y", "--no-install-recommends", *packages], env=quiet)
    machine.start(["dockerd"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: machine.run(["docker", "info"], check=False).returncode == 0, 30, "dockerd")
    assert machine.run(["docker", "info", "--format", "{{.Driver}}"]).stdout == "overlay2\n"

    machine.run(["sh", "-c", "tar -C / -c bin/busybox etc/issue | docker import - tiny"])
    server = "/bin/busybox httpd -f -p 8080 -h /etc"
    options = "--memory 64m --pids-limit 20 --read-only -p 127.0.0.1:4000:8080"
    machine.run(f"docker run -d {options} tiny {server}".split())
    answer = machine.wait_for_answer("http://127.0.0.1:4000/issue")
    assert (answer.status_code, answer.text) == (200, machine.read("/etc/issue"))


# Helpers


def serve(machine: DebianMachine, directory: str) -> None:
    server = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "4000"]
    machine.start([*server, "--directory", directory], stderr=subprocess.DEVNULL)


def running(machine: DebianMachine, word: str) -> list[int]:
    return [task.pid for task in machine.processes() if word in task.command]


def on_the_host(word: str) -> list[Path]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            if word in (entry / "cmdline").read_text().split("\0"):
                found.append(entry)
    return found


def machine_directories(cache: Path) -> list[Path]:
    return list((cache / "machines").glob("machine-*"))


def control_groups(name: str) -> list[Path]:
    root = Path("/sys/fs/cgroup")
    return [*root.glob(name), *root.glob(f"*/{name}")]


def hold_a_machine(disk: Disk, cache: Path, tell: Connection) -> None:
    with DebianMachine(disk, cache) as machine:
        tell.send(machine.start(["sleep", "1000"]).inside_pid)
        signal.pause()
