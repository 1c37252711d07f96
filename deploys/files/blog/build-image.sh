#!/bin/sh
# Builds the blog's image on the machine where the site is. Nothing is written to the site.
#
# Usage: sh build-image.sh SITE COMMAND [ARGUMENT...]
#
# COMMAND is the engine's build command with all its options; the context is appended to it. This
# file's directory holds what else goes into the context. POSIX sh, BSD and GNU tools.
set -eu

site=$1
shift
files=$(cd "$(dirname "$0")" && pwd)
context=$(mktemp -d "${TMPDIR:-/tmp}/bootstrapper-build.XXXXXX")
trap 'rm -rf "$context"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

mkdir "$context/site" "$context/gems"
cp "$files"/* "$context/"
cd "$site"
for name in Gemfile Gemfile.lock _config.yml _config.yaml .ruby-version *.gemspec; do
  [ ! -f "$name" ] || cp "$name" "$context/gems/"
done
sh "$files/site-files.sh" | tar -c -h --null -T - -f - | tar -x -f - -C "$context/site"
chmod -R u+rwX,go+rX "$context"

DOCKER_BUILDKIT=${DOCKER_BUILDKIT-} "$@" "$context"
