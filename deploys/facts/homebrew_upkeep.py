"""What an upgrade of macOS does to Homebrew, as files show it; neither brew nor Ruby is run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from pyinfra.api import FactBase

from deploys.facts.homebrew import PLACE

# - brew.sh names the first macOS that this Homebrew takes for a pre-release; to read its version
#   from git would say less.
# - FETCH_HEAD: a Homebrew that was fetched within a day is as new as it gets (`-mtime +0`).
# - launchctl is only asked where an engine has an agent. An agent's label is sh.brew.* since
#   Homebrew 7, homebrew.mxcl.* before (its release notes).
# - Links are looked at where Docker Desktop puts them, and only where the app is gone.
_ASK = (
    PLACE
    + r"""
sed -n 's/^HOMEBREW_MACOS_NEWEST_UNSUPPORTED="\([0-9.]*\)".*/unsupported	\1/p' \
  "$repository/Library/Homebrew/brew.sh" 2>/dev/null
[ -n "$(find "$repository/.git/FETCH_HEAD" -mtime +0 2>/dev/null)" ] ||
  [ ! -e "$repository/.git/FETCH_HEAD" ] || printf 'fresh\n'
local=%(local)s
if [ "$local" != "$prefix" ] && [ -x "$local/bin/brew" ]; then
  printf 'intel\n'
  [ -e %(root)s/Library/Apple/usr/libexec/oah/libRosettaRuntime ] && printf 'rosetta\n'
fi
app=%(root)s/Applications/Docker.app
if [ ! -e "$app" ] && [ ! -L "$app" ]; then
  for link in "$local"/bin/*; do
    [ -L "$link" ] && [ ! -e "$link" ] || continue
    case $(readlink "$link") in "$app"/*) printf 'dangling\t%%s\n' "$link" ;; esac
  done
fi
agents=$HOME/Library/LaunchAgents session=
for name in colima podman; do
  for label in "homebrew.mxcl.$name" "sh.brew.$name"; do
    [ -f "$agents/$label.plist" ] || continue
    printf 'agent\t%%s\n' "$label"
    [ -n "$session" ] ||
      if /bin/launchctl print "gui/$(id -u)" >/dev/null 2>&1; then session=yes; else session=no; fi
    [ "$session" = no ] || /bin/launchctl print "gui/$(id -u)/$label" >/dev/null 2>&1 ||
      printf 'unloaded\t%%s\n' "$label"
  done
done
printf '#pkgconf\n'
cat "$prefix/opt/pkgconf/INSTALL_RECEIPT.json" 2>/dev/null
printf '\n'
"""
)


@dataclass(frozen=True)
class UpkeepState:
    """What may have been left behind by an earlier macOS, or an earlier Mac.

    `unsupported` is the first major version of macOS that this Homebrew takes for a pre-release, 0
    if unknown; `fresh`: it was fetched within a day. `pkgconf_built_on` is the major version that
    the installed pkgconf was built on, 0 without one. `intel`: an Intel Mac's Homebrew is there
    beside the prefix of this one; `rosetta`: its programs can run.

    `dangling` are links in /usr/local/bin into a Docker.app that is gone. `agents` are the labels
    of the engines' launchd agents, `unloaded` those that launchd has not loaded though the user is
    logged in at the screen.
    """

    unsupported: int = 0
    fresh: bool = False
    pkgconf_built_on: int = 0
    intel: bool = False
    rosetta: bool = False
    dangling: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    unloaded: tuple[str, ...] = ()

    def takes_for_prerelease(self, macos: int) -> bool:
        """Whether this Homebrew is too old for a macOS; False where it cannot be told."""
        return 0 < self.unsupported <= macos


class HomebrewUpkeep(FactBase[UpkeepState]):
    """What a new macOS, or a new Mac, may not like of an old Homebrew; one shell command."""

    def command(self, prefix: str = "", local: str = "/usr/local", root: str = "") -> str:
        """`prefix` is that of this machine's processor, if not given; `root` is for tests."""
        words = {"prefix": prefix, "local": local, "root": root}
        return _ASK % {key: shlex.quote(value) if value else "" for key, value in words.items()}

    @staticmethod
    def default() -> UpkeepState:
        """Nothing is there."""
        return UpkeepState()

    def process(self, output: list[str]) -> UpkeepState:
        """Lines of `key` or `key<TAB>value`, and pkgconf's receipt behind `#pkgconf`."""
        lines = list(output)
        cut = lines.index("#pkgconf") if "#pkgconf" in lines else len(lines)
        told: dict[str, list[str]] = {}
        for line in lines[:cut]:
            key, _, value = line.partition("\t")
            told.setdefault(key, []).append(value)
        return UpkeepState(
            unsupported=_major(told.get("unsupported", [""])[0]),
            fresh="fresh" in told,
            pkgconf_built_on=_built_on(lines[cut + 1 :]),
            intel="intel" in told,
            rosetta="rosetta" in told,
            dangling=tuple(told.get("dangling", ())),
            agents=tuple(told.get("agent", ())),
            unloaded=tuple(told.get("unloaded", ())),
        )


def _built_on(receipt: Iterable[str]) -> int:
    """`"os_version": "macOS 26.1"`: 26. A pkgconf without it cannot be judged (Homebrew's own
    check, extend/os/mac/pkgconf.rb, does as much)."""
    try:
        told = json.loads("\n".join(receipt))
        return _major(str(told["built_on"]["os_version"]).removeprefix("macOS "))
    except (ValueError, KeyError, TypeError):
        return 0


def _major(version: str) -> int:
    first = version.partition(".")[0]
    return int(first) if first.isdecimal() else 0
