#!/bin/sh
# Collects what the server image holds: nginx, the libraries it loads, busybox, a user, empty directories.
#
# Usage, in the builder image: sh server-files.sh TARGET
set -eu

target=$1

put() {
  mkdir -p "$target$(dirname "$1")"
  cp -L "$1" "$target$1"
}

put /usr/sbin/nginx
put /bin/busybox
ldd /usr/sbin/nginx | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i }' |
  while read -r library; do
    put "$library"
  done

mkdir -p "$target/etc/nginx" "$target/srv" "$target/tmp" "$target/var/lib/nginx" "$target/var/log/nginx"
chmod 1777 "$target/tmp"
printf '%s\n' 'root:x:0:0:root:/:/bin/busybox' 'www:x:10001:10001:www:/:/bin/busybox' >"$target/etc/passwd"
printf '%s\n' 'root:x:0:' 'www:x:10001:' >"$target/etc/group"
