"""The user's login shell on a Mac, and which file it reads first for the user's own PATH."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api import FactBase

# What the account says counts; $SHELL is what the running session was started with. Files in /etc
# are links into /etc/static where nix-darwin has made them (its modules/system/etc.nix); of those
# that are none, some say themselves that the other is to be read.
_ASK = r"""
account=$(dscl . -read "/Users/$(id -un)" UserShell 2>/dev/null | sed -n 's/^UserShell: *//p')
printf 'shell\t%s\n' "${account:-${SHELL:-/bin/zsh}}"
printf 'home\t%s\n' "$HOME"
printf 'zdotdir\t%s\n' "${ZDOTDIR:-$HOME}"
for name in .bash_profile .bash_login .profile; do
  { [ -e "$HOME/$name" ] || [ -L "$HOME/$name" ]; } && printf 'has\t%s\n' "$name"
done
for name in bashrc shells zprofile zshenv zshrc; do
  [ -e "/etc/static/$name" ] && [ -e "/etc/$name" ] || continue
  [ "$(readlink "/etc/$name")" = "/etc/static/$name" ] || grep -qs /etc/static/ "/etc/$name" ||
    printf 'put-back\t/etc/%s\n' "$name"
done
fish=${XDG_CONFIG_HOME:-$HOME/.config}/fish
grep -qs 'brew shellenv' "$fish/config.fish" "$fish"/conf.d/*.fish && printf 'fish\tyes\n'
exit 0
"""


@dataclass(frozen=True)
class Login:
    """The login shell's name ("zsh"), and its `profile`: the file that it reads at login after the
    system's own ("" for a shell that this tool does not write for).

    `knows_homebrew` says that fish's configuration has a `brew shellenv` already. `put_back` are
    the system's own files for shells where nix-darwin had put links.
    """

    shell: str
    profile: str
    knows_homebrew: bool
    put_back: tuple[str, ...] = ()


class LoginShell(FactBase[Login]):
    """The shell that the account has, as Directory Service tells, and what it reads."""

    def command(self) -> str:
        """dscl(1) on macOS; $SHELL where there is none."""
        return _ASK

    def process(self, output: list[str]) -> Login:
        """Lines of `key<TAB>value`."""
        rows = [line.split("\t", 1) for line in output if "\t" in line]
        told: dict[str, str] = dict(rows)
        profiles = [value for key, value in rows if key == "has"]
        shell = told["shell"].rpartition("/")[2]
        put_back = tuple(value for key, value in rows if key == "put-back")
        return Login(shell, _profile(shell, told, profiles), "fish" in told, put_back)


def _profile(shell: str, told: dict[str, str], profiles: list[str]) -> str:
    if shell == "zsh":
        # Not .zshenv: /etc/zprofile runs path_helper after it, which puts the system's own
        # directories in front again.
        return f"{told['zdotdir']}/.zprofile"
    if shell == "bash":
        # bash(1) reads the first of these only: a new .bash_profile would hide a .profile.
        return f"{told['home']}/{(profiles or ['.bash_profile'])[0]}"
    return ""
