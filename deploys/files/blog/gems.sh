#!/bin/sh
# Has the gems that a site asks for. Gems from the distribution's packages are there already.
#
# Usage, in the builder image, in a directory with the site's Gemfile, lock and configuration:
#   sh gems.sh registry|packages [PLUGIN-TO-LEAVE-OUT...]
set -eu

from=$1
shift
if [ "$from" = packages ]; then
  exec ruby /bootstrapper/check.rb . "$@"
fi

have_compiler() {
  command -v cc >/dev/null && command -v git >/dev/null && return
  if command -v apt-get >/dev/null; then
    apt-get -q update && apt-get -q install -y --no-install-recommends build-essential git
    rm -rf /var/lib/apt/lists/*
  elif command -v apk >/dev/null; then
    apk add --no-cache build-base git
  fi
}

ruby /bootstrapper/gems.rb "$@"
if ! bundle check >/dev/null 2>&1; then
  echo "[blog] Installing the gems that the site asks for"
  have_compiler
  bundle install --jobs 4
fi
