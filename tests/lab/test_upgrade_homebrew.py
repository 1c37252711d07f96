"""After an upgrade of macOS, or on a new Mac: the developer tools, Homebrew, and what is near."""

from __future__ import annotations

import pytest

from tests.maclab.commands.developer_tools import DeveloperTools
from tests.maclab.machine import Mac

from .conftest import Start
from .job import bootstrap, changed, diagnosed, record
from .test_what_is_there import READY, names, unchanged

pytestmark = pytest.mark.debian

BIN = "/usr/local/bin"
OTHERS = ("container_engine", "blog")  # the engine was off, and the blog is in it
breakage = pytest.mark.breakage
case = pytest.param


def stages(mac: Mac) -> list[str]:
    return [stage for stage in changed(record(mac)) if stage not in OTHERS]


@pytest.mark.parametrize(
    ("presets", "code", "stage", "done"),
    [
        case(
            ("broken-tools",),
            "tools.broken",
            "command_line_tools",
            ("softwareupdate", "-i"),
            marks=breakage(1, "mended"),
        ),
        case(
            ("no-tools",),
            "tools.missing",
            "command_line_tools",
            ("softwareupdate", "-i"),
            marks=breakage(43, "mended"),
        ),
        case(
            ("tools 26.6",),
            "tools.outdated",
            "command_line_tools",
            ("softwareupdate", "-i"),
            marks=breakage(2, "mended"),
        ),
        case(
            ("old-homebrew 6.0.10 7.0.7 40",),
            "homebrew.too-old",
            "homebrew",
            ("brew", "update-reset"),
            marks=breakage(5, "mended"),
        ),
        case(
            ("pkgconf-of 26.1",),
            "homebrew.pkgconf-of-another-macos",
            "homebrew",
            ("brew", "reinstall pkgconf"),
            marks=breakage(6, "mended"),
        ),
        case(
            ("docker-links",),
            "homebrew.docker-links",
            "homebrew",
            ("sudo", "-n rm -f"),
            marks=breakage(25, "mended"),
        ),
        case(
            ("homebrew-of-root",),
            "homebrew.not-writable",
            "homebrew",
            ("sudo", "-n chown -R"),
            marks=breakage(40, "mended"),
        ),
    ],
)
def test_what_is_broken_is_mended_and_the_blog_is_proved(
    proved: Mac, presets: tuple[str, ...], code: str, stage: str, done: tuple[str, str]
) -> None:
    proved.prepare("offers 27.0", *presets)
    assert diagnosed(proved) == {code}
    proved.forget_commands()
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert "Proved" in run.stdout
    assert stages(proved) == [stage]
    calls = [words for words in names(proved.commands(), done[0]) if words.startswith(done[1])]
    assert len(calls) == 1
    assert proved.state(DeveloperTools).dialogs == 0
    assert unchanged(proved)


@breakage(7, "mended")
def test_an_old_homebrew_that_still_starts_is_updated_gently(proved: Mac) -> None:
    proved.prepare("old-homebrew 6.0.22 7.0.7 40")
    assert diagnosed(proved) == {"homebrew.too-old"}
    proved.forget_commands()
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    called = names(proved.commands(), "brew")
    assert "update" in called
    assert "update-reset" not in called
    assert unchanged(proved)


@breakage(7, "said")
def test_a_macos_that_the_newest_homebrew_does_not_know_is_tried_once_and_then_said(
    proved: Mac,
) -> None:
    proved.prepare("macos 28.0 28A100 28.0.0", "tools 28.0", "old-homebrew 7.0.7 7.0.7 40")
    first = bootstrap(proved, "--only", "homebrew")
    assert first.returncode == 0, first.stdout
    assert names(proved.commands(), "brew").count("update") == 1
    proved.forget_commands()
    again = bootstrap(proved, "--only", "homebrew")
    assert again.returncode == 0, again.stdout
    assert "homebrew.newest-too-old" in diagnosed(proved)
    assert not names(proved.commands(), "brew")


@breakage(3, "said")
def test_tools_that_apple_does_not_offer_fail_once_with_what_to_do(proved: Mac) -> None:
    proved.prepare("broken-tools", "offers")
    run = bootstrap(proved)
    assert run.returncode == 1
    assert "offers no Command Line Tools" in run.stdout
    assert "xcode-select --install" in run.stdout
    assert not any(w.startswith("-i") for w in names(proved.commands(), "softwareupdate"))
    assert proved.state(DeveloperTools).dialogs == 0


@breakage(4, "said")
def test_a_licence_is_left_to_its_reader(proved: Mac) -> None:
    proved.prepare("xcode-unlicensed")
    assert diagnosed(proved) == {"tools.licence"}
    run = bootstrap(proved)
    assert run.returncode == 1
    assert "✓ Proved" in run.stdout  # the engine and the blog need no compiler
    assert "sudo xcodebuild -license accept" in run.stdout
    assert not proved.state(DeveloperTools).licence_agreed
    proved.run(["/usr/bin/xcodebuild", "-license", "accept"], user="root")
    after = bootstrap(proved)
    assert after.returncode == 0, after.stdout


@breakage(25, "alike")
def test_links_that_work_and_links_to_elsewhere_stay(proved: Mac) -> None:
    proved.prepare("docker-links")
    assert bootstrap(proved, "--only", "homebrew").returncode == 0
    there = {
        name
        for name in ("docker", "docker-gone", "docker-mine")
        if proved.file(f"{BIN}/{name}").is_symlink()
    }
    assert there == {"docker-gone", "docker-mine"}


@breakage(40, "alike")
def test_directories_of_another_user_are_not_taken(proved: Mac) -> None:
    proved.prepare("homebrew-of-root 502")  # a Mac of several users
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert "belongs to" in run.stdout
    assert not any("chown" in words for words in names(proved.commands(), "sudo"))


@breakage(27, "said")
def test_an_app_that_macos_protects_is_left_and_the_clicks_are_said(start: Start) -> None:
    mac = start(*READY)
    said = "Error: Operation not permitted @ rb_sysopen - /Applications/Rectangle.app"
    mac.faults({"command": "brew", "match": "rectangle", "happens": "fail", "stderr": said})
    run = bootstrap(mac, "--only", "homebrew", "--set", "brew_casks=rectangle,visual-studio-code")
    assert run.returncode == 1
    assert "Privacy & Security > App Management" in " ".join(run.stdout.split())
    assert mac.file("/Applications/Visual Studio Code.app").is_dir(), run.stdout


@breakage(30, "mended")
def test_of_two_agents_of_the_engine_the_old_one_goes(proved: Mac) -> None:
    proved.prepare("engine-agents homebrew.mxcl.colima+ sh.brew.colima+")
    assert diagnosed(proved) == {"homebrew.agent-twice"}
    proved.forget_commands()
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    agents = proved.file("/Users/dev/Library/LaunchAgents")
    assert sorted(file.name for file in agents.iterdir()) == [
        "homebrew.mxcl.colima.plist.old",
        "sh.brew.colima.plist",
    ]
    assert not any("bootout" in words for words in names(proved.commands(), "launchctl"))
    assert unchanged(proved)


@pytest.mark.parametrize(
    ("preset", "code", "seen"),
    [
        case(
            "engine-agents sh.brew.colima",
            "homebrew.agent-not-loaded",
            "brew services restart colima",
            marks=breakage(30, "said"),
        ),
        case(
            "intel-homebrew-too",
            "homebrew.intel-too",
            "Bad CPU type",
            marks=[breakage(8, "said"), breakage(38, "said")],
        ),
        case(
            "intel-homebrew-too with-rosetta",
            "homebrew.intel-too",
            "bundle dump --file=~/intel-Brewfile",
            marks=breakage(38, "said"),
        ),
    ],
)
def test_what_is_a_persons_to_decide_is_only_said(
    proved: Mac, preset: str, code: str, seen: str
) -> None:
    proved.prepare(preset)
    assert diagnosed(proved) == {code}
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    assert seen in " ".join(run.stdout.split())
    assert stages(proved) == []
    assert unchanged(proved)
    assert proved.file("/usr/local/bin/brew").exists() == preset.startswith("intel")


@pytest.mark.parametrize(
    "presets",
    [
        case(("pkgconf-of 27.0",), marks=breakage(6, "alike")),
        case(("old-homebrew 7.0.7 7.0.7 40",), marks=[breakage(5, "alike"), breakage(7, "alike")]),
        case(("engine-agents homebrew.mxcl.colima+",), marks=breakage(30, "alike")),
        case(("tools 27.0", "offers 27.1"), marks=[breakage(2, "alike"), breakage(3, "alike")]),
    ],
    ids=["pkgconf-of-this-macos", "not-fetched-lately", "one-old-agent", "newer-tools-on-offer"],
)
def test_a_healthy_mac_that_looks_alike_is_left_alone(
    proved: Mac, presets: tuple[str, ...]
) -> None:
    proved.prepare(*presets)
    assert diagnosed(proved) == set()


@breakage(37, "mended")
def test_the_tools_come_before_homebrew_and_homebrew_before_its_packages(proved: Mac) -> None:
    proved.prepare("offers 27.0", "broken-tools", "old-homebrew 6.0.10 7.0.7 40", "pkgconf-of 26.1")
    run = bootstrap(proved)
    assert run.returncode == 0, run.stdout
    did = [f"{c.command} {' '.join(c.argv)}" for c in proved.commands()]
    steps = ("softwareupdate -i", "brew update-reset", "brew reinstall pkgconf", "colima start")
    places = [next(i for i, line in enumerate(did) if line.startswith(step)) for step in steps]
    assert places == sorted(places)
    assert unchanged(proved)
