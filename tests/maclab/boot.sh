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
mount -t tmpfs -o nosuid,mode=755 dev "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=4 devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev shm "$root/dev/shm"
while read -r device major minor; do
    mknod -m 666 "$root/dev/$device" c "$major" "$minor"
done <<DEVICES
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
DEVICES
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
: >"$root/maclab/engine.sock"
[ -z "$engine" ] || mount --bind "$engine" "$root/maclab/engine.sock"
rm -f "$root/maclab/power"
mkfifo -m 666 "$root/maclab/power"

cd "$root"
pivot_root . .
umount -l .
exec chroot . /maclab/real/sh -c '
  exec 3<&0
  { cat <&3 >/dev/null; echo off >/maclab/power; } &
  echo up
  read -r _ </maclab/power'
