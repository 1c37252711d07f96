#!/bin/sh
# Process 1 of a simulated Mac, started inside its new namespaces: mounts its disk, makes it the
# root, and stands until standard input ends or somebody writes to /maclab/power. The kernel then
# ends and unmounts all the rest.
#
#   boot.sh LAYERS DISK ENGINE    LAYERS: read-only trees, topmost first, joined by ":"
set -eu

layers=$1 disk=$2 engine=$3
root=$disk/mount

hostname mac
mount -t overlay mac "$root" -o "volatile,redirect_dir=on,lowerdir=$layers,upperdir=$disk/root,workdir=$disk/work"
# A Mac has neither /proc nor /sys. sudo and Python on Linux cannot do without the first.
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
sh "$(dirname "$0")/../debian/devices.sh" "$root" 4
: >"$root/maclab/engine.sock"
[ -z "$engine" ] || mount --bind "$engine" "$root/maclab/engine.sock"
rm -f "$root/maclab/power"
mkfifo -m 666 "$root/maclab/power"

cd "$root"
pivot_root . .
umount -l .
exec chroot . /maclab/real/sh -c '
  /maclab/gnu/env -i /maclab/python -IS /maclab/serve </dev/null >/maclab/server.log 2>&1 &
  exec 3<&0
  { cat <&3 >/dev/null; echo off >/maclab/power; } &
  echo up
  read -r _ </maclab/power'
