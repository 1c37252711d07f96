#!/bin/sh
# Has the gems that a site asks for. Gems from the distribution's packages are there already; what it
# does not package comes from the site's own vendor/cache, or from GEM_SOURCE.
#
# Usage, in the builder image, in a directory with the site's Gemfile, lock and configuration:
#   sh gems.sh registry|packages [PLUGIN-TO-LEAVE-OUT...]
set -eu

from=$1
shift

have_compiler() {
  command -v cc >/dev/null && command -v git >/dev/null && return
  if command -v apt-get >/dev/null; then
    apt-get -q update && apt-get -q install -y --no-install-recommends build-essential git
    rm -rf /var/lib/apt/lists/*
  elif command -v apk >/dev/null; then
    apk add --no-cache build-base git
  fi
}

if [ "$from" = packages ]; then
  if [ -n "${GEM_SOURCE:-}" ] || [ -d vendor/cache ]; then
    # shellcheck disable=SC2046 # names, which have no spaces
    ruby /bootstrapper/install.rb $(ruby /bootstrapper/check.rb --names . "$@")
  fi
  exec ruby /bootstrapper/check.rb . "$@"
fi

# Bundler would fetch the one that wrote the lock, and one before 2.1 does not run on Ruby 3.2
# (rubygems/bundler#7385).
if [ -f Gemfile.lock ]; then
  awk '/^BUNDLED WITH/ { exit } { print }' Gemfile.lock >Gemfile.lock.part
  mv Gemfile.lock.part Gemfile.lock
fi
if [ -n "${GEM_SOURCE:-}" ]; then
  bundle config set --global mirror.all "$GEM_SOURCE"
fi
for gemspec in *.gemspec; do # most ask git for their files, and are read with the Gemfile
  [ ! -f "$gemspec" ] || have_compiler
done
ruby /bootstrapper/gems.rb "$@"
if ! bundle check >/dev/null 2>&1; then
  echo "[blog] Installing the gems that the site asks for"
  have_compiler
  said=$(mktemp) failed=$(mktemp -u)
  { bundle install --jobs 4 2>&1 || : >"$failed"; } | tee "$said"
  if [ -e "$failed" ]; then
    echo "[blog] Bundler cannot have the gems that the site asks for:" >&2
    grep -v '^[[:space:]]*$' "$said" | tail -n 8 | sed 's/^/[blog] /' >&2
    exit 1
  fi
  rm -f "$said"
fi
