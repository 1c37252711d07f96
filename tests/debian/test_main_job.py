"""The main job on a bare Debian machine, for real: packages, engine, Jekyll, HTTP, a browser."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.debian.job import BLOG, HOME, PROJECT, URL, bootstrap, changed, docker, record, run
from tests.debian.machine import DebianMachine, Disk
from tests.debian.process import InsideProcess
from tests.debian.waiting import wait_for
from tests.tables import not_compared

pytestmark = pytest.mark.debian


def test_a_bare_machine_ends_with_a_proved_blog(first_run: dict[str, Any]) -> None:
    assert first_run["report"]["ok"] is True
    assert changed(first_run["report"]) == ["container_engine", "ruby", "blog"]
    (proof,) = first_run["report"]["proofs"].values()
    assert proof["ok"] is True
    assert proof["files"] > 20
    assert first_run["answer"].status_code == 200
    assert first_run["answer"].headers["X-Build-Id"] == proof["build_id"]


def test_the_plan_of_a_bare_machine_has_what_was_then_done(first_run: dict[str, Any]) -> None:
    assert first_run["plan"].returncode == 2, first_run["plan"].stderr
    for words in ("docker.io", "jekyll", "after Container engine"):
        assert words in first_run["plan"].stdout


def test_second_run_changes_nothing(first_run: dict[str, Any]) -> None:
    assert first_run["again"].returncode == 0, first_run["again"].stderr
    assert "nothing to change" in first_run["again"].stdout
    assert first_run["plan again"].returncode == 0
    assert "Nothing to change." in first_run["plan again"].stdout


def test_after_a_reboot_only_what_does_not_start_by_itself_is_mended(
    proved: DebianMachine,
) -> None:
    assert "container_engine" in changed(record(proved))
    assert "ruby" not in changed(record(proved))
    assert proved.get(f"{URL}/").status_code == 200


def test_jekyll_works_on_the_host(proved: DebianMachine) -> None:
    answer = proved.run(
        ["bundle", "exec", "jekyll", "build", "--destination", "/tmp/built"], user="dev", cwd=BLOG
    )
    assert "done in" in answer.stdout


def test_an_edited_post_is_served_and_proved_and_nothing_else_changes(
    proved: DebianMachine,
) -> None:
    before = proved.get(f"{URL}/").headers["X-Build-Id"]
    (name,) = proved.run(
        ["sh", "-c", f"ls {BLOG}/_posts | grep moves-house"], user="dev"
    ).stdout.split()
    proved.run(["sh", "-c", f'echo "A quite new sentence." >> {BLOG}/_posts/{name}'], user="dev")
    assert bootstrap(proved, "verify").returncode == 2
    run(proved)
    assert changed(record(proved)) == ["blog"]
    pages = proved.run(
        [
            "sh",
            "-c",
            f"cd {BLOG} && docker exec bootstrapper-blog /bin/busybox grep -rl "
            "'A quite new sentence' /srv/site",
        ]
    ).stdout
    page = next(line for line in pages.splitlines() if line.endswith(".html"))
    served = proved.get(URL + page.removeprefix("/srv/site").removesuffix("index.html"))
    assert "A quite new sentence." in served.text
    assert served.headers["X-Build-Id"] != before


@pytest.mark.parametrize(
    "damage",
    [
        "docker kill bootstrapper-blog",
        "docker rm -f bootstrapper-blog",
        "docker pause bootstrapper-blog",
        "docker rm -f bootstrapper-blog && docker image rm $(docker image ls -q bootstrapper/blog)",
        "pkill dockerd; while pgrep dockerd; do sleep 0.1; done",
    ],
)
def test_what_was_broken_from_outside_is_healed(proved: DebianMachine, damage: str) -> None:
    proved.run(["sh", "-c", damage])
    run(proved)
    assert proved.get(f"{URL}/").status_code == 200
    assert "ruby" not in changed(record(proved))


def test_a_container_of_an_older_build_does_not_pass(proved: DebianMachine) -> None:
    proved.run(["sh", "-c", f"echo more >> {BLOG}/index.html"], user="dev")
    answer = bootstrap(proved, "verify")
    assert answer.returncode == 2
    assert "older" in answer.stdout + answer.stderr


def test_one_changed_byte_in_the_image_does_not_pass(proved: DebianMachine) -> None:
    image = docker(proved, "inspect", "-f", "{{.Config.Image}}", "bootstrapper-blog")
    proved.write(
        "/tmp/tampered/Dockerfile",
        f'FROM {image}\nUSER 0\nRUN ["/bin/busybox", "sh", "-c", '
        '"/bin/busybox printf x >> /srv/site/robots.txt; '
        '/bin/busybox printf x > /srv/site/extra.txt"]\nUSER 10001\n',
    )
    docker(proved, "build", "-t", image, "/tmp/tampered")
    arguments = docker(proved, "inspect", "-f", "{{json .Config.Labels}}", "bootstrapper-blog")
    labels = [f"--label={key}={value}" for key, value in json.loads(arguments).items()]
    docker(proved, "rm", "-f", "bootstrapper-blog")
    docker(
        proved, "run", "-d", "--name", "bootstrapper-blog", "--tmpfs", "/tmp", *labels,
        "-p", "127.0.0.1:4000:8080", image,
    )  # fmt: skip
    proved.wait_for_answer(f"{URL}/")
    answer = bootstrap(proved, "verify", "--json")
    assert answer.returncode == 2
    (proof,) = json.loads(answer.stdout)["proofs"].values()
    paths = {fault["path"] for fault in proof["faults"]}
    assert {"robots.txt", "extra.txt"} <= {path.strip("/") for path in paths}
    assert f"docker image rm {image}" in "".join(bootstrap(proved, "verify").stdout.split("\n"))


def test_a_dead_server_and_somebody_elses_do_not_pass(proved: DebianMachine) -> None:
    docker(proved, "rm", "-f", "bootstrapper-blog")
    assert bootstrap(proved, "verify").returncode in (1, 2)
    with server_on_port(proved):
        answer = bootstrap(proved, "verify")
        assert answer.returncode in (1, 2)


def test_a_port_in_use_is_said_by_name_before_the_build(proved: DebianMachine) -> None:
    docker(proved, "rm", "-f", "bootstrapper-blog")
    proved.run(["sh", "-c", f"echo more >> {BLOG}/index.html"], user="dev")
    with server_on_port(proved):
        answer = bootstrap(proved)
    assert answer.returncode == 1
    assert re.search(r"port 4000 .*python3", answer.stderr)
    assert "jekyll" not in answer.stderr.lower()


def test_a_liquid_error_is_the_authors_own_words(proved: DebianMachine) -> None:
    proved.write(f"{BLOG}/broken.html", "---\n---\n{% for x in %}\n", user="dev")
    answer = bootstrap(proved)
    assert answer.returncode == 1
    assert "broken.html" in answer.stderr
    assert "Liquid" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert proved.get(f"{URL}/").status_code == 200, "the last good build goes on being served"


def test_a_missing_gem_is_named_with_the_choice(proved: DebianMachine) -> None:
    proved.run(
        ["sh", "-c", f"printf '\\nplugins:\\n  - jekyll-nonesuch\\n' >> {BLOG}/_config.yml"],
        user="dev",
    )
    answer = bootstrap(proved)
    assert answer.returncode == 1
    assert "jekyll-nonesuch" in answer.stderr
    assert "without_plugins" in answer.stderr


def test_a_user_without_sudo_is_told_and_nothing_is_done(proved: DebianMachine) -> None:
    proved.run(["cp", "-R", HOME, "/home/guest/bootstrapper"], user="root")
    proved.run(["chown", "-R", "guest:guest", "/home/guest/bootstrapper"])
    answer = proved.run(
        ["python3", "/home/guest/bootstrapper/bootstrap.py"], user="guest", check=False
    )
    assert answer.returncode == 1
    assert "sudo" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_container_cannot_write_or_gain_rights_and_is_not_seen_from_outside(
    proved: DebianMachine,
) -> None:
    inside = ["docker", "exec", "bootstrapper-blog", "/bin/busybox"]
    assert proved.run([*inside, "touch", "/srv/site/x"], check=False).returncode != 0
    assert proved.run([*inside, "id", "-u"]).stdout.strip() == "10001"
    status = proved.run([*inside, "grep", "CapEff", "/proc/1/status"]).stdout
    assert status.split()[-1].strip("0") == ""
    limits = docker(
        proved, "inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} "
        "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.SecurityOpt}}", "bootstrapper-blog",
    )  # fmt: skip
    assert limits.startswith("134217728 ")
    assert "true [no-new-privileges" in limits
    listening = proved.run(["sh", "-c", "cat /proc/net/tcp /proc/net/tcp6"]).stdout
    doors = [line.split()[1] for line in listening.splitlines() if " 0A " in line]
    assert [door for door in doors if door.endswith(":0FA0")] == ["0100007F:0FA0"]


def test_ctrl_c_ends_cleanly_and_the_next_run_goes_on(bare_disk: Disk, machine_cache: Path) -> None:
    with DebianMachine(bare_disk, machine_cache) as machine:
        machine.copy_checkout(PROJECT, HOME)
        process = machine.start(["python3", f"{HOME}/bootstrap.py"], user="dev")
        wait_for(lambda: installing(machine), 300, "apt-get to install packages")
        interrupt(process)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 130, output + errors
        assert "Run it again to go on" in errors
        assert "Traceback" not in errors
        again = machine.run(
            ["python3", f"{HOME}/bootstrap.py", "--only", "container_engine"],
            user="dev", check=False,
        )  # fmt: skip
        assert again.returncode == 0, again.stdout + again.stderr


# What is different after an undo, and why.
NOT_AS_BEFORE = {
    "/home/dev/.cache/bootstrapper": "the private environment, which runs the undo itself",
    "/home/dev/.local": "the record, the journal and the logs",
    "/home/dev/.sudo_as_admin_successful": "sudo's own",
    "/var/lib/apt": "what apt knows of packages, renewed",
    "/var/cache": "downloads and caches of apt, debconf, man and fonts",
    "/var/log": "logs",
    "/var/lib/dpkg": "dpkg's database, which remembers removed packages",
    "/var/lib/docker": "the engine's own, empty of images",
    "/var/lib/containerd": "likewise",
    "/var/lib/systemd": "what systemd remembers of services of removed packages",
    "/var/lib/ucf": "what ucf remembers of configuration files",
    "/etc/ld.so.cache": "the list of libraries, made anew",
    "/etc/group": "the group docker, which its removed package leaves; nobody is in it any more",
    "/etc/group-": "what that file was before its last change",
    "/etc/gshadow": "likewise",
    "/etc/gshadow-": "likewise",
    "/usr/local/share": "directories that packages' scripts make",
}
# Of these only what was there before is compared.
MORE_THAN_BEFORE = {"/etc": "configuration files of removed packages; `apt-get purge` has them"}


@not_compared("Debian", {**NOT_AS_BEFORE, **MORE_THAN_BEFORE})
def test_undo_leaves_the_machine_as_it_was(machine: DebianMachine) -> None:
    machine.copy_checkout(PROJECT, HOME)
    machine.run(["cp", "-R", f"{HOME}/examples/blog", BLOG], user="dev")
    before = files(machine), packages(machine), groups(machine)
    run(machine, "--set", "docker_group=true")
    assert "docker" in groups(machine)
    plan = bootstrap(machine, "undo", "--plan")
    assert plan.returncode == 0, plan.stdout + plan.stderr
    print(plan.stdout)
    print(run(machine, "undo"))
    assert packages(machine) == before[1]
    assert groups(machine) == before[2]
    after = files(machine)
    changed = {
        path: (before[0].get(path), after.get(path))
        for path in before[0] | after
        if before[0].get(path) != after.get(path)
        and not (path not in before[0] and path.startswith((*MORE_THAN_BEFORE,)))
    }
    assert changed == {}
    assert not any("dockerd" in task.command for task in machine.processes())
    assert "Nothing to take back." in run(machine, "undo")


def packages(machine: DebianMachine) -> list[str]:
    listing = machine.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n"]).stdout
    return [line for line in listing.splitlines() if line.startswith("ii")]


def groups(machine: DebianMachine) -> list[str]:
    return machine.run(["id", "-nG", "dev"]).stdout.split()


def files(machine: DebianMachine) -> dict[str, str]:
    """Each file that is compared: its mode and owner, and where it leads to or what is in it."""
    prune = [w for place in NOT_AS_BEFORE for w in ("-path", place, "-prune", "-o")]
    prune += ["-name", "__pycache__", "-prune", "-o"]
    find = ["find", "/home", "/root", "/usr", "/opt", "/var", "/etc", "-xdev", *prune]
    listing = machine.run([*find, "!", "-type", "d", "-printf", "%p\t%M %u:%g %l\n"]).stdout
    found = dict(line.split("\t") for line in listing.splitlines())
    sums = machine.run([*find, "-type", "f", "-exec", "sha256sum", "{}", "+"]).stdout
    for line in sums.splitlines():
        content, _, path = line.partition("  ")
        found[path] += content
    return found


def test_a_browser_sees_the_blog(proved: DebianMachine) -> None:
    with tempfile.TemporaryDirectory() as profile:
        picture = Path(profile) / "page.png"
        chromium = [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={profile}/data", "--window-size=1200,900",
        ]  # fmt: skip
        shown = subprocess.run(
            proved.inside_network([*chromium, "--dump-dom", f"{URL}/"]),
            capture_output=True, text=True, timeout=120, check=True,
        ).stdout  # fmt: skip
        subprocess.run(
            proved.inside_network([*chromium, f"--screenshot={picture}", f"{URL}/"]),
            capture_output=True, timeout=120, check=True,
        )  # fmt: skip
        assert "<h1" in shown
        assert "<article" in shown or "<li" in shown
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 10_000, "a blank page is smaller"


def installing(machine: DebianMachine) -> bool:
    return any("install" in task.command and "apt-get" in task.command for task in
               machine.processes())  # fmt: skip


def interrupt(process: InsideProcess) -> None:
    process.send_signal(signal.SIGINT)


class server_on_port:  # noqa: N801 (used like a function)
    """Somebody else's server on the blog's port, for the length of a `with` block."""

    def __init__(self, machine: DebianMachine) -> None:
        self._machine = machine

    def __enter__(self) -> None:
        self._process = self._machine.start(
            ["python3", "-m", "http.server", "4000", "--bind", "127.0.0.1"], user="dev", cwd="/tmp"
        )
        self._machine.wait_for_answer(f"{URL}/")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
