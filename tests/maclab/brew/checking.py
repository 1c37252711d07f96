"""`brew doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .asking import missing_of
from .brew import Brew
from .console import Failure
from .names import find_formula
from .options import parse
from .sources import source

_PREAMBLE = """Please note that these warnings are just used to help the Homebrew maintainers
with debugging if you file an issue. If everything you use Homebrew for is
working fine: please don't worry or file an issue; just ignore this. Thanks!"""
_TIER_2 = """This is a Tier 2 configuration:
  {tiers}
{may_report}
  {trouble}
Read the above document before opening any issues or PRs."""


@source(
    "doctor-empty",
    "tty-doctor",
    "outdated-doctor",
    guess="`Your system is ready to brew.`, --list-checks, and the names of checks",
)
def doctor(brew: Brew, arguments: list[str]) -> int:
    options = parse(arguments, "list-checks audit-debug json")
    known = list(dict.fromkeys([*_KEGS, *brew.machine.doctor, *_OF_THE_SYSTEM, *_OTHER_CHECKS]))
    if "list-checks" in options:
        brew.console.names(sorted(known))
        return 0
    brew.need_api()
    chosen = options.names or known
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise Failure(f"Invalid usage: Unknown check: {unknown[0]}")
    warnings = [text for name in chosen for text in _warnings(brew, name)]
    if not warnings:
        if "quiet" not in options:
            brew.console.out("Your system is ready to brew.")
        return 0
    if "quiet" not in options:
        brew.console.err(brew.console.bold(_PREAMBLE))
    for text in warnings:
        brew.console.err()
        brew.console.warn(text)
    if "quiet" not in options and brew.machine.os == "linux":
        _tier_2(brew)
    return 1


def _warnings(brew: Brew, name: str) -> Iterator[str]:
    check = (_KEGS | _OTHER_CHECKS).get(name)
    if check:
        yield from check(brew)
    if name in brew.machine.doctor:
        yield brew.machine.doctor[name]


def _tier_2(brew: Brew) -> None:
    console = brew.console
    report = "You can report issues with Tier 2 configurations to Homebrew/* repositories!"
    console.out(
        _TIER_2.format(
            tiers=console.link("https://docs.brew.sh/Support-Tiers#tier-2"),
            may_report=console.bold(report),
            trouble=console.link("https://docs.brew.sh/Troubleshooting"),
        )
    )


@source("doctor-with-empty-cellar-directory")
def _without_formulae(brew: Brew) -> Iterator[str]:
    lost = [
        keg.name
        for keg in brew.kegs.all()
        if not find_formula(brew, f"{keg.tap}/{keg.name}" if keg.tap else keg.name)
    ]
    if lost:
        yield (
            "Some installed kegs have no formulae!\n"
            "This means they were either deleted or installed manually.\n\n\n"
            "You should find replacements for the following formulae:\n  " + "\n  ".join(lost)
        )


@source("doctor-after-signal-kill")
def _unlinked(brew: Brew) -> Iterator[str]:
    loose = []
    for keg in brew.kegs.all():
        formula = find_formula(brew, keg.name)
        if not brew.kegs.linked(keg.name) and not (formula and formula.keg_only):
            loose.append(keg.name)
    if loose:
        yield (
            "You have unlinked kegs in your Cellar.\n"
            "Leaving kegs unlinked can lead to build-trouble and cause formulae that depend on\n"
            "those kegs to fail to run properly once built.\n\n"
            "Run `brew link` on these:\n  " + "\n  ".join(loose)
        )


@source("untrusted-but-installed-doctor", "other-user-install-core")
def untrusted_taps(brew: Brew) -> Iterator[str]:
    """What is said of taps that are not trusted; otherwise if formulae of them are installed."""
    trusted = brew.trust.entries()["taps"]
    others = [name for name in brew.taps.installed() if not brew.taps.official(name)]
    taps = [name for name in others if name not in trusted]
    if not taps or not brew.trust.required:
        return
    names = [f"{keg.tap}/{keg.name}" for keg in brew.kegs.all() if keg.tap in taps]
    ignored = _IGNORED.format(taps="\n  ".join(taps))
    whole = _WHOLE.format(taps=" ".join(taps))
    untap = f"Untap them with:\n  brew untap {' '.join(taps)}\n"
    more = "For more information, see:\n  https://docs.brew.sh/Tap-Trust"
    if names:
        prefer = _PREFER.format(names=" ".join(names))
        yield f"{ignored}{prefer}{_OTHERS}{whole}{untap}{_DISABLE}{more}"
    else:
        yield f"{ignored}{untap}{_SPECIFIC}{_OTHERS_BARE}{whole}{more}"


_IGNORED = """The following taps are not trusted:
  {taps}

Homebrew is currently ignoring formulae, casks and commands from these taps because \
tap trust is required.

"""
_PREFER = """Prefer trusting only the specific formulae, casks or commands you need.
Trust installed formulae from these taps with:
  brew trust --formula {names}
"""
_OTHERS_BARE = """  brew trust --cask <user>/<tap>/<cask>
  brew trust --command <user>/<tap>/<command>
"""
_OTHERS = f"Trust other specific casks and commands with:\n{_OTHERS_BARE}"
_SPECIFIC = """Trust specific formulae, casks and commands with:
  brew trust --formula <user>/<tap>/<formula>
"""
_WHOLE = """Whole-tap trust is broader and includes all current and future formulae,
casks and commands from the listed taps. Trust whole taps with:
  brew trust {taps}
"""
_DISABLE = """To disable trust checks:
  export HOMEBREW_NO_REQUIRE_TAP_TRUST=1
This is not recommended and will be removed in a later release.
"""


@source("missing-doctor")
def _missing(brew: Brew) -> Iterator[str]:
    absent = sorted({name for names in missing_of(brew).values() for name in names})
    if absent:
        yield (
            "Some installed formulae or casks are missing dependencies.\n"
            "Run `brew missing` for more details.\n\n"
            "You should `brew install` the missing dependencies:\n"
            f"  brew install {' '.join(absent)}"
        )


_KEGS: dict[str, Callable[[Brew], Iterator[str]]] = {
    "check_for_installed_kegs_without_formulae": _without_formulae,
    "check_for_unlinked_but_not_keg_only": _unlinked,
}
_OTHER_CHECKS: dict[str, Callable[[Brew], Iterator[str]]] = {
    "check_for_untrusted_taps": untrusted_taps,
    "check_missing_deps": _missing,
}
_OF_THE_SYSTEM = (
    "check_clt_minimum_version",
    "check_if_supported_sdk_available",
    "check_pkgconf_macos_sdk_mismatch",
    "check_xcode_license_approved",
)
