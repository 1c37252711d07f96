"""What of a site's files is seen to change, and how it is told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.watching import Change, Watch, difference, tree_of, update


def no_time(_seconds: float) -> None:
    raise TimeoutError("nothing has changed")


def told(site: Path, change: Change) -> tuple[dict[str, Any], bytes]:
    stream = b"".join(update(site, change))
    size = int(stream[:10])
    return json.loads(stream[10 : 10 + size]), stream[10 + size :]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "a site"
    (site / "_posts").mkdir(parents=True)
    (site / "_posts/a.md").write_text("one")
    (site / "b.md").write_text("two")
    return site


def test_at_first_everything_is_new_and_then_only_what_changed(site: Path) -> None:
    watch = Watch(site)
    assert watch.next_change(no_time).paths == ("_posts/a.md", "b.md")
    (site / "b.md").write_text("three")
    (site / "_posts/a.md").unlink()
    assert watch.next_change(no_time).paths == ("b.md", "_posts/a.md")
    with pytest.raises(TimeoutError):
        watch.next_change(no_time)


def test_a_file_put_in_the_place_of_one_with_its_size_and_time_is_another(site: Path) -> None:
    before = tree_of(site)
    status = (site / "b.md").stat()
    (site / "c.md").write_text("TWO")
    os.utime(site / "c.md", ns=(status.st_atime_ns, status.st_mtime_ns))
    (site / "c.md").replace(site / "b.md")
    assert difference(site, before, tree_of(site)).paths == ("b.md",)


def test_what_a_link_leads_to_belongs_to_the_site(site: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/c.md").write_text("three")
    (site / "linked").symlink_to(tmp_path / "shared")
    assert "linked/c.md" in tree_of(site)


@pytest.mark.parametrize("name", [".a.md.swp", "4913", "a.md~", "#a.md#", ".#a.md", "_site/a.md"])
def test_what_no_build_reads_is_not_seen(site: Path, name: str) -> None:
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text("x")
    assert set(tree_of(site)) == {"_posts/a.md", "b.md"}


def test_a_site_that_is_away_for_a_moment_has_not_lost_its_files(site: Path) -> None:
    watch = Watch(site)
    watch.next_change(no_time)
    site.rename(site.with_name("elsewhere"))
    with pytest.raises(TimeoutError):
        watch.next_change(no_time)
    site.with_name("elsewhere").rename(site)
    with pytest.raises(TimeoutError):
        watch.next_change(no_time)


def test_an_update_has_as_many_bytes_as_it_says_whatever_becomes_of_the_files(site: Path) -> None:
    change = Watch(site).next_change(no_time)
    (site / "_posts/a.md").write_text("1")
    (site / "b.md").unlink()
    header, content = told(site, change)
    assert [file[:2] for file in header["files"]] == [["_posts/a.md", 3], ["b.md", 3]]
    assert content == b"1\0\0\0\0\0"
