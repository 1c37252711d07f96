"""Bad input, as a table: what is wrong, and the one line that is said; nothing is touched."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrapper.cli import main

HOSTS = ("plan", "--inventory", "{here}/hosts.py")
STATE = "state/bootstrapper"


@dataclass(frozen=True)
class Wrong:
    """`files` are there before, below a directory that `{here}` stands for; None is a folder."""

    what: str
    arguments: tuple[str, ...]
    line: str
    files: Mapping[str, str | None] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def option(what: str, *arguments: str, line: str) -> Wrong:
    return Wrong(what, arguments, line)


def setting(what: str, text: str, line: str) -> Wrong:
    return Wrong(f"setting: {what}", ("plan", "--set", text), line)


def inventory(what: str, text: str, line: str) -> Wrong:
    return Wrong(f"inventory: {what}", HOSTS, line, {"hosts.py": text})


def group_data(what: str, text: str, line: str) -> Wrong:
    files = {"hosts.py": "machines = ['@local']", "group_data/all.py": text}
    return Wrong(f"group data: {what}", HOSTS, line, files)


TABLE = [
    option("unknown option", "--nonsense", line="No such option '--nonsense'. (see bootstrap.py"),
    option("unknown command", "plans", line="No such command 'plans'."),
    option("bytes that are no text", "\udcff", line="No such command '\\udcff'"),
    option("no stage", "plan", "--only", "all", line="Invalid value for '--only': 'all' is not"),
    option("no value", "plan", "--set", line="Option '--set' requires an argument."),
    option("undo by stage", "undo", "--only", "blog", line="--only does not go with undo"),
    option("port of another kind", "preview", "--port", "0", line="Invalid value for '--port': 0"),
    option("preview in JSON", "preview", "--json", line="preview has no --json"),
    option("no such machine", "plan", "--limit", "x", line="--limit x: matches none of @local."),
    option("no page", "verify", "--against", "https://x", "--limit", "0", line="Invalid value for"),
    option("no address", "verify", "--against", "x", line="--against: 'x' is no address of a site"),
    option("half an address", "verify", "--against", "https://[::1", line="--against: 'https://["),
    option(
        "no inventory", "plan", "--inventory", "/x/y.py", line="--inventory /x/y.py: no such fi"
    ),
    option("inventory, a folder", "plan", "--inventory", "/", line="--inventory /: no such file"),
    option("inventory, too long", "plan", "--inventory", "x" * 5000, line="--inventory xxx"),
    option("no blog", "plan", "--blog", "/x/y", line="--blog /x/y: no such directory; give"),
    option(
        "nobody's blog", "plan", "--blog", "~nobody-at-all/x", line="--blog ~nobody-at-all/x: n"
    ),
    option("blog, too long", "plan", "--blog", "x" * 5000, line="--blog xxx"),
    option("blog, bytes that are no text", "plan", "--blog", "/\udcff", line="--blog /"),
    option(
        "blog, a strange URL", "plan", "--blog", "ext::sh -c x://", line="@local: setting blog ="
    ),
    setting("no =", "blog_port", "--set: setting blog_port = '': input should be a valid integer"),
    setting("nothing", "", "--set: unknown setting ''; the README lists the settings."),
    setting(
        "unknown", "blog_prot=1", "--set: unknown setting 'blog_prot'; did you mean 'blog_port'"
    ),
    setting("no text", "\udcff=1", "--set: unknown setting "),
    setting("two lines", "a\nb=1", "--set: unknown setting 'a\\nb'"),
    setting("no number", "blog_port=x", "--set blog_port=x: blog_port takes a whole number."),
    setting("a huge number", "blog_port=" + "9" * 5000, "--set blog_port=999"),
    setting(
        "other digits", "blog_port=٤٠٠٠", "--set blog_port=٤٠٠٠: blog_port takes a whole number."
    ),
    setting("too small", "blog_port=80", "--set: setting blog_port = 80: input should be greater"),
    setting(
        "no truth", "docker_group=2", "--set docker_group=2: docker_group takes true or false."
    ),
    setting("no choice", "base_images=cloud", "--set: setting base_images = 'cloud': input should"),
    setting(
        "an option", "blog=-x", "--set: setting blog = '-x': it begins with a hyphen; write ./"
    ),
    setting(
        "NUL", "brewfile=a\0b", "--set: setting brewfile = 'a\\x00b': it has a control charact"
    ),
    setting("empty", "blog=", "--set: setting blog = '': string should have at least 1 character"),
    setting(
        "no branch", "blog=git@h:x#-b", "--set: setting blog = 'git@h:x#-b': what follows # is"
    ),
    setting(
        "out of it", "blog=git@h:x#m:../y", "--set: setting blog = 'git@h:x#m:../y': the subfol"
    ),
    setting(
        "password", "blog=https://u:pw@h/x", "--set: setting blog = 'https://…@h/x': an address"
    ),
    setting(
        "formula", "brew_formulae=jq,--HEAD", "--set: setting brew_formulae = '--HEAD': string"
    ),
    inventory("syntax", "machines = [", "{here}/hosts.py: line 1: '[' was never closed."),
    inventory("a name", "x = 1\nmachines = [y]", "{here}/hosts.py: line 2: NameError: name 'y' is"),
    inventory(
        "two lines", "raise ValueError('a\\nb')", "{here}/hosts.py: line 1: ValueError: a b."
    ),
    inventory(
        "import", "import nowhere", "{here}/hosts.py: line 1: ModuleNotFoundError: No module"
    ),
    inventory(
        "its end", "exit()", "{here}/hosts.py: it calls exit(); an inventory only lists mach"
    ),
    inventory("NUL", "\0", "{here}/hosts.py: source code string cannot contain null bytes."),
    inventory("nothing", "", "{here}/hosts.py: no machine in it; write for example `machines = ["),
    inventory(
        "numbers", "machines = [1]", "{here}/hosts.py: pyinfra would leave a part out: Ignor"
    ),
    inventory("half", "m = ['@local']\nn = [2]", "{here}/hosts.py: pyinfra would leave a part out"),
    inventory(
        "short", "m = [('@local',)]", "{here}/hosts.py: IndexError: tuple index out of range"
    ),
    inventory("no data", "m = [('@local', 1)]", "{here}/hosts.py: TypeError: 'int' object is not"),
    inventory(
        "no name", "m = ['']", "{here}/hosts.py: IndexError: string index out of range; mach"
    ),
    inventory("two words", "m = ['a b']", "{here}/hosts.py: 'a b' is no name of a machine."),
    inventory("an option", "m = ['-oProxyCommand=x']", "{here}/hosts.py: '-oProxyCommand=x' is no"),
    inventory("no text", "m = ['\\udcff']", "{here}/hosts.py: '\\udcff' is no name of a machine."),
    inventory("connector", "m = ['@nonsense/x']", "{here}/hosts.py: NoConnectorError: "),
    inventory(
        "no host", "m = ['@ssh']", "@ssh/None: Invalid connector data `ssh_hostname`:: None is not"
    ),
    inventory("a port", "m = [('h', {'ssh_port': 'x'})]", "h: Invalid connector data `ssh_port`"),
    inventory("a key", "m = [('@local', {1: 2})]", "@local: unknown setting '1'; the README lists"),
    inventory(
        "a list", "m = [('@local', {'blog': []})]", "@local: setting blog = []: input should"
    ),
    group_data("unknown", "blog_prot = 1", "@local: unknown setting 'blog_prot'; did you mean"),
    group_data("syntax", "blog_port = ", "{here}/group_data/all.py: line 1: invalid syntax."),
    group_data(
        "kind", "blog_port = '1'", "@local: setting blog_port = '1': input should be a valid"
    ),
]

# What the state directory may have become.
STATES = [
    Wrong("state: a file", ("plan",), "{here}/state/bootstrapper: File exists; make it writable",
          {STATE: ""}),
    Wrong("state: logs, a file", ("plan",), "{here}/state/bootstrapper: File exists; make it wri",
          {f"{STATE}/logs": ""}),
    Wrong("state: journal, a folder", ("undo",), "{here}/state/bootstrapper/changes.jsonl: Is a d",
          {f"{STATE}/changes.jsonl": None}),
    Wrong("state: lock, a folder", (), "{here}/state/bootstrapper/lock cannot be used (Is a direc",
          {f"{STATE}/lock": None}),
]  # fmt: skip


def made(here: Path, wrong: Wrong) -> None:
    for name, text in wrong.files.items():
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.mkdir()
        else:
            path.write_text(text)


def started(
    arguments: tuple[str, ...], here: Path, monkeypatch: pytest.MonkeyPatch
) -> int | str | None:
    """The program in this process; its exit code."""
    words = [word.replace("{here}", str(here)) for word in arguments]
    monkeypatch.setenv("XDG_STATE_HOME", str(here / "state"))
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def content(here: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(here)): path.read_bytes() if path.is_file() else None
        for path in here.rglob("*")
        if "__pyc" not in str(path)
    }


@pytest.mark.parametrize("wrong", TABLE, ids=[wrong.what for wrong in TABLE])
def test_one_line_exit_1_and_nothing_touched(
    wrong: Wrong, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path, wrong)
    before = content(tmp_path)
    assert started(wrong.arguments, tmp_path, monkeypatch) == 1
    said = capfd.readouterr()
    line = f"bootstrap.py: {wrong.line.replace('{here}', str(tmp_path))}"
    assert said.err.startswith(line), said.err
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert said.out == ""
    assert content(tmp_path) == before
    assert "u:pw" not in said.err


@pytest.mark.parametrize("wrong", STATES, ids=[wrong.what for wrong in STATES])
def test_a_state_directory_that_cannot_be_used_is_one_line(
    wrong: Wrong, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path, wrong)
    arguments = (*wrong.arguments, "--limit", "@local")
    assert started(arguments, tmp_path, monkeypatch) == 1
    said = capfd.readouterr()
    assert said.err.startswith(f"bootstrap.py: {wrong.line.replace('{here}', str(tmp_path))}")
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("given", ["", "relative/place"])
def test_a_state_home_that_is_no_place_is_not_used(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """XDG Base Directory Specification: a relative path is to be ignored."""
    from bootstrapper.record import state_directory

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", given)
    assert state_directory() == tmp_path / "home/.local/state/bootstrapper"
    assert [*tmp_path.iterdir()] == [tmp_path / "home"]
