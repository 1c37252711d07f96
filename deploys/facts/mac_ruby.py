"""Ruby on a Mac: which there are, what could install more, what the site asks for, whether its gems
were found in order. Read from files alone: no Ruby is started, and no version manager."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, cast

from pyinfra.api import FactBase

from deploys.facts.site import into_site

Origin = Literal["rbenv", "mise", "asdf", "chruby", "homebrew"]

GEMS = ".cache/bootstrapper/gems"

# Version managers are known by their directories and programs; what a shell's start-up files set is
# not asked. Homebrew's gems lie outside of the keg, under the version of Ruby's ABI
# (Homebrew/homebrew-core, Formula/r/ruby@3.3.rb: rubygems_bindir, default_dir). A keg without a
# receipt is one that a killed installation left.
# A library that is gone is found in what Ruby and its gems are linked against: the load commands at
# the beginning of a Mach-O file (rbenv/rbenv#1197). /usr/lib's are in no file since macOS 11, and
# otool(1), which would tell, is a stub where the command line tools are gone.
_ASK = r"""
prefix=%(prefix)s
bundlers() {
  for gem in "$2"/gems/bundler-[0-9]*; do
    [ -d "$gem" ] && printf 'bundler\t%%s\t%%s\n' "$1" "${gem##*/bundler-}"
  done
}
gone() {
  whose=$1
  shift
  head -c 32768 "$@" 2>/dev/null | LC_ALL=C tr -c '[:print:]' '\n' |
    sed -n '/^\/.*\.dylib$/p' | sort -u | while IFS= read -r library; do
    case $library in /usr/lib/* | /System/* | */libruby*) continue ;; esac
    [ -e "$library" ] || printf 'gone\t%%s\t%%s\n' "$whose" "$library"
  done
}
linked() {
  gone "$1" "$1"/bin/ruby "$1"/lib/libruby*.dylib \
    "$1"/lib/ruby/[0-9]*/*-darwin*/openssl.bundle "$1"/lib/ruby/[0-9]*/*-darwin*/psych.bundle
}
rubies() {
  for ruby in "$2"/*/bin/ruby; do
    home=${ruby%%/bin/ruby}
    [ -x "$ruby" ] && [ ! -L "$home" ] || continue
    printf 'ruby\t%%s\t%%s\t%%s\n' "$1" "$home" "${home##*/}"
    for abi in "$home"/lib/ruby/gems/*; do
      [ -d "$abi" ] || continue
      printf 'abi\t%%s\t%%s\n' "$home" "${abi##*/}"
      bundlers "$home" "$abi"
    done
    linked "$home"
  done
}
manager() {
  name=$1 versions=$2
  shift 2
  for program in "$@" "$(command -v "${1##*/}")"; do
    [ -x "$program" ] || continue
    printf 'manager\t%%s\t%%s\t%%s\n' "$name" "$program" "$versions"
    return
  done
}
rbenv=${RBENV_ROOT:-$HOME/.rbenv}
mise=${MISE_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/mise}/installs/ruby
asdf=${ASDF_DATA_DIR:-$HOME/.asdf}
rubies rbenv "$rbenv/versions"
rubies mise "$mise"
rubies asdf "$asdf/installs/ruby"
rubies chruby "$HOME/.rubies"
rubies chruby /opt/rubies
for builder in "$rbenv/plugins/ruby-build/bin" "$prefix/bin" /usr/local/bin; do
  [ -x "$builder/rbenv-install" ] || continue
  manager rbenv "$rbenv/versions" "$rbenv/bin/rbenv" "$prefix/bin/rbenv" /usr/local/bin/rbenv
  break
done
manager mise "$mise" "$HOME/.local/bin/mise" "$prefix/bin/mise" /usr/local/bin/mise
[ -d "$asdf/plugins/ruby" ] &&
  manager asdf "$asdf/installs/ruby" "$asdf/bin/asdf" "$prefix/bin/asdf" /usr/local/bin/asdf
for chruby in "$HOME/.rubies" "$prefix/share/chruby/chruby.sh" /usr/local/share/chruby/chruby.sh; do
  [ -e "$chruby" ] || continue
  manager chruby "$HOME/.rubies" "$prefix/bin/ruby-install" /usr/local/bin/ruby-install
  break
done
for opt in "$prefix"/opt/ruby "$prefix"/opt/ruby@*; do
  [ -x "$opt/bin/ruby" ] && [ -e "$opt/INSTALL_RECEIPT.json" ] || continue
  keg=$(cd "$opt" && pwd -P)
  printf 'ruby\thomebrew\t%%s\t%%s\n' "$opt" "${keg##*/}"
  for abi in "$opt"/lib/ruby/gems/*; do
    [ -d "$abi" ] || continue
    printf 'abi\t%%s\t%%s\n' "$opt" "${abi##*/}"
    bundlers "$opt" "$abi"
    bundlers "$opt" "$prefix/lib/ruby/gems/${abi##*/}"
  done
  linked "$opt"
done
printf 'home\t%%s\n' "$HOME"
printf 'system\t%%s\t%%s\n' "$(uname -m)" "$(uname -r)"
for stamp in "$HOME"/%(gems)s/*/stamp; do
  [ -f "$stamp" ] || continue
  key=${stamp%%/stamp}
  printf 'stamp\t%%s\t%%s\n' "${key##*/}" "$(cat "$stamp")"
  printf "gem\\t${key##*/}\\t%%s\\n" "$key"/ruby/*/specifications/*.gemspec
  gone "${key##*/}" "$key"/ruby/*/extensions/*/*/*/*.bundle \
    "$key"/ruby/*/extensions/*/*/*/*/*.bundle
done
%(enter)s
site=$(pwd -P)
printf 'site\t%%s\n' "$site"
[ -f Gemfile ] && printf 'has\tGemfile\n'
for name in _config.yml _config.yaml; do [ -f "$name" ] && printf 'has\t%%s\n' "$name"; done
there=$site
while :; do
  for name in .ruby-version .tool-versions mise.toml .mise.toml; do
    [ -f "$there/$name" ] || continue
    case $name in
      .ruby-version)
        wish=$(sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d' -e q "$there/$name") ;;
      .tool-versions) wish=$(sed -n 's/^[[:space:]]*ruby[[:space:]]\{1,\}//p' "$there/$name") ;;
      *) wish=$(awk '/^[ \t]*\[/ { tools = $0 ~ /^[ \t]*\[tools\]/; next }
          tools && /^[ \t]*"?ruby"?[ \t]*=/ { sub(/^[^=]*=[ \t]*/, ""); print; exit }' \
          "$there/$name") ;;
    esac
    [ -n "$wish" ] && printf 'wish\t%%s\t%%s\n' "$name" "$(printf '%%s\n' "$wish" | sed q)"
  done
  if [ -e "$there/.git" ] || [ "$there" = "$HOME" ] || [ -z "$there" ]; then break; fi
  there=${there%%/*}
done
[ -f Gemfile ] &&
  sed -n 's/^[[:space:]]*ruby[[:space:](]\{1,\}\([^#]*\).*/wish	Gemfile	\1/p' Gemfile
[ -f Gemfile.lock ] && awk '/^[A-Z]/ { section = $0; next }
  /^ / && section ~ /^(PLATFORMS|RUBY VERSION|BUNDLED WITH)$/ {
    sub(/^ +/, ""); print "lock\t" section "\t" $0 }' Gemfile.lock
grep -qsE "^ {4}logger \(|^[^#]*gem[ (]+.logger." Gemfile.lock Gemfile && printf 'has\tlogger\n'
for name in Gemfile Gemfile.lock _config.yml _config.yaml *.gemspec; do
  [ -f "$name" ] && printf 'sum\t%%s\t%%s\n' "$name" "$(cksum <"$name" | awk '{ print $1, $2 }')"
done
exit 0
"""


@dataclass(frozen=True)
class Ruby:
    """An installed Ruby. `directory` holds its `bin`; `build` is the whole name of its version,
    for a keg perhaps with a revision (3.4.10_1); `abi` is the directory of its gems ("3.4.0").
    `lacks` are the libraries that it needs and that are not there."""

    origin: Origin
    directory: str
    version: str
    build: str
    abi: str = ""
    bundlers: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manager:
    """A version manager that can install a Ruby, into a directory below `versions`."""

    origin: Origin
    program: str
    versions: str


@dataclass(frozen=True)
class Wish:
    """What a file of the site says about Ruby's version, as it is written there."""

    source: str
    text: str


@dataclass(frozen=True)
class SiteBundle:
    """What a site's files tell of its gems. `sums` are cksum(1)'s words on the files that decide;
    `bundled_with` and `lock_ruby` are "" where the lock does not name them."""

    directory: str
    has: frozenset[str]
    sums: dict[str, str] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    bundled_with: str = ""
    lock_ruby: str = ""

    @property
    def has_lock(self) -> bool:
        """Whether the versions of its gems are settled."""
        return "Gemfile" in self.has and "Gemfile.lock" in self.sums


@dataclass(frozen=True)
class RubyState:
    """All of it. `architecture` and `darwin` (its major version) are the machine's. `stamps` are
    of gems that were found in order: directory's name -> what they were found in order for.
    `lacking` has the libraries that some of these gems need, and that are not there; `gems` are
    their versions, by the gem's name."""

    home: str
    architecture: str
    darwin: int
    rubies: tuple[Ruby, ...]
    managers: tuple[Manager, ...]
    wishes: tuple[Wish, ...]
    site: SiteBundle | None
    stamps: dict[str, str]
    lacking: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gems: dict[str, tuple[str, ...]] = field(default_factory=dict)


class RubyOnMac(FactBase[RubyState]):
    """Everything about Ruby that the stage has to know, in one shell command."""

    def command(self, site: str, prefix: str) -> str:
        """`site` may begin with `~/`, or be above the site; `prefix` is Homebrew's."""
        return _ASK % {"enter": into_site(site), "prefix": shlex.quote(prefix), "gems": GEMS}

    def process(self, output: list[str]) -> RubyState:
        """Lines of fields with a tab between them; the first names the kind."""
        rows = [tuple(line.split("\t")) for line in output if "\t" in line]
        _, architecture, release = next(row for row in rows if row[0] == "system")
        return RubyState(
            home=next(row[1] for row in rows if row[0] == "home"),
            architecture=architecture,
            darwin=int(release.partition(".")[0]),
            rubies=_rubies(rows),
            managers=tuple(
                Manager(cast(Origin, origin), *fields)
                for kind, origin, *fields in rows
                if kind == "manager"
            ),
            wishes=tuple(Wish(row[1], row[2].strip()) for row in rows if row[0] == "wish"),
            site=_site(rows),
            stamps={row[1]: row[2] for row in rows if row[0] == "stamp"},
            lacking={
                row[1]: libraries
                for row in rows
                if row[0] == "stamp" and (libraries := _gone(rows, row[1]))
            },
            gems=_gems(row[2] for row in rows if row[0] == "gem"),
        )


def _rubies(rows: list[tuple[str, ...]]) -> tuple[Ruby, ...]:
    found = []
    for kind, *fields in rows:
        if kind != "ruby":
            continue
        origin, directory, build = fields
        version = re.fullmatch(r"(?:ruby-)?(\d+\.\d+\.\d+)(?:_\d+)?", build)
        if version:  # else JRuby, a preview, a directory of the user's own
            mine = [row for row in rows if row[0] in ("abi", "bundler") and row[1] == directory]
            abi = next((row[2] for row in mine if row[0] == "abi"), "")
            bundlers = dict.fromkeys(row[2] for row in mine if row[0] == "bundler")
            lacks = _gone(rows, directory)
            where = (cast(Origin, origin), directory)
            found.append(Ruby(*where, version[1], build, abi, tuple(bundlers), lacks))
    return tuple(found)


def _gems(specifications: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """By RubyGems' rule for the names of these files: `nokogiri-1.18.9-arm64-darwin.gemspec`."""
    found: dict[str, dict[str, None]] = {}
    for path in specifications:
        if named := re.search(r"/([^/*]+?)-(\d[^-/]*)(?:-[^/]*)?\.gemspec$", path):
            found.setdefault(named[1], {})[named[2]] = None
    return {name: tuple(versions) for name, versions in sorted(found.items())}


def _gone(rows: list[tuple[str, ...]], whose: str) -> tuple[str, ...]:
    return tuple(row[2] for row in rows if row[:2] == ("gone", whose))


def _site(rows: list[tuple[str, ...]]) -> SiteBundle | None:
    directory = next((row[1] for row in rows if row[0] == "site"), None)
    if directory is None:
        return None
    lock = [(row[1], row[2]) for row in rows if row[0] == "lock"]
    return SiteBundle(
        directory=directory,
        has=frozenset(row[1] for row in rows if row[0] == "has"),
        sums={row[1]: row[2] for row in rows if row[0] == "sum"},
        platforms=tuple(value for section, value in lock if section == "PLATFORMS"),
        bundled_with=dict(lock).get("BUNDLED WITH", ""),
        lock_ruby=dict(lock).get("RUBY VERSION", ""),
    )
