"""Other ways in: a terminal with a password, a git URL, the stock pyinfra command."""

from __future__ import annotations

import pytest

from tests.debian.job import BLOG, HOME, PROJECT, URL, bootstrap, docker, run
from tests.debian.machine import DebianMachine
from tests.debian.terminal import at_a_terminal, converse

pytestmark = pytest.mark.debian


def test_a_terminal_shows_the_plan_asks_once_and_asks_for_the_password_once(
    machine: DebianMachine,
) -> None:
    home = "/home/asked/bootstrapper"
    machine.copy_checkout(PROJECT, home, user="asked")
    upper, process = at_a_terminal(machine, f"python3 {home}/bootstrap.py --only container_engine")
    answers = [("Go ahead?", "y\n"), ("password for asked", "asked\n")]
    shown = converse(upper, answers, process)
    assert process.wait(timeout=30) == 0, shown
    assert not answers, shown
    assert shown.count("password for asked") == 1
    assert shown.index("docker.io is missing") < shown.index("Go ahead?")
    assert "2 changes" in shown
    machine.run(["docker", "version"])


def test_no_is_an_answer_and_nothing_is_done(machine: DebianMachine) -> None:
    home = "/home/asked/bootstrapper"
    machine.copy_checkout(PROJECT, home, user="asked")
    upper, process = at_a_terminal(machine, f"python3 {home}/bootstrap.py --only container_engine")
    shown = converse(upper, [("Go ahead?", "n\n")], process)
    assert process.wait(timeout=30) == 0
    assert "Nothing was changed." in shown
    assert machine.run(["sh", "-c", "command -v docker"], check=False).returncode != 0


@pytest.mark.trait("a site in a subfolder", "proved")
def test_a_blog_in_a_subfolder_of_a_repository_follows_its_branch(proved: DebianMachine) -> None:
    git = "git -c user.name=dev -c user.email=dev@localhost"
    proved.run(
        ["sh", "-ec", f"mkdir repo && cd repo && git init -q -b main && mkdir 'my docs' && "
         f"cp -R {BLOG}/. 'my docs' && git add -A && {git} commit -q -m one"],
        user="dev",
    )  # fmt: skip
    url = "file:///home/dev/repo#main:my docs"
    assert bootstrap(proved, blog=url).returncode == 0
    before = proved.get(f"{URL}/").headers["X-Build-Id"]
    assert "Nothing to change." in bootstrap(proved, "plan", blog=url).stdout
    proved.run(
        ["sh", "-ec", f"cd repo && echo more >> 'my docs/index.html' && {git} commit -q -a -m two"],
        user="dev",
    )
    plan = bootstrap(proved, "plan", blog=url)
    assert (plan.returncode, "has moved on" in plan.stdout) == (2, True)
    assert bootstrap(proved, blog=url).returncode == 0
    assert proved.get(f"{URL}/").headers["X-Build-Id"] != before
    proved.run(["mv", "/home/dev/repo", "/home/dev/gone"])
    offline = bootstrap(proved, blog=url)
    assert offline.returncode == 0, offline.stderr
    nowhere = bootstrap(proved, blog="file:///home/dev/nowhere.git")
    assert nowhere.returncode == 1
    assert "git ls-remote" in nowhere.stderr


def test_the_stock_command_runs_the_same_deploys_and_finds_nothing_to_do(
    proved: DebianMachine,
) -> None:
    before = docker(proved, "inspect", "-f", "{{.Id}}", "bootstrapper-blog")
    answer = proved.run(
        ["sh", "-c", f"cd {HOME} && ~/.cache/bootstrapper/env-*/bin/python -m pyinfra -y "
         f"--data blog={BLOG} inventories/laptop.py deploys/all.py"],
        user="dev",
    )  # fmt: skip
    assert "Grand total" in answer.stderr + answer.stdout
    assert docker(proved, "inspect", "-f", "{{.Id}}", "bootstrapper-blog") == before
    run(proved)


def test_the_stock_command_mends_too(proved: DebianMachine) -> None:
    docker(proved, "rm", "-f", "bootstrapper-blog")
    proved.run(
        ["sh", "-c", f"cd {HOME} && ~/.cache/bootstrapper/env-*/bin/python -m pyinfra -y "
         f"--data blog={BLOG} inventories/laptop.py deploys/all.py"],
        user="dev",
    )  # fmt: skip
    assert bootstrap(proved, "verify").returncode == 0
