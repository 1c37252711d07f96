"""What an upgrade of macOS, or a new Mac, breaks of the developer tools and of Homebrew.

Presets, each on a Mac that this project has set up already. Numbers are of facts after-upgrade.
"""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import time

from . import brewing
from .call import Call
from .developer_tools import CLT, DeveloperTools, install_xcode
from .packages import CLT_PACKAGE, Receipts
from .presets import _preset as preset
from .presets import _setup
from .services import Services
from .software_update import ROSETTA

_LINKED = "/Applications/Docker.app/Contents/Resources/bin"


@preset("no-tools", "root")
def no_tools(call: Call) -> None:
    """The upgrade took folder, receipt and selection: 43."""
    shutil.rmtree(call.path(CLT), ignore_errors=True)
    with call.changing(Receipts) as receipts:
        receipts.versions.pop(CLT_PACKAGE, None)
    with call.changing(DeveloperTools) as tools:
        tools.selected = ""


@preset("xcode-unlicensed", "root")
def xcode_unlicensed(call: Call) -> None:
    """A new Xcode came, whose licence nobody has agreed to: 4."""
    install_xcode(call, licence_agreed=False)


@preset("xcode", "root")
def xcode(call: Call) -> None:
    """Xcode is there and selected, and its licence agreed to."""
    install_xcode(call, licence_agreed=True)


@preset("old-homebrew", "dev")
def old_homebrew(call: Call, version: str, latest: str, days: str) -> None:
    """A Homebrew of another version, which was fetched some days ago: 5 and 7."""
    with call.changing(brewing.Homebrew) as homebrew:
        homebrew.version, homebrew.latest = version, latest
    brewing.put_in_place(call)
    then = time.time() - int(days) * 86400
    os.utime(brewing.machine_of(call).repository / ".git/FETCH_HEAD", (then, then))


@preset("pkgconf-of", "dev")
def pkgconf_of(call: Call, macos: str) -> None:
    """pkgconf, built on another macOS: 6."""
    _setup(call).formulae(["pkgconf"])
    file = brewing.machine_of(call).prefix / "opt/pkgconf/INSTALL_RECEIPT.json"
    told = json.loads(file.read_text())
    told["built_on"]["os_version"] = f"macOS {macos}"
    file.write_text(json.dumps(told))


@preset("docker-links", "root")
def docker_links(call: Call) -> None:
    """Docker.app was thrown away, its links were not: 25. One link and one file are another's."""
    folder = call.path("/usr/local/bin")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("docker", "docker-credential-desktop"):
        (folder / name).symlink_to(f"{_LINKED}/{name}")
    (folder / "docker-gone").symlink_to("/Volumes/Backup/docker")
    (folder / "docker-mine").symlink_to("/usr/bin/true")


@preset("engine-agents", "dev")
def engine_agents(call: Call, *labels: str) -> None:
    """launchd agents of engines: 30. `LABEL+` is loaded, `LABEL` is not."""
    folder = call.home / "Library/LaunchAgents"
    folder.mkdir(parents=True, exist_ok=True)
    for word in labels:
        label = word.rstrip("+")
        file = folder / f"{label}.plist"
        file.write_bytes(plistlib.dumps({"Label": label, "ProgramArguments": ["/usr/bin/true"]}))
        if word != label:
            with call.changing(Services) as services:
                at = f"/{file.relative_to(call.root)}"
                services.loaded[label] = {"plist": at, "program": "/usr/bin/true", "pid": 0}


@preset("intel-homebrew-too", "root")
def intel_homebrew_too(call: Call, rosetta: str = "") -> None:
    """Migration Assistant brought an Intel Mac's Homebrew: 38; it runs with Rosetta only: 8."""
    brew = call.path("/usr/local/bin/brew")
    brew.parent.mkdir(parents=True, exist_ok=True)
    said = (
        "Error: Cannot install in Homebrew on ARM processor in Intel default prefix (/usr/local)!"
        if rosetta
        else "/usr/local/bin/brew: Bad CPU type in executable"
    )
    brew.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    brew.chmod(0o755)
    call.path("/usr/local/Cellar/jq/1.7").mkdir(parents=True, exist_ok=True)
    if rosetta:
        call.path(ROSETTA).parent.mkdir(parents=True, exist_ok=True)
        call.path(ROSETTA).touch()


@preset("homebrew-of-root", "root")
def homebrew_of_root(call: Call, owner: str = "0") -> None:
    """Something was run as root: directories that the user may not write: 40."""
    prefix = brewing.machine_of(call).prefix
    for name in ("Cellar", "opt", "var/homebrew"):
        os.chown(prefix / name, int(owner), 0)
        (prefix / name).chmod(0o755)
