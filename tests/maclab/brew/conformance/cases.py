"""Which machine each recording was made on, and what was done there before."""

from __future__ import annotations

from typing import NamedTuple


class Group(NamedTuple):
    """Recordings of one machine; `before` are steps that lead from it to where they start.

    A step is a command of brew, or one of `half NAME VERSION` (a keg without a receipt, as a
    killed build leaves it), `empty NAME` (an empty rack), `lock NAME`, `cache FILE`,
    `uncache` (without the data of the API), `brewfile NAME` (as the Brewfile there).
    """

    machine: str
    recordings: str
    before: tuple[str, ...] = ()


GROUPS = (
    Group(
        "empty",
        "analytics-state cache caskroom cellar prefix repository version version-default-env "
        "doctor-empty empty-* home-unset cwd-unreadable no-arguments path-minimal "
        "prefix-of-not-installed-formula prefix-of-unknown-formula tap-bad-name tap-list-dirs "
        "tap-bundle-deprecated tap-services-deprecated tap-offline tap-cask-offline-no-api "
        "tap-core "
        "tap-first-time tap-wrong-url tap-info-json-not-tapped untap-unknown unknown-command "
        "unknown-option user-unset user-unset-version install-from-unknown-tap list-not-installed "
        "list-versions-not-installed list-versions-not-installed-but-known tap-empty-trust "
        "shellenv shellenv-bash shellenv-fish shellenv-zsh shellenv-path-without-brew "
        "developer-mode-state developer-off trust-json-empty uninstall-unknown upgrade-unknown "
        "outdated-named-unknown cask-uninstall-unknown",
    ),
    Group("empty", "developer-state-after", ("brew developer on",)),
    Group("half", "half-installed-*"),
    Group("no bottles", "install-core-formula-without-bottle"),
    Group(
        "tapped",
        "untrusted-dependency-install untrusted-deps untrusted-info-* untrusted-install-* "
        "untrusted-search tap-info-json tap-info-json-installed tap-info-text tap-list",
    ),
    Group(
        "tapped, hello-lab",
        "trust-json-after-install-by-full-name trust-list-after-install-by-full-name "
        "list-versions-one install-short-name-again install-full-name-again receipt-of-tap-formula",
    ),
    Group("untrusted, hello-lab", "untrusted-but-installed-*"),
    Group("tapped, formulae trusted", "trust-tap trust-unknown-tap trust-formula"),
    Group("lab", "trust-tap-again tap-info-json-trusted tap-info-json-no-github-api"),
    Group("lab", "untrust-formula", ("brew trust --formula local/lab/foo",)),
    Group("lab, trusted list", "trust-json trust-list trust-file"),
    Group(
        "lab",
        "tap-again tap-again-same-url tap-again-other-url tap-custom-remote cask-install-full-name "
        "cask-install-without-flag cask-mac-only-on-linux cask-unknown install-bottle-with-* "
        "install-bottle install-build-fails install-checksum-mismatch install-dependency-by-itself "
        "install-deprecated install-disabled install-file-missing install-keg-only install-known-* "
        "install-mac-only-formula install-offline install-one-build-* install-one-works-* "
        "install-post-install-fails install-renamed install-short-name install-unknown "
        "install-unknown-* install-with-caveats install-with-dependency install-with-service "
        "install-with-dependency-dry-run install-after-signal-* uninstall-not-installed "
        "uninstall-force-not-installed info-json-not-installed pin-not-installed "
        "outdated-named-not-installed list-after-install-known-and-unknown "
        "list-after-one-build-fails-one-works list-after-signal-term list-cask-versions-named-* "
        "upgrade-not-installed cask-uninstall-not-installed prefix-installed-flag-not-installed",
    ),
    Group("lab", "cask-install-full-name", ("brew untrust local/lab",)),
    Group(
        "lab",
        "tap-custom-remote-back",
        ("brew tap local/lab file:///home/linuxbrew/lab/repos/homebrew-lab.git --custom-remote",),
    ),
    Group("lab", "install-versioned", ("brew install foo",)),
    Group("lab", "install-quiet-flag", ("brew install jq",)),
    Group("lab", "install-link-conflict", ("brew install hello-lab",)),
    Group("lab", "list-after-one-works-one-build-fails", ("brew install tree",)),
    Group("lab", "uninstall-one-of-two-unknown", ("brew install depr-lab",)),
    Group("lab", "list-versions-after-autoremove", ("brew install tree",)),
    Group("lab", "list-after-signal-int*", ("brew install slow-lab",)),
    Group(
        "installed",
        "deps-for-each deps-installed deps-one deps-tree-installed info-json-installed "
        "info-json-alias info-json-named info-json-one-unknown info-json-renamed info-json-service "
        "info-json-v1-installed info-text* info-json-dependency-installed-on-request "
        "leaves* list list-1 list-built-from-source list-formula-by-name list-formula-full-name "
        "list-formula-versions list-full-name list-installed-on-request list-poured-from-bottle "
        "list-versions list-versions-by-* list-versions-json list-versions-named "
        "list-versions-renamed list-versions-after-post-install-failure link-already-linked "
        "link-keg-only link-not-installed outdated-none-json outdated-named-current prefix-* "
        "receipt-of-installed reinstall services-* uninstall-needed-* "
        "uninstall-ignore-dependencies uninstall-two-one-needed upgrade-all-nothing* "
        "upgrade-current uses-installed install-alias-again install-as-dependency-flag "
        "install-bottle-again install-names-an-installed-dependency install-no-github-api "
        "install-one-download-* install-quiet-again install-renamed-again install-two-again unlink "
        "color-forced list-after-uninstall-two-one-needed "
        "lock-other-formula-reinstall",
    ),
    Group(
        "installed",
        "info-json-after-naming-a-dependency info-json-dependency-installed-on-request",
        ("brew install oniguruma",),
    ),
    Group("installed", "outdated-before-fetching outdated-before-update"),
    Group("installed", "services-list-json-after-start", ("brew services start svc-lab",)),
    Group("installed", "unlink-again link install-installed-but-unlinked", ("brew unlink foo",)),
    Group(
        "installed",
        "link-conflict* link-overwrite-dry-run info-json-after-link-conflict "
        "install-again-after-link-conflict list-versions-after-link-conflict uninstall-clash",
        ("brew install clash-lab",),
    ),
    Group(
        "installed",
        "missing missing-after-install missing-doctor missing-list-versions "
        "install-with-missing-dependency",
        ("brew uninstall --ignore-dependencies oniguruma",),
    ),
    Group(
        "with cask",
        "cask-info-* cask-install-again* cask-list* info-json-installed-with-cask list-with-cask "
        "list-versions-with-cask list-versions-json-with-cask uninstall-cask-without-flag",
    ),
    Group(
        "with cask",
        "uninstall-leaves-dependency",
    ),
    Group("with cask", "autoremove*", ("brew uninstall --ignore-dependencies jq",)),
    Group("outdated", "outdated* pin install-outdated-* info-json-outdated"),
    Group("outdated", "unpin-again"),
    Group(
        "outdated, pinned",
        "outdated-pinned* pin-again unpin uninstall-pinned upgrade-pinned-named upgrade-dry-run "
        "install-pinned-outdated info-json-pinned list-pinned",
    ),
    Group("outdated", "upgrade-one-unknown"),
    Group("cask alone", "info-json-installed-cask-only"),
    Group("cask outdated", "upgrade-all upgrade-all-tty-answer-n"),
    Group("cask outdated", "outdated-doctor"),
    Group(
        "upgraded",
        "list-multiple list-after-upgrade-one-unknown cleanup cleanup-dry-run",
        (
            "cache jq--1.8.1.tar.gz",
            "cache jq--1.8.1.x86_64_linux.bottle.tar.gz",
            "cache Cask/castle-lab--3.0.tar.gz",
        ),
    ),
    Group("terminal", "tty-list* tty-upgrade-nothing tty-doctor color-env-no-color-tty"),
    Group("terminal, no jq", "tty-install-*"),
    Group(
        "terminal",
        "lock-list-versions lock-same-formula-install lock-uninstall-same lock-info-json",
        ("brew install tree", "half slow-lab 1.0", "lock slow-lab.formula.lock"),
    ),
    Group("terminal", "lock-update lock-update-held"),
    Group("terminal", "lock-update-held", ("lock update",)),
    Group("bundle", "bundle-check-* bundle-list* bundle-install-satisfied*"),
    Group("bundle, missing", "bundle-cwd-brewfile", ("brewfile ok",)),
    Group("bundle", "bundle-install-no-subcommand bundle-cleanup bundle-cleanup-force"),
    Group("bundle", "bundle-dump-* bundle-cleanup-nothing bundle-syntax-error"),
    Group("bundle", "bundle-unknown-entry bundle-whalebrew bundle-other-types-check"),
    Group(
        "bundle",
        "bundle-dump-file-again bundle-cleanup-nothing bundle-dumped-file",
        ("brew bundle dump --file=lab/bundle/Brewfile",),
    ),
    Group(
        "bundle, tree outdated",
        "bundle-check-outdated* bundle-install-outdated*",
    ),
    Group(
        "bundle, missing",
        "bundle-check-missing* bundle-install-missing* bundle-check-unknown "
        "bundle-install-one-fails "
        "bundle-install-unknown bundle-install-disabled bundle-install-download-fails "
        "list-after-bundle-install-unknown "
        "list-after-bundle-install-download-fails",
    ),
    Group("bundle, missing", "bundle-install-official-cask"),
    Group("bundle, missing", "list-after-bundle-install-one-fails", ("brew install tree",)),
    Group("bundle, missing, with cask", "bundle-install-jobs-1"),
    Group(
        "bundle, untrusted",
        "bundle-check-untrusted bundle-check-untrusted-full-name bundle-check-trusted-option "
        "bundle-install-untrusted bundle-install-untrusted-full-name bundle-install-trusted-option "
        "trust-after-bundle-install-untrusted trust-after-bundle-install-full-name "
        "bundle-install-untapped-tap",
    ),
    Group(
        "bundle, untrusted",
        "trust-after-bundle-trusted-option",
        ("brew bundle install --file=lab/bundle/trusted-option",),
    ),
    Group(
        "cleaned up",
        "trust-after-bundle-cleanup-force info-json-after-bundle-cleanup-force "
        "list-after-bundle-cleanup-force bundle-check-untrusted-installed",
    ),
    Group("cleanup, trusting", "bundle-cleanup-force-trusted-brewfile"),
    Group("lab", "trust-after-bundle-cleanup-force-trusted-brewfile"),
    Group("untrusted, installed", "untrusted-cleanup untrusted-cleanup-verbose"),
    Group("untrusted cask", "untrusted-cask-*"),
    Group("untapping", "untap-with-installed untap-force"),
    Group(
        "after untap",
        "list-full-name-after-untap list-versions-after-untap outdated-after-untap "
        "info-json-installed-after-untap trust-after-untap doctor-after-untap",
    ),
    Group(
        "after untap",
        "list-versions-with-empty-cellar-directory list-with-empty-cellar-directory "
        "info-json-installed-with-empty-cellar-directory doctor-with-empty-cellar-directory",
        ("half halfkeg 1.0", "empty emptykeg"),
    ),
    Group(
        "after untap, tapped",
        "doctor-after-signal-kill info-json-after-signal-kill list-after-signal-kill",
        ("half slow-lab 1.0",),
    ),
    Group("after untap, tapped", "info-json-after-signal-int", ("brew install slow-lab",)),
    Group("other user", "other-user-*"),
    Group("root", "root-*"),
    Group("auto, nothing new", "auto-update-nothing-new"),
    Group("auto, recent", "auto-update-recent update-if-needed"),
    Group("auto, news", "auto-update-finds-news"),
    Group(
        "auto, upgrade",
        "auto-update-before-upgrade",
        ("cache tree--2.5.0.x86_64_linux.bottle.tar.gz",),
    ),
    Group("outdated", "install-outdated-upgrades", ("cache hello-lab--1.0.tar.gz",)),
    Group("auto, outdated", "auto-update-before-outdated-json"),
    Group("auto, offline", "auto-update-offline-git"),
    Group("auto, tapped", "auto-update-before-bundle-check auto-update-before-tap"),
    Group(
        "auto, outdated",
        "first-list-versions-after-update",
    ),
    Group("update, core", "update-core-changed"),
    Group("update, outdated", "update-with-outdated"),
    Group("update, nothing", "update-nothing-new update-quiet-nothing-new update-brew-itself"),
    Group("after untap", "update-after-brew-update version-after-update"),
    Group("update, offline", "update-offline-git"),
    Group("no api, untapped", "update-nothing-new-api-mode-offline"),
    Group("no api", "api-offline-* default-env-offline-*"),
    Group(
        "api",
        "api-bundle-* api-deps-installed api-doctor api-info-json-* api-install-again api-leaves "
        "api-list-* api-missing api-outdated-json api-receipt api-services api-uninstall-needed "
        "api-update api-upgrade-nothing api-version api-tap-list-after api-tap-info-*-after "
        "api-auto-update-recent api-search",
    ),
    Group(
        "api, empty",
        "api-empty-* api-install api-install-cask api-install-known-* api-install-near-miss "
        "api-install-unknown api-install-with-full-core-name api-tap-add api-tap-core api-tap-list "
        "api-tap-info-json-installed",
    ),
    Group("api, empty", "api-first-command-downloads-api", ("uncache",)),
    Group("api, tapped", "api-untrusted-short-name api-install-tap-full-name"),
    Group("api, old", "api-auto-update api-auto-update-bundle-check"),
    Group("api, offline", "api-cached-offline-*"),
    Group("api, offline, old", "api-cached-offline-auto-update"),
    Group(
        "api, offline, tree missing",
        "api-cached-offline-install-bottle api-cached-offline-bundle-check "
        "api-cached-offline-install-new",
    ),
    Group("api, stale, tree missing", "api-stale-offline-*"),
)

# Recordings that are not kept here, by the reason why.
EXCLUDED = {
    "what the installer and the uninstaller say": (
        "installer-again-when-installed installer-git-ok-but-ruby-download-fails "
        "installer-help installer-offline installer-other-user-no-sudo "
        "installer-rerun-api-mode-offline installer-success root-installer "
        "uninstaller-dry-run"
    ),
    "signals during a build of 25 seconds": (
        "ls-after-signal-int ps-after-signal-term signal-int-brew-only signal-int-group "
        "signal-kill-group signal-term-brew-only"
    ),
    "root in a Linux container, which macOS does not have": (
        "root-in-container-bundle-check root-in-container-install-installed "
        "root-in-container-list-versions root-in-container-tap-again "
        "root-in-container-update root-in-container-version"
    ),
    "a forged signature of the API's data": ("api-bad-signature"),
    "a traceback of the recording machine's own Ruby library": ("cache-not-writable"),
    "commands that are not simulated": (
        "api-offline-search api-search bundle-add bundle-exec bundle-remove commands "
        "developer-command-first-time developer-command-second-time fetch-offline search "
        "untrusted-search"
    ),
    "hardware and tools of the recording machine": ("api-config config"),
    "pipes that belong to another user": (
        "bundle-check-stdin-pipe-of-another-user bundle-dump-stdout-pipe-of-another-user"
    ),
    "ls(1) and shell scripts": (
        "cask-which lock-files lock-update-while-update ls-cellar prefix-not-writable "
        "shellenv-second-time"
    ),
}
