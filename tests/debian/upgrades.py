"""What an upgrade of Debian leaves behind."""

# An older daemon is this one with another version in it: as long, so that nothing else moves.
OLDER_DAEMON = """
set -e
version=$(dockerd --version | sed 's/.*version \\([0-9.]*\\).*/\\1/')
older=$(printf %s "$version" | sed 's/.$/0/')
[ "$older" != "$version" ]
sed "s/$version/$older/g" "$(command -v dockerd)" >/opt/dockerd
chmod +x /opt/dockerd
setsid sh -c 'nohup /opt/dockerd >/var/log/dockerd.log 2>&1 </dev/null &'
until docker version >/dev/null 2>&1; do sleep 0.1; done
"""
