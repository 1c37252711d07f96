#!/bin/sh
# Has what the tests want of the system: some Debian packages, and a container engine that answers.
# Run as root on Debian. The engine is brought by the program itself.
set -eu

cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ]; then
  echo "The tests boot throwaway machines and start an engine; run them as root." >&2
  exit 1
fi

missing=
for pair in mmdebstrap:mmdebstrap nginx:nginx-light busybox:busybox-static chromium:chromium \
  shellcheck:shellcheck dash:dash ip:iproute2 slirp4netns:slirp4netns git:git \
  ssh-keygen:openssh-client sshd:openssh-server \
  docker-registry:docker-registry mkfs.ext4:e2fsprogs sudo:sudo gcc:gcc fusermount3:fuse3 \
  nft:nftables iptables:iptables make:make; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
case $missing in *gcc*) missing="$missing libc6-dev" ;; esac
if [ -n "$missing" ]; then
  echo "Installing for the tests:$missing"
  apt-get -q update
  # No service is to start: a test that wants a server starts its own.
  printf '#!/bin/sh\nexit 101\n' >/tmp/no-services
  chmod +x /tmp/no-services
  [ -e /usr/sbin/policy-rc.d ] || { mv /tmp/no-services /usr/sbin/policy-rc.d; ours=yes; }
  # shellcheck disable=SC2086 # a list of package names
  DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
  [ -z "${ours:-}" ] || rm /usr/sbin/policy-rc.d
fi

docker version >/dev/null 2>&1 ||
  python3 bootstrap.py --yes --only machine --only container_engine
