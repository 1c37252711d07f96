"""An image of a blog that a test has built: served as the tool serves it, and proved."""

from __future__ import annotations

from bootstrapper.proof import prove
from deploys.facts.built_site import parse_manifest
from deploys.operations.docker import USER
from tests.gem_mirror import docker

_CONTAINER = "bootstrapper-test-served"


def files_proved(image: str, build_id: str) -> list[str]:
    """The files that a container of the image serves, each of which was proved to be as built.

    Raises:
        AssertionError: one was not, or a command of docker's failed.
    """
    hardened = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--user", USER]
    publish = ["--publish", "127.0.0.1::8080", "--name", _CONTAINER]
    docker("run", "--detach", *hardened, *publish, image)
    try:
        port = docker("port", _CONTAINER, "8080").strip().rpartition(":")[2]
        inside = ["exec", _CONTAINER, "/bin/busybox"]
        listing = docker(*inside, "find", "/srv/site", "-type", "f").split("\n")
        files = [path.removeprefix("/srv/site/") for path in listing if path]
        built = parse_manifest(docker(*inside, "cat", "/srv/manifest.json"), build_id, files)
        proof = prove(built, f"http://127.0.0.1:{port}", wait_seconds=10)
        assert proof.ok, proof.faults
        return files
    finally:
        docker("rm", "--force", _CONTAINER)
