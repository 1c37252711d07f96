"""What is built is the site whose hash the build is named after, also where it is being edited."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploys.build import FILES
from deploys.facts.site import SiteSource

FILE_NAMES = (
    "_config.yml",
    "_posts/2024-01-01-öne two.md",
    "it's/$(x)/back\\slash.txt",
    "new\nline.txt",
    "node_modules/a/b.scss",
    "node_modules/a/b.js",
    ".hidden/file",
    "vendor/bundle/gem.rb",
    ".git/config",
    "sub/_site/index.html",
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "My Site"
    for name in FILE_NAMES:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(name)
    (site / "_config.yml").write_text("sass:\n  load_paths: [node_modules]\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/picture.png").write_bytes(b"\x89PNG\0")
    (site / "pictures").symlink_to(tmp_path / "outside")
    (site / "gone").symlink_to(tmp_path / "nowhere")
    return site


def hash_of(site: Path) -> str:
    words = ["sh", "-c", SiteSource().command(str(site))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = SiteSource().process(done.stdout.splitlines())
    assert found is not None
    return found.hash


def built(site: Path, named_after: str) -> tuple[int, str]:
    """With a command that builds nothing, and says what it has been given."""
    words = ["sh", str(FILES / "blog/build-image.sh"), str(site), "ls"]
    environment = {**os.environ, "SITE_HASH": named_after}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout + done.stderr


def test_a_copy_of_the_site_has_its_hash(site: Path) -> None:
    code, said = built(site, hash_of(site))
    assert (code, "Dockerfile" in said) == (0, True), said


@pytest.mark.parametrize("change", ["another content", "another name", "one more", "one less"])
def test_a_site_that_has_changed_since_it_was_looked_at_is_not_built(
    site: Path, change: str
) -> None:
    before = hash_of(site)
    post = site / "_posts/2024-01-01-öne two.md"
    if change == "another content":
        post.write_text("saved meanwhile")
    elif change == "another name":
        post.rename(post.with_name("2024-01-01-one.md"))
    elif change == "one more":
        shutil.copy(post, post.with_name("2024-01-02-two.md"))
    else:
        (site.parent / "outside/picture.png").unlink()
    code, said = built(site, before)
    assert (code, "Dockerfile" in said) == (1, False)
    assert "The site was changed while it was looked at; run it again." in said
    assert built(site, hash_of(site))[0] == 0
