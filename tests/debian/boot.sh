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
mount -t tmpfs -o nosuid,mode=755 dev "$root/dev"
mount -t tmpfs -o nosuid,nodev,mode=755 run "$root/run"

mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue" "$root/run/lock"
chmod 1777 "$root/run/lock"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev shm "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"
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
