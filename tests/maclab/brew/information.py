"""`brew info`, as text and as JSON."""

from __future__ import annotations

import json
import time
from typing import Any

from .brew import Brew
from .caskroom import InstalledCask
from .catalogue import CORE, Cask, Formula, default_remote, order
from .caveats import caveats_of, keg_only_explanation
from .console import Failure
from .kegs import Keg, readable
from .names import (
    dependencies,
    find_cask,
    find_formula,
    installed,
    load_cask,
    load_formula,
)
from .options import Options, parse
from .sources import source
from .taps import file_of

_Casks = list[tuple[Cask, InstalledCask | None]]


@source("info-json-named", "info-json-one-unknown", "untrusted-info-json-short-name")
def run(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "json installed formula cask")
    brew.need_api()
    if "installed" in options:
        formulae = [one.formula for one in installed(brew)]
        casks = _installed_casks(brew)
    else:
        formulae, casks = _named(brew, options)
    if "json" not in options:
        return _text(brew, formulae, casks)
    if options.value("json") == "v1":
        brew.console.out(json.dumps([_formula(brew, one) for one in formulae], indent=2))
        return 0
    told = {
        "formulae": [_formula(brew, one) for one in formulae],
        "casks": [_cask(brew, cask, one) for cask, one in casks],
    }
    brew.console.out(json.dumps(told, indent=2))
    return 0


@source("untrusted-cask-info-json-installed")
def _installed_casks(brew: Brew) -> _Casks:
    """Installed casks; of one whose tap is not trusted only what its metadata says."""
    found: _Casks = []
    for one in brew.caskroom.all():
        cask = find_cask(brew, f"{one.tap}/{one.token}")
        if cask and brew.trusted(cask.tap, "casks", cask.full_token):
            found.append((cask, one))
        else:
            binaries = cask.binaries if cask else ()
            found.append((Cask("", one.token, one.version, binaries=binaries), one))
    return found


def _named(brew: Brew, options: Options) -> tuple[list[Formula], _Casks]:
    formulae: list[Formula] = []
    casks: _Casks = []
    for name in options.names:
        is_cask = find_cask(brew, name) and not find_formula(brew, name)
        if "cask" in options or (is_cask and "formula" not in options):
            cask = load_cask(brew, name)
            casks.append((cask, brew.caskroom.get(cask.token)))
        else:
            formulae.append(load_formula(brew, name))
    return formulae, casks


@source(
    "info-json-installed",
    "info-json-alias",
    "info-json-renamed",
    "info-json-service",
    "info-json-not-installed",
    "info-json-outdated",
    "info-json-pinned",
    "info-json-after-link-conflict",
    "api-info-json-named",
)
def _formula(brew: Brew, formula: Formula) -> dict[str, Any]:
    kegs = brew.kegs.of(formula.name)
    newest = brew.kegs.newest(formula.name)
    explanation = keg_only_explanation(formula)
    return {
        "name": formula.name,
        "full_name": formula.full_name,
        "tap": formula.tap,
        "oldnames": list(formula.oldnames),
        "aliases": list(formula.aliases),
        "versioned_formulae": _versioned(brew, formula),
        "desc": formula.desc,
        "license": formula.license,
        "homepage": formula.homepage,
        "versions": {
            "stable": formula.version,
            "head": None,
            "bottle": formula.bottled(brew.machine.tag),
        },
        "revision": 0,
        "version_scheme": 0,
        "keg_only": bool(formula.keg_only),
        "keg_only_reason": explanation,
        "build_dependencies": [],
        "dependencies": list(formula.deps),
        "test_dependencies": [],
        "recommended_dependencies": [],
        "optional_dependencies": [],
        "conflicts_with": [],
        "caveats": formula.caveats or None,
        "installed": [_keg(keg) for keg in sorted(kegs, key=lambda keg: order(keg.version))],
        "linked_keg": brew.kegs.linked(formula.name),
        "pinned": brew.kegs.pinned(formula.name) is not None,
        "outdated": newest is not None and _outdated(newest, formula),
        "deprecated": formula.deprecated is not None,
        "deprecation_date": (formula.deprecated or {}).get("date"),
        "deprecation_reason": (formula.deprecated or {}).get("because"),
        "disabled": formula.disabled is not None,
        "disable_date": (formula.disabled or {}).get("date"),
        "disable_reason": (formula.disabled or {}).get("because"),
        "service": formula.service,
        "ruby_source_path": file_of(formula.tap, "Formula", formula.name),
    }


@source("info-json-after-signal-kill")
def _outdated(keg: Keg, formula: Formula) -> bool:
    """A keg without a receipt, left by a build that was killed, counts as outdated."""
    return keg.version != formula.version or not keg.receipt()


def _versioned(brew: Brew, formula: Formula) -> list[str]:
    if "@" in formula.name or formula.tap != CORE:
        return []
    names = brew.taps.formulae(formula.tap)
    return [name for name in names if name.startswith(formula.name + "@")]


def _keg(keg: Keg) -> dict[str, Any]:
    told = keg.receipt()
    return {
        "version": keg.version,
        "used_options": [],
        "built_as_bottle": told.get("built_as_bottle", False),
        "poured_from_bottle": told.get("poured_from_bottle", False),
        "time": told.get("time"),
        "runtime_dependencies": told.get("runtime_dependencies"),
        "installed_on_request": told.get("installed_on_request", False),
    }


@source("cask-info-json", "info-json-installed-with-cask", "info-json-installed-cask-only")
def _cask(brew: Brew, cask: Cask, one: InstalledCask | None) -> dict[str, Any]:
    return {
        "token": cask.token,
        "full_token": cask.full_token if cask.tap else cask.token,
        "old_tokens": list(cask.old_tokens),
        "tap": cask.tap or None,
        "name": [cask.title] if cask.title else [],
        "desc": cask.desc or None,
        "homepage": cask.homepage or None,
        "version": cask.version,
        "installed": one.version if one else None,
        "installed_time": one.time if one else None,
        "pinned": False,
        "pinned_version": None,
        "outdated": one is not None and one.version != cask.version,
        "artifacts": [{"app": [app]} for app in cask.apps]
        + [
            {"binary": [binary], "target": str(brew.caskroom.binary(binary))}
            for binary in cask.binaries
        ],
        "caveats": cask.caveats or None,
        "depends_on": {"formula": list(cask.deps)} if cask.deps else {},
        "auto_updates": cask.auto_updates or None,
        "deprecated": False,
        "deprecation_date": None,
        "deprecation_reason": None,
        "disabled": False,
        "disable_date": None,
        "disable_reason": None,
        "ruby_source_path": file_of(cask.tap, "Casks", cask.token) if cask.tap else None,
    }


def _text(brew: Brew, formulae: list[Formula], casks: _Casks) -> int:
    if not formulae and not casks:
        raise Failure("Invalid usage: This command requires a formula or cask argument.")
    for formula in formulae:
        _formula_text(brew, formula)
    for cask, one in casks:
        _cask_text(brew, cask, one)
    return 0


@source("info-text", "info-text-keg-only", "info-text-service", guess="formulae not installed")
def _formula_text(brew: Brew, formula: Formula) -> None:
    out = brew.console.out
    marks = " (bottled)" if formula.bottled(brew.machine.tag) else ""
    marks += " [keg-only]" if formula.keg_only else ""
    brew.console.step(f"{brew.console.name(formula.full_name)}: stable {formula.version}{marks}")
    out(formula.desc)
    out(formula.homepage)
    keg = brew.kegs.newest(formula.name)
    on_request = keg and keg.receipt().get("installed_on_request")
    how = "on request" if on_request else "as dependency"
    out(f"Installed ({how})" if keg else "Not installed")
    file = file_of(formula.tap, "Formula", formula.name)
    out(f"From: {default_remote(formula.tap)}/blob/HEAD/{file}")
    if formula.tap != CORE:
        out(f"Tap: {formula.tap}")
    out(f"License: {formula.license}")
    if keg:
        brew.console.heading("Installed Versions")
        linked = " [Linked]" if brew.kegs.linked(formula.name) == keg.version else ""
        out(f"{formula.full_name} {keg.version} ({keg.usage()}){linked}")
    _dependencies_text(brew, formula)
    caveats = caveats_of(brew, formula)
    if caveats:
        brew.console.heading("Caveats")
        out(caveats)


def _dependencies_text(brew: Brew, formula: Formula) -> None:
    if not formula.deps:
        return
    brew.console.heading("Dependencies")
    brew.console.out(f"Required ({len(formula.deps)}): {', '.join(formula.deps)}")
    needed = dependencies(brew, formula)
    missing = [one.name for one in needed if not brew.kegs.of(one.name)]
    state = f"{len(missing)} missing ✘" if missing else "all installed ✔"
    brew.console.out(f"Recursive Runtime ({len(needed)}): {state}")


@source("cask-info-text", guess="casks not installed")
def _cask_text(brew: Brew, cask: Cask, one: InstalledCask | None) -> None:
    out = brew.console.out
    brew.console.step(f"{brew.console.name(cask.token)} ({cask.title}): {cask.version}")
    out(cask.desc)
    out(cask.homepage)
    out("Installed (on request)" if one else "Not installed")
    if one:
        out(f"{one.path / one.version} ({readable(one.size())})")
        when = time.strftime("%Y-%m-%d at %H:%M:%S", time.gmtime(one.time))
        out(f"  Installed on {when}")
    file = file_of(cask.tap, "Casks", cask.token)
    out(f"From: {default_remote(cask.tap)}/blob/HEAD/{file}")
    brew.console.heading("Artifacts")
    for app in cask.apps:
        out(f"{app} (App)")
    for binary in cask.binaries:
        out(f"{binary} (Binary)")
