"""softwareupdate: what is on offer, installing it, and Rosetta."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import ClassVar, TypedDict

from .call import Call, Section, command
from .developer_tools import has_tools, install_tools
from .packages import CLT_PACKAGE, Receipts
from .system import System

PLACEHOLDER = "/tmp/.com.apple.dt.CommandLineTools.installondemand.in-progress"
ROSETTA = "/Library/Apple/usr/libexec/oah/libRosettaRuntime"
_TOOLS = "Command Line Tools"
_HEAD = "Software Update Tool\n\nFinding available software"


class Offer(TypedDict):
    """One thing on offer. `size` is in KiB; `action` is "restart" for a version of macOS."""

    label: str
    title: str
    version: str
    size: int
    recommended: bool
    action: str


def tools_offer(version: str, *, old_label: bool = False) -> Offer:
    """An offer of Command Line Tools; the label's shape changed with Xcode 26."""
    title = f"{_TOOLS} for Xcode" if old_label else f"{_TOOLS} for Xcode {version}"
    return {
        "label": f"{title}-{version}",
        "title": title,
        "version": version,
        "size": 920431,
        "recommended": True,
        "action": "",
    }


def macos_offer(name: str, version: str, build: str) -> Offer:
    return {
        "label": f"macOS {name} {version}-{build}",
        "title": f"macOS {name} {version}",
        "version": version,
        "size": 3709215,
        "recommended": True,
        "action": "restart",
    }


@dataclass
class SoftwareUpdate(Section):
    """What Apple has on offer, whoever may see it, and the labels that were installed."""

    KEY: ClassVar[str] = "software_update"

    offers: list[Offer] = field(default_factory=lambda: [tools_offer("27.0")])
    installed: list[str] = field(default_factory=list)
    rosetta_offered: bool = True


@command(
    "softwareupdate",
    "/usr/sbin/softwareupdate",
    source="facts macos 2.3 and 4 (captures); nothing to install: Homebrew/brew#2773",
    guesses=(
        "all on standard output but the agreement for Rosetta, refusals and `No new software`",
        "exit 0 for a label that is not on offer, as a fixture of another project has it",
        "what it says to an ordinary user",
        "tools that are installed are only offered in a newer version",
        "Rosetta on Intel, and refused by management: exit 1",
    ),
)
def softwareupdate(call: Call) -> int:
    options = [word for word in call.argv if word.startswith("-")]
    names = [word for word in call.argv if not word.startswith("-")]
    if "--install-rosetta" in options:
        return _rosetta(call, agreed="--agree-to-license" in options)
    if {"-l", "--list"} & set(options):
        return _list(call)
    if {"-ia", "-iaR", "-ai"} & set(options):
        return _install(call, None)
    if {"-i", "--install"} & set(options):
        return _install(call, None if {"-a", "--all"} & set(options) else names)
    return call.fails("usage: softwareupdate <cmd> [<args> ...]")


def offered(call: Call) -> list[Offer]:
    """What this Mac sees now: Command Line Tools only on demand, or as an update."""
    return [one for one in call.state(SoftwareUpdate).offers if _visible(call, one)]


def _visible(call: Call, offer: Offer) -> bool:
    if not offer["title"].startswith(_TOOLS):
        return True
    if not has_tools(call):
        return call.path(PLACEHOLDER).exists()
    here = call.state(Receipts).versions.get(CLT_PACKAGE, "0")
    return _numbers(offer["version"]) > _numbers(here)[: len(_numbers(offer["version"]))]


def _list(call: Call) -> int:
    call.out(_HEAD)
    offers = offered(call)
    if not offers:
        call.err("No new software available.")
        return 0
    call.out("Software Update found the following new or updated software:")
    for one in offers:
        call.out(f"* Label: {one['label']}\n{_details(one)}")
    return 0


def _details(offer: Offer) -> str:
    told = f"\tTitle: {offer['title']}, Version: {offer['version']}, Size: {offer['size']}KiB, "
    told += f"Recommended: {'YES' if offer['recommended'] else 'NO'},"
    if offer["action"]:
        told += f" Action: {offer['action']},"
    return told + " " * bool(re.search(r"Xcode-\d", offer["label"]))


def _install(call: Call, labels: list[str] | None) -> int:
    if call.uid != 0:
        return call.fails("softwareupdate: must be run as root")
    call.out(f"{_HEAD}\n")
    offers = offered(call) if labels is None else _chosen(call, labels)
    if not offers:
        call.out("No updates are available.")
        return 0
    for step in ("Downloading", "Downloaded", "Installing", "Done with"):
        for one in offers:
            call.out(f"{step} {one['title']}")
    for one in offers:
        _put(call, one)
    call.out("Done.")
    return 0


def _chosen(call: Call, labels: list[str]) -> list[Offer]:
    offers = {one["label"]: one for one in offered(call)}
    for label in labels:
        if label not in offers:
            call.out(f"{label}: No such update")
    return [offers[label] for label in labels if label in offers]


def _put(call: Call, offer: Offer) -> None:
    if offer["title"].startswith(_TOOLS):
        install_tools(call, offer["version"])
    if offer["title"].startswith("macOS"):
        with call.changing(System) as system:
            system.version = offer["version"]
            system.build = offer["label"].rpartition("-")[2]
    with call.changing(SoftwareUpdate) as updates:
        updates.installed.append(offer["label"])
        updates.offers = [one for one in updates.offers if one["label"] != offer["label"]]


def _rosetta(call: Call, *, agreed: bool) -> int:
    if call.state(System).arch != "arm64" or not call.state(SoftwareUpdate).rosetta_offered:
        return call.fails("Rosetta 2 update is not available")
    if agreed:
        call.err(
            "By using the agreetolicense option, you are agreeing that you have run this tool with "
            "the license only option and have read and agreed to the terms.\n"
            "If you do not agree, press CTRL-C and cancel this process immediately."
        )
    else:
        call.out(
            "I have read and agree to the terms of the software license agreement. A list of Apple "
            "SLAs may be found here: https://www.apple.com/legal/sla/"
        )
        print("Type A and press return to agree: ", end="", file=call.stdout, flush=True)
        if call.stdin.readline().strip() != "A":
            return 1
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    call.err(
        f"{now}.853 softwareupdate[56080:2609861] Package Authoring Error: 093-50752: Package "
        "reference com.apple.pkg.RosettaUpdateAuto is missing installKBytes attribute"
    )
    runtime = call.path(ROSETTA)
    runtime.parent.mkdir(parents=True, exist_ok=True)
    runtime.touch()
    with call.changing(System) as system:
        system.rosetta_installed = True
    call.out("Install of Rosetta 2 finished successfully")
    return 0


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
