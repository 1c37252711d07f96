"""The run with nothing to do on a simulated Mac that has everything, beside what others need.

Each `brew` takes 0.3 s there, a low figure for a real Mac; the rest costs what it costs here.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import BenchError, Sample
from bench.table import Rival, Row
from tests.debian.job import BLOG as DEBIAN_BLOG
from tests.debian.job import HOME, PROJECT
from tests.debian.job import bootstrap as prepare_debian
from tests.debian.machine import DebianMachine, Disk
from tests.debian.tree import debian_tree
from tests.lab.job import BLOG, CHECKOUT, bootstrap
from tests.maclab.commands.brewing import Homebrew
from tests.maclab.disk import bare_layers
from tests.maclab.machine import Mac
from tests.maclab.room import clear, engine_room

BREW_SECONDS = 0.3
FORMULAE = (
    *("bat", "coreutils", "direnv", "fd", "fzf", "gh", "git", "htop", "hugo", "imagemagick"),
    *("jq", "neovim", "node", "pkgconf", "ripgrep", "tmux", "tree", "uv", "wget", "xz"),
)
CASKS = ("firefox", "iterm2", "rectangle", "slack", "stats")
TAPS = ("acme/tools", "beta/tools")
SLOW_RUNS = 3

_CACHE = PROJECT / ".cache" / "debian"
_ANSIBLE = "/Users/dev/ansible"


def rows(runs: int) -> list[Row]:
    """Measure; a run of the program ends with its proof, the others have none.

    Raises:
        BenchError: something did not work before anything could be measured.
    """
    with _mac_with_everything() as mac:
        mac.set_state(Homebrew(latency=BREW_SECONDS))
        again = _sample(runs, lambda: _ours(mac))
        brews = [c.command for c in mac.commands()].count("brew")
        planned = _sample(runs, lambda: _ours(mac, "plan"))
        _say("the same wishes with Ansible, the stock pyinfra, and brew bundle")
        rivals = (
            Rival("ansible's homebrew modules", _sample(SLOW_RUNS, lambda: _ansible(mac))),
            Rival("pyinfra's brew operations", _sample(SLOW_RUNS, lambda: _pyinfra(mac))),
            Rival("brew bundle check", _sample(SLOW_RUNS, lambda: _bundle(mac))),
        )
    wishes = f"{len(FORMULAE)} formulae, {len(CASKS)} casks, {len(TAPS)} taps"
    return [
        Row(f"Mac: re-run, {wishes}, proved", again, 1.5, rivals=rivals),
        Row("  its brew processes", Sample((float(brews),)), 0, "times"),
        Row("Mac: plan, the same", planned, 1.0),
    ]


@contextmanager
def _mac_with_everything() -> Iterator[Mac]:
    with tempfile.TemporaryDirectory(dir=_CACHE.parent, prefix="bench-") as directory:
        _say("a Debian machine for the engine")
        disk = _engine_disk(Path(directory) / "room")
        with engine_room(disk, _CACHE) as room, Mac(bare_layers(_CACHE), _CACHE, room) as mac:
            clear(room)
            _say("a Mac with everything")
            mac.copy_checkout(PROJECT, CHECKOUT)
            mac.run(["cp", "-R", f"{CHECKOUT}/examples/blog", BLOG])
            mac.write("/Users/dev/bench/playbook.yml", _text("mac_playbook.yml"))
            mac.write("/Users/dev/bench/wishes.py", _text("mac_pyinfra.py"))
            mac.write("/Users/dev/bench/lock.txt", (PROJECT / "requirements/bench.txt").read_text())
            _ours(mac)
            mac.run(["python3", "-m", "venv", _ANSIBLE])
            pip = [f"{_ANSIBLE}/bin/pip", "install", "--quiet", "--require-hashes"]
            mac.run([*pip, "--requirement", "/Users/dev/bench/lock.txt"], timeout=900)
            mac.write("/Users/dev/bench/Brewfile", _brewfile())
            mac.forget_commands()
            yield mac


def _engine_disk(directory: Path) -> Disk:
    with DebianMachine(Disk((debian_tree(_CACHE),)), _CACHE) as machine:
        machine.copy_checkout(PROJECT, HOME)
        machine.run(["cp", "-R", f"{HOME}/examples/blog", DEBIAN_BLOG], user="dev")
        done = prepare_debian(machine)
        if done.returncode:
            raise BenchError(f"The machine for the engine could not be prepared: {done.stderr}")
        return machine.freeze(directory)


def _ours(mac: Mac, *arguments: str) -> None:
    wishes = {"brew_formulae": FORMULAE, "brew_casks": CASKS, "brew_taps": TAPS}
    words = [w for key, names in wishes.items() for w in ("--set", f"{key}={','.join(names)}")]
    _succeed("bootstrap.py", bootstrap(mac, *arguments, *words))


def _ansible(mac: Mac) -> None:
    variables = {"taps": TAPS, "formulae": FORMULAE, "casks": CASKS}
    words = [
        f"{_ANSIBLE}/bin/ansible-playbook",
        "--inventory",
        "localhost,",
        "--connection",
        "local",
    ]
    words += ["--extra-vars", json.dumps(variables), "bench/playbook.yml"]
    env = {"PATH": _path(), "ANSIBLE_PYTHON_INTERPRETER": f"{_ANSIBLE}/bin/python"}
    _succeed("ansible-playbook", mac.run(words, env=env, check=False))


def _pyinfra(mac: Mac) -> None:
    data = {"taps": TAPS, "formulae": FORMULAE, "casks": CASKS}
    words = [w for key, names in data.items() for w in ("--data", f"{key}={','.join(names)}")]
    command = '~/.cache/bootstrapper/env-*/bin/python -m pyinfra -y "$@" @local bench/wishes.py'
    ran = mac.run(["sh", "-c", command, "sh", *words], env={"PATH": _path()}, check=False)
    _succeed("pyinfra", ran)


def _bundle(mac: Mac) -> None:
    words = ["brew", "bundle", "check", "--file=bench/Brewfile"]
    env = {"PATH": _path(), "HOMEBREW_NO_AUTO_UPDATE": "1"}
    _succeed("brew bundle check", mac.run(words, env=env, check=False))


def _brewfile() -> str:
    lines = [f'tap "{tap}", trusted: true' for tap in TAPS]
    lines += [f'brew "{formula}"' for formula in FORMULAE]
    return "\n".join([*lines, *(f'cask "{cask}"' for cask in CASKS)]) + "\n"


def _path() -> str:
    return "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def _text(name: str) -> str:
    return (Path(__file__).parent / "rivals" / name).read_text(encoding="utf-8")


def _sample(runs: int, once: Callable[[], None]) -> Sample:
    once()  # the first of each fills caches
    seconds = []
    for _ in range(runs):
        started = time.monotonic()
        once()
        seconds.append(time.monotonic() - started)
    return Sample(tuple(seconds))


def _succeed(what: str, ran: object) -> None:
    code, output = getattr(ran, "returncode", 1), getattr(ran, "stdout", "")
    if code:
        raise BenchError(f"{what} failed with exit code {code}: {output[-2000:]}")


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)
