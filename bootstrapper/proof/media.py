"""Which content types are right for a file: written down apart from the server's own table, so that
a mistake in one is seen with the other."""

from __future__ import annotations

from pathlib import PurePosixPath

UNKNOWN = frozenset({"application/octet-stream"})

_TYPES = {
    "text/html": "html htm",
    "application/xhtml+xml": "xhtml",
    "application/xml text/xml": "xml xsl xslt",
    "application/atom+xml application/xml": "atom",
    "application/rss+xml application/xml": "rss",
    "text/css": "css",
    "text/javascript application/javascript": "js mjs",
    "application/json": "json map ipynb",
    "application/json application/geo+json": "geojson topojson",
    "application/ld+json": "jsonld",
    "application/manifest+json": "webmanifest",
    "application/wasm": "wasm",
    "text/plain": "txt text log asc conf ini diff patch toml",
    "text/markdown": "md markdown",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/yaml application/yaml": "yml yaml",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "text/vtt": "vtt",
    "application/x-subrip": "srt",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/apng": "apng",
    "image/jpeg": "jpg jpeg jpe",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/jxl": "jxl",
    "image/bmp image/x-ms-bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/x-icon image/vnd.microsoft.icon": "ico cur",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "font/collection": "ttc",
    "application/vnd.ms-fontobject": "eot",
    "audio/mpeg": "mp3",
    "audio/mp4 audio/x-m4a": "m4a",
    "audio/aac": "aac",
    "audio/ogg": "ogg oga opus",
    "audio/wav audio/x-wav": "wav",
    "audio/flac": "flac",
    "audio/midi": "mid midi",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/mp2t": "ts",
    "application/vnd.apple.mpegurl": "m3u8",
    "application/pdf": "pdf",
    "application/epub+zip": "epub",
    "application/postscript": "ps eps ai",
    "application/rtf": "rtf",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/zstd": "zst",
    "application/x-tar": "tar",
    "application/x-7z-compressed": "7z",
    "application/java-archive": "jar",
    "application/pgp-signature": "sig",
    "application/pgp-keys": "gpg",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/gpx+xml": "gpx",
    "application/vnd.google-earth.kml+xml": "kml",
    "model/gltf-binary": "glb",
    "model/gltf+json": "gltf",
}
_BY_EXTENSION = {
    extension: frozenset(types.split())
    for types, extensions in _TYPES.items()
    for extension in extensions.split()
}


def known_extensions() -> frozenset[str]:
    """The extensions, in lower case and without a dot, that have a type of their own."""
    return frozenset(_BY_EXTENSION)


def content_types(path: str) -> frozenset[str]:
    """The content types, without parameters, that are right for a file of this name."""
    return _BY_EXTENSION.get(PurePosixPath(path).suffix[1:].lower(), UNKNOWN)


def are_alike(one: str, other: str) -> bool:
    """Whether two content types are names of the same thing."""
    return one == other or any({one, other} <= types for types in _BY_EXTENSION.values())
