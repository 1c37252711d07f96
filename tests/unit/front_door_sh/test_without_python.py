"""`bootstrap.sh` on a machine that has no usable Python: it brings one, or says what to do."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from tests.unit.front_door_sh.conftest import SCRIPT, Index, Machine, ran, trust_tls, wgetrc


def test_python_that_works_is_used_and_nothing_is_fetched(machine: Machine) -> None:
    machine.has_python("python3")
    assert ran(machine.run("plan", "a b"), machine, "plan", "a b")
    assert machine.index.asked == []


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "busybox"])
def test_machine_without_python_gets_one_through_uv(served: Machine, shell: str) -> None:
    served.has(*{shell} - {"sh"})
    command = ["busybox", "sh"] if shell == "busybox" else [shell]
    result = served.run_as([*command, str(served.checkout / "bootstrap.sh"), "plan", "a b"])
    assert ran(result, served, "plan", "a b")
    assert result.stderr == "Fetching uv 0.12.5 ...\n"


def test_second_run_fetches_nothing(served: Machine) -> None:
    served.run()
    served.index.asked.clear()
    result = served.run()
    assert ran(result, served)
    assert result.stderr == ""
    assert served.index.asked == []


def test_uv_cut_short_by_a_power_failure_is_fetched_again(served: Machine) -> None:
    served.run()
    [uv] = served.home.glob(".cache/bootstrapper/uv-*/uv")
    uv.write_bytes(uv.read_bytes()[:100])
    assert ran(served.run(), served)


def test_script_works_through_a_symbolic_link(served: Machine) -> None:
    served.has_python("python3")
    (served.work / "link").symlink_to("../my checkout/bootstrap.sh")
    assert ran(served.run_as(["sh", "link", "plan"]), served, "plan")


@pytest.mark.parametrize("tool", ["shasum", "openssl"])
def test_checksum_is_made_with_what_is_there(served: Machine, tool: str) -> None:
    served.lacks("sha256sum")
    served.has(tool, *(["perl"] if tool == "shasum" else []))
    assert ran(served.run(), served)


def test_wget_does_where_there_is_no_curl(served: Machine) -> None:
    served.lacks("curl")
    served.has("wget")
    assert ran(served.run(), served)


def test_archive_that_was_not_released_is_not_used(served: Machine) -> None:
    (served.checkout / "bootstrap.sh").write_text(SCRIPT)  # expects the real release
    result = served.run()
    assert result.returncode == 1
    assert "is not the archive that was released: its SHA-256 is" in result.stderr
    assert list(served.home.glob(".cache/bootstrapper/**/uv")) == []


@pytest.mark.parametrize("client", ["curl", "wget"])
@pytest.mark.parametrize("fault", ["missing", "cut short"])
def test_archive_that_does_not_come_is_one_line(served: Machine, fault: str, client: str) -> None:
    served.lacks("curl")
    served.has(client)
    if fault == "missing":
        served.index.archives.clear()
    served.index.cut_short = True
    result = served.run()
    assert result.returncode == 1
    assert "bootstrap.sh: could not fetch" in result.stderr
    assert list(served.home.glob(".cache/bootstrapper/*")) == []


@pytest.mark.parametrize("client", ["curl", "wget"])
def test_redirect_to_plain_http_is_not_followed(
    served: Machine, tmp_path: Path, client: str
) -> None:
    served.lacks("curl")
    served.has(client)
    with Index() as secure:
        certificate = trust_tls(secure, tmp_path)
        served.variables = {"CURL_CA_BUNDLE": certificate, "WGETRC": wgetrc(tmp_path, certificate)}
        threading.Thread(target=secure.serve_forever, daemon=True).start()
        secure.archives = served.index.archives
        served.variables["BOOTSTRAP_UV_URL"] = secure.url
        secure.redirect_to = served.index.url
        result = served.run()
        assert result.returncode == 1
        assert f"was redirected to {served.index.url}/" in result.stderr
        assert "which was not followed" in result.stderr
        assert secure.asked
        assert served.index.asked == []

        secure.redirect_to = ""  # the same server does when it does not redirect
        assert ran(served.run(), served)
        secure.shutdown()


@pytest.mark.parametrize("client", ["curl", "wget"])
def test_redirect_to_another_host_is_not_followed(served: Machine, client: str) -> None:
    served.lacks("curl")
    served.has(client)
    with Index() as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        other.archives = served.index.archives
        served.index.redirect_to = other.url
        result = served.run()
        assert result.returncode == 1
        assert f"was redirected to {other.url}/" in result.stderr
        assert "name it in BOOTSTRAP_UV_URL" in result.stderr
        assert other.asked == []
        other.shutdown()


@pytest.mark.parametrize("client", ["curl", "wget"])
@pytest.mark.parametrize("place", ["whole", "path"])
def test_redirect_within_the_host_is_followed(served: Machine, client: str, place: str) -> None:
    served.lacks("curl")
    served.has(client)
    served.index.redirect_to = f"{served.index.url if place == 'whole' else ''}/moved"
    assert ran(served.run(), served)


@pytest.mark.parametrize(
    ("target", "followed"),
    [
        ("https://release-assets.githubusercontent.com/x", True),
        ("https://github.com/elsewhere/x", True),
        ("https://githubusercontent.com.example/x", False),
        ("https://example.com/x.githubusercontent.com", False),
        ("https://release-assets.githubusercontent.com@example.com/x", False),
        ("http://release-assets.githubusercontent.com/x", False),
    ],
)
def test_github_may_send_to_hosts_of_its_own_only(
    served: Machine, target: str, followed: bool
) -> None:
    """A curl that says what GitHub's releases say: the file is on another host."""
    (archive,) = served.index.archives.values()
    (served.home / "archive").write_bytes(archive)
    served.command(
        "curl",
        '#!/bin/sh\nfor url; do :; done\nwhile [ "$1" != --output ]; do shift; done\n'
        f"case $url in {target}) cat '{served.home}/archive' >\"$2\" ;;\n"
        f"https://github.com/*) printf %s '{target}' ;; esac\n",
    )
    served.variables["BOOTSTRAP_UV_URL"] = ""
    result = served.run()
    assert ran(result, served) if followed else f"was redirected to {target}, " in result.stderr


@pytest.mark.parametrize("url", ["http://mirror.example", "http://127.0.0.1.example", "ftp://x"])
def test_other_than_https_is_refused(machine: Machine, url: str) -> None:
    machine.variables["BOOTSTRAP_UV_URL"] = url
    result = machine.run()
    assert result.returncode == 1
    assert "BOOTSTRAP_UV_URL must begin with https://" in result.stderr


@pytest.mark.parametrize("end", ["127", "1"])
def test_python_that_does_not_work_is_passed_over(served: Machine, end: str) -> None:
    served.command("python3", f"#!/bin/sh\nexit {end}\n")
    result = served.run()
    assert ran(result, served)
    assert "Fetching uv" in result.stderr


def test_no_python_to_be_had_is_said_with_what_to_do(served: Machine) -> None:
    served.lacks(f"python3.{sys.version_info[1]}")
    result = served.run()
    assert result.returncode == 1
    assert "found no Python that is >=3.10,<3.15, and uv could not fetch 3.13" in result.stderr
    assert "refused" in result.stderr


def test_home_that_cannot_be_written_to_is_one_line(machine: Machine) -> None:
    machine.variables["HOME"] = "/dev/null/home"
    result = machine.run()
    assert result.returncode == 1
    assert "cannot write to /dev/null/home/.cache/bootstrapper" in result.stderr


def test_no_home_is_one_line(machine: Machine) -> None:
    machine.variables["HOME"] = ""
    result = machine.run()
    assert result.returncode == 1
    assert result.stderr == "bootstrap.sh: HOME is not set; set it to your home directory.\n"


def test_script_away_from_its_checkout_says_so(machine: Machine) -> None:
    (machine.checkout / "bootstrap.py").unlink()
    result = machine.run()
    assert result.returncode == 1
    assert "run it from a checkout" in result.stderr
