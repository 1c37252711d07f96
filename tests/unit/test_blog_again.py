"""What an earlier build has converted is used again, and makes no page any different."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploys.build import FILES, BaseImages
from deploys.facts.docker import BlogImages, BuildRemains, BuildStages
from deploys.facts.engine import ContainerEngine, Engine
from deploys.operations import images
from tests.support import planned_with

pytestmark = pytest.mark.engine

IMAGE = "bootstrapper-test/again:built"
CONTAINER = "bootstrapper-test-again"
COMES_IN = ".jekyll-cache/bootstrapper-converted"
LAYOUT = "<main>{{ content }}</main>{{ page.previous.excerpt }}{{ site.data.words | join: ' ' }}\n"
TEXT = "# Post {0}\n\n*Text* {0}[^1]\n\n```ruby\nputs {0}\n```\n\n[^1]: A note.\n"
EXTENDED = """module Extended
  def convert_strong(element, indent) = super + File.read("_data/words.yml")
end
Kramdown::Converter::Html.prepend(Extended)
"""

# What is changed: the files, and how many of four texts and two excerpts may be used again.
CHANGES: dict[str, tuple[dict[str, str], int]] = {
    "nothing": ({}, 6),
    "one post": ({"_posts/2024-01-02-two.md": "---\nlayout: base\n---\n*other* text\n"}, 4),
    "the configuration": ({"_config.yml": "kramdown: {footnote_nr: 7}\n"}, 0),
    "the layout": ({"_layouts/base.html": f"<p>new</p>{LAYOUT}"}, 6),
    "the data": ({"_data/words.yml": "- three\n"}, 6),
    "a plugin": ({"_plugins/new.rb": EXTENDED}, 0),
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    files = {
        "_config.yml": "title: Test\n",
        "_layouts/base.html": LAYOUT,
        "_data/words.yml": "- one\n- two\n",
        "index.md": "---\nlayout: base\n---\n**strong**\n",
        **{
            f"_posts/2024-01-0{number}-{name}.md": f"---\nlayout: base\n---\n{TEXT.format(number)}"
            for number, name in enumerate(("one", "two", "three"), 1)
        },
    }
    change(site, files)
    return site


Jekyll = Callable[..., tuple[dict[str, bytes], int]]


@pytest.fixture
def jekyll(site: Path, base: BaseImages, tmp_path: Path) -> Jekyll:
    """Builds with what an earlier build has converted, or "" for none; returns what came out, and
    how many texts were used again. The result is kept by its name."""

    def build(name: str, earlier: str = "") -> tuple[dict[str, bytes], int]:
        shutil.rmtree(site / ".jekyll-cache", ignore_errors=True)
        if earlier:
            (site / ".jekyll-cache").mkdir()
            shutil.copy(tmp_path / earlier / "srv/converted", site / COMES_IN)
        places = [f"{site}:/site:ro", f"{FILES / 'blog'}:/bootstrapper:ro"]
        places += [f"{tmp_path / name}:/out"]
        volumes = [word for place in places for word in ("--volume", place)]
        environment = ["--env", "LANG=C.UTF-8", "--env", "BUILD_ID=0"]
        words = ["docker", "run", "--rm", "--network", "none", *environment, *volumes]
        words += ["--workdir", "/site", "--entrypoint", "sh", base.builder]
        done = run(*words, "/bootstrapper/build-site.sh", "packages")
        told = re.search(r"\[blog\] (\d+) texts are as they were", done)
        root = tmp_path / name / "srv/site"
        files = (path for path in root.rglob("*") if path.is_file())
        built = {str(path.relative_to(root)): path.read_bytes() for path in files}
        return built, int(told[1]) if told else 0

    return build


@pytest.mark.parametrize("what", CHANGES)
def test_no_page_differs_from_a_build_that_starts_with_nothing(
    site: Path, jekyll: Jekyll, what: str
) -> None:
    files, expected = CHANGES[what]
    first, _ = jekyll("first")
    assert b"footnote" in first["2024/01/01/one.html"]
    change(site, files)
    cold, none = jekyll("cold")
    warm, again = jekyll("warm", "first")
    assert warm == cold
    assert (none, again) == (0, expected)


def test_nothing_is_used_again_where_a_plugin_has_a_hand_in_markdown(
    site: Path, jekyll: Jekyll
) -> None:
    change(site, {"_plugins/extended.rb": EXTENDED})
    first, _ = jekyll("first")
    assert b"- two" in first["index.html"]
    change(site, {"_data/words.yml": "- three\n"})
    warm, again = jekyll("warm", "first")
    assert b"- three" in warm["index.html"]
    assert again == 0


def test_what_cannot_be_read_is_as_if_it_were_not_there(
    site: Path, jekyll: Jekyll, tmp_path: Path
) -> None:
    first, _ = jekyll("first")
    (tmp_path / "first/srv/converted").write_bytes(b"torn")
    assert jekyll("warm", "first") == (first, 0)


@pytest.fixture
def classic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's classic builder, also where a client has BuildKit, which leaves no stages."""
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")


@pytest.fixture
def build(site: Path, base: BaseImages) -> Iterator[Callable[[], str]]:
    arguments = {
        "BUILDER_IMAGE": base.builder,
        "SERVER_IMAGE": base.server,
        "GEMS_FROM": "packages",
        "BUILD_ID": uuid.uuid4().hex[:16],  # the engine still knows earlier runs of this test
    }
    words = [word for item in arguments.items() for word in ("--build-arg", "=".join(item))]
    docker = ["docker", "build", "--force-rm", "--network", "none", "--tag", IMAGE, *words]
    yield lambda: run("sh", str(FILES / "blog/build-image.sh"), str(site), *docker)
    subprocess.run(["docker", "rm", "--force", CONTAINER], capture_output=True, check=False)
    subprocess.run(["docker", "image", "rm", "--force", IMAGE], capture_output=True, check=False)


def test_it_comes_from_the_container_that_serves_the_blog_and_from_no_other_place(
    site: Path, build: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARLIER", f"docker cp {CONTAINER}:/srv/converted -")
    assert "as they were" not in build()
    run("docker", "create", "--name", CONTAINER, IMAGE)
    change(site, {"_posts/2024-01-02-two.md": "---\n---\n*other* text\n"})
    assert "[blog] 3 texts are as they were" in build()
    assert not (site / ".jekyll-cache").exists()
    inside = ["--network", "none", "--entrypoint", "/bin/busybox", IMAGE]
    assert run("docker", "run", "--rm", *inside, "find", "/srv/site", "-name", "*converted*") == ""


@pytest.mark.usefixtures("classic")
def test_what_is_left_of_all_builds_but_the_newest_can_go_and_gems_stay(
    site: Path, build: Callable[[], str]
) -> None:
    before = set(stages())
    for number in (1, 2):
        change(site, {"_posts/2024-01-02-two.md": f"---\n---\n{number}\n"})
        build()
    newest, older = (stage for stage in stages() if stage not in before)
    run("docker", "image", "rm", older)
    assert newest in stages()
    change(site, {"_posts/2024-01-02-two.md": "---\n---\nonce more\n"})
    said = build().partition("gems.sh ${GEMS_FROM}")[2].splitlines()
    assert said[1].strip() == "---> Using cache"


@pytest.mark.usefixtures("classic")
def test_what_a_container_holds_cannot_go_and_is_not_told_of(
    site: Path, build: Callable[[], str]
) -> None:
    before, earlier = set(stages()), remains().containers
    change(site, {"_posts/2024-01-02-two.md": "---\n---\nheld\n"})
    build()
    (stage,) = set(stages()) - before
    run("docker", "create", "--name", CONTAINER, stage, "true")
    assert stage not in stages()
    run("docker", "rm", CONTAINER)
    assert stage in stages()
    cut_off = ["docker", "run", "--name", CONTAINER, "--network", "none", stage, "false"]
    assert subprocess.run(cut_off, check=False).returncode == 1
    assert stage in stages()
    assert len({*remains().containers} - {*earlier}) == 1


def test_what_earlier_builds_have_left_is_removed_when_there_is_a_newer_one() -> None:
    answers: dict[type, object] = {
        ContainerEngine: Engine(True, ("docker",)),
        BlogImages: ("bootstrapper/blog:1",),
        BuildStages: BuildRemains(("new", "older", "old"), ("f00",)),
    }
    declare = functools.partial(images.old_removed, name="earlier images")
    (removal,) = planned_with(answers, declare).operations
    stages = "docker image rm older old 2>/dev/null || true"
    assert removal.commands == ("docker rm f00", stages)
    for few in ((), ("new",)):
        answers[BuildStages] = BuildRemains(few)
        (nothing,) = planned_with(answers, declare).operations
        assert nothing.status == "unchanged"


def stages() -> tuple[str, ...]:
    return remains().stages


def remains() -> BuildRemains:
    return BuildStages().process(run("sh", "-c", BuildStages().command(("docker",))).splitlines())


def change(site: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout
