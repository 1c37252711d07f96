"""What users would use instead: Ansible, the stock `pyinfra` command, curl with sha256sum."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import BenchError, Run, run

CONTAINER = "bench-rival"

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent.parent
_LOCK = _ROOT / "requirements" / "bench.txt"


@dataclass(frozen=True)
class Ansible:
    """Ansible in an environment of its own."""

    directory: Path

    def help(self) -> Run:
        """`ansible-playbook --help`."""
        return run([self._playbook, "--help"])

    def play(
        self, variables: Mapping[str, str], options: Sequence[str] = (), inventory: str = "@local"
    ) -> Run:
        """Run the playbook; on this computer unless an inventory file is named."""
        where = (
            ["--inventory", "localhost,", "--connection", "local"]
            if inventory == "@local"
            else ["--inventory", inventory]
        )
        given = {
            # The one that has `requests`, which the Docker modules want; the apt module finds
            # Debian's own Python by itself.
            "ansible_python_interpreter": str(self.directory / "bin" / "python"),
            "dockerfile": str(_HERE / "Dockerfile"),
            "name": CONTAINER,
            **variables,
        }
        extra = [part for pair in given.items() for part in ("--extra-vars", "=".join(pair))]
        return run(
            [self._playbook, *where, *options, *extra, _HERE / "playbook.yml"],
            {"ANSIBLE_NOCOWS": "1", "ANSIBLE_LOCALHOST_WARNING": "False", "LC_ALL": "C.UTF-8"},
        )

    @property
    def _playbook(self) -> Path:
        return self.directory / "bin" / "ansible-playbook"


def ansible() -> Ansible:
    """Ansible as locked, installed below `.cache` where it is not there yet.

    Raises:
        BenchError: pip failed, or this Python is too old for Ansible.
    """
    if sys.version_info < (3, 11):
        raise BenchError("Ansible wants Python 3.11 or newer; run the benchmark with one.")
    lock = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
    directory = _ROOT / ".cache" / f"bench-{lock}"
    if not (directory / "ready").exists():
        run([sys.executable, "-m", "venv", "--clear", directory])
        run([directory / "bin" / "pip", "install", "--require-hashes", "--requirement", _LOCK])
        (directory / "ready").touch()
    return Ansible(directory)


def stock_pyinfra(inventory: Path, options: Sequence[str]) -> Run:
    """The same declarations under the `pyinfra` command of this Python's environment."""
    command = Path(sys.executable).parent / "pyinfra"
    if not command.exists():
        raise BenchError(f"{command}: not there; install requirements/dev.txt into this Python.")
    return run([command, *options, inventory, _ROOT / "deploys" / "all.py"], directory=_ROOT)


def fetch_and_compare(base_url: str, built: Mapping[str, str], directory: Path) -> Run:
    """Fetch every file with one curl, eight at a time, and compare the hashes with sha256sum.

    `built` maps paths to SHA-256. Names have to be plain ASCII.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config, sums = directory / "curl.conf", directory / "SHA256SUMS"
    config.write_text(
        "".join(f'url = "{base_url}/{path}"\noutput = "got/{path}"\n' for path in built)
    )
    sums.write_text("".join(f"{digest}  got/{path}\n" for path, digest in built.items()))
    script = (
        "curl --silent --show-error --fail --noproxy '*' --parallel --parallel-max 8 "
        "--create-dirs --config curl.conf && sha256sum --check --quiet SHA256SUMS"
    )
    return run(["sh", "-c", script], directory=directory)


def clean_up() -> None:
    """Remove the container and the image that the playbook made."""
    for command in (["rm", "--force", CONTAINER], ["rmi", "--force", CONTAINER]):
        subprocess.run(["docker", *command], check=False, capture_output=True)
