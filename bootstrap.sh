#!/bin/sh
# The front door of a machine with no usable Python: fetches a pinned, checksummed uv, which brings a Python, and runs
# bootstrap.py with it. A python3 that is there and works is used as it is.
#
# BOOTSTRAP_UV_URL: where to fetch uv from instead of its releases, such as a mirror's https URL.
set -eu

UV_VERSION=0.12.5
UV_URL=${BOOTSTRAP_UV_URL:-https://github.com/astral-sh/uv/releases/download}
PYTHON=3.13         # what is fetched where there is none
PYTHONS='>=3.10,<3.15' # what bootstrap.py runs on

# Of that release's archives, as Astral itself lists them (astral-sh/setup-uv, known-checksums.json, commit 19b4d1e).
# The Linux builds are the static ones, for any libc.
checksum_for() { # TARGET
    case $1 in
    aarch64-apple-darwin) echo 5bb0e5fe008a773c3dbcb97ff79cd89e1241464fe9d2f986d52ad8f1b037bd62 ;;
    x86_64-apple-darwin) echo b3b2137477cf96c9686ebfb71524614cec780c673fd73e59bce099aef02e70e8 ;;
    aarch64-unknown-linux-musl) echo 8767a0e77f2cd45436401b1b42bf7e9ed5a4a91a74a5305d6fe93249d0f6dbc5 ;;
    x86_64-unknown-linux-musl) echo a4742988791c9aeae68c78150d6cba762062ad2a47e53738c2779d2b596bfcdb ;;
    esac
}

main() {
    system=$(uname -s)
    here=$(directory_of "$0")
    [ -f "$here/bootstrap.py" ] || fail "bootstrap.py is not beside this script; run it from a checkout."
    python=$(python_on_path) || python=$(python_from_uv) || exit
    exec "$python" "$here/bootstrap.py" "$@"
}

directory_of() ( # FILE, which may be a symbolic link to it
    file=$1
    while [ -h "$file" ]; do
        target=$(readlink "$file")
        case $target in
        /*) file=$target ;;
        *) file=$(dirname "$file")/$target ;;
        esac
    done
    cd -P "$(dirname "$file")" && pwd
)

python_on_path() (
    tools=$(developer_directory)
    set -f
    IFS=:
    for directory in $(safe_path) ${tools:+"$tools/usr/bin"}; do
        candidate=$directory/python3
        if [ -x "$candidate" ] && is_usable "$candidate"; then
            echo "$candidate"
            exit
        fi
    done
    exit 1
)

# PATH, on a Mac without /usr/bin and what links to its python3: without the command line tools, python3 and
# install_name_tool there are stubs that open a dialog, and uv runs both (astral-sh/uv#14893).
safe_path() (
    if [ "$system" != Darwin ]; then
        echo "$PATH"
        exit
    fi
    set -f
    IFS=:
    safe=
    for directory in $PATH; do
        [ "$directory" = /usr/bin ] || is_stub "$directory/python3" || safe=$safe:$directory
    done
    echo "${safe#:}"
)

is_stub() { # FILE
    # -ef: in POSIX since 2024, and long before in bash, dash and BusyBox
    # shellcheck disable=SC3013
    [ "$1" -ef /usr/bin/python3 ]
}

# Where a Mac's command line tools are. The answer alone proves nothing: after an upgrade the directory can be empty.
developer_directory() {
    if [ "$system" = Darwin ]; then
        xcode-select -p 2>/dev/null || :
    fi
}

is_usable() { # PYTHON
    "$1" -I -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1
}

python_from_uv() {
    cache=$(cache_directory) || exit
    if ! { mkdir -p "$cache" && chmod 700 "$cache" && scratch=$(mktemp -d "$cache/.fetch-XXXXXX"); } 2>/dev/null; then
        fail "cannot write to $cache; make it writable, or choose another place with XDG_CACHE_HOME (on a Mac, HOME)."
    fi
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    uv=$cache/uv-$UV_VERSION/uv
    [ "$("$uv" --version 2>/dev/null | cut -d ' ' -f 2)" = "$UV_VERSION" ] || fetch_uv "$uv"
    find_python "$PYTHONS" && return
    say "Fetching Python $PYTHON ..."
    run_uv install --no-bin --no-progress "$PYTHON" >"$scratch/said" 2>&1 && find_python "$PYTHON" && return
    fail "found no Python that is $PYTHONS, and uv could not fetch $PYTHON: $(tail -n 1 "$scratch/said")
Connect to the network (UV_PYTHON_INSTALL_MIRROR names a mirror), or install a Python, and run it again."
}

find_python() { # VERSION
    found=$(run_uv find --no-project --system --no-python-downloads "$1" 2>"$scratch/said") || return
    is_usable "$found" && echo "$found"
}

run_uv() { # ARGUMENT...
    PATH=$(safe_path) UV_PYTHON_INSTALL_DIR=$cache/python "$uv" python "$@"
}

cache_directory() {
    case $system:${XDG_CACHE_HOME:-}:${HOME:-} in
    Darwin:*:/*) echo "$HOME/Library/Caches/bootstrapper" ;;
    Linux:/*) echo "$XDG_CACHE_HOME/bootstrapper" ;;
    *:*:/*) echo "$HOME/.cache/bootstrapper" ;;
    *) fail "HOME is not set; set it to your home directory." ;;
    esac
}

fetch_uv() { # FILE
    target=$(target_of_this_machine) || exit
    archive=uv-$target.tar.gz
    say "Fetching uv $UV_VERSION ..."
    download "$UV_URL/$UV_VERSION/$archive" "$scratch/$archive"
    actual=$(sha256 "$scratch/$archive")
    [ "$actual" = "$(checksum_for "$target")" ] ||
        fail "$UV_URL/$UV_VERSION/$archive is not the archive that was released: its SHA-256 is $actual, it should be
$(checksum_for "$target"). It was not used. A proxy may have changed it: try another network."
    mkdir -p "$(dirname "$1")"
    if ! { tar -xzf "$scratch/$archive" -C "$scratch" && mv -f "$scratch/uv-$target/uv" "$1"; }; then
        fail "could not unpack $archive in $cache; make room there, and run it again."
    fi
}

target_of_this_machine() {
    case $system:$(uname -m) in
    Darwin:arm64) echo aarch64-apple-darwin ;;
    Darwin:x86_64)
        # A terminal under Rosetta says x86_64 on Apple Silicon.
        if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" = 1 ]; then
            echo aarch64-apple-darwin
        else
            echo x86_64-apple-darwin
        fi
        ;;
    Linux:x86_64 | Linux:amd64) echo x86_64-unknown-linux-musl ;;
    Linux:aarch64 | Linux:arm64) echo aarch64-unknown-linux-musl ;;
    *) fail "no uv is known for $system on $(uname -m); install Python 3.10 or newer, and run python3 bootstrap.py." ;;
    esac
}

download() { # URL FILE
    case $1 in
    https://*) protocol=https ;;
    http://127.0.0.1[:/]* | http://localhost[:/]*) protocol=http ;;
    *) fail "will not fetch $1: BOOTSTRAP_UV_URL must begin with https://." ;;
    esac
    command -v curl >/dev/null || command -v wget >/dev/null ||
        fail "neither curl nor wget is here to fetch uv with; install one of them, or Python 3.10 or newer."
    address=$1
    for _ in 1 2 3 4; do
        next=$(fetch_once "$address" "$2") ||
            fail "could not fetch $1; connect to the network (https_proxy names a proxy), and run it again."
        [ -n "$next" ] || return 0
        may_follow "$address" "$next" ||
            fail "$1 was redirected to $next, which was not followed; if that is a mirror of yours, name it in BOOTSTRAP_UV_URL."
        address=$next
    done
    fail "$1 was redirected too often."
}

# Fetches what is there, or says where it was redirected to.
fetch_once() { # URL FILE
    if command -v curl >/dev/null; then
        curl --proto "=$protocol" --fail --silent --show-error --connect-timeout 20 --retry 2 \
            --output "$2" --write-out '%{redirect_url}' "$1"
    else
        if said=$(wget -q --server-response --max-redirect=0 -t 3 -O "$2" "$1" 2>&1); then return; fi
        next=
        while read -r key value; do
            case $key in [Ll]ocation:) next=$value ;; esac
        done <<SAID
$said
SAID
        case $next in
        '') return 1 ;;
        /*) next=${1%%://*}://$(host_of "$1")$next ;;
        esac
        echo "$next"
    fi
}

# GitHub keeps the files of its releases on other hosts of its own; nobody else may send us elsewhere.
may_follow() { # FROM TO
    case $2 in
    "$protocol"://*) ;;
    *) return 1 ;;
    esac
    case $(host_of "$1"),$(host_of "$2") in
    github.com,*.githubusercontent.com) ;;
    *) [ "$(host_of "$1")" = "$(host_of "$2")" ] ;;
    esac
}

host_of() ( # URL
    host=${1#*://}
    host=${host%%[/?#]*}
    echo "${host##*@}"
)

sha256() { # FILE
    if command -v sha256sum >/dev/null; then
        sha256sum <"$1"
    elif command -v shasum >/dev/null; then
        shasum -a 256 <"$1"
    else
        openssl dgst -sha256 -r <"$1"
    fi | cut -d ' ' -f 1
}

say() { # LINE
    echo "$1" >&2
}

fail() { # LINE
    say "bootstrap.sh: $1"
    exit 1
}

main "$@"
