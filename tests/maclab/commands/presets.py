"""What makes a bare Mac another one: `run preset NAME [ARGUMENT...]`, as the user that it needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from . import brewing, colima, other_engines
from .call import COMMANDS, Call, command
from .developer_tools import break_tools, install_tools
from .preferences import Preferences, web_proxy
from .services import Services, airplay
from .software_update import SoftwareUpdate, macos_offer, tools_offer
from .system import System

if TYPE_CHECKING:
    from tests.maclab.brew.launcher import Setup

User = Literal["root", "dev"]
Work = Callable[..., object]


@dataclass(frozen=True)
class _Preset:
    user: User
    work: Work


PRESETS: dict[str, _Preset] = {}


def user_of(name: str) -> User:
    """Whom a preset has to be run as."""
    return PRESETS[name].user


@command("preset", source="the lab's own")
def preset(call: Call) -> int:
    name, *arguments = call.argv
    PRESETS[name].work(call, *arguments)
    return 0


def _preset(name: str, user: User) -> Callable[[Work], Work]:
    def register(work: Work) -> Work:
        PRESETS[name] = _Preset(user, work)
        return work

    return register


@_preset("macos", "root")
def macos(call: Call, version: str, build: str, kernel: str) -> None:
    with call.changing(System) as system:
        system.version, system.build, system.kernel = version, build, kernel


@_preset("intel", "root")
def intel(call: Call) -> None:
    with call.changing(System) as system:
        system.arch, system.chip = "x86_64", "Intel(R) Core(TM) i5-1038NG7 CPU @ 2.00GHz"


@_preset("rosetta-shell", "root")
def rosetta_shell(call: Call) -> None:
    with call.changing(System) as system:
        system.rosetta_shell = system.rosetta_installed = True


@_preset("no-virtualization", "root")
def no_virtualization(call: Call) -> None:
    with call.changing(System) as system:
        system.virtualization = 0


@_preset("tools", "root")
def tools(call: Call, version: str) -> None:
    """The Command Line Tools, with the version that their receipt has."""
    install_tools(call, version)


@_preset("offers", "root")
def offers(call: Call, *versions: str) -> None:
    """What Apple offers: Command Line Tools of these versions, those before 26 in the old shape."""
    with call.changing(SoftwareUpdate) as updates:
        updates.offers = [
            tools_offer(version, old_label=int(version.split(".")[0]) < 26) for version in versions
        ]


@_preset("macos-offer", "root")
def new_macos(call: Call) -> None:
    with call.changing(SoftwareUpdate) as updates:
        updates.offers.append(macos_offer("Tahoe", "26.5.2", "25F84"))


@_preset("broken-tools", "root")
def broken_tools(call: Call) -> None:
    """The folder is empty, the receipt is there: after an upgrade of macOS, facts macos 2.1."""
    break_tools(call)


@_preset("web-proxy", "root")
def behind_web_proxy(call: Call, host: str, port: str) -> None:
    with call.changing(Preferences) as preferences:
        preferences.proxy = web_proxy(host, int(port), "*.corp.example")


@_preset("airplay", "root")
def airplay_on(call: Call) -> None:
    with call.changing(Services) as services:
        services.listeners = airplay()


@_preset("homebrew", "root")
def homebrew(call: Call, version: str = "7.0.7") -> None:
    with call.changing(brewing.Homebrew) as state:
        state.version = version
    brewing.put_in_place(call)
    brewing.own(call)


@_preset("formulae", "dev")
def formulae(call: Call, *names: str) -> None:
    """Formulae installed with their dependencies, without running brew."""
    _setup(call).formulae(names)


@_preset("upgraded", "dev")
def upgraded(call: Call, name: str, version: str) -> None:
    """A formula that the user has upgraded since."""
    _setup(call).upgraded(name, version)


@_preset("casks", "dev")
def casks(call: Call, *names: str) -> None:
    for name in names:
        _setup(call).cask(name)


@_preset("tap", "dev")
def tap(call: Call, name: str) -> None:
    _setup(call).tap(name)


@_preset("docker-desktop", "dev")
def docker_desktop(call: Call) -> None:
    """The application, put there by hand, and never opened yet."""
    other_engines.fill_docker_app(call)


@_preset("docker-desktop-running", "dev")
def docker_desktop_running(call: Call) -> None:
    other_engines.open_docker(call)


@_preset("orbstack", "dev")
def orbstack(call: Call) -> None:
    _setup(call).cask("orbstack")


@_preset("orbstack-running", "dev")
def orbstack_running(call: Call) -> None:
    other_engines.start_orbstack(call)


@_preset("podman", "dev")
def podman_installed(call: Call) -> None:
    _setup(call).formulae(["podman", "docker"])


@_preset("podman-running", "dev")
def podman_running(call: Call) -> None:
    for words in (["machine", "init"], ["machine", "start"]):
        COMMANDS["podman"].function(replace(call, name="podman", argv=words))


@_preset("lose-power", "dev")
def lose_power(call: Call) -> None:
    """What a power cut leaves of the engines: their machines are gone, their sockets lie about."""
    colima.lose_power(call)
    other_engines.lose_power(call)


@_preset("no-brew-allowed", "root")
def no_brew_allowed(call: Call) -> None:
    """What an employer puts there: facts macos 3.1."""
    file = call.path("/etc/homebrew/brew.no_install")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


@_preset("no-admin", "root")
def no_admin(call: Call) -> None:
    groups = call.path("/etc/group")
    groups.write_text(groups.read_text().replace("admin:x:80:root,dev", "admin:x:80:root"))


def _setup(call: Call) -> Setup:
    launcher = import_module(f"{__package__.rpartition('.')[0]}.brew.launcher")
    setup: Setup = launcher.Setup(brewing.machine_of(call), os.environ)
    setup.know()
    return setup


for _module in ("broken_engines", "broken_homebrew", "broken_ruby"):  # they register their own
    import_module(f".{_module}", __package__)
