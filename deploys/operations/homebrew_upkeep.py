"""What an upgrade of macOS, or a new Mac, breaks of a Homebrew that is there: found and mended."""

from __future__ import annotations

import shlex

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.changes import left
from deploys.facts.homebrew import Homebrew
from deploys.facts.homebrew_upkeep import HomebrewUpkeep
from deploys.facts.mac import Mac
from deploys.facts.machine import ThisMachine
from deploys.findings import found
from deploys.operations import Commands
from deploys.operations.homebrew import BREW_SECONDS, brew_line, may_change

_AGENTS = "Library/LaunchAgents"


@operation()
def knows_this_macos() -> Commands:
    """Have a Homebrew that is made for this macOS, if there is one.

    An older one ends with `unknown or unsupported macOS version: "26.0" (MacOSVersion::Error)`, in
    `brew update` too (Homebrew/brew#20068), or calls this macOS a Tier 3 (Homebrew/brew#23930).
    """
    state, mac = host.get_fact(HomebrewUpkeep), host.get_fact(Mac)
    if not host.get_fact(Homebrew).works or not state.takes_for_prerelease(mac.major):
        return
    seen = f"Homebrew is older than macOS {mac.major}: it knows those before {state.unsupported}."
    means = "It may refuse to start, or compiles what others get as a package."
    if state.fresh:
        found(
            "homebrew.newest-too-old",
            seen,
            means="It was updated within the last day, so there may be no newer one yet.",
            mend=f"`{host.get_fact(Homebrew).prefix}/bin/brew update-reset` fetches it anew; "
            "local changes to Homebrew and its taps are lost.",
            severity="notice",
        )
        return
    may_change(host.get_fact(Homebrew))
    found(
        "homebrew.too-old",
        seen,
        means=means,
        mend="It is updated; should `brew update` itself not start here, `brew update-reset` "
        "fetches it anew.",
    )
    left("Homebrew, updated", "an older one does not know this macOS.")
    update, reset = brew_line("update"), brew_line("update-reset")
    yield StringCommand(
        f"said=$({update} 2>&1); code=$?; printf '%s\\n' \"$said\"; "
        'if [ $code -ne 0 ]; then case $said in *"unsupported macOS version"*) '
        f"{reset}; code=$? ;; esac; fi; exit $code",
        _timeout=BREW_SECONDS,
    )


@operation()
def pkgconf_built_here() -> Commands:
    """Have a pkgconf that was built on this macOS, where there is one: it has the SDK's paths in
    it (Homebrew/brew#16137; extend/os/mac/pkgconf.rb)."""
    state, mac = host.get_fact(HomebrewUpkeep), host.get_fact(Mac)
    homebrew = host.get_fact(Homebrew)
    built_on = state.pkgconf_built_on
    if not homebrew.works or not built_on or not mac.major or built_on == mac.major:
        return
    if state.takes_for_prerelease(mac.major) and state.fresh:
        return  # Homebrew has no packages for it yet, and does not warn either
    may_change(homebrew)
    found(
        "homebrew.pkgconf-of-another-macos",
        f"pkgconf was built on macOS {built_on}, and this is macOS {mac.major}.",
        means="It answers with paths of the old system; gems with native parts fail to compile.",
        mend="It is installed again.",
    )
    receipt = shlex.quote(f"{homebrew.prefix}/opt/pkgconf/INSTALL_RECEIPT.json")
    failed = shlex.quote(
        f"pkgconf is still not one of macOS {mac.major}: there may be no such package yet. "
        f"Run `{homebrew.prefix}/bin/brew update` in some days, then run this again."
    )
    left("pkgconf, installed again", "the one before was built for another macOS.")
    yield StringCommand(
        f"{brew_line('reinstall', 'pkgconf')} || exit $?; "
        f'grep -Eq \'"os_version": *"macOS {mac.major}[."]\' {receipt} || '
        f"{{ echo {failed} >&2; exit 1; }}",
        _timeout=BREW_SECONDS,
    )


@operation()
def docker_links() -> Commands:
    """Have no links into a Docker.app that is gone: a cask stops at them with `It seems there is
    already a Binary at '/usr/local/bin/docker'` (Homebrew/brew#16309). None that works is touched.
    """
    state, machine = host.get_fact(HomebrewUpkeep), host.get_fact(ThisMachine)
    if not state.dangling:
        return
    links = shlex.join(state.dangling)
    if "admin" not in machine.groups:
        found(
            "homebrew.docker-links",
            f"Links into Docker.app, which is gone: {links}.",
            means="Docker Desktop cannot be installed with Homebrew as long as they are there.",
            mend=f"An administrator removes them with `sudo rm {links}`.",
            severity="notice",
        )
        return
    found(
        "homebrew.docker-links",
        f"Links into Docker.app, which is gone: {links}.",
        means="Docker Desktop cannot be installed with Homebrew as long as they are there.",
        mend="They are removed; nothing else is.",
    )
    left(f"links that were removed ({links})", "they led nowhere.")
    yield StringCommand(*machine.root, "rm", "-f", *map(QuoteString, state.dangling))


@operation()
def agents() -> Commands:
    """Have one launchd agent an engine. Homebrew 7 calls it sh.brew.*, those before homebrew.mxcl.*
    and a service that was started with both is started twice, at each login.

    The old job is left running: to stop it now might stop the engine with all that is in it.
    """
    state = host.get_fact(HomebrewUpkeep)
    home = host.get_fact(ThisMachine).home
    for label in state.agents:
        name = label.rpartition(".")[2]
        old = f"homebrew.mxcl.{name}"
        if label == old and f"sh.brew.{name}" in state.agents:
            place = f"{home}/{_AGENTS}/{old}.plist"
            found(
                "homebrew.agent-twice",
                f"launchd starts {name} twice: as {old} and as sh.brew.{name}.",
                means="Homebrew 7 has renamed its services; the second start of the same engine "
                "fails.",
                mend=f"{old}.plist is moved aside; what runs now goes on.",
            )
            left(f"{place}.old", "it started the same engine twice.")
            yield StringCommand("mv", QuoteString(place), QuoteString(f"{place}.old"))
        elif label in state.unloaded:
            # tomcounsell/ai#2013
            found(
                "homebrew.agent-not-loaded",
                f"launchd has not loaded {label}, though its file is in ~/{_AGENTS}.",
                means=f"{name} does not start when you log in. Trying it may say "
                '"Bootstrap failed: 5: Input/output error".',
                mend=f"If you want that: `brew services restart {name}`.",
                severity="notice",
            )


@operation()
def other_prefix() -> Commands:
    """Say it where an Intel Mac's Homebrew came along: `Cannot install in Homebrew on ARM processor
    in Intel default prefix (/usr/local)!` (Homebrew's docs/Common-Issues.md). Nothing is deleted.

    Rosetta is spoken of only here: nothing that this tool installs needs it.
    """
    state, mac = host.get_fact(HomebrewUpkeep), host.get_fact(Mac)
    if not state.intel or not mac.is_silicon:
        return
    gone = "" if state.rosetta else "`softwareupdate --install-rosetta --agree-to-license`, then "
    # geerlingguy/mac-dev-playbook#99; Homebrew/brew#9130, #16668
    found(
        "homebrew.intel-too",
        "There is an Intel Mac's Homebrew in /usr/local.",
        means="Migration Assistant brings it along. This tool uses the one in "
        f"{host.get_fact(Homebrew).place} only."
        + (
            ""
            if state.rosetta
            else ' Rosetta is not installed: what is in it fails with "Bad CPU type in executable".'
        ),
        mend=f"To move over: {gone}`arch -x86_64 /usr/local/bin/brew bundle dump "
        f"--file=~/intel-Brewfile`, and `{host.get_fact(Homebrew).place}/bin/brew bundle "
        "--file=~/intel-Brewfile`; then Homebrew's uninstall script with --path=/usr/local.",
        severity="notice",
    )
    yield from ()
