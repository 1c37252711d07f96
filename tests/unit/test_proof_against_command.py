"""`verify --against`: its exit codes, its words, its JSON."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootstrapper import cli, verdicts
from bootstrapper.proof import prove
from bootstrapper.proving import Verdict
from tests.webserver import OldSite, Reply, WebServer, page, sitemap, written_site

Verify = Callable[..., tuple[int, str, str]]

NEW = {"index.html": b"home", "post.html": b"post", "404.html": b"not here"}
OLD = {"/": page("home"), "/post": page("post")}


@pytest.fixture
def verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Verify]:
    """Exit code and output of `verify` on a machine whose blog is served, and proved for real."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    site = written_site(tmp_path / "root", "", NEW)
    with WebServer(tmp_path / "scratch", tmp_path / "root") as server:

        def proved(*_: object, **__: object) -> Verdict:
            return Verdict(prove(site, server.url), None, site.build_id, site)

        monkeypatch.setattr(verdicts, "prove_blog", proved)

        def run(*arguments: str) -> tuple[int, str, str]:
            monkeypatch.setattr("sys.argv", ["bootstrap.py", "verify", *arguments])
            with pytest.raises(SystemExit) as end:
                cli.main()
            told = capsys.readouterr()
            assert isinstance(end.value.code, int)
            return end.value.code, told.out, told.err

        yield run


def old_site(**more: Reply) -> OldSite:
    pages = {**OLD, **{f"/{name}": reply for name, reply in more.items()}}
    return OldSite({"/sitemap.xml": sitemap(*pages), **pages})


def test_nothing_lost_is_0_and_other_differences_are_counted(verify: Verify) -> None:
    with old_site(post=page("<title>Post</title>post")) as old:
        code, out, err = verify("--against", old.url)
    assert (code, err) == (0, "")
    assert "Proved: 3 files" in out
    assert f"Nothing would be lost: 2 pages of {old.url} compared, another title: 1." in out
    assert '/post: another title: "Post" → ""' in out


def test_a_page_that_would_be_lost_is_2(verify: Verify) -> None:
    with old_site(gone=page("x")) as old:
        code, out, _ = verify("--against", old.url)
    assert code == 2
    assert "✗ 1 page would be lost: 3 pages of" in out
    assert "/gone: would be lost: status 200 → status 404" in out


def test_an_old_site_that_cannot_be_compared_is_1(verify: Verify) -> None:
    with OldSite({}) as old:
        code, out, _ = verify("--against", old.url)
    assert code == 1
    assert "has no sitemap that can be read" in out


def test_the_json_has_the_comparison_beside_the_proof(verify: Verify) -> None:
    with old_site(gone=page("x")) as old:
        code, out, _ = verify("--against", old.url, "--json")
    proof = json.loads(out)["proofs"]["@local"]
    assert (code, proof["ok"]) == (2, False)
    assert proof["summary"].startswith("Proved: ")
    assert proof["against"]["version"] == 1
    assert [one["path"] for one in proof["against"]["differences"]] == ["/gone"]


def test_without_an_old_site_there_is_no_comparison(verify: Verify) -> None:
    code, out, _ = verify("--json")
    assert code == 0
    assert json.loads(out)["proofs"]["@local"]["against"] is None


def test_a_limit_pages_the_run_and_the_next_one_goes_on(verify: Verify) -> None:
    with old_site() as old:
        code, out, _ = verify("--against", old.url, "--limit", "1")
        assert code == 1
        assert "1 page of" in out
        assert "1 to go (run it again to go on)" in out
        code, out, _ = verify("--against", old.url, "--limit", "1")
    assert code == 0
    assert "2 pages of" in out


def test_ctrl_c_while_the_old_site_is_silent_ends_it_at_once(verify: Verify) -> None:
    with old_site() as old:
        old.hang = {"/post"}
        # From another process, as a terminal's would come.
        killer = subprocess.Popen(["sh", "-c", f"sleep 1; kill -INT {os.getpid()}"])
        started = time.monotonic()
        code, _, err = verify("--against", old.url)
        assert (code, killer.wait()) == (130, 0)
        assert time.monotonic() - started < 10  # the old site has 20 s to answer
        assert err.endswith("Stopped. Run it again to go on.\n")
        old.hang = set()
        code, out, _ = verify("--against", old.url)
    assert code == 0
    assert "2 pages of" in out
    assert old.times("/post") == 2


@pytest.mark.parametrize(
    "arguments",
    [("old.example.com",), ("file:///etc",), ("https://old.example.com", "--limit", "0")],
)
def test_wrong_input_is_one_line_and_nothing_is_asked(
    verify: Verify, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    code, out, err = verify("--against", *arguments)
    assert (code, out) == (1, "")
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("bootstrap.py: ")
    assert not (tmp_path / "state").exists()
