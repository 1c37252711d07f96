"""The blog's source on the machine: where it is, what is in it, what it asks for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api import FactBase

SITE_FILES = Path(__file__).parents[1] / "files" / "blog" / "site-files.sh"

_ASK = r"""
cd %s 2>/dev/null || { printf 'absent\n'; exit 0; }
printf 'directory\t%%s\n' "$(pwd -P)"
if command -v sha256sum >/dev/null 2>&1; then hash=sha256sum; else hash='shasum -a 256'; fi
site_files() {
%s
}
printf 'hash\t%%s\n' "$(site_files | xargs -0 $hash | LC_ALL=C sort | $hash | cut -d ' ' -f 1)"
for name in _config.yml _config.yaml Gemfile; do [ -f "$name" ] && printf 'has\t%%s\n' "$name"; done
for page in index.* _posts; do [ -e "$page" ] && printf 'has\t%%s\n' "$page"; done
sed -n "s/^ *gem  *[\"']\([^\"']*\)[\"'].*/gem	\1/p" Gemfile 2>/dev/null
sed -n -E "s/^ *- *[\"']?(jekyll-[A-Za-z0-9_-]+)[\"']? *(#.*)?$/gem	\1/p
  s/^theme: *[\"']?([A-Za-z0-9_-]+)[\"']? *(#.*)?$/gem	\1/p" _config.yml 2>/dev/null
exit 0
"""


@dataclass(frozen=True)
class Site:
    """A Jekyll site. `hash` is of every file's name and content; `gems` are those that its Gemfile
    and its configuration name, as far as their text tells."""

    directory: str
    hash: str
    gems: tuple[str, ...]
    is_jekyll: bool


class SiteSource(FactBase[Site | None]):
    """One site, or None where there is no such directory."""

    def command(self, path: str) -> str:
        """Every file is read, so that any change is noticed; POSIX sh, BSD and GNU tools."""
        return _ASK % (shell_path(path), SITE_FILES.read_text(encoding="utf-8"))

    def process(self, output: list[str]) -> Site | None:
        """Lines of `key<TAB>value`."""
        told = [line.partition("\t")[::2] for line in output]
        if "absent" in output:
            return None
        first = dict(told)
        has = {value for key, value in told if key == "has"}
        return Site(
            directory=first["directory"],
            hash=first["hash"],
            gems=tuple(dict.fromkeys(value for key, value in told if key == "gem")),
            is_jekyll=bool(has - {"Gemfile"}),
        )


@dataclass(frozen=True)
class Heads:
    """The commit that a clone is at ("" without one), and that its origin is at now ("" if it did
    not answer; `reason` says why)."""

    local: str
    remote: str
    reason: str


class RepositoryHeads(FactBase[Heads]):
    """Whether a clone is behind its origin; asks the network, and gives up after ten seconds."""

    def command(self, url: str, branch: str, directory: str) -> str:
        """git-ls-remote(1); never asks for credentials."""
        options = "-c http.lowSpeedLimit=1 -c http.lowSpeedTime=10"
        ref = shlex.quote(f"refs/heads/{branch}" if branch else "HEAD")
        return (
            f"printf 'local\\t%s\\n' "
            f'"$(git -C {shell_path(directory)} rev-parse HEAD 2>/dev/null)"; '
            f"answer=$(GIT_TERMINAL_PROMPT=0 git {options} ls-remote --exit-code -- "
            f"{shlex.quote(url)} {ref} 2>&1) && printf 'remote\\t%s\\n' "
            f'"$(printf %s "$answer" | tail -n 1 | cut -f 1)" || '
            f'printf \'reason\\t%s\\n\' "$(printf %s "$answer" | head -n 1)"'
        )

    def process(self, output: list[str]) -> Heads:
        """Lines of `key<TAB>value`."""
        told = dict(line.split("\t", 1) for line in output if "\t" in line)
        return Heads(told.get("local", ""), told.get("remote", ""), told.get("reason", ""))


def shell_path(path: str) -> str:
    """A path as a word for the shell; a leading `~/` is the home of the machine's user."""
    if path == "~" or path.startswith("~/"):
        return '"$HOME"' + shlex.quote(path[1:])
    return shlex.quote(path)
