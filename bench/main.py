"""The benchmark itself: what is measured, in which order, and against which budget."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import mac, rivals, subject
from bench.fleet import fleet, free_port
from bench.measure import BenchError, Run, Sample, peaks, repeat, seconds
from bench.site import FILES_BESIDE_POSTS, change_post, write_site
from bench.subject import Subject
from bench.table import Rival, Row, render

BLOG_POSTS = 100
PROOF_FILES = 1000
SLOW_RUNS = 3


@dataclass(frozen=True)
class Plan:
    """How often, how many, and where."""

    runs: int
    machines: int
    directory: Path
    ansible: rivals.Ansible

    def subject(self, posts: int) -> Subject:
        """The program, with a site of this many posts that is written on first use."""
        site = self.directory / f"site-{posts}"
        if not site.exists():
            write_site(site, posts)
        return Subject(self.directory / "state", site, free_port())


def main() -> None:
    """Measure everything and print the table; a budget that is missed is no error."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    rows: list[Row] = []
    try:
        if os.geteuid() != 0:
            raise BenchError("The benchmark prepares this machine and starts sshd; run it as root.")
        subject.refuse_unless_free()
        with _clean_machine(), tempfile.TemporaryDirectory(prefix="bench-") as directory:
            _say("installing what it is measured against")
            plan = Plan(arguments.runs, arguments.machines, Path(directory), rivals.ansible())
            for name in arguments.only:
                rows += _GROUPS[name](plan)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    finally:
        if rows:
            print(_this_computer())
            print(render(rows))


def _this_computer() -> str:
    load = os.getloadavg()[0]
    return (
        f"{platform.platform()}, {os.cpu_count()} processors, load {load:.1f}, "
        f"Python {platform.python_version()}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run.py",
        description="Measures the budgets on this machine, which it prepares like a user's: "
        "Debian, root, with a container engine. Its containers and sites are removed afterwards.",
    )
    parser.add_argument("--runs", type=int, default=7, help="runs of what takes about a second")
    parser.add_argument("--only", nargs="+", choices=_GROUPS, default=list(_GROUPS), help="parts")
    parser.add_argument("--machines", type=int, default=50, help="machines of the fleet")
    return parser.parse_args()


@contextlib.contextmanager
def _clean_machine() -> Iterator[None]:
    try:
        yield
    finally:
        subject.clean_up()
        rivals.clean_up()


def _start(plan: Plan) -> list[Row]:
    ours = plan.subject(BLOG_POSTS)
    _say("the first start builds the private environment")
    ours.help()
    _say("--help")
    help_text = repeat(plan.runs, ours.help)
    other = Rival("ansible-playbook --help", seconds(repeat(SLOW_RUNS, plan.ansible.help)))
    return [Row("--help", seconds(help_text), 0.2, rivals=(other,))]


def _one_machine(plan: Plan) -> list[Row]:
    ours = plan.subject(BLOG_POSTS)
    _say("the first run builds base images, if there are none yet, and the blog's image")
    first = ours.apply()
    _say(f"  {first.seconds:.1f} s; now with nothing to do")
    planned, again = repeat(plan.runs, ours.plan), repeat(plan.runs, ours.apply)
    stock_plan, stock_again = _stock_pyinfra(plan, ours)
    _say("one changed post")
    jekyll = Sample(tuple(subject.jekyll_seconds(ours.site) for _ in range(SLOW_RUNS)))
    changed = _with_changes(ours.site, ours.apply)
    _say("the same with Ansible")
    variables = _variables(ours.site)
    theirs = plan.ansible.play(variables)
    _say(f"  {theirs.seconds:.1f} s; now with nothing to do")
    ansible_check = repeat(SLOW_RUNS, lambda: plan.ansible.play(variables, ["--check"]))
    ansible_again = repeat(SLOW_RUNS, lambda: plan.ansible.play(variables))
    ansible_changed = _with_changes(ours.site, lambda: plan.ansible.play(variables))
    return [
        Row(
            "plan, nothing to do",
            seconds(planned),
            1.0,
            rivals=(
                Rival("ansible-playbook --check", seconds(ansible_check)),
                Rival("pyinfra --dry, same declarations", seconds(stock_plan)),
            ),
        ),
        Row(
            "re-run, nothing to do, proved",
            seconds(again),
            1.5,
            rivals=(
                Rival("ansible-playbook, not proved", seconds(ansible_again)),
                Rival("pyinfra, same declarations, not proved", seconds(stock_again)),
            ),
        ),
        Row("  its memory", peaks(again), unit="MB"),
        Row(f"Jekyll alone, {BLOG_POSTS} posts", jekyll),
        Row(
            "one changed post, proved, minus Jekyll",
            _minus(changed, jekyll),
            3.0,
            rivals=(Rival("ansible-playbook, not proved", _minus(ansible_changed, jekyll)),),
        ),
    ]


def _proof(plan: Plan) -> list[Row]:
    posts = PROOF_FILES - FILES_BESIDE_POSTS
    ours = plan.subject(posts)
    _say(f"a site of {PROOF_FILES} files")
    ours.apply()
    built = subject.built_files()
    if len(built) != PROOF_FILES:
        raise BenchError(f"The site has {len(built)} files instead of {PROOF_FILES}.")
    _say("its proof")
    base_url = f"http://127.0.0.1:{ours.port}"
    place = plan.directory / "fetched"
    curl = repeat(plan.runs, lambda: rivals.fetch_and_compare(base_url, built, place))
    verified = repeat(plan.runs, ours.verify)
    return [
        Row(f"verify, {PROOF_FILES:,} files, the whole command", seconds(verified)),
        Row(
            "  the proof itself",
            Sample(tuple(map(subject.proof_seconds, verified))),
            1.0,
            rivals=(Rival("curl and sha256sum, the files alone", seconds(curl)),),
        ),
    ]


def _fleet(plan: Plan) -> list[Row]:
    # A blog elsewhere answers on its own loopback only and is proved there, so plans are compared.
    ours = plan.subject(BLOG_POSTS)
    ours.apply()
    variables = _variables(ours.site)
    plan.ansible.play(variables)
    with fleet(plan.directory / "fleet") as machines:
        _say("one machine over SSH")
        one: list[str | Path] = ["--inventory", machines.inventory(1)]
        single = seconds(repeat(plan.runs, lambda: ours.plan(one)))
        _say(f"{plan.machines} machines over SSH")
        everyone: list[str | Path] = ["--inventory", machines.inventory(plan.machines)]
        together = repeat(SLOW_RUNS, lambda: ours.plan(everyone))
        _say(f"{plan.machines} machines with Ansible")
        inventory = str(machines.ansible_inventory(plan.machines))
        theirs = plan.ansible.play(variables, ["--check"], inventory)
    return [
        Row("plan of one machine over SSH, nothing to do", single),
        Row(
            f"plan of {plan.machines} machines, nothing to do",
            seconds(together),
            rivals=(Rival("ansible-playbook --check", seconds([theirs])),),
        ),
        Row(
            "  as a multiple of one machine",
            Sample(tuple(run.seconds / single.median for run in together)),
            3.0,
            "times",
        ),
        Row("  memory", peaks(together), 100, "MB"),
    ]


_GROUPS: dict[str, Callable[[Plan], list[Row]]] = {
    "start": _start,
    "machine": _one_machine,
    "fleet": _fleet,
    "proof": _proof,
    "mac": lambda plan: mac.rows(plan.runs),
}


def _stock_pyinfra(plan: Plan, ours: Subject) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    inventory = plan.directory / "stock.py"
    inventory.write_text(f"machines = [('@local', {ours.inventory_data!r})]\n")
    dry = repeat(SLOW_RUNS, lambda: rivals.stock_pyinfra(inventory, ["--dry", "-y"]))
    return dry, repeat(SLOW_RUNS, lambda: rivals.stock_pyinfra(inventory, ["-y"]))


def _with_changes(site: Path, once: Callable[[], Run]) -> tuple[Run, ...]:
    """Run something several times, each time after one post has got one more sentence."""

    def after_a_change() -> Run:
        change_post(site, BLOG_POSTS // 2, "One more sentence.")
        return once()

    return repeat(SLOW_RUNS, after_a_change)


def _variables(site: Path) -> dict[str, str]:
    return {"site": str(site), "builder": subject.builder_image(), "port": str(free_port())}


def _minus(runs: tuple[Run, ...], less: Sample) -> Sample:
    return Sample(tuple(run.seconds - less.median for run in runs))


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
