"""Ruby on a Mac, and the site's gems for `bundle exec jekyll serve`. Never the system's own Ruby;
nothing is written into the site."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from pyinfra.api import FileUploadCommand, QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.build import FILES, files_hash, site_directory
from deploys.changes import change, left
from deploys.facts.homebrew import Homebrew
from deploys.facts.mac_ruby import GEMS, RubyOnMac, RubyState, SiteBundle
from deploys.findings import found
from deploys.operations import Commands, homebrew, ruby_repair
from deploys.ruby_wish import Bundler, Choice, Wanted, bundler_for, choose, wanted_ruby
from deploys.settings import Settings

_SCRIPTS = (("ruby", ("site-gems.sh", "load.rb")), ("blog", ("gems.rb", "pages.rb", "wishes.rb")))
_BUILD_SECONDS = 3600

Steps = Generator[StringCommand | FileUploadCommand, None, None]


@dataclass(frozen=True)
class SiteGems:
    """The gems of a site for one Ruby: where they are, the environment to use them in, and the
    stamp that says they were found in order."""

    directory: str
    environment: dict[str, str]
    stamp: str
    in_order: bool


@operation()
def installed(settings: Settings) -> Commands:
    """Have the Ruby that is asked for: the one that is there, a version manager's, Homebrew's."""
    choice = ruby_of(settings)
    _say_what_differs(choice, ruby_state(settings).site)
    if choice.ruby:
        if choice.ruby.lacks:
            yield from ruby_repair.built_again(choice, ruby_state(settings).managers)
        return
    if choice.formula:
        yield from homebrew.formulae._inner(
            names=[choice.formula], purpose="`bundle exec jekyll serve`"
        )
        return
    assert choice.manager is not None
    found(
        "ruby.missing",
        f"Ruby {choice.version} is not installed{_asked(choice.wanted)}.",
        mend=f"{choice.origin} is here, and builds it; that takes some minutes.",
    )
    left(
        f"Ruby {choice.version} of {choice.origin}",
        f"gems of yours may be in it by now; {choice.origin} removes it when you ask it to.",
    )
    yield _build(choice)


@operation()
def gems(settings: Settings) -> Steps:
    """Have the site's gems in a directory of ours, by the Bundler that its lock asks for."""
    state = ruby_state(settings)
    site = state.site
    if site is None or not site.has & {"Gemfile", "_config.yml", "_config.yaml"}:
        return
    choice = ruby_of(settings)
    if choice.ruby and choice.ruby.lacks and not ruby_repair.can_mend(choice, state.managers):
        return  # said already, and no gem can be had with it
    bundler = bundler_for(choice, site)
    wanted = gems_of(state, site, choice, bundler, settings.without_plugins)
    if bundler.too_old:
        found(
            "ruby.bundler-too-old",
            f"Gemfile.lock asks for Bundler {bundler.too_old}, which Ruby {choice.version} cannot "
            "run.",
            mend="The one that Ruby brings is used; `bundle update --bundler` renews the lock.",
            severity="notice",
        )
    if bundler.missing:
        # ruby/rubygems#3240, #5104
        found(
            "ruby.bundler-missing",
            f"Gemfile.lock asks for Bundler {bundler.version}, which this Ruby does not have.",
            means="bundle ends with `Could not find 'bundler'`.",
            mend="It is installed into that Ruby.",
        )
        gem = ("env", "-u", "GEM_HOME", "-u", "GEM_PATH", QuoteString(f"{choice.bin}/gem"))
        left(
            f"Bundler {bundler.version} in {choice.directory}",
            f"other sites may use it; `{choice.bin}/gem uninstall bundler -v {bundler.version}` "
            "removes it.",
        )
        yield StringCommand(*gem, "install", "bundler", "-v", bundler.version, "--no-document")
    elif wanted.in_order:
        return
    ruby_repair.say_why(state, choice, wanted.directory)
    scripts = yield from _upload(state.home)
    change("directory", wanted.directory)
    yield StringCommand(
        "env",
        *(QuoteString(f"{key}={value}") for key, value in wanted.environment.items()),
        "sh",
        QuoteString(f"{scripts}/site-gems.sh"),
        *map(QuoteString, (choice.bin, site.directory, wanted.directory, wanted.stamp)),
        *map(QuoteString, settings.without_plugins),
    )


def ruby_state(settings: Settings) -> RubyState:
    """All that is known about Ruby on the current host."""
    return host.get_fact(RubyOnMac, site=site_directory(settings), prefix=brew_prefix())


def ruby_of(settings: Settings) -> Choice:
    """The Ruby of the current host, or the one that it is to get."""
    state = ruby_state(settings)
    lock_ruby = state.site.lock_ruby if state.site else ""
    wanted = wanted_ruby(settings.ruby_version, state.wishes, lock_ruby)
    return choose(wanted, state, brew_prefix())


def brew_prefix() -> str:
    """Homebrew's directory on the current host, or where it will be."""
    return host.get_fact(Homebrew).place


def gems_of(
    state: RubyState, site: SiteBundle, choice: Choice, bundler: Bundler, without: list[str]
) -> SiteGems:
    """Where the site's gems are for this Ruby, and how they are used: Bundler's own variables.

    A lock is kept to, frozen, if it knows this machine; else a copy of it learns of the machine.
    """
    key = hashlib.sha256(site.directory.encode()).hexdigest()[:12]
    directory = f"{state.home}/{GEMS}/{key}"
    frozen = site.has_lock and not without and _knows(site, state)
    gemfile = f"{site.directory}/Gemfile" if frozen else f"{directory}/bundle/Gemfile"
    environment = {
        "BUNDLE_GEMFILE": gemfile,
        "BUNDLE_PATH": directory,
        "BUNDLE_APP_CONFIG": f"{directory}/config",
    }
    if frozen:
        environment["BUNDLE_FROZEN"] = "true"
    if choice.origin == "homebrew":
        # eventmachine does not find it by itself ("'openssl/ssl.h' file not found"); Homebrew's
        # Ruby depends on it.
        prefix = choice.directory.rpartition("/opt/")[0]
        environment["BUNDLE_BUILD__EVENTMACHINE"] = f"--with-ssl-dir={prefix}/opt/openssl@3"
    if bundler.version:
        environment["BUNDLER_VERSION"] = bundler.version
    ignored = () if "Gemfile" not in site.has else ("_config.yml", "_config.yaml")
    ingredients = {
        "ruby": [choice.directory, choice.ruby.build if choice.ruby else choice.version],
        "system": [state.architecture, state.darwin],
        "files": {name: text for name, text in site.sums.items() if name not in ignored},
        "scripts": [files_hash(folder, names) for folder, names in _SCRIPTS],
        "without": without,
        "environment": environment,
    }
    text = json.dumps(ingredients, sort_keys=True)
    stamp = f"{ruby_repair.system(state)}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    in_order = state.stamps.get(key) == stamp and key not in state.lacking
    return SiteGems(directory, environment, stamp, in_order)


def _knows(site: SiteBundle, state: RubyState) -> bool:
    """Whether Bundler takes the lock on this machine: `arm64-darwin-24` is good for Darwin 24 only
    ("Your bundle only supports platforms …", exit 16)."""
    known = {"ruby", "universal-darwin"}
    for name in (state.architecture, "universal"):
        known |= {f"{name}-darwin", f"{name}-darwin-{state.darwin}"}
    return bool(known & set(site.platforms))


def _say_what_differs(choice: Choice, site: SiteBundle | None) -> None:
    wanted = choice.wanted
    for wish in wanted.ignored:
        found(
            "ruby.wish-unclear",
            f"{wish.source} says {wish.text!r}, which names no Ruby that can be had.",
            mend=f"Ruby {choice.version} is used.",
            severity="notice",
        )
    if not wanted.accepts(choice.version) and wanted.version != choice.version:
        found(
            "ruby.not-to-be-had",
            f"{wanted.source} asks for Ruby {wanted.version}; Homebrew's nearest is "
            f"{choice.version}.",
            means="Gems that insist on that version will not install.",
            mend="A version manager builds the exact one: install rbenv and ruby-build, for "
            "example, and run again.",
            severity="notice",
        )
    if wanted.minor >= "4" and site and "logger" not in site.has:
        found(
            "ruby.jekyll-without-logger",
            f"{wanted.source} asks for Ruby {wanted.version}, and the Gemfile names no logger.",
            means="Jekyll 4.4.1 does not start there (jekyll/jekyll#9915).",
            mend='Add `gem "logger"` to the Gemfile, or ask for Ruby 3.4.',
            severity="notice",
        )


def _asked(wanted: Wanted) -> str:
    return f", and {wanted.source} asks for it" if wanted.source else ""


def _build(choice: Choice) -> StringCommand:
    """Each manager takes X.Y for its newest release, in its own spelling (the README of each)."""
    assert choice.manager is not None
    program = QuoteString(choice.manager.program)
    version = choice.version
    latest = "latest:" if version == choice.wanted.minor else ""
    words = {
        "rbenv": (program, "install", "--skip-existing", version),
        "mise": ("env", "MISE_YES=1", program, "install", f"ruby@{version}"),
        "asdf": (program, "install", "ruby", f"{latest}{version}"),
        # It has Homebrew install what Ruby is built with.
        "chruby": (
            *("env", "HOMEBREW_NO_ASK=1", "HOMEBREW_NO_AUTO_UPDATE=1"),
            *(program, "--no-reinstall", "ruby", version),
        ),
    }
    limit: dict[str, Any] = {"_timeout": _BUILD_SECONDS} if choice.origin == "chruby" else {}
    # At home: a project's own files must not have a say here.
    return StringCommand("cd", "&&", *words[choice.origin], **limit)


def _upload(home: str) -> Generator[StringCommand | FileUploadCommand, None, str]:
    """Our own files, on the machine: in the user's cache, in a directory named by their content."""
    name = "-".join(files_hash(folder, names) for folder, names in _SCRIPTS)
    target = f"{home}/.cache/bootstrapper/files/{name}"
    change("directory", target)
    yield StringCommand("mkdir", "-p", QuoteString(target))
    for folder, names in _SCRIPTS:
        for file in names:
            yield FileUploadCommand(str(FILES / folder / file), f"{target}/{file}")
    return target
