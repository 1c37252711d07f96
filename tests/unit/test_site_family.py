"""A family of small sites, one for each trait that a site of years may have: each is built, served
and proved for real, unchanged."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploys.build import FILES, BaseImages
from tests.served import files_proved

pytestmark = pytest.mark.engine

IMAGE = "bootstrapper-test/family:built"
BUILD_ID = "fedcba9876543210"
PAGE = "---\ntitle: T\n---\n"
LINK = "a link to "

Paths = dict[str, str]

# Its files, paths that have to be built, and the traits it stands for in the suite's table.
FAMILY: dict[str, tuple[Paths, list[str], tuple[str, ...]]] = {
    "no Gemfile, pages without front matter": (
        {"README.md": "# Hello\n", "about.md": "# About\n"},
        ["index.html", "about.html"],
        ("no Gemfile",),
    ),
    "the gem github-pages, an old Bundler and Ruby": (
        {
            "Gemfile": 'ruby "2.3.1"\ngem "github-pages", group: :jekyll_plugins\n',
            "Gemfile.lock": "GEM\n  specs:\n\nPLATFORMS\n  x86_64-darwin-18\n\n"
            "DEPENDENCIES\n  github-pages!\n\nBUNDLED WITH\n   1.17.2\n",
            ".ruby-version": "2.3.1\n",
            "index.md": "{{ site.github.repository_name }}\n",
        },
        ["index.html"],
        ("github-pages", "an old BUNDLED WITH", "an old .ruby-version"),
    ),
    "a gem theme": (
        {"_config.yml": "theme: minima\n", "index.md": "---\nlayout: home\n---\n"},
        ["assets/main.css", "index.html"],
        ("a gem theme",),
    ),
    "default gems in the Gemfile": (
        {
            "Gemfile": 'gem "jekyll"\ngem "webrick"\ngem "csv"\ngem "base64"\ngem "logger"\n',
            "index.html": PAGE,
        },
        ["index.html", "CNAME"],
        ("webrick, csv, base64, logger", "CNAME"),
    ),
    "Sass": (
        {"main.scss": '---\n---\n@import "p";\n', "_sass/_p.scss": "a { b { c: d } }\n"},
        ["main.css"],
        ("sassc",),
    ),
    "Sass that npm has brought": (
        {
            "_config.yml": "exclude:\n- node_modules\nsass:\n  load_paths:\n  - node_modules\n",
            "main.scss": '---\n---\n@import "kit/index";\n',
            "node_modules/kit/index.scss": "a { b: c }\n",
            "node_modules/kit/index.js": "x",
        },
        ["main.css"],
        ("Sass of npm's",),
    ),
    "names that are not ASCII, and spaces": (
        {"über uns/Grüße.md": PAGE, "a b/c d.txt": "x"},
        ["über uns/Grüße.html", "a b/c d.txt"],
        ("names and content not ASCII", "spaces in paths"),
    ),
    "baseurl": ({"_config.yml": "baseurl: /blog\n"}, ["blog/index.html"], ("baseurl",)),
    "include and exclude": (
        {
            "_config.yml": "include: [.well-known]\nexclude: [secret.txt]\n",
            ".well-known/a.txt": "x",
            "secret.txt": "x",
        },
        [".well-known/a.txt"],
        ("include and exclude",),
    ),
    "a future post, as GitHub Pages publishes it": (
        {"_posts/2199-01-01-later.md": PAGE, "_drafts/idea.md": PAGE},
        ["2199/01/01/later.html"],
        ("drafts and future posts",),
    ),
    "collections and data": (
        {
            "_config.yml": "collections: {words: {output: true}}\n",
            "_words/a.md": PAGE,
            "_data/n.yml": "- x\n",
            "n.html": PAGE + "{% for x in site.data.n %}{{ x }}{% endfor %}",
        },
        ["words/a.html", "n.html"],
        ("collections", "data files"),
    ),
    "a folder called src": (
        {"src/index.html": PAGE, "LICENSE": "x"},
        ["src/index.html"],
        ("a folder called src",),
    ),
    "redcarpet and coderay of long ago": (
        {"_config.yml": "markdown: redcarpet\nkramdown: {syntax_highlighter: coderay}\n"},
        ["index.html"],
        ("Markdown of long ago",),
    ),
    "a theme's own repository": (
        {
            "_config.yml": "theme: mine\n",
            "Gemfile": "gemspec\n",
            "mine.gemspec": "Gem::Specification.new do |gem|\n"
            '  gem.name = "mine"\n  gem.version = "1"\n  gem.files = `git ls-files -z`.split\n'
            '  gem.add_runtime_dependency "jekyll", "~> 4.3"\n'
            '  gem.add_runtime_dependency("jekyll-include-cache", "~> 0.2")\nend\n',
            "_includes/part.html": "part",
            "index.html": PAGE + "{% include_cached part.html %}",
        },
        ["index.html"],
        ("a theme's own repository",),
    ),
    "two posts of one address": (
        {
            "_config.yml": "permalink: /:title/\n",
            **{f"_posts/2024-01-0{day}-post-{day}.md": PAGE for day in range(1, 4)},
            "_posts/2024-02-01-post-3.md": PAGE,
        },
        ["post-1/index.html", "post-3/index.html"],
        ("two posts of one address",),
    ),
    "a plugin of its own that renders a list, as Liquid 4 took it": (
        {
            "_plugins/list.rb": "class List < Liquid::Block\n  def render(_) = %w[one two]\nend\n"
            'Liquid::Template.register_tag("list", List)\n',
            "index.html": PAGE + "{% list %}{% endlist %}",
        },
        ["index.html"],
        ("Liquid of long ago", "plugins beyond that list"),
    ),
    "what GitHub would have to be asked for": (
        {
            "Gemfile": 'gem "github-pages", group: :jekyll_plugins\n',
            "index.md": "{% for part in site.github %}{{ part[0] }} {% endfor %}\n",
        },
        ["index.html"],
        ("what GitHub would be asked for",),
    ),
    "plugins of GitHub's list": (
        {
            "_config.yml": "plugins: [jekyll-feed, jekyll-sitemap, jekyll-redirect-from]\n",
            "new.md": "---\nredirect_from: /old/\n---\n",
        },
        ["feed.xml", "sitemap.xml", "old/index.html"],
        ("plugins of GitHub's list",),
    ),
    "a plugin that GitHub does not run": (
        {
            "_config.yml": "plugins: [jekyll-archives]\n"
            "jekyll-archives: {enabled: [year], layouts: {year: year}}\n",
            "_layouts/year.html": PAGE,
            "_posts/2024-01-01-one.md": PAGE,
        },
        ["2024/index.html"],
        ("plugins beyond that list",),
    ),
    "links, within the site and out of it": (
        {"a/page.md": PAGE, "b": LINK + "a", "pictures": LINK + "../outside"},
        ["a/page.html", "b/page.html", "pictures/picture.txt"],
        ("links",),
    ),
    "a submodule": (
        {"theirs/.git": "gitdir: ../.git/modules/theirs\n", "theirs/page.md": PAGE},
        ["theirs/page.html"],
        ("submodules",),
    ),
}
ABSENT = {"secret.txt", "idea.html", ".git"}


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    yield
    subprocess.run(["docker", "image", "rm", "--force", IMAGE], capture_output=True, check=False)


def build(base: BaseImages, site: Path) -> None:
    arguments = {
        "BUILDER_IMAGE": base.builder,
        "SERVER_IMAGE": base.server,
        "GEMS_FROM": "packages",
        "JEKYLL_ENV": "production",
        "PAGES_REPO_NWO": "ada/blog",
        "BUILD_ID": BUILD_ID,
    }
    words = [word for item in arguments.items() for word in ("--build-arg", "=".join(item))]
    docker = ["docker", "build", "--force-rm", "--network", "none", "--tag", IMAGE, *words]
    script = ["sh", str(FILES / "blog/build-image.sh"), str(site)]
    done = subprocess.run([*script, *docker], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.trait(one, "proved") for one in traits])
        for name, (_, _, traits) in FAMILY.items()
    ],
)
def test_it_is_built_served_and_proved_unchanged(
    name: str, tmp_path: Path, base: BaseImages
) -> None:
    files, wanted, _ = FAMILY[name]
    site = tmp_path / "my site"
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/picture.txt").write_text("x")
    for path, text in {"index.html": PAGE, "CNAME": "example.org\n", **files}.items():
        if path == "index.html" and {"README.md", "index.md"} & set(files):
            continue
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        if text.startswith(LINK):
            (site / path).symlink_to(text.removeprefix(LINK))
        else:
            (site / path).write_text(text)
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    build(base, site)
    served = files_proved(IMAGE, BUILD_ID)
    assert set(wanted) <= set(served)
    assert not ABSENT & {Path(path).name for path in served}
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before
