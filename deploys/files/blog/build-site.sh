#!/bin/sh
# Builds the site in the current directory, with the site's own bundle or with what is installed.
#
# Usage, in the builder image: [PROGRAM=preview.rb] sh build-site.sh registry|packages [PLUGIN-TO-LEAVE-OUT...]
set -eu

from=$1
shift
program=/bootstrapper/${PROGRAM:-build.rb}
if [ "$from" = registry ]; then
  exec bundle exec ruby "$program" "$from" "$@"
fi
JEKYLL_NO_BUNDLER_REQUIRE=true exec ruby "$program" "$from" "$@"
