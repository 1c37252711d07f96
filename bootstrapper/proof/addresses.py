"""Which file GitHub Pages would serve at which address: the rules that the server has to keep."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from deploys.facts.built_site import BuiltSite


def url_of(path: str) -> str:
    """The percent-encoded URL path of a path in the web root."""
    return "/" + quote(path)


def base_directory(site: BuiltSite) -> str:
    """Where the site lies in the web root: empty, or with a slash at its end."""
    return f"{site.baseurl[1:]}/" if site.baseurl else ""


class Addresses:
    """The files of a web root, by address."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)

    def __contains__(self, path: str) -> bool:
        """Whether there is a file of this path."""
        return path in self._files

    def find(self, path: str) -> str | None:
        """The file that is served, or redirected to, at `path` (decoded, no slash before it).

        A file is served at its own path, `page.html` at `page` too, and `dir/index.html` at `dir/`,
        to which `dir` redirects. `page.html` goes before the directory `page`.
        """
        names: tuple[str, ...] = (path, f"{path}.html", f"{path}/index.html")
        if not path or path.endswith("/"):
            names = (f"{path}index.html",)
        return next((file for file in names if file in self._files), None)
