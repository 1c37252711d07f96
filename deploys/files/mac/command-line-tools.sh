#!/bin/sh
# Installs Apple's Command Line Tools without opening a window, or updates them. Run as root.
#
# The placeholder makes softwareupdate(8) offer them, as Homebrew's installer does. Labels have two
# shapes, "... for Xcode-16.4" and, since Xcode 26, "... for Xcode 26.4-26.4.1": what follows the
# last hyphen is the version. Never `softwareupdate -ia`: it upgrades macOS too.
set -u

tools=/Library/Developer/CommandLineTools
placeholder=/tmp/.com.apple.dt.CommandLineTools.installondemand.in-progress
trap 'rm -f "$placeholder"' EXIT
trap 'exit 130' HUP INT TERM

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

newest() {
  awk '
    function newer(a, b,    x, y, i, n) {
      n = split(a, x, ".")
      if (split(b, y, ".") > n) n = split(b, y, ".")
      for (i = 1; i <= n; i++) if (x[i] + 0 != y[i] + 0) return x[i] + 0 > y[i] + 0
      return 0
    }
    /^ *\* Label: Command Line Tools/ {
      label = $0
      sub(/^ *\* Label: /, "", label)
      version = label
      sub(/.*-/, "", version)
      beta = label ~ / beta /
      if (best == "" || best_is_beta && !beta || beta == best_is_beta && newer(version, most)) {
        best = label; most = version; best_is_beta = beta
      }
    }
    END { print best }'
}

if [ -d "$tools" ] && [ ! -x "$tools/usr/bin/git" ]; then
  # With a folder in its place, though an empty one, they may not be offered again.
  rmdir "$tools" 2>/dev/null || {
    aside=$tools.$(date +%Y%m%d-%H%M%S)
    mv "$tools" "$aside" || fail "$tools lacks its tools and cannot be moved out of the way."
    echo "The incomplete $tools is now $aside; remove it when you like."
  }
fi

touch "$placeholder"
echo "Asking Apple for the Command Line Tools"
offers=$(/usr/sbin/softwareupdate -l 2>&1)
label=$(printf '%s\n' "$offers" | newest)
if [ -z "$label" ]; then
  printf '%s\n' "$offers" | tail -n 5 >&2
  fail "Apple offers no Command Line Tools to this Mac." \
    "Install them by hand, with \`xcode-select --install\` in Terminal, or from" \
    "https://developer.apple.com/download/all/, then run this again."
fi
echo "Installing $label"
/usr/sbin/softwareupdate -i "$label" || fail "softwareupdate could not install \"$label\"."
[ -x "$tools/usr/bin/git" ] ||
  fail "softwareupdate ended, but $tools has no git." \
    "Open System Settings > General > Software Update, install the Command Line Tools there," \
    "then run this again."
/usr/bin/xcode-select --switch "$tools"
