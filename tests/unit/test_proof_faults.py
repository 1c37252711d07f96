"""The proof holds for what was built, and for nothing else: each fault is planted and found."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrapper.proof import Fault, Proof, prove
from deploys.facts.built_site import BuiltFile, BuiltSite
from tests.webserver import (
    BLOG_FILES,
    BUILD_ID,
    Blog,
    Reply,
    WebServer,
    site_in,
    spoiling,
)


@pytest.fixture
def blog(tmp_path: Path) -> Iterator[Blog]:
    blog = Blog(tmp_path)
    with blog.server:
        yield blog


def kinds(proof: Proof) -> set[tuple[str, str]]:
    return {(fault.kind, fault.path) for fault in proof.faults}


@pytest.mark.parametrize("baseurl", ["", "/blog", "/~user/my-blog"])
def test_the_site_that_was_built_is_proved(tmp_path: Path, baseurl: str) -> None:
    blog = Blog(tmp_path, baseurl)
    with blog.server:
        proof = prove(blog.site, blog.server.url)
    assert proof.faults == ()
    assert proof.ok
    assert proof.files == len(BLOG_FILES)
    assert proof.requests > 2 * len(BLOG_FILES)
    assert proof.bytes > sum(map(len, BLOG_FILES.values()))
    assert proof.build_id == BUILD_ID


def test_an_older_build_is_named_as_such(tmp_path: Path) -> None:
    blog = Blog(tmp_path, build_id="00000000deadbeef")
    with blog.server:
        proof = prove(blog.site, blog.server.url)
    assert proof.faults == (
        Fault("build.other", "/", f"build {BUILD_ID}", "build 00000000deadbeef"),
    )


def test_one_changed_byte_is_found_at_each_address_of_the_page(blog: Blog) -> None:
    (blog.root / "about.html").write_bytes(b"abouT")
    assert kinds(prove(blog.site, blog.server.url)) == {
        ("file.content", "/about.html"),
        ("page.content", "/about"),
    }


def test_one_byte_more_is_found(blog: Blog) -> None:
    (blog.root / "main.css").write_bytes(BLOG_FILES["main.css"] + b"\n")
    assert kinds(prove(blog.site, blog.server.url)) == {("file.content", "/main.css")}


def test_a_missing_page_is_found_at_each_of_its_addresses(blog: Blog) -> None:
    (blog.root / "posts" / "one" / "index.html").unlink()
    assert kinds(prove(blog.site, blog.server.url)) == {
        ("file.status", "/posts/one/index.html"),
        ("directory.status", "/posts/one/"),
        ("redirect.status", "/posts/one"),
    }


def test_a_file_that_the_build_did_not_write_is_found(blog: Blog) -> None:
    (blog.root / "left over.html").write_bytes(b"old")
    proof = prove(dataclasses.replace(blog.site, served=site_in(blog.root).served), blog.server.url)
    assert kinds(proof) == {("file.extra", "/left%20over.html")}


def test_a_web_root_that_was_not_listed_proves_nothing(blog: Blog) -> None:
    proof = prove(dataclasses.replace(blog.site, served=()), blog.server.url)
    assert {fault.kind for fault in proof.faults} == {"file.unlisted"}
    assert len(proof.faults) == len(BLOG_FILES)


def test_a_build_without_files_proves_nothing(blog: Blog) -> None:
    proof = prove(BuiltSite(BUILD_ID, "", (), ()), blog.server.url)
    assert kinds(proof) == {("build.empty", "/")}


def test_a_source_file_that_is_served_is_found(blog: Blog) -> None:
    (blog.root / ".git").mkdir()
    (blog.root / ".git" / "HEAD").write_bytes(b"ref: refs/heads/main")
    assert kinds(prove(blog.site, blog.server.url)) == {("unbuilt.status", "/.git/HEAD")}


def test_a_source_like_file_that_was_built_is_no_fault(blog: Blog) -> None:
    (blog.root / "Gemfile").write_bytes(b"# shown to the readers")
    assert prove(site_in(blog.root), blog.server.url).faults == ()


def test_a_page_goes_before_the_directory_of_its_name(blog: Blog) -> None:
    (blog.root / "posts.html").write_bytes(b"the page, not the directory")
    assert prove(site_in(blog.root), blog.server.url).faults == ()


def spoilt(blog: Blog, path: str, **changes: object) -> Proof:
    """The proof where the answers at `path` are changed: `status=…`, `body=…`, headers by name."""

    def spoil(asked: str, reply: Reply) -> None:
        if asked != path:
            return
        for name, value in changes.items():
            if hasattr(reply, name):
                setattr(reply, name, value)
            elif value is None:
                reply.headers.pop(name.replace("_", "-"), None)
            else:
                reply.headers[name.replace("_", "-")] = str(value)

    with spoiling(blog.server, spoil) as url:
        return prove(blog.site, url)


def test_a_wrong_content_type_is_found(blog: Blog) -> None:
    proof = spoilt(blog, "/bare/data.json", Content_Type="text/plain; charset=utf-8")
    assert kinds(proof) == {("file.type", "/bare/data.json")}


def test_text_without_its_character_set_is_found(blog: Blog) -> None:
    assert kinds(spoilt(blog, "/about", Content_Type="text/html")) == {("page.type", "/about")}


def test_a_body_that_ends_early_is_found(blog: Blog) -> None:
    proof = spoilt(blog, "/main.css", hang_up_after=100)
    assert ("file.truncated", "/main.css") in kinds(proof)
    assert "100 bytes, then the connection was closed" in str(proof.faults[0])


def test_a_directory_that_answers_403_is_found(blog: Blog) -> None:
    assert kinds(spoilt(blog, "/bare/", status=403)) == {("directory.status", "/bare/")}


def test_a_directory_that_lists_what_it_holds_is_found(blog: Blog) -> None:
    assert kinds(spoilt(blog, "/bare/", status=200)) == {("directory.status", "/bare/")}


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:8080/posts/", "https://blog.example.com/posts/", "/", "//elsewhere/posts/"],
)
def test_a_redirect_to_another_place_is_found(blog: Blog, location: str) -> None:
    proof = spoilt(blog, "/posts", Location=location)
    assert kinds(proof) == {("redirect.location", "/posts")}


def test_an_unknown_page_that_answers_200_is_found(blog: Blog) -> None:
    def spoil(path: str, reply: Reply) -> None:
        reply.status = 200 if reply.status == 404 else reply.status

    with spoiling(blog.server, spoil) as url:
        proof = prove(blog.site, url)
    assert {"unknown.status", "unbuilt.status", "directory.status"} == {
        fault.kind for fault in proof.faults
    }


def test_a_404_page_that_is_not_the_sites_own_is_found(blog: Blog) -> None:
    def spoil(path: str, reply: Reply) -> None:
        if reply.status == 404:
            reply.body = b"NOT FOUND"

    with spoiling(blog.server, spoil) as url:
        proof = prove(blog.site, url)
    assert "unknown.content" in {fault.kind for fault in proof.faults}


@pytest.mark.parametrize(
    ("asked_with", "kind"),
    [("If-None-Match", "etag.status"), ("If-Modified-Since", "modified.status")],
)
def test_a_server_that_ignores_conditions_is_found(blog: Blog, asked_with: str, kind: str) -> None:
    stripped = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}[asked_with]
    proof = spoilt(blog, "/large.bin", **{stripped: None})
    assert (kind, "/large.bin") in kinds(proof)


def test_a_head_that_describes_another_file_is_found(blog: Blog) -> None:
    def spoil(path: str, reply: Reply) -> None:
        if path == "/main.css" and not reply.body and reply.status == 200:
            reply.headers["Content-Length"] = "7"

    with spoiling(blog.server, spoil) as url:
        assert kinds(prove(blog.site, url)) == {("head.header", "/main.css")}


def test_a_range_of_other_bytes_is_found(blog: Blog) -> None:
    def spoil(path: str, reply: Reply) -> None:
        if reply.status == 206 and path == "/large.bin":
            reply.body = b"?" + reply.body[1:]

    with spoiling(blog.server, spoil) as url:
        assert kinds(prove(blog.site, url)) == {("range.content", "/large.bin")}


def test_a_compressed_answer_of_other_bytes_is_found(blog: Blog) -> None:
    def spoil(path: str, reply: Reply) -> None:
        if reply.headers.get("Content-Encoding") == "gzip":
            reply.body = reply.body[:-12] + bytes(12)

    with spoiling(blog.server, spoil) as url:
        assert {fault.kind for fault in prove(blog.site, url).faults} == {"gzip.truncated"}


def test_an_answer_of_another_build_in_between_is_found(blog: Blog) -> None:
    assert kinds(spoilt(blog, "/main.css", X_Build_Id="00000000deadbeef")) == {
        ("file.build", "/main.css")
    }


def test_a_large_file_is_not_held_in_memory(tmp_path: Path) -> None:
    size = 96 * 1024 * 1024
    root = tmp_path / "root"
    root.mkdir()
    with (root / "video.mp4").open("wb") as video:
        video.truncate(size)
    digest = hashlib.sha256(bytes(size)).hexdigest()
    site = BuiltSite(BUILD_ID, "", (BuiltFile("video.mp4", digest, size),), ("video.mp4",))
    with WebServer(tmp_path / "scratch", root) as server:
        tracemalloc.start()
        proof = prove(site, server.url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert proof.faults == ()
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize(
    "address", ["127.0.0.1:4000", "https://127.0.0.1:4000", "http://", "http://h:1/blog", ""]
)
def test_an_address_that_is_none_is_refused_with_an_example(blog: Blog, address: str) -> None:
    with pytest.raises(ValueError, match="should be like"):
        prove(blog.site, address)


def test_the_proof_is_the_same_in_words_and_for_programs(blog: Blog) -> None:
    (blog.root / "about.html").write_bytes(b"abouT")
    proof = prove(blog.site, blog.server.url)
    told = json.loads(json.dumps(proof.as_json()))
    assert told["version"] == 1
    assert told["ok"] is False
    assert told["summary"] == proof.summary
    assert told["faults"][0]["kind"] == "page.content"
    assert proof.summary.startswith(
        "Not proved: 2 differences; the first: /about: expected 5 bytes"
    )
    assert "\n" not in proof.summary


def test_the_summary_of_a_good_proof_says_on_what_it_rests(blog: Blog) -> None:
    summary = prove(blog.site, blog.server.url).summary
    assert summary.startswith(f"Proved: 10 files of build {BUILD_ID} served byte for byte as built")
