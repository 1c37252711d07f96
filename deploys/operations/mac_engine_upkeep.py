"""What an upgrade of macOS breaks of a container engine: what is seen of it, and what mends it.

Nothing here starts an engine, `mac_engine` does. No virtual machine is ever removed.
"""

from __future__ import annotations

import shlex

from pyinfra.api import StringCommand, operation
from pyinfra.context import host

from deploys.changes import left
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.homebrew import Homebrew
from deploys.facts.mac import Mac
from deploys.facts.mac_engine import EngineName, MacEngines, MacEngineState
from deploys.facts.mac_engine_upkeep import (
    WHY_NOT_STARTED,
    AppleContainer,
    ColimaFiles,
    ColimaUpkeep,
    DesktopFiles,
    DesktopUpkeep,
)
from deploys.findings import found, refuse
from deploys.operations import Commands, homebrew

# docs/FAQ.md of abiosoft/colima: `colima delete` keeps the containers' data. A restart of macOS
# was what helped in abiosoft/colima#1010.
_NEXT: dict[EngineName, str] = {
    "colima": "Next to try: restart macOS, and run this again. After that: `colima delete`, and "
    "run this again; it removes the virtual machine, and leaves images, containers and volumes "
    "unless --data is given.",
    "docker-desktop": "Look at its window: it may ask you to accept its terms or to sign in. Over "
    "SSH it starts only while you are logged in at the screen. Next to try: quit it, update it "
    "with `brew upgrade --cask docker-desktop` or from its menu, `open -a Docker`, and run this "
    "again.",  # docker/for-mac#4175; `docker desktop start` hangs: docker/desktop-feedback#444
    "orbstack": "Look at its window. OrbStack that stays in the state Starting after an upgrade of "
    "macOS needs an update. Next to try: `orbctl stop`, `brew upgrade --cask orbstack` or Check "
    "for Updates in its menu, and run this again.",  # orbstack/orbstack#2697
    # podman issues 21842, 22624, 25046, 28017, 29074; a podman for Intel: 27133
    "podman": "Next to try: restart macOS, and run this again. After that: `podman machine rm -f`, "
    "and run this again; it removes the machine with all images, containers and volumes in it.",
    "rancher": "Look at its window; as its container engine choose dockerd (moby), containerd has "
    "no Docker socket.",
}

# docker/for-mac#7243 and #7520: first versions without the fault.
_STARTS_WITHOUT_ROSETTA = "4.30"
_HAS_VALID_HELPERS = "4.37.2"

_ASKS_FOR_LOCAL_NETWORK = 15  # docker/for-mac#7444: not on macOS 14


def next_to_try(name: EngineName) -> str:
    """What a person can do where an engine does not start; said, never done."""
    return _NEXT[name]


def is_to_be_mended(state: MacEngineState, files: ColimaFiles) -> bool:
    """Whether colima's default machine is known not to start as it is."""
    if state.profile == "Running" or "colima" not in state.programs:
        return False
    unfit = files.is_unfit_for_rosetta and not files.is_fresh and bool(files.lima_prefix)
    return bool(files.cause) or files.is_key_open or files.is_foreign or unfit


def mends(state: MacEngineState, files: ColimaFiles) -> Commands:
    """Mend what keeps colima's machine from starting, the least first.

    Raises:
        Refused: only a person can.
    """
    if files.is_foreign:
        _native_wanted(files)
    if files.is_key_open:
        key = f"{files.home}/_lima/_config/user"
        # ssh does not use such a key, and Lima waits for it: `Waiting for the essential
        # requirement 1 of 5: "ssh"` (abiosoft/colima#629, #967, #1545).
        found(
            "engine.colima-key-open",
            f"Others may read {key}.",
            means="ssh does not use such a key: the start hangs at `Waiting for the essential "
            'requirement 1 of 5: "ssh"`.',
            mend="Only you may read it again.",
        )
        left(f"{key}, which only you may read now", "ssh does not use it otherwise.")
        yield StringCommand("chmod", "600", shlex.quote(key))
    if files.cause == "network":
        yield from _network_cleared(state, files)
    elif files.cause == "build" or files.is_unfit_for_rosetta:
        yield from _lima_again(files)


@operation()
def rosetta() -> Commands:
    """Say it where colima is set to use Rosetta, and cannot."""
    engine = host.get_fact(ContainerEngine)
    if engine.answers:
        if engine.name != "colima":
            return
    elif not host.get_fact(MacEngines).profile:
        return
    files = host.get_fact(ColimaUpkeep)
    if files.has_lost_rosetta:
        # "Unable to enable Rosetta: Rosetta2 is not installed", and the start goes on
        # (abiosoft/colima#1069, getsentry/devenv#36).
        found(
            "engine.colima-rosetta-gone",
            "colima is set to use Rosetta, and this Mac has no Rosetta any more.",
            means="Images for amd64 are slow or fail; this tool needs none.",
            mend="`softwareupdate --install-rosetta --agree-to-license` brings it back, with "
            "Apple's licence accepted; or do without: `colima stop`, then `colima start "
            "--vz-rosetta=false`.",
            severity="notice",
        )
    elif files.is_unfit_for_rosetta and engine.answers:
        # lima-vm/lima#2753
        found(
            "engine.lima-without-rosetta",
            f"Lima could not use Rosetta: {files.rosetta_said}.",
            means="It was built for an older macOS. Images for amd64 are slow or fail; this tool "
            "needs none.",
            mend="`brew reinstall lima colima`, then `colima stop` and `colima start`.",
            severity="notice",
        )
    yield from ()


@operation()
def apple_container() -> Commands:
    """Say it where Apple's container keeps something, and does not answer: launchd has forgotten
    its service after a restart of macOS, or an upgrade of its formula."""
    program = host.get_fact(Mac).container
    if program and (said := host.get_fact(AppleContainer, program=program)) != "running":
        # apple/container#80, #1721; a session without the screen: #205, #2008
        found(
            "engine.apple-container-down",
            f"Apple's container keeps containers of yours, and does not answer: {said}.",
            means="Its commands end with `XPC connection error: Connection invalid`. This tool "
            "does not need it.",
            mend="If you want them: `container system start`, in a terminal on this Mac's own "
            "screen; over SSH it does not start.",
            severity="notice",
        )
    yield from ()


def not_kept_from_network(engine: Engine, by: str) -> None:
    """Refuse where macOS may keep programs of this terminal from the Mac's own network.

    Raises:
        Refused: only a person can permit that.
    """
    if not engine.has_no_route or host.get_fact(Mac).major < _ASKS_FOR_LOCAL_NETWORK:
        return
    # docker/for-mac#7504, #7444; canonical/multipass#3766; microsoft/vscode#228862
    refuse(
        "engine.local-network",
        f"Docker is set to {engine.reaches}{by}, and macOS says `No route to host`.",
        means="macOS keeps programs from the local network that have no permission for it; after "
        "an upgrade it may be lost.",
        mend="System Settings > Privacy & Security > Local Network: switch on the program whose "
        "terminal this is (Terminal, iTerm, Visual Studio Code); where it is on, off and on again. "
        "Quit that program, open it, and run this again. If nothing changes, that machine is off, "
        "or has another address; unset DOCKER_HOST and `docker context use default` do without it.",
        alone=True,
    )


def say_of_start(name: EngineName, state: MacEngineState) -> None:
    """Say what a start has to do with, or cannot do."""
    if name == "colima":
        _say_of_profile(state)
    elif name == "docker-desktop" and name in state.apps:
        _say_of_desktop(host.get_fact(DesktopUpkeep))


def started(line: str, seconds: int, last_words: str, forgiven: str = "") -> str:
    """A shell line that starts an engine, not for longer than `seconds` (macOS has no timeout), and
    says what to try next where it fails; `forgiven` is a test for failures that are none."""
    late = f"It has not started within {seconds} seconds, and was ended."
    failed = f"{forgiven} || exit 1" if forgiven else "exit 1"
    return (
        f"{line} & job=$!\n"
        f'( left={seconds}; while kill -0 "$job"; do sleep 1; left=$((left - 1))\n'
        f'[ "$left" -gt 0 ] || kill "$job"; done ) >/dev/null 2>&1 &\n'
        f'wait "$job"; code=$?\n'
        f'[ "$code" -ne 143 ] || echo {shlex.quote(late)} >&2\n'
        f'[ "$code" -eq 0 ] || {{ {last_words}; {failed}; }}'
    )


def is_mendable(log: str, colima: str) -> str:
    """A shell test: whether colima's machine does not run for a reason that `mends` knows."""
    running = 'grep \'"name":"default"\' | grep \'"status":"Running"\''
    return (
        f'{{ [ -n "$({WHY_NOT_STARTED} {log} 2>/dev/null)" ] && '
        f"! {colima} list --json 2>/dev/null | {running} >/dev/null; }}"
    )


def _say_of_profile(state: MacEngineState) -> None:
    if state.profile == "Broken":
        # `errors inspecting instance: [vz driver is running but host agent is not]`, after macOS
        # was restarted or upgraded (abiosoft/colima#1577, #1010, #894; lima-vm/lima#3081, #3981).
        found(
            "engine.colima-broken",
            "colima calls its virtual machine Broken.",
            means="macOS was restarted while it ran.",
            mend="It is stopped by force and started; what is in it stays.",
        )
    elif state.profile in ("Running", "Unknown") and "docker" in state.programs:
        # abiosoft/colima#1010, #1564
        found(
            "engine.colima-half-started",
            "colima's virtual machine is said to run, and nothing answers."
            if state.profile == "Running"
            else "colima does not tell the state of its virtual machine.",
            means="A start that was cut short or a restart of macOS leaves it like that.",
            mend="It is stopped by force and started; what is in it stays.",
        )


def _say_of_desktop(files: DesktopFiles) -> None:
    update = "`brew upgrade --cask docker-desktop`, or Check for Updates in its menu"
    if files.helpers and files.is_before(_HAS_VALID_HELPERS):
        # `"com.docker.vmnetd" was not opened because it contains malware`.
        names = [helper.rpartition("/")[2] for helper in files.helpers]
        out = "; ".join(f"sudo launchctl bootout system/{name}" for name in names)
        # docker/for-mac#7520, #7534
        found(
            "engine.desktop-helper-blocked",
            f"Docker Desktop {files.version} has {' and '.join(names)}, which macOS may block: "
            '"was not opened because it contains malware".',
            means=f"Then its engine cannot start; {_HAS_VALID_HELPERS} and later are free of that.",
            mend=f"If that window comes: quit Docker Desktop; {update}. Where it cannot be "
            f"updated: `{out}; sudo rm -f {shlex.join(files.helpers)}`, and `open -a Docker`.",
            severity="notice",
        )
    elif files.is_silicon and not files.has_rosetta and _needs_rosetta(files):
        # docker/for-mac#7243
        found(
            "engine.desktop-needs-rosetta",
            f"Docker Desktop {files.version} does not start without Rosetta, and there is none.",
            means=f"{_STARTS_WITHOUT_ROSETTA} and later do.",
            mend=f"Update it: {update}. Or `softwareupdate --install-rosetta`.",
            severity="notice",
        )


def _needs_rosetta(files: DesktopFiles) -> bool:
    return files.is_before(_STARTS_WITHOUT_ROSETTA) and not files.is_before("4.29")


def _native_wanted(files: ColimaFiles) -> None:
    brew = f"{host.get_fact(Homebrew).place}/bin"
    refuse(
        "engine.lima-of-intel",
        f"{files.limactl} is built for Intel, and this Mac has Apple Silicon.",
        means="It starts no virtual machine here: `VZ driver requires macOS 13 or higher to run`.",
        mend=f"`{brew}/brew install colima docker`, put {brew} before "
        f"{files.limactl.rpartition('/')[0]} in your PATH, and run this again in a new terminal.",
        alone=True,
    )


def _network_cleared(state: MacEngineState, files: ColimaFiles) -> Commands:
    folder = f"{files.home}/_lima/_networks/user-v2"
    if state.others_run or not files.has_network:
        others = ", ".join(state.others_run)
        # abiosoft/colima#1029, #1116, #1211
        refuse(
            "engine.colima-network-stale",
            f"colima's virtual machine did not start: {files.said}.",
            means=f"The machines {others} run, and may use that network." if others else "",
            mend=f"Stop them (`colima stop --profile NAME`), remove {folder}, and run this again."
            if others
            else next_to_try("colima"),
            alone=True,
        )
    # abiosoft/colima#1029, #1116, #1211
    found(
        "engine.colima-network-stale",
        f"colima's virtual machine did not start, its network is nobody's: {files.said}.",
        means="The network of a machine that is gone has left a socket behind.",
        mend=f"{folder} is removed, which Lima makes anew at the start.",
    )
    left(f"{folder}, which was removed", "colima did not start with it.")
    yield StringCommand("rm", "-rf", shlex.quote(folder))


def _lima_again(files: ColimaFiles) -> Commands:
    said = files.said or files.rosetta_said
    means = "It was built for another macOS."
    place = host.get_fact(Homebrew).place
    if files.lima_prefix != place:
        # abiosoft/colima#524, #1250; lima-vm/lima#2753
        refuse(
            "engine.lima-of-another-macos",
            f"{files.limactl}, which is not of this Mac's Homebrew, says: {said}.",
            means=means,
            mend=f"Install a Lima for this Mac where {files.limactl} came from; or `{place}/bin/"
            f"brew install colima`, put {place}/bin first in your PATH, and run this again.",
            alone=True,
        )
    if files.is_fresh:
        # abiosoft/colima#524, #1250; lima-vm/lima#2753
        refuse(
            "engine.lima-of-another-macos",
            f"Lima still says: {said}.",
            means="It was installed lately, so that to install it again would not help.",
            mend="`brew update`, `brew upgrade lima colima`, and run this again.",
            alone=True,
        )
    # abiosoft/colima#524, #1250; lima-vm/lima#2753
    found(
        "engine.lima-of-another-macos",
        f"Lima says: {said}.",
        means=means,
        mend="Homebrew installs Lima and colima again, once; the virtual machine stays.",
    )
    left("Lima and colima, installed again", "they were built for another macOS.")
    yield homebrew.reinstall("lima")
    yield homebrew.reinstall("colima")
