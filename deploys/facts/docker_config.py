"""Docker's client on a Mac: its configuration, and the helpers and plugins that it finds."""

from __future__ import annotations

import base64
import shlex
from dataclasses import dataclass, field

from pyinfra.api import FactBase

from deploys.facts.mac_engine import FOLLOW_LINKS, SEARCH_PATH

PLUGINS = ("docker-compose", "docker-buildx")

# The client's own directories for plugins: docker/cli cli-plugins/manager/manager_unix.go.
_LOOK = (
    SEARCH_PATH
    + FOLLOW_LINKS
    + r"""
home=${DOCKER_CONFIG:-$HOME/.docker}
file=$home/config.json
printf 'file\t%s\n' "$file"
follow_links
printf 'target\t%s\n' "$file"
folder=${file%/*}
while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
if [ -w "$folder" ] && { [ ! -e "$file" ] || [ -w "$file" ]; }; then printf 'writable\n'; fi
if [ -f "$file" ] && [ -r "$file" ]; then
  printf 'sum\t%s\n' "$(cksum <"$file")"
  printf 'content\t%s\n' "$(base64 <"$file" | tr -d '\n')"
elif [ -e "$file" ]; then
  printf 'unreadable\n'
fi
look_for() {
  for plugin in docker-compose docker-buildx; do
    [ ! -x "$1/$plugin" ] || printf 'plugin\t%s\t%s\n' "$plugin" "$1"
  done
}
for place in "$home/cli-plugins" /usr/local/lib/docker/cli-plugins \
  /usr/local/libexec/docker/cli-plugins /usr/lib/docker/cli-plugins /usr/libexec/docker/cli-plugins
do look_for "$place"; done
for prefix in /opt/homebrew /usr/local; do
  [ -x "$prefix/bin/brew" ] || continue
  printf 'brew\t%s\n' "$prefix"
  look_for "$prefix/lib/docker/cli-plugins"
  break
done
IFS=:
for place in $PATH; do
  for helper in "$place"/docker-credential-*; do
    [ ! -x "$helper" ] || printf 'helper\t%s\n' "${helper##*/docker-credential-}"
  done
done
exit 0
"""
)


@dataclass(frozen=True)
class DockerConfigState:
    """The client's configuration and what it finds.

    `target` is the file itself where `file` is a link. `text` is its content, None where there is
    none; it may hold passwords, and is never shown. `plugins` are the directories that hold each of
    the plugins, in the client's own places and in Homebrew's; `brew` is Homebrew's prefix.
    """

    file: str
    target: str
    is_writable: bool
    is_readable: bool
    text: str | None = field(repr=False)
    sum: str
    helpers: frozenset[str]
    plugins: frozenset[tuple[str, str]]
    brew: str


class DockerConfig(FactBase[DockerConfigState]):
    """~/.docker/config.json, or the one that DOCKER_CONFIG names, as it is."""

    def command(self) -> str:
        """Reads files only; base64, so that line ends and any bytes come through as they are."""
        return _LOOK

    def process(self, output: list[str]) -> DockerConfigState:
        """Lines of `key<TAB>value`."""
        told = [line.split("\t", 1) for line in output]
        first = {key: value[0] if value else "" for key, *value in reversed(told)}
        content = first.get("content")
        return DockerConfigState(
            file=first["file"],
            target=first["target"],
            is_writable="writable" in first,
            is_readable="unreadable" not in first,
            text=None if content is None else _decoded(content),
            sum=first.get("sum", ""),
            helpers=frozenset(value[0] for key, *value in told if key == "helper"),
            plugins=frozenset(_pair(value[0]) for key, *value in told if key == "plugin"),
            brew=first.get("brew", ""),
        )


class DockerPlugins(FactBase[tuple[str, ...]]):
    """Which of the plugins are in some directories; asked only of those a user has configured."""

    def command(self, directories: tuple[str, ...]) -> str:
        """Looks at files only."""
        places = " ".join(map(shlex.quote, directories))
        return (
            f"for place in {places}; do for plugin in {' '.join(PLUGINS)}; do "
            '[ ! -x "$place/$plugin" ] || echo "$plugin"; done; done'
        )

    @staticmethod
    def default() -> tuple[str, ...]:
        """None is there."""
        return ()

    def process(self, output: list[str]) -> tuple[str, ...]:
        """One name a line."""
        return tuple(output)


def _decoded(content: str) -> str:
    return base64.b64decode(content).decode("utf-8", "surrogateescape")


def _pair(value: str) -> tuple[str, str]:
    name, _, place = value.partition("\t")
    return name, place
