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
_ENGINE = "container engine"  # it may only be off, which a finding says


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
        elif old and not new and name != _ENGINE:
            told.append(f"{name} is gone (it was {old})")
        elif new and not old:
            told.append(f"{name} is new ({new})")
    return tuple(told)


def _ask() -> Versions:
    machine = host.get_fact(ThisMachine)
    versions = _of_a_mac() if machine.is_mac else {"system": machine.os_name}
    found = host.get_fact(ContainerEngine)
    if found.answers:
        versions[_ENGINE] = f"{found.name} {found.version}"
    return versions


def _of_a_mac() -> Versions:
    mac, tools = host.get_fact(Mac), host.get_fact(DeveloperTools)
    versions = {
        "macOS": f"{mac.version} ({mac.build})",
        "Command Line Tools": tools.version if tools.whole else "",
        "Touch ID for sudo": "set up" if mac.touch_id_in else "",
    }
    for name, installed in sorted(host.get_fact(Homebrew).formulae.items()):
        versions[name] = ", ".join(installed)
    return versions
