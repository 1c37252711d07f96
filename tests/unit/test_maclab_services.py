"""The simulated Mac's jobs, ports, network and settings, against what real ones have said."""

from __future__ import annotations

import hashlib
import os
import plistlib
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.maclab.commands import services
from tests.maclab.commands.call import Call
from tests.maclab.commands.developer_tools import CLT
from tests.maclab.commands.installer import INSTALLER
from tests.maclab.commands.network import Network
from tests.maclab.commands.preferences import Preferences, web_proxy
from tests.maclab.commands.services import Services, airplay

from .test_maclab_developer_tools import Mac

PROJECT = Path(__file__).resolve().parents[2]
LABEL = "sh.brew.colima"


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


# launchd and applications


def _agent(mac: Mac) -> str:
    path = f"/Users/dev/Library/LaunchAgents/{LABEL}.plist"
    mac.touch(path)
    program = ["/opt/homebrew/opt/colima/bin/colima", "start", "-f"]
    told = {"Label": LABEL, "ProgramArguments": program, "RunAtLoad": True}
    mac.call().path(path).write_bytes(plistlib.dumps(told))
    return path


def _noting(calls: list[Call]) -> Callable[[Call], int]:
    def note(call: Call) -> int:
        calls.append(call)
        return 0

    return note


def test_a_job_is_loaded_once_and_starts_its_program(
    mac: Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Call] = []
    monkeypatch.setitem(services.STARTERS, "colima", _noting(started))
    agent = _agent(mac)
    not_there = f'Bad request.\nCould not find service "{LABEL}" in domain for user gui: 501\n'
    assert mac.run("launchctl", "print", f"gui/501/{LABEL}") == (113, "", not_there)
    assert mac.run("launchctl", "bootstrap", "gui/501", agent)[0] == 0
    assert [call.argv for call in started] == [["start", "-f"]]
    assert mac.run("launchctl", "bootstrap", "gui/501", agent)[0] == 5
    assert mac.run("launchctl", "print", f"gui/501/{LABEL}")[0] == 0
    assert mac.run("launchctl", "bootout", f"gui/501/{LABEL}")[0] == 0
    again = mac.run("launchctl", "bootout", f"gui/501/{LABEL}")
    assert again == (3, "", "Boot-out failed: 3: No such process\n")


def test_no_job_is_loaded_while_nobody_is_at_the_screen(mac: Mac) -> None:
    mac.call().save(Services(gui_session=False))
    assert mac.run("launchctl", "bootstrap", "gui/501", _agent(mac)) == (
        5,
        "",
        "Bootstrap failed: 5: Input/output error\n"
        "Try re-running the command as root for richer errors.\n",
    )


def test_opening_an_application_starts_what_it_stands_for(
    mac: Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Call] = []
    monkeypatch.setitem(services.OPENERS, "Docker", _noting(opened))
    missing = (1, "", "Unable to find application named 'Docker'\n")
    assert mac.run("open", "-a", "Docker") == missing
    mac.touch("/Applications/Docker.app/Contents/Info.plist")
    assert mac.run("open", "-ga", "docker")[0] == 0
    assert [call.name for call in opened] == ["open"]
    assert mac.run("open", "http://127.0.0.1:4000")[0] == 0
    assert mac.call().state(Services).opened == ["Docker", "http://127.0.0.1:4000"]


# Ports


def test_airplay_holds_its_ports(mac: Mac) -> None:
    asked = ("lsof", "-nP", "-iTCP:5000", "-sTCP:LISTEN")
    assert mac.run(*asked) == (1, "", "")
    mac.call().save(Services(listeners=airplay("user")))
    assert mac.run(*asked)[1].splitlines()[1].split() == [
        *("ControlCe", "514", "user", "10u", "IPv4", "0x9701b8e195665313"),
        *("0t0", "TCP", "*:5000", "(LISTEN)"),
    ]
    assert mac.run(*asked, "-Fpc")[1] == "p514\ncControlCe\nf10\n"
    assert mac.run(*asked, "-t")[1] == "514\n"


def test_real_listeners_show_and_the_engines_belong_to_its_forwarder(mac: Mac) -> None:
    mac.call().save(Services(forwarder="com.docker"))
    table = mac.call().path("/proc/net/tcp")
    table.parent.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        table.write_text(Path("/proc/net/tcp").read_text())
        port = server.getsockname()[1]
        told = mac.run("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", uid=os.geteuid())[1]
    assert told.splitlines()[1].startswith("com.docke")
    assert f"TCP 127.0.0.1:{port} (LISTEN)" in told


# curl and digests


def test_only_the_known_addresses_can_be_fetched(mac: Mac) -> None:
    urls = {"https://github.com/a/b.sh": "/maclab/b.sh"}
    mac.call().save(Network(urls, {"ghcr.io": "refused"}))
    mac.touch("/maclab/b.sh")
    mac.call().path("/maclab/b.sh").write_text("echo b\n")
    options = ("--proto", "=https", "--tlsv1.2", "-fsSL", "--retry", "3", "--max-time", "9")
    assert mac.run("curl", *options, "https://github.com/a/b.sh") == (0, "echo b\n", "")
    assert mac.run("curl", *options, "-o", "b", "https://github.com/a/b.sh")[0] == 0
    assert mac.call().path("/b").read_text() == "echo b\n"
    for url, code, said in (
        ("https://github.com/c", 22, "(22) The requested URL returned error: 404"),
        ("https://example.org/", 6, "(6) Could not resolve host: example.org"),
        ("http://github.com/", 1, '(1) Protocol "http" not supported or disabled in libcurl'),
    ):
        assert mac.run("curl", *options, url) == (code, "", f"curl: {said}\n")
    assert mac.run("curl", "-sS", "https://ghcr.io/")[0] == 7
    assert (
        mac.run("curl", "-sw", "%{http_code}", "-o", "/dev-null", "https://github.com/c")[1]
        == "404"
    )
    unknown = (
        "curl: option --nope: is unknown\n"
        "curl: try 'curl --help' or 'curl --manual' for more information\n"
    )
    assert mac.run("curl", "--nope", "https://github.com/c") == (2, "", unknown)


def test_digests_are_real(mac: Mac) -> None:
    mac.call().path("/a").write_text("abc\n")
    digest = hashlib.sha256(b"abc\n").hexdigest()
    assert mac.run("shasum", "-a", "256", "a") == (0, f"{digest}  a\n", "")
    mac.call().path("/sums").write_text(f"{digest}  a\n{'0' * 64}  a\n")
    assert mac.run("shasum", "-a", "256", "-c", "sums") == (
        1,
        "a: OK\na: FAILED\n",
        "shasum: WARNING: 1 computed checksum did NOT match\n",
    )


# Settings and users


def test_proxies_are_told_as_they_were_captured(mac: Mac) -> None:
    assert mac.run("scutil", "--proxy")[1] == (
        "<dictionary> {\n  ExceptionsList : <array> {\n    0 : *.local\n    1 : 169.254/16\n  }\n"
        "  FTPPassive : 1\n  HTTPEnable : 0\n  HTTPSEnable : 0\n}\n"
    )
    proxy = web_proxy("proxy.corp.example", 8080, "internal.corp")
    mac.call().save(Preferences(proxy=proxy))
    assert mac.run("scutil", "--proxy")[1] == (
        "<dictionary> {\n  ExceptionsList : <array> {\n    0 : *.local\n    1 : 169.254/16\n"
        "    2 : internal.corp\n  }\n  HTTPEnable : 1\n  HTTPPort : 8080\n"
        "  HTTPProxy : proxy.corp.example\n  HTTPSEnable : 1\n  HTTPSPort : 8080\n"
        "  HTTPSProxy : proxy.corp.example\n}\n"
    )


def test_users_and_groups_are_those_of_the_machine(mac: Mac) -> None:
    mac.touch("/etc/passwd")
    mac.call().path("/etc/passwd").write_text("dev:x:501:20:Dev:/Users/dev:/bin/zsh\n")
    mac.call().path("/etc/group").write_text("staff:x:20:\nadmin:x:80:root,dev\n")
    assert mac.run("dscl", ".", "-read", "/Users/dev", "UserShell")[1] == "UserShell: /bin/zsh\n"
    assert mac.run("dscl", ".", "-read", "/Users/eve", "UserShell") == (
        56,
        "",
        "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)\n",
    )
    told = mac.run("dscl", ".", "-read", "/Groups/admin", "GroupMembership")[1]
    assert told == "GroupMembership: root dev\n"
    asked = ("dseditgroup", "-o", "checkmember", "-m")
    assert mac.run(*asked, "dev", "admin")[1] == "yes dev is a member of admin\n"
    assert mac.run(*asked, "eve", "admin")[1] == "no eve is NOT a member of admin\n"


def test_defaults_keep_what_is_written(mac: Mac) -> None:
    missing = (1, "", "The domain/default pair of (/a/b, Key) does not exist\n")
    assert mac.run("defaults", "read", "/a/b", "Key") == missing
    assert mac.run("defaults", "write", "/a/b", "Key", "-bool", "true")[0] == 0
    assert mac.run("defaults", "read", "/a/b", "Key")[1] == "1\n"
    assert mac.run("defaults", "delete", "/a/b", "Key")[0] == 0
    assert mac.run("defaults", "read", "/a/b", "Key")[0] == 1


# Homebrew's installer: its script with all its absolute paths below a directory

_SHIM = """#!{python} -I
import os, sys
from pathlib import Path
sys.path[:0] = ["{project}"]
from tests.maclab.commands.call import COMMANDS, Call
from tests.maclab.commands.main import load_all
load_all()
name = Path(sys.argv[0]).name
uid = 0 if "AS_ROOT" in os.environ else 501
words = [word.removeprefix("{root}") for word in sys.argv[1:]]
sys.exit(COMMANDS[name].function(Call(name, words, uid=uid, root=Path("{root}"))))
"""
_SUDO = """#!/bin/sh
echo "$*" >>"$SUDO_LOG"
case $1 in
  -k) ;;
  -n) [ -n "$PRIMED" ] ;;
  chown | chgrp) ;;
  *) AS_ROOT=yes exec "$@" ;;
esac
"""


def _installer(mac: Mac) -> Path:
    root = mac.root
    for folder in ("usr/bin", "maclab/bin", "etc/paths.d", "tmp"):
        (root / folder).mkdir(parents=True)
    shim = _SHIM.format(python=sys.executable, project=PROJECT, root=root)
    for name in ("uname", "sw_vers", "softwareupdate", "xcode-select", "xcrun"):
        _put(root / "usr/bin" / name, shim)
    _put(root / "usr/bin/sudo", _SUDO)
    _put(root / "usr/bin/install", '#!/bin/sh\nmkdir -p "${8}"\n')
    _put(root / "usr/bin/touch", '#!/bin/sh\ntouch "$@"\n')
    _put(root / "usr/bin/git", f"#!/bin/sh\ntest -x {root}{CLT}/usr/bin/git\n")
    brew = f"{root}/opt/homebrew/bin/brew"
    _put(root / "maclab/bin/install-homebrew", f"#!/bin/sh\ncp /bin/true {brew}\n")
    text = INSTALLER.replace("$EUID", "501").replace("/usr/sbin/", "/usr/bin/")
    for place in ("/usr/bin/", "/opt/homebrew", "/Library/Dev", "/maclab/bin", "/etc/", "/tmp/."):
        text = text.replace(place, f"{root}{place}")
    _put(root / "install.sh", text)
    return root / "install.sh"


def _put(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def _install(mac: Mac, script: Path, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": f"{mac.root}/Users/dev",
        "USER": "dev",
        "SHELL": "/bin/zsh",
        "SUDO_LOG": f"{mac.root}/sudo.log",
        "NONINTERACTIVE": "1",
        "PRIMED": "",
        **env,
    }
    return subprocess.run(
        ["/bin/bash", str(script)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _sudo_log(mac: Mac) -> list[str]:
    return mac.call().path("/sudo.log").read_text().replace(str(mac.root), "").splitlines()


def test_the_installer_installs_tools_and_homebrew_with_a_primed_sudo(mac: Mac) -> None:
    done = _install(mac, _installer(mac), PRIMED="yes")
    told = done.stdout.replace(str(mac.root), "")
    assert done.returncode == 0, done.stderr
    assert told.startswith(
        "==> Running in non-interactive mode because `$NONINTERACTIVE` is set.\n"
    )
    steps = [line for line in told.splitlines() if "softwareupdate" in line or "Tools" in line]
    assert steps[:4] == [
        "==> The Xcode Command Line Tools will be installed.",
        "==> Searching online for the Command Line Tools",
        "==> /usr/bin/sudo /usr/bin/touch "
        "/tmp/.com.apple.dt.CommandLineTools.installondemand.in-progress",
        "==> Installing Command Line Tools for Xcode 27.0-27.0",
    ]
    assert "==> Installation successful!\n" in told
    assert told.endswith(
        "==> Next steps:\n- Run these commands in your terminal to add Homebrew to your PATH:\n"
        "    echo >> /Users/dev/.zprofile\n"
        "    echo 'eval \"$(/opt/homebrew/bin/brew shellenv zsh)\"' >> /Users/dev/.zprofile\n"
        '    eval "$(/opt/homebrew/bin/brew shellenv zsh)"\n'
    )
    assert "-k" not in _sudo_log(mac)  # the ticket was there before, and stays


def test_the_installer_without_a_ticket_asks_nothing_and_fails(mac: Mac) -> None:
    done = _install(mac, _installer(mac))
    assert (done.returncode, done.stderr) == (
        1,
        "Need sudo access on macOS (e.g. the user dev needs to be an Administrator)!\n",
    )
    assert _sudo_log(mac) == ["-n -v", "-n -l mkdir", "-k"]


def test_the_installer_refuses_before_it_asks_for_sudo(mac: Mac) -> None:
    script = _installer(mac)
    _put(mac.call().path("/usr/bin/uname"), "#!/bin/sh\necho x86_64\n")
    done = _install(mac, script, PRIMED="yes")
    message = "Homebrew on macOS is only supported on Apple Silicon processors!\n"
    assert (done.returncode, done.stderr) == (1, message)
    mac.touch("/etc/homebrew/brew.no_install")
    done = _install(mac, script, PRIMED="yes")
    assert done.stderr.endswith("/etc/homebrew/brew.no_install exists!\n")
    assert not mac.call().path("/sudo.log").exists()
