"""The way in, taken at every start: finds this Python's private environment, goes on inside it.

Runs on Python 3.8 before anything is installed, and imports next to nothing, for speed; what is
rare, building an environment, is in `environment.py`.
"""

# pathlib takes longer to import than all the rest; exec without a shell is what this is for.
# ruff: noqa: PTH123, PTH118, PTH117, PTH112, PTH116, PTH113, PTH108, S606

from __future__ import annotations

import fcntl
import hashlib
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would cost more than all the rest
    from typing import NoReturn, TypedDict

    class Details(TypedDict):
        """What the marker file holds."""

        starter: str  # the Python that the user started
        project: str  # the checkout that it was built for
        modules: list[str]  # the top-level modules installed


MARKER = "complete.json"  # the last file that a build writes
INTERRUPTED = 130

_ENTERED = "BOOTSTRAPPER_ENTERED"  # the environment that the next Python is meant to run in
_REBUILT = "BOOTSTRAPPER_REBUILT"  # set for the one second try after a rebuild


class DoorError(Exception):
    """The program cannot be started; the message is the whole line that the user reads."""


def enter(project: str) -> NoReturn:
    """Run the program of the checkout `project` in its private environment; never returns.

    The first call, in whatever Python the user started, replaces that process by the
    environment's Python running the same `bootstrap.py`; the second call, there, runs the program.
    """
    entered = os.environ.pop(_ENTERED, None)
    rebuilt = os.environ.pop(_REBUILT, None) is not None
    try:
        if entered is None:
            _go_inside(project, rebuilt)
        _run_program(project, entered, rebuilt)
    except DoorError as error:
        sys.exit(f"bootstrap.py: {error}")
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        sys.exit(INTERRUPTED)


def environment_for(requirements: str) -> str:
    """The directory of the environment that belongs to a lock file and to the running Python.

    Raises:
        DoorError: the lock file is missing, or there is no place for environments.
    """
    try:
        with open(requirements, "rb") as lock:
            locked = _digest(lock.read())
    except OSError as error:
        raise DoorError(
            f"cannot read {requirements} ({error.strerror}); restore it from the repository."
        ) from None
    if not sys.executable:
        raise DoorError("this Python does not know where it is; start it by its full path.")
    python = (
        os.path.realpath(sys.executable),
        repr(sys.version_info[:3]),
        str(sys.implementation.cache_tag),
        getattr(sys, "abiflags", ""),
        getattr(sys.implementation, "_multiarch", ""),
        os.uname().machine,
    )
    return os.path.join(cache_directory(), f"env-{locked}-{_digest(repr(python).encode())}")


def cache_directory() -> str:
    """Where this user's environments are; it need not exist.

    Raises:
        DoorError: the user has no home directory, or the directory is another user's.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    if sys.platform == "darwin":
        base = os.path.join(home_directory(), "Library", "Caches")
    elif os.path.isabs(given):
        base = given
    else:
        base = os.path.join(home_directory(), ".cache")
    directory = os.path.join(os.path.realpath(base), "bootstrapper")
    # What lies there is run: it must be nobody else's.
    if os.path.isdir(directory) and os.stat(directory).st_uid != os.geteuid():
        raise DoorError(
            f"{directory} belongs to another user; give it back to yourself "
            f"(sudo chown -R \"$(id -un)\" '{directory}') or remove it."
        )
    return directory


def python_of(environment: str) -> str:
    """The interpreter of an environment."""
    return os.path.join(environment, "bin", "python")


def is_whole(environment: str) -> bool:
    """Whether an environment was built to its end and its Python is still there."""
    return os.path.isfile(os.path.join(environment, MARKER)) and os.access(
        python_of(environment), os.X_OK
    )


def details_of(environment: str) -> Details:
    """What the marker of an environment says.

    Raises:
        DoorError: it cannot be read.
    """
    import json

    try:
        with open(os.path.join(environment, MARKER), encoding="utf-8") as marker:
            details: Details = json.load(marker)
            return details
    except (OSError, ValueError):
        raise DoorError(f"{environment} is damaged; run bootstrap.py again.") from None


def _go_inside(project: str, rebuilt: bool) -> NoReturn:
    environment = environment_for(os.path.join(project, "requirements", "runtime.txt"))
    if not is_whole(environment):
        from bootstrapper.environment import build

        build(project, environment)
    try:
        _execute(project, environment, rebuilt)
    except OSError as error:
        if rebuilt:
            raise DoorError(f"cannot start {python_of(environment)}: {error.strerror}.") from None
        os.unlink(os.path.join(environment, MARKER))
        sys.stderr.write(f"The private environment's Python does not start ({error.strerror}).\n")
    _go_inside(project, rebuilt=True)


def _execute(project: str, environment: str, rebuilt: bool) -> NoReturn:
    os.environ[_ENTERED] = environment
    if rebuilt:
        os.environ[_REBUILT] = "yes"
    python = python_of(environment)
    os.environ.pop("__PYVENV_LAUNCHER__", None)  # tells a Mac's Python to be another one
    # -I: neither PYTHONPATH, PYTHONHOME nor the user's own packages get in. The variables stay, for
    # what the program runs.
    os.execv(python, [python, "-I", os.path.join(project, "bootstrap.py"), *sys.argv[1:]])


def _run_program(project: str, environment: str, rebuilt: bool) -> NoReturn:
    if os.path.realpath(sys.prefix) != environment:
        _start_over(project, environment, rebuilt, f"its Python starts in {sys.prefix}")
    _mark_as_used(environment)
    try:
        from bootstrapper.cli import main

        main()
    except ImportError as error:
        if not _was_installed(environment, error):
            raise
        _start_over(project, environment, rebuilt, str(error))
    sys.exit(0)


def _mark_as_used(environment: str) -> None:
    """Hold a shared lock for as long as this process lives, so that no other start removes it."""
    try:
        marker = os.open(os.path.join(environment, MARKER), os.O_RDONLY)
        fcntl.flock(marker, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pass  # a file system without locks


def _was_installed(environment: str, error: ImportError) -> bool:
    """Whether the import that failed is of something that the build had installed."""
    return bool(error.name) and str(error.name).split(".")[0] in details_of(environment)["modules"]


def _start_over(project: str, environment: str, rebuilt: bool, why: str) -> NoReturn:
    if rebuilt:
        raise DoorError(
            f"the private environment was built anew and is still damaged ({why}); remove "
            f"{environment} and run it again, and if that does not help, please report it."
        )
    starter = details_of(environment)["starter"]
    os.unlink(os.path.join(environment, MARKER))
    sys.stderr.write(f"The private environment is damaged ({why}).\n")
    os.environ[_REBUILT] = "yes"
    try:
        os.execv(starter, [starter, os.path.join(project, "bootstrap.py"), *sys.argv[1:]])
    except OSError as error:
        raise DoorError(
            f"the private environment is damaged ({why}), and {starter} is gone "
            f"({error.strerror}); start bootstrap.py with another Python, or run ./bootstrap.sh, "
            "which brings its own."
        ) from None


def home_directory() -> str:
    """The user's own home: not that of the one who became root and kept their HOME.

    Raises:
        DoorError: there is none.
    """
    home = os.environ.get("HOME", "")
    if os.path.isabs(home) and not _is_foreign(home):
        return home
    import pwd

    try:
        home = pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        home = ""
    if not os.path.isabs(home):
        raise DoorError("you have no home directory; set HOME to one that you may write to.")
    return home


def _is_foreign(home: str) -> bool:
    """Whether this is root with a user's HOME, which `sudo` on macOS keeps; it must stay theirs."""
    return os.geteuid() == 0 and os.path.isdir(home) and os.stat(home).st_uid != 0


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
