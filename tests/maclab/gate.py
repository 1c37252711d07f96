"""Makes GNU's tools refuse what macOS's do not have, so that shell written for one works on both.

Each tool becomes a short script that checks the options against those of macOS's manual and then
runs the GNU tool, told by POSIXLY_CORRECT to stop at the first operand as BSD's tools do. awk is
the one true awk and tar is bsdtar, as on a Mac; both need no gate.

Where it is not a Mac: options that GNU's tools lack or mean otherwise are refused here although a
Mac has them (`sed -i EXTENSION`, `cp -X`, `mktemp -t PREFIX`, the whole of `stat`); `find` is held
to a list of words; /bin/sh is dash and /bin/bash is 5, where a Mac has bash 3.2 for both.
"""

from __future__ import annotations

import os
from pathlib import Path

# Options as getopts(1) takes them. Source: macOS's manual pages, which are FreeBSD's for most.
OPTIONS = {
    "basename": "as:",
    "cat": "benstuv",
    "chmod": "fhvRHLP",
    "chown": "fhvnxRHLP",
    "cksum": "o:",
    "cmp": "lsxzh",
    "comm": "123i",
    "cp": "HLPRafinprvlsx",
    "cut": "b:c:d:f:nsw",
    "date": "jnRuI",
    "df": "PkhHabgilmnT",
    "dirname": "",
    "du": "HLPachkmnrsxd:",
    "env": "0iu:v",
    "expand": "t:",
    "fold": "bsw:",
    "grep": "abcEFGHhIiLlmnoqRrsUvwxzA:B:C:e:f:m:",
    "head": "n:c:",
    "id": "AFGPgnpru",
    "join": "ae:ij:o:t:v:1:2:",
    "ln": "fhinsv",
    "ls": "ABCFGHLPRSTabcdfghiklmnopqrstux1",
    "mkdir": "m:pv",
    "mktemp": "dqup:",
    "mv": "fhinv",
    "nl": "b:d:f:h:i:l:n:ps:v:w:",
    "od": "A:bcdxN:t:vj:o",
    "paste": "d:s",
    "readlink": "fn",
    "realpath": "q",
    "rm": "dfiIPRrvx",
    "rmdir": "pv",
    "sed": "Ealnrue:f:",
    "seq": "f:s:t:w",
    "sleep": "",
    "sort": "bcCdfghiMmnRrsuVzk:o:S:T:t:",
    "split": "a:b:l:dn:",
    "stat": "",
    "tail": "Ffqrn:c:b:",
    "tee": "ai",
    "touch": "acfhmr:t:d:",
    "tr": "Ccsdu",
    "uniq": "cdiuf:s:",
    "wc": "clmwL",
    "xargs": "0oprtE:I:L:n:P:s:x",
}
_FIND_WORDS = ("-printf", "-fprintf", "-regextype", "-readable", "-writable", "-executable")

# What Linux has and a Mac has not; a script that calls one of these fails there.
ABSENT = (
    *("setsid", "timeout", "nproc", "getent", "ip", "systemctl", "service", "shuf", "tac"),
    *("sha256sum", "sha1sum", "md5sum", "apt", "apt-get", "apt-cache", "dpkg", "dpkg-query", "ss"),
    *("dpkg-deb", "useradd", "usermod", "adduser", "chpasswd", "ldconfig", "lsb_release", "numfmt"),
    *(
        "stdbuf",
        "runuser",
        "setpriv",
        "unshare",
        "nsenter",
        "findmnt",
        "lsblk",
        "dockerd",
        "podman",
        "python",
    ),
)

_GATE = """#!/maclab/real/sh
while getopts ':{options}' option; do
  case $option in
    '?') echo "{tool}: illegal option -- $OPTARG" >&2; exit 1 ;;
    :) echo "{tool}: option requires an argument -- $OPTARG" >&2; exit 1 ;;
  esac
done
{more}{how}exec /maclab/gnu/{tool} "$@"
"""
_FIND = """#!/maclab/real/sh
for word; do
  case $word in
    {words}) echo "find: $word: unknown primary or operator" >&2; exit 1 ;;
  esac
done
exec /maclab/gnu/find "$@"
"""
# These run other programs, which would inherit it; and they stop at the first operand anyway.
_RUNNERS = ("env", "xargs")
_MORE = {
    "stat": 'echo "stat: its formats are not simulated" >&2; exit 1\n',
    # BSD's -h is what GNU calls -n.
    "ln": 'for word; do shift; [ "$word" != -h ] || word=-n; set -- "$@" "$word"; done\n',
    "head": 'case "$*" in *-n\\ -*) echo "head: illegal line count" >&2; exit 1 ;; esac\n',
}


def put_gates(tree: Path, layer: Path) -> None:
    """Put the gates into `layer`, and beside them the GNU tools that `tree` has."""
    for tool in (*OPTIONS, "find"):
        source = next(p for p in (tree / "usr/bin" / tool, tree / "bin" / tool) if p.exists())
        copy(source, layer / "maclab/gnu" / tool)
        text = _FIND.format(words="|".join(_FIND_WORDS))
        if tool != "find":
            how = "" if tool in _RUNNERS else "POSIXLY_CORRECT=1 "
            more = _MORE.get(tool, "")
            text = _GATE.format(tool=tool, options=OPTIONS[tool], more=more, how=how)
        write(layer / "usr/bin" / tool, text, mode=0o755)


def put_absences(tree: Path, layer: Path) -> None:
    """Hide what a Mac does not have; a character device 0/0 is overlayfs's "not there"."""
    files = ["etc/os-release", "etc/debian_version", "usr/lib/os-release"]
    files += [f"{folder}/{name}" for folder in ("usr/bin", "usr/sbin") for name in ABSENT]
    files += ["boot", "home", "media", "mnt", "root", "srv"]
    for file in files:
        if (tree / file).exists() or (tree / file).is_symlink():
            (layer / file).parent.mkdir(parents=True, exist_ok=True)
            os.mknod(layer / file, 0o600 | 0o020000, os.makedev(0, 0))


def copy(source: Path, target: Path) -> None:
    """Copy a program itself, whatever links lead to it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.resolve().read_bytes())
    target.chmod(source.resolve().stat().st_mode & 0o7777)


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file of the layer, and the directories it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
