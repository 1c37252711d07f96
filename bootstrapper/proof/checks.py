"""What a server is asked about a build, and what is wrong with an answer. Asks nothing itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urljoin, urlsplit

from bootstrapper.proof.addresses import Addresses, base_directory, url_of
from bootstrapper.proof.client import Answer
from bootstrapper.proof.media import content_types
from bootstrapper.proof.verdict import Fault
from deploys.facts.built_site import BuiltFile, BuiltSite

BUILD_ID_HEADER = "X-Build-Id"

Purpose = Literal[
    "file", "page", "directory", "redirect", "unknown", "unbuilt",
    "head", "etag", "modified", "range", "gzip",
]  # fmt: skip

_REDIRECTS = (301, 302, 307, 308)
_UNBUILT = (
    "_config.yml", "Gemfile", "Gemfile.lock", ".git/HEAD", ".git/config", ".env", "Dockerfile",
    "nginx.conf", "site.conf", "_posts/", "_layouts/default.html",
)  # fmt: skip
_LARGEST_SAMPLE = 1024 * 1024  # bytes


@dataclass(frozen=True)
class Check:
    """One question, and the answer that is right.

    `url` is a percent-encoded path. The answer has one of `statuses`, the bytes of `body` (None:
    any bytes), one of the content types `media` (empty: any), redirects to the path `location` if
    there is one, and has the headers `expected`.
    """

    purpose: Purpose
    url: str
    statuses: tuple[int, ...] = (200,)
    body: BuiltFile | None = None
    media: frozenset[str] = frozenset()
    location: str = ""
    expected: tuple[tuple[str, str], ...] = ()
    method: Literal["GET", "HEAD"] = "GET"
    headers: tuple[tuple[str, str], ...] = ()


def plan(site: BuiltSite, token: str) -> tuple[Check, ...]:
    """Everything there is to ask about a build. No address of it may contain `token`."""
    return tuple(
        check
        for checks in (_files(site), _directories(site), _nothing(site, token))
        for check in checks
    )


def samples(site: BuiltSite) -> tuple[BuiltFile, ...]:
    """One file of each content type: the largest up to 1 MiB, else the smallest; none is empty."""
    chosen: dict[frozenset[str], BuiltFile] = {}
    for file in site.files:
        if file.size:
            kind = content_types(file.path)
            chosen[kind] = max(chosen.get(kind, file), file, key=_usefulness)
    return tuple(chosen.values())


def manners(file: BuiltFile, answer: Answer) -> tuple[Check, ...]:
    """What else to ask about a file whose answer was right: HEAD, conditions, a range, gzip."""
    url = url_of(file.path)
    media = content_types(file.path)
    etag = answer.headers.get("ETag", '"none"')
    modified = answer.headers.get("Last-Modified", formatdate(0, usegmt=True))
    described = (("ETag", etag), ("Last-Modified", modified))
    sized = (("Content-Length", str(file.size)), *described)
    some = answer.start[: len(answer.start) // 2 + 1]
    part = BuiltFile(file.path, hashlib.sha256(some).hexdigest(), len(some))
    wanted = f"bytes 0-{len(some) - 1}"
    got = (("Content-Range", f"{wanted}/{file.size}"),)
    return (
        Check("head", url, method="HEAD", media=media, expected=sized),
        Check("etag", url, (304,), headers=(("If-None-Match", etag),)),
        Check("modified", url, (304,), headers=(("If-Modified-Since", modified),)),
        Check("range", url, (206,), part, media, "", got,
              headers=(("Range", wanted.replace(" ", "=")),)),
        Check("gzip", url, body=file, media=media, headers=(("Accept-Encoding", "gzip"),)),
    )  # fmt: skip


def judge(check: Check, answer: Answer, build_id: str, origin: str) -> tuple[Fault, ...]:
    """What is wrong with an answer of the server `origin` (such as `http://127.0.0.1:4000`)."""
    return tuple(
        Fault(f"{check.purpose}.{aspect}", check.url, expected, got)
        for aspect, expected, got in _differences(check, answer, build_id, origin)
    )


def _files(site: BuiltSite) -> Iterator[Check]:
    built = Addresses(file.path for file in site.files)
    for file in site.files:
        media = content_types(file.path)
        yield Check("file", url_of(file.path), body=file, media=media)
        path = PurePosixPath(file.path)
        directory = "" if path.parent.name == "" else str(path.parent)
        if path.name == "index.html":
            yield Check("directory", url_of(f"{directory}/".lstrip("/")), body=file, media=media)
            if directory and built.find(directory) == file.path:
                there = url_of(f"{directory}/")
                yield Check("redirect", url_of(directory), _REDIRECTS, location=there)
        elif path.suffix == ".html" and built.find(str(path.with_suffix(""))) == file.path:
            yield Check("page", url_of(str(path.with_suffix(""))), body=file, media=media)


def _directories(site: BuiltSite) -> Iterator[Check]:
    """Those without an index: nothing is there, least of all a list of what they hold."""
    built = Addresses(file.path for file in site.files)
    directories = {
        str(parent) for file in site.files for parent in PurePosixPath(file.path).parents
    }
    for directory in sorted(directories - {"."}):
        if f"{directory}/index.html" not in built:
            yield _not_found(site, "directory", url_of(f"{directory}/"))


def _usefulness(file: BuiltFile) -> int:
    """Small files are not compressed, very large ones would be fetched several times."""
    return file.size if file.size <= _LARGEST_SAMPLE else -file.size


def _nothing(site: BuiltSite, token: str) -> Iterator[Check]:
    base = base_directory(site)
    built = Addresses(file.path for file in site.files)
    if base:
        yield Check("redirect", "/", _REDIRECTS, location=url_of(base))
        yield _not_found(site, "unknown", f"/{token}")
    elif "index.html" not in built:
        yield _not_found(site, "directory", "/")
    for end in ("", "/", ".html", "/style.css", "?page=1"):
        yield _not_found(site, "unknown", f"{url_of(base)}{token}{end}")
    for path in sorted({f"{root}{name}" for root in ("", base) for name in _UNBUILT}):
        if built.find(path) is None:
            yield _not_found(site, "unbuilt", url_of(path))
    yield Check("unbuilt", "/%2e%2e/manifest.json", (400, 404))


def _not_found(site: BuiltSite, purpose: Purpose, url: str) -> Check:
    """The site's own page says so, if there is one, and never with status 200."""
    path = f"{base_directory(site)}404.html"
    page = next((file for file in site.files if file.path == path), None)
    return Check(purpose, url, (404,), page, content_types("404.html"))


def _differences(
    check: Check, answer: Answer, build_id: str, origin: str
) -> Iterator[tuple[str, str, str]]:
    """Each as what is wrong, what was expected, and what came instead."""
    headers = answer.headers
    if (seen := headers.get(BUILD_ID_HEADER, "none")) != build_id:
        yield "build", f"build {build_id}", f"build {seen}"
    elif answer.status not in check.statuses:
        yield "status", f"status {' or '.join(map(str, check.statuses))}", f"{answer.status}"
    else:
        yield from _wrong_headers(check, answer, origin)
        yield from _wrong_body(check, answer)


def _wrong_headers(check: Check, answer: Answer, origin: str) -> Iterator[tuple[str, str, str]]:
    headers = answer.headers
    if check.location and not _leads_to(headers.get("Location", ""), check, origin):
        yield "location", f"a redirect to {check.location}", headers.get("Location", "none")
    if check.media and not _is_of_type(headers.get("Content-Type", ""), check.media):
        wanted = " or ".join(sorted(check.media))
        charset = " in utf-8" if wanted.startswith("text/") else ""
        yield "type", f"{wanted}{charset}", headers.get("Content-Type", "no content type")
    for name, value in check.expected:
        if (seen := headers.get(name, "none")) != value:
            yield "header", f"{name}: {value}", seen
    if encoding := headers.get("Content-Encoding"):
        if ("Accept-Encoding", encoding) not in check.headers:
            yield "encoding", "an uncompressed answer", encoding
        if "accept-encoding" not in headers.get("Vary", "").lower():
            yield "vary", "Vary: Accept-Encoding", headers.get("Vary", "none")


def _wrong_body(check: Check, answer: Answer) -> Iterator[tuple[str, str, str]]:
    if not answer.complete:
        size = f"{check.body.size:,} bytes" if check.body else "the whole answer"
        yield "truncated", size, f"{answer.size:,} bytes, then the connection was closed"
    elif check.body and (answer.sha256, answer.size) != (check.body.sha256, check.body.size):
        yield (
            "content",
            _bytes(check.body.sha256, check.body.size),
            _bytes(answer.sha256, answer.size),
        )


def _leads_to(location: str, check: Check, origin: str) -> bool:
    there = urlsplit(urljoin(origin + check.url, location))
    return (
        bool(location)
        and f"{there.scheme}://{there.netloc}" == origin
        and unquote(there.path) == unquote(check.location)
    )


def _is_of_type(content_type: str, media: frozenset[str]) -> bool:
    kind, _, parameters = content_type.lower().partition(";")
    in_utf8 = parameters.replace(" ", "").replace('"', "") == "charset=utf-8"
    return kind.strip() in media and (in_utf8 or not kind.startswith("text/"))


def _bytes(sha256: str, size: int) -> str:
    return f"{size:,} bytes with SHA-256 {sha256[:12]}…"
