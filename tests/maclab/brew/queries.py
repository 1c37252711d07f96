"""Small questions: version, prefix, shellenv, config, analytics, developer mode."""

from __future__ import annotations

from .brew import Brew
from .catalogue import CORE
from .console import Failure
from .names import find_formula, no_formula, split
from .options import parse
from .sources import source


@source(
    "version",
    "version-after-update",
    "api-version",
    "other-user-version",
    "half-installed-version",
)
def version(brew: Brew, arguments: list[str]) -> int:
    brew.console.out(f"Homebrew {brew.machine.version}")
    core = brew.taps.path(CORE)
    if not brew.machine.ruby or not core.is_dir():
        return 0
    if core.stat().st_uid == brew.machine.uid:
        revision = "(git revision 0000000; last commit 2026-11-24)"
    else:
        # git refuses a repository of somebody else ("dubious ownership").
        revision = "(no Git repository)"
    brew.console.out(f"Homebrew/homebrew-core {revision}")
    return 0


@source(
    "prefix",
    "prefix-installed",
    "prefix-full-name",
    "prefix-of-not-installed-formula",
    "prefix-of-unknown-formula",
    "prefix-installed-flag-not-installed",
    "api-offline-prefix",
)
def prefix(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "installed")
    if not options.names:
        brew.console.out(str(brew.machine.prefix))
        return 0
    absent = []
    for name in options.names:
        folder = _known(brew, name)
        if "installed" in options and not brew.kegs.of(folder):
            absent.append(folder)
            continue
        brew.console.out(str(brew.machine.prefix / "opt" / folder))
    if absent:
        raise Failure("\n".join(["The following formulae are not installed:", *absent]))
    return 0


@source("cellar", "caskroom", "cache", "repository", "tap-list-dirs")
def place(brew: Brew, arguments: list[str]) -> int:
    """`--cellar`, `--caskroom`, `--cache`, `--repository`, `--taps`."""
    machine = brew.machine
    where = {
        "--cellar": machine.cellar,
        "--caskroom": machine.caskroom,
        "--cache": brew.cache,
        "--repository": machine.repository,
        "--repo": machine.repository,
        "--taps": machine.taps,
    }[brew.typed[0]]
    for name in arguments:
        brew.console.out(str(where / _known(brew, name)))
    if not arguments:
        brew.console.out(str(where))
    return 0


@source(
    "shellenv",
    "shellenv-path-without-brew",
    "shellenv-second-time",
    "shellenv-zsh",
    documents=(
        "Homebrew/brew Library/Homebrew/cmd/shellenv.sh at aad366f: zsh, and path_helper on macOS",
        "Homebrew/brew#23783: PATH is set directly since 7.0",
    ),
)
def shellenv(brew: Brew, arguments: list[str]) -> int:
    """What a shell evaluates; nothing where the prefix comes first in PATH already."""
    here = brew.machine.prefix
    own = f"{here}/bin:{here}/sbin"
    if (brew.environment.get("PATH", "") + ":").startswith(own + ":"):
        return 0
    shell = arguments[0] if arguments else brew.environment.get("SHELL", "").rpartition("/")[2]
    lines = [
        f'export HOMEBREW_PREFIX="{here}";',
        f'export HOMEBREW_CELLAR="{here}/Cellar";',
        f'export HOMEBREW_REPOSITORY="{brew.machine.repository}";',
    ]
    if shell == "zsh":
        lines += [f'fpath[1,0]="{here}/share/zsh/site-functions";', "export FPATH;"]
    if brew.machine.os == "macos" and brew.machine.major < 7:
        lines += [f'eval "$(/usr/bin/env PATH_HELPER_ROOT="{here}" /usr/libexec/path_helper -s)"']
    else:
        lines += [f'export PATH="{own}${{PATH+:$PATH}}";']
    lines += [
        '[ -z "${MANPATH-}" ] || export MANPATH=":${MANPATH#:}";',
        f'export INFOPATH="{here}/share/info:${{INFOPATH:-}}";',
    ]
    brew.console.out("\n".join(lines))
    return 0


@source(
    "analytics-state",
    documents=("brew analytics off, then state: published terminal output",),
    guess="the text while analytics are on, and where the choice is kept",
)
def analytics(brew: Brew, arguments: list[str]) -> int:
    file = brew.machine.repository / ".git" / "analytics-disabled"
    wish = arguments[0] if arguments else "state"
    if wish in ("off", "on"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch() if wish == "off" else file.unlink(missing_ok=True)
        return 0
    off = brew.on("NO_ANALYTICS") or file.exists()
    brew.console.out(f"InfluxDB analytics are {'disabled' if off else 'enabled'}.")
    brew.console.out("Google Analytics were destroyed.")
    return 0


@source("developer-mode-state", "developer-off", "developer-state-after")
def developer(brew: Brew, arguments: list[str]) -> int:
    file = brew.machine.repository / ".git" / "developer-mode"
    wish = arguments[0] if arguments else "state"
    if wish in ("off", "on"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch() if wish == "on" else file.unlink(missing_ok=True)
    elif file.exists():
        brew.console.out(
            "Developer mode is enabled because a developer command or `brew developer on` was run."
        )
        brew.console.out("`brew update` will update to the latest commit on the `main` branch.")
    else:
        brew.console.out("Developer mode is disabled.")
        brew.console.out("`brew update` will update to the latest stable tag.")
    return 0


@source(
    "config",
    guess="the lines about hardware and tools on macOS, of which only the names are known",
)
def config(brew: Brew, arguments: list[str]) -> int:
    brew.need_api()
    machine = brew.machine
    lines = [
        f"HOMEBREW_VERSION: {machine.version}",
        "ORIGIN: https://github.com/Homebrew/brew",
        "Branch: stable",
        f"HOMEBREW_PREFIX: {machine.prefix}",
    ]
    lines += [
        f"{name}: {'set' if value == '1' else value}"
        for name, value in sorted(brew.environment.items())
        if name.startswith("HOMEBREW_")
    ]
    if machine.os == "macos":
        lines += [f"macOS: {machine.os_version}-{machine.arch}"]
    brew.console.out("\n".join(lines))
    return 0


HELP = """Example usage:
  brew search TEXT|/REGEX/
  brew info [FORMULA|CASK...]
  brew install FORMULA|CASK...
  brew update
  brew upgrade [FORMULA|CASK...]
  brew uninstall FORMULA|CASK...
  brew list [FORMULA|CASK...]

Troubleshooting:
  brew config
  brew doctor
  brew install --verbose --debug FORMULA|CASK

Contributing:
  brew create URL [--no-fetch]
  brew edit [FORMULA|CASK...]

Further help:
  brew commands
  brew help [COMMAND]
  man brew
  https://docs.brew.sh
"""


@source("no-arguments", "unknown-command")
def unknown(brew: Brew, arguments: list[str]) -> int:
    """No command, or one that there is not."""
    brew.console.err(HELP.rstrip("\n"))
    if not brew.typed:
        return 1
    brew.console.err()
    raise Failure(f"Invalid usage: Unknown command: brew {' '.join(brew.typed)}")


def _known(brew: Brew, name: str) -> str:
    if (brew.machine.prefix / "opt" / name).exists():
        return name
    found = find_formula(brew, name)
    if not found:
        brew.need_api()
        found = find_formula(brew, name)
    if not found:
        raise Failure(no_formula(name))
    return found.name if split(name)[1] == found.name else split(name)[1]
