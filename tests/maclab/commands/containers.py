"""The containers in an engine's virtual machine: they end with it, and come back with it.

The engine of all simulated Macs is a real one that goes on, so this is done to the containers.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from .call import LAB
from .docker_files import ENGINE

# https://docs.docker.com/engine/containers/start-containers-automatically: restart policies
_COMING_BACK = ("always", "unless-stopped")


def end_all() -> None:
    """What becomes of containers when their machine is stopped."""
    running = _docker("ps", "--quiet").split()
    if running:
        _docker("kill", *running)


def bring_back() -> None:
    """What becomes of them when it is started again."""
    there = _docker("ps", "--quiet", "--filter", "status=exited").split()
    found = json.loads(_docker("inspect", *there)) if there else []
    for one in found:
        if one["HostConfig"]["RestartPolicy"]["Name"] in _COMING_BACK:
            _docker("start", one["Id"])


def _docker(*words: str) -> str:
    if not Path(ENGINE).is_socket():
        return ""  # a Mac that was started without an engine
    return subprocess.run(
        [f"{LAB}/real/docker", "--host", f"unix://{ENGINE}", *words],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
