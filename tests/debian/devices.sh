#!/bin/sh
# Gives a machine's root a /dev of its own, while its mounts are being made.
#
#   devices.sh ROOT TTY-GROUP
set -eu

dev=$1/dev group=$2

mount -t tmpfs -o nosuid,mode=755 dev "$dev"
mkdir "$dev/pts" "$dev/shm"
mount -t devpts -o "newinstance,ptmxmode=666,mode=620,gid=$group" devpts "$dev/pts"
mount -t tmpfs -o nosuid,nodev shm "$dev/shm"
while read -r device major minor; do
    mknod -m 666 "$dev/$device" c "$major" "$minor"
done <<DEVICES
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
DEVICES
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
ln -s fd/0 "$dev/stdin"
ln -s fd/1 "$dev/stdout"
ln -s fd/2 "$dev/stderr"
