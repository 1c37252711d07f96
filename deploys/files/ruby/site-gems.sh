#!/bin/sh
# Has the gems of a site, in a directory outside of it; nothing is written into the site itself.
#
# Usage: sh site-gems.sh RUBY-BIN SITE DIRECTORY STAMP [PLUGIN-TO-LEAVE-OUT...]
#
# The environment says where gems go (BUNDLE_PATH, BUNDLE_APP_CONFIG). With BUNDLE_FROZEN the site's
# own Gemfile and lock are used as they are (BUNDLE_GEMFILE names it); else there is a Gemfile in
# DIRECTORY/bundle that reads the site's, or is made from its configuration, and its lock is there.
# A gem that does not load is built again, there: `bundle pristine` sees no gems but those of
# BUNDLE_PATH. DIRECTORY/stamp is written last, when all are there and were seen to load.
set -eu

ruby=$1 site=$2 directory=$3 stamp=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)

if [ ! -x "$ruby/ruby" ]; then
  echo "$ruby/ruby is not there." >&2
  exit 1
fi
# What a shell has set for another Ruby.
unset GEM_HOME GEM_PATH GEM_ROOT RUBYOPT RUBYLIB BUNDLE_BIN_PATH
PATH=$ruby:$PATH
export PATH

work=$directory/bundle
mkdir -p "$work"
rm -f "$directory/stamp"
cd "$work"
if [ -z "${BUNDLE_FROZEN:-}" ]; then
  rm -f Gemfile Gemfile.whole _config.yml _config.yaml
  if [ -f "$site/Gemfile" ]; then
    printf 'eval_gemfile "%s/Gemfile"\n' "$(printf %s "$site" | sed 's/[\\"#]/\\&/g')" >Gemfile
    if [ -f "$site/Gemfile.lock" ]; then cp "$site/Gemfile.lock" Gemfile.lock; fi
  else
    for name in _config.yml _config.yaml; do
      if [ -f "$site/$name" ]; then cp "$site/$name" .; fi
    done
  fi
  ruby "$here/gems.rb" "$@"
fi
if ! bundle check >/dev/null 2>&1; then
  echo "[ruby] Installing the gems that the site asks for"
  bundle install --jobs 4
fi
bundle check
if ! bundle exec ruby "$here/load.rb" 2>"$work/said"; then
  cat "$work/said" >&2
  broken=$(sed -n 's/^\([A-Za-z0-9_.-]*\) [^ ]* does not load: .*/\1/p' "$work/said" | tr '\n' ' ')
  if [ -z "$broken" ]; then exit 1; fi
  echo "[ruby] Building again what does not load: $broken"
  # shellcheck disable=SC2086 # names, which have no spaces
  bundle pristine $broken
  if ! bundle exec ruby "$here/load.rb"; then
    echo "Built again, it still does not load. Next to try: remove $directory, where only this" >&2
    echo "tool's copies of the site's gems are, and run this again." >&2
    exit 1
  fi
fi
rm -f "$work/said"
sync -f "$directory" 2>/dev/null || sync # or a power cut could keep the stamp, and lose gems
printf '%s\n' "$stamp" >"$directory/stamp.part"
mv "$directory/stamp.part" "$directory/stamp"
