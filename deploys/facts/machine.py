"""What kind of machine this is and who the user is, asked of the machine itself."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from pyinfra.api import FactBase
from pyinfra.context import host

InitSystem = Literal["systemd", "sysv", "none"]

_ASK = r"""
printf 'kernel\t%s\n' "$(uname -s)"
printf 'architecture\t%s\n' "$(uname -m)"
printf 'user\t%s\n' "$(id -un)"
printf 'uid\t%s\n' "$(id -u)"
printf 'groups\t%s\n' "$(id -Gn)"
printf 'home\t%s\n' "$HOME"
printf 'pid1\t%s\n' "$(cat /proc/1/comm 2>/dev/null)"
[ -d /run/systemd/system ] && printf 'systemd\tyes\n'
command -v sudo >/dev/null 2>&1 && printf 'sudo\tyes\n'
printf 'free\t%s\n' "$(df -Pk / | awk 'NR == 2 { print $4 }')"
[ -r /etc/os-release ] && sed -n -E 's/^(ID|ID_LIKE|VERSION_ID|VERSION_CODENAME|PRETTY_NAME)=/os.\1	/p' /etc/os-release
[ -x /usr/bin/sw_vers ] && printf 'os.VERSION_ID\t%s\n' "$(SYSTEM_VERSION_COMPAT=0 /usr/bin/sw_vers -productVersion)"
exit 0
"""  # noqa: E501 (one shell command a line)


@dataclass(frozen=True)
class Machine:
    """One machine and its user. `free_bytes` is the space left on the root file system."""

    kernel: str
    architecture: str
    user: str
    uid: int
    groups: tuple[str, ...]
    home: str
    init: InitSystem
    has_sudo: bool
    free_bytes: int
    os_id: str
    os_like: tuple[str, ...]
    os_version: str
    os_codename: str
    os_name: str

    @property
    def is_debian(self) -> bool:
        """Whether Debian's package tools and names are to be expected."""
        return self.kernel == "Linux" and "debian" in (self.os_id, *self.os_like)

    @property
    def is_mac(self) -> bool:
        """Whether this is macOS, of whatever version and processor."""
        return self.kernel == "Darwin"

    @property
    def root(self) -> tuple[str, ...]:
        """The words that make a command run as root; `sudo -n` never asks for a password."""
        return () if self.uid == 0 else ("sudo", "-n")


class ThisMachine(FactBase[Machine]):
    """Kernel, distribution, user, init system and free space, in one shell command."""

    def command(self) -> str:
        """POSIX sh, for Linux and macOS alike."""
        return _ASK

    def process(self, output: list[str]) -> Machine:
        """Lines of `key<TAB>value`."""
        told = dict(line.split("\t", 1) for line in output if "\t" in line)
        system = {key: value.strip("\"'") for key, value in told.items() if key.startswith("os.")}
        kernel = told.get("kernel", "")
        return Machine(
            kernel=kernel,
            architecture=told.get("architecture", ""),
            user=told.get("user", ""),
            uid=int(told["uid"]),
            groups=tuple(told.get("groups", "").split()),
            home=told.get("home", ""),
            init=_init(told),
            has_sudo="sudo" in told,
            free_bytes=int(told.get("free") or 0) * 1024,
            os_id="macos" if kernel == "Darwin" else system.get("os.ID", ""),
            os_like=tuple(system.get("os.ID_LIKE", "").split()),
            os_version=system.get("os.VERSION_ID", ""),
            os_codename=system.get("os.VERSION_CODENAME", ""),
            os_name=system.get("os.PRETTY_NAME", "") or f"{kernel} {system.get('os.VERSION_ID')}",
        )


class GroupMembers(FactBase[tuple[str, ...]]):
    """Who is in a group by its list of members; nobody where there is no such group."""

    def command(self, group: str) -> str:
        """group(5)."""
        return f"getent group {shlex.quote(group)} || true"

    @staticmethod
    def default() -> tuple[str, ...]:
        """There is no such group."""
        return ()

    def process(self, output: list[str]) -> tuple[str, ...]:
        """`name:password:number:members`."""
        return tuple(filter(None, output[0].rpartition(":")[2].split(",")))


def on_a_mac() -> bool:
    """Whether the current host runs macOS."""
    return host.get_fact(ThisMachine).is_mac


def _init(told: dict[str, str]) -> InitSystem:
    if "systemd" in told:
        return "systemd"
    return "sysv" if told.get("pid1") == "init" else "none"
