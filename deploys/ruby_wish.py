"""Which Ruby and which Bundler a site is to have, and from where. Decides; changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from deploys.facts.mac_ruby import Manager, Origin, Ruby, RubyState, SiteBundle, Wish

DEFAULT = "3.4"

# Where a site leaves it open, in this order: Jekyll 4.4.1 is tested up to 3.4 and does not start on
# 4.0, which has no logger (jekyll/jekyll#9915), so that one is only for a site that insists.
_TRIED = ("3.4", "3.3", "3.2", "3.1", "3.0", "2.7", "4.0")

# Older ones have had their last release by 2026, and Homebrew drops those.
_OLDEST_FORMULA = (3, 3)

# String#untaint, which Bundler called before 2.1, is gone in Ruby 3.2 (rubygems/bundler#7385).
_WITHOUT_UNTAINT = (3, 2)
_OLDEST_BUNDLER = (2, 1)

_VERSION = re.compile(r"(?:ruby[- ])?(\d+(?:\.\d+){0,2})(?:-?p\d+)?(?:@\S+)?")
_REQUIREMENT = re.compile(r"(=|!=|>=|<=|>|<|~>)?\s*(\d+(?:\.\d+)*)")

Version = tuple[int, ...]


@dataclass(frozen=True)
class Wanted:
    """The Ruby to have: `version` is X.Y, or X.Y.Z where just that one is asked for.

    `source` is who asks ("" for nobody), `requirements` what its wish leaves open. `ignored` are
    wishes that could not be understood or met.
    """

    version: str
    source: str = ""
    requirements: tuple[str, ...] = ()
    ignored: tuple[Wish, ...] = ()

    @property
    def minor(self) -> str:
        """Major and minor version."""
        return ".".join(self.version.split(".")[:2])

    def accepts(self, version: str) -> bool:
        """Whether an installed Ruby is what is wanted."""
        exact = version == self.version or self.version == self.minor
        return exact and _minor(version) == self.minor and _meets(self.requirements, version)


@dataclass(frozen=True)
class Choice:
    """Where Ruby is to come from. `ruby` is the one that is there, None if it has to be installed:
    by `manager`, or from Homebrew's `formula`; `directory` is where it is then.

    `version` is the one that there will be: not what is wanted where that cannot be had.
    """

    wanted: Wanted
    origin: Origin
    version: str
    directory: str
    ruby: Ruby | None = None
    manager: Manager | None = None
    formula: str = ""

    @property
    def bin(self) -> str:
        """The directory of `ruby`, `gem` and `bundle`."""
        return f"{self.directory}/bin"


@dataclass(frozen=True)
class Bundler:
    """The Bundler to use: "" for whichever Ruby brings. `too_old` is one that the lock asks for and
    this Ruby cannot run."""

    version: str = ""
    missing: bool = False
    too_old: str = ""


def wanted_ruby(setting: str, wishes: Iterable[Wish], lock_ruby: str = "") -> Wanted:
    """The first that can be met: the setting, a version file, the Gemfile, the lock."""
    asked = [Wish("the setting ruby_version", setting)] if setting else []
    # The lock writes down what the author happened to use; another patch level will do.
    locked = re.match(r"ruby (\d+\.\d+)", lock_ruby)
    asked += [*wishes, *([Wish("Gemfile.lock", locked[1])] if locked else [])]
    ignored: list[Wish] = []
    for wish in asked:
        version, requirements = _understood(wish)
        if version:
            return Wanted(version, wish.source, requirements, tuple(ignored))
        if re.search(r"\d", wish.text):  # else `ruby file: ".ruby-version"`, `latest`, `system`
            ignored.append(wish)
    return Wanted(DEFAULT, ignored=tuple(ignored))


def choose(wanted: Wanted, state: RubyState, prefix: str) -> Choice:
    """A Ruby that is there, else what a version manager can build, else Homebrew's nearest."""
    there = [ruby for ruby in state.rubies if wanted.accepts(ruby.version)]
    if there:
        return _present(wanted, min(there, key=_preference))
    managers = {manager.origin: manager for manager in state.managers}
    for origin in get_args(Origin):
        if origin in managers:
            name = f"ruby-{wanted.version}" if origin == "chruby" else wanted.version
            directory = f"{managers[origin].versions}/{name}"
            manager = managers[origin]
            return Choice(wanted, origin, wanted.version, directory, manager=manager)
    major, minor, *_ = max(_numbers(wanted.version), _OLDEST_FORMULA)
    version = f"{major}.{minor}"
    kegs = [r for r in state.rubies if r.origin == "homebrew" and _minor(r.version) == version]
    if kegs:
        return _present(wanted, kegs[0])
    formula = f"ruby@{version}"
    return Choice(wanted, "homebrew", version, f"{prefix}/opt/{formula}", formula=formula)


def bundler_for(choice: Choice, site: SiteBundle) -> Bundler:
    """The Bundler that the site's lock asks for, as far as the Ruby can run it."""
    locked = site.bundled_with if site.has_lock else ""
    if not re.fullmatch(r"\d+\.\d+\.\d+", locked):
        return Bundler()
    too_old = _numbers(choice.version) >= _WITHOUT_UNTAINT and _numbers(locked) < _OLDEST_BUNDLER
    installed = choice.ruby.bundlers if choice.ruby else ()
    if not too_old:
        return Bundler(locked, missing=locked not in installed)
    usable = [version for version in installed if re.fullmatch(r"\d+\.\d+\.\d+", version)]
    return Bundler(max(usable, key=_numbers, default=""), too_old=locked)


def _present(wanted: Wanted, ruby: Ruby) -> Choice:
    return Choice(wanted, ruby.origin, ruby.version, ruby.directory, ruby=ruby)


def _preference(ruby: Ruby) -> tuple[int, Version]:
    newest_first = tuple(-number for number in _numbers(ruby.version))
    return get_args(Origin).index(ruby.origin), newest_first


def _understood(wish: Wish) -> tuple[str, tuple[str, ...]]:
    """A version and what else it has to meet, or "" for a wish that cannot be."""
    text = wish.text
    if wish.source.endswith(".toml"):
        text = next(iter(re.findall(r"[\"']([^\"']*)[\"']", text)), text)
    if wish.source == ".tool-versions":
        text = text.partition(" ")[0]
    if wish.source == "Gemfile":
        return _of_requirements(re.findall(r"[\"']([^\"']*)[\"']", text))
    plain = _VERSION.fullmatch(text.strip())
    if not plain:
        return "", ()
    return (plain[1], ()) if "." in plain[1] else _of_requirements([f"~> {plain[1]}.0"])


def _of_requirements(texts: list[str]) -> tuple[str, tuple[str, ...]]:
    requirements = tuple(text for text in texts if _REQUIREMENT.fullmatch(text))
    if not requirements:
        return "", ()
    for requirement in requirements:
        operator, version = _parts(requirement)
        if operator in (None, "=") and version.count(".") == 2:
            return version, ()
    fitting = (v for v in _TRIED if any(_meets(requirements, f"{v}.{z}") for z in range(100)))
    return next(fitting, ""), requirements


def _parts(requirement: str) -> tuple[str | None, str]:
    """Operator (None where there is none) and version of what `_REQUIREMENT` matches."""
    match = _REQUIREMENT.fullmatch(requirement)
    assert match, requirement
    return match[1], match[2]


def _meets(requirements: Iterable[str], version: str) -> bool:
    """Gem::Requirement's rules: `~> 3.2` is at least 3.2 and below 4; "3.4" is 3.4.0 to Ruby, but
    whoever writes so means any 3.4."""
    have = _numbers(version)
    for requirement in requirements:
        operator, text = _parts(requirement)
        asked = _numbers(text)
        width = max(len(have), len(asked))
        left, right = _padded(have, width), _padded(asked, width)
        answers = {
            None: have[: len(asked)] == asked,
            "=": have[: len(asked)] == asked,
            "!=": left != right,
            ">": left > right,
            "<": left < right,
            ">=": left >= right,
            "<=": left <= right,
            "~>": left >= right and have[: len(asked) - 1] == asked[:-1],
        }
        if not answers[operator]:
            return False
    return True


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in version.split("."))


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _padded(numbers: Version, width: int) -> Version:
    return numbers + (0,) * (width - len(numbers))
