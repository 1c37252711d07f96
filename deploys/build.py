"""What the blog's image is made of, and the name that follows from it. Decides; changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pyinfra.context import host

from deploys.facts.docker import Images, RegistryAnswer
from deploys.facts.engine import ContainerEngine, Engine
from deploys.facts.machine import ThisMachine
from deploys.facts.site import Site, SiteSource
from deploys.parts import LOCAL, locked_parts
from deploys.ruby_wish import wanted_ruby
from deploys.settings import Settings, is_git_url
from deploys.site_needs import NEWEST_RUBY, default_ruby, locked_ruby, ruby_wishes

FILES = Path(__file__).parent / "files"
CONTAINER = "bootstrapper-blog"
REPOSITORY = "bootstrapper/blog"
PREVIEW_REPOSITORY = "bootstrapper/preview"

# An image of an older one is built on a Debian whose packages are no longer served.
OLDEST_RUBY = "3.1"

BASE_FILES = ("debian-root.sh", "server-files.sh", "server.Dockerfile")
BLOG_FILES = (
    "Dockerfile",
    "build.rb",
    "build-image.sh",
    "build-site.sh",
    "check.rb",
    "converted.rb",
    "gems.rb",
    "gems.sh",
    "install.rb",
    "mime.types",
    "nginx.conf",
    "pages.rb",
    "preview-server.rb",
    "preview.js",
    "preview.rb",
    "site-files.sh",
    "site-hash.sh",
    "wishes.rb",
    "words.rb",
)


@dataclass(frozen=True)
class BaseImages:
    """The two images that the blog's is made from: names, and for a registry's their digests.

    `present` means that both are on the machine; `why` says how `origin` was chosen; `refusal` is
    why the registry does not give them, where nothing else could. `locked` has the digests that
    their names are held to, `mirror` is what their names begin with that is no part of a lock.
    """

    origin: Literal["registry", "packages"]
    builder: str
    server: str
    present: bool = False
    builder_digest: str = ""
    server_digest: str = ""
    why: str = ""
    refusal: str = ""
    locked: Mapping[str, str] = field(default_factory=dict)
    mirror: str = ""

    def lock_name(self, name: str) -> str:
        """A name as a lock has it: a mirror has the same images."""
        return name.removeprefix(self.mirror)

    def source(self, name: str) -> str:
        """Where an image is had from: by its digest where that is locked. The tag is left out:
        older Podman takes no name with both (containers/podman#6721), and a tag that the user has
        stays where it is."""
        digest = self.locked.get(self.lock_name(name), LOCAL)
        return name if digest == LOCAL else by_digest(name, digest)

    @property
    def sources(self) -> tuple[str, str]:
        """Where both are had from."""
        return self.source(self.builder), self.source(self.server)

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each by the name that a lock has for it."""
        return {
            self.lock_name(self.builder): self.builder_digest or LOCAL,
            self.lock_name(self.server): self.server_digest or LOCAL,
        }


@dataclass(frozen=True)
class Build:
    """A build of the blog: its id, and the image that has it."""

    id: str
    image: str


def by_digest(image: str, digest: str) -> str:
    """An image's name with a digest in place of its tag; one that has a digest keeps it."""
    if "@" in image:
        return image
    repository, colon, tag = image.rpartition(":")
    has_tag = colon and "/" not in tag  # else it is a port
    return f"{repository if has_tag else image}@{digest}"


def repository_of(blog: str) -> tuple[str, str, str]:
    """URL, branch and subfolder of a git URL with an optional `#branch:subfolder`."""
    url, _, fragment = blog.partition("#")
    branch, _, subfolder = fragment.partition(":")
    return url, branch, subfolder.strip("/")


def clone_of(blog: str) -> str:
    """Where the clone of a git URL is kept on the machine."""
    url, branch, _ = repository_of(blog)
    name = hashlib.sha256(f"{url}#{branch}".encode()).hexdigest()[:12]
    return f"~/.cache/bootstrapper/blogs/{name}"


def site_directory(settings: Settings) -> str:
    """The site's directory on the machine, which may begin with `~/`."""
    if not is_git_url(settings.blog):
        return settings.blog
    _, _, subfolder = repository_of(settings.blog)
    return clone_of(settings.blog) + (f"/{subfolder}" if subfolder else "")


def current_site(settings: Settings) -> Site | None:
    """The site as it is on the current host, or None."""
    return host.get_fact(SiteSource, path=site_directory(settings))


def container_engine() -> Engine:
    """The engine of the current host."""
    return host.get_fact(ContainerEngine)


def base_images(settings: Settings) -> BaseImages:
    """Which base images the current host builds from: those that are there, before any other."""
    packages = _from_packages()
    registry = _from_registry(settings)
    if host.get_fact(ThisMachine).is_mac and settings.base_images != "packages":
        return _on_a_mac(registry)
    if settings.base_images != "auto":
        chosen = packages if settings.base_images == "packages" else registry
        return _located(chosen, f"base_images is {settings.base_images!r}")
    located = [_located(images, "they are here already") for images in (registry, packages)]
    return next((images for images in located if images.present), None) or _reachable(*located)


def build_of(settings: Settings, site: Site, images: BaseImages) -> Build:
    """The build that the site's present content makes; the same content makes the same id."""
    ingredients = {
        "site": site.hash,
        "files": files_hash("blog", BLOG_FILES),
        "builder": [images.builder, images.builder_digest],
        "server": [images.server, images.server_digest],
        "origin": images.origin,
        "jekyll_env": settings.jekyll_env,
        "without_plugins": settings.without_plugins,
        "gem_source": settings.gem_source,
        "repository": site.repository,
    }
    text = json.dumps(ingredients, sort_keys=True)
    build_id = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Build(build_id, f"{REPOSITORY}:{build_id}")


def preview_image(settings: Settings) -> str:
    """The image in which the site is built while it is written."""
    directory = site_directory(settings)
    return f"{PREVIEW_REPOSITORY}:{hashlib.sha256(directory.encode()).hexdigest()[:12]}"


def is_built(settings: Settings, site: Site, images: BaseImages) -> bool:
    """Whether the site as it is now has been built on the current host."""
    engine = container_engine()
    if not engine.answers:
        return False
    image = build_of(settings, site, images).image
    return image in host.get_fact(Images, client=engine.client, references=(image,))


def files_hash(folder: str, names: tuple[str, ...]) -> str:
    """The hash of some of our own files, their names included."""
    digest = hashlib.sha256()
    for name in names:
        content = (FILES / folder / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def _from_packages() -> BaseImages:
    codename = host.get_fact(ThisMachine).os_codename
    recipe = f"{codename}-{files_hash('base', BASE_FILES)}"
    return BaseImages("packages", f"bootstrapper/builder:{recipe}", f"bootstrapper/server:{recipe}")


def _from_registry(settings: Settings) -> BaseImages:
    prefix = f"{settings.registry_mirror}/" if settings.registry_mirror else ""
    builder = settings.builder_image or f"ruby:{_ruby_of(settings)}-slim"
    return BaseImages(
        "registry",
        f"{prefix}{builder}",
        f"{prefix}{settings.server_image}",
        locked=locked_parts(host.get_fact(ThisMachine)).base_images,
        mirror=prefix,
    )


def _ruby_of(settings: Settings) -> str:
    """The Ruby that the site asks for, as far as there is a living image of it."""
    site = current_site(settings)
    if site is None:
        return NEWEST_RUBY
    wanted = wanted_ruby("", ruby_wishes(site.texts), locked_ruby(site.texts))
    minor = wanted.minor if wanted.source else default_ruby(site.texts)
    return max(minor, OLDEST_RUBY, key=lambda version: tuple(map(int, version.split("."))))


def _on_a_mac(registry: BaseImages) -> BaseImages:
    """There are no packages to make base images from; so that the registry has to answer."""
    located = _located(registry, "on a Mac base images come from a registry")
    engine = container_engine()
    if located.present or not engine.answers:
        return located
    builder, _ = registry.sources
    answer = host.get_fact(RegistryAnswer, client=engine.client, reference=builder)
    return replace(located, refusal=answer.refusal)


def _reachable(registry: BaseImages, packages: BaseImages) -> BaseImages:
    engine = container_engine()
    if not engine.answers:
        return replace(registry, why="no engine can ask a registry yet; without one, packages")
    builder, _ = registry.sources
    answer = host.get_fact(RegistryAnswer, client=engine.client, reference=builder)
    if answer.refusal:
        return replace(packages, why=f"no registry answers ({answer.refusal})")
    return replace(registry, why="the registry answers")


def _located(images: BaseImages, why: str) -> BaseImages:
    engine = container_engine()
    names = images.sources
    found = host.get_fact(Images, client=engine.client, references=names) if engine.answers else {}
    digests = [found[name].digest if name in found else "" for name in names]
    return replace(
        images,
        present=all(name in found for name in names),
        builder_digest=digests[0],
        server_digest=digests[1],
        why=why,
    )
