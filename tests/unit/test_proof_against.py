"""Every page of the old site answers on the new one, or it is said which does not, and why."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.proof.against import (
    AddressError,
    Comparison,
    LedgerError,
    Manners,
    NewSite,
    compare,
    parse_site,
)
from tests.webserver import (
    BUILD_ID,
    OldSite,
    Reply,
    WebServer,
    free_port,
    page,
    redirect,
    sitemap,
    written_site,
)

QUICK = Manners(pause=0.02, patience=5.0)

ABOUT = '<html><head><title>About</title><body><p>About us</p><a href="/">home</a>'
NEW_PAGES = {
    "index.html": '<title>Home</title><p>Welcome</p><a href="/about/">a</a><a href="/post">p</a>',
    "about/index.html": ABOUT,
    "post.html": "<title>Post</title><p>A post</p>",
    "404.html": "<title>Not found</title>",
    "data.json": "{}",
}
OLD_PAGES = {
    "/": page(NEW_PAGES["index.html"]),
    "/about/": page(ABOUT),
    "/post": page(NEW_PAGES["post.html"]),
}
Answers = Mapping[str, Reply | Sequence[Reply]]


class Scene:
    """A new site that is served, and a place for what a comparison keeps."""

    def __init__(self, place: Path, baseurl: str = "") -> None:
        self.state = place / "state"
        self.state.mkdir()
        self.root = place / "root"
        self.new = NewSite("", BUILD_ID, baseurl, "https://blog.example.com")
        self.build_id = BUILD_ID
        self._place = place

    def write(self, path: str, text: str) -> None:
        written_site(self.root, self.new.baseurl, {path: text.encode()})

    def compare(self, old: OldSite, path: str = "", **options: Any) -> Comparison:
        """One run of the comparison."""
        given: dict[str, Any] = {"manners": QUICK, **options}
        scratch = self._place / "scratch"
        with WebServer(scratch, self.root, self.new.baseurl) as server:
            new = NewSite(server.url, self.build_id, self.new.baseurl, self.new.url)
            self.new = new
            return compare(parse_site(old.url + path), new, self.state, **given)

    @property
    def kept(self) -> list[Path]:
        return list((self.state / "comparisons").glob("*"))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    for path, text in NEW_PAGES.items():
        scene.write(path, text)
    return scene


def compared(
    scene: Scene, answers: Answers, paths: Sequence[str] = (), **options: Any
) -> Comparison:
    """The comparison with an old site of these answers besides the usual ones; its sitemap lists
    those of `paths`, or all."""
    pages = {**OLD_PAGES, **answers}
    with OldSite({"/sitemap.xml": sitemap(*(paths or pages)), **pages}) as old:
        return scene.compare(old, **options)


def kinds(comparison: Comparison) -> set[tuple[str, str]]:
    return {(one.kind, one.path) for one in comparison.differences}


def test_a_site_that_has_all_the_old_pages_is_told_so(scene: Scene) -> None:
    comparison = compared(scene, {})
    assert comparison.differences == ()
    assert comparison.ok
    assert (comparison.source, comparison.pages, comparison.left) == ("sitemap", 3, 0)
    assert comparison.summary.startswith("Nothing would be lost: 3 pages of http://127.0.0.1:")


def test_a_page_that_the_new_site_lacks_would_be_lost(scene: Scene) -> None:
    comparison = compared(scene, {"/gone/": page("<p>still read by many</p>")})
    assert kinds(comparison) == {("lost", "/gone/")}
    assert not comparison.ok
    assert comparison.summary.startswith("1 page would be lost: 4 pages")
    assert comparison.details == ("/gone/: would be lost: status 200 → status 404",)


@pytest.mark.parametrize(
    ("old", "kind"),
    [
        (page(ABOUT.replace("<title>About", "<title>Who we are")), "title"),
        (page(ABOUT.replace("About us", "About them")), "text"),
        (page(ABOUT.replace('"/"', '"/post"')), "links"),
        (page(ABOUT.replace("<body>", '<link rel="canonical" href="/us/"><body>')), "canonical"),
        (page(ABOUT, media="text/plain"), "type"),
        (page(ABOUT, status=404), "status"),
        (redirect("/post"), ""),
        (redirect("https://elsewhere.example.com/"), "redirect"),
        (page('<meta http-equiv="refresh" content="0; url=/post">'), ""),
    ],
)  # fmt: skip
def test_what_differs_is_told_by_its_kind_and_nothing_is_lost(
    scene: Scene, old: Reply, kind: str
) -> None:
    comparison = compared(scene, {"/about/": old})
    if not kind:  # a redirect, and the new site answers, but otherwise
        assert {kind for kind, _ in kinds(comparison)} == {"title", "text", "links"}
    else:
        assert kinds(comparison) == {(kind, "/about/")}
    assert comparison.ok


def test_a_text_that_differs_is_shown_where_it_begins_to(scene: Scene) -> None:
    words = "one two three four five six seven eight nine ten eleven twelve"
    scene.write("post.html", f"<title>Post</title><p>{words}</p>")
    comparison = compared(
        scene, {"/post": page(f"<title>Post</title><p>{words.replace('six', 'SIX')}</p>")}
    )
    (difference,) = comparison.differences
    assert difference.old == '"… four five SIX seven eight nine …"'
    assert difference.new == '"… four five six seven eight nine …"'


@pytest.mark.parametrize(
    "old",
    [
        "<TITLE>\n About </TITLE><p>About\n   us</p><script>var a;</script><a href=/#top>home</a>",
        "<title>About</title><style>p {}</style><div>About us</div><a href='SITE/'>home</a>",
        "<title>About</title><p>About&nbsp;us</p><!-- x --><a href='/index.html'>home</a>",
        "<title>About</title><![if IE]>About <![what[x]]>us <a href='/'>home</a>",
        "<title>About</title><body><p>About <b>u</b>s<noscript>off</noscript><a href='?x'> home</a>"
        "<a href='/?page=1'></a>",
    ],
)
def test_what_readers_do_not_see_is_no_difference(scene: Scene, old: str) -> None:
    old = old.replace("'?x'", "'/'")
    assert compared(scene, {"/about/": page(old)}).differences == ()


def test_the_old_host_and_the_new_one_are_the_same_in_links(scene: Scene) -> None:
    text = '<link rel="canonical" href="{0}/about/"><a href="{0}/post">{0}/post</a>'
    scene.write("about/index.html", text.format("https://blog.example.com"))
    comparison = compared(scene, {"/about/": page(text.format("SITE"))})
    assert comparison.differences == ()


def test_a_canonical_link_to_another_host_is_told(scene: Scene) -> None:
    scene.write(
        "post.html", '<title>Post</title><link rel=canonical href="https://x.test/post">A post'
    )
    comparison = compared(
        scene, {"/post": page('<title>Post</title><link rel=canonical href="SITE/post">A post')}
    )
    (difference,) = comparison.differences
    assert (difference.kind, difference.old, difference.new) == (
        "canonical", "/post", "https://x.test/post",
    )  # fmt: skip


def test_the_baseurl_of_either_site_is_no_difference(tmp_path: Path) -> None:
    scene = Scene(tmp_path, baseurl="/blog")
    text = '<title>Post</title>A post <a href="{0}/">home</a>'
    scene.write("post.html", text.format("/blog"))
    scene.write("index.html", "home")
    answers = {"/sitemap.xml": sitemap("/post", "/"), "/post": page(text.format("")),
               "/": page("home")}  # fmt: skip
    with OldSite(answers) as old:
        comparison = scene.compare(old)
    assert (comparison.differences, comparison.pages) == ((), 2)


def test_an_old_site_below_a_path_is_compared_with_one_at_the_root(scene: Scene) -> None:
    answers = {
        "/me/sitemap.xml": sitemap("/me/post", "/me/about/", "/other/"),
        "/me/post": page(NEW_PAGES["post.html"]),
        "/me/about/": page(ABOUT.replace('href="/"', 'href="/me/"')),
    }
    with OldSite(answers) as old:
        comparison = scene.compare(old, "/me")
    assert (comparison.differences, comparison.pages) == ((), 2)
    assert comparison.notes == (f"1 addresses of its sitemap are not of {old.url}/me",)


# -- redirects ---------------------------------------------------------------------------------


def test_an_old_redirect_holds_when_the_new_site_redirects_or_answers_equally(
    scene: Scene,
) -> None:
    scene.write("us.html", '<meta http-equiv="refresh" content="0; url=/about/">')
    scene.write("we/index.html", ABOUT)
    old = {"/us": redirect("/about/"), "/we": redirect("SITE/about/", 302),
           "/about": redirect("/about/"), "/we/": redirect("/about/", 308)}  # fmt: skip
    assert compared(scene, old).differences == ()


def test_an_old_redirect_that_leads_elsewhere_is_told(scene: Scene) -> None:
    scene.write("us.html", '<meta http-equiv="refresh" content="0; url=/post">')
    comparison = compared(scene, {"/us": redirect("/about/")})
    assert [str(one) for one in comparison.differences if one.kind == "redirect"] == [
        "/us: redirected elsewhere: to /about/ → to /post"
    ]


def test_an_old_redirect_that_the_new_site_lacks_is_lost(scene: Scene) -> None:
    assert kinds(compared(scene, {"/us": redirect("/about/")})) == {("lost", "/us")}


def test_an_old_redirect_may_lead_to_a_name_that_is_not_ascii(scene: Scene) -> None:
    scene.write("\u00fcber.html", ABOUT)
    scene.write("us.html", '<meta http-equiv="refresh" content="0; url=/%C3%BCber">')
    raw = "/\u00fcber".encode().decode("latin-1")
    old = {"/us": redirect(raw), "/%C3%BCber": page(ABOUT)}
    assert compared(scene, old).differences == ()


def test_redirects_in_a_circle_are_the_old_sites_own_trouble(scene: Scene) -> None:
    answers = {"/a": redirect("/b"), "/b": redirect("/a")}
    comparison = compared(scene, answers, ["/a", "/post"])
    (difference,) = comparison.differences
    assert (difference.kind, difference.old) == ("old", "its redirects go in a circle")
    assert comparison.ok


def test_the_front_page_may_lead_to_another_host(scene: Scene) -> None:
    with OldSite({"/sitemap.xml": sitemap(*OLD_PAGES), **OLD_PAGES}) as real:
        there = real.url.replace("127.0.0.1", "localhost")
        with OldSite({"/": redirect(f"{there}/")}) as old:
            comparison = scene.compare(old)
    assert (comparison.pages, comparison.ok) == (3, True)
    assert comparison.notes[0] == f"{old.url} leads to {there}: that is what was asked"


# -- which pages there are ---------------------------------------------------------------------


def test_robots_and_an_index_lead_to_the_sitemaps_and_one_may_be_compressed(scene: Scene) -> None:
    names = ("one.xml", "two.xml.gz", "three.txt")
    listed = "".join(f"<sitemap><loc>SITE/{name}</loc></sitemap>" for name in names)
    index = f'<sitemapindex xmlns="https://www.sitemaps.org/x">{listed}</sitemapindex>'
    packed = Reply(200, {"Content-Type": "application/gzip"}, b"")
    answers: dict[str, Reply] = {
        "/robots.txt": page("User-agent: *\nSitemap: SITE/maps/all.xml\n", media="text/plain"),
        "/maps/all.xml": page(index, media="text/xml"),
        "/one.xml": sitemap("/"),
        "/two.xml.gz": packed,
        "/three.txt": page("SITE/post\n", media="text/plain"),
        **OLD_PAGES,
    }
    with OldSite(answers) as old:
        packed.body = gzip.compress(sitemap("/about/").body.replace(b"SITE", old.url.encode()))
        comparison = scene.compare(old)
    assert (comparison.source, comparison.pages, comparison.notes) == ("sitemap", 3, ())
    assert "/sitemap.xml" not in old.asked


def test_a_sitemap_may_call_the_site_by_its_public_name(scene: Scene) -> None:
    text = sitemap(*OLD_PAGES).body.decode().replace("SITE", "https://www.example.org")
    with OldSite({"/sitemap.xml": page(text, media="application/xml"), **OLD_PAGES}) as old:
        comparison = scene.compare(old)
    assert (comparison.pages, comparison.ok) == (3, True)


def test_without_a_sitemap_the_links_are_followed(scene: Scene) -> None:
    answers = {
        "/": page('<a href="about/#x">about</a><a href="/post?a=1">p</a><a href="/post">p</a>'
                  '<a href="https://example.com/">x</a><a href="mailto:a@b">m</a>'),
        "/about/": page('<a href="/hidden">x</a><a href="/data.json">d</a>'),
        "/post": OLD_PAGES["/post"],
        "/data.json": page("{}", media="application/json"),
    }  # fmt: skip
    with OldSite(answers) as old:
        comparison = scene.compare(old)
    assert (comparison.source, comparison.pages) == ("crawl", 5)
    assert not comparison.lost
    assert old.times("/post") == 1
    assert {path for path in old.asked if "?" in path} == set()


def test_a_crawl_goes_where_robots_txt_lets_it(scene: Scene) -> None:
    answers = {
        "/robots.txt": page("User-agent: *\nDisallow: /about", media="text/plain"),
        **OLD_PAGES,
    }
    with OldSite(answers) as old:
        assert scene.compare(old).pages == 2
    assert old.times("/about/") == 0


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, "has no sitemap that can be read, and its front page answers 404"),
        ({"/": page("x", media="image/png")}, "its front page is image/png, no HTML"),
        (
            {"/": page("x"), "/robots.txt": page("User-agent: *\nDisallow: /", media="text/plain")},
            "its robots.txt forbids to look for pages",
        ),
        (
            {"/sitemap.xml": page("<urlset><url>", media="text/xml")},
            "sitemap.xml cannot be read: line 1, column 14: no element found",
        ),
        (
            {"/sitemap.xml": page("<html></html>", media="text/xml")},
            "it is a <html>, no sitemap",
        ),
        (
            {"/sitemap.xml": Reply(200, {"Content-Type": "application/gzip"}, b"\x1f\x8b\x08oh")},
            "sitemap.xml cannot be read: ",
        ),
        (
            {"/sitemap.xml": Reply(200, {"Content-Type": "application/gzip"},
                                   gzip.compress(b"<urlset/>" * 100)[:-9])},
            "it ends early",
        ),
    ],
)  # fmt: skip
def test_an_old_site_with_nothing_to_go_by_is_told_in_one_line(
    scene: Scene, answers: Answers, said: str
) -> None:
    with OldSite(answers) as old:
        comparison = scene.compare(old)
    assert said in comparison.summary
    assert "\n" not in comparison.summary
    assert not comparison.ok
    assert comparison.pages == 0


@pytest.mark.parametrize(
    "address", ["old.site", "ftp://old.site", "https://", "https://u:p@old.site", "http://[", ""]
)
def test_an_address_that_is_none_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(AddressError, match="write it like https://old") as refusal:
        parse_site(address)
    assert "\n" not in str(refusal.value)


def test_nobody_there_is_told_in_one_line(scene: Scene) -> None:
    old = OldSite({})
    old.url = f"http://127.0.0.1:{free_port()}"
    comparison = scene.compare(old)
    assert f"{old.url} does not answer: nobody listens" in comparison.summary
    assert not comparison.ok


# -- pages that are hard to read -----------------------------------------------------------------


def test_a_huge_page_is_compared_by_its_status_and_type(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("visits", "differences"):
        monkeypatch.setattr(f"bootstrapper.proof.against.{module}.LARGEST_PAGE", 200_000)
    comparison = compared(scene, {"/post": page("x" * 1_000_000)})
    assert kinds(comparison) == {("unread", "/post")}
    assert comparison.ok


@pytest.mark.parametrize(
    ("media", "body", "complaint"),
    [
        ("text/html; charset=iso-8859-1", "<p>caf\u00e9</p>".encode("latin-1"), ""),
        ("text/html", '<meta charset="windows-1252"><p>caf\u00e9</p>'.encode("cp1252"), ""),
        ("text/html", "\ufeff<p>caf\u00e9</p>".encode("utf-16-le"), ""),
        ("text/html; charset=utf-8", "<p>caf\u00e9</p>".encode("latin-1"), "says that it is utf-8"),
        ("text/html; charset=klingon", "<p>caf\u00e9</p>".encode(), "charset"),
    ],
)
def test_a_page_is_read_in_its_character_set(
    scene: Scene, media: str, body: bytes, complaint: str
) -> None:
    scene.write("post.html", "<p>caf\u00e9</p>")
    comparison = compared(scene, {"/post": Reply(200, {"Content-Type": media}, body)})
    assert {one.kind for one in comparison.differences} == ({"old"} if complaint else set())


# -- manners -----------------------------------------------------------------------------------


def test_few_connections_are_used_and_the_program_names_itself(scene: Scene) -> None:
    pages = {f"/{number}": page("x") for number in range(40)}
    with OldSite({"/sitemap.xml": sitemap(*pages), **pages}) as old:
        assert scene.compare(old).pages == 40
    assert old.most_at_once <= 4
    assert len(old.programs) == 1
    assert next(iter(old.programs)).startswith("bootstrapper (verify --against")


@pytest.mark.parametrize("patience", ["0", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_who_asks_for_patience_is_waited_for(scene: Scene, patience: str) -> None:
    told: list[str] = []
    busy = [page("slow down", status=429, Retry_After=patience), OLD_PAGES["/post"]]
    comparison = compared(scene, {"/post": busy}, tell=told.append)
    assert comparison.differences == ()
    assert any("asks for patience: waiting 0 s" in text for text in told)


def test_who_asks_for_too_much_patience_is_left_alone_until_the_next_run(scene: Scene) -> None:
    busy = [page("no", status=503, Retry_After="86400"), OLD_PAGES["/post"]]
    with OldSite({"/sitemap.xml": sitemap(*OLD_PAGES), **OLD_PAGES, "/post": busy}) as old:
        first = scene.compare(old)
        assert "asks to be left alone for 86400 s" in first.trouble
        assert not first.ok
        again = scene.compare(old)
    assert (again.pages, again.ok) == (3, True)


def test_who_is_always_busy_is_given_up(scene: Scene) -> None:
    busy = page("no", status=429)
    comparison = compared(scene, {"/post": busy}, manners=Manners(pause=0.001, busy_tries=4))
    assert "says again and again that it is asked too much (status 429)" in comparison.trouble


def test_a_site_that_stops_answering_is_given_up_and_what_is_known_stays_known(
    scene: Scene,
) -> None:
    dead = {f"/{number}": page("x", status=500) for number in range(9)}
    with OldSite({"/sitemap.xml": sitemap(*OLD_PAGES, *dead), **OLD_PAGES, **dead}) as old:
        comparison = scene.compare(old)
    assert "stopped answering: 5 pages in a row" in comparison.trouble
    assert not comparison.ok
    assert comparison.pages >= 5
    assert comparison.left > 0


def test_the_proxy_of_the_environment_is_used_for_the_old_site_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = "http://old.invalid"  # a name that never is one (RFC 2606)
    listed = sitemap(*OLD_PAGES).body.decode().replace("SITE", there)
    pages = {there + path: reply for path, reply in OLD_PAGES.items()}
    answers = {f"{there}/sitemap.xml": page(listed, media="text/xml"), **pages}
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with OldSite(answers) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        old = OldSite({})
        old.url = there
        comparison = scene.compare(old)
    assert (comparison.pages, comparison.ok) == (3, True)
    assert all(path.startswith(there) for path in proxy.asked)


# -- going on ------------------------------------------------------------------------------------


def test_a_limited_run_says_what_is_left_and_the_next_one_goes_on(scene: Scene) -> None:
    with OldSite({"/sitemap.xml": sitemap(*OLD_PAGES), **OLD_PAGES}) as old:
        first = scene.compare(old, most_pages=2)
        assert (first.pages, first.left, first.ok) == (2, 1, False)
        assert "1 to go (run it again to go on)" in first.summary
        second = scene.compare(old)
    assert (second.pages, second.left, second.ok) == (3, 0, True)
    assert [old.times(path) for path in OLD_PAGES if path != "/"] == [1, 1]
    assert scene.kept == []


def test_another_build_begins_anew(scene: Scene) -> None:
    with OldSite({"/sitemap.xml": sitemap(*OLD_PAGES), **OLD_PAGES}) as old:
        scene.compare(old, most_pages=2)
        scene.build_id = "fedcba9876543210"
        assert scene.compare(old, most_pages=2).pages == 2
    assert len(scene.kept) == 2


def test_a_crawl_that_was_interrupted_finds_the_rest(scene: Scene) -> None:
    with OldSite(OLD_PAGES) as old:
        assert [scene.compare(old, most_pages=1).pages for _ in range(3)] == [1, 2, 3]
    assert scene.kept == []


def test_pages_without_an_answer_are_asked_for_again_by_the_next_run(scene: Scene) -> None:
    with OldSite({"/sitemap.xml": sitemap(*OLD_PAGES), **OLD_PAGES}) as old:
        old.refuse = {"/post"}
        first = scene.compare(old)
        assert (first.pages, first.left, first.ok) == (2, 1, False)
        assert "1 of its pages gave no answer, the first /post: " in first.trouble
        old.refuse = set()
        second = scene.compare(old)
    assert (second.pages, second.ok) == (3, True)
    assert old.times("/about/") == 1


@pytest.mark.parametrize("damage", ["", "{", "[]\n", '{"version": 99}\n', "\x00\n"])
def test_a_damaged_ledger_begins_anew(scene: Scene, damage: str) -> None:
    with OldSite({"/sitemap.xml": sitemap(*OLD_PAGES), **OLD_PAGES}) as old:
        scene.compare(old, most_pages=2)
        (ledger,) = scene.kept
        ledger.write_text(damage)
        assert scene.compare(old, most_pages=2).pages == 2


def test_a_line_that_was_not_written_to_its_end_is_left_out(scene: Scene) -> None:
    with OldSite({"/sitemap.xml": sitemap(*OLD_PAGES), **OLD_PAGES}) as old:
        scene.compare(old, most_pages=2)
        (ledger,) = scene.kept
        ledger.write_text(ledger.read_text()[:-9])
        assert scene.compare(old, most_pages=1).pages == 2


def test_ctrl_c_ends_it_at_once_leaves_no_thread_and_the_next_run_goes_on(scene: Scene) -> None:
    pages = {f"/{number}": page("x") for number in range(200)}
    told: list[str] = []

    def interrupt(text: str) -> None:
        told.append(text)
        if "20 of 200" in text:
            os.kill(os.getpid(), signal.SIGINT)

    with OldSite({"/sitemap.xml": sitemap(*pages), **pages}) as old:
        before = set(threading.enumerate())
        with pytest.raises(KeyboardInterrupt):
            scene.compare(old, tell=interrupt)
        ours = {t for t in set(threading.enumerate()) - before if "process_request" not in t.name}
        assert ours == set()
        comparison = scene.compare(old)
        assert (comparison.pages, comparison.left) == (200, 0)
        assert sum(old.times(path) for path in pages) < 200 + 10


def test_two_comparisons_with_one_site_do_not_run_at_once(scene: Scene) -> None:
    said: list[str] = []

    def again(text: str) -> None:
        if not said:
            said.append(text)
            with pytest.raises(LedgerError, match="Another run compares with"):
                compare(parse_site(old.url), scene.new, scene.state)

    with OldSite({"/sitemap.xml": sitemap(*OLD_PAGES), **OLD_PAGES}) as old:
        scene.compare(old, tell=again)
    assert said


def test_the_comparison_is_the_same_in_words_and_for_programs(scene: Scene) -> None:
    comparison = compared(scene, {"/gone": page("x"), "/post": page("<title>Other</title>A post")})
    told = json.loads(json.dumps(comparison.as_json()))
    assert (told["version"], told["ok"], told["summary"]) == (1, False, comparison.summary)
    assert told["counts"] == {"lost": 1, "title": 1}
    assert told["differences"][1] == {
        "kind": "title", "path": "/post", "old": '"Other"', "new": '"Post"',
    }  # fmt: skip
    assert comparison.details == (
        "/gone: would be lost: status 200 \u2192 status 404",
        '/post: another title: "Other" \u2192 "Post"',
        "In all: another title: 1.",
    )
