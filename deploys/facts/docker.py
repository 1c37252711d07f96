"""Images, the blog's container, what it serves, and who holds a port."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyinfra.api import FactBase

from deploys.facts.built_site import BuiltSite, parse_manifest

BUILD_LABEL = "bootstrapper.build"
SPEC_LABEL = "bootstrapper.spec"
IMAGE_LABEL = "bootstrapper.image"
STAGE_LABEL = "bootstrapper.stage"  # of the stages that Docker's classic builder leaves behind
PREVIEW_LABEL = "bootstrapper.preview"
NETWORK_LABEL = "bootstrapper.network"


@dataclass(frozen=True)
class Image:
    """A local image. `digest` is the registry's, empty for one that was made here."""

    id: str
    digest: str


class Images(FactBase[dict[str, Image]]):
    """Which of some images are there, by the names they were asked for."""

    def command(self, client: tuple[str, ...], references: tuple[str, ...]) -> str:
        """One `image inspect` for all; it prints those it finds, and fails for the others."""
        words = " ".join(map(shlex.quote, (*client, "image", "inspect", *references)))
        return f"{words} 2>/dev/null || true"

    @staticmethod
    def default() -> dict[str, Image]:
        """The engine does not know any of them."""
        return {}

    def process(self, output: list[str]) -> dict[str, Image]:
        """A JSON array of images, each with all its names, those with a digest too."""
        images = {}
        for entry in json.loads("\n".join(output)):
            references = entry.get("RepoDigests") or []
            digests = dict(reference.split("@") for reference in references)
            for reference in references:
                images[reference] = Image(entry["Id"], reference.partition("@")[2])
            for name in entry.get("RepoTags") or []:
                digest = digests.get(name.rpartition(":")[0], "")
                images[_plain(name)] = Image(entry["Id"], digest)
        return images


def _plain(reference: str) -> str:
    """Podman calls local images localhost/NAME."""
    return reference.removeprefix("localhost/")


@dataclass(frozen=True)
class Container:
    """A container. `state` is Docker's word ("running", "exited", …), `image` the image's id,
    `health` its word for that ("healthy", "unhealthy", "starting" or ""); `ports` are those of the
    machine that lead to it while it runs."""

    state: str
    image: str
    spec: str
    health: str
    ports: tuple[int, ...] = ()


class ContainerState(FactBase[Container | None]):
    """One container by name, or None where there is none."""

    def command(self, client: tuple[str, ...], container: str) -> str:
        """`container inspect`; any failure but "no such container" is an error."""
        words = " ".join(map(shlex.quote, (*client, "container", "inspect", container)))
        return (
            f'out=$({words} 2>&1) && printf %s "$out" || case "$out" in '
            f"*[Nn]'o such container'*) ;; *) printf '%s\\n' \"$out\" >&2; exit 1 ;; esac"
        )

    def process(self, output: list[str]) -> Container | None:
        """A JSON array of one container."""
        (entry,) = json.loads("\n".join(output))
        state = entry["State"]
        return Container(
            state=state["Status"],
            image=entry["Image"],
            spec=(entry["Config"].get("Labels") or {}).get(SPEC_LABEL, ""),
            health=(state.get("Health") or {}).get("Status", ""),
            ports=_ports(entry),
        )


def _ports(entry: dict[str, Any]) -> tuple[int, ...]:
    bound = (entry.get("HostConfig") or {}).get("PortBindings") or {}
    places = [place for places in bound.values() for place in places or []]
    return tuple(int(place["HostPort"]) for place in places if place.get("HostPort"))


class OwnNetworks(FactBase[tuple[str, ...]]):
    """The names of the networks that were made here."""

    def command(self, client: tuple[str, ...]) -> str:
        """Found by their label: one of the same name may be somebody else's."""
        words = (*client, "network", "ls", "--filter", f"label={NETWORK_LABEL}")
        return " ".join(map(shlex.quote, (*words, "--format", "{{.Name}}")))

    @staticmethod
    def default() -> tuple[str, ...]:
        """None yet."""
        return ()

    def process(self, output: list[str]) -> tuple[str, ...]:
        """One name a line."""
        return tuple(line.strip() for line in output)


class BlogImages(FactBase[tuple[str, ...]]):
    """The names of all blog images that were built here, newest first."""

    def command(self, client: tuple[str, ...], repository: str) -> str:
        """`image ls` lists the newest first."""
        words = (*client, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository)
        return " ".join(map(shlex.quote, words))

    @staticmethod
    def default() -> tuple[str, ...]:
        """None yet."""
        return ()

    def process(self, output: list[str]) -> tuple[str, ...]:
        """One name a line."""
        return tuple(_plain(line.strip()) for line in output)


@dataclass(frozen=True)
class BuildRemains:
    """What Docker's classic builder has left of our builds: ids of `stages`, newest first, and of
    the `containers` of builds that were cut off."""

    stages: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()


_CUT_OFF = re.compile(r"Exited \([1-9]")  # one that is at work has a container that exits with 0


class BuildStages(FactBase[BuildRemains]):
    """What is left of builds. The newest stage is what the next build goes on from; BuildKit leaves
    none, and has a cache of its own."""

    def command(self, client: tuple[str, ...]) -> str:
        """Only ends of stages that have no name: what others build on is not among them."""
        words = " ".join(map(shlex.quote, client))
        filters = f"--filter dangling=true --filter label={STAGE_LABEL}"
        row = f'of {{{{.Image}}}}\t{{{{.ID}}}}\t{{{{.Label "{STAGE_LABEL}"}}}}\t{{{{.Status}}}}'
        return f"{words} image ls --quiet {filters} && {words} ps --all --format '{row}'"

    @staticmethod
    def default() -> BuildRemains:
        """None."""
        return BuildRemains()

    def process(self, output: list[str]) -> BuildRemains:
        """An id of a stage a line; after `of ` the image that a container holds, its id, its label
        and its state: what another holds cannot be removed, and is not told of."""
        rows = [line.removeprefix("of ").split("\t") for line in output if line.startswith("of ")]
        cut_off = tuple(name for _, name, label, state in rows if label and _CUT_OFF.match(state))
        held = {image for image, name, *_ in rows if name not in cut_off}
        ids = dict.fromkeys(line.strip() for line in output if not line.startswith("of "))
        return BuildRemains(tuple(one for one in ids if one not in held), cut_off)


@dataclass(frozen=True)
class Answer:
    """What came of asking a registry; `refusal` is empty if it has the image."""

    refusal: str


class RegistryAnswer(FactBase[Answer]):
    """Whether the registry of an image answers and has it; gives up after fifteen seconds."""

    def command(self, client: tuple[str, ...], reference: str) -> str:
        """`manifest inspect` reads, and pulls nothing. The waiting is our own: macOS has no
        timeout(1)."""
        # Docker itself talks plain HTTP to a registry on this machine; its client has to be told.
        insecure = ["--insecure"] if re.match(r"(127\.|localhost[:/])", reference) else []
        words = " ".join(map(shlex.quote, (*client, "manifest", "inspect", *insecure, reference)))
        return f"""
said=$(mktemp) && trap 'rm -f "$said"' EXIT && trap 'exit 130' INT && trap 'exit 143' HUP TERM
{words} >/dev/null 2>"$said" &
asking=$!
( sleep 15; kill "$asking" ) >/dev/null 2>&1 &
watching=$!
if wait "$asking"; then echo yes; else printf 'no\t%s\n' "$(tail -n 1 "$said")"; fi
kill "$watching" 2>/dev/null
exit 0
"""

    def process(self, output: list[str]) -> Answer:
        """`yes`, or `no<TAB>reason`."""
        verdict, _, reason = output[-1].partition("\t")
        return Answer("" if verdict == "yes" else reason or "no answer")


class ServedSite(FactBase[BuiltSite]):
    """What the running container was built from, and the files that are really in its web root."""

    def command(self, client: tuple[str, ...], container: str) -> str:
        """One `inspect` and one `exec`; the container has busybox for this."""
        inside = (
            "/bin/busybox cat /srv/manifest.json; echo; cd /srv/site && /bin/busybox find . -type f"
        )
        label = f'{{{{index .Config.Labels "{BUILD_LABEL}"}}}}'
        inspect = " ".join(map(shlex.quote, (*client, "inspect", "-f", label, container)))
        look = (*client, "exec", container, "/bin/busybox", "sh", "-c", inside)
        return f"{inspect} && {' '.join(map(shlex.quote, look))}"

    def process(self, output: list[str]) -> BuiltSite:
        """The build id, the manifest on one line, and one path a line."""
        build_id, manifest, *listing = [line for line in output if line]
        return parse_manifest(manifest, build_id, listing)


class BuiltGems(FactBase[Mapping[str, str]]):
    """The versions of the gems that an image of the blog was built with."""

    def command(self, client: tuple[str, ...], image: str) -> str:
        """A container that reads one file, and is gone."""
        options = ("run", "--rm", "--network", "none", "--read-only", "--entrypoint")
        words = (*client, *options, "/bin/busybox", image, "cat", "/srv/manifest.json")
        return " ".join(map(shlex.quote, words))

    def process(self, output: list[str]) -> Mapping[str, str]:
        """The manifest, on one line."""
        return parse_manifest("".join(output), "", ()).gems


@dataclass(frozen=True)
class Holder:
    """Who listens on a port; `pid` is 0 and `program` empty where the system does not tell."""

    pid: int
    program: str


@dataclass(frozen=True)
class Running:
    """The containers that run: all, and those that a port of the machine leads to."""

    all: tuple[str, ...] = ()
    published: tuple[str, ...] = ()


class RunningContainers(FactBase[Running]):
    """Which containers run, and which of them are published on a port."""

    def command(self, client: tuple[str, ...], port: int) -> str:
        """Two listings of names."""
        words = " ".join(map(shlex.quote, (*client, "ps", "--format")))
        return (
            f"{words} 'all\t{{{{.Names}}}}' && "
            f"{words} 'published\t{{{{.Names}}}}' --filter publish={port}"
        )

    @staticmethod
    def default() -> Running:
        """None."""
        return Running()

    def process(self, output: list[str]) -> Running:
        """`all<TAB>name`, `published<TAB>name`."""
        rows = [line.split("\t") for line in output]
        return Running(
            *(tuple(row[1] for row in rows if row[0] == k) for k in ("all", "published"))
        )


class PortHolder(FactBase[Holder | None]):
    """Who listens on a TCP port of this machine, or None."""

    def command(self, port: int) -> str:
        """proc(5) on Linux, where of another user's process only its port and its words show, which
        do for Docker's proxy; lsof(8) on macOS, which writes the first nine letters of a name."""
        return f"""
if [ "$(uname -s)" != Darwin ]; then
  inodes=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port=':{port:04X}' '$4 == "0A" && substr($2, length($2) - 4) == port {{ print $10 }}')
  [ -n "$inodes" ] || exit 0
  printf 'taken\\n'
  for inode in $inodes; do
    for process in /proc/[0-9]*; do
      if ls -l "$process/fd" 2>/dev/null | grep -q "socket:\\[$inode\\]"; then
        printf 'holder\\t%s\\t%s\\n' "${{process#/proc/}}" "$(cat "$process/comm")"
      fi
    done
  done
  for process in /proc/[0-9]*; do
    case $(tr '\\0' ' ' 2>/dev/null <"$process/cmdline") in
      *docker-proxy*' -host-port {port} '*)
        printf 'holder\\t%s\\tdocker-proxy\\n' "${{process#/proc/}}" ;;
    esac
  done 2>/dev/null
else
  PATH=$PATH:/usr/sbin lsof -nP -iTCP:{port} -sTCP:LISTEN 2>/dev/null |
    awk 'NR > 1 {{ printf "holder\\t%s\\t%s\\n", $2, $1 }}'
fi
exit 0
"""

    def process(self, output: list[str]) -> Holder | None:
        """`taken`, then `holder<TAB>pid<TAB>program` for each that can be seen."""
        holders = [line.split("\t") for line in output if line.startswith("holder\t")]
        if holders:
            _, pid, program = holders[0]
            return Holder(int(pid), program)
        return Holder(0, "") if "taken" in output else None
