"""Links within the site that lead nowhere are told, others are not; none makes the proof fail."""

from __future__ import annotations

import random
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bootstrapper.proof import Flaw, prove
from bootstrapper.proof.links import read_page
from tests.webserver import WebServer, png, written_site

SITE = {
    "index.html": b'<h1 id="start">home</h1>',
    "about.html": b'<a name="history">x</a><p id="caf\xc3\xa9">x</p>',
    "posts/index.html": b"posts",
    "posts/one/index.html": b"one",
    "posts/one/picture.png": png(),
    "a name.html": b"name",
    "doc.pdf": b"pdf",
}


def broken(
    tmp_path: Path, page: str, *, baseurl: str = "", path: str = "posts/two/index.html"
) -> set[str]:
    """The links told as broken where `page` is added to the site at `path`."""
    site = written_site(tmp_path / "root", baseurl, {**SITE, path: page.encode()})
    with WebServer(tmp_path / "scratch", tmp_path / "root", baseurl) as server:
        page = page.replace("SERVER", server.url)
        (tmp_path / "root" / baseurl.lstrip("/") / path).write_text(page)
        site = written_site(tmp_path / "root", baseurl, {})
        proof = prove(site, server.url, site_url="https://blog.example.com")
    assert proof.faults == ()
    assert all(
        warning.page == f"{baseurl.lstrip('/')}/{path}".lstrip("/") for warning in proof.warnings
    )
    return {warning.link.replace(server.url, "SERVER") for warning in proof.warnings}


@pytest.mark.parametrize(
    "link",
    [
        "/", "/index.html", "/#start", "/about", "/about.html", "/about#history",
        "/about#caf%C3%A9", "/about#café", "/about?x=1#history", "/posts", "/posts/", "/posts/one",
        "../one/",
        "../one/picture.png", "../../about", "..", ".", "", "#", "#top", "#here", "?page=2",
        "/a%20name", "/a name.html", " /about ", "/doc.pdf#page=3", "/about#:~:text=some%20words",
        "#!/route", "#/route", "mailto:a@example.com", "tel:+1", "javascript:void(0)",
        "data:image/png;base64,AA==", "https://example.com/no", "//example.com/no",
        "SERVER/about", "https://blog.example.com/about", "/about#&#104;istory",
    ],
)  # fmt: skip
def test_a_link_that_leads_somewhere_is_not_told(tmp_path: Path, link: str) -> None:
    assert broken(tmp_path, f'<p id="here"><a href="{link}">x</a>') == set()


@pytest.mark.parametrize(
    "link",
    [
        "/no", "/no/", "/about/", "/about#no", "#no", "../no", "one", "/posts/one/no.png",
        "/About", "{{ site.baseurl }}/about", "http://[", "SERVER/no",
        "https://blog.example.com/no", "/%E2%82", "/posts/one#no",
    ],
)  # fmt: skip
def test_a_link_that_leads_nowhere_is_told(tmp_path: Path, link: str) -> None:
    assert broken(tmp_path, f'<a href="{link}">x</a>') == {link}


@pytest.mark.parametrize(
    "html",
    [
        "<a href=/no>x</a>",
        "<a\n class='x'\n HREF = '/no'>x</a>",
        '<img alt="a > b" src="/no">',
        '<script src="/no"></script>',
        '<link rel="stylesheet" href="/no">',
        '<video poster="/no"></video>',
        '<img srcset="/doc.pdf 1x, /no 2x">',
        '<img srcset="/no">',
        '<iframe src="/no"></iframe>',
        "<p title='\"'><a href='/no'>x</a>",
    ],
)
def test_links_of_every_kind_are_followed(tmp_path: Path, html: str) -> None:
    assert broken(tmp_path, html) == {"/no"}


@pytest.mark.parametrize(
    "html",
    [
        "<!-- <a href='/no'> -->",
        "<!-- <a href='/no'>",
        "<script>document.write('<a href=\"/no\">')</script>",
        "<style>a[href='/no'] { color: red }</style>",
        "<textarea><a href='/no'></textarea>",
        '<p data-href="/no">',
        '<p title="href=/no">x</p>',
        "<code>&lt;a href='/no'&gt;</code>",
        "1 < 2 href='/no'",
        "<template><a href='/no'></template>",
        "<script type='text/template'><a href='/no'></script>",
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>",
        "<img srcset='data:image/gif;base64,R0lGODlhAQABAAAAACw= 1x'>",
    ],
)
def test_what_only_looks_like_a_link_is_not_followed(tmp_path: Path, html: str) -> None:
    assert broken(tmp_path, html) == set()


def test_the_base_of_a_page_is_honoured(tmp_path: Path) -> None:
    page = '<base href="/posts/one/"><img src="picture.png"><img src="no.png">'
    assert broken(tmp_path, page, path="elsewhere.html") == {"no.png"}


def test_links_that_forget_the_baseurl_are_told(tmp_path: Path) -> None:
    links = ("/blog/about", "/about", "/", "../../about", "/blog")
    page = "".join(f"<a href='{link}'>x</a>" for link in links)
    assert broken(tmp_path, page, baseurl="/blog") == {"/about"}


def test_a_link_that_stands_on_every_page_is_told_once(tmp_path: Path) -> None:
    pages = {f"{n}.html": b'<a href="/no">x</a><a href="/index.html#no">x</a>' for n in range(20)}
    site = written_site(tmp_path / "root", "", {"index.html": b"home", **pages})
    with WebServer(tmp_path / "scratch", tmp_path / "root") as server:
        proof = prove(site, server.url)
    assert proof.ok
    assert proof.warnings == (
        Flaw("link.anchor", "/index.html#no", "0.html", 20),
        Flaw("link.missing", "/no", "0.html", 20, line=1),
    )
    assert str(proof.warnings[1]) == "0.html, line 1 and 19 other pages: link to /no: no such page"
    assert proof.summary.endswith("; 2 broken links.")


class Oracle(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "poster") and tag != "base":
                self.links.add((value or "").strip())
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add((value or "").strip())


def test_tags_are_read_as_the_standard_librarys_parser_reads_them() -> None:
    pieces = [
        '<a href="/x{n}">', "<a href='/y{n}?a=1&amp;b=2'>", "<img src=/z{n}>", "<p id={n}>", "</p>",
        '<a name="n{n}" href="">', "text {n} < 5 & more > less", "<!-- <a href=c{n}> -->", "<br/>",
        "<script>if (a < b) {{ '<a href=s{n}>' }}</script>", "<STYLE>a > b {{ }}</STYLE>", "\n",
        '<span class="k" title="<a href=t{n}>">', "<video poster='v{n}' controls>",
        "<!doctype html>",
        "<a title='it is \"{n}\"' href=q{n}>", "&lt;a href=e{n}&gt;", '<A HREF="U{n}"\nid="I{n}">',
        "<link rel=x href=l{n} />", "<p\tid='tab{n}'>", "<input name=i{n}>",
    ]  # fmt: skip
    chance = random.Random(1)
    for _ in range(500):
        text = "".join(piece.format(n=n) for n, piece in enumerate(chance.choices(pieces, k=30)))
        oracle = Oracle()
        oracle.feed(text)
        oracle.close()
        page = read_page(text)
        assert page.links == frozenset(oracle.links), text
        assert page.anchors == frozenset(oracle.anchors), text
