#!/bin/sh
# One SHA-256 of files' names and contents; the names come on standard input, each ended by a NUL.
if command -v sha256sum >/dev/null 2>&1; then hash=sha256sum; else hash='shasum -a 256'; fi
# shellcheck disable=SC2086 # it may be two words
xargs -0 $hash | LC_ALL=C sort | $hash | cut -d ' ' -f 1
