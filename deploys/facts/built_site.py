"""What a build of the site consists of, as written down where it was built and found where it is
served: the values that the proof compares."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MANIFEST_VERSION = 1

_SHA256 = re.compile(r"[0-9a-f]{64}")
_BASEURL = re.compile(r"(/[^/?#]+)*")


class ManifestError(Exception):
    """A manifest cannot be believed; the message says what is wrong with it, in one line."""


@dataclass(frozen=True)
class BuiltFile:
    """One file that was built. `path` is relative to the web root; `size` is in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class BuiltSite:
    """One build of the site.

    `baseurl` is empty or begins with a slash and ends without one. `files` is what the build wrote
    down, sorted by path; `served` is what is really in the web root of the container, sorted.
    `url` is the address that the site gives itself in its configuration, empty if it has none;
    `gems` are the versions of what it was built with, but for those that Ruby itself brings.
    """

    build_id: str
    baseurl: str
    files: tuple[BuiltFile, ...]
    served: tuple[str, ...]
    url: str = ""
    gems: Mapping[str, str] = field(default_factory=dict)


def parse_manifest(text: str, build_id: str, listing: Iterable[str]) -> BuiltSite:
    """The build that a manifest describes, and the files found in the container's web root.

    `listing` holds one path an item, relative to the web root, as `find . -type f` prints them
    (a leading `./` is taken off).

    Raises:
        ManifestError: the text is no manifest of this version, or contradicts itself.
    """
    manifest = _read(text)
    baseurl = manifest.get("baseurl")
    if not isinstance(baseurl, str) or not _BASEURL.fullmatch(baseurl):
        raise ManifestError(
            f"the manifest's baseurl is {baseurl!r}; it should be empty or like '/blog'."
        )
    entries = manifest.get("files")
    if not isinstance(entries, list):
        raise ManifestError("the manifest has no list of files.")
    files = sorted((_file(entry) for entry in entries), key=lambda file: file.path)
    for first, second in itertools.pairwise(files):
        if first.path == second.path:
            raise ManifestError(f"the manifest names {first.path!r} twice.")
    served = sorted(path.removeprefix("./") for path in listing)
    url = manifest.get("url")
    told = url.strip().rstrip("/") if isinstance(url, str) else ""
    return BuiltSite(build_id, baseurl, tuple(files), tuple(served), told, _gems(manifest))


def _gems(manifest: Mapping[str, object]) -> dict[str, str]:
    gems = manifest.get("gems")
    told = gems.items() if isinstance(gems, dict) else ()
    return {name: version for name, version in told if isinstance(version, str)}


def _read(text: str) -> dict[str, object]:
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"the manifest is not JSON: {error}.") from None
    if not isinstance(manifest, dict):
        raise ManifestError("the manifest is not a JSON object.")
    version = manifest.get("version")
    if version != MANIFEST_VERSION:
        raise ManifestError(
            f"the manifest has version {version!r}, this program reads {MANIFEST_VERSION}: "
            "build the image again."
        )
    return manifest


def _file(entry: object) -> BuiltFile:
    if not isinstance(entry, dict):
        raise ManifestError(f"the manifest lists {entry!r}, which describes no file.")
    path, sha256, size = (entry.get(key) for key in ("path", "sha256", "size"))
    if not isinstance(path, str) or not _is_inside_the_root(path):
        raise ManifestError(f"the manifest lists {path!r}, which is no path below the web root.")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ManifestError(f"the manifest has no SHA-256 for {path!r}.")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ManifestError(f"the manifest has no size for {path!r}.")
    return BuiltFile(path, sha256, size)


def _is_inside_the_root(path: str) -> bool:
    return all(part not in ("", ".", "..") for part in path.split("/"))
