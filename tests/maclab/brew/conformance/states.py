"""The machines that the recordings were made on: stand-in core and taps, and what was installed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .. import launcher
from ..catalogue import CASK, CORE
from ..machine import Machine, from_fields

HOME = "home/linuxbrew"
CATALOGUE = Path(__file__).parents[2] / "recordings" / "brew" / "catalogue.json"
LAB = "local/lab"
# The user of the recordings; without root nothing can be given away, and the caller is that user.
USER = os.geteuid() or 1000

_GLIBC = """Your system glibc 2.36 is too old.
We will need to automatically install a newer version.

We recommend updating to a newer version via your distribution's
package manager, upgrading your distribution to the latest version,
or changing distributions."""
_HOSTS = (
    "github.com",
    "api.github.com",
    "formulae.brew.sh",
    "ghcr.io",
    "raw.githubusercontent.com",
)
_FIRST = {"tree": "2.2.1", "jq": "1.8.1", "hello-lab": "1.0", "castle-lab": "3.0"}
_SECOND = {"tree": "2.2.1"}
_THIRTEEN = {
    "caveat-lab": "",
    "depcore-lab": "",
    "foo": "",
    "foo@1.2": "",
    "hello-lab": "1.0",
    "jq": "1.8.1",
    "kegonly-lab": "",
    "libdep-lab": "dependency",
    "newname-lab": "",
    "oniguruma": "dependency",
    "post-lab": "",
    "svc-lab": "",
    "tree": "2.2.1",
}
_WITHOUT_DEPCORE = {name: one for name, one in _THIRTEEN.items() if name != "depcore-lab"}
_BUNDLED = {
    "caveat-lab": "",
    "foo": "",
    "foo@1.2": "",
    "hello-lab": "1.1",
    "jq": "1.8.2",
    "kegonly-lab": "",
    "libdep-lab": "dependency",
    "needsdep-lab": "",
    "oniguruma": "dependency",
    "svc-lab": "",
    "tree": "2.3.0",
}
_AFTER_UNTAP = {"jq": "1.8.2", "oniguruma": "dependency", "tree": "2.3.0 2.4.0"}


class State(NamedTuple):
    """A machine before a recorded command.

    `known` are the versions that it knows where the catalogue has others; the remotes have the
    same, or `newest`. Of `formulae` the values are versions (empty: the known one), or
    `dependency` for one that nobody asked for.
    """

    known: Mapping[str, str] = {}
    formulae: Mapping[str, str] = {}
    casks: Mapping[str, str] = {}
    taps: tuple[str, ...] = (CORE,)
    trusted: tuple[str, ...] = ()
    trusted_formulae: tuple[str, ...] = ()
    pinned: str = ""
    machine: Mapping[str, Any] = {}
    from_api: bool = False
    newest: Mapping[str, str] | None = None
    hours_since_update: float = 0.0


def _lab(**fields: Any) -> State:
    told = {"known": _FIRST, "taps": (CORE, LAB), "trusted": (LAB,), **fields}
    return State(**told)


_api_machine = {"version": "6.0.18", "unreachable": ("github.com", "api.github.com")}
_api_formulae = {"hello-lab": "1.1", "jq": "1.8.2", "oniguruma": "dependency", "tree": "2.7.0"}


def _api(**fields: Any) -> State:
    told = {
        "taps": (LAB,),
        "formulae": _api_formulae,
        "casks": {"tower": ""},
        "trusted": (LAB,),
        "trusted_formulae": (f"{LAB}/hello-lab",),
        "machine": _api_machine,
        "from_api": True,
        **fields,
    }
    return State(**told)


_offline = {"version": "6.0.18", "unreachable": _HOSTS}
_four = {"foo": "", "hello-lab": "1.1", "svc-lab": "", "tree": "2.3.0 2.4.0"}

STATES: dict[str, State] = {
    "empty": State(known=_FIRST),
    "half": State(machine={"ruby": False}, taps=()),
    "no bottles": State(known=_FIRST, machine={"arch": "arm64"}),
    "tapped": State(known=_FIRST, taps=(CORE, LAB)),
    "tapped, formulae trusted": State(
        known=_FIRST,
        taps=(CORE, LAB),
        trusted_formulae=(f"{LAB}/hello-lab", f"{LAB}/needsdep-lab"),
    ),
    "tapped, hello-lab": State(
        known=_FIRST,
        taps=(CORE, LAB),
        trusted_formulae=(f"{LAB}/hello-lab",),
        formulae={"hello-lab": "1.0"},
    ),
    "untrusted, hello-lab": State(known=_FIRST, taps=(CORE, LAB), formulae={"hello-lab": "1.0"}),
    "lab": _lab(),
    "lab, trusted list": _lab(
        trusted=(LAB, "nosuch/tap"),
        trusted_formulae=(f"{LAB}/hello-lab", f"{LAB}/needsdep-lab"),
    ),
    "installed": _lab(formulae=_THIRTEEN),
    "installed, custom remote": _lab(formulae=_THIRTEEN),
    "with cask": _lab(formulae=_WITHOUT_DEPCORE, casks={"castle-lab": "3.0"}),
    "cask alone": _lab(casks={"castle-lab": "3.0"}),
    "outdated": _lab(known=_SECOND, formulae=_WITHOUT_DEPCORE, casks={"castle-lab": "3.0"}),
    "outdated, pinned": _lab(
        known=_SECOND, formulae=_WITHOUT_DEPCORE, casks={"castle-lab": "3.0"}, pinned="hello-lab"
    ),
    "cask outdated": _lab(
        known=_SECOND,
        formulae={**_WITHOUT_DEPCORE, "jq": "1.8.2", "hello-lab": "1.1"},
        casks={"castle-lab": "3.0"},
    ),
    "upgraded": _lab(
        known=_SECOND,
        formulae={**_WITHOUT_DEPCORE, "jq": "1.8.1 1.8.2", "hello-lab": "1.1"},
        casks={"castle-lab": "3.1"},
    ),
    "terminal": _lab(
        known=_SECOND,
        formulae={
            name: {"hello-lab": "1.1", "jq": "1.8.2"}.get(name, one)
            for name, one in _WITHOUT_DEPCORE.items()
            if name != "tree"
        },
        casks={"castle-lab": "3.1"},
    ),
    "terminal, no jq": _lab(
        known=_SECOND, formulae={"foo": "", "hello-lab": "1.1"}, casks={"castle-lab": "3.1"}
    ),
    "bundle": _lab(
        known={"tree": "2.3.0"},
        formulae=_BUNDLED,
        casks={"castle-lab": "3.1", "tower": "1.0"},
        taps=(CORE, CASK, LAB),
        trusted_formulae=(f"{LAB}/needsdep-lab",),
    ),
    "bundle, tree outdated": _lab(
        known={"tree": "2.4.0"},
        formulae=_BUNDLED,
        casks={"castle-lab": "3.1", "tower": "1.0"},
        taps=(CORE, CASK, LAB),
    ),
    "bundle, missing": _lab(
        known={"tree": "2.3.0"},
        formulae={
            name: one for name, one in _BUNDLED.items() if name not in ("tree", "kegonly-lab")
        },
        taps=(CORE, CASK, LAB),
    ),
    "bundle, missing, with cask": _lab(
        known={"tree": "2.3.0"},
        formulae={
            name: one for name, one in _BUNDLED.items() if name not in ("tree", "kegonly-lab")
        },
        casks={"castle-lab": "3.1"},
        taps=(CORE, CASK, LAB),
    ),
    "bundle, untrusted": State(
        known={"tree": "2.3.0"},
        formulae={"jq": "1.8.2", "oniguruma": "dependency", "tree": "2.3.0"},
        taps=(CORE, CASK, LAB),
    ),
    "cleaned up": State(
        known={"tree": "2.3.0"},
        formulae={
            "foo": "",
            "hello-lab": "1.1",
            "jq": "1.8.2",
            "oniguruma": "dependency",
            "svc-lab": "",
            "tree": "2.3.0",
        },
        taps=(CORE, LAB),
    ),
    "cleanup, trusting": _lab(
        known={"tree": "2.3.0"},
        formulae={"caveat-lab": "", "foo": "", "svc-lab": "", "tree": "2.3.0"},
        taps=(CORE, CASK, LAB),
    ),
    "untrusted, installed": State(
        known={"tree": "2.3.0"},
        formulae={"caveat-lab": "", "foo": "", "svc-lab": "", "tree": "2.3.0"},
        casks={"castle-lab": "3.0"},
        taps=(CORE, LAB),
    ),
    "untrusted cask": State(
        known=_FIRST,
        formulae={"foo": "", "svc-lab": "", "tree": "2.2.1"},
        casks={"castle-lab": "3.0"},
        taps=(CORE, CASK, LAB),
    ),
    "untapping": _lab(
        known={"tree": "2.4.0"},
        formulae={"foo": "", "hello-lab": "1.1", "svc-lab": "", "tree": "2.3.0 2.4.0"},
    ),
    "after untap": State(
        known={"tree": "2.6.0"},
        formulae=_AFTER_UNTAP,
        trusted=(LAB,),
        machine={"version": "6.0.18"},
    ),
    "after untap, tapped": _lab(
        known={"tree": "2.6.0"}, formulae=_AFTER_UNTAP, machine={"version": "6.0.18"}
    ),
    "other user": State(
        known={"tree": "2.6.0"},
        formulae=_AFTER_UNTAP,
        taps=(CORE, LAB),
        machine={"uid": 65534, "user": "nobody", "version": "6.0.18"},
    ),
    "root": State(
        known={"tree": "2.7.0"},
        formulae={"jq": "1.8.2", "oniguruma": "dependency", "tree": "2.7.0"},
        machine={"uid": 0, "user": "root", "version": "6.0.18"},
    ),
    "auto, nothing new": State(
        known={"tree": "2.4.0"},
        formulae={"jq": "1.8.2", "oniguruma": "dependency", "tree": "2.4.0"},
        hours_since_update=48,
    ),
    "auto, recent": State(
        known={"tree": "2.4.0"},
        formulae={"jq": "1.8.2", "oniguruma": "dependency", "tree": "2.4.0"},
    ),
    "auto, news": State(
        known={"tree": "2.4.0"},
        newest={"tree": "2.5.0"},
        formulae={"jq": "1.8.2", "oniguruma": "dependency", "tree": "2.4.0"},
        hours_since_update=48,
    ),
    "auto, upgrade": State(
        known={"tree": "2.5.0"},
        formulae={"jq": "1.8.2", "oniguruma": "dependency", "tree": "2.5.0"},
        newest={"tree": "2.6.0"},
        hours_since_update=48,
    ),
    "auto, outdated": State(
        known={"tree": "2.6.0"},
        newest={},
        formulae={"jq": "1.8.2", "oniguruma": "dependency", "tree": "2.6.0"},
        hours_since_update=48,
    ),
    "auto, offline": State(
        formulae={"jq": "1.8.2", "oniguruma": "dependency", "tree": "2.7.0"},
        machine={"mirrors": ()},
        hours_since_update=48,
    ),
    "auto, tapped": _lab(
        known={},
        formulae={"tree": "2.6.0"},
        hours_since_update=48,
    ),
    "update, core": State(known={"tree": "2.2.0"}, newest=_FIRST),
    "update, outdated": _lab(
        known=_FIRST,
        formulae=_WITHOUT_DEPCORE,
        casks={"castle-lab": "3.0"},
        newest=_SECOND,
    ),
    "update, nothing": State(),
    "update, offline": _lab(known={}, machine={"mirrors": ()}),
    "api": _api(),
    "api, empty": _api(formulae={}, casks={}, taps=()),
    "api, tapped": _api(formulae={}, casks={}, trusted=(), trusted_formulae=()),
    "api, tree missing": _api(formulae={k: v for k, v in _api_formulae.items() if k != "tree"}),
    "api, old": _api(hours_since_update=48),
    "api, offline": _api(machine=_offline),
    "api, offline, old": _api(machine=_offline, hours_since_update=48),
    "api, offline, tree missing": _api(
        machine=_offline, formulae={k: v for k, v in _api_formulae.items() if k != "tree"}
    ),
    "api, stale, tree missing": _api(
        machine=_offline,
        formulae={k: v for k, v in _api_formulae.items() if k != "tree"},
        hours_since_update=216,
    ),
    "no api": _lab(known={"tree": "2.4.0"}, formulae=_four, machine={"unreachable": _HOSTS}),
    "no api, untapped": State(
        known={"tree": "2.4.0"},
        machine={"unreachable": _HOSTS, "mirrors": ("homebrew/core", "homebrew/brew")},
    ),
}


def build(state: State, root: Path) -> Machine:
    """Make the machine of a state below a directory, with the prefix home/linuxbrew/.linuxbrew."""
    prefix = root / HOME / ".linuxbrew"
    _write_catalogue(root / "catalogue.json", state.known, from_api=state.from_api)
    told: dict[str, Any] = {
        "prefix": str(prefix),
        "applications": str(root / "Applications"),
        "catalogue": str(root / "catalogue.json"),
        "os": "linux",
        "arch": "x86_64",
        "version": "6.0.17",
        "uid": USER,
        "user": "linuxbrew",
        "unreachable": list(_HOSTS),
        "mirrors": ["homebrew/brew", CORE, LAB],
        "doctor": {"check_glibc_version": _GLIBC},
        **state.machine,
    }
    machine = from_fields(told)
    launcher.prepare(machine)
    environment = {"HOME": str(root / HOME)}
    if not state.from_api:
        environment["HOMEBREW_NO_INSTALL_FROM_API"] = "1"
    _fill(state, launcher.Setup(machine, environment))
    _age(state, machine, root)
    newest = state.known if state.newest is None else state.newest
    _write_catalogue(root / "catalogue.json", newest, from_api=state.from_api)
    _give(root)
    return machine


def _fill(state: State, setup: launcher.Setup) -> None:
    if state.from_api:
        setup.know()
    for tap in state.taps:
        setup.tap(tap)
    for name, told in state.formulae.items():
        dependency = told == "dependency"
        for version in [""] if dependency or not told else told.split():
            setup.formula(name, version, on_request=not dependency)
    for name, version in state.casks.items():
        setup.cask(name, version)
    setup.trust("taps", *state.trusted)
    setup.trust("formulae", *state.trusted_formulae)
    if state.pinned:
        setup.pin(state.pinned)


def _age(state: State, machine: Machine, root: Path) -> None:
    if not state.hours_since_update:
        return
    then = time.time() - 3600 * state.hours_since_update
    old = [machine.repository / ".git" / "FETCH_HEAD"]
    old += (root / HOME / ".cache").rglob("*.jws.json")
    for file in old:
        os.utime(file, (then, then))


def _write_catalogue(file: Path, versions: Mapping[str, str], *, from_api: bool) -> None:
    told = json.loads(CATALOGUE.read_text())
    if not from_api:
        # In the recordings only the API had this formula.
        del told["taps"][CORE]["formulae"]["pkgconf"]
    for tap in told["taps"].values():
        for packages in (tap.get("formulae", {}), tap.get("casks", {})):
            for name in packages.keys() & versions.keys():
                packages[name]["version"] = versions[name]
    file.write_text(json.dumps(told))


def _give(root: Path) -> None:
    """Have files belong to the user of the recordings, where this process may give them away."""
    if os.geteuid() == 0:
        for path in [root, *root.rglob("*")]:
            os.chown(path, USER, USER, follow_symlinks=False)
