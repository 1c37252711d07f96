"""What is on a machine, beside what `bootstrap.lock` has: said where it differs, or refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pyinfra.api import operation
from pyinfra.context import host

from deploys.build import (
    CONTAINER,
    BaseImages,
    base_images,
    build_of,
    container_engine,
    current_site,
)
from deploys.facts.built_site import ManifestError
from deploys.facts.docker import BuiltGems, ContainerState, Images, ServedSite
from deploys.facts.homebrew import Homebrew, short_name
from deploys.facts.mac_engine import MacEngines
from deploys.facts.machine import ThisMachine
from deploys.findings import found, refuse
from deploys.operations import Commands, homebrew, mac_engine, mac_ruby
from deploys.operations.docker_config import FORMULA_ENGINES
from deploys.parts import (
    Difference,
    Held,
    Parts,
    differences,
    held,
    locked_parts,
    way_out,
)
from deploys.settings import Settings

_GEM = re.compile(r"^ {4}([A-Za-z0-9_.-]+) \(([0-9A-Za-z.]+)[^)]*\)$", re.MULTILINE)
_SHOWN = 5


@operation()
def kept(settings: Settings) -> Commands:
    """Say, or refuse, what is here in another version than is locked, before anything is done.

    What is not here yet is no difference: it is installed as locked, or not at all.
    """
    lock = held()
    if lock is None:
        return
    machine = host.get_fact(ThisMachine)
    here = _of_homebrew(settings) if machine.is_mac else Parts()
    if "homebrew_installer" not in settings.model_fields_set:
        here = replace(here, homebrew_installer="")  # the locked one is used
    differing = [one for one in differences(locked_parts(machine), here) if one.after]
    _tell(lock, [*differing, *_of_the_sites_lock(settings)])
    yield from ()


@operation()
def gems_kept(settings: Settings) -> Commands:
    """Say, or refuse, where the blog was built with other gems than are locked, before such a build
    is served."""
    lock = held()
    here = _gems_of_the_build(settings) if lock else None
    if lock and here is not None:
        locked = Parts(gems=locked_parts(host.get_fact(ThisMachine)).gems)
        _tell(lock, differences(locked, Parts(gems=here)))
    yield from ()


def names_are_locked(images: BaseImages) -> None:
    """Say, or refuse, base images that are not locked: those that are come by their digests."""
    lock = held()
    if lock is None:
        return
    known = locked_parts(host.get_fact(ThisMachine)).base_images
    _tell(
        lock,
        [
            Difference("base_images", name, "", digest)
            for name, digest in images.digests.items()
            if name not in known
        ],
    )


def parts_here(settings: Settings) -> Parts:
    """What the current host is made of, to be locked."""
    of_homebrew = _of_homebrew(settings) if host.get_fact(ThisMachine).is_mac else Parts()
    gems = gems_of_the_blog(settings)
    return replace(of_homebrew, base_images=base_images(settings).digests, gems=gems or {})


def gems_of_the_blog(settings: Settings) -> Mapping[str, str] | None:
    """The gems that the site as it is now was built with; None where that is not served."""
    engine, site = container_engine(), current_site(settings)
    if not engine.answers or site is None:
        return None
    container = host.get_fact(ContainerState, client=engine.client, container=CONTAINER)
    if container is None or container.state != "running" or not container.spec:
        return None
    try:
        served = host.get_fact(ServedSite, client=engine.client, container=CONTAINER)
    except ManifestError:  # the proof says it
        return None
    wanted = build_of(settings, site, base_images(settings)).id
    return served.gems if served.build_id == wanted else None


def _gems_of_the_build(settings: Settings) -> Mapping[str, str] | None:
    """The gems of the site's build, whether it is served yet or not; None where there is none."""
    engine, site = container_engine(), current_site(settings)
    served = gems_of_the_blog(settings)
    if served is not None or not engine.answers or site is None:
        return served
    image = build_of(settings, site, base_images(settings)).image
    if image not in host.get_fact(Images, client=engine.client, references=(image,)):
        return None
    try:
        return host.get_fact(BuiltGems, client=engine.client, image=image)
    except ManifestError:  # the proof says it
        return None


def _of_homebrew(settings: Settings) -> Parts:
    """What this tool and the user have wished for, as far as it is there: what comes along with it
    is Homebrew's to choose, and moves with each thing that is installed."""
    state = host.get_fact(Homebrew)
    wishes = homebrew.wishes(settings)
    names = [*_needed(settings), *(wish.name for wish in wishes.formulae)]
    formulae = {short_name(name): state.formula(name) for name in names if state.has(name)}
    casks = [short_name(wish.name) for wish in wishes.casks if state.has_cask(wish.name)]
    return Parts(
        homebrew_installer=settings.homebrew_installer,
        formulae={name: state.version(formula) for name, formula in formulae.items()},
        casks={name: state.casks[name][-1] for name in casks},
    )


def _needed(settings: Settings) -> list[str]:
    """The formulae that this tool itself installs on a Mac like this."""
    engine = container_engine()
    name = engine.name
    if not engine.answers:
        name = mac_engine.engine_to_have(engine, host.get_fact(MacEngines), settings)
    names = [*mac_engine.formulae_of(name)]
    if name in FORMULA_ENGINES:
        names += ["docker-compose", "docker-buildx"]
    ruby = mac_ruby.ruby_of(settings)
    if ruby.origin == "homebrew":
        names.append(short_name(ruby.directory))
    return names


def _of_the_sites_lock(settings: Settings) -> list[Difference]:
    """Gems that the site's own lock has in another version: it decides what is built."""
    site = current_site(settings)
    text = site.texts.get("Gemfile.lock", "") if site else ""
    locked = locked_parts(host.get_fact(ThisMachine)).gems
    here = {name: version for name, version in _GEM.findall(text) if name in locked}
    return list(differences(Parts(gems={name: locked[name] for name in here}), Parts(gems=here)))


def _tell(lock: Held, differing: Sequence[Difference]) -> None:
    """One finding for each; the gems, which move together, have one for all."""
    others = [one for one in differing if one.kind != "gems"]
    gems = [one for one in differing if one.kind == "gems"]
    for one in others:
        found(
            "lock.differs",
            f"Not as {lock.path} has it: {one.refusal}.",
            mend=way_out(one),
            severity="notice",
        )
    if gems:
        found(
            "lock.gems-differ",
            f"The blog's gems are not as {lock.path} has them: {_some(gems)}.",
            mend=way_out(gems[0]),
            severity="notice",
        )
    if differing and lock.strict:
        ways = dict.fromkeys(way_out(one) for one in [*others, *gems[:1]])
        refuse(
            "lock.refused",
            f"This machine is not as {lock.path} has it: {_some(differing)}.",
            means="--locked refuses to differ.",
            mend=" ".join([*ways, "Without --locked it is only said."]),
        )


def _some(differing: Sequence[Difference]) -> str:
    shown = "; ".join(one.refusal for one in differing[:_SHOWN])
    rest = len(differing) - _SHOWN
    return f"{shown}; and {rest} more" if rest > 0 else shown
