"""The blog's source on the machine: where it is, what is in it, what it asks for."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api import FactBase

_FILES = Path(__file__).parents[1] / "files" / "blog"

# A repository that holds a site in exactly one place below its top is given as often as that place.
_ENTER = r"""
cd %s 2>/dev/null || { printf 'absent\n'; exit 0; }
site_places() (
%s
)
places=$(site_places)
if [ -n "$places" ] && [ "$(printf '%%s\n' "$places" | wc -l)" -eq 1 ]; then
  cd "$places"
  places=
fi
"""

_ASK = r"""
printf 'directory\t%%s\n' "$(pwd -P)"
printf '%%s\n' "$places" | sed -n 's/./place	&/p'
site_files() {
%s
}
site_hash() {
%s
}
printf 'hash\t%%s\n' "$(site_files | site_hash)"
for page in _config.yml _config.yaml index.* _posts; do
  [ -e "$page" ] && printf 'has\t%%s\n' "$page"
done
(
%s
)
"""

_REPOSITORY = re.compile(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$")


@dataclass(frozen=True)
class Site:
    """A site's source, as it is.

    `hash` is of every file's name and content. `texts` are the files that decide about gems, whole;
    `cached_gems` what is in `vendor/cache`; `repository` is GitHub's "owner/name" for it, "" where
    it is of none. Not as the author has them: `submodules` that are not checked out, `pointers` of
    Git LFS, `dangling` links; `outside` are links that leave the site. `places` are the directories
    below, relative, that hold a Jekyll site, where it is not settled which is meant.
    """

    directory: str
    hash: str
    is_jekyll: bool
    texts: Mapping[str, str] = field(default_factory=dict)
    cached_gems: tuple[str, ...] = ()
    repository: str = ""
    submodules: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    dangling: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


class SiteSource(FactBase[Site | None]):
    """One site, or None where there is no such directory."""

    def command(self, path: str) -> str:
        """Every file is read, so that any change is noticed; POSIX sh, BSD and GNU tools."""
        texts = map(_text, ("site-files.sh", "site-hash.sh", "site-traits.sh"))
        return into_site(path) + _ASK % tuple(texts)

    def process(self, output: list[str]) -> Site | None:
        """Lines of `key<TAB>value`."""
        if "absent" in output:
            return None
        told: dict[str, list[str]] = defaultdict(list)
        for line in output:
            key, _, value = line.partition("\t")
            told[key].append(value)
        origins = (_REPOSITORY.search(url) for url in told["origin"])
        return Site(
            directory=told["directory"][0],
            hash=told["hash"][0],
            is_jekyll=bool(told["has"]),
            texts=_texts(told["text"]),
            cached_gems=tuple(told["cached"]),
            repository=next((origin[1] for origin in origins if origin), ""),
            submodules=tuple(told["submodule"]),
            pointers=tuple(told["pointer"]),
            dangling=tuple(told["dangling"]),
            outside=tuple(told["outside"]),
            places=tuple(told["place"]),
        )


def _text(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _texts(lines: list[str]) -> dict[str, str]:
    texts: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        name, _, text = line.partition("\t")
        texts[name].append(text.rstrip("\r"))
    return {name: "\n".join(text) + "\n" for name, text in texts.items()}


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
        # What a server says comes along; a line of its own must not be taken for a commit.
        local, remote = (_commit(told.get(key, "")) for key in ("local", "remote"))
        reason = told.get("reason", "" if remote else told.get("remote", ""))
        return Heads(local, remote, reason)


def _commit(told: str) -> str:
    return told if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", told) else ""


def into_site(path: str) -> str:
    """Shell text that goes to where the site is: the directory, or the only one below that holds a
    site. It says `absent` and ends where there is no such directory."""
    return _ENTER % (shell_path(path), _text("site-places.sh"))


def shell_path(path: str) -> str:
    """A path as a word for the shell; a leading `~/` is the home of the machine's user."""
    if path == "~" or path.startswith("~/"):
        return '"$HOME"' + shlex.quote(path[1:])
    return shlex.quote(path)
