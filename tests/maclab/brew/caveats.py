"""What brew tells the user after an installation: keg-only, services, a formula's own words."""

from __future__ import annotations

from .brew import Brew
from .catalogue import Formula
from .sources import source

_REASONS = {
    ":versioned_formula": "this is an alternate version of another formula",
    ":provided_by_macos": "macOS already provides this software",
    ":shadowed_by_macos": (
        "macOS already provides this software and installing another version in\n"
        "parallel can cause all kinds of trouble"
    ),
}


def keg_only_explanation(formula: Formula) -> dict[str, str] | None:
    """The field `keg_only_reason` of the JSON."""
    if not formula.keg_only:
        return None
    return {"reason": formula.keg_only, "explanation": ""}


def caveats_of(brew: Brew, formula: Formula, *, shadowed: str = "") -> str:
    """All caveats of a formula, without a heading; `shadowed` is said after the keg-only part."""
    parts = [formula.caveats.rstrip("\n")] if formula.caveats else []
    if formula.keg_only:
        parts.append(_keg_only(brew, formula))
    if shadowed:
        parts.append(shadowed)
    if formula.service:
        parts.append(_service(formula))
    return "\n\n".join(parts)


@source(
    "install-keg-only",
    "install-versioned",
    guess="the reasons that name macOS, and ~/.zshrc for zsh",
)
def _keg_only(brew: Brew, formula: Formula) -> str:
    reason = _REASONS.get(formula.keg_only, formula.keg_only)
    text = (
        f"{formula.name} is keg-only, which means it was not symlinked into "
        f"{brew.machine.prefix},\nbecause {reason}."
    )
    if not formula.executables:
        return text
    line = path_line(brew, formula)
    return f"{text}\n\nIf you need to have {formula.name} first in your PATH, run:\n{line}"


def path_line(brew: Brew, formula: Formula) -> str:
    """The command that puts a keg-only formula first in the user's PATH."""
    zsh = brew.environment.get("SHELL", "").endswith("zsh")
    folder = f"{brew.machine.prefix}/opt/{formula.name}/bin"
    return f"  echo 'export PATH=\"{folder}:$PATH\"' >> ~/{'.zshrc' if zsh else '.profile'}"


@source("install-with-service", documents=("published output of `brew install colima`, 2026",))
def _service(formula: Formula) -> str:
    assert formula.service
    return (
        f"To start {formula.full_name} now and restart at login:\n"
        f"  brew services start {formula.full_name}\n"
        "Or, if you don't want/need a background service you can just run:\n"
        f"  {' '.join(formula.service['run'])}"
    )


@source("install-versioned")
def shadowed_by_linked(brew: Brew, formula: Formula) -> str:
    """That the commands of a keg-only version are those of the linked one."""
    owner = formula.name.partition("@")[0]
    linked = brew.kegs.linked(owner)
    names = [
        name for name in formula.executables if (brew.machine.prefix / "bin" / name).is_symlink()
    ]
    if not (formula.keg_only and owner != formula.name and linked and names):
        return ""
    lines = [
        f"The following {formula.name} executables are shadowed by other linked Homebrew commands:",
        *(
            f"  {name} (shadowed by {brew.machine.prefix}/bin/{name} from {owner})"
            for name in names
        ),
        "Running these by name will not invoke the version provided by this formula.",
        f"Run `brew link {formula.name}` to switch the active version to this keg.",
    ]
    if brew.console.hints:
        lines += [
            "Disable this behaviour by setting `HOMEBREW_NO_PATH_SHADOW_CHECK=1`.",
            "Hide these hints with `HOMEBREW_NO_ENV_HINTS=1` (see `man brew`).",
        ]
    return "\n".join(lines)


@source("install-link-conflict")
def shadowed_in_path(brew: Brew, formula: Formula) -> str:
    """That the commands of a formula which could not be linked are somebody else's."""
    names = [
        name for name in formula.executables if (brew.machine.prefix / "bin" / name).is_symlink()
    ]
    if not names:
        return ""
    return "\n".join(
        [
            f"The following {formula.name} executables are shadowed by other commands earlier "
            "in your PATH:",
            *(f"  {name} (shadowed by {brew.machine.prefix}/bin/{name})" for name in names),
            "Running these by name will not invoke the version provided by Homebrew.",
        ]
    )
