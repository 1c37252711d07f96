"""Docker's command line, which is a real one here, its plugins, and what keeps credentials."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from .call import LAB, Call, as_json, command

REAL = f"{LAB}/real/docker"
_PLUGINS = f"{LAB}/real/cli-plugins"
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_VERSIONS = {"compose": "5.5.1", "buildx": "0.35.0"}


def hand_over(
    call: Call, program: Path, arguments: Sequence[str], env: Mapping[str, str] | None = None
) -> int:
    """Run a real program in place of this one: same streams, same terminal, and its signals.

    It is a child and not exec'd so that its exit code is recorded and a fault can come after it.
    """
    environment = {**call.env, **(env or {})}
    child = subprocess.Popen([str(program), *arguments], cwd=call.cwd, env=environment)

    def pass_on(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _FORWARDED}
    # The terminal sends Ctrl-C to both; what it means is the child's business.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


@command("docker", source="a real one: Docker's command line")
def docker(call: Call) -> int:
    return hand_over(call, call.path(REAL), call.argv)


# Plugins


@command(
    "docker-compose",
    source="a real one, where the lab has it; facts macos 5.1 for its version",
    guesses=("without a real one it knows `version` and the plugin's description, no more",),
)
def docker_compose(call: Call) -> int:
    return _plugin(call, "compose", "Docker Compose version v", "Docker Compose")


@command(
    "docker-buildx",
    source="a real one, where the lab has it; facts macos 5.1 for its version",
    guesses=("without a real one it knows `version`, and builds with the engine's own builder",),
)
def docker_buildx(call: Call) -> int:
    return _plugin(call, "buildx", "github.com/docker/buildx v", "Docker Buildx")


def _plugin(call: Call, name: str, told: str, title: str) -> int:
    real = call.path(f"{_PLUGINS}/docker-{name}")
    if real.exists():
        return hand_over(call, real, call.argv)
    version = _VERSIONS[name]
    words = call.argv[1:] if call.argv[:1] == [name] else call.argv
    if words[:1] == ["docker-cli-plugin-metadata"]:
        call.out(metadata(version, title))
    elif words[:1] in (["version"], ["--version"], ["-v"]):
        call.out(version if "--short" in words else f"{told}{version}")
    elif (name, words[:1]) == ("buildx", ["build"]):
        # The engine's own builder does the work that BuildKit would have done.
        arguments = [word for word in words if word != "--load"]
        return hand_over(call, call.path(REAL), arguments, {"DOCKER_BUILDKIT": "0"})
    else:
        return call.fails(f"docker-{name}: the lab has no real one")
    return 0


def metadata(version: str, title: str) -> str:
    """What a plugin says of itself: docker/cli, cli-plugins/metadata."""
    return as_json(
        {
            "SchemaVersion": "0.1.0",
            "Vendor": "Docker Inc.",
            "Version": f"v{version}",
            "ShortDescription": title,
        }
    )


# Credentials


@command(
    "docker-credential-osxkeychain",
    source="docker/docker-credential-helpers, credentials/credentials.go: errors on stdout",
    guesses=("the keychain is empty, and forgets what it is given",),
)
def osxkeychain(call: Call) -> int:
    return _credentials(call, "0.9.5")


@command(
    "docker-credential-desktop",
    source="the protocol of docker/docker-credential-helpers; after-upgrade 24 for its absence",
    guesses=("it answers as docker-credential-osxkeychain does, the application running or not",),
)
def desktop(call: Call) -> int:
    return _credentials(call, "0.9.5")


def _credentials(call: Call, version: str) -> int:
    verb = call.argv[0] if len(call.argv) == 1 else ""
    if verb in ("version", "--version", "-v"):
        call.out(f"{call.name} (github.com/docker/docker-credential-helpers) v{version}")
    elif verb == "list":
        call.out("{}")
    elif verb in ("store", "erase"):
        call.stdin.read()
    elif verb == "get":
        call.stdin.read()
        call.out("credentials not found in native keychain")
        return 1
    else:
        call.out(f"Usage: {call.name} <store|get|erase|list|version>")
        return 1
    return 0
