#!/bin/sh
# Fetches Homebrew's installer, compares it with the SHA-256 that is pinned, and only then runs it.
# Arguments: its address, its SHA-256.
set -u
umask 077
folder=$(mktemp -d "${TMPDIR:-/tmp}/homebrew-installer.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# That address is the file itself: whoever redirects it is not who was asked.
if ! curl --proto '=https' --tlsv1.2 --fail --silent --show-error --location --max-redirs 0 --retry 3 \
  --output "$folder/install.sh" "$1"; then
  echo "Homebrew's installer could not be downloaded from $1; nothing was run." >&2
  echo "Check the network and the proxy settings, then run this again." >&2
  exit 1
fi
hash=$(shasum -a 256 "$folder/install.sh" | cut -d ' ' -f 1)
if [ "$hash" != "$2" ]; then
  echo "What came from $1 is not the installer that is pinned; it was removed, nothing was run." >&2
  echo "Its SHA-256 is $hash, and not $2." >&2
  echo "If you have set homebrew_installer, correct it there; else see who changes your downloads." >&2
  exit 1
fi
umask 022
# The installer refuses to run with either of the first two (Homebrew/install, install.sh).
unset INTERACTIVE POSIXLY_CORRECT
cd / || exit 1
NONINTERACTIVE=1 /bin/bash "$folder/install.sh" </dev/null
