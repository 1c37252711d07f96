"""The container engine on a Mac: one that is there is kept and started, else the chosen one.

What an upgrade of macOS breaks of it is in `mac_engine_upkeep`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.changes import change, left
from deploys.facts.docker_config import DockerConfig
from deploys.facts.engine import ContainerEngine, Engine, owner_of
from deploys.facts.homebrew import Homebrew
from deploys.facts.mac_engine import EngineName, MacEngines, MacEngineState
from deploys.facts.mac_engine_upkeep import ColimaUpkeep
from deploys.facts.text_file import TextFile
from deploys.findings import found, refuse
from deploys.operations import Commands, homebrew
from deploys.operations import mac_engine_upkeep as upkeep
from deploys.settings import Settings

# colima asks its virtual machine to be downloaded, made and booted; without flags it only boots.
_CREATION_SECONDS = 1800
_START_SECONDS = 300


@dataclass(frozen=True)
class _Kind:
    """An engine as its users call it: the cask it comes in, how long it takes to answer after its
    start."""

    title: str
    cask: str = ""
    seconds: int = 60


_KINDS: dict[EngineName, _Kind] = {
    "colima": _Kind("colima"),
    "docker-desktop": _Kind("Docker Desktop", cask="docker-desktop", seconds=300),
    "orbstack": _Kind("OrbStack", cask="orbstack", seconds=120),
    "podman": _Kind("Podman"),
    "rancher": _Kind("Rancher Desktop", cask="rancher", seconds=600),
}


@operation()
def installed(settings: Settings) -> Commands:
    """Have an engine; whichever answers, or is there and stopped, is kept."""
    engine = host.get_fact(ContainerEngine)
    if engine.answers:
        return
    _reachable_at_all(engine)
    state = host.get_fact(MacEngines)
    name = engine_to_have(engine, state, settings)
    kind = _KINDS[name]
    if not state.engines:
        _licence_told(name)
    if kind.cask and name not in state.apps:
        yield from homebrew.casks._inner(names=[kind.cask], purpose="running containers")
    missing = [program for program in formulae_of(name) if program not in state.programs]
    if missing:
        yield from homebrew.formulae._inner(names=missing, purpose="running containers")


@operation()
def running(settings: Settings) -> Commands:
    """Have an engine that answers; one that does already is left alone, whichever it is."""
    engine = host.get_fact(ContainerEngine)
    if engine.answers:
        return
    state = host.get_fact(MacEngines)
    name = engine_to_have(engine, state, settings)
    if name == "colima":
        _told_of_colima(state)
        if upkeep.is_to_be_mended(state, host.get_fact(ColimaUpkeep)):
            return  # by `mended`, at once
    found(
        "engine.stopped",
        f"No container engine answers: {engine.reason.rstrip('.')}.",
        mend=_choice(name, state, settings),
    )
    upkeep.say_of_start(name, state)
    yield from _started(name, state, settings, first=True)


@operation()
def mended(settings: Settings) -> Commands:
    """Have colima's machine start which is known not to: from its files, or since the start of
    `running`, which lets such a failure pass. It is started once more, and that is all."""
    if host.get_fact(ContainerEngine).answers:
        return
    state = host.get_fact(MacEngines)
    if engine_to_have(host.get_fact(ContainerEngine), state, settings) != "colima":
        return
    files = host.get_fact(ColimaUpkeep)
    if upkeep.is_to_be_mended(state, files):
        yield from upkeep.mends(state, files)
        upkeep.say_of_start("colima", state)
        yield from _started("colima", state, settings)


@operation()
def reached_by_user() -> Commands:
    """Let colima's own context lead to it; say it where the user's client is set elsewhere."""
    engine = host.get_fact(ContainerEngine)
    socket = next((w for w in engine.client if w.startswith("DOCKER_HOST=")), "")
    if not engine.answers or not socket:
        return
    address = socket.removeprefix("DOCKER_HOST=")
    if engine.name == engine.context == "colima" and not engine.endpoint:
        # colima leaves a context of its name alone, even if that leads to an old socket
        # (abiosoft/colima#93, #365; its environment/container/docker).
        found(
            "engine.context-stale",
            f"The context colima leads to {engine.reaches}, and colima is at {address}.",
            means="docker in your shell finds no engine.",
            mend="The context is given colima's address.",
        )
        where = QuoteString(f"host={address}")
        yield StringCommand(*engine.words, "context", "update", "colima", "--docker", where)
        return
    # docker/for-mac#4951; abiosoft/colima#93, #221
    found(
        "engine.elsewhere",
        f"{title(engine.name)} answers at {address}; docker in your shell is set to "
        f"{engine.endpoint or engine.reaches or 'another address'}, where nothing answers.",
        means="This tool uses the one that answers; your setting is left as it is.",
        mend=_way_back(engine, address),
        severity="notice",
    )


def engine_to_have(engine: Engine, state: MacEngineState, settings: Settings) -> EngineName:
    """Which engine is to run where none does: of those installed the chosen one, else the one that
    the user's client is set to, else the first; where none is installed, the chosen one."""
    there = state.engines
    chosen: EngineName = settings.container_engine
    if not there or chosen in there:
        return chosen
    set_to = owner_of(engine.context, engine.reaches)
    return set_to if set_to in there else there[0]


def title(name: str) -> str:
    """An engine's name as its users write it."""
    return next((kind.title for key, kind in _KINDS.items() if key == name), "An engine")


def _reachable_at_all(engine: Engine) -> None:
    if not engine.is_remote:
        return
    by = f" by its {engine.endpoint}" if engine.endpoint.startswith("context ") else ""
    upkeep.not_kept_from_network(engine, by)
    refuse(
        "engine.elsewhere-unreachable",
        f"Docker is set to {engine.reaches}{by}, and nothing answers there.",
        mend="Start that engine, or unset DOCKER_HOST and run `docker context use default`.",
        alone=True,
    )


def formulae_of(name: str) -> tuple[str, ...]:
    """The programs that the engine needs, which are formulae of the same names."""
    return {"colima": ("colima", "docker"), "podman": ("podman", "docker")}.get(name, ())


def _licence_told(name: EngineName) -> None:
    if name == "docker-desktop":
        found(
            "engine.licence",
            "Docker Desktop is free for personal use, education, and companies with fewer than 250 "
            "employees and less than $10 million in revenue.",
            means="Others need a paid subscription; its terms are yours to accept in its window.",
            mend="container_engine = colima does without.",
            severity="notice",
        )
    elif name == "orbstack":
        found(
            "engine.licence",
            "OrbStack needs a paid licence where its use is not personal.",
            mend="container_engine = colima does without.",
            severity="notice",
        )


def _choice(name: EngineName, state: MacEngineState, settings: Settings) -> str:
    chosen, there = settings.container_engine, state.engines
    start = f"{title(name)} is started."
    if name != chosen and len(there) > 1:
        return f"{start} It is one of those installed; {title(chosen)}, the setting, is not."
    if name != chosen:
        return f"{start} It is installed already; {title(chosen)} is not added to it."
    if len(there) > 1:
        others = ", ".join(title(other) for other in there if other != name)
        return f"{start} container_engine chooses it; {others} could be chosen too."
    return start


def _told_of_colima(state: MacEngineState) -> None:
    if state.runtime and state.runtime != "docker":
        refuse(
            "engine.colima-runtime",
            f"colima's virtual machine runs {state.runtime}, not Docker.",
            means="That cannot be changed once the machine is made.",
            mend="Remove it with `colima delete` if you do not need what is in it, or choose "
            "another engine with --set container_engine=NAME.",
        )
    if not state.profile:
        found(
            "engine.colima-mounts",
            "colima shares only your home directory with its containers.",
            means="A folder from elsewhere, mounted into a container, is empty without an error.",
            severity="notice",
        )


def _start_colima(state: MacEngineState, settings: Settings) -> list[list[str]]:
    if not state.profile:
        made = [
            *("--cpus", str(settings.vm_cpus), "--memory", str(settings.vm_memory)),
            *("--disk", str(settings.vm_disk), "--vm-type", "vz", "--mount-type", "virtiofs"),
        ]
        return [["colima", "start", *made]]
    # "Broken" after a restart of macOS (colima docs/FAQ.md), or half started: it says that it runs,
    # and nothing answers (abiosoft/colima#1010, #1564). Without a client nobody could ask it.
    is_broken = state.profile != "Stopped" and "docker" in state.programs
    stop = [["colima", "stop", "--force"]] if is_broken else []
    return [*stop, ["colima", "start"]]


def _start_desktop(_: MacEngineState, __: Settings) -> list[list[str]]:
    # Not `docker desktop start`: it hangs, and its status is wrong (docker/desktop-feedback#444).
    return [["open", "-a", "Docker"]]


def _start_orbstack(state: MacEngineState, _: Settings) -> list[list[str]]:
    known = "orbctl" in state.programs or not state.engines
    return [["orbctl", "start"] if known else ["open", "-a", "OrbStack"]]


def _start_podman(state: MacEngineState, _: Settings) -> list[list[str]]:
    start = ["podman", "machine", "start"]
    if not state.machine:
        return [["podman", "machine", "init"], start]
    return [start] if state.machine == "stopped" else [["podman", "machine", "stop"], start]


def _start_rancher(state: MacEngineState, _: Settings) -> list[list[str]]:
    # rdctl is in ~/.rd/bin, which the app makes when it is started for the first time.
    known = "rdctl" in state.programs
    return [["rdctl", "start"] if known else ["open", "-a", "Rancher Desktop"]]


_STARTS: dict[EngineName, Callable[[MacEngineState, Settings], list[list[str]]]] = {
    "colima": _start_colima,
    "docker-desktop": _start_desktop,
    "orbstack": _start_orbstack,
    "podman": _start_podman,
    "rancher": _start_rancher,
}

_SOCKET: dict[EngineName, str] = {
    "colima": """$(ENV colima status --json 2>/dev/null |
  sed -n 's/.*"docker_socket":"unix:\\/\\/\\([^"]*\\)".*/\\1/p')""",
    "docker-desktop": "$HOME/.docker/run/docker.sock",
    "orbstack": "$HOME/.orbstack/run/docker.sock",
    "podman": "$(ENV podman machine inspect --format '{{.ConnectionInfo.PodmanSocket.Path}}')",
    "rancher": "$HOME/.rd/docker.sock",
}
_ASKED: dict[EngineName, str] = {"colima": "colima", "podman": "podman"}


def _started(
    name: EngineName, state: MacEngineState, settings: Settings, *, first: bool = False
) -> Commands:
    """Start it, and wait for its answer. `first`: what `mended` can mend is no failure yet."""
    forgiven = ""
    if first and name == "colima":
        asked = shlex.join([*environment(state, "colima"), "colima"])
        forgiven = upkeep.is_mendable(_log(state), asked)
    commands = _STARTS[name](state, settings)
    if not any("--cpus" in words or "init" in words for words in commands):
        left(title(name), "it was off, and was started; stop it where you do not need it.")
    for words in commands:
        _said_of_machine(words, state)
        limit = _CREATION_SECONDS if "--cpus" in words or "init" in words else _START_SECONDS
        line = shlex.join([*environment(state, words[0]), *words])
        if "stop" in words:
            line = f"{line} || true"
        elif words[-1] != "init" and "start" in words:
            script = upkeep.started(line, limit, _last_words(name, state), forgiven)
            yield StringCommand("sh", "-c", QuoteString(script), _timeout=limit + 60)
            continue
        yield StringCommand(line, _timeout=limit)
    pass_over = f"if {forgiven}; then exit 0; fi\n" if forgiven else ""
    yield StringCommand("sh", "-c", QuoteString(pass_over + _answering(name, state)))


def _said_of_machine(words: list[str], state: MacEngineState) -> None:
    """Say that a virtual machine is made. With it colima makes a context of Docker's its own, and
    includes a file in ssh's configuration (colima's docs/FAQ.md; cmd/start.go)."""
    if "--cpus" in words:
        config = host.get_fact(DockerConfig)
        folder = PurePosixPath(config.file).parent
        contexts = (f"{folder}/contexts/meta", f"{folder}/contexts", str(folder))
        _shared_file(config.target, contexts, what="docker")
        ssh = host.get_fact(TextFile, path="~/.ssh/config").path
        line = f"Include {state.colima_home}/ssh_config"
        _shared_file(ssh, (str(PurePosixPath(ssh).parent),), what="ssh", line=line)
        is_new = host.get_fact(TextFile, path=state.colima_home).kind == "missing"
        change("vm", "colima", home=state.colima_home, home_is_new=is_new)
    elif "init" in words:
        left("Podman's virtual machine", "`podman machine rm` removes it, with all that is in it.")


def _shared_file(path: str, folders: tuple[str, ...], **about: str) -> None:
    """`folders` come with the file, if they are not there yet."""
    text = host.get_fact(TextFile, path=path)
    content = text.content if text.kind == "file" else None
    new = [one for one in folders if host.get_fact(TextFile, path=one).kind == "missing"]
    change("file", text.path, content=content, folders=new, **about)


def _answering(name: EngineName, state: MacEngineState) -> str:
    """A script that waits until the engine answers what `docker info` asks; curl has a time limit,
    which the client has not, and a socket may accept a connection and say nothing."""
    kind = _KINDS[name]
    words = shlex.join(environment(state, _ASKED.get(name, "open")))
    return f"""
end=$(($(date +%s) + {kind.seconds}))
until socket={_SOCKET[name].replace("ENV", words).strip()} && [ -S "$socket" ] &&
  curl -fs --noproxy '*' --max-time 5 -o /dev/null --unix-socket "$socket" http://localhost/info
do
  if [ "$(date +%s)" -ge "$end" ]; then
    echo {shlex.quote(f"{kind.title} did not answer within {kind.seconds} seconds.")} >&2
    {_last_words(name, state)}
    exit 1
  fi
  sleep 1
done
""".strip()


def _last_words(name: EngineName, state: MacEngineState) -> str:
    said = ""
    if name == "colima":
        said = f'echo "The last words of its virtual machine:"; tail -n 8 {_log(state)}; '
    return f"{{ {said}echo {shlex.quote(upkeep.next_to_try(name))}; }} >&2"


def _log(state: MacEngineState) -> str:
    log = shlex.quote(f"{state.colima_home or '~/.colima'}/_lima/colima/ha.stderr.log")
    return log.replace("'~/", "~/'", 1)


def environment(state: MacEngineState, program: str) -> list[str]:
    """colima calls limactl and docker: the PATH is made longer where the user's is too short."""
    needed = {program, "docker"} if program == "colima" else {program}
    if program == "open" or needed <= state.own:
        return []
    # What is yet to be installed will be where Homebrew is.
    added = [] if program in state.programs else [f"{host.get_fact(Homebrew).place}/bin"]
    return ["env", "PATH=" + ":".join([state.path or "/usr/bin:/bin:/usr/sbin:/sbin", *added])]


def _way_back(engine: Engine, address: str) -> str:
    if engine.endpoint and not engine.endpoint.startswith("context "):
        return "Unset DOCKER_HOST, where your shell sets it, if you do not need it."
    contexts = {"colima": "colima", "docker-desktop": "desktop-linux", "orbstack": "orbstack"}
    if engine.name in contexts:
        return f"`docker context use {contexts[engine.name]}` changes it."
    return f"`export DOCKER_HOST={address}` changes it for a shell."
