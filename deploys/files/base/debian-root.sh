#!/bin/sh
# A Debian root tree with Ruby, Jekyll and nginx, as a tar archive on standard output.
#
# Usage, as root: sh debian-root.sh CODENAME > root.tar
#
# Everything comes from the mirrors and through the proxies that this machine's apt is set up with.
# The work is done in memory where there is room: unpacking onto a disk takes ten times as long.
set -eu

NEEDED_KIB=1572864
JEKYLL='ruby,bundler,jekyll,jekyll-theme-minima,ruby-kramdown-parser-gfm,ruby-webrick'
SERVER='nginx-light,busybox-static'
# All plugins that this release has, whichever they are; some names are only referred to by others.
PLUGINS='?and(?name(^ruby-jekyll-),?not(?name(test-plugin)),?not(?virtual))'

main() {
  codename=$1
  if [ "${2:-}" = in-memory ]; then
    # Mounted in a mount namespace of our own: it is gone with us, however we end.
    mount -t tmpfs -o "size=${NEEDED_KIB}k,mode=0755" bootstrapper "$3"
    make_root "$codename" "$3"
    return
  fi
  work=$(mktemp -d /var/tmp/bootstrapper.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' HUP TERM
  if has_room_in_memory && unshare --mount true 2>/dev/null; then
    unshare --mount sh "$0" "$codename" in-memory "$work"
  else
    echo "Working on disk, there is too little free memory: this takes several minutes." >&2
    make_root "$codename" "$work"
  fi
}

has_room_in_memory() {
  awk -v needed="$NEEDED_KIB" '/^MemAvailable:/ { exit !($2 > needed * 2) }' /proc/meminfo
}

make_root() {
  sources=$(sources_of "$1")
  if [ -z "$sources" ]; then
    apt-get -q update >&2
    sources=$(sources_of "$1")
  fi
  if [ -z "$sources" ]; then
    echo "apt has no source for the release $1 on this machine; look at /etc/apt/sources.list*" >&2
    exit 1
  fi
  apt-config dump Acquire | grep -v '^Acquire::IndexTargets' >"$2/acquire.conf"
  # When it fails it hangs up on its whole process group (mmdebstrap 1.3.5, `kill HUP`): ours, and
  # the one of whoever has started us. So it gets one of its own, which no Ctrl-C reaches.
  making=
  trap 'stop 130' INT
  trap 'stop 143' HUP TERM
  # shellcheck disable=SC2016,SC2086 # $1 is mmdebstrap's; names of sources files are words
  TMPDIR=$2 setsid mmdebstrap --mode=root --variant=minbase --format=tar \
    --include="$PLUGINS" --include="$JEKYLL,$SERVER" \
    --aptopt="$2/acquire.conf" --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --setup-hook='for f in /etc/apt/auth.conf /etc/apt/auth.conf.d; do
        [ ! -e "$f" ] || cp -R "$f" "$1/etc/apt/"; done' \
    --customize-hook='rm -rf "$1"/etc/apt/auth.conf* "$1"/etc/apt/sources.list*' \
    --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
    "$1" - $sources &
  making=$!
  wait "$making"
}

stop() {
  if [ -n "$making" ]; then
    kill -TERM -- "-$making" 2>/dev/null || :
    wait "$making" || :
  fi
  exit "$1"
}

# The sources files that hold the distribution's own entries for this release.
sources_of() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(SOURCESENTRY)' 'Created-By: Packages' |
    awk -F '|' -v codename="$1" '
      $1 ~ /^(Debian|Ubuntu|Raspbian)$/ && $2 ~ "^" codename "(-|$)" {
        sub(/:[0-9]+$/, "", $3)
        if (!seen[$3]++) print $3
      }'
}

main "$@"
