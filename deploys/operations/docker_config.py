"""Docker's client on a Mac: its configuration is whole, its helpers exist, its plugins are found.

The user's file is edited in place: only the bytes that differ, with its mode, owner and links. Its
content may be secret, and is neither in a command nor in a finding.
"""

from __future__ import annotations

import json
import shlex
from pathlib import PurePosixPath
from typing import Any

from pyinfra.api import StringCommand, operation
from pyinfra.context import host

from deploys.changes import change
from deploys.facts.docker_config import PLUGINS, DockerConfig, DockerConfigState, DockerPlugins
from deploys.facts.engine import ContainerEngine
from deploys.facts.homebrew import Homebrew
from deploys.facts.mac_engine import MacEngines
from deploys.findings import found, refuse
from deploys.json_edits import Edit, appended, applied, removed
from deploys.operations import Commands, homebrew
from deploys.operations.mac_engine import engine_to_have
from deploys.settings import Settings

_EXTRA = "cliPluginsExtraDirs"
_EMPTY = "{}"
FORMULA_ENGINES = ("colima", "podman")  # the others bring their plugins themselves


@operation()
def readable() -> Commands:
    """Refuse a configuration that nobody can read, before an engine tries to write to it."""
    _parsed(host.get_fact(DockerConfig))
    yield from ()


@operation()
def credentials(settings: Settings) -> Commands:
    """Have no credential helper configured that is nowhere; each pull would fail."""
    state = host.get_fact(DockerConfig)
    config = _parsed(state)
    there = state.helpers | _coming(settings)
    store = config.get("credsStore")
    helpers = config.get("credHelpers") or {}
    dangling = {key: name for key, name in helpers.items() if name not in there}
    gone = {f"docker-credential-{name}" for name in dangling.values()}
    edits: list[Edit] = []
    text = _text(state)
    keys = set()
    if store and store not in there:
        gone.add(f"docker-credential-{store}")
        keys.add("credsStore")
    if dangling and len(dangling) == len(helpers):
        keys.add("credHelpers")
    elif dangling:
        edits += removed(text, frozenset(dangling), ("credHelpers",))
    if not gone:
        return
    if keys:
        edits += removed(text, frozenset(keys))
    # abiosoft/colima#52, #265; nektos/act#1132
    found(
        "docker.credential-helper-missing",
        f"{state.file} names {_listed(gone)}, which is nowhere to be found.",
        means="An engine that is gone has left it behind; each pull of an image would fail.",
        mend="The name is removed, the rest stays as it is. Where you need to be logged in to a "
        "registry: docker login.",
    )
    yield _edited(state, edits)


@operation()
def plugins(settings: Settings) -> Commands:
    """Have `docker compose` and `docker buildx`; Homebrew's are in a place that has to be named."""
    state = host.get_fact(DockerConfig)
    config = _parsed(state)
    brew = f"{state.brew or host.get_fact(Homebrew).place}/lib/docker/cli-plugins"
    missing = _not_found(state, config, brew)
    if not missing:
        return
    absent = [name for name in missing if (name, brew) not in state.plugins]
    engine = _engine_name(settings)
    if absent and engine not in FORMULA_ENGINES:
        commands = " and ".join(name.replace("-", " ") for name in absent)
        found(
            "docker.plugins-missing",
            f"There is no `{commands}`: the client finds no such plugin.",
            mend=f"This tool does without. If you want it: brew install {' '.join(absent)}.",
            severity="notice",
        )
        missing = [name for name in missing if name not in absent]
    elif absent:
        yield from homebrew.formulae._inner(names=absent, purpose="docker compose and buildx")
    if not missing or brew in _extra_directories(config):
        return
    found(
        "docker.plugins-not-found",
        f"docker does not look into {brew}, where Homebrew keeps its plugins.",
        means=f"{', '.join(name.replace('-', ' ') for name in missing)}: unknown command.",
        mend=f"{_EXTRA} in {state.file} names it, the rest stays as it is.",
    )
    yield _edited(state, appended(_text(state), _EXTRA, brew))


def _text(state: DockerConfigState) -> str:
    """The configuration, which is an empty one where there is none."""
    return state.text if state.text and state.text.strip() else _EMPTY


def _parsed(state: DockerConfigState) -> dict[str, Any]:
    """The configuration's members.

    Raises:
        Refused: it is not a JSON object, or cannot be read.
    """
    if not state.is_readable:
        refuse(
            "docker.config-unreadable",
            f"{state.file} cannot be read.",
            mend="Make it a file of yours again; Docker's client needs to read it too.",
        )
    try:
        config = json.loads(_text(state))
    except json.JSONDecodeError as error:
        refuse(
            "docker.config-broken",
            f"{state.file} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.",
            means="Docker's client ignores all of it, and an engine cannot add to it.",
            mend="Mend that line, or move the file away; it was left as it is.",
        )
    _shaped(state, config)
    return dict(config)


def _shaped(state: DockerConfigState, config: object) -> None:
    """Refuse what the client itself could not use."""
    shapes: dict[str, type] = {"credsStore": str, "credHelpers": dict, _EXTRA: list}
    wrong = ["the whole file"]
    if isinstance(config, dict):
        given = {key: config.get(key) for key in shapes}
        wrong = [key for key, value in given.items() if not isinstance(value, shapes[key] | None)]
    if wrong:
        refuse(
            "docker.config-broken",
            f"{state.file}: {wrong[0]} has the wrong shape.",
            means="Docker's client cannot use it.",
            mend="Mend it by hand; it was left as it is.",
        )


def _coming(settings: Settings) -> frozenset[str]:
    """Helpers that an engine brings which is installed or started in this run."""
    answers = host.get_fact(ContainerEngine).answers
    if not answers and _engine_name(settings) == "docker-desktop":
        return frozenset({"desktop"})
    return frozenset()


def _engine_name(settings: Settings) -> str:
    engine = host.get_fact(ContainerEngine)
    if engine.answers:
        return engine.name
    return engine_to_have(engine, host.get_fact(MacEngines), settings)


def _not_found(state: DockerConfigState, config: dict[str, Any], brew: str) -> list[str]:
    """The plugins that the client finds neither in its own places nor in those configured."""
    extra = _extra_directories(config)
    seen: set[str] = {name for name, place in state.plugins if place != brew or brew in extra}
    if brew.startswith("/usr/local/"):
        seen |= {name for name, _ in state.plugins}  # one of the client's own places
    missing = [name for name in PLUGINS if name not in seen]
    others = tuple(place for place in extra if place != brew)
    if missing and others:
        there = host.get_fact(DockerPlugins, directories=others)
        seen.update(there)
    return [name for name in missing if name not in seen]


def _extra_directories(config: dict[str, Any]) -> list[str]:
    return [place for place in config.get(_EXTRA) or [] if isinstance(place, str)]


def _edited(state: DockerConfigState, edits: list[Edit]) -> StringCommand:
    """Writes the new file beside the old one, with its mode and owner, and renames it; not if the
    old one is no longer what was read."""
    if not state.is_writable:
        refuse(
            "docker.config-read-only",
            f"{state.target} has to be changed, and is not writable.",
            means="Something else may manage it.",
            mend="Change it there: "
            + "; ".join(f"insert {edit.text}" if edit.text else "remove it" for edit in edits),
        )
    content = None if state.text is None else state.text.encode("utf-8", "surrogateescape")
    folders = [] if content is not None else [str(PurePosixPath(state.file).parent)]
    change("file", state.target, content=content, what="docker", folders=folders)
    if _text(state) == _EMPTY:
        return _created(state, edits)
    target, new = shlex.quote(state.target), shlex.quote(f"{state.target}.new")
    return StringCommand(
        f'[ "$(cksum <{target})" = {shlex.quote(state.sum)} ] || '
        f"{{ echo 'It was changed meanwhile; run again.' >&2; exit 1; }}\n"
        f"cp -p {target} {new} && {{ {' && '.join(pieces(target, edits))}; }} >{new} && "
        # On the disk before it gets its name, or a power cut could leave an empty file there.
        f"{{ sync {new} 2>/dev/null || sync; }} && "
        f"mv -f {new} {target} || {{ rm -f {new}; exit 1; }}"
    )


def _created(state: DockerConfigState, edits: list[Edit]) -> StringCommand:
    target = shlex.quote(state.target)
    folder = shlex.quote(str(PurePosixPath(state.target).parent))
    new = shlex.quote(f"{state.target}.new")
    text = shlex.quote(applied(_EMPTY, edits))
    return StringCommand(
        f"umask 077; mkdir -p {folder} && printf '%s\\n' {text} >{new} && "
        f"{{ sync {new} 2>/dev/null || sync; }} && "
        f"mv -f {new} {target} || {{ rm -f {new}; exit 1; }}"
    )


def pieces(target: str, edits: list[Edit]) -> list[str]:
    """Commands that print a file with the edits carried out."""
    pieces = []
    position = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        if edit.start > position:
            pieces.append(f"tail -c +{position + 1} {target} | head -c {edit.start - position}")
        if edit.text:
            pieces.append(f"printf %s {shlex.quote(edit.text)}")
        position = edit.end
    return [*pieces, f"tail -c +{position + 1} {target}"]


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names))
