"""The bare Debian tree that machines start from: made once, kept until its recipe changes.

It is the release of the host, from the host's own package sources, with nothing of containers or
Ruby in it, and four users: root, `dev` (sudo without a password), `asked` (sudo with the password
"asked") and `guest` (no sudo).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

PACKAGES = ("python3", "python3-venv", "ca-certificates", "sudo", "git")
USERS = {"dev": 1000, "asked": 1001, "guest": 1002}

_SUDOERS = "dev ALL=(ALL) NOPASSWD: ALL\nasked ALL=(ALL) ALL\n"
_NAMESERVER = "10.0.2.3"  # slirp4netns(1), --configure: asks whatever the host asks
_PATIENCE = "options timeout:5 attempts:5"  # resolv.conf(5): a loaded host forwards slowly
_HOSTS = "127.0.0.1 localhost debian\n::1 localhost\n"
_FETCHING_PIP = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")


def debian_tree(cache: Path, more: tuple[str, ...] = ()) -> Path:
    """The tree's directory below `cache`, made first if it is not there. Needs root.

    `more` are packages that it has besides `PACKAGES`.

    Raises:
        subprocess.CalledProcessError: a package could not be fetched or installed.
    """
    recipe = _host_recipe(PACKAGES + more)
    tree = cache / f"tree-{recipe.key}"
    cache.mkdir(parents=True, exist_ok=True)
    with one_builder(cache):
        if not tree.is_dir():
            with tempfile.TemporaryDirectory(dir=cache, prefix="building-") as workshop:
                _build(recipe, Path(workshop) / "tree")
                (Path(workshop) / "tree").rename(tree)
    return tree


@dataclass(frozen=True)
class _Recipe:
    release: str
    sources: dict[str, str]
    acquire: str
    authorities: dict[str, str]
    pip: str
    packages: tuple[str, ...]

    @property
    def key(self) -> str:
        content = Path(__file__).read_text() + json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def _host_recipe(packages: tuple[str, ...]) -> _Recipe:
    apt = Path("/etc/apt")
    # Not the sources of other vendors: the machine is to know only its distribution.
    names = ("sources.list", "sources.list.d/debian.sources", "sources.list.d/ubuntu.sources")
    return _Recipe(
        release=platform.freedesktop_os_release()["VERSION_CODENAME"],
        sources=_texts(apt / name for name in names),
        acquire=_acquire(),
        authorities=_texts(sorted(Path("/usr/local/share/ca-certificates").glob("**/*.crt"))),
        pip=_pip(),
        packages=packages,
    )


def _texts(paths: Iterator[Path] | list[Path]) -> dict[str, str]:
    return {str(path): path.read_text() for path in paths if path.is_file()}


def _acquire() -> str:
    """How the host's apt fetches (proxies, time-outs, checks), without its hooks."""
    dump = _output("apt-config", "dump", "Acquire", "--no-empty")
    return "".join(f"{line}\n" for line in dump.splitlines() if "::IndexTargets::" not in line)


def _pip() -> str:
    """Where the host's pip fetches, without what lies on the host's disk."""
    lines = ["[global]", "cert = /etc/ssl/certs/ca-certificates.crt"]
    for line in _output(sys.executable, "-m", "pip", "config", "list").splitlines():
        name, _, quoted = line.partition("=")
        key = name.rpartition(".")[2]
        if key in _FETCHING_PIP and "file:" not in quoted:
            lines.append(f"{key} = {quoted[1:-1]}")
    return "\n".join(lines) + "\n"


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def one_builder(cache: Path) -> Iterator[None]:
    """Whoever makes a tree below `cache` is alone: the parts of the suite begin together."""
    with (cache / "building.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(recipe: _Recipe, tree: Path) -> None:
    acquire = tree.with_name("acquire.conf")
    acquire.write_text(recipe.acquire)
    subprocess.run(
        [
            "mmdebstrap",
            "--quiet",
            "--mode=root",
            "--variant=minbase",
            f"--include={','.join(recipe.packages)}",
            f"--aptopt={acquire}",
            "--dpkgopt=force-unsafe-io",
            recipe.release,
            str(tree),
            *recipe.sources,
        ],
        check=True,
    )
    _write(tree / "etc/resolv.conf", f"nameserver {_NAMESERVER}\n{_PATIENCE}\n")
    _write(tree / "etc/hosts", _HOSTS)
    _write(tree / "etc/hostname", "debian\n")
    _write(tree / "etc/pip.conf", recipe.pip)
    _write(tree / "etc/sudoers.d/users", _SUDOERS)
    _trust(tree, recipe.authorities)
    _add_users(tree)
    (tree / "var/lib/docker").mkdir()


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(text)


def _trust(tree: Path, authorities: dict[str, str]) -> None:
    for path in authorities:
        shutil.copy(path, tree / "usr/local/share/ca-certificates")
    _inside(tree, "update-ca-certificates")


def _add_users(tree: Path) -> None:
    for user, number in USERS.items():
        _inside(tree, "useradd", "--create-home", f"--uid={number}", "--shell=/bin/bash", user)
    _inside(tree, "chpasswd", stdin="asked:asked\n")


def _inside(tree: Path, *command: str, stdin: str = "") -> None:
    subprocess.run(
        ["chroot", str(tree), *command], check=True, input=stdin, text=True, capture_output=True
    )
