#!/bin/sh
# Builds the blog's image on the machine where the site is. Nothing is written to the site.
#
# Usage: sh build-image.sh SITE COMMAND [ARGUMENT...]
#
# COMMAND is the engine's build command with all its options; the context is appended to it. This
# file's directory holds what else goes into the context. EARLIER, if it is set, is a shell command
# that writes a tar archive of what an earlier build has kept (see converted.rb); it may fail.
# SITE_HASH, if it is set, is the hash of the site that the build is named after.
# POSIX sh, BSD and GNU tools.
set -eu

site=$1
shift
files=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/bootstrapper-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

# bsdtar takes names that are not ASCII only where the locale says how they are written; a Mac has
# this one, whatever the user's own is.
[ "$(uname -s)" != Darwin ] || export LC_ALL=UTF-8

context=$work/context
mkdir "$context" "$context/site" "$context/gems"
cp "$files"/* "$context/"
cd "$site"
for name in Gemfile Gemfile.lock .ruby-version *.gemspec _config.yml _config.yaml; do
  [ -f "$name" ] || continue
  # A Gemfile names all gems that come from a registry: a changed title installs none again.
  case $name:" $* " in _config.*" GEMS_FROM=registry "*) [ ! -f Gemfile ] || continue ;; esac
  cp "$name" "$context/gems/"
done
if [ -d vendor/cache ]; then # gems that the author keeps beside the site
  mkdir -p "$context/gems/vendor"
  cp -R vendor/cache "$context/gems/vendor/"
fi
{ sh "$files/site-files.sh" | tar -c -h --null -T - -f - || : >"$work/unread"; } |
  tar -x -f - -C "$context/site"
if [ -e "$work/unread" ]; then
  echo "Files of the site cannot be read, they are named above; mend their permissions." >&2
  exit 1
fi
copied() { cd "$context/site" && sh "$files/site-files.sh" | sh "$files/site-hash.sh"; }
if [ -n "${SITE_HASH:-}" ] && [ "$(copied)" != "$SITE_HASH" ]; then
  echo "The site was changed while it was looked at; run it again." >&2
  exit 1
fi
if [ -n "${EARLIER:-}" ] && [ ! -e "$context/site/.jekyll-cache" ]; then
  mkdir "$work/earlier"
  sh -c "$EARLIER" 2>/dev/null | tar -x -f - -C "$work/earlier" 2>/dev/null || true
  if [ -f "$work/earlier/converted" ]; then
    mkdir "$context/site/.jekyll-cache"
    mv "$work/earlier/converted" "$context/site/.jekyll-cache/bootstrapper-converted"
  fi
fi
chmod -R u+rwX,go+rX "$context"

# A pipe keeps only the last exit code; what the author has to read comes last, without the
# engine's own lines around it.
{ "$@" "$context" 2>&1 || : >"$work/failed"; } | tee "$work/log"
if [ -e "$work/failed" ]; then
  # The classic builder paints what a step said on standard error; BuildKit numbers it, and repeats it.
  escape=$(printf '\033')
  sed "s/$escape\[[0-9;]*m//g" "$work/log" | sed -n 's/.*\[blog\] /[blog] /p' |
    awk '!seen[$0]++' | tail -n 12 >&2
  exit 1
fi
