"""What counts as the same: texts without times, sizes, revisions and the order of parallel work."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

# Fields of JSON that depend on a real package, repository or clock, not on brew's behaviour.
_NOT_BEHAVIOUR = """
HEAD autobump bottle bundle_short_version bundle_version caveats_rosetta checksum
compatibility_version conflicts_with conflicts_with_reasons container deprecate_args
deprecation_replacement_cask deprecation_replacement_formula disable_args
disable_replacement_cask disable_replacement_formula installed_time languages last_commit
link_overwrite no_autobump_message options patches post_install_defined post_install_steps
pour_bottle_only_if rename requirements ruby_source_checksum sha256 skip_livecheck tap_git_head
time url url_specs urls uses_from_macos uses_from_macos_bounds built_on compiler
homebrew_version loaded_from_internal_api
"""
_IGNORED = frozenset(_NOT_BEHAVIOUR.split())
_SUBSTITUTIONS = (
    (r"\r\n", "\n"),
    (r"\d+ files, [\d.]+[KM]?B", "FILES"),
    (r"\((?:[\d.]+[KM]?B)\)", "(SIZE)"),
    (r"approximately [\d.]+[KM]?B", "approximately SIZE"),
    (r"built in \d+ seconds?", "built in SECONDS"),
    (r"\d{4}-\d\d-\d\d(?: at)? \d\d:\d\d:\d\d(?: \+0000)?", "TIME"),
    (r"\(git revision [0-9a-f]{7}; last commit \d{4}-\d\d-\d\d\)", "(git revision)"),
    (r"HEAD: [0-9a-f]{40}", "HEAD"),
    (r"last commit: .*", "last commit"),
    (r"`/usr/bin/env [^`]*curl [^`]*`", "`curl`"),
    (r"curl failed![\s\S]*api\.github\.com", "curl failed"),
    (r"blobs/sha256:[0-9a-f]*", "blobs/sha256:"),
    (r"homebrew-core/[0-9a-f]{40}/", "homebrew-core/COMMIT/"),
    (r"Usage: brew[\s\S]*?\n(?=Error: )", ""),
    (r'npm "corepack"\n', ""),
    (r"[ \t]+\n", "\n"),
    # On a terminal: the echo of what was typed, and the tabs between ls(1)'s columns.
    (r"(?m)^[yn]\n", ""),
    (r"(?<=\S)(?:[ \t]*\t[ \t]*|  +)(?=\S)", "  "),
)
# Blocks of lines whose order is that of parallel work, or of a directory.
_UNORDERED = (
    r"(?:^(?:\x1b\[\d+m)?[✔✘].*\n)+",
    r"(?:^(?:Using|Installing|Skipping install of) .*\n)+",
    r"(?:^Warning: Skipping .*\n)+",
    r"(?:^/\S+/Cellar/\S+/\S+/\S*\n)+",
)


class Verdict(NamedTuple):
    """Which parts of one run agree with its recording."""

    code: bool
    out: bool
    err: bool

    @property
    def all(self) -> bool:
        return self.code and self.out and self.err


def judge(code: int, out: str, err: str, recorded: dict[str, Any]) -> Verdict:
    """Compare a run with a recording; both are made plain first."""
    return Verdict(
        code == recorded["exit_code"],
        plain(out) == plain(recorded["stdout"]),
        plain(err) == plain(recorded["stderr"]),
    )


def plain(text: str) -> str:
    """A text without what differs from run to run. Making it plain twice changes nothing."""
    told = _as_json(text)
    if told is not None:
        return json.dumps(_kept(told), sort_keys=True)
    for pattern, replacement in _SUBSTITUTIONS:
        text = re.sub(pattern, replacement, text)
    for pattern in _UNORDERED:
        text = re.sub(pattern, _sorted_lines, text, flags=re.MULTILINE)
    return re.sub(r"^(\S+)((?: \d[\w.]*){2,})$", _sorted_versions, text, flags=re.MULTILINE)


def _as_json(text: str) -> Any:
    if not text.startswith(("{", "[\n", "[]")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _kept(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: _kept(value) for key, value in told.items() if key not in _IGNORED}
    if isinstance(told, list):
        return [_kept(value) for value in told]
    return told


def _sorted_lines(found: re.Match[str]) -> str:
    return "".join(sorted(found[0].splitlines(keepends=True)))


def _sorted_versions(found: re.Match[str]) -> str:
    return " ".join([found[1], *sorted(found[2].split())])
