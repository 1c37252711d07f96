"""`brew services`: launchd agents on macOS; on Linux without systemd, as it was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .brew import Brew
from .catalogue import Formula
from .console import Failure
from .names import installed, load_formula
from .options import Options, UsageError, parse
from .sources import source

_NO_BUS = "Failed to connect to bus: No medium found"


@source("services-list", "services-start-unknown", guess="services --help, run and kill on macOS")
def run(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "json all file sudo-service-user")
    verb, *names = options.names or ["list"]
    if verb in ("list", "ls"):
        return _list(brew, options)
    formulae = [load_formula(brew, name) for name in names]
    if "all" in options:
        formulae = [one.formula for one in installed(brew) if one.formula.service]
    if verb == "info":
        brew.console.out(json.dumps([_info(brew, one) for one in formulae], indent=2))
        return 0
    if verb not in _VERBS:
        raise UsageError(f"Invalid usage: unknown subcommand: {verb}")
    for formula in formulae:
        _VERBS[verb](brew, formula)
    return 0


def label(brew: Brew, formula: Formula) -> str:
    """The name of a service: its prefix changed with Homebrew 7 (release notes of 7.0.0)."""
    if brew.machine.os == "linux":
        return f"homebrew.{formula.name}"
    return f"{'sh.brew' if brew.machine.major >= 7 else 'homebrew.mxcl'}.{formula.name}"


def start(brew: Brew, formula: Formula) -> None:
    """Register a service and start it.

    Raises:
        Failure: it has none, is not installed, or the system's manager refuses.
    """
    _need_service(brew, formula)
    if running(brew, formula):
        brew.console.out(
            f"Service `{formula.name}` already started, "
            f"use `brew services restart {formula.name}` to restart."
        )
        return
    _start(brew, formula)


def running(brew: Brew, formula: Formula) -> bool:
    return brew.machine.os == "macos" and _registered(brew, formula).exists()


@source("services-list-json", "services-list-json-after-start", "untrusted-but-installed-services")
def _list(brew: Brew, options: Options) -> int:
    told = [_line(brew, one.formula) for one in installed(brew) if one.formula.service]
    if "json" in options:
        brew.console.out(json.dumps(told, indent=2) if told else "[]")
    elif told:
        _table(brew, told)
    if brew.from_api and told:
        brew.need_api(repeats_error=False)
    return 0


def _table(brew: Brew, told: list[dict[str, Any]]) -> None:
    name_width = max(4, *(len(one["name"]) for one in told))
    user_width = max(4, *(len(one["user"] or "") for one in told))
    brew.console.out(f"{'Name'.ljust(name_width)} Status {'User'.ljust(user_width)} File")
    for one in told:
        file = one["file"] if one["status"] != "none" else ""
        user = (one["user"] or "").ljust(user_width)
        brew.console.out(f"{one['name'].ljust(name_width)} {one['status']:<15} {user} {file}")


def _line(brew: Brew, formula: Formula) -> dict[str, Any]:
    registered = _registered(brew, formula)
    return {
        "name": formula.name,
        "status": "started" if running(brew, formula) else "none",
        "user": brew.user if registered.exists() else None,
        "file": str(registered if registered.exists() else _offered(brew, formula)),
        "exit_code": 0 if running(brew, formula) else None,
    }


@source("services-info-json")
def _info(brew: Brew, formula: Formula) -> dict[str, Any]:
    service = formula.service or {}
    up = running(brew, formula)
    registered = _registered(brew, formula)
    return {
        "name": formula.name,
        "service_name": label(brew, formula),
        "running": up,
        "loaded": up,
        "schedulable": False,
        "pid": None,
        "exit_code": 0 if up else None,
        "user": brew.user if up else None,
        "status": "started" if up else "none",
        "file": str(registered if up else _offered(brew, formula)),
        "registered": registered.exists(),
        "loaded_file": str(registered) if up else None,
        "command": " ".join(service.get("run", [])),
        "working_dir": None,
        "root_dir": None,
        "log_path": service.get("log_path"),
        "error_log_path": service.get("error_log_path"),
        "interval": None,
        "cron": None,
    }


@source(
    "services-start",
    "services-restart",
    documents=("abiosoft/colima#1261: without a session at the screen",),
    guess="`Successfully started` on macOS",
)
def _start(brew: Brew, formula: Formula) -> None:
    plist = _registered(brew, formula)
    plist.parent.mkdir(parents=True, exist_ok=True)
    if brew.machine.os == "linux":
        plist.write_text("[Service]\n")
        _no_systemd(brew, "--user daemon-reload")
    assert formula.service
    plist.write_text(_agent(label(brew, formula), formula.service["run"]))
    if brew.machine.launchctl:
        domain = f"gui/{brew.machine.uid}"
        code = brew.hook((*brew.machine.launchctl, "bootstrap", domain, str(plist)))
        if code:
            plist.unlink()
            brew.console.err("Bootstrap failed: 5: Input/output error")
            brew.console.err("Try re-running the command as root for richer errors.")
            raise Failure(
                "Failure while executing; `/bin/launchctl bootstrap "
                f"{domain} {plist}` exited with {code}."
            )
    brew.console.heading(f"Successfully started `{formula.name}` (label: {label(brew, formula)})")


@source("services-stop", guess="`Stopping`, `Successfully stopped` on macOS")
def _stop(brew: Brew, formula: Formula) -> None:
    if not running(brew, formula):
        brew.console.warn(f"Service `{formula.name}` is not started.")
        return
    brew.console.out(f"Stopping `{formula.name}`... (might take a while)")
    plist = _registered(brew, formula)
    if brew.machine.launchctl:
        service = f"gui/{brew.machine.uid}/{label(brew, formula)}"
        brew.hook((*brew.machine.launchctl, "bootout", service))
    plist.unlink()
    brew.console.heading(f"Successfully stopped `{formula.name}` (label: {label(brew, formula)})")


def _restart(brew: Brew, formula: Formula) -> None:
    _need_service(brew, formula)
    if running(brew, formula):
        _stop(brew, formula)
    _start(brew, formula)


@source("services-run")
def _run(brew: Brew, formula: Formula) -> None:
    _need_service(brew, formula)
    if brew.machine.os == "linux":
        _no_systemd(brew, f"--user start {label(brew, formula)}")
    _start(brew, formula)


_VERBS = {"start": start, "stop": _stop, "restart": _restart, "run": _run}


@source("services-start-no-service")
def _need_service(brew: Brew, formula: Formula) -> None:
    if not brew.kegs.of(formula.name):
        raise Failure(f"Formula `{formula.name}` is not installed.")
    if not formula.service:
        raise UsageError(
            f"Invalid usage: Formula `{formula.name}` has not implemented #plist, #service "
            "or provided a locatable service file."
        )


def _no_systemd(brew: Brew, arguments: str) -> None:
    brew.console.err(_NO_BUS)
    raise Failure(
        f"Failure while executing; `/usr/bin/env /usr/bin/systemctl {arguments}` exited with 1. "
        f"Here's the output:\n{_NO_BUS}"
    )


def _registered(brew: Brew, formula: Formula) -> Path:
    if brew.machine.os == "linux":
        return brew.home / ".config" / "systemd" / "user" / f"{label(brew, formula)}.service"
    return brew.home / "Library" / "LaunchAgents" / f"{label(brew, formula)}.plist"


def _offered(brew: Brew, formula: Formula) -> Path:
    kind = "service" if brew.machine.os == "linux" else "plist"
    return brew.machine.prefix / "opt" / formula.name / f"{label(brew, formula)}.{kind}"


def _agent(name: str, command: list[str]) -> str:
    words = "\n".join(f"\t\t<string>{word}</string>" for word in command)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">\n<dict>\n'
        f"\t<key>Label</key>\n\t<string>{name}</string>\n"
        f"\t<key>ProgramArguments</key>\n\t<array>\n{words}\n\t</array>\n"
        "\t<key>RunAtLoad</key>\n\t<true/>\n</dict>\n</plist>\n"
    )
