"""The program under measurement, driven as a user would, and what `docker` says of its work."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import BenchError, Run, run

CONTAINER = NETWORK = "bootstrapper-blog"

_DOOR = Path(__file__).resolve().parent.parent / "bootstrap.py"
_MARKS = r"^bench-nanoseconds (\d+)$"
_BUILD = """
start=$(date +%s%N)
jekyll build --quiet --source /src --destination /tmp/site --disable-disk-cache >&2
echo bench-nanoseconds $(($(date +%s%N) - start))
"""


@dataclass(frozen=True)
class Subject:
    """`bootstrap.py` with a record of its own and one site. `state` is where its record goes."""

    state: Path
    site: Path
    port: int

    def help(self) -> Run:
        """`--help`."""
        return self._run("--help")

    def apply(self, options: Sequence[str | Path] = ()) -> Run:
        """The default command: plan, apply, prove, record."""
        return self._run("--yes", *self._settings, *options)

    def plan(self, options: Sequence[str | Path] = ()) -> Run:
        """`plan`; fails unless there is nothing to do."""
        return self._run("plan", *self._settings, *options)

    def verify(self) -> Run:
        """`verify --json`: the proof alone."""
        return self._run("verify", *self._settings, "--json")

    @property
    def inventory_data(self) -> dict[str, object]:
        """The settings as inventory data, for the stock `pyinfra` command."""
        return {"blog": str(self.site), "blog_port": self.port, "base_images": "packages"}

    @property
    def _settings(self) -> list[str | Path]:
        pairs = [f"blog_port={self.port}", "base_images=packages"]
        return ["--blog", self.site, *(part for pair in pairs for part in ("--set", pair))]

    def _run(self, *arguments: str | Path) -> Run:
        return run([sys.executable, _DOOR, *arguments], {"XDG_STATE_HOME": str(self.state)})


def built_files() -> Mapping[str, str]:
    """Path to SHA-256 of every file in the manifest of the container that runs."""
    text = _docker("exec", CONTAINER, "/bin/busybox", "cat", "/srv/manifest.json")
    return {file["path"]: file["sha256"] for file in json.loads(text)["files"]}


def builder_image() -> str:
    """The name of the image that built the site of the container that runs."""
    label = '{{index .Config.Labels "bootstrapper.builder"}}'
    return _docker("container", "inspect", "--format", label, CONTAINER).split()[0]


def proof_seconds(verified: Run) -> float:
    """How long the proof itself took within a run of `verify`, by its own account."""
    return float(json.loads(verified.output)["proofs"]["@local"]["seconds"])


def jekyll_seconds(site: Path) -> float:
    """How long Jekyll alone takes for a site, in the image that the program builds with."""
    inside = ["--network", "none", "--env", "LANG=C.UTF-8", "--volume", f"{site}:/src:ro"]
    output = _docker("run", "--rm", *inside, builder_image(), "sh", "-euc", _BUILD)
    found = re.search(_MARKS, output, re.MULTILINE)
    if not found:
        raise BenchError(f"Jekyll's own build said nothing of its time: {output}")
    return int(found[1]) / 1e9


def refuse_unless_free() -> None:
    """See that there is an engine, and no blog that the benchmark would replace.

    Raises:
        BenchError: there is one, or no engine answers.
    """
    names = _docker("ps", "--all", "--format", "{{.Names}}").split()
    if CONTAINER in names:
        raise BenchError(
            f"A container {CONTAINER} is there, and the benchmark would replace it. "
            f"Run it on another machine, or remove it first: docker rm --force {CONTAINER}"
        )


def clean_up() -> None:
    """Remove the container, its network, the images of the sites; base images stay, as a cache."""
    for words in (["rm", "--force", CONTAINER], ["network", "rm", NETWORK]):
        subprocess.run(["docker", *words], check=False, capture_output=True)
    filters = ["--filter", "label=bootstrapper.image=blog"]
    images = _docker("image", "ls", "--quiet", *filters).split()
    if images:
        _docker("rmi", "--force", *sorted(set(images)))


def _docker(*arguments: str) -> str:
    try:
        done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BenchError("docker: not found; bring it with: python bootstrap.py") from error
    if done.returncode:
        raise BenchError(f"docker {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
