"""What Homebrew's official installer does on this Mac: a script, and the checkout that it makes.

The script is the lab's own: it asks and does what the real one does, in the same order.
"""

from __future__ import annotations

from pathlib import Path

from .brewing import Homebrew, put_in_place
from .call import LAB, Call, command
from .network import Network

_HOST = "github.com"


def install_homebrew(call: Call, version: str) -> None:
    """Have a Homebrew of that version in its prefix, whose directories belong to the user."""
    with call.changing(Homebrew) as homebrew:
        homebrew.version = version
    put_in_place(call)


def write_installer(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(INSTALLER)
    path.chmod(0o755)


@command(
    "install-homebrew",
    f"{LAB}/bin/install-homebrew",
    source="the lab's own: what the installer's git fetch and checkout bring",
)
def install_homebrew_command(call: Call) -> int:
    trouble = call.state(Network).broken.get(_HOST)
    if trouble:
        return call.fails(
            "fatal: unable to access 'https://github.com/Homebrew/brew/': "
            f"Could not resolve host: {_HOST}",
            128,
        )
    install_homebrew(call, call.argv[0] if call.argv else call.state(Homebrew).version)
    return 0


# The options of the real steps are kept; only the checkout is the lab's.
INSTALLER = r"""#!/bin/bash
# Stands for Homebrew's install.sh on the simulated Mac.
set -u

stop() { printf '%s\n' "$@" >&2; exit 1; }
# shellcheck disable=SC2059
if [[ -t 1 ]]; then say='\033[1;34m==>\033[1;39m %s\033[0m\n'; else say='==> %s\n'; fi
headline() {
  local text=$1
  shift
  for word; do text+=" ${word// /\\ }"; done
  printf "$say" "$text"
}
warn() { printf 'Warning: %s\n' "$1" >&2; }

if [[ -n ${CI-} && -n ${INTERACTIVE-} ]]; then
  stop 'Cannot run force-interactive mode in CI.'
elif [[ -n ${INTERACTIVE-} && -n ${NONINTERACTIVE-} ]]; then
  stop 'Both `$INTERACTIVE` and `$NONINTERACTIVE` are set. Please unset at least one variable and try again.'
elif [[ -n ${POSIXLY_CORRECT+1} ]]; then
  stop 'Bash must not run in POSIX mode. Please unset POSIXLY_CORRECT and try again.'
elif [[ -f /etc/homebrew/brew.no_install ]]; then
  reason=$(cat /etc/homebrew/brew.no_install 2>/dev/null)
  [[ -z $reason ]] || stop "Homebrew cannot be installed because $reason."
  stop 'Homebrew cannot be installed because /etc/homebrew/brew.no_install exists!'
fi

if [[ -n ${NONINTERACTIVE-} ]]; then
  headline 'Running in non-interactive mode because `$NONINTERACTIVE` is set.'
elif [[ -n ${CI-} ]]; then
  warn 'Running in non-interactive mode because `$CI` is set.'
  NONINTERACTIVE=1
elif [[ ! -t 0 && -z ${INTERACTIVE-} ]]; then
  warn 'Running in non-interactive mode because `stdin` is not a TTY.'
  NONINTERACTIVE=1
elif [[ ! -t 0 ]]; then
  warn 'Running in interactive mode despite `stdin` not being a TTY because `$INTERACTIVE` is set.'
fi
USER=${USER:-$(id -un)}

if [[ $(/usr/bin/uname -m) != arm64 ]]; then
  stop 'Homebrew on macOS is only supported on Apple Silicon processors!'
fi
prefix=/opt/homebrew
cache=$HOME/Library/Caches/Homebrew
tools=/Library/Developer/CommandLineTools

check_sudo() {
  local sudo=(/usr/bin/sudo)
  if [[ -n ${SUDO_ASKPASS-} ]]; then sudo+=(-A)
  elif [[ -n ${NONINTERACTIVE-} ]]; then sudo+=(-n)
  fi
  if [[ -z ${sudo_answer-} ]]; then
    if [[ -n ${NONINTERACTIVE-} ]]; then
      "${sudo[@]}" -l mkdir &>/dev/null
    else
      "${sudo[@]}" -v && "${sudo[@]}" -l mkdir &>/dev/null
    fi
    sudo_answer=$?
  fi
  [[ $sudo_answer -eq 0 ]] ||
    stop "Need sudo access on macOS (e.g. the user $USER needs to be an Administrator)!"
}
attempt() {
  "$@" && return
  local text=$1
  shift
  for word; do text+=" ${word// /\\ }"; done
  stop "Failed during: $text"
}
as_root() {
  check_sudo
  [[ -z ${SUDO_ASKPASS-} ]] || set -- -A "$@"
  headline /usr/bin/sudo "$@"
  attempt /usr/bin/sudo "$@"
}
lacks_tools() { [[ ! -e $tools/usr/bin/git ]]; }

if ! /usr/bin/sudo -n -v 2>/dev/null; then
  trap '/usr/bin/sudo -k' EXIT
fi
cd /usr || exit 1

headline 'Checking for `sudo` access (which may request your password)...'
[[ $EUID -eq 0 ]] || check_sudo
[[ $EUID -ne 0 ]] || stop "Don't run this as root!"

version=$(/usr/bin/sw_vers -productVersion)
if [[ ${version%%.*} -lt 15 ]]; then
  headline "You are using macOS $(cut -d. -f1,2 <<<"$version")."
  headline 'We (and Apple) do not provide support for this old version.'
fi

headline 'This script will install:'
printf '%s\n' "$prefix"/{bin/brew,share/doc/homebrew,share/man/man1/brew.1} \
  "$prefix"/{share/zsh/site-functions/_brew,etc/bash_completion.d/brew} "$prefix"
[[ ! -d /etc/paths.d ]] || echo /etc/paths.d/homebrew
new=()
for directory in bin etc include lib sbin share var opt share/zsh share/zsh/site-functions \
  var/homebrew var/homebrew/linked Cellar Caskroom Frameworks; do
  [[ -d $prefix/$directory ]] || new+=("$prefix/$directory")
done
if [[ ${#new[@]} -gt 0 ]]; then
  headline 'The following new directories will be created:'
  printf '%s\n' "${new[@]}"
fi
! lacks_tools || headline 'The Xcode Command Line Tools will be installed.'

if [[ -z ${NONINTERACTIVE-} ]]; then
  printf '\nPress RETURN/ENTER to continue or any other key to stop:\n'
  IFS='' read -r -n 1 -d '' key
  [[ $key == $'\r' || $key == $'\n' ]] || exit 1
fi

[[ -d $prefix ]] || as_root /usr/bin/install -d -o root -g wheel -m 0755 "$prefix"
if [[ ${#new[@]} -gt 0 ]]; then
  as_root /bin/mkdir -p "${new[@]}"
  as_root /bin/chmod ug=rwx "${new[@]}"
  as_root /bin/chmod go-w "$prefix/share/zsh" "$prefix/share/zsh/site-functions"
  as_root chown "$USER" "${new[@]}"
  as_root chgrp admin "${new[@]}"
fi
as_root chown -R "$USER:admin" "$prefix"
[[ -d $cache ]] || attempt /bin/mkdir -p "$cache"
attempt /usr/bin/touch "$cache/.cleaned"

if lacks_tools; then
  headline 'Searching online for the Command Line Tools'
  placeholder=/tmp/.com.apple.dt.CommandLineTools.installondemand.in-progress
  as_root /usr/bin/touch "$placeholder"
  label=$(/usr/sbin/softwareupdate -l | sed -n 's/^\* Label: \(Command Line Tools.*\)/\1/p' |
    sort -V | tail -n 1)
  if [[ -n $label ]]; then
    headline "Installing $label"
    as_root /usr/sbin/softwareupdate -i "$label"
    as_root /usr/bin/xcode-select --switch "$tools"
  fi
  as_root /bin/rm -f "$placeholder"
fi
if lacks_tools && [[ -t 0 ]]; then
  headline 'Installing the Command Line Tools (expect a GUI popup):'
  attempt /usr/bin/xcode-select --install
  echo 'Press any key when the installation has completed.'
  IFS='' read -r -n 1 -d '' key
  as_root /usr/bin/xcode-select --switch "$tools"
fi
if ! said=$(/usr/bin/xcrun clang 2>&1) && [[ $said == *license* ]]; then
  stop 'You have not agreed to the Xcode license.' \
    'Before running the installer again please agree to the license by opening' \
    'Xcode.app or running:' '    sudo xcodebuild -license'
fi

headline 'Downloading and installing Homebrew...'
(
  cd "$prefix" || exit 1
  attempt /usr/bin/git -c init.defaultBranch=main init --quiet
  for try in 1 2 3 4 5; do
    ! /maclab/bin/install-homebrew || break
    [[ $try -lt 5 ]] || stop 'Failed 5 times doing: /usr/bin/git fetch --quiet --force origin'
    warn "Trying again in $((2 ** try)) seconds: /usr/bin/git fetch --quiet --force origin"
  done
  if [[ -d /etc/paths.d ]]; then
    as_root /bin/mkdir -p /etc/paths.d
    echo "$prefix/bin" | as_root tee /etc/paths.d/homebrew
    as_root chown root:wheel /etc/paths.d/homebrew
    as_root /bin/chmod a+r /etc/paths.d/homebrew
  elif [[ :$PATH: != *:$prefix/bin:* ]]; then
    warn "$prefix/bin is not in your PATH.
  Instructions on how to configure your shell for Homebrew
  can be found in the 'Next steps' section below."
  fi
  attempt "$prefix/bin/brew" update --force --quiet
) || exit 1

headline 'Installation successful!'
echo
headline 'Homebrew has enabled anonymous aggregate formulae and cask analytics.'
headline 'Homebrew is run entirely by unpaid volunteers. Please consider donating:'
headline 'Next steps:'
case ${SHELL-} in
  */bash*) profile=$HOME/.bash_profile shell=' bash' ;;
  */zsh*) profile=${ZDOTDIR:-$HOME}/.zprofile shell=' zsh' ;;
  *) profile=${ENV:-$HOME/.profile} shell='' ;;
esac
line="eval \"\$($prefix/bin/brew shellenv$shell)\""
if ! grep -qs "$prefix/bin/brew shellenv" "$profile"; then
  echo '- Run these commands in your terminal to add Homebrew to your PATH:'
  printf '    %s\n' "echo >> $profile" "echo '$line' >> $profile" "$line"
fi
"""  # noqa: E501 - a message is one line
