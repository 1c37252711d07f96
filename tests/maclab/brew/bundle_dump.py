"""What `brew bundle dump` writes."""

from __future__ import annotations

from .brew import Brew
from .catalogue import CORE, default_remote
from .names import installed, installed_casks
from .sources import source


@source(
    "bundle-dump-stdout",
    "bundle-dump-no-describe",
    "untrusted-cask-bundle-dump",
    "api-bundle-dump",
)
def lines(brew: Brew, *, describe: bool) -> list[str]:
    """The lines of a Brewfile for what is installed, on request and trusted."""
    entries = brew.trust.entries()
    said = []
    for name in brew.taps.installed():
        remote = brew.taps.remote(name)
        url = "" if remote == default_remote(name) else f', "{remote}"'
        trusted = ", trusted: true" if name in entries["taps"] else ""
        said.append(f'tap "{name}"{url}{trusted}')
    asked = [one for one in installed(brew) if one.keg.receipt().get("installed_on_request")]
    for one in sorted(asked, key=lambda one: (one.formula.tap != CORE, one.formula.full_name)):
        full_name = one.formula.full_name
        said += [f"# {one.formula.desc}"] if describe and one.formula.desc else []
        trusted = ", trusted: true" if full_name in entries["formulae"] else ""
        said.append(f'brew "{full_name}"{trusted}')
    for cask, _ in sorted(installed_casks(brew), key=lambda pair: pair[0].full_token):
        said += [f"# {cask.desc}"] if describe and cask.desc else []
        trusted = ", trusted: true" if cask.full_token in entries["casks"] else ""
        said.append(f'cask "{cask.full_token}"{trusted}')
    return said
