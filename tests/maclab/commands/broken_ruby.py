"""What an upgrade of macOS breaks of Ruby, of gems and of the shell's files: facts after-upgrade.

Presets, each on a Mac that this project has set up already.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from .call import Call
from .presets import _preset as preset
from .rubies import InstalledGem, Ruby, library, put_program, ruby_at, write_gem, write_library
from .system import System

GEMS = ".cache/bootstrapper/gems"
OPENSSL = "/usr/local/opt/openssl@1.1/lib/libssl.1.1.dylib"  # after-upgrade 32
_STOCK = """if [ -x /usr/libexec/path_helper ]; then
\teval `/usr/libexec/path_helper -s`
fi
"""


@preset("etc-reset", "root")
def etc_reset(call: Call) -> None:
    """The upgrade has put back the shells' own files: after-upgrade 28."""
    for name in ("zprofile", "zsh/zprofile"):
        call.path(f"/etc/{name}").write_text(_STOCK)
    for name in ("zshrc", "bashrc"):
        call.path(f"/etc/{name}").write_text("# System-wide; put back by the upgrade.\n")


@preset("touch-id", "root")
def touch_id(call: Call, *files: str) -> None:
    """A fingerprint does for sudo by these files in /etc/pam.d, and by no other: after-upgrade 29;
    facts macos, sudo_local.template."""
    for name in ("sudo", "sudo_local"):
        file = call.path(f"/etc/pam.d/{name}")
        lines = file.read_text().splitlines() if file.exists() else []
        kept = [line for line in lines if "pam_tid" not in line]
        ours = ["auth       sufficient     pam_tid.so"] if name in files else []
        file.write_text("\n".join([*ours, *kept, ""]))


@preset("openssl-gone", "dev")
def openssl_gone(call: Call, directory: str) -> None:
    """A Ruby's own openssl is linked against a library that is gone: after-upgrade 32."""
    own = _ruby(call, directory)
    extensions = own.prefix / "lib/ruby" / own.abi / own.platform.replace("darwin-", "darwin")
    write_library(own, extensions / "openssl.bundle", needs=OPENSSL)


@preset("gems-of-another-architecture", "dev")
def gems_of_another_architecture(call: Call, directory: str) -> None:
    """Our gems, and the user's own, are an Intel Mac's: after-upgrade 33."""
    own = _ruby(call, directory)
    wrong = "x86_64" if call.state(System).arch == "arm64" else "arm64"
    for home in (*_ours(call), own.user_home):
        for gem in own.installed([home]):
            if gem.home == home and (file := library(own, gem)) and file.exists():
                write_library(own, file, arch=wrong)
    _stamp(call, rf"{wrong}-darwin\2")


@preset("gems-of-an-older-macos", "dev")
def gems_of_an_older_macos(call: Call, directory: str) -> None:
    """What is compiled in our gems was built two releases ago: "extensions are not built"."""
    own = _ruby(call, directory)
    arch, _, darwin = own.platform.partition("-darwin-")
    older = int(darwin) - 2
    for home in _ours(call):
        built = home / "extensions" / own.platform
        if built.exists():
            # overlayfs renames no directory of a lower layer
            shutil.move(built, built.with_name(f"{arch}-darwin-{older}"))
    _stamp(call, rf"\1-darwin{older}")


@preset("no-bundler", "dev")
def no_bundler(call: Call, version: str) -> None:
    """A Bundler that was installed is gone with the Ruby that had it: after-upgrade 36."""
    for found in call.path("/opt/homebrew").glob(f"**/gems/bundler-{version}"):
        shutil.rmtree(found)


@preset("system-ruby-gone", "root")
def system_ruby_gone(call: Call) -> None:
    """Programs of a system Ruby that is no more: after-upgrade 34, jekyll/jekyll#6579."""
    usr = "/System/Library/Frameworks/Ruby.framework/Versions/2.0/usr"
    for folder in ("/usr/bin", "/usr/local/bin"):
        for name in ("gem", "bundle", "bundler", "jekyll"):
            file = call.path(folder) / name
            put_program(file, name, "")
            file.write_text(f"#!{usr}/bin/ruby\n")
    call.path("/usr/bin/ruby").unlink()


@preset("user-gem", "dev")
def user_gem(call: Call, directory: str, name: str, version: str) -> None:
    """A gem that the user has installed for himself."""
    own = _ruby(call, directory)
    write_gem(own, InstalledGem(own.user_home, name, version))


def _ruby(call: Call, directory: str) -> Ruby:
    return ruby_at(call, call.path(directory).resolve())


def _ours(call: Call) -> Iterator[Path]:
    yield from (call.home / GEMS).glob("*/ruby/*")


def _stamp(call: Call, system: str) -> None:
    for stamp in (call.home / GEMS).glob("*/stamp"):
        stamp.write_text(re.sub(r"^(\w+)-darwin(\d+)", system, stamp.read_text()))
