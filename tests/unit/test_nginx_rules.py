"""The server's configuration, asked through a real nginx: which address answers what."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from bootstrapper.proof.media import content_types, known_extensions
from tests.webserver import BUILD_ID, CONFIGURATION, WebServer, written_site

SITE = {
    "index.html": b"home",
    "404.html": b"the site's own: not found",
    "page.html": b"page",
    "both.html": b"the page both",
    "both/index.html": b"the directory both",
    "dir/index.html": b"directory",
    "bare/picture.png": b"png",
    ".well-known/security.txt": b"contact",
    ".nojekyll": b"",
    "a name/b c.html": b"spaces",
    "Grüße/index.html": b"umlauts",
    "100%.html": b"percent",
    "c++.html": b"plus",
    "what?.html": b"question",
    "main.css": b"a { color: red }\n" * 200,
    "feed.xml": b"<feed/>",
    "LICENSE": b"MIT",
    "PHOTO.JPG": b"jpeg",
}


@pytest.fixture(scope="module", params=["", "/blog", "/~user/blog"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebServer]:
    place = tmp_path_factory.mktemp("nginx")
    written_site(place / "root", request.param, SITE)
    with WebServer(place / "scratch", place / "root", request.param) as running:
        yield running


def ask(
    server: WebServer, path: str, method: str = "GET", **headers: str
) -> tuple[HTTPResponse, bytes]:
    """`path` is below the site's baseurl; `If_None_Match="…"` becomes a header."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, server.baseurl + path, headers=named)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"home"),
        ("/index.html", b"home"),
        ("/page", b"page"),
        ("/page.html", b"page"),
        ("/page?utm_source=mail", b"page"),
        ("/both", b"the page both"),
        ("/both/", b"the directory both"),
        ("/dir/", b"directory"),
        ("/dir/?x", b"directory"),
        ("/.well-known/security.txt", b"contact"),
        ("/.nojekyll", b""),
        ("/a%20name/b%20c", b"spaces"),
        ("/Gr%C3%BC%C3%9Fe/", b"umlauts"),
        ("/100%25", b"percent"),
        ("/c++", b"plus"),
        ("/c%2B%2B.html", b"plus"),
        ("/what%3F", b"question"),
        ("/LICENSE", b"MIT"),
    ],
)
def test_what_was_built_is_served_where_github_pages_serves_it(
    server: WebServer, path: str, body: bytes
) -> None:
    response, got = ask(server, path)
    assert (response.status, got) == (200, body)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/dir", "/dir/"),
        ("/dir?page=2", "/dir/?page=2"),
        ("/Gr%C3%BC%C3%9Fe", "/Gr%C3%BC%C3%9Fe/"),
        ("//dir", "/dir/"),
    ],
)
def test_a_directory_redirects_to_its_slash_on_the_same_host_and_port(
    server: WebServer, path: str, location: str
) -> None:
    response, _ = ask(server, path)
    assert (response.status, response.headers["Location"]) == (301, server.baseurl + location)


@pytest.mark.parametrize(
    "path",
    [
        "/no",
        "/no/",
        "/page/",
        "/bare",
        "/bare/",
        "/page.html/",
        "/.git/HEAD",
        "/_config.yml",
        "/no.png",
    ],
)
def test_what_was_not_built_answers_the_sites_own_404_page_without_a_redirect(
    server: WebServer, path: str
) -> None:
    response, body = ask(server, path)
    assert (response.status, body) == (404, b"the site's own: not found")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_site_without_a_404_page_still_answers_404(tmp_path: Path) -> None:
    written_site(tmp_path / "root", "", {"index.html": b"home"})
    with WebServer(tmp_path / "scratch", tmp_path / "root") as bare:
        response, body = ask(bare, "/no")
    assert (response.status, response.headers["X-Build-Id"]) == (404, BUILD_ID)
    assert 0 < len(body) < 1000


def test_the_root_leads_to_a_site_that_lies_below_it(tmp_path: Path) -> None:
    written_site(tmp_path / "root", "/blog", SITE)
    with WebServer(tmp_path / "scratch", tmp_path / "root", "/blog") as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/")
        response = connection.getresponse()
        connection.close()
    assert (response.status, response.headers["Location"]) == (302, "/blog/")
    assert response.headers["X-Build-Id"] == BUILD_ID


@pytest.mark.parametrize(
    ("method", "path", "status", "headers"),
    [
        ("GET", "/", 200, {}),
        ("HEAD", "/main.css", 200, {}),
        ("GET", "/main.css", 206, {"Range": "bytes=0-3"}),
        ("GET", "/main.css", 416, {"Range": "bytes=90000-"}),
        ("GET", "/dir", 301, {}),
        ("GET", "/no", 404, {}),
        ("POST", "/", 405, {}),
        ("GET", "/%00", 400, {}),
    ],
)
def test_every_answer_names_the_build_and_is_safe_to_show(
    server: WebServer, method: str, path: str, status: int, headers: dict[str, str]
) -> None:
    response, _ = ask(server, path, method, **headers)
    assert response.status == status
    # nginx adds its headers twice to a 416: both passes of the range filter do so.
    assert set(response.headers.get_all("X-Build-Id") or ()) == {BUILD_ID}
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert response.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert response.headers["Server"] == "nginx"


def test_an_unchanged_file_is_not_sent_again(server: WebServer) -> None:
    first, _ = ask(server, "/PHOTO.JPG")
    by_tag, body = ask(server, "/PHOTO.JPG", If_None_Match=first.headers["ETag"])
    by_date, _ = ask(server, "/PHOTO.JPG", If_Modified_Since=first.headers["Last-Modified"])
    assert (by_tag.status, by_date.status, body) == (304, 304, b"")
    assert by_tag.headers["X-Build-Id"] == BUILD_ID
    assert by_tag.headers["Cache-Control"] == first.headers["Cache-Control"] == "max-age=600"


@pytest.mark.parametrize("path", ["/", "/page", "/dir/", "/main.css", "/feed.xml", "/no.png"])
def test_nothing_that_could_mix_two_builds_is_kept_without_asking(
    server: WebServer, path: str
) -> None:
    response, _ = ask(server, path)
    assert response.headers["Cache-Control"] == "no-cache"


def test_text_is_compressed_for_those_who_ask(server: WebServer) -> None:
    packed, body = ask(server, "/main.css", Accept_Encoding="gzip")
    plain, _ = ask(server, "/main.css")
    small, _ = ask(server, "/page", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == SITE["main.css"]
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in small.headers


def test_a_range_is_cut_out_of_the_file(server: WebServer) -> None:
    response, body = ask(server, "/main.css", Range="bytes=2-8")
    assert (response.status, body) == (206, SITE["main.css"][2:9])
    assert response.headers["Content-Range"] == f"bytes 2-8/{len(SITE['main.css'])}"


def test_each_file_has_the_content_type_that_the_proof_expects(tmp_path: Path) -> None:
    names = [f"x.{extension}" for extension in sorted(known_extensions())]
    written_site(tmp_path / "root", "", dict.fromkeys([*names, "none", "x.unheard-of"], b"x"))
    with WebServer(tmp_path / "scratch", tmp_path / "root") as server:
        for name in [*names, "none", "x.unheard-of"]:
            response, _ = ask(server, f"/{name}")
            kind, _, charset = response.headers["Content-Type"].partition("; ")
            assert kind in content_types(name), name
            assert charset == "charset=utf-8" or not kind.startswith("text/"), name


def test_no_extension_is_served_as_something_that_the_proof_does_not_know() -> None:
    table = re.sub(r"[{};]|^types", " ", (CONFIGURATION / "mime.types").read_text())
    served = {word for word in table.split() if "/" not in word}
    assert served == known_extensions()


def test_nginx_finds_no_fault_with_the_configuration(tmp_path: Path) -> None:
    written_site(tmp_path / "root", "", SITE)
    said = WebServer(tmp_path / "scratch", tmp_path / "root").check()
    assert "warn" not in said
    assert "test is successful" in said


def test_a_stop_lets_the_answer_under_way_be_finished(tmp_path: Path) -> None:
    body = os.urandom(8 * 1024 * 1024)
    written_site(tmp_path / "root", "", {"large.bin": body})
    with WebServer(tmp_path / "scratch", tmp_path / "root") as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/large.bin")
        response = connection.getresponse()
        server.ask_to_stop()
        assert response.read() == body
        connection.close()
        assert server.stop() == 0


def test_the_lines_that_the_configuration_asks_for_are_made_as_it_says(tmp_path: Path) -> None:
    comment = (CONFIGURATION / "nginx.conf").read_text().partition("daemon off;")[0]
    recipe = "\n".join(re.findall(r"^#     (.*)$", comment, re.MULTILINE))
    made = subprocess.run(
        ["sh", "-euc", recipe],
        env={"build_id": BUILD_ID, "baseurl": "/blog", "PATH": os.environ["PATH"]},
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    written_site(tmp_path / "root", "/blog", SITE)
    WebServer(tmp_path / "scratch", tmp_path / "root", "/blog")
    assert made == (tmp_path / "scratch" / "site.conf").read_text()
