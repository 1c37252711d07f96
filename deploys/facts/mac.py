"""What kind of Mac it is, and the state of Apple's developer tools on it."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import InvalidVersion, Version
from pyinfra.api import FactBase

TOOLS = "/Library/Developer/CommandLineTools"

# A key that sysctl does not know is no error: hw.optional.arm64 and sysctl.proc_translated are
# unknown on Intel, kern.hv_support on some virtual machines (actions/runner-images#9460).
# SYSTEM_VERSION_COMPAT=0: a program built for an old SDK is told 16.0 on macOS 26
# (python/cpython#135675), and its children inherit that. The room is in the column before `12%`: a
# home on the network is on "map auto_home", with a space. Apple's `container` has a directory for
# each container; over SSH, its service is out of sight (apple/container#205, #2008).
_ASK_MAC = r"""
tell() { printf '%s\t%s\n' "$1" "$(/usr/sbin/sysctl -n "$2" 2>/dev/null)"; }
printf 'version\t%s\n' "$(SYSTEM_VERSION_COMPAT=0 /usr/bin/sw_vers -productVersion)"
printf 'build\t%s\n' "$(/usr/bin/sw_vers -buildVersion)"
tell silicon hw.optional.arm64
tell translated sysctl.proc_translated
tell virtualization kern.hv_support
printf 'free\t%s\n' "$(df -Pk "$HOME" | awk 'NR == 2 {
  for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+%$/) { print $(i - 1); exit }
}')"
[ -f /etc/homebrew/brew.no_install ] &&
  printf 'forbidden\t%s\n' "$(head -n 1 /etc/homebrew/brew.no_install 2>/dev/null)"
exported=${HTTPS_PROXY:-}${https_proxy:-}${HTTP_PROXY:-}${http_proxy:-}${ALL_PROXY:-}${all_proxy:-}
for file in sudo sudo_local; do
  grep -q '^ *auth.*pam_tid' "/etc/pam.d/$file" 2>/dev/null && printf 'touch-id\t%s\n' "$file"
done
for program in /opt/homebrew/bin/container /usr/local/bin/container; do
  [ -z "${SSH_CONNECTION:-}" ] && [ -x "$program" ] || continue
  for kept in "$HOME/Library/Application Support/com.apple.container/containers"/*; do
    [ -d "$kept" ] && printf 'container\t%s\n' "$program" && break 2
  done
done
if [ -z "$exported" ]; then
  /usr/sbin/scutil --proxy 2>/dev/null | awk '
    $1 == "ExceptionsList" { listed = 1; next }
    listed && $1 == "}" { listed = 0 }
    listed { printf "except\t%s\n", $3 }
    $1 ~ /^HTTPS?(Enable|Port|Proxy)$/ || $1 ~ /^ProxyAutoConfig(Enable|URLString)$/ {
      printf "proxy.%s\t%s\n", $1, $3
    }'
fi
exit 0
"""

# The stubs in /usr/bin open a window where there are no tools, so nothing is run that might be one.
# The licence can only be asked of a tool, and only Xcode has one: exit code 69. DEVELOPER_DIR goes
# before the selection (xcode-select(1)), and may name an app.
_ASK_TOOLS = r"""
tools=/Library/Developer/CommandLineTools
selected=${DEVELOPER_DIR:-}
if [ -n "$selected" ]; then
  printf 'override\n'
  [ -d "$selected/Contents/Developer" ] && selected=$selected/Contents/Developer
else
  selected=$(/usr/bin/xcode-select -p 2>/dev/null)
fi
printf 'selected\t%s\n' "$selected"
[ -n "$selected" ] && [ -x "$selected/usr/bin/git" ] && printf 'usable\n'
[ -e "$tools" ] && printf 'folder\n'
[ -x "$tools/usr/bin/git" ] && [ -x "$tools/usr/bin/clang" ] && printf 'whole\n'
/usr/sbin/pkgutil --pkg-info com.apple.pkg.CLTools_Executables 2>/dev/null |
  awk '$1 == "version:" { printf "version\t%s\n", $2 }'
case $selected in
  *.app/*)
    if [ -x "$selected/usr/bin/git" ]; then
      /usr/bin/xcrun clang --version >/dev/null 2>&1
      [ $? -eq 69 ] && printf 'licence\n'
    fi ;;
esac
exit 0
"""


@dataclass(frozen=True)
class MacSystem:
    """A Mac. `translated`: this shell runs under Rosetta. `can_virtualize` is None if unknown.

    `free_bytes` is the room on the volume of the home directory: `/` is the sealed system volume.
    `proxies` are the system's web proxies (scheme to `host:port`) where the environment has none,
    `not_proxied` the hosts that go without, `proxy_script` the address of a script that decides.
    `forbids_homebrew` is what /etc/homebrew/brew.no_install says: the reason, as Homebrew's
    installer reads it; None without such a file. `touch_id_in` are the files in /etc/pam.d that let
    a fingerprint do for sudo. `container` is the program of Apple's container, where it keeps
    containers of the user's, and can be asked; else "".
    """

    version: str
    build: str
    is_silicon: bool
    translated: bool
    can_virtualize: bool | None
    free_bytes: int
    proxies: dict[str, str]
    not_proxied: tuple[str, ...] = ()
    proxy_script: str = ""
    forbids_homebrew: str | None = None
    touch_id_in: frozenset[str] = frozenset()
    container: str = ""

    @property
    def major(self) -> int:
        """The major version: 15, 26, 27, …; 0 where the version cannot be read."""
        try:
            return Version(self.version).major
        except InvalidVersion:
            return 0


class Mac(FactBase[MacSystem]):
    """Version, processor, virtualization, room and proxies, in one shell command."""

    def command(self) -> str:
        """sw_vers(1), sysctl(8), df(1), scutil(8); all by their paths."""
        return _ASK_MAC

    def process(self, output: list[str]) -> MacSystem:
        """Lines of `key<TAB>value`."""
        pairs = [line.split("\t", 1) for line in output if "\t" in line]
        told = dict(pairs)
        virtualization = told.get("virtualization", "")
        scripted = told.get("proxy.ProxyAutoConfigEnable") == "1"
        return MacSystem(
            version=told.get("version", ""),
            build=told.get("build", ""),
            is_silicon=told.get("silicon") == "1",
            translated=told.get("translated") == "1",
            can_virtualize=virtualization == "1" if virtualization else None,
            free_bytes=int(told.get("free") or 0) * 1024,
            proxies=_proxies(told),
            not_proxied=tuple(value for key, value in pairs if key == "except"),
            proxy_script=told.get("proxy.ProxyAutoConfigURLString", "") if scripted else "",
            forbids_homebrew=told.get("forbidden"),
            touch_id_in=frozenset(value for key, value in pairs if key == "touch-id"),
            container=told.get("container", ""),
        )


@dataclass(frozen=True)
class ToolsState:
    """Apple's developer tools.

    `selected` is what `xcode-select -p` says, or DEVELOPER_DIR if `override`; `usable`: its tools
    are there. `folder` and `whole` are about the Command Line Tools' own place; `version` is that
    of their receipt, which outlives them. `licence_open`: Xcode is selected, and its licence has
    not been agreed to.
    """

    selected: str = ""
    usable: bool = False
    folder: bool = False
    whole: bool = False
    version: str = ""
    licence_open: bool = False
    override: bool = False

    @property
    def is_xcode(self) -> bool:
        """Whether a whole Xcode is selected; its tools are as good."""
        return self.usable and ".app/" in self.selected

    def older_than(self, minimum: str) -> bool:
        """Whether the receipt's version is a lower one; False where it cannot be told."""
        try:
            return Version(".".join(self.version.split(".")[:2])) < Version(minimum)
        except InvalidVersion:
            return False


class DeveloperTools(FactBase[ToolsState]):
    """The developer tools as files, receipt and selection; no stub is touched."""

    def command(self) -> str:
        """xcode-select(1), pkgutil(1), and the files themselves."""
        return _ASK_TOOLS

    @staticmethod
    def default() -> ToolsState:
        """Nothing is there."""
        return ToolsState()

    def process(self, output: list[str]) -> ToolsState:
        """Lines of `key` or `key<TAB>value`."""
        told = {key: value for key, _, value in (line.partition("\t") for line in output)}
        return ToolsState(
            selected=told.get("selected", ""),
            usable="usable" in told,
            folder="folder" in told,
            whole="whole" in told,
            version=told.get("version", ""),
            licence_open="licence" in told,
            override="override" in told,
        )


def _proxies(told: dict[str, str]) -> dict[str, str]:
    found = {}
    for scheme in ("http", "https"):
        key = f"proxy.{scheme.upper()}"
        name, port = told.get(f"{key}Proxy"), told.get(f"{key}Port")
        if told.get(f"{key}Enable") == "1" and name:
            found[scheme] = f"{name}:{port}" if port else name
    return found
