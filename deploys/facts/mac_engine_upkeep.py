"""What an upgrade of macOS breaks of a container engine, as far as files tell; none is started."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import Literal

from packaging.version import InvalidVersion, Version
from pyinfra.api import FactBase

from deploys.facts.mac_engine import COLIMA, FOLLOW_LINKS, SEARCH_PATH, WITHIN

# What the log of a virtual machine says when it does not start, and this tool can mend it; unless
# it has come to run after all. Lima begins the log anew at every start.
# - network: a socket that nobody serves any more (abiosoft/colima#1029, #1116, #1211).
# - build: a Lima for another processor or an older macOS (abiosoft/colima#524, #1250).
NETWORK_LOST = r"user-v2_fd\.sock: connect: connection refused"
_WRONG_BUILD = r"([Dd]river requires|needs) macOS [0-9]+ or (higher|later)"
WHY_NOT_STARTED = (
    f"awk '/{NETWORK_LOST}|{_WRONG_BUILD}/ {{ said = $0 }} "
    '/state change: running/ { said = "" } END { if (said) print said }\''
)

Cause = Literal["", "network", "build"]

# - The receipt of a keg is as old as its installation; the programs in it are as old as its build.
# - A Mach-O file begins with its magic number and its processor, here x86_64.
_LOOK_AT_COLIMA = (
    SEARCH_PATH
    + FOLLOW_LINKS
    + COLIMA
    + r"""
lima=$colima_home/_lima
log=$lima/colima/ha.stderr.log
settings=$colima_home/default/colima.yaml
printf 'home\t%s\n' "$colima_home"
if [ -f "$log" ]; then
  printf 'said\t%s\n' "$("""
    + WHY_NOT_STARTED
    + r""" "$log")"
  printf 'rosetta-said\t%s\n' "$(grep 'unsupported build target macOS' "$log" | tail -n 1)"
fi
[ -f "$lima/_config/user" ] &&
  printf 'key\t%s\n' "$(LC_ALL=C ls -l "$lima/_config/user" | cut -c 5-10)"
[ -d "$lima/_networks/user-v2" ] && printf 'network\n'
if [ -f "$settings" ]; then
  grep -q '^rosetta: *true' "$settings" && printf 'wants-rosetta\n'
  printf 'type\t%s\n' "$(sed -n 's/^vmType:[ "]*\([a-z]*\).*/\1/p' "$settings")"
fi
[ -e /Library/Apple/usr/libexec/oah/libRosettaRuntime ] && printf 'rosetta\n'
[ "$(/usr/sbin/sysctl -n hw.optional.arm64 2>/dev/null)" = 1 ] && printf 'silicon\n'
file=$(command -v limactl) || exit 0
follow_links
printf 'limactl\t%s\n' "$file"
case $(od -A n -t x1 -N 8 "$file" 2>/dev/null | tr -d ' \n') in
  cffaedfe07000001) printf 'intel\n' ;;
esac
case $file in
  */Cellar/lima/*/bin/limactl)
    receipt=${file%/bin/limactl}/INSTALL_RECEIPT.json
    [ -f "$log" ] && [ -n "$(find "$receipt" -newer "$log" 2>/dev/null)" ] && printf 'newer\n'
    [ -n "$(find "$receipt" -mtime -2 2>/dev/null)" ] && printf 'fresh\n' ;;
esac
exit 0
"""
)

# `defaults` reads a property list of either format.
_LOOK_AT_DESKTOP = r"""
for folder in /Applications "$HOME/Applications"; do
  [ -d "$folder/Docker.app" ] || continue
  printf 'version\t%s\n' "$(/usr/bin/defaults read "$folder/Docker.app/Contents/Info" \
    CFBundleShortVersionString 2>/dev/null)"
  break
done
for helper in /Library/PrivilegedHelperTools/com.docker.vmnetd \
  /Library/PrivilegedHelperTools/com.docker.socket; do
  [ ! -e "$helper" ] || printf 'helper\t%s\n' "$helper"
done
[ -e /Library/Apple/usr/libexec/oah/libRosettaRuntime ] && printf 'rosetta\n'
[ "$(/usr/sbin/sysctl -n hw.optional.arm64 2>/dev/null)" = 1 ] && printf 'silicon\n'
exit 0
"""


@dataclass(frozen=True)
class ColimaFiles:
    """What colima and Lima have left on the disk.

    `said` are the words with which the default machine did not start, if they are known;
    `rosetta_said` those with which it started without Rosetta (lima-vm/lima#2753); `key` are
    the rights of others to Lima's key ("------" for none); `has_network` that the directory of its
    network is there. `vm_type` is "" where none was made. `is_intel`: limactl is built for Intel.
    `lima_prefix` is the Homebrew that has installed Lima; `is_newer` than the log, `is_fresh` where
    that was within the last day or two.
    """

    home: str = ""
    said: str = ""
    rosetta_said: str = ""
    key: str = "------"
    has_network: bool = False
    wants_rosetta: bool = False
    vm_type: str = ""
    has_rosetta: bool = False
    is_silicon: bool = False
    limactl: str = ""
    is_intel: bool = False
    lima_prefix: str = ""
    is_newer: bool = False
    is_fresh: bool = False

    @property
    def cause(self) -> Cause:
        """Why the machine did not start, where a Lima that came later has not settled it."""
        if re.search(NETWORK_LOST, self.said):
            return "network"
        return "build" if self.said and not self.is_newer else ""

    @property
    def is_unfit_for_rosetta(self) -> bool:
        """Whether Lima was built for an older macOS than the one whose Rosetta it is to use."""
        return bool(self.rosetta_said) and self.wants_rosetta and not self.is_newer

    @property
    def is_key_open(self) -> bool:
        """Whether ssh will not use Lima's key, because others may read it."""
        return self.key != "------"

    @property
    def has_lost_rosetta(self) -> bool:
        """Whether the machine is to use Rosetta, and there is none."""
        return self.wants_rosetta and self.is_silicon and not self.has_rosetta

    @property
    def is_foreign(self) -> bool:
        """Whether this is Intel's Lima on Apple Silicon: vz starts nothing for it."""
        return self.is_silicon and self.is_intel and self.vm_type in ("", "vz")


class ColimaUpkeep(FactBase[ColimaFiles]):
    """What colima and Lima have left on the disk; neither of them is asked."""

    def command(self) -> str:
        """Reads files only."""
        return _LOOK_AT_COLIMA

    @staticmethod
    def default() -> ColimaFiles:
        """Nothing is there."""
        return ColimaFiles()

    def process(self, output: list[str]) -> ColimaFiles:
        """Lines of `key<TAB>value`, and words."""
        told = _told(output)
        limactl = posixpath.normpath(told["limactl"]) if told.get("limactl") else ""
        return ColimaFiles(
            home=told.get("home", ""),
            said=_message(told.get("said", "")),
            rosetta_said=_message(told.get("rosetta-said", "")),
            key=told.get("key", "------"),
            has_network="network" in told,
            wants_rosetta="wants-rosetta" in told,
            vm_type=told.get("type", ""),
            has_rosetta="rosetta" in told,
            is_silicon="silicon" in told,
            limactl=limactl,
            is_intel="intel" in told,
            lima_prefix=limactl.partition("/Cellar/lima/")[0] if "/Cellar/" in limactl else "",
            is_newer="newer" in told,
            is_fresh="fresh" in told,
        )


@dataclass(frozen=True)
class DesktopFiles:
    """Docker Desktop's version ("" where nobody tells), its privileged helpers, and Rosetta."""

    version: str = ""
    helpers: tuple[str, ...] = ()
    has_rosetta: bool = False
    is_silicon: bool = False

    def is_before(self, version: str) -> bool:
        """Whether it is older than a version; not where that is not known."""
        try:
            return Version(self.version) < Version(version)
        except InvalidVersion:
            return False


class DesktopUpkeep(FactBase[DesktopFiles]):
    """Which Docker Desktop there is; it is not asked, its answers are wrong both ways."""

    def command(self) -> str:
        """Reads files only."""
        return _LOOK_AT_DESKTOP

    @staticmethod
    def default() -> DesktopFiles:
        """Nothing is there."""
        return DesktopFiles()

    def process(self, output: list[str]) -> DesktopFiles:
        """Lines of `key<TAB>value`, and words."""
        told = _told(output)
        pairs = [line.partition("\t") for line in output]
        return DesktopFiles(
            version=told.get("version", ""),
            helpers=tuple(value for key, _, value in pairs if key == "helper"),
            has_rosetta="rosetta" in told,
            is_silicon="silicon" in told,
        )


class AppleContainer(FactBase[str]):
    """What Apple's container says of its service: "running", or why it does not answer. Asked only
    where it is there and keeps something (`MacSystem.container`)."""

    def command(self, program: str) -> str:
        """`container system status` (apple/container SystemStatus.swift): a table and exit code 0,
        or one line and 1. It waits ten seconds for a service that is registered and silent."""
        ask = f"within {shlex.quote(program)} system status"
        return f"""{WITHIN}
if {ask}; then echo running; else head -n 1 "$said"; fi"""

    @staticmethod
    def default() -> str:
        """It was asked, and has said nothing."""
        return "it gave no answer"

    def process(self, output: list[str]) -> str:
        """`running`, or `apiserver is not running and not registered with launchd` and its like."""
        return output[0]


def _told(output: list[str]) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("\t") for line in output)}


def _message(line: str) -> str:
    """What a line of Lima's log says: they are objects in JSON."""
    try:
        told = json.loads(line)
    except ValueError:
        return line
    return str(told.get("msg", line)) if isinstance(told, dict) else line
