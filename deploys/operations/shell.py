"""A login shell that finds Homebrew and what it keeps out of its own directory of programs."""

from __future__ import annotations

import re

from pyinfra.api import operation
from pyinfra.context import host

from deploys.facts.login_shell import LoginShell
from deploys.facts.text_file import TextFile
from deploys.findings import found
from deploys.operations import Commands, text_block
from deploys.operations.mac_ruby import brew_prefix, ruby_of
from deploys.ruby_wish import Choice
from deploys.settings import Settings

_ABOUT = "# Written by the bootstrapper and renewed by it; your own lines go above or below."

# Any call but one of another prefix: `brew shellenv`, `$(/opt/homebrew/bin/brew shellenv zsh)`, …
_SHELLENV = re.compile(r"^\s*[^#\s].*?(?P<where>[\w./~$@{}-]*)\bbrew[\"']?\s+shellenv\b")


@operation()
def login(settings: Settings) -> Commands:
    """Have the profile of zsh or bash set PATH; say it to users of other shells."""
    shell = host.get_fact(LoginShell)
    prefix = brew_prefix()
    if not shell.profile:
        if not shell.knows_homebrew:
            found(
                "shell.not-ours",
                f"Your login shell is {shell.shell}, whose files this tool does not write.",
                means="It may not find what Homebrew installed.",
                mend=f"Add this line to its configuration: {_by_hand(shell.shell, prefix)}",
                severity="notice",
            )
        return
    own = text_block.outside(host.get_fact(TextFile, path=shell.profile).content)
    lines = wanted_lines(shell.shell, prefix, ruby_of(settings), own)
    yield from text_block.block._inner(
        path=shell.profile, lines=lines, purpose="Homebrew's programs"
    )


@operation()
def of_nix_darwin() -> Commands:
    """Say it where an upgrade of macOS has put its own files back in place of nix-darwin's links;
    they are nix-darwin's to renew (nix-darwin/nix-darwin#1509, #1621, #149, #348)."""
    if files := host.get_fact(LoginShell).put_back:
        aside = " && ".join(f"sudo mv {file} {file}.before-nix-darwin" for file in files)
        found(
            "shell.nix-darwin-files",
            f"nix-darwin keeps links in place of {', '.join(files)}; there is the system's own.",
            means="An upgrade of macOS puts them back: shells lack what nix-darwin sets, and "
            "`darwin-rebuild switch` may end with `error: Unexpected files in /etc, aborting "
            "activation`.",
            mend=f"If nothing in there is yours: `{aside}`, and then `sudo /run/current-system/sw/"
            "bin/darwin-rebuild switch`, with the options that you give it.",
            severity="notice",
        )
    yield from ()


def wanted_lines(shell: str, prefix: str, ruby: Choice, own: list[str]) -> list[str]:
    """What the block has to say, beside the lines that the user has already."""
    lines = []
    if not any(_is_shellenv(line, prefix) for line in own):
        lines.append(f'eval "$({prefix}/bin/brew shellenv {shell})"')
    if ruby.origin == "homebrew" and not any(_names(line, ruby.bin) for line in own):
        # Homebrew links no versioned formula into its bin; programs of gems are in the ABI's.
        abi = (ruby.ruby.abi if ruby.ruby else "") or f"{_minor(ruby.version)}.0"
        lines.append(f'export PATH="{ruby.bin}:{prefix}/lib/ruby/gems/{abi}/bin:$PATH"')
    return [_ABOUT, *lines] if lines else []


def _is_shellenv(line: str, prefix: str) -> bool:
    call = _SHELLENV.match(line)
    if not call:
        return False
    where = call["where"]
    return not where.startswith("/") or where == f"{prefix}/bin/"


def _names(line: str, directory: str) -> bool:
    return directory in line and not line.lstrip().startswith("#")


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _by_hand(shell: str, prefix: str) -> str:
    if shell == "fish":
        return f"{prefix}/bin/brew shellenv fish | source"
    return f'PATH="{prefix}/bin:{prefix}/sbin:$PATH"'
