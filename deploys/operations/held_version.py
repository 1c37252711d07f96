"""Where `--locked` is given, Homebrew installs the version that the lock has, or nothing."""

from __future__ import annotations

import shlex
from typing import Literal

from pyinfra.context import host

from deploys.facts.homebrew import short_name
from deploys.facts.machine import ThisMachine
from deploys.parts import held, locked_parts, no_way_back

# `brew info --json=v2` writes a key a line (recordings of Homebrew 6.0.17). A formula's revision is
# part of its keg's version; `"revision"` of a source is a commit, or null.
_READ = {
    "formulae": r"""awk -F'"' '/^ *"stable": "/ && !v { v = $4 }
  /^ *"revision": [1-9][0-9]*,?$/ { r = $3; gsub(/[^0-9]/, "", r) }
  END { if (v) print v (r ? "_" r : "") }'""",
    "casks": r"""awk -F'"' '/^ *"version": "/ && !v { v = $4 } END { if (v) print v }'""",
}


def wanted_version(kind: Literal["formulae", "casks"], name: str) -> str | None:
    """The version that the current host is held to, "" for one that is not locked; None where it
    may be any."""
    lock = held()
    if not lock or not lock.strict:
        return None
    parts = locked_parts(host.get_fact(ThisMachine))
    return {"formulae": parts.formulae, "casks": parts.casks}[kind].get(short_name(name), "")


def only_as_locked(kind: Literal["formulae", "casks"], name: str, info: str) -> str:
    """Lines of a shell to run before an installation, which end it where Homebrew has another
    version than is locked; `info` is the line that prints what Homebrew knows.

    What Homebrew does not tell (a tap that is not there yet) is installed, and seen at the end of
    the run.
    """
    wanted = wanted_version(kind, name)
    if wanted is None:
        return ""
    if wanted:
        seen = f"{name} {wanted} is locked, and Homebrew has $offered."
        way = no_way_back(kind, short_name(name), wanted)
    else:
        seen = f"{name} is not locked, and Homebrew has $offered."
        way = "`update` locks it."
    quoted = shlex.quote(way)
    return f"""offered=$({info} 2>/dev/null | {_READ[kind]})
case $offered in "" | {shlex.quote(wanted or "-")}) ;; *)
  printf '%s %s\\n' "{seen}" {quoted} >&2
  exit 1 ;;
esac
"""
