"""All that a container engine holds: whether anything in it is somebody else's."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pyinfra.api import FactBase

from deploys.facts.docker import NETWORK_LABEL, SPEC_LABEL, STAGE_LABEL

_OURS = "bootstrapper/"
_NAMELESS = "<none>:<none>"


@dataclass(frozen=True)
class Contents:
    """What is in an engine. `containers` have the image that each was made from, `ours` are those
    of them that this tool made; `nameless` and `stages` are ids of images without a name, all of
    them and those that are stages of our builds; `networks` are ours alone."""

    containers: Mapping[str, str] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    nameless: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()

    def of_others(self, pulled: Collection[str]) -> tuple[str, ...]:
        """What this tool did not make, as words; `pulled` are the images that it has pulled."""
        images = {name for name in self.images if not name.startswith(_OURS)} - {*pulled}
        kinds = {
            "container": set(self.containers) - self.ours,
            "image": images | (self.nameless - self.stages),
            "volume": self.volumes,
        }
        return tuple(
            f"the {kind} {name}" for kind, names in kinds.items() for name in sorted(names)
        )

    def users_of(self, image: str) -> tuple[str, ...]:
        """The containers of others that were made from an image."""
        return tuple(
            name for name, of in self.containers.items() if of == image and name not in self.ours
        )


class EngineContents(FactBase[Contents]):
    """Containers, images and volumes, running or not, and our networks."""

    def command(self, client: tuple[str, ...]) -> str:
        """Five listings; one that fails is an error, or something might be overlooked. What has no
        tag is listed with its digest only if that is asked for (seen with Docker 20.10)."""
        words = " ".join(map(shlex.quote, client))
        label = f'{{{{.Label "{SPEC_LABEL}"}}}}'
        ps = shlex.quote(f"container\t{{{{.Names}}}}\t{{{{.Image}}}}\t{label}")
        image = shlex.quote("image\t{{.Repository}}:{{.Tag}}\t{{.ID}}\t{{.Digest}}")
        stage = shlex.quote("stage\t{{.ID}}")
        volume = shlex.quote("volume\t{{.Name}}")
        network = shlex.quote("network\t{{.Name}}")
        return (
            f"{words} ps --all --format {ps} && {words} image ls --digests --format {image} && "
            f"{words} image ls --filter label={STAGE_LABEL} --format {stage} && "
            f"{words} volume ls --format {volume} && "
            f"{words} network ls --filter label={NETWORK_LABEL} --format {network}"
        )

    @staticmethod
    def default() -> Contents:
        """It is empty."""
        return Contents()

    def process(self, output: list[str]) -> Contents:
        """Lines of words that tabs divide; Podman calls local images localhost/NAME."""
        rows = [line.split("\t") for line in output]
        containers = [row for row in rows if row[0] == "container"]
        images = [(_name(*row[1:]), row[2]) for row in rows if row[0] == "image"]
        return Contents(
            containers={row[1]: _plain(row[2]) for row in containers},
            ours=frozenset(row[1] for row in containers if row[3:] and row[3]),
            images=frozenset(name for name, _ in images if name != _NAMELESS),
            nameless=frozenset(one for name, one in images if name == _NAMELESS),
            stages=frozenset(row[1] for row in rows if row[0] == "stage"),
            volumes=frozenset(row[1] for row in rows if row[0] == "volume"),
            networks=frozenset(row[1] for row in rows if row[0] == "network"),
        )


def _name(listed: str, _: str, digest: str = "") -> str:
    """One that was pulled by its digest has a name, and no tag."""
    repository, _, tag = listed.rpartition(":")
    if tag == "<none>" and repository != "<none>" and digest.startswith("sha256:"):
        return f"{_plain(repository)}@{digest}"
    return _plain(listed)


def _plain(reference: str) -> str:
    return reference.removeprefix("localhost/")
