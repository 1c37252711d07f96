"""A healthy Mac that looks, in many ways at once, as if an upgrade of macOS had broken it."""

from __future__ import annotations

import json

import pytest

from tests.maclab.machine import Mac

from .job import bootstrap, diagnosed
from .test_what_is_there import unchanged

pytestmark = pytest.mark.debian
breakage = pytest.mark.breakage

CONFIG = "/Users/dev/.docker/config.json"
LOG = "/Users/dev/.colima/_lima/colima/ha.stderr.log"
UNUSED = "/opt/homebrew/opt/ruby@3.3"
HELPER = "docker-credential-osxkeychain"


@breakage(1, "alike")
@breakage(4, "alike")
@breakage(43, "alike")
def test_xcode_with_its_licence_agreed_to_does_for_the_command_line_tools(proved: Mac) -> None:
    assert bootstrap(proved).returncode == 0
    proved.prepare("no-tools", "xcode")
    assert diagnosed(proved) == set()
    assert unchanged(proved)


@breakage(8, "alike")
@breakage(38, "alike")
@breakage(32, "alike")
def test_what_this_mac_does_not_use_may_be_broken(proved: Mac) -> None:
    """Programs in /usr/local, and no Homebrew there; a Ruby that the site is not for."""
    assert bootstrap(proved).returncode == 0
    proved.write("/usr/local/bin/jq", "#!/bin/sh\n", user="root", mode=0o755)
    proved.write("/usr/local/Cellar/jq/1.7/README.md", "jq\n", user="root")
    proved.prepare("formulae ruby@3.3", f"openssl-gone {UNUSED}")
    assert diagnosed(proved) == set()
    assert unchanged(proved)


@breakage(10, "alike")
@breakage(11, "alike")
@breakage(13, "alike")
@breakage(14, "alike")
@breakage(15, "alike")
@breakage(16, "alike")
@breakage(22, "alike")
@breakage(23, "alike")
@breakage(24, "alike")
def test_an_engine_in_order_is_left_alone_whatever_lies_around_it(proved: Mac) -> None:
    """Words in the log of a machine that has come to run after all, a context that nobody uses, a
    credential helper that is there, and no /var/run/docker.sock."""
    assert bootstrap(proved).returncode == 0
    said = [
        "VZ driver requires macOS 13 or higher to run",
        "unsupported build target macOS version for 14.0",
        "[VZ] - vm state change: running",
    ]
    lines = "\n".join(json.dumps({"level": "info", "msg": words}) for words in said)
    proved.write(LOG, f"{proved.file(LOG).read_text()}{lines}\n")
    there = f'#!/bin/sh\nexec /maclab/bin/run {HELPER} "$@"\n'
    proved.write(f"/usr/local/bin/{HELPER}", there, user="root", mode=0o755)
    told = json.loads(proved.file(CONFIG).read_text()) | {"credsStore": "osxkeychain"}
    proved.write(CONFIG, json.dumps(told))
    old = "host=unix:///Users/dev/.old/docker.sock"
    proved.run(["/opt/homebrew/bin/docker", "context", "create", "old", "--docker", old])
    assert diagnosed(proved) == set()
    assert unchanged(proved)
    proved.run(["test", "!", "-e", "/var/run/docker.sock"])
