#!/bin/sh
# Installs Apple's Command Line Tools without opening a window, or updates them. Run as root.
# Argument: the version that the new ones have to have at least, if any will not do.
#
# The placeholder makes softwareupdate(8) offer them, as Homebrew's installer does. Labels have two
# shapes, "... for Xcode-16.4" and, since Xcode 26, "... for Xcode 26.4-26.4.1": what follows the
# last hyphen is the version. Never `softwareupdate -ia`: it upgrades macOS too.
set -u

minimum=${1:-}
tools=/Library/Developer/CommandLineTools
placeholder=/tmp/.com.apple.dt.CommandLineTools.installondemand.in-progress
aside=

leave() {
  rm -f "$placeholder"
  # Without new tools, the remains of the old ones go back to where they were.
  if [ -n "$aside" ] && [ ! -e "$tools" ]; then mv "$aside" "$tools"; fi
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  printf '%s\n' "$@" \
    "Install them in System Settings > General > Software Update, with \`xcode-select --install\`" \
    "at the Mac itself, or from https://developer.apple.com/download/all/; then run this again." >&2
  exit 1
}

whole() { [ -x "$tools/usr/bin/git" ] && [ -x "$tools/usr/bin/clang" ]; }

newer='
  function newer(a, b,    x, y, i, n, m) {
    n = split(a, x, "."); m = split(b, y, ".")
    for (i = 1; i <= n || i <= m; i++) if (x[i] + 0 != y[i] + 0) return x[i] + 0 > y[i] + 0
    return 0
  }'

# The version and the label of the newest; a beta only where there is nothing else.
newest() {
  awk "$newer"'
    /^ *\* Label: Command Line Tools/ {
      label = $0
      sub(/^ *\* Label: /, "", label)
      sub(/[ \t\r]+$/, "", label)
      version = label
      sub(/.*-/, "", version)
      if (version !~ /^[0-9]+(\.[0-9]+)*$/) next
      beta = tolower(label) ~ / beta /
      if (best == "" || best_is_beta && !beta || beta == best_is_beta && newer(version, most)) {
        best = label; most = version; best_is_beta = beta
      }
    }
    END { if (best != "") print most "\t" best }'
}

too_old() {
  [ -n "$minimum" ] &&
    awk -v a="$minimum" -v b="$1" "$newer"' BEGIN { exit newer(a, b) ? 0 : 1 }'
}

receipt() {
  /usr/sbin/pkgutil --pkg-info com.apple.pkg.CLTools_Executables 2>/dev/null |
    awk '$1 == "version:" { print $2 }'
}

if [ -e "$tools" ] && ! whole; then
  # With a folder in its place, though an empty one, they may not be offered again.
  rmdir "$tools" 2>/dev/null || {
    aside=$tools.$(date +%Y%m%d-%H%M%S)
    mv "$tools" "$aside" || {
      aside=
      fail "$tools lacks its tools, and cannot be moved out of the way."
    }
  }
fi

# Anybody may write to /tmp: a link of theirs in this place would have root make a file elsewhere.
rm -f "$placeholder"
(set -C && : >"$placeholder") || fail "$placeholder cannot be made; somebody holds its place."
echo "Asking Apple for the Command Line Tools"
# The first answer may come without them: GitHub's runner images ask thirty times.
for pause in 5 5 0; do
  offers=$(/usr/sbin/softwareupdate -l 2>&1)
  offer=$(printf '%s\n' "$offers" | newest)
  [ -n "$offer" ] && break
  sleep "$pause"
done
if [ -z "$offer" ]; then
  printf '%s\n' "$offers" | tail -n 5 >&2
  fail "Software Update offers no Command Line Tools to this Mac; above is its answer."
fi
version=${offer%%	*}
label=${offer#*	}
if too_old "$version"; then
  fail "Software Update offers no Command Line Tools newer than $version; $minimum is wanted."
fi

echo "Installing $label; this may take many minutes"
/usr/sbin/softwareupdate -i "$label" || fail "softwareupdate could not install \"$label\"."
whole || fail "softwareupdate has ended, but there are no whole tools in $tools."
now=$(receipt)
if [ -n "$now" ] && too_old "$now"; then
  fail "softwareupdate has ended, but the Command Line Tools are still those of before."
fi

# An Xcode that is selected, and there, stays selected.
unset DEVELOPER_DIR
selected=$(/usr/bin/xcode-select -p 2>/dev/null)
if [ -z "$selected" ] || [ ! -x "$selected/usr/bin/git" ]; then
  /usr/bin/xcode-select --switch "$tools" || exit 1
fi
if [ -n "$aside" ]; then
  echo "What was left of the old ones is now $aside; remove it when you like."
fi
