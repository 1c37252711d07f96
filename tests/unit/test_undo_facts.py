"""What is asked of a machine before something is taken back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploys.facts.docker_contents import EngineContents


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A docker that says what it is told to, whatever it is asked."""

    def write(script: str) -> None:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "docker").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return write


def test_all_that_an_engine_holds_is_read(docker: Callable[[str], None]) -> None:
    rows = {
        "ps": "container\\tbootstrapper-blog\\tbootstrapper/blog:1\\tf00\\n"
        "container\\tdb\\tpostgres:18\\t\\n",
        "image": "image\\tlocalhost/bootstrapper/blog:1\\taa\\nimage\\t<none>:<none>\\tbb\\n",
        "filter": "stage\\tbb\\n",
        "volume": "volume\\tdata\\n",
        "network": "network\\tbootstrapper-blog\\n",
    }
    docker(
        f"case $* in network*) printf '{rows['network']}' ;; "
        f"*--filter*) printf '{rows['filter']}' ;; ps*) printf '{rows['ps']}' ;; "
        f"image*) printf '{rows['image']}' ;; *) printf '{rows['volume']}' ;; esac"
    )
    script = EngineContents().command(("docker",))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    found = EngineContents().process(done.stdout.splitlines())
    assert found.ours == {"bootstrapper-blog"}
    assert found.networks == {"bootstrapper-blog"}
    assert found.of_others(()) == ("the container db", "the volume data")


def test_a_listing_that_fails_is_an_error(docker: Callable[[str], None]) -> None:
    docker("[ $1 != volume ]")
    script = EngineContents().command(("docker",))
    assert subprocess.run(["sh", "-c", script], check=False).returncode != 0
