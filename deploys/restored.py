"""What takes our part out of a file that others have a part in. Decides; changes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from deploys.json_edits import Edit, dropped

EXTRA = "cliPluginsExtraDirs"
CONTEXT = "colima"


@dataclass(frozen=True)
class Restoration:
    """`whole`: nobody else has changed the file, so that it becomes what it was before; else the
    edits take out what is ours, and leave the rest."""

    whole: bool
    edits: tuple[Edit, ...] = ()


def ssh_config(current: bytes, before: bytes | None, line: str) -> Restoration | None:
    """ssh's configuration without the line that colima has put first; None if it is not in it."""
    wanted = line.encode()
    rows = current.split(b"\n")
    if wanted not in rows:
        return None
    number = rows.index(wanted)
    start = sum(len(row) + 1 for row in rows[:number])
    end = min(start + len(wanted) + 1, len(current))
    if number == 0 and current[end : end + 1] == b"\n":
        end += 1  # colima's own empty line
    rest = current[:start] + current[end:]
    return Restoration(rest == (before or b""), (Edit(start, end, ""),))


def docker_config(current: bytes, before: bytes | None, plugins: str) -> Restoration | None:
    """Docker's configuration as it was; None if nothing of ours is in it.

    colima has its client write the file anew, with its own context as the current one; when that
    context goes, so does that setting. `plugins` is the directory that this tool has named.
    """
    now, then = _members(current), _members(before or b"{}")
    if current == before or now is None:
        return None
    if then is not None and _without_ours(now, now, plugins) == _without_ours(then, now, plugins):
        return Restoration(whole=True)
    if plugins not in _listed(now) or plugins in _listed(then or {}):
        return None
    text = current.decode("utf-8", "surrogateescape")
    return Restoration(whole=False, edits=tuple(dropped(text, EXTRA, plugins)))


def _members(content: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(content or b"{}")
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _listed(config: dict[str, Any]) -> list[Any]:
    listed = config.get(EXTRA)
    return listed if isinstance(listed, list) else []


def _without_ours(config: dict[str, Any], now: dict[str, Any], plugins: str) -> dict[str, Any]:
    """A configuration without what this tool, or colima, may have changed in what is there now."""
    left = dict(config)
    if now.get("currentContext") in (None, "", CONTEXT):
        left.pop("currentContext", None)
    for key in ("credsStore", "credHelpers"):
        if key not in now:
            left.pop(key, None)
    if not left.get("auths"):
        left.pop("auths", None)
    others = [place for place in _listed(left) if place != plugins]
    left.pop(EXTRA, None)
    return left | ({EXTRA: others} if others else {})
