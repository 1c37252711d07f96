"""What several unit tests start from."""

from __future__ import annotations

import pytest
from pyinfra.api import Inventory, deploy

from bootstrapper.engine import Engine
from deploys.build import BaseImages, base_images
from deploys.operations import images
from deploys.settings import parse_settings
from tests.support import Remembering, stage

PACKAGES = parse_settings("@local", {"base_images": "packages"})


@deploy("Base images")
def bases() -> None:
    images.bases(name="base images", settings=PACKAGES)
    BASES.append(base_images(PACKAGES))


BASES: list[BaseImages] = []


@pytest.fixture(scope="session")
def base() -> BaseImages:
    with Engine(Inventory((["@local"], {})), Remembering()) as engine:
        for _ in range(2):  # the second time they are there
            (result,) = engine.evaluate([stage(bases)], apply=True)
            assert result.failure is None
            assert all(operation.ok for operation in result.operations), result
    assert BASES[-1].present
    return BASES[-1]
