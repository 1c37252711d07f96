"""Base images from a registry: a real one, on this machine."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pyinfra.api import Inventory
from pyinfra.context import host

from bootstrapper.engine import Engine
from deploys.build import base_images
from deploys.facts.docker import Answer, RegistryAnswer
from deploys.operations import images
from deploys.settings import Settings, parse_settings
from tests.debian.waiting import wait_for
from tests.support import Remembering, stage

pytestmark = pytest.mark.engine


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The address of an empty registry."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    configuration = tmp_path / "registry.yml"
    configuration.write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'images'}}}}}\n"
        f"http: {{addr: '{address}'}}\n"
    )
    server = subprocess.Popen(
        ["docker-registry", "serve", str(configuration)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: answers(f"http://{address}/v2/"), 20, "the registry")
        yield address
    finally:
        server.terminate()
        server.wait()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def settings(registry: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings whose two images are in that registry, and not on this machine."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    names = [f"{registry}/hub/test-builder:1", f"{registry}/hub/test-server:1"]
    for name in names:
        docker("build", "--quiet", "--tag", name, str(tmp_path))
        docker("push", "--quiet", name)
        docker("image", "rm", name)
    yield parse_settings(
        "@local",
        {
            "base_images": "registry",
            "registry_mirror": f"{registry}/hub",
            "builder_image": "test-builder:1",
            "server_image": "test-server:1",
        },
    )
    for name in names:
        subprocess.run(["docker", "image", "rm", name], check=False, capture_output=True)


def ask(reference: str) -> Answer:
    with Engine(Inventory((["@local"], {})), Remembering()) as engine:
        return engine.ask(
            "@local",
            lambda: host.get_fact(RegistryAnswer, client=("docker",), reference=reference),
        )


def docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_they_are_pulled_when_a_registry_answers_and_their_digests_known(
    settings: Settings,
) -> None:
    with Engine(Inventory((["@local"], {})), Remembering()) as engine:
        wanted = stage(lambda: images.bases(name="base images", settings=settings))
        (planned,) = engine.evaluate([wanted], apply=False)
        assert "base_images is 'registry'" in planned.to_do[0].findings[0].mend
        (applied,) = engine.evaluate([wanted], apply=True)
        assert applied.changed, applied
        bases = engine.ask("@local", lambda: base_images(settings))
        (again,) = engine.evaluate([wanted], apply=True)
    assert not again.changed
    assert bases.origin == "registry"
    digests = json.loads(docker("image", "inspect", "-f", "{{json .RepoDigests}}", bases.builder))
    assert f"{bases.builder.rpartition(':')[0]}@{bases.builder_digest}" in digests
    assert bases.builder_digest.startswith("sha256:")


def test_a_registry_that_has_the_image_is_known_to_answer(settings: Settings) -> None:
    reference = f"{settings.registry_mirror}/{settings.builder_image}"
    assert ask(reference).refusal == ""


def test_an_image_that_the_registry_lacks_is_a_refusal_with_the_reason(registry: str) -> None:
    assert "manifest" in ask(f"{registry}/nothing:1").refusal


def test_a_registry_that_does_not_answer_leaves_the_distributions_packages() -> None:
    settings = parse_settings("@local", {"registry_mirror": "127.0.0.1:9/nowhere"})
    with Engine(Inventory((["@local"], {})), Remembering()) as engine:
        bases = engine.ask("@local", lambda: base_images(settings))
    assert bases.origin == "packages"
    assert "they are here already" in bases.why or "no registry answers" in bases.why
