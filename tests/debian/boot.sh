#!/bin/sh
# Process 1 of a machine, started inside its new namespaces: mounts its disk, makes it the root and
# stands until standard input ends. When whoever holds the other end of that pipe is gone, in
# whatever way, so is process 1, and the kernel ends and unmounts all the rest.
#
#   boot.sh LAYERS DISK NAME CGROUP...    LAYERS: read-only trees, topmost first, joined by ":"
set -eu

layers=$1 disk=$2 name=$3
shift 3
root=$disk/mount

hostname "$name"
# volatile: no fsync reaches the disk, which would cost most of an apt-get's time.
mount -t overlay machine "$root" \
    -o "volatile,lowerdir=$layers,upperdir=$disk/root,workdir=$disk/work"

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
sh "$(dirname "$0")/devices.sh" "$root" 5
mount -t tmpfs -o nosuid,nodev,mode=755 run "$root/run"

mkdir "$root/dev/mqueue" "$root/run/lock"
chmod 1777 "$root/run/lock"
mount -t mqueue mqueue "$root/dev/mqueue"

if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount --bind "$1" "$root/sys/fs/cgroup"
    # Version 2 hands controllers only to groups without processes of their own.
    mkdir "$1/init"
    echo 0 >"$1/init/cgroup.procs"
    sed 's/[^ ]* */+&/g' "$1/cgroup.controllers" >"$1/cgroup.subtree_control"
else
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 cgroup "$root/sys/fs/cgroup"
    for group; do
        controller=$(basename "$(dirname "$group")")
        mkdir "$root/sys/fs/cgroup/$controller"
        mount --bind "$group" "$root/sys/fs/cgroup/$controller"
    done
fi

# Docker's overlay2 cannot lie on an overlay; downloaded packages outlive the machine.
mount --bind "$disk/docker" "$root/var/lib/docker"
mount --bind "$disk/archives" "$root/var/cache/apt/archives"

cd "$root"
pivot_root . .
umount -l .
exec chroot . /bin/sh -c 'echo up; cat >/dev/null; :'
