"""Homebrew as the file system shows it: no `brew` process is started to read state.

Layout: Homebrew's documentation, and recordings of Homebrew 6 (`tests/maclab/recordings`).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pyinfra.api import FactBase

# Where Homebrew is, or would be put; `prefix` is only given by tests.
PLACE = r"""
prefix=%(prefix)s
if [ -z "$prefix" ]; then
  if [ "$(uname -m)" = arm64 ]; then prefix=/opt/homebrew; else prefix=/usr/local; fi
fi
repository=$prefix
[ -d "$prefix/Homebrew" ] && repository=$prefix/Homebrew
"""

# One pass of the shell's own patterns: a process for each keg would take seconds.
# - A late failure of the installer leaves bin/brew without the Ruby that all but a few commands
#   need; `brew --version` succeeds then. Homebrew keeps its own in vendor/portable-ruby.
# - A keg without a receipt is one that a killed installation left.
# - Homebrew keeps what git says of its own version in .git/describe-cache, by the revision that is
#   checked out (Homebrew/brew, Library/Homebrew/utils/git.sh).
# - Formulae say that they are keg-only in the copy of the recipe that each keg has.
_ASK = (
    PLACE
    + r"""
library=$repository/Library
printf 'place\t%%s\n' "$prefix"
[ -x "$prefix/bin/brew" ] && printf 'brew\n'
{ [ -e "$repository/.git" ] || [ -e "$library/Homebrew/brew.sh" ]; } && printf 'repository\n'
[ -e "$library/Homebrew/brew.sh" ] &&
  [ ! -x "$library/Homebrew/vendor/portable-ruby/current/bin/ruby" ] && printf 'no-ruby\n'
[ -e /etc/homebrew/brew.no_install ] && printf 'no-install\n'
printf 'app\t%%s\n' %(applications)s/*.app "$HOME"/Applications/*.app
printf '#trust\n'
cat "${XDG_CONFIG_HOME:-$HOME/.}${XDG_CONFIG_HOME:+/}homebrew/trust.json" 2>/dev/null
printf '\n#\n'
[ -x "$prefix/bin/brew" ] && cd "$prefix" || exit 0
printf 'owner\t%%s\n' "$(LC_ALL=C ls -ld "$repository" | awk '{ print $3 }')"
for place in "$repository" "$library/Taps" "$prefix/Cellar" "$prefix/Caskroom" "$prefix/opt" \
  "$prefix/bin" "$prefix/var/homebrew"; do
  [ -d "$place" ] && [ ! -w "$place" ] || continue
  printf 'denied\t%%s\n' "$place"
  printf 'of\t%%s\n' "$(LC_ALL=C ls -ld "$place" | awk '{ print $3 }')"
done
git=$repository/.git
if read -r head 2>/dev/null <"$git/HEAD"; then
  case $head in
    'ref: '*)
      reference=${head#'ref: '}
      if ! read -r revision 2>/dev/null <"$git/$reference"; then
        revision=$(sed -n "s|^\([0-9a-f]*\) $reference\$|\1|p" "$git/packed-refs" 2>/dev/null)
      fi ;;
    *) revision=$head ;;
  esac
  read -r version 2>/dev/null <"$git/describe-cache/$revision" && printf 'version\t%%s\n' "$version"
fi
printf 'keg\t%%s\n' Cellar/*/*/INSTALL_RECEIPT.json
printf 'cask\t%%s\n' Caskroom/*/.metadata/*/*/Casks/*
printf 'tap\t%%s\n' "$library"/Taps/*/homebrew-*
printf '#opt\n'
LC_ALL=C ls -l opt 2>/dev/null
printf '#linked\n'
LC_ALL=C ls -l var/homebrew/linked 2>/dev/null
printf '#keg-only\n'
grep -ls '^ *keg_only' Cellar/*/*/.brew/*.rb
exit 0
"""
)

_LINK = re.compile(r"(\S+) -> .*?Cellar/([^/]+)/([^/]+)/?$")


@dataclass(frozen=True)
class BrewState:
    """A Homebrew and what it has installed. `own_version` is "" where it does not tell.

    `prefix` is "" where there is no executable `brew`; `place` is where it is, or would be put.
    `works`: its repository and its Ruby are there; `lacks_ruby`: all but that. `owner` has the
    repository, `denied` are the directories that this user may not write, and `denied_of` those who
    have them. `no_install`: an administrator forbids to install it.

    `formulae` and `casks` have the installed versions by short name, a formula's only if its
    installation came to an end. `opt` maps the names in `opt/`, aliases among them, to formulae,
    `used` formulae to the version that is meant there; `linked` are those whose programs are in
    `bin/`, `keg_only` those that are not meant to be. `trusted` are the taps that the user trusts,
    by name or address, `trusted_parts` formulae and casks by full name. `applications` are the
    names of the apps that are there, whoever has put them there.
    """

    prefix: str = ""
    place: str = "/opt/homebrew"
    own_version: str = ""
    works: bool = False
    lacks_ruby: bool = False
    owner: str = ""
    denied: tuple[str, ...] = ()
    denied_of: frozenset[str] = frozenset()
    no_install: bool = False
    formulae: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    opt: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[str, str] = field(default_factory=dict)
    linked: frozenset[str] = frozenset()
    keg_only: frozenset[str] = frozenset()
    casks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    taps: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()
    trusted_parts: frozenset[str] = frozenset()
    applications: tuple[str, ...] = ()

    @property
    def owners(self) -> frozenset[str]:
        """Who has a part in it: the repository, or a directory that this user may not write."""
        return self.denied_of | {self.owner}

    def others(self, user: str) -> str:
        """Who else has a part in it, as words of a sentence."""
        return " and ".join(sorted(self.owners - {user, "root"}))

    def formula(self, name: str) -> str:
        """The installed formula that a name stands for: `jq`, an alias, `user/tap/jq`; or ""."""
        short = short_name(name)
        return short if short in self.formulae else self.opt.get(short, "")

    def version(self, formula: str) -> str:
        """The version of an installed formula that is used: others may lie beside it."""
        return self.used.get(formula) or self.formulae[formula][-1]

    def has(self, name: str) -> bool:
        """Whether the formula of this name is installed."""
        return bool(self.formula(name))

    def has_cask(self, name: str) -> bool:
        """Whether the cask of this name is installed, by Homebrew."""
        return short_name(name) in self.casks

    def is_unlinked(self, name: str) -> bool:
        """Whether it is installed, but its programs are not in `bin/` although they should be.

        Versioned formulae are keg-only by Homebrew's rules.
        """
        formula = self.formula(name)
        meant_to_be = formula in self.keg_only or "@" in formula
        return bool(formula) and not meant_to_be and formula not in self.linked

    def trusts(self, tap: str, url: str = "") -> bool:
        """Whether the user trusts a tap; its own are trusted by Homebrew."""
        return tap.startswith("homebrew/") or bool({tap, url} & self.trusted)

    def app_of(self, cask: str) -> str:
        """The app in place that has a cask's name by Homebrew's rule for naming; or ""."""
        token = short_name(cask)
        return next((app for app in self.applications if cask_name(app) == token), "")


class Homebrew(FactBase[BrewState]):
    """The Homebrew of this machine's processor, in one shell command."""

    def command(self, prefix: str = "", applications: str = "/Applications") -> str:
        """`prefix` is /opt/homebrew on Apple Silicon and /usr/local on Intel, if not given."""
        return _ASK % {"prefix": shlex.quote(prefix), "applications": shlex.quote(applications)}

    def process(self, output: list[str]) -> BrewState:
        """Lines of `key<TAB>value` and words; after `#NAME` come lines of another program."""
        told, sections = _sorted_out(output)
        place = told["place"][0]
        formulae = _versions(told.get("keg", ()), version=2)
        opt = _links(sections.get("opt", ()), formulae)
        linked = _links(sections.get("linked", ()), formulae)
        whole = "brew" in told and "repository" in told
        return BrewState(
            prefix=place if "brew" in told else "",
            place=place,
            own_version=told.get("version", [""])[0],
            works=whole and "no-ruby" not in told,
            lacks_ruby=whole and "no-ruby" in told,
            owner=told.get("owner", [""])[0],
            denied=tuple(told.get("denied", ())),
            denied_of=frozenset(told.get("of", ())),
            no_install="no-install" in told,
            formulae=formulae,
            opt={name: formula for name, formula, _ in opt},
            used={formula: version for _, formula, version in opt},
            linked=frozenset(formula for _, formula, _ in linked),
            keg_only=frozenset(one.split("/")[1] for one in sections.get("keg-only", ())),
            casks=_versions(told.get("cask", ()), version=3),
            taps=frozenset(_tap(path) for path in told.get("tap", ())),
            trusted=_trusted(sections.get("trust", ()), "taps"),
            trusted_parts=_trusted(sections.get("trust", ()), "formulae", "casks"),
            applications=tuple(path.rpartition("/")[2] for path in told.get("app", ())),
        )


def short_name(name: str) -> str:
    """`user/tap/jq` is `jq` in the Cellar."""
    return name.rpartition("/")[2]


def cask_name(app: str) -> str:
    """The cask that an app would have: `Visual Studio Code.app` is `visual-studio-code`.

    Homebrew's Cask Cookbook, "Token reference": without a version at the end, in lower case,
    spaces become hyphens, `+` becomes `-plus-`, `@` becomes `-at-`, the rest is left out.
    """
    name = re.sub(r"(?<=\S) +[0-9.]+$", "", app.removesuffix(".app")).lower()
    name = name.replace("+", "-plus-").replace("@", "-at-")
    name = re.sub(r"[ _·•]+", "-", name)
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9-]", "", name)).strip("-")


def _sorted_out(output: Iterable[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    told: dict[str, list[str]] = {}
    sections: dict[str, list[str]] = {}
    section = ""
    for line in output:
        if line.startswith("#"):
            section = line[1:]
        elif section:
            sections.setdefault(section, []).append(line)
        elif line:
            key, _, value = line.partition("\t")
            # A pattern that matched nothing stands for itself.
            if "*" not in value:
                told.setdefault(key, []).append(value)
    return told, sections


def _versions(paths: Iterable[str], *, version: int) -> dict[str, tuple[str, ...]]:
    """`Cellar/NAME/VERSION/…` by name; `version` is its place in the path."""
    found: dict[str, list[str]] = {}
    for path in paths:
        parts = path.split("/")
        versions = found.setdefault(parts[1], [])
        if parts[version] not in versions:
            versions.append(parts[version])
    return {name: tuple(versions) for name, versions in found.items()}


def _links(
    listing: Iterable[str], formulae: Mapping[str, tuple[str, ...]]
) -> list[tuple[str, str, str]]:
    """`ls -l`: each name with the formula and version it points to, if that is really there."""
    links = (link.groups() for link in filter(None, map(_LINK.search, listing)))
    return [
        (name, formula, version)
        for name, formula, version in links
        if version in formulae.get(formula, ())
    ]


def _tap(path: str) -> str:
    user, repository = path.split("/")[-2:]
    return f"{user}/{repository.removeprefix('homebrew-')}".lower()


def _trusted(lines: Iterable[str], *kinds: str) -> frozenset[str]:
    try:
        told = json.loads("\n".join(lines) or "{}")
    except ValueError:
        return frozenset()
    if not isinstance(told, dict):
        return frozenset()
    return frozenset(name for kind in kinds for name in told.get(f"trusted{kind}", ()))
