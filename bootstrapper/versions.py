"""What a machine's parts are, and what became of them since the last run."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.context import host

from bootstrapper.engine import Engine, FactFailed
from deploys.facts.engine import ContainerEngine
from deploys.facts.homebrew import Homebrew
from deploys.facts.mac import DeveloperTools, Mac
from deploys.facts.machine import ThisMachine

Versions = dict[str, str]


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
        elif old and not new:
            told.append(f"{name} {old} is gone")
        elif new and not old:
            told.append(f"{name} {new} is new")
    return tuple(told)


def _ask() -> Versions:
    machine = host.get_fact(ThisMachine)
    versions = _of_a_mac() if machine.is_mac else {"system": machine.os_name}
    found = host.get_fact(ContainerEngine)
    if found.answers:
        versions["container engine"] = f"{found.name} {found.version}"
    return versions


def _of_a_mac() -> Versions:
    mac, tools = host.get_fact(Mac), host.get_fact(DeveloperTools)
    versions = {
        "macOS": f"{mac.version} ({mac.build})",
        "Command Line Tools": tools.version if tools.whole else "",
    }
    for name, installed in sorted(host.get_fact(Homebrew).formulae.items()):
        versions[name] = ", ".join(installed)
    return versions
