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

pytestmark = pytest.mark.engine

IMAGE = "bootstrapper-test/blog:built"


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
            "BUILD_ID": "0123456789abcdef",
        }
        words = [word for item in arguments.items() for word in ("--build-arg", "=".join(item))]
        script = str(FILES / "blog" / "build-image.sh")
        docker = ["docker", "build", "--network", "none", "--tag", IMAGE, *words]
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
    assert "Unknown tag 'nosuch' in _posts/2024-02-01-bad.md, line 4" in built.said


def test_a_broken_configuration_is_named_with_its_line(build: Any, site: Path) -> None:
    (site / "_config.yml").write_text('title: "x\nfoo: [\n')
    built = build()
    assert not built.ok
    assert "_config.yml:" in built.said
    assert "line 1" in built.said


def test_all_missing_plugins_are_named_at_once_with_the_choice(build: Any, site: Path) -> None:
    (site / "_config.yml").write_text("plugins: [jekyll-feed, jekyll-nosuch]\n")
    (site / "Gemfile").write_text('group(:jekyll_plugins) { gem "jekyll-other" }\n')
    built = build()
    assert not built.ok
    assert "does not package: jekyll-nosuch, jekyll-other." in built.said
    assert "without_plugins=jekyll-nosuch,jekyll-other" in built.said
    assert build("jekyll-nosuch", "jekyll-other").ok


def test_a_permalink_with_an_unquoted_colon_means_what_it_says(build: Any, site: Path) -> None:
    (site / "_config.yml").write_text("permalink: :title\n")
    assert {"post-1.html", "post-2.html"} <= set(build().paths)


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
