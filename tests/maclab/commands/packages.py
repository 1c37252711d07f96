"""Installed packages: pkgutil and its receipts, and installer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import ClassVar

from .call import Call, Section, command

CLT_PACKAGE = "com.apple.pkg.CLTools_Executables"
_HOMEBREW = "sh.brew.homebrew"
_CLT_GIT = "/Library/Developer/CommandLineTools/usr/bin/git"


@dataclass
class Receipts(Section):
    """What was installed from packages: version and time by identifier. They outlive the files."""

    KEY: ClassVar[str] = "receipts"

    versions: dict[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)


def add_receipt(call: Call, package: str, version: str) -> None:
    with call.changing(Receipts) as receipts:
        receipts.versions[package] = version
        receipts.times[package] = int(time.time())


@command(
    "pkgutil",
    "/usr/sbin/pkgutil",
    source="facts macos 2.6 (captures)",
    guesses=("--pkgs one a line, a pattern matches at the start", "what --forget says"),
)
def pkgutil(call: Call) -> int:
    option, _, value = (call.argv or [""])[0].partition("=")
    value = value or "".join(call.argv[1:2])
    receipts = call.state(Receipts)
    if option == "--pkgs":
        for package in receipts.versions:
            if package.startswith(value.rstrip(".*")):
                call.out(package)
        return 0
    if option not in ("--pkg-info", "--forget"):
        return call.fails(f"pkgutil: {option}: not simulated", 64)
    if value not in receipts.versions:
        return call.fails(f"No receipt for '{value}' found at '/'.")
    if option == "--forget":
        return _forget(call, value)
    call.out(
        f"package-id: {value}\nversion: {receipts.versions[value]}\nvolume: /\nlocation: /\n"
        f"install-time: {receipts.times[value]}"
    )
    return 0


def _forget(call: Call, package: str) -> int:
    if call.uid != 0:
        return call.fails("pkgutil: --forget must be run as root")
    with call.changing(Receipts) as receipts:
        del receipts.versions[package], receipts.times[package]
    call.out(f"Forgot package '{package}' on '/'.")
    return 0


@command(
    "installer",
    "/usr/sbin/installer",
    source="facts macos 3.3 (Homebrew.pkg needs the tools); without root: published outputs",
    guesses=(
        "a package is a JSON file here that only leaves a receipt",
        "what a successful installation prints",
    ),
)
def installer(call: Call) -> int:
    options = dict(zip(call.argv[::2], call.argv[1::2], strict=False))
    if call.uid != 0:
        return call.fails("installer: Must be run as root to install this package.")
    file = call.path(call.cwd / options["-pkg"])
    if not file.exists():
        return call.fails(f"installer: Error the package path specified was invalid: '{file}'.")
    package = json.loads(file.read_text())
    if package["id"] == _HOMEBREW and not call.path(_CLT_GIT).exists():
        return call.fails(
            "You must install the Command Line Tools (CLT) before installing Homebrew by running "
            "`xcode-select --install` from a Terminal."
        )
    add_receipt(call, package["id"], package["version"])
    call.out(f"installer: Package name is {package['id']}\ninstaller: Installing at base path /")
    call.out("installer: The install was successful.")
    return 0
