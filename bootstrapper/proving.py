"""Proves the blog of one machine: what it should serve, what was built, what is really served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyinfra.context import host

from bootstrapper.answers import FactFailed
from bootstrapper.engine import Engine
from bootstrapper.inventory import THIS_MACHINE
from bootstrapper.proof import Proof, prove
from bootstrapper.proof.verdict import shown
from bootstrapper.results import Failure
from deploys.build import (
    CONTAINER,
    REPOSITORY,
    base_images,
    build_of,
    container_engine,
    current_site,
)
from deploys.facts.built_site import BuiltSite, ManifestError
from deploys.facts.docker import ServedSite
from deploys.settings import Settings

if TYPE_CHECKING:
    from bootstrapper.proof.against import Comparison
    from bootstrapper.proof.against.places import Site

START_SECONDS = 10.0
SHOWN = 8
SHOWN_WARNINGS = 3  # of each kind

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Verdict:
    """A proof, or why none could be made. `wanted` is the build of the site as it is now, `site`
    what is served; `comparison` is with the old site, if there was one."""

    proof: Proof | None = None
    failure: Failure | None = None
    wanted: str = ""
    site: BuiltSite | None = None
    comparison: Comparison | None = None

    @property
    def served(self) -> str:
        """The id of the build that is served."""
        return self.site.build_id if self.site else ""

    @property
    def is_current(self) -> bool:
        """Whether what the container was built from is the site as it is now."""
        return self.wanted == self.served

    @property
    def ok(self) -> bool:
        """Whether the site as it is now is served, byte for byte."""
        return self.proof is not None and self.proof.ok and self.is_current

    @property
    def summary(self) -> str:
        """The verdict in one line of words."""
        if self.proof is None:
            return "The blog could not be checked."
        if not self.is_current:
            return (
                f"Not proved: an older build is served ({self.served}); the site is {self.wanted} "
                "by now. Run bootstrap.py to build it."
            )
        return self.proof.summary

    @property
    def details(self) -> tuple[str, ...]:
        """The first differences, and the first warnings of each kind, one line each."""
        if self.proof is None:
            return ()
        faults = [str(fault) for fault in self.proof.faults]
        lines = faults[:SHOWN]
        if len(faults) > SHOWN:
            lines.append(f"… and {len(faults) - SHOWN} more, in the log")
        if faults and self.is_current:
            lines.insert(
                0,
                f"If it stays so, the image was changed by hand: docker rm -f {CONTAINER}; "
                f"docker image rm {REPOSITORY}:{self.served}; then run bootstrap.py again.",
            )
        return (*lines, *shown(self.proof.warnings, SHOWN_WARNINGS))

    def as_json(self) -> dict[str, Any]:
        """For programs: the proof's own keys, and what makes it one of this site."""
        return {
            **(self.proof.as_json() if self.proof else {"version": 1}),
            "ok": self.ok and (self.comparison is None or self.comparison.ok),
            "summary": self.summary,
            "wanted_build": self.wanted,
            "served_build": self.served,
            "failure": asdict(self.failure) if self.failure else None,
            "against": self.comparison.as_json() if self.comparison else None,
        }


def prove_blog(engine: Engine, machine: str, settings: Settings, on_progress: Progress) -> Verdict:
    """Compare what a machine's container serves with what it was built from, and that with the
    site as it is now."""
    if machine != THIS_MACHINE:
        return Verdict(
            failure=Failure(
                "its blog answers on its own loopback address only",
                mend=f"Run the proof there: ssh {machine} python3 bootstrap.py verify",
            )
        )
    try:
        wanted, served = engine.ask(machine, lambda: _builds(settings))
    except FactFailed as error:
        return Verdict(failure=error.failure)
    except ManifestError as error:
        return Verdict(failure=Failure(str(error), mend="Run bootstrap.py to build it again."))
    if isinstance(served, Failure):
        return Verdict(failure=served)
    proof = prove(
        served,
        f"http://127.0.0.1:{settings.blog_port}",
        wait_seconds=START_SECONDS,
        site_url=served.url,
        on_progress=on_progress,
    )
    return Verdict(proof, None, wanted, served)


def compare_blog(
    verdict: Verdict,
    old: Site,
    directory: Path,
    most_pages: int | None,
    tell: Callable[[str], None],
) -> Verdict:
    """Compare a blog that was proved with the old site that it is to replace."""
    from bootstrapper.proof.against import NewSite, compare  # few runs need it: it is imported late

    proof, site = verdict.proof, verdict.site
    if proof is None or site is None:
        return verdict
    new = NewSite(proof.base_url, site.build_id, site.baseurl, site.url)
    compared = compare(old, new, directory, most_pages=most_pages, tell=tell)
    return replace(verdict, comparison=compared)


def _builds(settings: Settings) -> tuple[str, BuiltSite | Failure]:
    """The id of the build that the site wants, and the build that is served."""
    engine = container_engine()
    if not engine.answers:
        return "", Failure(
            f"no container engine answers: {engine.reason}", mend="Run bootstrap.py to start it."
        )
    site = current_site(settings)
    if site is None:
        return "", Failure(f"there is no site at {settings.blog}", mend="Give it with --blog.")
    wanted = build_of(settings, site, base_images(settings)).id
    return wanted, host.get_fact(ServedSite, client=engine.client, container=CONTAINER)
