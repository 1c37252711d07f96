"""The blog's image with gems from a gem server, as with a registry's image of Ruby: real `bundle
install` in the container, from locks that were made elsewhere and long ago."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploys.build import FILES, BaseImages
from tests.gem_mirror import RUBY_IMAGE, GemMirror, docker, gem_mirror
from tests.served import files_proved

pytestmark = pytest.mark.engine

IMAGE = "bootstrapper-test/bundle:built"
BUILD_ID = "0123456789abcdef"
PAGE = "---\ntitle: Home\n---\n<p>{% jekyll_beside %}; {% jekyll_native %}</p>\n"
GEMFILE = """source "https://gems.example.com"
gem "jekyll"
group :jekyll_plugins do
  gem "jekyll-beside", "~> 1.0"
  gem "jekyll-native"
end
"""


@pytest.fixture(scope="module")
def mirror(base: BaseImages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GemMirror]:
    with gem_mirror(tmp_path_factory.mktemp("gems"), base.builder) as served:
        yield served


@pytest.fixture(scope="module")
def lock(mirror: GemMirror) -> str:
    """A lock of this machine, of the older of two versions."""
    text = GEMFILE.replace("~> 1.0", "1.0")
    ask = f"cd /tmp && printf %s '{text}' >Gemfile && bundle config set --global mirror.all"
    words = f"{ask} {mirror.url} && bundle lock >/dev/null && cat Gemfile.lock"
    inside = ["--rm", "--env", "LANG=C.UTF-8", "--entrypoint", "sh", RUBY_IMAGE]
    return docker("run", *inside, "-ec", words).replace("(= 1.0)", "(~> 1.0)")


def made_on_a_mac(lock: str, bundler: str, ruby: str = "") -> str:
    """The same lock as a Mac would have written it, and no other machine since."""
    here = re.search(r"^PLATFORMS\n  (\S+)\n", lock, re.M)
    assert here
    lock = lock.replace(here[1], "arm64-darwin-23").replace("arm64-darwin-23)", "arm64-darwin)")
    asked = f"RUBY VERSION\n   ruby {ruby}\n\n" if ruby else ""
    return re.sub(r"BUNDLED WITH\n.*", f"{asked}BUNDLED WITH\n   {bundler}\n", lock)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "my site"
    (site / "_posts").mkdir(parents=True)
    (site / "_config.yml").write_text("title: Test\n")
    (site / "index.html").write_text(PAGE)
    (site / "_posts/2024-01-01-one.md").write_text("---\ntitle: One\n---\nbody\n")
    return site


Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def build(site: Path, base: BaseImages, mirror: GemMirror) -> Iterator[Build]:
    def run(*without: str, gems: str = "registry") -> subprocess.CompletedProcess[str]:
        arguments = {
            "BUILDER_IMAGE": RUBY_IMAGE if gems == "registry" else base.builder,
            "SERVER_IMAGE": base.server,
            "GEMS_FROM": gems,
            "GEM_SOURCE": mirror.url,
            "WITHOUT_PLUGINS": " ".join(without),
            "JEKYLL_ENV": "production",
            "BUILD_ID": BUILD_ID,
        }
        words = [word for item in arguments.items() for word in ("--build-arg", "=".join(item))]
        script = ["sh", str(FILES / "blog/build-image.sh"), str(site)]
        command = [*script, "docker", "build", "--force-rm", "--tag", IMAGE, *words]
        before = content(site)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert content(site) == before
        return done

    mirror.asked.clear()
    yield run
    subprocess.run(["docker", "image", "rm", "--force", IMAGE], capture_output=True, check=False)


@pytest.mark.trait("a lock made on a Mac only", "proved")
@pytest.mark.trait("an old BUNDLED WITH", "proved")
@pytest.mark.parametrize("bundler", ["1.17.2", "4.0.1"])
def test_a_lock_made_on_a_mac_by_another_bundler_is_kept_to(
    build: Build, site: Path, lock: str, mirror: GemMirror, bundler: str
) -> None:
    (site / "Gemfile").write_text(GEMFILE)
    (site / "Gemfile.lock").write_text(made_on_a_mac(lock, bundler))
    done = build()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search("<p>jekyll-beside 1.0 ruby; jekyll-native 1.0 .*-linux</p>", front_page())
    assert "jekyll-beside-1.0.gem" in mirror.gems
    assert not mirror.gems & {"jekyll-beside-1.1.gem", "jekyll-native-1.0-arm64-darwin.gem"}
    assert "2024/01/01/one.html" in files_proved(IMAGE, BUILD_ID)


def test_a_changed_post_or_title_asks_for_no_gem_again(
    build: Build, site: Path, lock: str, mirror: GemMirror
) -> None:
    (site / "Gemfile").write_text(GEMFILE)
    (site / "Gemfile.lock").write_text(made_on_a_mac(lock, "2.3.7"))
    first = build()
    assert first.returncode == 0, first.stdout + first.stderr
    mirror.asked.clear()
    (site / "_posts/2024-01-01-one.md").write_text("---\ntitle: One\n---\nchanged body\n")
    (site / "_posts/2024-01-02-two.md").write_text("---\ntitle: Two\n---\nmore\n")
    (site / "_config.yml").write_text("title: Another\npermalink: /:title/\n")
    second = build()
    assert second.returncode == 0, second.stdout + second.stderr
    assert "changed body" in page("one/index.html")
    assert mirror.asked == []
    assert gems_layer(second) == gems_layer(first)


def test_a_site_without_a_gemfile_gets_the_gems_of_its_configuration(
    build: Build, site: Path, mirror: GemMirror
) -> None:
    (site / "_config.yml").write_text("plugins: [jekyll-beside, jekyll-native]\ntheme: minima\n")
    done = build()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "jekyll-beside 1.1 ruby" in front_page()
    assert {"jekyll-beside-1.1.gem", "minima-2.5.1.gem"} <= mirror.gems


@pytest.mark.trait("an old .ruby-version", "proved")
def test_what_another_ruby_was_meant_for_is_said_and_built(
    build: Build, site: Path, lock: str
) -> None:
    (site / "Gemfile").write_text(f'ruby "2.3.1"\n{GEMFILE}')
    (site / "Gemfile.lock").write_text(made_on_a_mac(lock, "1.17.2", ruby="2.3.1p112"))
    done = build()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[blog] The Gemfile asks for ruby 2.3.1" in done.stdout
    assert "jekyll-beside 1.0 ruby" in front_page()
    assert "index.html" in files_proved(IMAGE, BUILD_ID)


def test_a_plugin_that_is_left_out_is_not_fetched(
    build: Build, site: Path, lock: str, mirror: GemMirror
) -> None:
    (site / "Gemfile").write_text(GEMFILE)
    (site / "Gemfile.lock").write_text(made_on_a_mac(lock, "2.3.7"))
    (site / "index.html").write_text("---\n---\n{% jekyll_beside %}\n")
    done = build("jekyll-native")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "jekyll-beside 1.0 ruby" in front_page()
    assert not any("native" in name for name in mirror.gems)


def test_a_gem_that_nobody_has_is_named_without_a_trace(build: Build, site: Path) -> None:
    (site / "Gemfile").write_text(f'{GEMFILE}gem "jekyll-nosuch"\n')
    done = build()
    assert done.returncode != 0
    assert "[blog] " in done.stderr
    assert "jekyll-nosuch" in done.stderr
    assert ".rb:" not in done.stderr


def test_a_themes_own_repository_is_built_with_what_the_theme_rests_on(
    build: Build, site: Path
) -> None:
    spec = 'gem.name = "mine"; gem.version = "1"; gem.summary = gem.authors = "a test"'
    files = "gem.files = `git ls-files -z`.split"
    needs = 'gem.add_dependency "jekyll", "~> 4.0"; gem.add_dependency "jekyll-beside"'
    text = f"Gem::Specification.new {{ |gem| {spec}; {files}; {needs} }}\n"
    (site / "mine.gemspec").write_text(text)
    (site / "Gemfile").write_text('source "https://gems.example.com"\ngemspec\n')
    (site / "_config.yml").write_text("theme: mine\n")
    (site / "index.html").write_text("---\n---\n{% jekyll_beside %}\n")
    done = build()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "jekyll-beside 1.1 ruby" in front_page()


def test_what_debian_lacks_comes_from_the_gem_server_beside_its_packages(
    build: Build, site: Path, mirror: GemMirror
) -> None:
    (site / "_config.yml").write_text("plugins: [jekyll-beside, jekyll-native, jekyll-feed]\n")
    done = build(gems="packages")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search("<p>jekyll-beside 1.1 ruby; jekyll-native 1.0 .*-linux</p>", front_page())
    assert len(mirror.gems) == 2


def content(site: Path) -> dict[str, bytes]:
    files = (path for path in site.rglob("*") if path.is_file())
    return {str(path.relative_to(site)): path.read_bytes() for path in files}


def front_page() -> str:
    return page("index.html")


def page(path: str) -> str:
    inside = ["--rm", "--network", "none", "--entrypoint", "/bin/busybox", IMAGE]
    return docker("run", *inside, "cat", f"/srv/site/{path}")


def gems_layer(done: subprocess.CompletedProcess[str]) -> str:
    """The id of the layer that the gems are in, as the classic builder prints it."""
    said = done.stdout.partition("gems.sh")[2]
    ids = re.findall(r"^ ---> ([0-9a-f]{12})$", said, re.M)
    return str(ids[0])
