"""curl, with the few addresses that this network knows, and digests: shasum, md5."""

from __future__ import annotations

import hashlib
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from getopt import GetoptError, gnu_getopt
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

from .call import LAB, Call, Section, command
from .developer_tools import hand_over

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_REAL = f"{LAB}/real/curl"
_VALUES = {
    "A": "user-agent",
    "C": "continue-at",
    "D": "dump-header",
    "H": "header",
    "X": "request",
    "b": "cookie",
    "d": "data",
    "e": "referer",
    "m": "max-time",
    "o": "output",
    "r": "range",
    "u": "user",
    "w": "write-out",
    "x": "proxy",
}
_FLAGS = {
    "#": "progress-bar",
    "4": "ipv4",
    "6": "ipv6",
    "I": "head",
    "J": "remote-header-name",
    "L": "location",
    "N": "no-buffer",
    "O": "remote-name",
    "R": "remote-time",
    "S": "show-error",
    "V": "version",
    "f": "fail",
    "i": "include",
    "k": "insecure",
    "q": "disable",
    "s": "silent",
    "v": "verbose",
}
_LONG_VALUES = {
    *_VALUES.values(),
    *("retry", "retry-delay", "retry-max-time", "connect-timeout", "proto", "proto-redir", "url"),
    *("proto-default", "speed-limit", "speed-time", "noproxy", "cacert", "tls-max", "output-dir"),
    *("unix-socket", "max-redirs"),
}
_LONG_FLAGS = {
    *_FLAGS.values(),
    *("tlsv1.2", "tlsv1.3", "compressed", "retry-connrefused", "retry-all-errors", "globoff"),
    *("create-dirs", "no-progress-meter", "fail-with-body", "http1.1", "http2", "ssl-reqd"),
    *("location-trusted", "remote-name-all"),
}
_SHASUM = ["algorithm=", "binary", "check", "status", "text"]


@dataclass
class Network(Section):
    """`urls` maps what can be fetched to a file of this machine; any other path of such a host
    is a 404, and other hosts do not exist. `broken` are hosts and what happens to their callers.
    """

    KEY: ClassVar[str] = "network"

    urls: dict[str, str] = field(default_factory=dict)
    broken: dict[str, Literal["unresolved", "refused", "hanging"]] = field(default_factory=dict)


class _Trouble(Exception):
    """What ends curl: its exit code and its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Answer(NamedTuple):
    status: int
    body: bytes


# curl


@command(
    "curl",
    "/usr/bin/curl",
    source="texts and exit codes as curl 7.88.1 prints them on Linux",
    guesses=(
        "no progress meter, no redirects, one header; a local address is asked by a real curl",
        "proxies are not used",
    ),
)
def curl(call: Call) -> int:
    try:
        options, urls = _parse(call.argv)
        if "version" in options:
            call.out("curl 8.7.1 (x86_64-apple-darwin27.0) libcurl/8.7.1")
            return 0
        if not urls:
            raise _Trouble(2, "(2) no URL specified")
        if any(urlsplit(url).hostname in LOOPBACK for url in urls) and call.path(_REAL).exists():
            return hand_over(call, call.path(_REAL), call.argv)
        for url in urls:
            _fetch(call, url, options)
    except _Trouble as trouble:
        if trouble.code == 2:
            call.err(
                f"curl: {trouble}\ncurl: try 'curl --help' or 'curl --manual' for more information"
            )
        elif "silent" not in options or "show-error" in options:
            call.err(f"curl: {trouble}")
        return trouble.code
    return 0


def _fetch(call: Call, url: str, options: dict[str, str]) -> None:
    answer = _ask(call, url, options)
    failed = answer.status >= 400 and "fail" in options
    if failed:
        _write_out(call, url, answer, options)
        raise _Trouble(22, f"(22) The requested URL returned error: {answer.status}")
    body = answer.body
    if "head" in options or "include" in options:
        head = f"HTTP/2 {answer.status} \r\ncontent-length: {len(body)}\r\n\r\n".encode()
        body = head if "head" in options else head + body
    name = options.get("output", "-")
    if "remote-name" in options:
        name = Path(urlsplit(url).path).name
    if name == "-":
        _emit(call, body)
    else:
        _store(call, name, body, options)
    _write_out(call, url, answer, options)


def _ask(call: Call, url: str, options: dict[str, str]) -> _Answer:
    network = call.state(Network)
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host = parts.hostname or ""
    scheme = parts.scheme
    if scheme not in _allowed(options.get("proto", "")):
        raise _Trouble(1, f'(1) Protocol "{scheme}" not supported or disabled in libcurl')
    if scheme == "file":
        return _from_file(call, parts.path)
    if host in LOOPBACK:
        return _ask_locally(parts.geturl())
    known = {urlsplit(one).hostname for one in network.urls}
    trouble = network.broken.get(host, "" if host in known else "unresolved")
    port = parts.port or (443 if scheme == "https" else 80)
    if trouble == "unresolved":
        raise _Trouble(6, f"(6) Could not resolve host: {host}")
    if trouble == "refused":
        message = f"(7) Failed to connect to {host} port {port} after 12 ms: "
        raise _Trouble(7, message + "Couldn't connect to server")
    if trouble == "hanging":
        limit = options.get("connect-timeout") or options.get("max-time") or "300"
        raise _Trouble(
            28, f"(28) Connection timed out after {int(float(limit) * 1000)} milliseconds"
        )
    if url in network.urls:
        return _Answer(200, call.path(network.urls[url]).read_bytes())
    return _Answer(404, b"404: Not Found")


def _from_file(call: Call, path: str) -> _Answer:
    if not call.path(path).exists():
        raise _Trouble(37, f"(37) Couldn't open file {path}")
    return _Answer(200, call.path(path).read_bytes())


def _ask_locally(url: str) -> _Answer:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=30) as response:
            return _Answer(response.status, response.read())
    except urllib.error.HTTPError as refused:
        return _Answer(refused.code, refused.read())
    except OSError:
        parts = urlsplit(url)
        message = f"(7) Failed to connect to {parts.hostname} port {parts.port or 80} after 0 ms: "
        raise _Trouble(7, message + "Couldn't connect to server") from None


def _allowed(told: str) -> set[str]:
    return set(told.lstrip("=").split(",")) if told.startswith("=") else {"http", "https", "file"}


def _store(call: Call, name: str, body: bytes, options: dict[str, str]) -> None:
    file = call.path(call.cwd / options.get("output-dir", "") / name)
    if "create-dirs" in options:
        file.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.write_bytes(body)
    except OSError:
        raise _Trouble(23, "(23) Failure writing output to destination") from None


def _emit(call: Call, body: bytes) -> None:
    stream = getattr(call.stdout, "buffer", None)
    if stream is None:
        call.stdout.write(body.decode())
    else:
        stream.write(body)
        stream.flush()


def _write_out(call: Call, url: str, answer: _Answer, options: dict[str, str]) -> None:
    shown = options.get("write-out", "")
    told = {
        "http_code": f"{answer.status:03}",
        "response_code": f"{answer.status:03}",
        "url_effective": url,
        "size_download": str(len(answer.body)),
    }
    for name, value in told.items():
        shown = shown.replace(f"%{{{name}}}", value)
    call.stdout.write(shown.replace("\\n", "\n"))
    call.stdout.flush()


def _parse(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    urls: list[str] = []
    words = iter(argv)
    for word in words:
        if word.startswith("--"):
            _parse_long(word, words, options)
        elif word.startswith("-") and word != "-":
            _parse_short(word, words, options)
        else:
            urls.append(word)
    return options, [*urls, *filter(None, [options.get("url")])]


def _parse_long(word: str, words: Iterator[str], options: dict[str, str]) -> None:
    name = word[2:]
    if name in _LONG_VALUES:
        options[name] = _next(word, words)
    elif name in _LONG_FLAGS:
        options["fail" if name == "fail-with-body" else name] = ""
    else:
        raise _Trouble(2, f"option {word}: is unknown")


def _parse_short(word: str, words: Iterator[str], options: dict[str, str]) -> None:
    letters = word[1:]
    for at, letter in enumerate(letters):
        if letter in _VALUES:
            options[_VALUES[letter]] = letters[at + 1 :] or _next(word, words)
            return
        if letter not in _FLAGS:
            raise _Trouble(2, f"option {word}: is unknown")
        options[_FLAGS[letter]] = ""


def _next(option: str, words: Iterator[str]) -> str:
    value = next(words, None)
    if value is None:
        raise _Trouble(2, f"option {option}: requires parameter")
    return value


# Digests


@command(
    "shasum",
    "/usr/bin/shasum",
    source="as Perl's shasum prints it on Linux",
    guesses=("only -a, -b, -t, -c, -s and --status",),
)
def shasum(call: Call) -> int:
    try:
        options, files = gnu_getopt(call.argv, "a:bcst", _SHASUM)
    except GetoptError as wrong:
        return call.fails(f"Unknown option: {wrong.opt}\nType shasum -h for help")
    given = dict(options)
    algorithm = "sha" + (given.get("-a") or given.get("--algorithm") or "1")
    if given.keys() & {"-c", "--check"}:
        return _check(
            call, algorithm, files or ["-"], quiet=bool(given.keys() & {"-s", "--status"})
        )
    code = 0
    for file in files or ["-"]:
        body = _read(call, file)
        if body is None:
            call.err(f"shasum: {file}: No such file or directory")
            code = 1
        else:
            call.out(f"{hashlib.new(algorithm, body).hexdigest()}  {file}")
    return code


def _check(call: Call, algorithm: str, lists: list[str], *, quiet: bool) -> int:
    failed = 0
    for one in lists:
        for line in (_read(call, one) or b"").decode().splitlines():
            told, _, name = line.partition(" ")
            name = name[1:]
            body = _read(call, name)
            good = body is not None and hashlib.new(algorithm, body).hexdigest() == told
            failed += not good
            if not quiet:
                call.out(f"{name}: {'OK' if good else 'FAILED'}")
    if failed and not quiet:
        plural = "s" if failed > 1 else ""
        call.err(f"shasum: WARNING: {failed} computed checksum{plural} did NOT match")
    return 1 if failed else 0


# /sbin on a Mac; here /sbin is a link to /usr/sbin
@command(
    "md5", "/usr/sbin/md5", source="", guesses=("as FreeBSD's md5: -q, or MD5 (file) = digest",)
)
def md5(call: Call) -> int:
    files = [word for word in call.argv if not word.startswith("-")]
    for file in files or ["-"]:
        body = _read(call, file)
        if body is None:
            return call.fails(f"md5: {file}: No such file or directory")
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        plain = "-q" in call.argv or file == "-"
        call.out(digest if plain else f"MD5 ({file}) = {digest}")
    return 0


def _read(call: Call, name: str) -> bytes | None:
    if name == "-":
        return sys.stdin.buffer.read() if call.stdin is sys.stdin else call.stdin.read().encode()
    file = call.path(call.cwd / name)
    return file.read_bytes() if file.is_file() else None
