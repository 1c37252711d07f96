"""What is set on this Mac, and who its users are: defaults, scutil, dscl and their like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .call import Call, Section, command


@dataclass
class Preferences(Section):
    """Domains of `defaults` by user and name, the network's proxies, and switches of the system.

    `firewall` is the number that socketfilterfw tells: 0 off, 1 on, 2 blocking all.
    """

    KEY: ClassVar[str] = "preferences"

    domains: dict[str, dict[str, Any]] = field(default_factory=dict)
    proxy: dict[str, Any] = field(
        default_factory=lambda: {
            "ExceptionsList": ["*.local", "169.254/16"],
            "FTPPassive": 1,
            "HTTPEnable": 0,
            "HTTPSEnable": 0,
        }
    )
    names: dict[str, str] = field(
        default_factory=lambda: {"ComputerName": "Mac", "LocalHostName": "mac"}
    )
    firewall: int = 0
    managed: bool = False


def web_proxy(host: str, port: int, *exceptions: str) -> dict[str, Any]:
    """`Preferences.proxy` of a network whose way out is an HTTP proxy."""
    return {
        "ExceptionsList": ["*.local", "169.254/16", *exceptions],
        "HTTPEnable": 1,
        "HTTPPort": port,
        "HTTPProxy": host,
        "HTTPSEnable": 1,
        "HTTPSPort": port,
        "HTTPSProxy": host,
    }


@command(
    "defaults",
    "/usr/bin/defaults",
    source="facts macos 7: a missing key",
    guesses=(
        "all of it but the message for a missing key, and that without a time before it",
        "a domain is a user's own; a path is a domain that all users share",
        "read of a whole domain prints no quotes",
    ),
)
def defaults(call: Call) -> int:
    verb, *words = [word for word in call.argv if word != "-currentHost"] or [""]
    words = ["NSGlobalDomain" if word in ("-g", "-globalDomain") else word for word in words]
    if verb not in ("read", "write", "delete") or not words:
        return call.fails("Command line interface to a user's defaults.", 255)
    domain = words[0] if words[0].startswith("/") else f"{call.user}:{words[0]}"
    if verb == "write":
        return _write_default(call, domain, words[1:])
    stored = call.state(Preferences).domains.get(domain)
    missing = stored is None or (len(words) > 1 and words[1] not in stored)
    if stored is None or missing:
        pair = f"domain/default pair of ({words[0]}, {words[1]})" if words[1:] else None
        return call.fails(f"The {pair or 'domain ' + words[0]} does not exist")
    if verb == "delete":
        with call.changing(Preferences) as preferences:
            (preferences.domains[domain] if words[1:] else preferences.domains).pop(
                words[1] if words[1:] else domain
            )
        return 0
    call.out(_shown(stored[words[1]] if words[1:] else stored))
    return 0


def _write_default(call: Call, domain: str, words: list[str]) -> int:
    key, *value = words
    typed: Any = value[-1]
    if value[0] in ("-bool", "-boolean"):
        typed = int(value[1].lower() in ("true", "yes", "1"))
    elif value[0] in ("-int", "-integer"):
        typed = int(value[1])
    elif value[0] == "-array":
        typed = value[1:]
    with call.changing(Preferences) as preferences:
        preferences.domains.setdefault(domain, {})[key] = typed
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(["{", *(f"    {key} = {value[key]};" for key in sorted(value)), "}"])
    if isinstance(value, list):
        return "\n".join(["(", ",\n".join(f"    {one}" for one in value), ")"])
    return str(value)


@command(
    "scutil",
    "/usr/sbin/scutil",
    source="facts macos 8: --proxy, a capture without and a documented shape with one",
    guesses=("--get",),
)
def scutil(call: Call) -> int:
    preferences = call.state(Preferences)
    if call.argv == ["--proxy"]:
        call.out(_dictionary(preferences.proxy))
        return 0
    if call.argv[:1] != ["--get"] or len(call.argv) != 2:
        return call.fails("usage: scutil --get pref | --proxy", 64)
    name = call.argv[1]
    if name not in preferences.names:
        call.out(f"{name}: not set")
        return 1
    call.out(preferences.names[name])
    return 0


def _dictionary(values: Mapping[str, Any]) -> str:
    lines = ["<dictionary> {"]
    for key in sorted(values):
        if isinstance(values[key], list):
            lines.append(f"  {key} : <array> {{")
            lines += [f"    {number} : {one}" for number, one in enumerate(values[key])]
            lines.append("  }")
        else:
            lines.append(f"  {key} : {values[key]}")
    return "\n".join([*lines, "}"])


@command(
    "dscl",
    "/usr/bin/dscl",
    source="no such record, exit 56: DeterminateSystems/nix-installer#1427",
    guesses=("what -read and -list print; only what the lab's passwd and group hold",),
)
def dscl(call: Call) -> int:
    words = [word for word in call.argv if word not in ("-q", "-plist")]
    verb, record = [*words, "", "", ""][1:3]
    kind, _, name = record.removeprefix("/Local/Default").strip("/").partition("/")
    records = _users(call) if kind == "Users" else _groups(call) if kind == "Groups" else {}
    if verb.lstrip("-") in ("list", "ls"):
        for one in sorted(records):
            call.out(f"{one:<24} {records[one][words[3]]}" if words[3:] else one)
        return 0
    if verb.lstrip("-") != "read":
        return call.fails("dscl: only -read and -list are simulated", 64)
    if name not in records:
        return call.fails("<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)", 56)
    for key in words[3:] or records[name]:
        told = records[name].get(key)
        call.out(f"{key}: {told}" if told else f"No such key: {key}")
    return 0


def _users(call: Call) -> dict[str, dict[str, str]]:
    keys = ("UniqueID", "PrimaryGroupID", "RealName", "NFSHomeDirectory", "UserShell")
    lines = call.path("/etc/passwd").read_text().splitlines()
    fields = [line.split(":") for line in lines]
    return {one[0]: dict(zip(keys, one[2:7], strict=True)) for one in fields}


def _groups(call: Call) -> dict[str, dict[str, str]]:
    fields = [line.split(":") for line in call.path("/etc/group").read_text().splitlines()]
    return {
        one[0]: {"PrimaryGroupID": one[2], "GroupMembership": one[3].replace(",", " ")}
        for one in fields
    }


@command(
    "dseditgroup",
    "/usr/sbin/dseditgroup",
    source="-o checkmember: webcoyote/sandvault#125; published outputs for who is not a member",
    guesses=("exit 67 for who is not a member", "nothing but -o checkmember"),
)
def dseditgroup(call: Call) -> int:
    if call.argv[:2] != ["-o", "checkmember"]:
        return call.fails("dseditgroup: only -o checkmember is simulated", 64)
    group = call.argv[-1]
    user = call.argv[call.argv.index("-m") + 1] if "-m" in call.argv else call.user
    known = _groups(call).get(group, {"PrimaryGroupID": "", "GroupMembership": ""})
    primary = _users(call).get(user, {}).get("PrimaryGroupID")
    if user in known["GroupMembership"].split() or primary == known["PrimaryGroupID"]:
        call.out(f"yes {user} is a member of {group}")
        return 0
    call.out(f"no {user} is NOT a member of {group}")
    return 67


@command("spctl", "/usr/sbin/spctl", source="", guesses=("--status: assessments enabled",))
def spctl(call: Call) -> int:
    call.out("assessments enabled")
    return 0


@command("csrutil", "/usr/bin/csrutil", source="", guesses=("status: enabled",))
def csrutil(call: Call) -> int:
    call.out("System Integrity Protection status: enabled.")
    return 0


@command("profiles", "/usr/bin/profiles", source="", guesses=("status -type enrollment",))
def profiles(call: Call) -> int:
    managed = call.state(Preferences).managed
    call.out(f"Enrolled via DEP: {'Yes' if managed else 'No'}")
    call.out(f"MDM enrollment: {'Yes (User Approved)' if managed else 'No'}")
    return 0


@command(
    "socketfilterfw",
    "/usr/libexec/ApplicationFirewall/socketfilterfw",
    source="facts macos 8: the number",
    guesses=("the words around the number",),
)
def socketfilterfw(call: Call) -> int:
    state = call.state(Preferences).firewall
    call.out(f"Firewall is {'enabled' if state else 'disabled'}. (State = {state})")
    return 0
