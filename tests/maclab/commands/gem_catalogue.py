"""What the registry of gems has: names, newest versions, what they need, if they are compiled.

Versions are those of 2026 as far as facts name them, else plausible ones.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["ruby", "compiled", "prebuilt"]


class Known(NamedTuple):
    """A gem. `compiled` ones are built when installed, `prebuilt` ones come built for this Mac."""

    version: str
    kind: Kind = "ruby"
    needs: tuple[str, ...] = ()


_LINES = """
addressable 2.8.7 public_suffix
base64 0.3.0
bigdecimal* 3.3.1
bundler 4.0.17
colorator 1.1.0
concurrent-ruby 1.3.5
csv 3.3.5
em-websocket 0.5.3 eventmachine http_parser.rb
eventmachine* 1.2.7
ffi+ 1.17.2
forwardable-extended 2.6.0
google-protobuf+ 4.33.0 bigdecimal rake
http_parser.rb* 0.8.0
i18n 1.14.7 concurrent-ruby
jekyll 4.4.1 addressable base64 colorator csv em-websocket i18n jekyll-sass-converter jekyll-watch \
json kramdown kramdown-parser-gfm liquid mercenary pathutil rouge safe_yaml terminal-table webrick
jekyll-archives 2.3.0 jekyll
jekyll-feed 0.17.0 jekyll
jekyll-paginate 1.1.0
jekyll-redirect-from 0.16.0 jekyll
jekyll-remote-theme 0.4.3 addressable jekyll rubyzip
jekyll-sass-converter 3.1.0 sass-embedded
jekyll-seo-tag 2.8.0 jekyll
jekyll-sitemap 1.4.0 jekyll
jekyll-watch 2.2.1 listen
json* 2.15.2
kramdown 2.5.1 rexml
kramdown-parser-gfm 1.1.0 kramdown
liquid 4.0.4
listen 3.9.0 rb-fsevent rb-inotify
logger 1.7.0
mercenary 0.4.0
minima 2.5.2 jekyll jekyll-feed jekyll-seo-tag
nokogiri+ 1.18.10 racc
pathutil 0.16.2 forwardable-extended
public_suffix 6.0.2
racc* 1.8.1
rake 13.3.1
rb-fsevent 0.11.2
rb-inotify 0.11.1 ffi
rexml 3.4.4
rouge 4.6.1
rubyzip 2.4.1
safe_yaml 1.0.5
sass-embedded+ 1.93.3 google-protobuf
terminal-table 3.0.2 unicode-display_width
unicode-display_width 2.6.0
webrick 1.9.1
"""
_KINDS: dict[str, Kind] = {"*": "compiled", "+": "prebuilt"}


def _read() -> dict[str, Known]:
    gems = {}
    for line in _LINES.replace("\\\n", "").split("\n"):
        if line:
            name, version, *needs = line.split()
            gems[name.rstrip("*+")] = Known(version, _KINDS.get(name[-1], "ruby"), tuple(needs))
    return gems


GEMS = _read()


def known(name: str) -> Known:
    """What is not in the list is there all the same, and of plain Ruby."""
    return GEMS.get(name, Known("1.0.0"))
