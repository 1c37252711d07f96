"""A manifest is read exactly, or refused with the reason in one line."""

from __future__ import annotations

import json

import pytest

from deploys.facts.built_site import BuiltFile, BuiltSite, ManifestError, parse_manifest

SHA = "a" * 64


def manifest(**changes: object) -> str:
    files = [
        {"path": "blog/z.html", "sha256": SHA, "size": 3},
        {"path": "blog/Grüße.html", "sha256": SHA, "size": 0},
    ]
    return json.dumps({"version": 1, "baseurl": "/blog", "files": files, **changes})


def file(**changes: object) -> str:
    return manifest(files=[{"path": "x", "sha256": SHA, "size": 1, **changes}])


def test_a_manifest_and_a_listing_become_a_build() -> None:
    assert parse_manifest(manifest(), "abc", ["./blog/z.html", "blog/Grüße.html"]) == BuiltSite(
        build_id="abc",
        baseurl="/blog",
        files=(BuiltFile("blog/Grüße.html", SHA, 0), BuiltFile("blog/z.html", SHA, 3)),
        served=("blog/Grüße.html", "blog/z.html"),
    )


def test_what_else_a_builder_notes_in_it_does_no_harm() -> None:
    assert parse_manifest(manifest(jekyll="4.3.1", warnings=["x"]), "abc", []).served == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[]", "not a JSON object"),
        (manifest(version=2), "version 2, this program reads 1: build the image again"),
        (manifest(baseurl=None), "baseurl is None"),
        (manifest(baseurl="blog"), "baseurl is 'blog'"),
        (manifest(baseurl="/blog/"), "baseurl is '/blog/'"),
        (manifest(baseurl="/blog?x"), "baseurl is '/blog?x'"),
        (manifest(files={}), "no list of files"),
        (manifest(files=["x"]), "lists 'x', which describes no file"),
        (file(path="/x"), "no path below the web root"),
        (file(path="a/../../x"), "no path below the web root"),
        (file(path=None), "no path below the web root"),
        (file(sha256="A" * 64), "no SHA-256 for 'x'"),
        (file(size=-1), "no size for 'x'"),
        (file(size="1"), "no size for 'x'"),
        (manifest(files=[{"path": "x", "sha256": SHA, "size": 1}] * 2), "names 'x' twice"),
    ],
)
def test_a_manifest_that_cannot_be_believed_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ManifestError) as refusal:
        parse_manifest(text, "abc", [])
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)
