"""A gem server on this machine, and an image of Ruby without gems: `bundle install` as it is with a
registry, where none can be reached."""

from __future__ import annotations

import functools
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path

HERE = Path(__file__).parent
RUBY_IMAGE = "bootstrapper-test/ruby:bare"


@dataclass(frozen=True)
class GemMirror:
    """`url` is for containers; `asked` are the paths that were asked for, in order."""

    url: str
    asked: list[str] = field(default_factory=list)

    @property
    def gems(self) -> set[str]:
        """The gems that were fetched, by the names of their files."""
        return {path.rpartition("/")[2] for path in self.asked if path.endswith(".gem")}


@contextmanager
def gem_mirror(directory: Path, builder: str) -> Iterator[GemMirror]:
    """Serve gems from an empty directory, on the address at which containers see this machine."""
    docker("build", "--tag", RUBY_IMAGE, "--build-arg", f"BUILDER_IMAGE={builder}", str(HERE))
    places = [f"{HERE}:/recipe:ro", f"{directory}:/mirror"]
    volumes = [word for place in places for word in ("--volume", place)]
    inside = ["--rm", "--network", "none", "--env", "LANG=C.UTF-8", *volumes]
    docker("run", *inside, "--entrypoint", "ruby", builder, "/recipe/mirror.rb", "/mirror")
    (network,) = json.loads(
        docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")
    )
    address = network.get("Gateway") or str(next(ip_network(network["Subnet"]).hosts()))
    asked: list[str] = []
    handler = functools.partial(_Handler, asked, directory=str(directory))
    server = ThreadingHTTPServer((address, 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield GemMirror(f"http://{address}:{server.server_port}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        docker("image", "rm", "--force", RUBY_IMAGE)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, asked: list[str], *words: object, directory: str) -> None:
        self.asked = asked
        super().__init__(*words, directory=directory)  # type: ignore[arg-type] # handed on

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Kept, not printed."""
        self.asked.append(self.path)


def docker(*words: str) -> str:
    """What docker said on standard output; an AssertionError with its complaint if it failed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
