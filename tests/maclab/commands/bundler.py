"""Bundler: check, install, exec, lock, config, pristine. Exit codes are those of its own errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import ruby_scripts
from .call import Call, command
from .developer_tools import has_tools
from .docker import hand_over
from .gem_catalogue import known
from .gemfile import (
    Gemfile,
    Lock,
    add_platform,
    choose,
    knows,
    read_gemfile,
    read_lock,
    satisfies,
    write_lock,
)
from .rubies import (
    Gems,
    InstalledGem,
    Ruby,
    reaches,
    remove_gem,
    ruby_of,
    unbuilt,
    writable,
    write_gem,
)

REGISTRY = "gems.example.org"
NO_COMPILER = """Gem::Ext::BuildError: ERROR: Failed to build gem native extension.

The compiler failed to generate an executable file.
You have to install development tools first.
"""


class Refused(Exception):
    """Bundler ends: its exit code and its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class _Bundle:
    """A site's bundle, as one run of Bundler sees it."""

    call: Call
    ruby: Ruby
    bundler: str
    file: Path
    gemfile: Gemfile
    lock: Lock | None
    config: dict[str, str]

    @property
    def lock_file(self) -> Path:
        return self.file.with_name(f"{self.file.name}.lock")

    @property
    def frozen(self) -> bool:
        told = (self.setting("frozen"), self.setting("deployment"))
        return any(one in ("true", "1") for one in told)

    @property
    def homes(self) -> list[Path]:
        """Where gems are looked for; the first is where they are put."""
        path = self.setting("path")
        if not path:
            return self.ruby.gem_path
        there = self.call.path(path) if path.startswith("/") else self.file.parent / path
        return [there / "ruby" / self.ruby.abi]

    @property
    def chosen(self) -> dict[str, str]:
        return choose(self.gemfile, self.lock, self.ruby)

    def setting(self, name: str) -> str:
        key = f"BUNDLE_{name.upper()}"
        return self.call.env.get(key) or self.config.get(key, "")

    def gems(self) -> tuple[list[InstalledGem], list[InstalledGem]]:
        """Those that are there, and those that are missing; what was not built does not count."""
        there = {gem.full_name: gem for gem in self.ruby.installed(self.homes)}
        found, missing = [], []
        for name, version in self.chosen.items():
            number, _, platform = version.partition("-")
            gem = InstalledGem(self.homes[0], name, number, platform)
            here = there.get(gem.full_name)
            if here and not unbuilt(self.ruby, here):
                found.append(here)
            else:
                missing.append(gem)
        return found, missing


def bundle(call: Call) -> int:
    ruby = ruby_of(call)
    verb, *words = call.argv or ["install"]
    if verb in ("-v", "--version", "version"):
        version = _running(call, ruby)
        call.out(version if ruby.minor >= "4.0" else f"Bundler version {version}")
        return 0
    if verb == "config":
        return _config(call, words)
    verbs: dict[str, Callable[[_Bundle, list[str]], int]] = {
        "check": _check,
        "install": _install,
        "exec": _exec,
        "lock": _lock,
        "pristine": _pristine,
    }
    if verb not in verbs:
        return call.fails(f'Could not find command "{verb}".', 15)
    try:
        return verbs[verb](_read(call, ruby), words)
    except Refused as refused:
        return call.fails(str(refused), refused.code)


for _name in ("bundle", "bundler"):
    command(
        _name,
        f"/usr/bin/{_name}",
        source="facts macos 6 (captures of exit 16 and 18, of a missing Bundler, of LoadErrors); "
        "rubygems/rubygems, bundler/lib/bundler/errors.rb for exit codes",
        guesses=(
            "there on macOS 27, as on every Mac before",
            "Fetching and Installing a line each; progress dots; counts",
            "a lock that is not frozen learns of this platform by itself",
            "Bundler 4 says of the platform what Bundler 2 does",
            "jekyll build writes one page; no other executable but ruby and jekyll",
        ),
    )(bundle)


# What Bundler looks at before it does anything


def _read(call: Call, ruby: Ruby) -> _Bundle:
    """Raises:
    Refused: no Gemfile, another Bundler, another Ruby, another platform.
    """
    told = call.env.get("BUNDLE_GEMFILE")
    file = call.path(told) if told else _found(call)
    if file is None or not file.exists():
        raise Refused(10, "Could not locate Gemfile or .bundle/ directory")
    lock_file = file.with_name(f"{file.name}.lock")
    lock = read_lock(lock_file) if lock_file.exists() else None
    version = _running(call, ruby, lock, lock_file)
    config = _settings(call, file.parent)
    made = _Bundle(call, ruby, version, file, read_gemfile(file), lock, config)
    wrong = [one for one in made.gemfile.ruby if not satisfies(ruby.version, one)]
    if wrong:
        wanted = ", ".join(made.gemfile.ruby)
        said = f"Your Ruby version is {ruby.version}, but your Gemfile specified {wanted}"
        raise Refused(18, said)
    if made.frozen and lock and not knows(lock, ruby.platform):
        listed = ", ".join(f'"{one}"' for one in lock.platforms)
        raise Refused(
            16,
            f"Your bundle only supports platforms [{listed}] but your local platform\n"
            f"is {ruby.platform}. Add the current platform to the lockfile with\n"
            f"`bundle lock --add-platform {ruby.platform}` and try again.",
        )
    return made


def _found(call: Call) -> Path | None:
    folders = [call.cwd, *call.cwd.parents]
    return next((one / "Gemfile" for one in folders if (one / "Gemfile").exists()), None)


def _running(call: Call, ruby: Ruby, lock: Lock | None = None, file: Path | None = None) -> str:
    """The Bundler that runs: the one that is asked for if it is there, else the newest.

    Raises:
        Refused: the one that the lock asks for is not there, and this RubyGems insists.
    """
    there = [gem.version for gem in ruby.installed(ruby.gem_path) if gem.name == "bundler"]
    asked = call.env.get("BUNDLER_VERSION") or (lock.bundled_with if lock else "")
    insists = ruby.minor < "3.1" or call.state(Gems).strict_bundler
    if asked and asked not in there and lock and file and insists:
        path = f"/{file.relative_to(call.root)}"
        raise Refused(
            1,
            f"Could not find 'bundler' ({asked}) required by your {path}. "
            "(Gem::GemNotFoundException)\n"
            "To update to the latest version installed on your system, run "
            "`bundle update --bundler`.\n"
            f"To install the missing version, run `gem install bundler:{asked}`",
        )
    return asked if asked in there else max(there, key=numbers)


def numbers(version: str) -> list[int]:
    """A version as what it is compared by."""
    return [int(part) for part in re.findall(r"\d+", version)]


# Its settings


def _settings_folder(call: Call, folder: Path) -> Path:
    told = call.env.get("BUNDLE_APP_CONFIG")
    return call.path(told) if told else folder / ".bundle"


def _settings(call: Call, folder: Path) -> dict[str, str]:
    told: dict[str, str] = {}
    for file in (call.home / ".bundle/config", _settings_folder(call, folder) / "config"):
        text = file.read_text() if file.exists() else ""
        told |= dict(re.findall(r'^(BUNDLE_\w+): "?([^"\n]*)"?$', text, re.MULTILINE))
    return told


def _config(call: Call, words: list[str]) -> int:
    """`config set [--local|--global] NAME VALUE`, or without `set`."""
    everywhere = "--global" in words
    names = [word for word in words if word not in ("set", "--local", "--global")]
    folder = (_found(call) or call.cwd / "Gemfile").parent
    file = call.home / ".bundle" if everywhere else _settings_folder(call, folder)
    if len(names) < 2:
        for key, value in _settings(call, folder).items():
            call.out(f"{key.removeprefix('BUNDLE_').lower()}\n{value}")
        return 0
    key = f"BUNDLE_{names[0].upper().replace('.', '__').replace('-', '___')}"
    file.mkdir(parents=True, exist_ok=True)
    told = _settings(call, folder) | {key: " ".join(names[1:])}
    lines = [f'{name}: "{value}"\n' for name, value in told.items()]
    (file / "config").write_text("---\n" + "".join(lines))
    return 0


# Verbs


def _check(bundle: _Bundle, words: list[str]) -> int:
    _, missing = bundle.gems()
    if not missing:
        _note(bundle)
        bundle.call.out("The Gemfile's dependencies are satisfied")
        return 0
    if bundle.lock is None:
        said = "Bundler can't satisfy your Gemfile's dependencies."
    else:
        names = "".join(f"\n * {gem.name} ({gem.version})" for gem in missing)
        said = f"The following gems are missing{names}"
    return bundle.call.fails(f"{said}\nInstall missing gems with `bundle install`")


def _install(bundle: _Bundle, words: list[str]) -> int:
    call, ruby = bundle.call, bundle.ruby
    lacking = [name for name in bundle.gemfile.gems if name not in (bundle.lock or Lock()).specs]
    if bundle.frozen and bundle.lock is None:
        raise Refused(
            16,
            "The deployment setting requires a lockfile. Please make sure you have checked your "
            "Gemfile.lock into version control before deploying.",
        )
    if bundle.frozen and lacking:
        added = "".join(f"\n* {name}" for name in lacking)
        raise Refused(
            16,
            "The gemfile and the lockfile do not match, but the bundle is frozen.\n"
            f"You have added to the Gemfile:{added}",
        )
    _, missing = bundle.gems()
    home = f"/{bundle.homes[0].relative_to(call.root)}"
    if missing and not writable(ruby, bundle.homes[0]):
        raise Refused(23, f"There was an error while trying to write to `{home}/cache`.")
    if missing:
        _fetch(call)
    for gem in missing:
        _install_one(bundle, gem)
    _note(bundle)
    number = len(bundle.gemfile.gems)
    count = f"{number} Gemfile dependenc{'y' if number == 1 else 'ies'}"
    call.out(f"Bundle complete! {count}, {len(bundle.chosen) + 1} gems now installed.")
    path = bundle.setting("path")
    call.out(
        f"Bundled gems are installed into `{path}`"
        if path
        else "Use `bundle info [gemname]` to see where a bundled gem is installed."
    )
    return 0


def _fetch(call: Call) -> None:
    if reaches(call, REGISTRY):
        call.out(f"Fetching gem metadata from https://{REGISTRY}/.........")
        return
    address = f"https://{REGISTRY}/"
    call.out(f"Fetching source index from {address}\n")
    for attempt in (2, 3, 4):
        call.err(
            f"Retrying fetcher due to error ({attempt}/4): Bundler::HTTPError Could not fetch "
            f"specs from {address}"
        )
    raise Refused(17, f"Could not fetch specs from {address}")


def _install_one(bundle: _Bundle, gem: InstalledGem) -> None:
    call = bundle.call
    built = known(gem.name).kind != "ruby" and not gem.platform
    call.out(f"Fetching {gem.name} {gem.version}")
    extra = " with native extensions" if built else ""
    call.out(f"Installing {gem.name} {gem.version}{extra}")
    if built and not has_tools(call):
        raise Refused(
            5,
            f"{NO_COMPILER}\nAn error occurred while installing {gem.name} ({gem.version}), and "
            "Bundler cannot continue.",
        )
    write_gem(bundle.ruby, gem)


def _note(bundle: _Bundle) -> None:
    """Write the lock, where there is none; an unfrozen one learns of this platform."""
    if bundle.lock is None:
        write_lock(bundle.lock_file, bundle.gemfile, bundle.chosen, bundle.ruby)
    elif not bundle.frozen and not knows(bundle.lock, bundle.ruby.platform):
        add_platform(bundle.lock_file, bundle.ruby.platform)


def _lock(bundle: _Bundle, words: list[str]) -> int:
    names = [word for word in words if not word.startswith("--")]
    if bundle.lock is None:
        if not reaches(bundle.call, REGISTRY):
            _fetch(bundle.call)
        write_lock(bundle.lock_file, bundle.gemfile, bundle.chosen, bundle.ruby)
    known_platforms = read_lock(bundle.lock_file).platforms
    for platform in names if "--add-platform" in words else []:
        if platform not in known_platforms:
            add_platform(bundle.lock_file, platform)
    path = f"/{bundle.lock_file.relative_to(bundle.call.root)}"
    bundle.call.out(f"Writing lockfile to {path}")
    return 0


def _pristine(bundle: _Bundle, words: list[str]) -> int:
    found, missing = bundle.gems()
    _fetch(bundle.call)
    for gem in [*found, *missing]:
        if not words or gem.name in words:
            remove_gem(bundle.ruby, gem)
            _install_one(bundle, gem)
    return 0


def _exec(bundle: _Bundle, words: list[str]) -> int:
    call = bundle.call
    found, missing = bundle.gems()
    if missing:
        names = ", ".join(gem.full_name for gem in missing)
        raise Refused(
            7,
            f"Could not find {names} in locally installed gems\n"
            "Run `bundle install` to install missing gems.",
        )
    program, *rest = words or [""]
    if Path(program).name == "ruby":
        return ruby_scripts.run(call, bundle.ruby, rest, found)
    if program == "jekyll" and "jekyll" in bundle.chosen:
        return ruby_scripts.jekyll(call, bundle.ruby, rest, found)
    if program.startswith("/") and call.path(program).exists():
        return hand_over(call, call.path(program), rest)
    return call.fails(
        f"bundler: command not found: {program}\n"
        "Install missing gem executables with `bundle install`",
        127,
    )
