"""One run at a time on a machine, whoever starts it, there or over SSH: its root directory's lock.

Everyone can open that directory, nobody has to make it, and no link can stand in its place. The
kernel gives flock(2) back however the holder ends. Where a root directory takes no locks, nobody
is kept off. (Seen on Linux; that a Mac's takes them is a guess.)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bootstrapper.results import Failure
from bootstrapper.run_lock import Holder, LockError

if TYPE_CHECKING:
    from paramiko.channel import Channel

ANSWER_SECONDS = 20.0

_OURS = re.compile(r" -I \S.*/bootstrap\.py( |$)")  # as the front door starts it
_OVER_SSH = re.compile(r"^\S*perl\S* -e .* at work: (.+?) *$")

# Processes that may be runs of this program: number, user, since when, words. A small Linux has
# proc(5) and no ps(1).
_PROCESSES = r"""export LC_ALL=C
if [ -e /proc/self/cmdline ]; then
  for process in /proc/[0-9]*; do
    words=$(tr '\0\n' '  ' 2>/dev/null <"$process/cmdline") || continue
    case $words in
      *bootstrap.py*)
        whose=$(ls -ld "$process" | awk '{ print $3 "\t" $6 " " $7 " " $8 }')
        printf '%s\t%s\t%s\n' "${process#/proc/}" "$whose" "$words" ;;
    esac
  done
else
  ps -axww -o pid=,user=,lstart=,args= | awk '/bootstrap\.py/ {
    since = $3 " " $4 " " $5 " " $6 " " $7
    printf "%s\t%s\t%s\t", $1, $2, since
    for (word = 8; word <= NF; word++) printf "%s ", $word
    print ""
  }'
fi"""
_HOLD_WITH = "perl"
# Perl is on every Debian (its package is essential) and comes with macOS; flock(1) is Linux's only.
# It lives as long as its standard input, which sshd closes when the connection ends.
_HOLD = (
    'use Fcntl qw(:flock); $| = 1; if (open(R, "<", "/") && flock(R, LOCK_EX | LOCK_NB)) '
    '{ print "held\\n"; 1 while <STDIN> } elsif ($!{EWOULDBLOCK}) { print "taken\\n"; exit 1 } '
    'else { print "none\\n" }'
)


@contextlib.contextmanager
def only_run_here() -> Iterator[None]:
    """Hold this computer's lock for the length of a `with` block.

    Raises:
        LockError: a run of another user, or of another computer, is at work on it; says whose.
    """
    root = os.open("/", os.O_RDONLY)
    try:
        try:
            fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            listing = subprocess.run(["sh", "-c", _PROCESSES], capture_output=True, check=False)
            failure = _taken("this computer", listing.stdout.decode(errors="replace").splitlines())
            raise LockError(f"{failure.summary} {failure.mend}") from None
        except OSError:
            pass
        yield
    finally:
        os.close(root)


def hold_over_ssh(channel: Channel, machine: str, me: Holder) -> Failure | None:
    """Hold a machine's lock for as long as a connection to it lives; `channel` is a new session of
    it. Why that is not possible: somebody else holds it. Without perl nobody is kept off.

    Raises:
        OSError: the machine does not answer.
    """
    who = f"at work: {me}, since {me.since}"
    script = f"{_HOLD_WITH} -e {shlex.quote(_HOLD)} {shlex.quote(who)} || {{ {_PROCESSES}\n}}"
    channel.settimeout(ANSWER_SECONDS)
    channel.exec_command(f"sh -c {shlex.quote(script)}")
    answer = channel.makefile()
    if answer.readline().strip() != "taken":
        return None
    return _taken(machine, [line.rstrip("\n") for line in answer])


def _taken(where: str, processes: Sequence[str]) -> Failure:
    """What is said of those who are at work there."""
    told, ends = [], ""
    for line in processes:
        pid, user, since, words = (*line.split("\t", 3), "", "", "")[:4]
        over_ssh = _OVER_SSH.search(words)
        if over_ssh:
            told.append(f"{over_ssh[1]}, over SSH")
            ends = f" If that computer is gone: `kill {pid}` on this one ends it."
        elif _OURS.search(words) and int(pid) != os.getpid():
            told.append(f"process {pid} of {user}, since {since}")
    whose = f" ({'; '.join(told)})" if told else ""
    return Failure(
        f"Another run is at work on {where}{whose}.",
        mend=f"Wait for it, or have it stopped with Ctrl-C where it runs.{ends}",
    )
