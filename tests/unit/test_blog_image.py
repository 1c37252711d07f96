"""The blog's image, built for real: what the site's author is told, and what ends up inside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploys.build import FILES, BaseImages
from tests.served import files_proved

pytestmark = pytest.mark.engine

IMAGE = "bootstrapper-test/blog:built"
BUILD_ID = "0123456789abcdef"


@dataclass(frozen=True)
class Built:
    ok: bool
    said: str
    manifest: dict[str, Any]

    @property
    def paths(self) -> list[str]:
        return [file["path"] for file in self.manifest["files"]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "_posts").mkdir()
    (tmp_path / "_config.yml").write_text("title: Test\n")
    (tmp_path / "index.html").write_text("---\ntitle: Home\n---\n<p>home</p>\n")
    for day in (1, 2):
        (tmp_path / f"_posts/2024-01-0{day}-post-{day}.md").write_text("---\ntitle: P\n---\nbody\n")
    return tmp_path


@pytest.fixture
def build(site: Path, base: BaseImages) -> Iterator[Any]:
    def run(*without: str) -> Built:
        arguments = {
            "BUILDER_IMAGE": base.builder,
            "SERVER_IMAGE": base.server,
            "GEMS_FROM": "packages",
            "WITHOUT_PLUGINS": " ".join(without),
            "JEKYLL_ENV": "production",
            "BUILD_ID": BUILD_ID,
        }
        words = [word for item in arguments.items() for word in ("--build-arg", "=".join(item))]
        script = str(FILES / "blog" / "build-image.sh")
        docker = ["docker", "build", "--force-rm", "--network", "none", "--tag", IMAGE, *words]
        done = _run("sh", script, str(site), *docker)
        manifest = json.loads(_inside("cat", "/srv/manifest.json")) if done.returncode == 0 else {}
        return Built(done.returncode == 0, done.stderr, manifest)

    yield run
    _run("docker", "image", "rm", "--force", IMAGE)


def test_what_is_inside_is_what_was_written_down(build: Any) -> None:
    built = build()
    listed = _inside("find", "/srv/site", "-type", "f").split("\n")
    assert sorted(f"/srv/site/{path}" for path in built.paths) == sorted(filter(None, listed))
    assert "index.html" in built.paths


def test_a_liquid_mistake_is_said_in_jekylls_words_with_the_file(build: Any, site: Path) -> None:
    (site / "_posts/2024-02-01-bad.md").write_text("---\ntitle: x\n---\n{% nosuch %}\n")
    built = build()
    assert not built.ok
    assert (
        "Unknown tag 'nosuch' in _posts/2024-02-01-bad.md (_posts/2024-02-01-bad.md:4)"
        in built.said
    )


PLACES = {
    "_posts/2024-02-01-bad.md": (
        "---\ntitle: x\n---\nbody\n\n{% nosuch %}\n",
        6,
        "Unknown tag 'nosuch'",
    ),
    "a.html": ("---\n---\n\n{% include gone.html %}\n", 4, "Could not locate the included file"),
    "_layouts/base.html": ("<p>\n{% for x %}\n{{ content }}\n", 2, "Syntax Error in 'for loop'"),
    "_includes/part.html": ("one\n{% if %}\n", 2, "Syntax Error in tag 'if'"),
    "_sass/_part.scss": ("a {\n  color: $nosuch;\n}\n", 2, "Undefined variable"),
    "main.scss": ("---\n---\n\na { color: $nosuch; }\n", 4, "Undefined variable"),
    "_data/people.yml": ("- name: a\n  more: [\n- b\n", 3, "while parsing"),
}


@pytest.mark.parametrize("path", PLACES)
def test_a_mistake_is_shown_with_its_place_and_the_lines_around(
    build: Any, site: Path, path: str
) -> None:
    text, number, words = PLACES[path]
    (site / path).parent.mkdir(exist_ok=True)
    (site / path).write_text(text)
    users = {
        "_layouts/base.html": ("b.html", "---\nlayout: base\n---\n"),
        "_includes/part.html": ("b.html", "---\n---\n{% include part.html %}\n"),
        "_sass/_part.scss": ("b.scss", '---\n---\n@import "part";\n'),
    }
    if path in users:
        user, using = users[path]
        (site / user).write_text(using)
    built = build()
    assert not built.ok
    assert words in built.said
    assert path in built.said
    assert f"[blog] > {number:4} | {text.splitlines()[number - 1]}" in built.said
    assert ".rb:" not in built.said


def test_a_broken_configuration_is_named_with_its_line(build: Any, site: Path) -> None:
    (site / "_config.yml").write_text('title: "x\nfoo: [\n')
    built = build()
    assert not built.ok
    assert "_config.yml:" in built.said
    assert '[blog] >    1 | title: "x' in built.said


def test_all_missing_plugins_are_named_at_once_with_the_choice(build: Any, site: Path) -> None:
    (site / "_config.yml").write_text("plugins: [jekyll-feed, jekyll-nosuch]\n")
    (site / "Gemfile").write_text('group(:jekyll_plugins) { gem "jekyll-other" }\n')
    built = build()
    assert not built.ok
    assert "does not package: jekyll-nosuch, jekyll-other." in built.said
    assert "without_plugins=jekyll-nosuch,jekyll-other" in built.said
    assert build("jekyll-nosuch", "jekyll-other").ok


GEM = """Gem::Specification.new do |gem|
  gem.name = "jekyll-beside"
  gem.version = "1.0"
  gem.summary = gem.authors = "a test"
  gem.files = ["lib/jekyll-beside.rb"]
  gem.add_dependency "jekyll", ">= 3"
end
"""
TAG = """class Beside < Liquid::Tag
  def render(_) = "from beside"
end
Liquid::Template.register_tag("beside", Beside)
"""


def test_a_gem_that_lies_beside_the_site_is_installed_from_there(
    build: Any, site: Path, base: BaseImages, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = tmp_path_factory.mktemp("gem")
    (source / "lib").mkdir()
    (source / "lib/jekyll-beside.rb").write_text(TAG)
    (source / "beside.gemspec").write_text(GEM)
    make = ["--volume", f"{source}:/gem", "--workdir", "/gem", "--entrypoint", "gem"]
    _run("docker", "run", "--rm", *make, base.builder, "build", "beside.gemspec")
    (site / "vendor/cache").mkdir(parents=True)
    (source / "jekyll-beside-1.0.gem").rename(site / "vendor/cache/jekyll-beside-1.0.gem")
    (site / "_config.yml").write_text("plugins: [jekyll-beside]\n")
    (site / "index.html").write_text("---\n---\n{% beside %}\n")
    built = build()
    assert built.ok, built.said
    assert "from beside" in _inside("cat", "/srv/site/index.html")
    assert not any("vendor" in path for path in built.paths)


def test_a_permalink_with_an_unquoted_colon_means_what_it_says(build: Any, site: Path) -> None:
    (site / "_config.yml").write_text("permalink: :title\n")
    assert {"post-1.html", "post-2.html"} <= set(build().paths)


def test_posts_that_most_share_one_address_are_refused(build: Any, site: Path) -> None:
    (site / "_config.yml").write_text("permalink: /same.html\n")
    assert "2 posts are written to only 1 files" in build().said


@pytest.mark.trait("sass-embedded", "said")
def test_sass_of_a_newer_kind_is_called_that(build: Any, site: Path) -> None:
    (site / "main.scss").write_text('---\n---\n@use "sass:math";\na { width: math.div(4px, 2); }\n')
    assert "Sass of a newer kind than this distribution has" in build().said
    (site / "main.scss").write_text("---\n---\na { color: $nosuch; }\n")
    assert "of a newer kind" not in build().said


def test_sass_that_npm_was_to_bring_is_called_that(build: Any, site: Path) -> None:
    (site / "main.scss").write_text('---\n---\n@import "kit/index";\n')
    assert "npm" not in build().said
    (site / "package.json").write_text("{}\n")
    assert "run `npm install` in the site" in build().said


def test_the_old_key_for_plugins_still_loads_them(build: Any, site: Path) -> None:
    (site / "_config.yml").write_text("gems: [jekyll-feed]\n")
    assert "feed.xml" in build().paths


def test_the_authors_own_earlier_output_is_not_published(build: Any, site: Path) -> None:
    (site / "_config.yml").write_text("destination: public\n")
    (site / "public").mkdir()
    (site / "public/old.html").write_text("old")
    assert "public/old.html" not in build().paths


def test_a_directory_without_a_page_is_no_blog(build: Any, site: Path) -> None:
    for page in [site / "index.html", *(site / "_posts").iterdir()]:
        page.unlink()
    (site / "a.txt").write_text("text")
    assert "no HTML page at all" in build().said


def test_what_jekyll_only_warns_of_is_kept_one_sentence_a_warning(build: Any, site: Path) -> None:
    (site / "_posts/2024-02-01-bad.md").write_text('---\ntitle: "x\n---\nbody\n')
    (site / "a.md").write_text("---\nlayout: none-such\n---\n")
    (site / "z.html").write_text("---\npermalink: /index.html\n---\nother\n")
    warnings = build().manifest["warnings"]
    assert any("YAML Exception reading _posts/2024-02-01-bad.md" in text for text in warnings)
    assert any("Layout 'none-such' requested in a.md" in text for text in warnings)
    (conflict,) = [text for text in warnings if text.startswith("Conflict:")]
    assert conflict.endswith("- index.html - z.html")


@pytest.mark.trait("hundreds of megabytes", "proved")
def test_a_large_file_is_served_whole(build: Any, site: Path) -> None:
    size = 210 * 1024 * 1024
    with (site / "film.mp4").open("wb") as film:
        film.truncate(size)
    built = build()
    assert built.ok, built.said
    (file,) = [file for file in built.manifest["files"] if file["path"] == "film.mp4"]
    assert file["size"] == size
    assert _inside("sha256sum", "/srv/site/film.mp4").split()[0] == file["sha256"]
    assert "film.mp4" in files_proved(IMAGE, BUILD_ID)


def test_posts_that_nothing_converts_are_counted_and_named(build: Any, site: Path) -> None:
    (site / "_posts/2024-03-01-third.adoc").write_text("= Third\n:page-layout: post\n\nbody\n")
    built = build()
    assert built.ok
    assert built.manifest["warnings"] == [
        "1 of 3 posts are no pages, since nothing here converts .adoc: _posts/2024-03-01-third.adoc"
    ]


def test_a_file_that_only_its_author_may_read_is_served(build: Any, site: Path) -> None:
    (site / "a.txt").write_text("text")
    (site / "a.txt").chmod(0o600)
    assert build().ok
    assert _inside("cat", "/srv/site/a.txt") == "text"


def _inside(*words: str) -> str:
    """The answer of busybox in the image, as the user that serves."""
    entry = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "/bin/busybox", IMAGE]
    done = _run(*entry, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)
