"""Container engines on a Mac: how to reach one that answers, which are there, in what state.

Sockets: Docker Desktop ~/.docker/run/docker.sock, OrbStack ~/.orbstack/run/docker.sock, Rancher
Desktop ~/.rd/docker.sock. colima's and Podman's move, and are asked of them. The order of colima's
directories: abiosoft/colima docs/FAQ.md and config/files.go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pyinfra.api import FactBase

EngineName = Literal["colima", "docker-desktop", "orbstack", "podman", "rancher"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

# A shell that no user configured lacks these places. Docker Desktop 4.89 and newer keeps its
# programs in ~/.docker/bin; without any link they are in the app itself (docker/for-mac#6793).
SEARCH_PATH = r"""
own=$PATH
for place in /opt/homebrew/bin /usr/local/bin "$HOME/.docker/bin" "$HOME/.orbstack/bin" \
  "$HOME/.rd/bin" /Applications/Docker.app/Contents/Resources/bin; do
  case ":$PATH:" in *":$place:"*) ;; *) [ ! -d "$place" ] || PATH=$PATH:$place ;; esac
done
have() { command -v "$1" >/dev/null 2>&1; }
own_has() { ( PATH=$own; have "$1" ); }
"""

# Where "$file" leads to in the end; links that lead in a circle have one too.
FOLLOW_LINKS = r"""
follow_links() {
  turns=0
  while [ -L "$file" ] && [ "$turns" -lt 32 ]; do
    turns=$((turns + 1))
    to=$(readlink "$file")
    case $to in /*) file=$to ;; *) file=${file%/*}/$to ;; esac
  done
}
"""

# An engine that is half dead accepts a connection and says nothing; colima and podman ask their
# virtual machine. So nobody is waited for longer than ten seconds; macOS has no timeout(1). The one
# who watches is killed with -9: before it has begun it would have our own traps.
WITHIN = r"""
said_in=$(mktemp -d) && trap 'rm -rf "$said_in"' EXIT && trap 'exit 130' INT &&
  trap 'exit 143' HUP TERM
said=$said_in/said
within() {
  "$@" >"$said" 2>"$said_in/errors" </dev/null &
  asking=$!
  ( left=10; while [ "$left" -gt 0 ]; do sleep 1; left=$((left - 1)); done; kill -9 "$asking" ) \
    >/dev/null 2>&1 &
  watching=$!
  wait "$asking" 2>/dev/null; code=$?
  kill -9 "$watching" 2>/dev/null; wait "$watching" 2>/dev/null
  return "$code"
}
"""

# colima and limactl create their directories when they are asked anything: then the answer of the
# next question would be another one.
COLIMA = r"""
if [ -n "${COLIMA_HOME:-}" ] && [ -d "$COLIMA_HOME" ]; then colima_home=$COLIMA_HOME
elif [ -d "$HOME/.colima" ]; then colima_home=$HOME/.colima
elif [ -n "${XDG_CONFIG_HOME:-}" ]; then colima_home=$XDG_CONFIG_HOME/colima
elif [ -d "$HOME/.config/colima" ]; then colima_home=$HOME/.config/colima
else colima_home=$HOME/.colima
fi
colima_profiles() { have colima && [ -d "$colima_home/_lima" ] && within colima list --json; }
"""

# The words of the client carry the longer PATH only where something of docker's would not be found
# otherwise: docker itself, or a `docker-credential-…` that it calls.
_ASK = r"""
carried=
have docker && ! own_has docker && carried=yes
IFS=:
for place in $PATH; do
  for helper in "$place"/docker-credential-*; do
    [ -z "$carried" ] && [ -x "$helper" ] && ! own_has "${helper##*/}" && carried=yes
  done
done
unset IFS
ask() {
  printf 'kind\t%s\n' "$1"; shift
  [ -z "$carried" ] || set -- "PATH=$PATH" "$@"
  case $1 in *=*) set -- env "$@" ;; esac
  printf 'client'; printf '\t%s' "$@"; printf '\n'
  within "$@" info --format '{{json .}}'; code=$?
  [ "$code" -ne 137 ] || printf '{"ServerErrors":["it did not answer within 10 seconds"]}' >"$said"
  [ "$code" -eq 0 ] || printf 'error\t%s\n' "$(awk 'NF { last = $0 } END { print last }' \
    "$said_in/errors")"
  printf 'info\t%s\n' "$(tr -d '\n' <"$said")"
  [ "$code" -eq 0 ] && ! grep -q '"ServerErrors":\["' "$said"
}
ask_socket() {
  [ -S "$2" ] && [ "unix://$2" != "$reaches" ] && ask "$1" "DOCKER_HOST=unix://$2" docker
}
colima_answers() {
  colima_profiles || return 1
  for profile in $(sed -n '/"status":"Running"/s/.*"name":"\([^"]*\)".*/\1/p' "$said"); do
    case $profile in default) set -- ;; *) set -- --profile "$profile" ;; esac
    within colima status --json "$@" &&
      ask_socket colima "$(sed -n 's/.*"docker_socket":"unix:\/\/\([^"]*\)".*/\1/p' "$said")" &&
      return
  done
  return 1
}
podman_answers() {
  have podman && within podman machine inspect --format '{{.ConnectionInfo.PodmanSocket.Path}}' &&
    ask_socket podman "$(head -n 1 "$said")"
}
own_client() {
  ask '' docker && return
  within docker context inspect --format '{{.Endpoints.docker.Host}}'
  reaches=$(head -n 1 "$said")
  printf 'reaches\t%s\n' "$reaches"
  return 1
}
first_answer() {
  if have docker; then
    own_client || colima_answers ||
      ask_socket docker-desktop "$HOME/.docker/run/docker.sock" ||
      ask_socket orbstack "$HOME/.orbstack/run/docker.sock" || podman_answers ||
      ask_socket rancher "$HOME/.rd/docker.sock" || ask_socket '' /var/run/docker.sock
  else
    have podman && ask podman podman
  fi
}
"""

# Shell functions: `first_answer` asks whatever might answer, and succeeds at the first that does.
FIRST_ANSWER = SEARCH_PATH + WITHIN + COLIMA + _ASK

_LOOK = (
    SEARCH_PATH
    + WITHIN
    + COLIMA
    + r"""
printf 'path\t%s\n' "$PATH"
for name in docker colima podman orbctl rdctl; do
  have "$name" && printf 'program\t%s\n' "$name"
  own_has "$name" && printf 'own\t%s\n' "$name"
done
for folder in /Applications "$HOME/Applications"; do
  [ ! -d "$folder/Docker.app" ] || printf 'app\tdocker-desktop\n'
  [ ! -d "$folder/OrbStack.app" ] || printf 'app\torbstack\n'
  [ ! -d "$folder/Rancher Desktop.app" ] || printf 'app\trancher\n'
done
printf 'colima\t%s\n' "$colima_home"
[ -d "$colima_home/_lima/colima" ] && printf 'made\tyes\n'
colima_profiles && sed 's/^/profile	/' "$said"
have podman && within podman machine inspect --format '{{.State}}' &&
  printf 'machine\t%s\n' "$(head -n 1 "$said")"
exit 0
"""
)


@dataclass(frozen=True)
class MacEngineState:
    """What is on a Mac, running or not.

    `path` is where programs are looked for; `programs` are found there, `own` on the user's PATH
    already. `profile` and `runtime` are the state of colima's default machine in colima's words
    ("" where there is none, "Unknown" where colima does not tell), `machine` that of Podman's.
    `others_run` are colima's other machines that run.
    """

    path: str = ""
    programs: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    apps: frozenset[str] = frozenset()
    colima_home: str = ""
    profile: str = ""
    runtime: str = ""
    machine: str = ""
    others_run: tuple[str, ...] = ()

    @property
    def engines(self) -> tuple[EngineName, ...]:
        """The engines that are installed."""
        there = self.apps | (self.programs & {"colima", "podman"})
        return tuple(name for name in ENGINES if name in there)


class MacEngines(FactBase[MacEngineState]):
    """The engines on a Mac, asked only where none of them answers."""

    def command(self) -> str:
        """Files, and at most two questions: `colima list` and `podman machine inspect`."""
        return _LOOK

    @staticmethod
    def default() -> MacEngineState:
        """Nothing is there."""
        return MacEngineState()

    def process(self, output: list[str]) -> MacEngineState:
        """Lines of `key<TAB>value`."""
        told = [line.partition("\t")[::2] for line in output]
        first = dict(reversed(told))
        profiles = _profiles([value for key, value in told if key == "profile"])
        profile = profiles.pop("default", {})
        return MacEngineState(
            path=first.get("path", ""),
            programs=_all(told, "program"),
            own=_all(told, "own"),
            apps=_all(told, "app"),
            colima_home=first.get("colima", ""),
            profile=str(profile.get("status", "Unknown" if "made" in first else "")),
            runtime=str(profile.get("runtime", "")),
            machine=first.get("machine", ""),
            others_run=tuple(
                name for name, other in profiles.items() if other.get("status") == "Running"
            ),
        )


def _all(told: list[tuple[str, str]], wanted: str) -> frozenset[str]:
    return frozenset(value for key, value in told if key == wanted)


def _profiles(lines: list[str]) -> dict[str, dict[str, Any]]:
    """`colima list --json` prints one object a line."""
    profiles = {}
    for line in lines:
        try:
            profile = json.loads(line)
        except ValueError:
            continue
        if isinstance(profile, dict):
            profiles[str(profile.get("name", ""))] = profile
    return profiles
