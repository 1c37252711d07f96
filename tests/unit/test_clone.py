"""The clone of a blog's repository, made and brought up to date by a real git."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploys.build import clone_of
from deploys.operations.site import cloned
from deploys.settings import Settings
from tests.support import evaluate

Git = Callable[..., str]

# Fails at one of git's commands, as if the machine had gone down in it.
_FAILING = """#!/bin/sh
for word; do
  case $word in {command}) exec kill -9 $$ ;; esac
done
exec {git} "$@"
"""


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """git(1), for a user of the test's own, who may clone from a directory."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    configured = {
        **{"protocol.file.allow": "always", "init.defaultBranch": "main"},
        **{"user.name": "Ada", "user.email": "ada@example.org"},
    }
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(configured)))
    for number, (key, value) in enumerate(configured.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)

    def run(*words: str, cwd: Path) -> str:
        done = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def origin(tmp_path: Path, git: Git) -> Path:
    """A repository with another in it."""
    for name in ("theme", "blog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(f"{name} one\n")
        git("init", "--quiet", cwd=tmp_path / name)
    _commit(git, tmp_path / "theme")
    blog = tmp_path / "blog"
    git("submodule", "--quiet", "add", f"file://{tmp_path}/theme", "theme", cwd=blog)
    _commit(git, blog)
    return blog


def _commit(git: Git, repository: Path) -> None:
    git("add", "--all", cwd=repository)
    git("commit", "--quiet", "--message", "more", cwd=repository)


def _moves_on(git: Git, blog: Path) -> None:
    theme = blog.parent / "theme"
    for repository in (theme, blog):
        (repository / "index.html").write_text(f"{repository.name} two\n")
    (blog / "new.html").write_text("new\n")
    _commit(git, theme)
    git("pull", "--quiet", cwd=blog / "theme")
    _commit(git, blog)


def _cloned(blog: Path) -> tuple[bool, Path]:
    settings = Settings(blog=f"file://{blog}")
    (result,) = evaluate(lambda: cloned(name="clone", settings=settings), apply=True)
    return result.ok, Path(clone_of(settings.blog)).expanduser()


def _contents(place: Path) -> dict[str, str]:
    names = ("index.html", "new.html", "theme/index.html")
    return {name: (place / name).read_text() for name in names if (place / name).exists()}


AFTER = {"index.html": "blog two\n", "new.html": "new\n", "theme/index.html": "theme two\n"}


def test_a_clone_follows_its_origin_with_its_submodules(git: Git, origin: Path) -> None:
    ok, place = _cloned(origin)
    assert ok
    assert _contents(place) == {"index.html": "blog one\n", "theme/index.html": "theme one\n"}
    (place / "index.html").write_text("changed by somebody")
    (place / "new.html").write_text("in the way")
    _moves_on(git, origin)
    assert _cloned(origin)[0]
    assert _contents(place) == AFTER
    assert git("status", "--porcelain", cwd=place) == ""
    assert git("rev-parse", "HEAD", cwd=place) == git("rev-parse", "HEAD", cwd=origin)


@pytest.mark.parametrize("command", ["fetch", "read-tree", "submodule", "update-ref", "clone"])
def test_what_was_cut_off_is_done_again(
    git: Git, origin: Path, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command != "clone":
        assert _cloned(origin)[0]
        _moves_on(git, origin)
    failing = tmp_path / "bin" / "git"
    failing.parent.mkdir()
    failing.write_text(_FAILING.format(command=command, git=shutil.which("git")))
    failing.chmod(0o755)
    with monkeypatch.context() as broken:
        broken.setenv("PATH", f"{failing.parent}:{os.environ['PATH']}")
        assert not _cloned(origin)[0]
    if command == "clone":
        _moves_on(git, origin)
    ok, place = _cloned(origin)
    assert ok
    assert _contents(place) == AFTER
