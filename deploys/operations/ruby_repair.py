"""What an upgrade breaks of a Ruby that is there: libraries that it was linked against, and gems
that were compiled for another system."""

from __future__ import annotations

import shlex

from pyinfra.api import QuoteString, StringCommand

from deploys.changes import left
from deploys.facts.mac_ruby import Manager, RubyState
from deploys.findings import found, refuse
from deploys.operations import Commands, homebrew
from deploys.ruby_wish import Choice

_BUILD_SECONDS = 3600

# These build over what is there, and keep the gems in it. The others remove it first, with all
# that the user has added: that is the user's to decide (`mise install --force`; asdf has none).
_BUILDS_OVER = ("rbenv", "chruby")
_BY_HAND = {
    "mise": "mise install --force ruby@{version}",
    "asdf": "asdf uninstall ruby {version} && asdf install ruby {version}",
    "rbenv": "rbenv install --force {version}",
    "chruby": "ruby-install ruby {version}",
}


def can_mend(choice: Choice, managers: tuple[Manager, ...]) -> bool:
    """Whether a Ruby can be built again without removing what the user has put there."""
    if choice.origin == "homebrew":
        return True
    return choice.origin in _BUILDS_OVER and _manager(choice, managers) is not None


def built_again(choice: Choice, managers: tuple[Manager, ...]) -> Commands:
    """Have a Ruby again whose libraries are gone; never by a link to another one's
    (Homebrew's docs/Common-Issues.md).

    Its own words are "Library not loaded: /usr/local/opt/openssl@1.1/lib/libssl.1.1.dylib
    (LoadError)" (rbenv/rbenv#1197, brianmario/mysql2#1249).
    """
    assert choice.ruby is not None
    seen = f"Ruby {choice.version} needs {choice.ruby.lacks[0]}, which is gone."
    means = "It stops with `Library not loaded`, and can fetch no gem."
    if not can_mend(choice, managers):
        command = _BY_HAND[choice.origin].format(version=choice.version)
        refuse(
            "ruby.library-gone",
            seen,
            means=means,
            mend=f"Have it built again: `{command}`. If that removes the old one, gems that you "
            "have added to it go with it.",
            alone=True,
        )
    if choice.origin == "homebrew":
        formula = choice.directory.rpartition("/")[2]
        reinstall = homebrew.reinstall(formula)
        found("ruby.library-gone", seen, means=means, mend="Homebrew installs it again.")
        left(f"{formula}, installed again", "it did not work before.")
        yield reinstall
        next_to_try = f"brew reinstall openssl@3 libyaml {formula}"
    else:
        found(
            "ruby.library-gone",
            seen,
            means=means,
            mend=f"{choice.origin} builds it again in its place, which takes some minutes; gems "
            "that are there stay.",
        )
        left(f"Ruby {choice.version}, built again", "it did not work before.")
        yield _build_over(choice, managers)
        next_to_try = f"remove {choice.directory} with the gems in it, and run this again"
    yield StringCommand("sh", "-c", QuoteString(_seen_to_load(choice, next_to_try)))


def system(state: RubyState) -> str:
    """For what gems are compiled here, as a word."""
    return f"{state.architecture}-darwin{state.darwin}"


def say_why(state: RubyState, choice: Choice, directory: str) -> None:
    """Say why gems are looked at."""
    key = directory.rpartition("/")[2]
    before = state.stamps.get(key, "").rpartition("-")[0]
    mend = (
        f"They are looked at, and what does not load is built again, in {directory}; gems "
        "elsewhere, and the site itself, are left as they are."
    )
    if key in state.lacking:
        found(
            "ruby.gems-library-gone",
            f"One of the site's gems needs {state.lacking[key][0]}, which is gone.",
            means="It stops with `Library not loaded`.",
            mend=mend,
        )
    elif before and before != system(state):
        found(
            "ruby.gems-of-another-system",
            f"The site's gems were last seen in order on {before}; this is {system(state)}.",
            # CocoaPods/CocoaPods#11914, ffi/ffi#870
            means="What is compiled in them may not load: `incompatible architecture`, "
            "`extensions are not built`.",
            mend=mend,
        )
    else:
        found(
            "ruby.gems",
            f"The site's gems have not been seen in order with Ruby {choice.version}.",
            mend=f"They are installed into {directory}; the site itself is left as it is.",
        )


def _manager(choice: Choice, managers: tuple[Manager, ...]) -> Manager | None:
    return next((manager for manager in managers if manager.origin == choice.origin), None)


def _build_over(choice: Choice, managers: tuple[Manager, ...]) -> StringCommand:
    manager = _manager(choice, managers)
    assert manager is not None
    program = QuoteString(manager.program)
    if choice.origin == "chruby":
        # It has Homebrew install what Ruby is built with.
        ask_nothing = ("env", "HOMEBREW_NO_ASK=1", "HOMEBREW_NO_AUTO_UPDATE=1")
        place = choice.directory.rpartition("/")[0]
        return StringCommand(
            *("cd", "&&", *ask_nothing, program, "--rubies-dir", QuoteString(place)),
            *("ruby", choice.version),
            _timeout=_BUILD_SECONDS,
        )
    # At home: a project's own files must not have a say here.
    root = manager.versions.rpartition("/")[0]
    force = ("install", "--force", choice.version)
    return StringCommand("cd", "&&", "env", QuoteString(f"RBENV_ROOT={root}"), program, *force)


def _seen_to_load(choice: Choice, next_to_try: str) -> str:
    ruby = shlex.quote(f"{choice.bin}/ruby")
    return f"""if ! {ruby} -ropenssl -rpsych -e1; then
  echo "Installed again, Ruby still does not load its libraries." >&2
  echo "Next to try: {next_to_try}." >&2
  exit 1
fi"""
