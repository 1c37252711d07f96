"""What `ruby` does here with a program: there is no Ruby, so those that matter are acted out.

They are a few words after -e and -r, and two scripts of this project: `gems.rb` and `load.rb`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .call import Call
from .gem_catalogue import known
from .gemfile import add_platform, knows, read_lock
from .rubies import InstalledGem, Ruby, library, trouble, unbuilt

_LIBRARIES = ("openssl", "psych", "json", "bigdecimal")  # compiled ones that Ruby brings
_STANDARD = {
    *_LIBRARIES,
    *("bundler", "date", "etc", "fileutils", "json", "open3", "rbconfig", "rubygems", "set"),
    *("socket", "stringio", "tempfile", "time", "uri", "yaml", "zlib"),
}
_WENT = {"webrick": "3.0", "csv": "3.4", "base64": "3.4", "bigdecimal": "3.4", "logger": "4.0"}

Loaded = Sequence[InstalledGem]


class LoadError(Exception):
    """What Ruby's LoadError says."""


def run(call: Call, ruby: Ruby, words: Sequence[str], bundle: Loaded | None = None) -> int:
    """Run Ruby with these words; `bundle` are the gems that Bundler lets it see (None: all)."""
    code: list[str] = []
    rest = list(words)
    try:
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option[:2] == "-r":
                require(ruby, option[2:] or rest.pop(0), bundle)
            elif option[:2] == "-e":
                code.append(option[2:] or rest.pop(0))
        if code:
            return _evaluate(call, ruby, "\n".join(code), bundle)
    except LoadError as error:
        where = "<internal:rubygems/core_ext/kernel_require.rb>:136:in 'Kernel#require'"
        return call.fails(f"{where}: {error} (LoadError)")
    if not rest:
        return call.fails("ruby: a program from standard input is not simulated")
    return _script(call, ruby, rest[0], rest[1:], bundle)


def require(ruby: Ruby, name: str, bundle: Loaded | None = None) -> None:
    """Raises:
    LoadError: it is not there, or what is compiled in it does not load.
    """
    if name in _WENT and ruby.minor >= _WENT[name] and bundle is None and name != "logger":
        return  # a gem that comes with Ruby, and that Bundler hides
    standard = name in _STANDARD | set(_WENT)
    if standard and ruby.minor < _WENT.get(name, "9"):
        for brought in (ruby.prefix / "lib/ruby" / ruby.abi).rglob(f"{name}.bundle"):
            if said := trouble(ruby, brought):
                raise LoadError(said)
        return
    seen = ruby.installed(ruby.gem_path) if bundle is None else bundle
    found = [gem for gem in seen if name in (gem.name, gem.name.replace("-", "/"))]
    usable = [gem for gem in found if bundle is not None or not unbuilt(ruby, gem)]
    for gem in found if not usable else []:
        told = f"{gem.full_name} because its extensions are not built"
        ruby.call.err(
            f"Ignoring {told}. Try: gem pristine {gem.name} --version {gem.version}",
        )
    if not usable:
        raise LoadError(f"cannot load such file -- {name}")
    file = library(ruby, usable[-1])
    if file and (said := trouble(ruby, file)):
        raise LoadError(said)


def _evaluate(call: Call, ruby: Ruby, code: str, bundle: Loaded | None) -> int:
    for statement in filter(None, (part.strip() for part in re.split(r"[;\n]", code))):
        wanted = re.fullmatch(r"require[ (]+[\"']([\w/.-]+)[\"']\)?", statement)
        shown = re.fullmatch(r"(puts|print|p)[ (]+(.+?)\)?", statement)
        if wanted:
            require(ruby, wanted[1], bundle)
        elif shown:
            value = _value(ruby, shown[2])
            if value is None:
                return call.fails(f"-e:1: {shown[2]} is not simulated")
            text = f'"{value}"' if shown[1] == "p" else value
            print(text, end="" if shown[1] == "print" else "\n", file=call.stdout)
        elif not re.fullmatch(r"\d+|nil|true|exit", statement):
            return call.fails(f"-e:1: {statement} is not simulated")
    return 0


def _value(ruby: Ruby, expression: str) -> str | None:
    root = ruby.call.root
    path = [f"/{one.relative_to(root)}" for one in ruby.gem_path]
    return {
        "RUBY_VERSION": ruby.version,
        "RUBY_PLATFORM": ruby.platform.replace("darwin-", "darwin"),
        "RUBY_ENGINE": "ruby",
        "RbConfig.ruby": f"{ruby.path}/bin/ruby",
        'RbConfig::CONFIG["ruby_version"]': ruby.abi,
        "Gem::VERSION": ruby.rubygems,
        "Gem::Platform.local": ruby.platform,
        "Gem.dir": path[0],
        "Gem.user_dir": path[-1],
        "Gem.path": "\n".join(path),
        'Gem.path.join(":")': ":".join(path),
        "Gem.bindir": f"{path[0]}/bin",
    }.get(expression)


# This project's own scripts


def _script(call: Call, ruby: Ruby, path: str, words: Sequence[str], bundle: Loaded | None) -> int:
    file = call.path(path) if path.startswith("/") else call.cwd / path
    if not file.exists():
        said = f"No such file or directory -- {path}"
        return call.fails(f"ruby: {said} (LoadError)")
    if file.name == "load.rb" and bundle is not None:
        return _load(call, ruby, bundle)
    if file.name == "gems.rb":
        return _gems(call, ruby, list(words))
    return call.fails(f"ruby: {path} is not simulated")


def _load(call: Call, ruby: Ruby, bundle: Loaded) -> int:
    broken = []
    for gem in bundle:
        if gem.name != "jekyll" and known(gem.name).kind == "ruby":
            continue
        try:
            require(ruby, gem.name, bundle)
        except LoadError as error:
            broken.append(f"{gem.name} {gem.version} does not load: {error}")
    return call.fails("\n".join(broken)) if broken else 0


def _gems(call: Call, ruby: Ruby, without: list[str]) -> int:
    gemfile, lock = call.cwd / "Gemfile", call.cwd / "Gemfile.lock"
    listed = f"[{', '.join(_quoted(name) for name in without)}]"
    if not gemfile.exists():
        plugins = ", ".join(_quoted(name) for name in _configured(call) if name not in without)
        gemfile.write_text(
            'source Gem.sources.first.uri.to_s\ngem "jekyll"\n'
            f'group(:jekyll_plugins) {{ [{plugins}].each {{ |name| gem name.tr("/", "-") }} }}\n'
        )
    elif without:
        gemfile.rename(call.cwd / "Gemfile.whole")
        gemfile.write_text(
            'eval_gemfile "Gemfile.whole"\n'
            f"dependencies.reject! {{ |gem| {listed}.include?(gem.name) }}\n"
        )
    if lock.exists() and not knows(read_lock(lock), ruby.platform):
        add_platform(lock, ruby.platform)
    return 0


def _configured(call: Call) -> list[str]:
    """Plugins and theme of a configuration, as far as they are written in the usual ways."""
    names: list[str] = []
    for name in ("_config.yml", "_config.yaml"):
        file = call.cwd / name
        key = ""
        for line in file.read_text().splitlines() if file.exists() else []:
            found = re.match(r"(\w+):\s*(.*)", line)
            key = found[1] if found else key
            told = found[2] if found else line.strip().removeprefix("-").strip()
            if key in ("plugins", "gems", "theme"):
                names += re.findall(r"[\w./-]+", told.partition("#")[0])
            elif found and key == "remote_theme":
                names.append("jekyll-remote-theme")
    return list(dict.fromkeys(names))


def _quoted(name: str) -> str:
    return f'"{name}"'


# Jekyll, as `bundle exec` runs it


def jekyll(call: Call, ruby: Ruby, words: list[str], bundle: Loaded) -> int:
    own = next(gem for gem in bundle if gem.name == "jekyll")
    path = f"/{own.directory.relative_to(call.root)}/lib/jekyll.rb"
    names = [gem.name for gem in bundle]
    if ruby.minor >= "4.0" and "logger" not in names:
        call.err(
            f"{path}:26: warning: logger used to be loaded from the standard library, but is not "
            "part of the default gems since Ruby 4.0.0.\n"
            "You can add logger to your Gemfile or gemspec to fix this error."
        )
    for needed in ("logger", "csv", *(name for name in names if known(name).kind != "ruby")):
        try:
            require(ruby, needed, bundle)
        except LoadError as error:
            call.err(f"bundler: failed to load command: jekyll ({path})")
            return call.fails(f"bundled_gems.rb:60:in 'Kernel.require': {error} (LoadError)")
    if words[:1] in (["--version"], ["-v"]):
        call.out(f"jekyll {own.version}")
        return 0
    if words[:1] != ["build"]:
        return call.fails(f"jekyll {' '.join(words)}: not simulated")
    site = call.cwd / "_site"
    site.mkdir(exist_ok=True)
    (site / "index.html").write_text("<!doctype html><title>A site</title>\n")
    call.out("      Generating... \n                    done in 0.1 seconds.")
    return 0
