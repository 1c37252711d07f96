"""The sample blog's promises that can be read from its source, without Ruby."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pytest

from deploys.settings import SAMPLE_BLOG

POSTS = sorted((SAMPLE_BLOG / "_posts").iterdir())
PAGES = sorted(
    path
    for suffix in ("md", "html", "svg", "scss")
    for path in SAMPLE_BLOG.rglob(f"*.{suffix}")
    if "_site" not in path.parts
)


def front_matter(path: Path) -> dict[str, str]:
    """The front matter's `key: value` lines; the sample uses no other YAML there."""
    opening, block, _ = re.split(r"^---\n", path.read_text("utf-8"), maxsplit=2, flags=re.M)
    assert opening == "", f"{path.name} does not begin with front matter"
    pairs = [re.fullmatch(r"(\w+): (\S.*)", line) for line in block.splitlines()]
    assert all(pairs), f"{path.name} has front matter that is not `key: value`"
    return {pair[1]: pair[2] for pair in pairs if pair}


def name(path: Path) -> str:
    return str(path.relative_to(SAMPLE_BLOG))


def without_code(page: Path) -> str:
    """A page's text without its examples of code, which are shown and not obeyed."""
    return re.sub(r"^```.*?^```$|`[^`\n]+`", "", page.read_text("utf-8"), flags=re.M | re.S)


@pytest.mark.parametrize("post", POSTS, ids=name)
def test_a_post_is_dated_in_the_past_and_says_what_it_is_about(post: Path) -> None:
    meta = front_matter(post)
    assert date.fromisoformat(post.name[:10]) < date(2026, 1, 1)
    assert post.name[10] == "-"
    assert meta["title"]
    assert len(meta["description"]) > 40
    assert re.fullmatch(r"\[[a-z-]+(, [a-z-]+)*\]", meta["tags"])


def test_no_two_pages_have_one_title() -> None:
    titled = [*POSTS, *SAMPLE_BLOG.glob("*.md"), *(SAMPLE_BLOG / "guides").iterdir()]
    titles = [front_matter(page)["title"] for page in titled]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_loads_nothing_from_elsewhere_and_runs_no_script(page: Path) -> None:
    text = without_code(page)
    assert not re.search(r"<script|<iframe|@import|@font-face|\son\w+=", text)
    loaded = r"""(?:\bsrc=|<link[^>]*href=|url\(|!\[[^\]]*\]\()["']?\s*(?:https?:)?//"""
    assert not re.search(loaded, text)


def test_every_picture_that_is_shown_exists_and_has_a_description() -> None:
    shown = 0
    for post in POSTS:
        for attributes in re.findall(r"{% include figure\.html (.*?) %}", post.read_text("utf-8")):
            figure = dict(re.findall(r'(\w+)="([^"]*)"', attributes))
            assert (SAMPLE_BLOG / "assets/images" / figure["src"]).is_file(), figure["src"]
            assert figure["alt"]
            assert figure["caption"]
            shown += 1
    assert shown >= 3


def test_every_file_that_is_linked_from_the_source_exists() -> None:
    linked = {
        unquote(path.strip())
        for page in PAGES
        for path in re.findall(
            r"[' ](/(?:assets|favicon|\.well-known)[^']*?\.\w+)['\s]", without_code(page)
        )
        if not path.endswith(".css")
    }
    assert {path for path in linked if not (SAMPLE_BLOG / path[1:]).is_file()} == set()
    assert {"/favicon.ico", "/.well-known/gpc.json", "/assets/files/moving day.txt"} <= linked


def test_the_sample_holds_what_tends_to_go_wrong_on_the_way_into_a_container() -> None:
    config = (SAMPLE_BLOG / "_config.yml").read_text("utf-8")
    assert any(not post.name.isascii() for post in POSTS)
    assert any(" " in path.name for path in (SAMPLE_BLOG / "assets").rglob("*"))
    assert "include: [.well-known]" in config
    assert front_matter(SAMPLE_BLOG / "about.md")["permalink"] == "/about/"
    assert front_matter(SAMPLE_BLOG / "colophon.md")["permalink"] == "/colophon.html"
    assert front_matter(SAMPLE_BLOG / "404.html")["permalink"] == "/404.html"
    assert {path.suffix for path in (SAMPLE_BLOG / "assets/images").iterdir()} == {
        ".png",
        ".svg",
        ".webp",
    }


def test_a_draft_is_there_that_must_not_be_published() -> None:
    drafts = list((SAMPLE_BLOG / "_drafts").iterdir())
    assert len(drafts) == 1
    assert not re.match(r"\d{4}-", drafts[0].name)
    assert front_matter(drafts[0])["title"]


def test_the_address_of_the_sample_leads_nowhere_but_to_this_computer() -> None:
    config = (SAMPLE_BLOG / "_config.yml").read_text("utf-8")
    assert re.search(r"^url: http://127\.0\.0\.1:\d+$", config, re.M)


def test_every_plugin_that_is_configured_can_be_installed_from_the_gemfile() -> None:
    config = (SAMPLE_BLOG / "_config.yml").read_text("utf-8")
    gems = re.findall(r'gem "([^"]+)"', (SAMPLE_BLOG / "Gemfile").read_text("utf-8"))
    plugins = re.findall(r"^  - (jekyll-\S+)$", config, re.M)
    assert plugins
    assert set(plugins) < set(gems)


def test_a_tool_configured_elsewhere_decides_where_gems_come_from() -> None:
    source = re.findall(r"^source (.*)$", (SAMPLE_BLOG / "Gemfile").read_text("utf-8"), re.M)
    assert source == ["Gem.sources.first.uri.to_s"]
