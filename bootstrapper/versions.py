"""What a machine's parts are, and what became of them since the last run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pyinfra.context import host

from bootstrapper.answers import FactFailed
from bootstrapper.engine import Engine
from deploys.facts.debian import DpkgPackages
from deploys.facts.engine import ContainerEngine
from deploys.facts.homebrew import Homebrew
from deploys.facts.mac import DeveloperTools, Mac
from deploys.facts.machine import ThisMachine, on_a_mac
from deploys.operations.mac_ruby import ruby_state
from deploys.settings import settings

Versions = dict[str, str]

# They may only be off, or not tell: findings say when they are gone.
_UNSEEN_AT_TIMES = ("container engine", "virtual machine", "Homebrew")
_OF_THE_STAGES = re.compile(r"(ruby|bundler|jekyll|docker|containerd|podman|moby)([.-]|$).*|runc")


def versions_of(engine: Engine, machine: str) -> Versions:
    """Name to version of what the stages rest on; what could not be asked is left out."""
    try:
        return {name: version for name, version in engine.ask(machine, _ask).items() if version}
    except FactFailed:
        return {}


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What is another than it was, as "Ruby 3.4.9 → 3.4.10"; additions and losses among them."""
    told = []
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        if old and new and old != new:
            told.append(f"{name} {old} → {new}")
        elif old and not new and name not in _UNSEEN_AT_TIMES:
            told.append(f"{name} is gone (it was {old})")
        elif new and not old:
            told.append(f"{name} is new ({new})")
    return tuple(told)


def _ask() -> Versions:
    is_mac = host.get_fact(ThisMachine).is_mac
    system = _of_macos() if is_mac else {"system": host.get_fact(ThisMachine).os_name}
    return {**system, **_of_the_engine(), **(_installed_on_a_mac() if is_mac else _packages())}


def _of_the_engine() -> Versions:
    found = host.get_fact(ContainerEngine)
    if not found.answers:
        return {}
    versions = {"container engine": f"{found.name} {found.version}"}
    return {**versions, "virtual machine": found.system} if on_a_mac() else versions


def _of_macos() -> Versions:
    mac, tools = host.get_fact(Mac), host.get_fact(DeveloperTools)
    return {
        "macOS": f"{mac.version} ({mac.build})",
        "Command Line Tools": tools.version if tools.whole else "",
        "Homebrew": host.get_fact(Homebrew).own_version,
        "Touch ID for sudo": "set up" if mac.touch_id_in else "",
    }


def _installed_on_a_mac() -> Versions:
    """Rubies of version managers first, then what Homebrew has, then the gems of sites."""
    brew, ruby = host.get_fact(Homebrew), ruby_state(settings())
    versions: dict[str, list[str]] = {}
    for one in ruby.rubies:
        if one.origin != "homebrew":
            versions.setdefault(f"Ruby ({one.origin})", []).append(one.version)
    kinds = (("", brew.formulae), ("cask ", brew.casks), ("gem ", ruby.gems))
    for kind, installed in kinds:
        versions |= {f"{kind}{name}": list(found) for name, found in sorted(installed.items())}
    return {name: ", ".join(found) for name, found in versions.items()}


def _packages() -> Versions:
    """On Debian gems are packages, too."""
    installed = host.get_fact(DpkgPackages).versions
    return {name: installed[name] for name in sorted(installed) if _OF_THE_STAGES.match(name)}
