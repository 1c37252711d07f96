"""What a site asks for and lacks is known, and said, before anything is built."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrapper.results import OperationResult
from deploys.build import FILES
from deploys.facts.debian import AptCandidates, DpkgPackages, Packages
from deploys.facts.docker import Answer, Images, RegistryAnswer
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.machine import ThisMachine
from deploys.facts.site import Site, SiteSource
from deploys.operations import images, site
from deploys.settings import parse_settings
from deploys.site_needs import default_ruby, needs_of, ruby_wishes, values
from tests.support import planned_with
from tests.unit.test_debian_stages import LAPTOP

ENGINE = Engine(True, ("docker",))
PACKAGED = {"jekyll": "4.3.1", "ruby-jekyll-feed": "0.17", "ruby-redcarpet": "3.5"}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def of(**texts: str) -> Site:
    names = {"config": "_config.yml", "lock": "Gemfile.lock", "ruby": ".ruby-version"}
    named = {names.get(key, key): text for key, text in texts.items()}
    return Site("/home/ada/blog", "0" * 64, is_jekyll=True, texts=named)


def read(directory: Path) -> Site:
    """The site of a directory, as the machine tells it."""
    command = SiteSource().command(str(directory))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    found = SiteSource().process(done.stdout.splitlines())
    assert found
    return found


def planned(
    asked: Site,
    operation: Callable[..., object] = site.needs,
    *,
    engine: Engine = ENGINE,
    packaged: dict[str, str] | None = None,
    installed: tuple[str, ...] = (),
    **data: object,
) -> OperationResult:
    """Evaluates one operation of the blog on a Debian laptop."""
    wanted = parse_settings("laptop", {"base_images": "packages", **data})
    answers: dict[type, Any] = {
        ThisMachine: LAPTOP,
        ContainerEngine: engine,
        Images: {},
        RegistryAnswer: Answer(""),
        AptCandidates: PACKAGED if packaged is None else packaged,
        DpkgPackages: Packages(frozenset(installed), interrupted=False, lists_fresh=True),
        SiteSource: asked,
    }
    result = planned_with(answers, lambda: operation(name="it", settings=wanted))
    return result.operations[0]


def said(result: OperationResult) -> dict[str, str]:
    return {finding.code: str(finding) for finding in result.findings}


# What its text says


@pytest.mark.parametrize(
    "text",
    [
        "plugins: [a, 'b']\nx: 1\n",
        'plugins: [ a,  # first\n  "b" ]\n',
        "plugins:\n  - a # first\n\n  # no\n  - 'b'\nx:\n  - c\n",
        "plugins:\n- a\n- b\nx: 1\n",
    ],
)
def test_a_list_is_read_in_each_of_yamls_ways(text: str) -> None:
    assert values(text, "plugins") == ["a", "b"]


@pytest.mark.parametrize("text", ["theme:\n", "theme: null\n", "# theme: a\n", "a:\n  theme: a\n"])
def test_what_is_not_set_is_not_read(text: str) -> None:
    assert values(text, "theme") == []


def test_plugins_come_from_the_configuration_and_from_the_gemfiles_group() -> None:
    gemfile = (
        'gem "jekyll", "~> 4.2.0"\n'
        'gem "wdm", platforms: [:mingw, :x64_mingw]\n'
        "group :jekyll_plugins do\n  gem 'jekyll-b'\n  gem 'jekyll-c', '1.0' # why\nend\n"
        'gem "jekyll-d", group: :jekyll_plugins\ngem "rake"\n'
    )
    needs = needs_of(of(config="gems: [jekyll-a]\ntheme: minima\n", Gemfile=gemfile))
    assert needs.plugins == ("jekyll-a", "minima", "jekyll-b", "jekyll-c", "jekyll-d")
    assert set(needs.gems) == {*needs.plugins, "jekyll", "rake"}
    assert needs.jekyll == "~> 4.2.0 (Gemfile)"
    assert not needs.for_pages


@pytest.mark.parametrize(
    ("texts", "for_pages"),
    [
        ({"config": "plugins: [jekyll-feed]\ntheme: jekyll-theme-cayman\n"}, True),
        ({"config": "plugins: [jekyll-scholar]\n"}, False),
        ({"Gemfile": 'gem "github-pages", group: :jekyll_plugins\n'}, True),
        ({"Gemfile": 'gem "jekyll"\n'}, False),
    ],
)
def test_whom_a_site_is_made_for_is_told_by_its_gems(
    texts: dict[str, str], for_pages: bool
) -> None:
    assert needs_of(of(**texts)).for_pages is for_pages


@pytest.mark.parametrize(
    ("texts", "ruby"),
    [
        ({}, "3.4"),
        ({"lock": "    jekyll (3.9.0)\n"}, "3.3"),
        ({"lock": "    jekyll (4.4.1)\n"}, "3.4"),
        ({"Gemfile": 'gem "jekyll", "~> 4.2"\n'}, "3.4"),
        ({"Gemfile": 'gem "jekyll", "~> 4.2.0"\n'}, "3.3"),
        ({"Gemfile": 'gem "github-pages"\n'}, "3.3"),
    ],
)
def test_an_older_jekyll_gets_a_ruby_that_has_what_it_takes_for_granted(
    texts: dict[str, str], ruby: str
) -> None:
    assert default_ruby(of(**texts).texts) == ruby


@pytest.mark.parametrize(
    ("texts", "image"),
    [
        ({"ruby": "3.2.2\n"}, "ruby:3.2-slim"),
        ({"ruby": "ruby-2.3.1\n"}, "ruby:3.1-slim"),
        ({"Gemfile": 'ruby "3.3.0"\n'}, "ruby:3.3-slim"),
        ({"lock": "RUBY VERSION\n   ruby 3.2.1p31\n"}, "ruby:3.2-slim"),
        ({}, "ruby:3.4-slim"),
    ],
)
def test_from_a_registry_comes_the_ruby_that_the_site_asks_for(
    texts: dict[str, str], image: str
) -> None:
    pulled = planned(of(**texts), images.bases, base_images="registry")
    assert f" {image}" in pulled.commands[0]


def test_a_wish_for_a_ruby_is_shown_with_its_source() -> None:
    (wish,) = ruby_wishes({".ruby-version": "# old\n2.7.2\n"})
    assert (wish.source, wish.text) == (".ruby-version", "2.7.2")


# What is said before a build


def test_what_the_site_asks_for_is_in_the_plan() -> None:
    asked = of(config="plugins: [jekyll-feed]\n", lock="    jekyll (3.9.0)\n", ruby="2.7.2\n")
    text = said(planned(asked))["blog.site-asks"]
    for part in ("GitHub Pages", "3.9.0 (Gemfile.lock)", "2.7.2 (.ruby-version)", "jekyll-feed"):
        assert part in text
    assert "the distribution's own Jekyll" in text


@pytest.mark.trait("plugins beyond that list", "said")
def test_every_gem_that_is_not_packaged_is_named_at_once_with_what_is_lost_and_the_ways_out() -> (
    None
):
    asked = of(
        config="plugins: [jekyll-feed, jemoji]\nmarkdown: redcarpet\n",
        Gemfile='group(:jekyll_plugins) do\n  gem "jekyll-other"\nend\n',
    )
    refusal = planned(asked)
    assert refusal.status == "refused"
    text = said(refusal)["blog.gems-missing"]
    assert "does not package: jemoji, jekyll-other, redcarpet." in text
    assert "--without jemoji --without jekyll-other --without redcarpet" in text
    assert "words such as :smile: stay words" in text
    for way in ("vendor/cache", "gem_source", "base_images=registry"):
        assert way in text
    left = planned(asked, without_plugins=["jemoji", "jekyll-other", "redcarpet"])
    assert left.status == "unchanged"


@pytest.mark.trait("a remote theme", "said")
def test_a_theme_that_is_fetched_while_building_is_said_to_be() -> None:
    refusal = planned(of(config="remote_theme: pages-themes/minimal@v0.2.0\n"))
    text = said(refusal)["blog.gems-missing"]
    assert "pages-themes/minimal@v0.2.0, which is fetched while the site is built" in text
    assert "its layouts and styles" in text


def test_gems_beside_the_site_or_on_a_server_are_not_missing() -> None:
    asked = of(config="plugins: [jekyll-x]\n")
    cached = replace(asked, cached_gems=("jekyll-x-1.0.gem",))
    assert planned(asked).status == "refused"
    assert planned(cached).status == "unchanged"
    assert planned(asked, gem_source="http://gems.example.org").status == "unchanged"


def test_github_pages_reads_redcarpets_markdown_with_kramdown_and_so_do_we() -> None:
    assert planned(of(config="markdown: redcarpet\n")).status == "unchanged"


def test_where_apt_has_no_lists_yet_nothing_is_said_to_be_missing() -> None:
    assert planned(of(config="plugins: [jekyll-x]\n"), packaged={}).status == "unchanged"


def test_from_a_registry_nothing_is_missing() -> None:
    assert planned(of(config="plugins: [jekyll-x]\n"), base_images="registry").status == "unchanged"


def test_before_there_is_an_engine_to_ask_a_registry_it_is_only_said() -> None:
    absent = Engine(False, ("docker",), reason="none")
    plan = planned(of(config="plugins: [jekyll-x]\n"), engine=absent, base_images="auto")
    assert plan.status == "unchanged"
    assert "jekyll-x" in said(plan)["blog.gems-perhaps-missing"]


def test_a_site_that_is_built_already_is_not_talked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "is_built", lambda *_: True)
    assert planned(of(config="plugins: [jekyll-x]\n")).findings == ()


def test_another_wish_makes_another_build() -> None:
    commands = planned(of(), images.blog, gem_source="http://gems.example.org").commands
    assert "GEM_SOURCE=http://gems.example.org" in commands[-1]
    assert "--network none" not in commands[-1]
    assert "--network none" in planned(of(), images.blog).commands[-1]


# What the machine tells of a directory


@pytest.fixture
def blog(tmp_path: Path) -> Path:
    directory = tmp_path / "my blog"
    (directory / ".git").mkdir(parents=True)
    (directory / "_config.yml").write_text("title: T\r\n")
    (directory / "index.md").write_text("---\n---\n")
    return directory


def test_files_that_decide_about_gems_are_read_whole(blog: Path) -> None:
    (blog / "Gemfile").write_text("gem 'a'\n\tgem 'b'\n")
    (blog / "vendor/cache").mkdir(parents=True)
    (blog / "vendor/cache/jekyll-x-1.0.gem").write_text("")
    found = read(blog)
    assert found.texts == {"_config.yml": "title: T\n", "Gemfile": "gem 'a'\n\tgem 'b'\n"}
    assert found.cached_gems == ("jekyll-x-1.0.gem",)
    assert found.directory == str(blog)


@pytest.mark.trait("submodules", "said")
@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:ada/blog.git",
        "https://github.com/ada/blog",
        "ssh://git@github.com/ada/blog/",
    ],
)
def test_the_repository_on_github_is_known(blog: Path, url: str) -> None:
    (blog / ".git/config").write_text(f'[remote "origin"]\n\turl = {url}\n')
    assert read(blog).repository == "ada/blog"


def test_a_submodule_that_is_not_checked_out_is_said_with_the_command(blog: Path) -> None:
    (blog / ".gitmodules").write_text('[submodule "t"]\n\tpath = themes/a b\n\turl = x\n')
    (blog / "themes/a b").mkdir(parents=True)
    found = read(blog)
    assert found.submodules == ("themes/a b",)
    text = said(planned(found))["blog.submodules-missing"]
    assert f"git -C '{blog}' submodule update --init --recursive" in text
    (blog / "themes/a b/file").write_text("x")
    assert read(blog).submodules == ()


@pytest.mark.trait("Git LFS", "said")
def test_pointers_of_git_lfs_are_said_with_the_command(blog: Path) -> None:
    (blog / ".gitattributes").write_text("*.png filter=lfs diff=lfs merge=lfs -text\n")
    (blog / "a b.png").write_text(POINTER)
    (blog / "post.md").write_text("About https://git-lfs.github.com\n")
    found = read(blog)
    assert found.pointers == ("a b.png",)
    assert "lfs pull" in said(planned(found))["blog.lfs-pointers"]


def test_apt_is_not_asked_where_all_is_installed() -> None:
    asked = of(config="plugins: [jekyll-feed]\n", Gemfile='gem "jekyll"\n')
    nothing_known: dict[str, str] = {"jekyll": "4.3.1"}
    assert planned(asked, packaged=nothing_known).status == "refused"
    there = ("ruby-jekyll-feed",)
    assert planned(asked, packaged=nothing_known, installed=there).status == "unchanged"


def test_a_theme_that_is_the_site_itself_is_not_missed_but_what_it_rests_on_is(blog: Path) -> None:
    (blog / "_config.yml").write_text("theme: mine\n")
    (blog / "mine.gemspec").write_text(
        'Gem::Specification.new do |spec|\n  spec.add_runtime_dependency "jekyll", "~> 4.3"\n'
        '  spec.add_runtime_dependency("jekyll-nosuch", "~> 1.1")\nend\n'
    )
    found = read(blog)
    assert needs_of(found).plugins == ("jekyll-nosuch",)
    assert needs_of(found).theme == ""


def test_a_plugin_that_is_named_by_its_path_can_be_left_out() -> None:
    asked = of(config="plugins: [jekyll/tagging]\n", Gemfile='gem "jekyll"\n')
    refusal = planned(asked)
    assert refusal.status == "refused"
    assert "--without jekyll/tagging" in refusal.findings[-1].mend
    assert planned(asked, without_plugins=["jekyll/tagging"]).status == "unchanged"
    packaged = {"jekyll": "4.3.1", "ruby-jekyll-tagging": "1"}
    assert planned(asked, packaged=packaged).status == "unchanged"


@pytest.mark.parametrize(
    ("config", "needed"),
    [
        ("exclude: [node_modules]\nsass:\n  style: compressed\n", False),
        ("sass:\n  style: compressed\nexclude:\n- node_modules\n", False),
        ("sass:\n  # from npm\n  load_paths:\n  - node_modules\n", True),
        ("sass: {load_paths: [_sass, node_modules]}\n", True),
    ],
)
def test_of_node_modules_a_build_gets_style_sheets_where_sass_looks_there(
    blog: Path, config: str, needed: bool
) -> None:
    (blog / "_config.yml").write_text(config)
    (blog / "node_modules/kit").mkdir(parents=True)
    for name in ("index.scss", "index.js"):
        (blog / "node_modules/kit" / name).write_text("x")
    words = ["sh", str(FILES / "blog/site-files.sh")]
    done = subprocess.run(words, cwd=blog, capture_output=True, text=True, check=True)
    found = {path for path in done.stdout.split("\0") if "node_modules" in path}
    assert found == ({"./node_modules/kit/index.scss"} if needed else set())


def test_links_that_leave_the_site_or_lead_nowhere_are_said(blog: Path) -> None:
    (blog.parent / "elsewhere").mkdir()
    (blog.parent / "elsewhere/a.txt").write_text("x")
    (blog / "in.md").symlink_to("index.md")
    (blog / "out.txt").symlink_to("../elsewhere/a.txt")
    (blog / "outdir").symlink_to(blog.parent / "elsewhere")
    (blog / "gone").symlink_to("nowhere")
    found = read(blog)
    assert sorted(found.outside) == [
        f"out.txt -> {blog.parent}/elsewhere/a.txt",
        f"outdir -> {blog.parent}/elsewhere",
    ]
    assert found.dangling == ("gone",)
    assert {"blog.links-outside", "blog.links-dangling"} <= set(said(planned(found)))


def test_a_site_in_a_subfolder_is_found_where_it_is_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "docs dir").mkdir()
    (tmp_path / "docs dir/_config.yml").write_text("title: T\n")
    (tmp_path / "node_modules/x").mkdir(parents=True)
    (tmp_path / "node_modules/x/_config.yml").write_text("title: T\n")
    assert read(tmp_path).directory == str(tmp_path / "docs dir")


def test_of_several_sites_the_user_is_to_name_one(tmp_path: Path) -> None:
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "_config.yml").write_text("title: T\n")
    found = read(tmp_path)
    assert not found.is_jekyll
    refusal = planned(found, site.readable)
    assert refusal.status == "refused"
    assert "several Jekyll sites: v1, v2" in refusal.findings[0].seen
    assert f"--blog {tmp_path}/v1" in refusal.findings[0].mend


def test_a_site_at_the_top_is_the_site_whatever_lies_below(blog: Path) -> None:
    (blog / "docs").mkdir()
    (blog / "docs/_config.yml").write_text("title: T\n")
    assert read(blog).directory == str(blog)
