"""Flaws of what was built are told with a place and a mend; what only looks like one is not."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bootstrapper.proof import Flaw, Proof, prove
from bootstrapper.proof.pictures import trouble_with
from bootstrapper.proof.verdict import shown
from bootstrapper.proving import Verdict
from tests.webserver import WebServer, png, written_site

URL = "https://blog.example.com"


def proved(
    tmp_path: Path, files: dict[str, str | bytes], baseurl: str = "", url: str = URL
) -> Proof:
    """The proof of a site with these files, and a front page."""
    built = {"index.html": "home", "post.html": "post", **files}
    binary = {
        name: body if isinstance(body, bytes) else body.encode() for name, body in built.items()
    }
    site = written_site(tmp_path / "root", baseurl, binary)
    with WebServer(tmp_path / "scratch", tmp_path / "root", baseurl) as server:
        proof = prove(site, server.url, site_url=url)
    assert proof.ok  # whatever it warns of
    return proof


def flaws(tmp_path: Path, files: dict[str, str | bytes], **site: str) -> set[tuple[str, str]]:
    return {
        (flaw.kind, flaw.link or flaw.page) for flaw in proved(tmp_path, files, **site).warnings
    }


# -- feeds and sitemaps ------------------------------------------------------------------------

ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><link href="{0}/feed.xml" rel="self"/>{1}</feed>'
ENTRY = (
    '<entry><link href="{}" rel="alternate"/>'
    '<content xml:base="x">&lt;a href="/no"&gt;</content></entry>'
)
RSS = "<?xml version='1.0'?><rss version='2.0'><channel><link>https://x.test/</link>{}</channel></rss>"
ITEM = "<item><link>{}</link><guid>{}/no</guid></item>"
URLSET = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</urlset>'


def test_a_feed_and_a_sitemap_that_lead_to_pages_are_not_told(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "feed.xml": ATOM.format(
            URL, ENTRY.format(f"{URL}/post") + ENTRY.format("https://x.test/no")
        ),
        "rss.xml": RSS.format(ITEM.format(f"{URL}/post.html?utm=feed#top", URL)),
        "sitemap.xml": URLSET.format(f"<!-- x --><url><loc>\n {URL}/post </loc></url>"),
        "old.rss": '<!DOCTYPE rss [<!ENTITY nbsp "&#160;">]><rss><channel>&nbsp;</channel></rss>',
        "other.xml": "<feeder><unclosed></feeder>",
        "empty.xml": "",
    }
    assert flaws(tmp_path, files) == set()


def test_entries_and_addresses_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "feed.xml": ATOM.format(URL, ENTRY.format(f"{URL}/gone")),
        "rss.xml": RSS.format(ITEM.format("/lost", "x")),
        "sitemap.xml": URLSET.format(
            f"<url><loc>{URL}/post</loc></url><url><loc>{URL}/away</loc></url>"
        ),
    }
    assert flaws(tmp_path, files) == {
        ("feed.link", f"{URL}/gone"), ("feed.link", "/lost"), ("sitemap.link", f"{URL}/away"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("feed.xml", "<feed>\n<title>Q & A</title></feed>", "feed.invalid"),
        ("sitemap.xml", "<urlset>\n<url></urlset>", "sitemap.invalid"),
    ],
)
def test_a_listing_that_is_no_xml_is_told_with_its_line(
    tmp_path: Path, name: str, text: str, kind: str
) -> None:
    (flaw,) = proved(tmp_path, {name: text}).warnings
    assert (flaw.kind, flaw.page, flaw.line) == (kind, name, 2)
    assert str(flaw).startswith(f"{name}, line 2: ")


# -- pictures ----------------------------------------------------------------------------------


def jpeg(start: bytes = b"", end: bytes = b"\xff\xd9", width: int = 3) -> bytes:
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 2, width) + b"\x01\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x12\xff\x00\x34"
    return b"\xff\xd8" + start + frame + scan + end


def webp(missing: int = 0) -> bytes:
    body = b"WEBPVP8L\x05\x00\x00\x00\x2f\x00\x00\x00\x00\x00"
    return b"RIFF" + struct.pack("<I", len(body)) + body[: len(body) - missing]


GIF = bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b")
EXIF = b"\xff\xe1\x00\x08\xff\xd8\xff\xd9AB"  # with a picture of its own in it
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'

HEALTHY = {
    "png": png(3, 2),
    "png with something behind it": png() + b"more" * 99,
    "jpeg": jpeg(),
    "jpeg with a thumbnail": jpeg(EXIF),
    "jpeg with a film behind it": jpeg() + b"\x00\x00\x00\x18ftypmp42" + bytes(100_000),
    "jpeg with padding": jpeg(b"\xff\xff\xfe\x00\x04hi"),
    "gif": GIF,
    "gif without its end mark": GIF[:-1],
    "webp": webp(),
    "svg": SVG.encode(),
    "svg with a head": f'\ufeff<?xml version="1.0"?>\n<!DOCTYPE svg>\n<!-- x -->\n{SVG}'.encode(),
    "svg of Illustrator": f'<!DOCTYPE svg [<!ENTITY ns "http://x/">]>{SVG}'.encode(),
    "svg in utf-16": f'<?xml version="1.0" encoding="utf-16"?>{SVG}'.encode("utf-16"),
    "avif by another name": b"\x00\x00\x00\x1cftypavif" + bytes(99),
    "icon by another name": b"\x00\x00\x01\x00" + bytes(99),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_picture_is_not_told(name: str) -> None:
    assert trouble_with(HEALTHY[name]) == ("", "")


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (png(9, 9)[:-5], "truncated"),
        (png()[:40], "truncated"),
        (png()[:10], "unreadable"),
        (png(0, 1), "unreadable"),
        (jpeg(end=b""), "truncated"),
        (jpeg(EXIF, end=b"")[:-3], "truncated"),
        (jpeg()[:7], "truncated"),
        (jpeg(width=0), "unreadable"),
        (GIF[:25], "truncated"),
        (webp(3), "truncated"),
        (SVG[:-5].encode(), "unreadable"),
        (b"<!doctype html><title>Not found</title>", "unreadable"),
        (b"<html><body/></html>", "unreadable"),
        (b"version https://git-lfs.github.com/spec/v1\n", "unreadable"),
        (b"picture", "unreadable"),
    ],
)
def test_a_picture_that_is_none_is_told(body: bytes, trouble: str) -> None:
    assert trouble_with(body)[0] == trouble
    assert trouble_with(body)[1]


def test_pictures_of_the_site_are_looked_at(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "good.png": png(), "png-inside.jpg": png(), "cut.png": png()[:-5], "none.svg": "",
    }  # fmt: skip
    proof = proved(tmp_path, files)
    assert [(flaw.kind, flaw.page) for flaw in proof.warnings] == [
        ("image.truncated", "cut.png"),
        ("image.empty", "none.svg"),
    ]
    assert proof.summary.endswith("; 2 warnings.")


# -- what a page loads, and the baseurl ------------------------------------------------------------


@pytest.mark.parametrize(
    "html",
    [
        '<img src="http://x.test/a.png">',
        '<script src="http://x.test/a.js"></script>',
        '<link rel="stylesheet" href="http://x.test/a.css">',
        '<link href="http://x.test/a.ico" rel="shortcut icon">',
        '<iframe src="http://x.test/a"></iframe>',
        '<img srcset="/post 1x, http://x.test/a.png 2x">',
        '<video poster="http://x.test/a.jpg"></video>',
    ],
)
def test_what_a_secure_page_loads_over_http_is_told(tmp_path: Path, html: str) -> None:
    (flaw,) = proved(tmp_path, {"page.html": f"<p>\n\n{html}"}).warnings
    assert (flaw.kind, flaw.page, flaw.line) == ("link.insecure", "page.html", 3)
    assert flaw.link.startswith("http://x.test/a")


@pytest.mark.parametrize(
    "html",
    [
        '<a href="http://x.test/">x</a>',
        '<link rel="canonical" href="http://x.test/">',
        '<link rel="alternate" href="http://x.test/feed">',
        '<link rel="profile" href="http://gmpg.org/xfn/11">',
        '<img src="https://x.test/a.png" alt="http://x.test/">',
        '<img src="//x.test/a.png">',
        '<img src="https://x.test/?from=http://y.test/a.png">',
        '<svg xmlns="http://www.w3.org/2000/svg"><a href="http://x.test/"></a></svg>',
        '<img data-src="http://x.test/a.png">',
        '<!-- <img src="http://x.test/a.png"> -->',
        '<code>&lt;img src="http://x.test/a.png"&gt;</code>',
        '<area href="http://x.test/"><form action="http://x.test/"></form>',
    ],
)
def test_what_is_only_linked_or_only_looks_like_loading_is_not_told(
    tmp_path: Path, html: str
) -> None:
    assert flaws(tmp_path, {"page.html": html}) == set()


def test_a_site_that_is_read_over_http_may_load_over_http(tmp_path: Path) -> None:
    page = {"page.html": '<img src="http://x.test/a.png">'}
    assert flaws(tmp_path, {**page}, url="http://blog.example.com") == set()


def test_a_link_that_leaves_out_the_baseurl_is_told_as_that(tmp_path: Path) -> None:
    html = "".join(f"\n<a href='{link}'>x</a>" for link in ("/post#x", "/blog/post", "/no", "post"))
    proof = proved(tmp_path, {"page.html": html, "x.html": "<a href='/post#x'>"}, baseurl="/blog")
    assert proof.warnings == (
        Flaw("link.missing", "/no", "blog/page.html", line=4),
        Flaw("link.baseurl", "/post#x", "blog/page.html", pages=2, line=2),
    )
    assert "relative_url" in proof.warnings[1].mend


def test_a_place_in_a_page_that_leads_elsewhere_is_not_looked_for(tmp_path: Path) -> None:
    moved = (
        '<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/post">'
    )
    files: dict[str, str | bytes] = {"old.html": moved, "page.html": '<a href="/old#part">x</a>'}
    assert flaws(tmp_path, files) == set()


# -- how it is told ----------------------------------------------------------------------------


def test_few_of_each_kind_are_shown_and_all_are_there_for_programs(tmp_path: Path) -> None:
    links = "".join(f'<a href="/no{n}">x</a>' for n in range(9))
    proof = proved(tmp_path, {"page.html": links, "a.png": ""})
    lines = shown(proof.warnings, 2)
    assert lines == (
        "warning: a.png: no bytes",
        "→ Put the picture there again.",
        "warning: page.html, line 1: link to /no0: no such page",
        "warning: page.html, line 1: link to /no1: no such page",
        "… and 7 more of this kind, all with --json",
        "→ Mend the link, or write the page.",
    )
    told = proof.as_json()["warnings"]
    assert isinstance(told, list)
    assert len(told) == 10
    assert told[0] == {
        "kind": "image.empty", "link": "", "page": "a.png", "pages": 1, "line": 0,
        "why": "no bytes", "mend": "Put the picture there again.",
    }  # fmt: skip
    assert proof.summary.endswith("; 9 broken links; 1 other warning.")
    assert "warning: a.png: no bytes" in Verdict(proof).details


def test_warnings_decide_nothing(tmp_path: Path) -> None:
    assert proved(tmp_path, {"a.png": "", "feed.xml": "<feed>"}).ok
