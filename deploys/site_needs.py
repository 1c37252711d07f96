"""What a site asks for, read from the text of its own files; decides, changes nothing.

Ruby and Bundler read the same files where the site is built, and have the last word; this is what
can be said before anything is. Jekyll's own reading is in `files/blog/wishes.rb`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from deploys.facts.mac_ruby import Wish
from deploys.facts.site import Site

REMOTE_THEME = "jekyll-remote-theme"
PAGES_GEM = "github-pages"
NEWEST_RUBY = "3.4"

# Plugins and themes of GitHub Pages (github/pages-gem, lib/github-pages/plugins.rb).
PAGES_PLUGINS = frozenset(
    {
        *("jekyll-coffeescript", "jekyll-commonmark-ghpages", "jekyll-gist"),
        *("jekyll-github-metadata", "jekyll-paginate", "jekyll-relative-links"),
        *("jekyll-optional-front-matter", "jekyll-readme-index", "jekyll-default-layout"),
        *("jekyll-titles-from-headings", "jekyll-feed", "jekyll-redirect-from", "jekyll-seo-tag"),
        *("jekyll-sitemap", "jekyll-avatar", "jemoji", "jekyll-mentions", "jekyll-include-cache"),
        *("jekyll-octicons", REMOTE_THEME, "jekyll-swiss", "minima"),
    }
)

# What a site is without a plugin, as the plugin's own description has it.
_LOST = {
    "jekyll-admin": "nothing of the site: it is for editing",
    "jekyll-asciidoc": ".adoc files, posts too, are served as they are written",
    "jekyll-haml": ".haml files are served as they are written",
    "jekyll-scholar": "its bibliographies; a tag of it stops the build where it is used",
    "jekyll-compose": "nothing of the site: it is for writing",
    "jekyll-coffeescript": ".coffee files are not turned into JavaScript",
    "jekyll-email-protect": "its filter, which stops the build where it is used",
    "jekyll-minifier": "files stay as large as they are written",
    "jekyll-octicons": "its tag, which stops the build where it is used",
    "jekyll-target-blank": "links to elsewhere open in the same tab",
    "jemoji": "words such as :smile: stay words",
    "html-proofer": "nothing of the site: it checks links",
}
_LOST_THEME = "its layouts and styles: pages that use them come without"
_LOST_OTHER = "what it adds; a tag or filter of it stops the build where it is used"

_GEM = re.compile(r"""^\s*gem[\s(]+["']([^"']+)["'](.*)""")
_NEEDED = re.compile(r"""\.add_(?:runtime_)?dependency[\s(]+["']([^"']+)["']""")
_GROUP = re.compile(r"^\s*group\b(.*)\bdo\b")
_PLUGINS = "jekyll_plugins"
_ELSEWHERE = re.compile(r"mingw|mswin|win_platform|:windows|platforms?:? .*:jruby\b")


@dataclass(frozen=True)
class Needs:
    """What a site asks for. `plugins` are those that Jekyll loads, with the gem of a theme; `gems`
    also what else the Gemfile names. `jekyll` and `ruby` are as they are written, "" where nothing
    is. `for_pages`: it is GitHub Pages' own build that the site is made for."""

    plugins: tuple[str, ...] = ()
    gems: tuple[str, ...] = ()
    theme: str = ""
    remote_theme: str = ""
    markdown: str = ""
    jekyll: str = ""
    ruby: str = ""
    for_pages: bool = False


def needs_of(site: Site, without: Collection[str] = ()) -> Needs:
    """What the site asks for, but for what is to be left out."""
    config = site.texts.get("_config.yml") or site.texts.get("_config.yaml", "")
    gemfile = site.texts.get("Gemfile")
    bundle = dict(_gemfile(gemfile or ""))
    theme = next(iter(values(config, "theme")), "")
    remote = next(iter(values(config, "remote_theme")), "")
    own_theme = site.texts.get(f"{theme}.gemspec")  # in a theme's own repository
    if own_theme is not None:
        theme = ""
    named = [*values(config, "plugins"), *values(config, "gems"), *([theme] if theme else [])]
    named += [gem for gem in _NEEDED.findall(own_theme or "") if gem != "jekyll"]
    for_pages = all(map(_is_of_pages, named)) if gemfile is None else PAGES_GEM in bundle
    named += [REMOTE_THEME] if remote else []
    named += [name for name, loaded in bundle.items() if loaded and name != PAGES_GEM]
    kept = [name for name in dict.fromkeys(named) if name not in without]
    return Needs(
        plugins=tuple(kept),
        gems=tuple(dict.fromkeys([*kept, *(name for name in bundle if name not in without)])),
        theme=theme if theme not in without else "",
        remote_theme=remote if REMOTE_THEME not in without else "",
        markdown=next(iter(values(config, "markdown")), "").lower(),
        jekyll=_jekyll(site.texts),
        ruby=next((f"{wish.text} ({wish.source})" for wish in ruby_wishes(site.texts)), ""),
        for_pages=for_pages,
    )


def ruby_wishes(texts: Mapping[str, str]) -> tuple[Wish, ...]:
    """What the site's files say about Ruby's version, as it is written there."""
    told = (
        (".ruby-version", r"^\s*([^#\s].*)$"),
        (".tool-versions", r"^\s*ruby\s+(.+)$"),
        ("Gemfile", r"^\s*ruby[\s(]+([\"'][^#]*)"),
    )
    found = ((name, re.search(pattern, texts.get(name, ""), re.M)) for name, pattern in told)
    return tuple(Wish(name, match[1].strip()) for name, match in found if match)


def default_ruby(texts: Mapping[str, str]) -> str:
    """The Ruby to build with where nothing asks for one: Jekyll before 4.4 takes for granted what
    left Ruby with 3.4 (jekyll/jekyll#9741)."""
    bundle = dict(_gemfile(texts.get("Gemfile", "")))
    asked = re.match(r"(~>|=)?\s*(\d+)\.(\d+)(\.\d+)?", _jekyll(texts))
    if asked:
        major, minor, whole = int(asked[2]), int(asked[3]), asked[4] or asked[1] != "~>"
        old = major < 4 or (whole and major == 4 and minor < 4)
        return "3.3" if old else NEWEST_RUBY
    return "3.3" if PAGES_GEM in bundle else NEWEST_RUBY


def locked_ruby(texts: Mapping[str, str]) -> str:
    """`ruby 3.2.2p53` of the lock, "" without one."""
    match = re.search(r"^RUBY VERSION\n\s*(ruby \S+)", texts.get("Gemfile.lock", ""), re.M)
    return match[1] if match else ""


def lost_without(name: str, needs: Needs) -> str:
    """What the site loses if it is left out, in words."""
    if name in (needs.theme, REMOTE_THEME):
        return _LOST_THEME
    return _LOST.get(name, _LOST_OTHER)


def values(text: str, key: str) -> list[str]:
    """The words that a YAML file's top level has for a key: one, `[a, b]`, or lines with `-`."""
    match = re.search(rf"^{key}:[ \t]*(.*)((?:\n(?:[ \t].*|-.*|#.*|))*)", text, re.M)
    if not match:
        return []
    first = _bare(match[1])
    if first.startswith("["):
        flow = re.sub(r"#.*", "", match[1] + match[2])
        return [word for item in flow.strip(" []\n\t").split(",") if (word := _bare(item))]
    if first and first not in ("null", "~", "false"):
        return [first]
    items = re.findall(r"^[ \t]*-[ \t]+(.*)$", match[2], re.M)
    return [word for item in items if (word := _bare(item))]


def _bare(text: str) -> str:
    return (
        re.sub(r"(^|\s)#.*", "", text).strip().strip("\"'[]").strip() if text[:1] != "[" else text
    )


def _is_of_pages(name: str) -> bool:
    return name in PAGES_PLUGINS or name.startswith("jekyll-theme-")


def _gemfile(text: str) -> Iterator[tuple[str, bool]]:
    """Each gem that is for this platform, and whether Jekyll loads it by itself."""
    groups: list[str] = []
    for line in text.splitlines():
        if group := _GROUP.match(line):
            groups.append(group[1])
        elif re.match(r"^\s*(platforms?|source|install_if|if|unless|path|git)\b", line):
            groups.append(line)
        elif re.match(r"^\s*end\b", line) and groups:
            groups.pop()
        gem = _GEM.match(line)
        if gem and not _ELSEWHERE.search(" ".join([gem[2], *groups])):
            yield gem[1], any(_PLUGINS in part for part in (gem[2], *groups))


def _jekyll(texts: Mapping[str, str]) -> str:
    locked = re.search(r"^ {4}jekyll \(([\d.]+)\)", texts.get("Gemfile.lock", ""), re.M)
    if locked:
        return f"{locked[1]} (Gemfile.lock)"
    pattern = r"^\s*gem[\s(]+[\"']jekyll[\"'],\s*[\"']([^\"']+)"
    asked = re.search(pattern, texts.get("Gemfile", ""), re.M)
    return f"{asked[1]} (Gemfile)" if asked else ""
