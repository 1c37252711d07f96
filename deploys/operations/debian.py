"""Debian packages: installed where missing, all in one transaction."""

from __future__ import annotations

import re
from typing import Any

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.changes import change, left
from deploys.facts.debian import AptCandidates, AptInstallation, DpkgPackages
from deploys.facts.machine import ThisMachine
from deploys.findings import found
from deploys.operations import Commands

# Another apt may hold the lock for a while: unattended-upgrades starts right after boot, and one
# that a killed run has begun goes on.
_LOCK_SECONDS = 300
APT = (
    *("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"),
    *("-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}"),
)

# apt waits for the lock of dpkg, but not for that of its lists, and dpkg for none.
_PATIENTLY = f"""
end=$(($(date +%s) + {_LOCK_SECONDS}))
until said=$(LC_ALL=C "$@" 2>&1); do
  case $said in
    *"by another process"* | *"Could not get lock"*)
      if [ "$(date +%s)" -lt "$end" ]; then sleep 1; continue; fi ;;
  esac
  printf '%s\n' "$said" >&2
  exit 1
done
printf '%s\n' "$said"
""".strip()

# One source that is gone, as after an upgrade to a new release, is no reason not to use the others.
_SOMETHING_FAILED = "Not every package source has answered; what the others have is used."


@operation()
def packages(
    names: list[str], purpose: str, where_packaged: dict[str, int] | None = None
) -> Commands:
    """Have these packages; `purpose` completes the sentence "… missing for PURPOSE".

    `where_packaged` are packages that come along if this release has them in at least that major
    version; they alone are no reason to install anything.
    """
    state = host.get_fact(DpkgPackages)
    missing = [package for package in names if package not in state.installed]
    if not missing:
        return
    root = host.get_fact(ThisMachine).root
    found(
        "debian.packages-missing",
        f"{_listed(missing)} missing for {purpose}.",
        mend="They are installed from the distribution's packages.",
    )
    if not state.lists_fresh:
        update = _patiently(root, *APT, "update")
        yield StringCommand(update, "||", "echo", QuoteString(_SOMETHING_FAILED), ">&2")
    missing += _available(where_packaged or {})
    came = host.get_fact(AptInstallation, names=tuple(missing))
    change("packages", " ".join(missing), came=sorted({*missing, *came}))
    yield StringCommand(
        *root, *APT, "install", "-y", "--no-install-recommends", *map(QuoteString, missing)
    )


@operation()
def dpkg_finished() -> Commands:
    """Let dpkg end what a power cut or a kill left half done; apt refuses to work before."""
    if not host.get_fact(DpkgPackages).interrupted:
        return
    found(
        "debian.dpkg-interrupted",
        "An earlier installation of packages was interrupted.",
        means="Packages are unpacked but not configured.",
        mend="dpkg is told to finish it.",
    )
    root = host.get_fact(ThisMachine).root
    configure = ("dpkg", "--configure", "-a", "--force-confold")
    left("packages that were half installed", "that was to be finished.")
    # It ends with 1 where a package waits for one that was not unpacked yet: apt brings that next.
    yield _patiently(
        root, "env", "DEBIAN_FRONTEND=noninteractive", *configure, _success_exit_codes=(0, 1)
    )
    yield StringCommand(*root, *APT, "install", "-y", "--fix-broken")


def _patiently(root: tuple[str, ...], *words: str, **arguments: Any) -> StringCommand:
    """A command that is tried again as long as somebody else holds a lock."""
    again = ("sh", "-c", QuoteString(_PATIENTLY), "patiently")
    return StringCommand(*root, *again, *words, **arguments)


def _available(wanted: dict[str, int]) -> list[str]:
    candidates = host.get_fact(AptCandidates, names=tuple(wanted)) if wanted else {}
    return [name for name, version in candidates.items() if _major(version) >= wanted[name]]


def _major(version: str) -> int:
    """Of a Debian version: `1:26.1.5+dfsg1-9` is 26."""
    digits = re.match(r"(?:\d+:)?(\d+)", version)
    return int(digits[1]) if digits else 0


def _listed(names: list[str]) -> str:
    verb = "is" if len(names) == 1 else "are"
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"{shown} {verb}"
