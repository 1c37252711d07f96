"""Builds the private environment: a venv with what is hash-locked in `requirements/`.

Runs on Python 3.8 with the standard library alone. Where that Python is too old for the program, a
newer one is found or fetched with uv.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrapper.door import (
    MARKER,
    DoorError,
    cache_directory,
    details_of,
    environment_for,
    is_whole,
    python_of,
)

OLDEST, NEWEST = (3, 10), (3, 14)  # what the lock has wheels for
FETCHED = "3.13"

_WANTED = f"cpython>={OLDEST[0]}.{OLDEST[1]},<{NEWEST[0]}.{NEWEST[1] + 1}"
_IN_WORDS = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
# Settings of the user's that would send the packages elsewhere; where pip looks for them is theirs.
_NOT_FOR_US = (
    "PIP_DRY_RUN",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)


def build(project: str, environment: str) -> None:
    """Build `environment` for the checkout `project`, unless another start just did.

    Raises:
        DoorError: it cannot be built; says what was tried and what to do.
    """
    cache = Path(cache_directory())
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        cache.chmod(0o700)
        with _only_one_build(cache):
            if not is_whole(environment):
                _remove_leftovers(cache)
                _say("Preparing the private environment (once, about 20 s) ...")
                requirements = Path(project, "requirements", "runtime.txt")
                _install(_python_to_use(project), requirements, Path(environment), project)
                _remove_outdated(cache, project)
    except OSError as error:
        raise DoorError(
            f"cannot build the private environment in {cache}: {error.strerror or error}; make it "
            "writable, or choose another place with XDG_CACHE_HOME (on a Mac, HOME)."
        ) from None


@contextlib.contextmanager
def _only_one_build(cache: Path) -> Iterator[None]:
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another start is preparing the private environment; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(cache: Path) -> None:
    """Remove what an interrupted build left; to be called under the lock."""
    for leftover in (*cache.glob(".building-*"), *cache.glob(".env-*")):
        shutil.rmtree(leftover, ignore_errors=True)


def _remove_outdated(cache: Path, project: str) -> None:
    """Remove damaged environments, and those of earlier locks of this checkout or lost ones.

    One whose Python is gone is damaged.
    """
    locks = Path(project, "requirements")
    current = {
        Path(environment_for(str(locks / name))).name.rsplit("-", 1)[0]
        for name in ("runtime.txt", "uv.txt")
    }
    for environment in cache.glob("env-*"):
        try:
            owner = details_of(str(environment))["project"]
        except DoorError:
            shutil.rmtree(environment, ignore_errors=True)
            continue
        outdated = owner == project and environment.name.rsplit("-", 1)[0] not in current
        # An upgrade of the Python that it was made of leaves its links dangling (pypa/pipx#146).
        unusable = not os.access(python_of(str(environment)), os.X_OK)
        if outdated or unusable or not Path(owner).is_dir():
            _remove_unless_used(environment)


def _remove_unless_used(environment: Path) -> None:
    with (environment / MARKER).open() as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)  # running programs share it
        except OSError:
            return
        discarded = environment.with_name(f".{environment.name}")
        try:
            environment.rename(discarded)
        except OSError:  # a container's file system renames no directory of its image
            (environment / MARKER).unlink()
            discarded = environment
        shutil.rmtree(discarded, ignore_errors=True)


def _python_to_use(project: str) -> str:
    """The Python that the environment is made of: the running one, if the program runs on it."""
    if (
        sys.implementation.name == "cpython"
        and OLDEST <= sys.version_info[:2] <= NEWEST
        and "t" not in sys.abiflags  # free-threaded: the lock has no wheels for it
    ):
        return os.path.realpath(sys.executable)
    running = f"{sys.implementation.name} {sys.version.split()[0]}"
    _say(f"This is {running}; the program needs Python {_IN_WORDS}. Looking for one ...")
    python = _found_or_fetched(_pinned_uv(project), Path(cache_directory()))
    _say(f"Using {python}.")
    return python


def _pinned_uv(project: str) -> str:
    requirements = Path(project, "requirements", "uv.txt")
    environment = Path(environment_for(str(requirements)))
    if not is_whole(str(environment)):
        _install(os.path.realpath(sys.executable), requirements, environment, project)
    return str(environment / "bin" / "uv")


def _found_or_fetched(uv: str, cache: Path) -> str:
    pythons = cache / "python"
    find = [uv, "python", "find", "--no-project", "--no-python-downloads"]
    found = _run([*find, "--system", _WANTED], cache)
    if found.returncode == 0:
        return os.path.realpath(_last_line(found.stdout))
    own = {"UV_PYTHON_INSTALL_DIR": str(pythons)}
    fetched = _run([uv, "python", "install", "--no-bin", "--no-progress", FETCHED], cache, own)
    found = _run([*find, "--managed-python", FETCHED], cache, own)
    if fetched.returncode != 0 or found.returncode != 0:
        raise DoorError(
            f"the program needs Python {_IN_WORDS}; uv found none on this machine and could not "
            f"fetch {FETCHED} ({_last_cause(fetched)}). Install one (macOS: brew install "
            f"python@{FETCHED}; Debian and Ubuntu: apt-get install python3 python3-venv) and start "
            "bootstrap.py with it."
        )
    return os.path.realpath(_last_line(found.stdout))


def _last_cause(failed: subprocess.CompletedProcess[str]) -> str:
    """The innermost of the causes that uv lists."""
    return re.sub(r"^\W*(Caused by: )?", "", _last_line(failed.stdout))


@dataclass(frozen=True)
class _Way:
    """One way to get from a Python to an environment with packages in it."""

    create: Sequence[str]
    install: Sequence[str]
    # None is where the user is: pip's settings may name files from there.
    install_in: Path | None = None


def _install(python: str, requirements: Path, environment: Path, project: str) -> None:
    """Build aside, write the marker last, then put it in its place: there is never half of one."""
    aside = Path(tempfile.mkdtemp(prefix=".building-", dir=environment.parent))
    try:
        way = _created(python, requirements, aside)
        installed = _run(way.install, way.install_in)
        if installed.returncode != 0:
            raise DoorError(_explanation(way.install, installed.stdout))
        details = {"starter": sys.executable, "project": project, "modules": _modules(aside)}
        aside.chmod(0o700)
        (aside / MARKER).write_text(json.dumps(details), encoding="utf-8")
        os.sync()  # or a power cut could keep the new name and lose what is in it
        if environment.exists():
            environment.rename(aside.with_name(f".{environment.name}"))
        aside.rename(environment)
        _remove_leftovers(environment.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _created(python: str, requirements: Path, aside: Path) -> _Way:
    """Make an empty environment in the first way that works here; returns that way."""
    ways = _ways(python, requirements, aside)
    failed = ""
    for way in ways:
        created = _run(way.create, aside.parent)
        if created.returncode == 0:
            return way
        failed = f" ({_last_line(created.stdout)})"
    raise DoorError(
        f"{python} cannot make a virtual environment{failed}. Install what it lacks (Debian and "
        "Ubuntu: apt-get install python3-venv), or run ./bootstrap.sh, which brings its own Python."
    )


def _ways(python: str, requirements: Path, aside: Path) -> list[_Way]:
    has = _abilities(python, aside.parent)
    inner = python_of(str(aside))
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(requirements)]
    # Python compiles what it imports; to compile all that is installed takes a quarter of the time.
    pip = ["-m", "pip", "install", "--quiet", "--no-compile", *locked]
    ways = []
    inside = [inner, "-I", *pip]
    if has["ensurepip"]:
        ways.append(_Way([python, "-m", "venv", str(aside)], inside))
    if has["virtualenv"]:
        ways.append(_Way([python, "-m", "virtualenv", "--quiet", str(aside)], inside))
    if has["pip --python"]:
        bare = [python, "-m", "venv", "--without-pip", str(aside)]
        ways.append(_Way(bare, [python, "-m", "pip", "--python", inner, *pip[2:]], aside))
    uv = shutil.which("uv")
    if uv:
        create = [uv, "venv", "--quiet", "--no-project", "--clear", "--python", python, str(aside)]
        install = [uv, "pip", "install", "--quiet", "--python", inner, *locked]
        ways.append(_Way(create, install, aside))
    return ways


def _abilities(python: str, cwd: Path) -> dict[str, bool]:
    """What `python` can make an environment with.

    Debian's python3 has venv, but ensurepip only with python3-venv; pip 22.3 brought `--python`.
    """
    question = """
import json, re
from importlib.util import find_spec
has = {name: find_spec(name) is not None for name in ("ensurepip", "virtualenv", "pip")}
version = (0,)
if has["pip"]:
    import pip
    version = tuple(int(number) for number in re.findall("[0-9]+", pip.__version__)[:2])
has["pip --python"] = version >= (22, 3)
print(json.dumps(has))
"""
    answer = _run([python, "-c", question], cwd)
    if answer.returncode != 0:
        raise DoorError(f"{python} does not work: {_last_line(answer.stdout)}.")
    abilities: dict[str, bool] = json.loads(answer.stdout.splitlines()[-1])
    return abilities


def _modules(environment: Path) -> list[str]:
    """The top-level modules installed, to tell later whether one has gone missing."""
    site = next(environment.glob("lib/python*/site-packages"))
    packages = {path.name.split("-")[0] for path in site.glob("*.dist-info")}
    if not packages - {"pip", "setuptools", "wheel"}:
        raise DoorError(
            "pip says that it installed the requirements, but not into the private environment: "
            "its configuration sends them elsewhere. Look for target, prefix, root or user in "
            "`python3 -m pip config list`, and unset it."
        )
    return sorted({path.name.split(".")[0] for path in site.iterdir()})


def _run(
    command: Sequence[str], cwd: Path | None, extra: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; standard error is part of its output.

    `cwd` is to be none of the user's, from where `python -m pip` would import a pip.py, and uv read
    its settings; None stands for it, where a command does neither.
    """
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env={**_environment_variables(), **(extra or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise DoorError(f"cannot run {command[0]}: {error.strerror}.") from None


def _environment_variables() -> dict[str, str]:
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in _NOT_FOR_US and not name.startswith("PYTHON")
    }
    if sys.platform == "darwin":
        # Without the command line tools, python3 and install_name_tool in /usr/bin are stubs that
        # open a dialog, and uv runs both (astral-sh/uv#14893). Nothing is needed from there.
        path = variables.get("PATH", "").split(os.pathsep)
        variables["PATH"] = os.pathsep.join(entry for entry in path if entry != "/usr/bin")
    # These outrank pip's configuration files. No question can be answered: nobody would see it.
    variables.update(
        PIP_USER="0",
        PIP_REQUIRE_VIRTUALENV="0",
        PIP_NO_INPUT="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    return variables


_NO_NETWORK = r"connection broken by|Max retries exceeded|Failed to fetch|error sending request"
_CAUSES = (
    (
        r"DO NOT MATCH THE HASHES|Hash mismatch",
        "a package is not the one that was locked (its SHA-256 differs), and was not installed. "
        "A proxy or mirror may have changed it: try another network.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|UnknownIssuer|invalid peer certificate",
        "the package index's certificate is not trusted here. Behind an inspecting proxy, name "
        "your office's certificates in PIP_CERT and SSL_CERT_FILE.",
    ),
    (r"No space left on device", "the disk is full. Make room, and run it again."),
    (
        _NO_NETWORK,
        "no network: the package index could not be reached. Connect, or give pip the proxy or "
        "index that this network needs (PIP_PROXY, PIP_INDEX_URL), and run it again.",
    ),
    (
        r"No matching distribution|no usable wheels|no matching wheel|not a supported wheel",
        "the package index has no build of a package for this Python and machine. The "
        f"requirements are locked for CPython {_IN_WORDS} on macOS, and on Linux with glibc.",
    ),
)


def _explanation(command: Sequence[str], output: str) -> str:
    """What went wrong with an installation, what to do, what was tried and what it said."""
    causes = (cause for pattern, cause in _CAUSES if re.search(pattern, output))
    cause = next(causes, "its packages could not be installed; what was said may tell why.")
    lines = output.strip().splitlines()
    if re.search(_NO_NETWORK, output):  # what follows these lines blames the package
        lines = [line for line in lines if re.search(_NO_NETWORK, line)][-1:]
    said = "".join(f"\n    {line}" for line in lines[-4:])
    tried = " ".join(command)
    return f"cannot build the private environment: {cause}\n  tried: {tried}\n  said:{said}"


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
