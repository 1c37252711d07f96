"""The block between two markers in a file of the user's, and the profile that it is used for.

Real files, and the real engine on this computer.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.engine import Engine
from bootstrapper.results import OperationResult
from deploys.facts.homebrew import BrewState, Homebrew
from deploys.facts.login_shell import Login, LoginShell
from deploys.facts.mac_ruby import Ruby, RubyOnMac, RubyState
from deploys.facts.machine import ThisMachine
from deploys.facts.text_file import TextFile
from deploys.operations.shell import wanted_lines
from deploys.operations.text_block import block
from deploys.ruby_wish import Choice, Wanted
from deploys.shell import shell
from tests.support import Remembering, evaluate, local_inventory, stage
from tests.unit.test_debian_stages import LAPTOP

LINES = ['eval "$(/opt/homebrew/bin/brew shellenv zsh)"', r"export A='it'\''s \n %s'"]
BLOCK = "\n".join(["# >>> bootstrapper >>>", *LINES, "# <<< bootstrapper <<<", ""]).encode()


def have(path: Path, lines: list[str] = LINES, *, apply: bool = True) -> OperationResult:
    (result,) = evaluate(
        lambda: block(path=str(path), lines=lines, purpose="tests", name="block"), apply=apply
    )
    (operation,) = result.operations
    return operation


def made(path: Path, lines: list[str] = LINES) -> bytes:
    """What the file holds after one run; a second one must find nothing to do."""
    assert have(path, lines).status == "changed"
    assert have(path, lines).status == "unchanged"
    assert not list(path.parent.glob("*-new"))
    return path.read_bytes()


@pytest.mark.parametrize(
    "before",
    [
        b"export B=1\n",
        b"",
        b"\n\n",
        b"one\r\ntwo\r\n",
        b"caf\xe9 is Latin-1\n",
        b"\xef\xbb\xbfexport B=1\n",
        b"a NUL \0 and a tab\t\n",
        b"x" * 200_000 + b"\n",
    ],
    ids=["text", "empty", "blank", "crlf", "latin-1", "bom", "nul", "long"],
)
def test_what_was_in_the_file_stays_byte_for_byte(tmp_path: Path, before: bytes) -> None:
    profile = tmp_path / "a profile's"
    profile.write_bytes(before)
    assert made(profile) == before + BLOCK


def test_a_last_line_without_an_end_is_not_joined_with_ours(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(b"export B=1")
    assert made(profile) == b"export B=1\n" + BLOCK


def test_a_block_is_renewed_where_it_stands(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    edited = BLOCK.replace(b"zsh", b"fish")
    profile.write_bytes(b"before\r\n" + edited + b"after, without an end")
    assert made(profile) == b"before\r\n" + BLOCK + b"after, without an end"


def test_a_block_that_an_editor_gave_carriage_returns_is_renewed(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(b"before\r\n" + BLOCK.replace(b"\n", b"\r\n") + b"after\r\n")
    assert made(profile) == b"before\r\n" + BLOCK + b"after\r\n"


def test_a_block_at_the_very_end_of_a_file_without_an_end_is_renewed(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(BLOCK.replace(b"zsh", b"sh").rstrip(b"\n"))
    assert made(profile) == BLOCK


def test_a_block_that_is_no_longer_needed_goes_without_a_trace(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(b"before\n" + BLOCK + b"after\n")
    assert made(profile, []) == b"before\nafter\n"
    profile.write_bytes(BLOCK)
    assert made(profile, []) == b""


def test_a_missing_file_is_made_for_others_to_read(tmp_path: Path) -> None:
    profile = tmp_path / "new" / "directory" / "profile"
    old = os.umask(0o077)
    try:
        assert made(profile) == BLOCK
    finally:
        os.umask(old)
    assert stat.S_IMODE(profile.stat().st_mode) == 0o644


def test_nothing_to_say_makes_no_file(tmp_path: Path) -> None:
    assert have(tmp_path / "profile", []).status == "unchanged"
    assert not list(tmp_path.iterdir())


def test_links_are_written_through(tmp_path: Path) -> None:
    """~/.zprofile -> dotfiles/zprofile -> ../elsewhere/real, through a linked directory."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "dot files").mkdir()
    (tmp_path / "short").symlink_to("dot files")
    real = tmp_path / "elsewhere" / "real"
    real.write_bytes(b"mine\n")
    real.chmod(0o600)
    (tmp_path / "dot files" / "zprofile").symlink_to("../elsewhere/real")
    profile = tmp_path / ".zprofile"
    profile.symlink_to("short/zprofile")
    assert made(profile) == b"mine\n" + BLOCK
    assert profile.is_symlink()
    assert (tmp_path / "dot files" / "zprofile").is_symlink()
    assert not real.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_a_link_to_a_file_that_is_not_there_yet_makes_that_file(tmp_path: Path) -> None:
    profile = tmp_path / ".zprofile"
    profile.symlink_to("real")
    assert made(profile) == BLOCK
    assert profile.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to someone else")
def test_mode_and_owner_are_kept(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(b"mine\n")
    os.chown(profile, 1234, 4321)
    profile.chmod(0o640)
    made(profile)
    after = profile.stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (1234, 4321, 0o640)


def test_the_other_name_of_a_hard_link_sees_the_change(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.write_bytes(b"mine\n")
    profile = tmp_path / "profile"
    profile.hardlink_to(repository)
    assert made(profile) == repository.read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BLOCK + b"mine\n" + BLOCK, ["lines 1, 6", "lines 4, 9"]),
        (b"mine\n# >>> bootstrapper >>>\nmine, too\n", ["line 2", "missing"]),
        (b"mine\n# <<< bootstrapper <<<\n", ["missing", "line 2"]),
        (b"# <<< bootstrapper <<<\n# >>> bootstrapper >>>\n", ["line 2", "line 1"]),
    ],
    ids=["two", "no end", "no beginning", "backwards"],
)
def test_broken_markers_are_a_refusal_with_line_numbers(
    tmp_path: Path, content: bytes, said: list[str]
) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(content)
    refused = have(profile)
    assert refused.status == "refused"
    assert all(words in refused.findings[0].seen for words in said)
    assert profile.read_bytes() == content


def test_another_tools_markers_are_no_markers(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    conda = b"# >>> bootstrapper2 >>>\nx\n# <<< bootstrapper2 <<<\n# >>> conda initialize >>>\n"
    profile.write_bytes(conda)
    assert made(profile) == conda + BLOCK


def test_what_is_no_file_of_the_users_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "nowhere").symlink_to("/nonexistent/dotfiles/zprofile")
    (tmp_path / "void").symlink_to("/dev/null")
    (tmp_path / "loop").symlink_to("loop")
    for name, said in {
        "directory": "no regular file",
        "void": "leads to /dev/null) is no regular file",
        "nowhere": "is a link into a directory that does not exist",
        "loop": "no regular file",
    }.items():
        refused = have(tmp_path / name)
        assert refused.status == "refused"
        assert said in refused.findings[0].seen


def test_a_plan_shows_the_block_and_nothing_else_of_the_file(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(b"export TOKEN=very-secret\n")
    planned = have(profile, apply=False)
    assert planned.status == "planned"
    assert "brew shellenv zsh" in planned.commands[0]
    assert "very-secret" not in str(planned)
    assert profile.read_bytes() == b"export TOKEN=very-secret\n"


def test_a_file_that_changes_after_it_was_read_is_left_alone(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(b"mine\n")
    command = have(profile, apply=False).commands[0]
    profile.write_bytes(b"mine, and more\n")
    failed = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "has changed in the meantime" in failed.stderr
    assert profile.read_bytes() == b"mine, and more\n"
    assert [path.name for path in tmp_path.iterdir()] == ["profile"]


@pytest.mark.parametrize("program", ["cp", "head", "cat", "mv"])
@pytest.mark.parametrize("signal", ["INT", "TERM", "KILL"])
def test_whenever_it_is_stopped_the_file_is_whole(
    tmp_path: Path, program: str, signal: str
) -> None:
    """One of the programs it uses stops the whole script, as Ctrl-C or a power cut would."""
    home = tmp_path / "home"
    home.mkdir()
    profile = home / "profile"
    profile.write_bytes(b"mine\n")
    command = have(profile, apply=False).commands[0]
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / program).write_text(f"#!/bin/sh\nkill -{signal} $PPID\nexit 1\n")
    (programs / program).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", command], env=environment, capture_output=True, check=False)
    assert profile.read_bytes() in (b"mine\n", b"mine\n" + BLOCK)
    if signal != "KILL":
        assert [path.name for path in home.iterdir()] == ["profile"]
    profile.write_bytes(b"mine\n")
    assert made(profile) == b"mine\n" + BLOCK


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "busybox sh"])
def test_the_commands_are_plain_sh(tmp_path: Path, shell: str) -> None:
    profile = tmp_path / "profile"
    profile.write_bytes(b"mine")
    for file, after in ((profile, b"mine\n" + BLOCK), (tmp_path / "new", BLOCK)):
        command = have(file, apply=False).commands[0]
        subprocess.run([*shell.split(), "-c", command], check=True)
        assert file.read_bytes() == after


def test_a_write_protected_file_is_left_to_whoever_protects_it() -> None:
    protected = ["file\t/nix/store/zprofile", "kind\tfile", "sum\t1 5", "bWluZQo="]
    text = TextFile().process(protected)
    refused = planned(
        lambda: block(path="/home/ada/.zprofile", lines=LINES, purpose="x", name="block"),
        {TextFile: text},
    )
    assert refused.status == "refused"
    assert "it leads to /nix/store/zprofile) is write-protected" in refused.findings[0].seen


def planned(
    function: Callable[[], object], answers: dict[type, Any], *, apply: bool = False
) -> OperationResult:
    """The first operation that a function declares, on this computer but for the facts given."""
    inventory = local_inventory()
    with Engine(inventory, Remembering()) as engine:
        (host,) = inventory
        real = host.get_fact

        def get_fact(fact: type[Any], *args: Any, **options: Any) -> Any:
            return answers[fact] if fact in answers else real(fact, *args, **options)

        setattr(host, "get_fact", get_fact)  # noqa: B010
        (result,) = engine.evaluate([stage(function)], apply=apply)
    assert result.failure is None
    return result.operations[0]


KEG = Ruby("homebrew", "/opt/homebrew/opt/ruby@3.4", "3.4.10", "3.4.10_1", "3.4.0")
FROM_HOMEBREW = Choice(Wanted("3.4"), "homebrew", "3.4.10", KEG.directory, ruby=KEG)
FROM_RBENV = Choice(Wanted("3.4"), "rbenv", "3.4.10", "/Users/ada/.rbenv/versions/3.4.10")
SHELLENV = 'eval "$(/opt/homebrew/bin/brew shellenv zsh)"'


def lines(own: list[str], ruby: Choice = FROM_HOMEBREW, shell: str = "zsh") -> list[str]:
    return wanted_lines(shell, "/opt/homebrew", ruby, own)[1:]


def test_the_profile_sets_homebrew_and_the_ruby_that_homebrew_does_not_link() -> None:
    assert lines([]) == [
        SHELLENV,
        'export PATH="/opt/homebrew/opt/ruby@3.4/bin:/opt/homebrew/lib/ruby/gems/3.4.0/bin:$PATH"',
    ]
    assert lines([], FROM_RBENV) == [SHELLENV]
    assert lines([], FROM_RBENV, "bash") == [SHELLENV.replace("zsh", "bash")]


@pytest.mark.parametrize(
    "own",
    [
        SHELLENV,
        'eval "$(/opt/homebrew/bin/brew shellenv)"',
        "  eval $(brew shellenv)",
        '[ -x /opt/homebrew/bin/brew ] && eval "$(/opt/homebrew/bin/brew shellenv)"',
        'eval "$("$HOMEBREW_PREFIX/bin/brew" shellenv)"',
        "source <(/opt/homebrew/bin/brew shellenv)",
    ],
)
def test_a_shellenv_of_the_users_own_is_not_doubled(own: str) -> None:
    assert lines([own], FROM_RBENV) == []
    assert len(lines([own])) == 1


@pytest.mark.parametrize(
    "own",
    [
        f"# {SHELLENV}",
        'eval "$(/usr/local/bin/brew shellenv)"',
        "# brew shellenv is below",
        "alias b=brew",
    ],
)
def test_what_only_looks_like_it_does_not_count(own: str) -> None:
    assert lines([own], FROM_RBENV) == [SHELLENV]


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_block_is_valid_shell(tmp_path: Path, shell: str) -> None:
    profile = tmp_path / "profile"
    have(profile, wanted_lines("zsh", "/opt/homebrew", FROM_HOMEBREW, []))
    subprocess.run([shell, "-n", str(profile)], check=True)


def mac(login: Login) -> dict[type, Any]:
    return {
        ThisMachine: replace(LAPTOP, kernel="Darwin"),
        Homebrew: BrewState("/opt/homebrew"),
        RubyOnMac: RubyState("/Users/ada", "arm64", 25, (KEG,), (), (), None, {}),
        LoginShell: login,
    }


def test_the_stage_writes_the_profile_once(tmp_path: Path) -> None:
    profile = tmp_path / ".zprofile"
    answers = mac(Login("zsh", str(profile), knows_homebrew=False))
    assert planned(shell, answers, apply=True).status == "changed"
    written = profile.read_bytes()
    assert written.count(SHELLENV.encode()) == 1
    again = planned(shell, answers, apply=True)
    assert (again.status, again.findings) == ("unchanged", ())
    assert profile.read_bytes() == written


def test_a_profile_that_says_all_of_it_already_gets_no_block(tmp_path: Path) -> None:
    profile = tmp_path / ".zprofile"
    profile.write_text("\n".join(lines([])) + "\n")
    answers = mac(Login("zsh", str(profile), knows_homebrew=False))
    assert planned(shell, answers).status == "unchanged"


def test_a_broken_profile_does_not_keep_the_blog_from_being_served(tmp_path: Path) -> None:
    profile = tmp_path / ".zprofile"
    profile.write_bytes(BLOCK + BLOCK)
    refused = planned(shell, mac(Login("zsh", str(profile), knows_homebrew=False)))
    assert (refused.status, refused.ends_run) == ("refused", False)


def test_users_of_fish_are_told_the_line_to_add() -> None:
    told = planned(shell, mac(Login("fish", "", knows_homebrew=False)))
    assert (told.status, told.findings[0].severity) == ("unchanged", "notice")
    assert "/opt/homebrew/bin/brew shellenv fish | source" in told.findings[0].mend
    assert planned(shell, mac(Login("fish", "", knows_homebrew=True))).findings == ()


@pytest.mark.parametrize(
    ("linked", "files", "found"),
    [
        ("zshrc bashrc", {"zshrc": "", "bashrc": ""}, ["bashrc", "zshrc"]),
        ("zshrc bashrc", {"zshrc": ""}, ["zshrc"]),
        ("zshrc", {"zshrc": "if test -e /etc/static/zshrc; then . /etc/static/zshrc; fi\n"}, []),
        ("zshrc", {}, []),
        ("", {"zshrc": "", "bashrc": ""}, []),
    ],
    ids=["two", "one", "reads-the-other", "links", "no-nix-darwin"],
)
def test_files_that_an_upgrade_has_put_in_place_of_nix_darwins_links_are_told(
    tmp_path: Path, linked: str, files: dict[str, str], found: list[str]
) -> None:
    etc = tmp_path / "etc"
    (etc / "static").mkdir(parents=True)
    for name in linked.split():
        (etc / "static" / name).touch()
        (etc / name).symlink_to(etc / "static" / name)
    for name, content in files.items():
        (etc / name).unlink(missing_ok=True)
        (etc / name).write_text(content.replace("/etc", str(etc)))
    script = LoginShell().command().replace("/etc", str(etc))
    output = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    told = LoginShell().process(output.stdout.splitlines())
    assert told.put_back == tuple(f"{etc}/{name}" for name in found)


def profile_of(home: Path, **environment: str) -> str:
    """Where the fact says that PATH is set, with a home directory and a dscl of the test's."""
    output = subprocess.run(
        ["sh", "-c", LoginShell().command()],
        env={"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return LoginShell().process(output).profile.replace(str(home), "~")


def test_zsh_is_told_in_zprofile_wherever_the_user_keeps_it(tmp_path: Path) -> None:
    assert profile_of(tmp_path, SHELL="/bin/zsh") == "~/.zprofile"
    zdotdir = str(tmp_path / ".config/zsh")
    assert profile_of(tmp_path, SHELL="/bin/zsh", ZDOTDIR=zdotdir) == "~/.config/zsh/.zprofile"


def test_bash_is_told_in_the_file_that_it_reads(tmp_path: Path) -> None:
    """A new .bash_profile would hide a .profile that is there."""
    assert profile_of(tmp_path, SHELL="/bin/bash") == "~/.bash_profile"
    (tmp_path / ".profile").touch()
    assert profile_of(tmp_path, SHELL="/opt/homebrew/bin/bash") == "~/.profile"
    (tmp_path / ".bash_profile").touch()
    assert profile_of(tmp_path, SHELL="/bin/bash") == "~/.bash_profile"


def test_the_accounts_shell_counts_before_the_sessions(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dscl").write_text("#!/bin/sh\necho 'UserShell: /opt/homebrew/bin/fish'\n")
    (tmp_path / "bin" / "dscl").chmod(0o755)
    assert profile_of(tmp_path, SHELL="/bin/zsh") == ""
