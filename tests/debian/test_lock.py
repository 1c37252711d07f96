"""A lock on Debian: where base images are made from packages there is no digest, and it says so."""

from __future__ import annotations

import json

import pytest

from .job import BLOG, HOME, URL, bootstrap, changed, record, run
from .machine import DebianMachine

pytestmark = pytest.mark.debian

LOCK = f"{HOME}/inventories/bootstrap.lock"


def test_what_is_here_is_locked_as_what_it_is_and_held_to(proved: DebianMachine) -> None:
    assert "[debian-bookworm] jekyll 4.3.1 is new" in run(proved, "update")
    content = json.loads(proved.read(LOCK))
    (kind,) = content["machines"]
    parts = content["machines"][kind]
    assert set(parts) == {"base_images", "gems"}
    assert set(parts["base_images"].values()) == {"local"}
    run(proved, "--locked")
    assert changed(record(proved)) == []
    assert "Nothing to renew" in run(proved, "update")


def test_gems_of_another_version_are_said_or_refused(proved: DebianMachine) -> None:
    run(proved, "update")
    content = json.loads(proved.read(LOCK))
    (parts,) = content["machines"].values()
    parts["gems"]["jekyll"] = "4.3.4"
    proved.write(LOCK, json.dumps(content), user="dev")
    seen = "jekyll 4.3.4 is locked, 4.3.1 is here"
    assert seen in run(proved)
    refused = bootstrap(proved, "--locked")
    assert refused.returncode == 1
    assert seen in refused.stderr
    assert "Gemfile.lock" in refused.stderr
    served = proved.get(f"{URL}/").headers["X-Build-Id"]
    proved.run(["sh", "-c", f"echo more >>{BLOG}/index.html"], user="dev")
    for _ in ("as it is built", "now that it is there"):
        refused = bootstrap(proved, "--locked")
        assert (refused.returncode, seen in refused.stderr) == (1, True)
        assert proved.get(f"{URL}/").headers["X-Build-Id"] == served
