"""Writes Jekyll sites of any size whose content depends on nothing but their size."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

FILES_BESIDE_POSTS = 4
"""How many files a built site has besides one for each post."""

_FIRST_DAY = date(2010, 1, 1)
_DAYS = 5000  # all in the past: Jekyll leaves out posts with a date to come

_CONFIG = """\
title: A site of {posts} posts
url: http://127.0.0.1:4000
permalink: /:year/:month/:title/
timezone: UTC
"""

_LAYOUT = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page.title | default: site.title | escape }}</title>
<link rel="stylesheet" href="{{ '/assets/site.css' | relative_url }}">
</head>
<body>
<nav>
<a href="{{ '/' | relative_url }}">{{ site.title }}</a>
<a href="{{ '/about/' | relative_url }}">About</a>
</nav>
<main>{{ content }}</main>
{%- if page.previous %}
<a href="{{ page.previous.url | relative_url }}">{{ page.previous.title }}</a>
{%- endif %}
</body>
</html>
"""

_PAGES = {
    "_layouts/default.html": _LAYOUT,
    "index.html": "---\nlayout: default\n---\n"
    "<ul>{% for post in site.posts limit: 50 %}"
    '<li><a href="{{ post.url | relative_url }}">{{ post.title }}</a></li>'
    "{% endfor %}</ul>\n",
    "about.md": "---\nlayout: default\ntitle: About\npermalink: /about/\n---\nBy a program.\n",
    "404.html": "---\nlayout: default\ntitle: Not found\npermalink: /404.html\n---\nNot here.\n",
    "assets/site.css": "body { max-width: 40rem; margin: auto; font: 1rem/1.6 system-ui; }\n",
}

_WORDS = re.findall(
    r"\w+",
    """
    harbour crane ship tide rope anchor quay lighthouse engine layer image stage digest
    server gem theme page post link feed draft layout word line letter morning evening
    winter summer carries builds serves reads writes finds moves keeps turns waits small
    quiet early plain
    """,
)


def write_site(directory: Path, posts: int) -> None:
    """Write the source of a site with this many posts into a directory, which is made.

    Built, it has `posts + FILES_BESIDE_POSTS` files. The same number gives the same bytes.
    """
    files = {"_config.yml": _CONFIG.format(posts=posts), **_PAGES}
    files.update((f"_posts/{_post_name(number)}", _post(number)) for number in range(posts))
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def change_post(directory: Path, number: int, sentence: str) -> None:
    """Add a sentence to one post of a site written by `write_site`; the first post is 0."""
    with (directory / "_posts" / _post_name(number)).open("a", encoding="utf-8") as post:
        post.write(f"\n{sentence}\n")


def _post_name(number: int) -> str:
    day = _FIRST_DAY + timedelta(days=number % _DAYS)
    return f"{day:%Y-%m-%d}-post-{number}.md"


def _post(number: int) -> str:
    chance = random.Random(number)
    paragraphs = "\n\n".join(_paragraphs(chance))
    code = f"```ruby\ndef post_{number}(site)\n  site.posts.fetch({number}).title\nend\n```"
    return f"---\nlayout: default\ntitle: Post {number}\n---\n{paragraphs}\n\n{code}\n"


def _paragraphs(chance: random.Random) -> Iterator[str]:
    for _ in range(chance.randint(3, 7)):
        sentences = (
            " ".join(chance.choices(_WORDS, k=chance.randint(6, 14))).capitalize() + "."
            for _ in range(chance.randint(3, 6))
        )
        yield " ".join(sentences)
