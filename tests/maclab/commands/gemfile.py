"""A site's Gemfile and Gemfile.lock, read line by line: what a Gemfile computes is not seen."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from .gem_catalogue import known
from .rubies import Ruby, newest

_QUOTED = re.compile(r"[\"']([^\"']*)[\"']")
_SECTION = re.compile(r"[A-Z][A-Z ]+")


@dataclass
class Gemfile:
    """The gems that are asked for, with their requirements, and those on Ruby itself."""

    gems: dict[str, list[str]] = field(default_factory=dict)
    ruby: list[str] = field(default_factory=list)


@dataclass
class Lock:
    """`specs` are the versions of each name, with their platforms where they have one; `needs`
    the names of what each depends on."""

    specs: dict[str, list[str]] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    platforms: list[str] = field(default_factory=list)
    bundled_with: str = ""


def read_gemfile(file: Path) -> Gemfile:
    told = Gemfile()
    for line in file.read_text().splitlines():
        _read_line(line.partition(" #")[0].strip(), file, told)
    return told


def _read_line(line: str, file: Path, told: Gemfile) -> None:
    names = _names(line)
    if ".each" in line and "gem name" in line:
        told.gems |= {name.replace("/", "-"): [] for name in names}
    elif line.startswith("dependencies.reject!"):
        told.gems = {k: v for k, v in told.gems.items() if k not in names}
    elif re.match(r"gem[ (]", line):
        name, *rest = _QUOTED.findall(line)
        told.gems[name] = [one for one in rest if re.match(r"[\d<>=~!]", one)]
    elif re.match(r"ruby[ (](?!.*file:)", line):
        told.ruby += _QUOTED.findall(line)
    elif line.startswith("eval_gemfile"):
        other = read_gemfile(file.parent / _QUOTED.findall(line)[0])
        told.gems |= other.gems
        told.ruby += other.ruby
    elif line == "gemspec":
        told.gems |= _of_specifications(file.parent)


def _names(line: str) -> list[str]:
    listed = re.search(r"\[[^\]]*\]", line)
    names: list[str] = json.loads(listed[0]) if listed and "|" in line else []
    return names


def _of_specifications(folder: Path) -> dict[str, list[str]]:
    found: list[str] = []
    for specification in folder.glob("*.gemspec"):
        found += re.findall(r"add_(?:runtime_)?dependency[ (]+(.*)", specification.read_text())
    return {words[0]: words[1:] for words in map(_QUOTED.findall, found)}


def read_lock(file: Path) -> Lock:
    lock, section, name = Lock(), "", ""
    for line in file.read_text().splitlines():
        if _SECTION.fullmatch(line):
            section = line
        elif section == "GEM" and (found := re.fullmatch(r" {4}(\S+) \((.+)\)", line)):
            name = found[1]
            lock.specs.setdefault(name, []).append(found[2])
        elif section == "GEM" and (found := re.match(r" {6}([^\s!]+)", line)):
            lock.needs.setdefault(name, []).append(found[1])
        elif section == "PLATFORMS" and line.strip():
            lock.platforms.append(line.strip())
        elif section == "BUNDLED WITH" and line.strip():
            lock.bundled_with = line.strip()
    return lock


def add_platform(file: Path, platform: str) -> None:
    """What `bundle lock --add-platform` does to a lock that is there."""
    text = file.read_text()
    file.write_text(text.replace("\nPLATFORMS\n", f"\nPLATFORMS\n  {platform}\n", 1))


def write_lock(file: Path, gemfile: Gemfile, chosen: dict[str, str], ruby: Ruby) -> None:
    lines = ["GEM", "  remote: https://gems.example.org/", "  specs:"]
    for name, version in sorted(chosen.items()):
        lines.append(f"    {name} ({version})")
        lines += [f"      {need}" for need in sorted(known(name).needs)]
    lines += ["", "PLATFORMS", f"  {ruby.platform}", "", "DEPENDENCIES"]
    for name, requirements in sorted(gemfile.gems.items()):
        wanted = f" ({', '.join(requirements)})" if requirements else ""
        lines.append(f"  {name}{wanted}")
    lines += ["", "BUNDLED WITH", f"   {ruby.bundler}", ""]
    file.write_text("\n".join(lines))


def knows(lock: Lock, platform: str) -> bool:
    """Whether a lock is good on a platform such as arm64-darwin-27."""
    return any(_matches(one, platform) for one in lock.platforms) or "ruby" in lock.platforms


def choose(gemfile: Gemfile, lock: Lock | None, ruby: Ruby) -> dict[str, str]:
    """Name -> version, with its platform where it is prebuilt: the lock's, else the newest."""
    chosen: dict[str, str] = {}
    coming = list(gemfile.gems)
    while coming:
        name = coming.pop(0)
        if name in chosen or name == "bundler":
            continue
        if lock and name in lock.specs:
            chosen[name] = _of_platform(lock.specs[name], ruby.platform)
            coming += lock.needs.get(name, [])
        else:
            chosen[name] = _newest(name, gemfile.gems.get(name, []), ruby)
            coming += known(name).needs
    return dict(sorted(chosen.items()))


def satisfies(version: str, requirement: str) -> bool:
    """Gem::Requirement's rules."""
    match = re.fullmatch(r"([<>=~!]*)\s*(\d[\w.]*)", requirement.strip())
    assert match, requirement
    operator, text = match.groups()
    have, asked = _numbers(version), _numbers(text)
    width = max(len(have), len(asked))
    left, right = have + (0,) * (width - len(have)), asked + (0,) * (width - len(asked))
    return {
        "": left == right,
        "=": left == right,
        "!=": left != right,
        ">": left > right,
        "<": left < right,
        ">=": left >= right,
        "<=": left <= right,
        "~>": left >= right and have[: len(asked) - 1] == asked[:-1],
    }[operator]


def _newest(name: str, requirements: list[str], ruby: Ruby) -> str:
    version = newest(ruby.call, name)
    for requirement in requirements:
        exact = re.fullmatch(r"(?:=\s*)?(\d[\w.]*)", requirement)
        version = exact[1] if exact else version
    prebuilt = known(name).kind == "prebuilt"
    return f"{version}-{ruby.platform.rpartition('-')[0]}" if prebuilt else version


def _of_platform(versions: list[str], platform: str) -> str:
    for one in versions:
        _, dash, built_for = one.partition("-")
        if dash and _matches(built_for, platform):
            return one
    return next((one for one in versions if "-" not in one), versions[0])


def _matches(one: str, platform: str) -> bool:
    arch, _, darwin = platform.partition("-darwin-")
    fitting = (f"{arch}-darwin", platform, "universal-darwin", f"universal-darwin-{darwin}")
    return one in fitting


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
