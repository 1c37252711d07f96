"""Base images, from a registry or from the distribution's packages; and the blog's image."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import PurePosixPath
from shlex import join, quote
from typing import NoReturn

from pyinfra.api import FileUploadCommand, QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.build import (
    BASE_FILES,
    BLOG_FILES,
    CONTAINER,
    FILES,
    REPOSITORY,
    BaseImages,
    base_images,
    build_of,
    by_digest,
    container_engine,
    current_site,
    files_hash,
    is_built,
    site_directory,
)
from deploys.changes import change
from deploys.facts.docker import BUILD_LABEL, BlogImages, BuildStages, Images
from deploys.facts.machine import ThisMachine
from deploys.facts.site import shell_path
from deploys.findings import found, refuse
from deploys.operations import Commands, debian, lock
from deploys.parts import renewing
from deploys.settings import Settings

Steps = Generator[StringCommand | FileUploadCommand, None, None]

KEPT_IMAGES = 2  # the one that is served, and the one before


@operation()
def bases(settings: Settings) -> Steps:
    """Have both base images; those that are there already are never asked of the network again,
    unless newer ones are wanted."""
    images = base_images(settings)
    lock.names_are_locked(images)
    anew = renewing() and images.origin == "registry"
    if images.present and not anew:
        return
    if images.origin == "packages":
        yield from _from_packages(images)
        return
    if images.refusal:
        _no_registry(images)
    if images.present:
        found(
            "blog.base-images-anew",
            "The registry may have newer base images by now.",
            mend="It is asked; what it has then is locked.",
        )
    else:
        locked = images.sources != (images.builder, images.server)
        found(
            "blog.base-images-missing",
            "The base images are not here.",
            mend=f"They are pulled{', by their locked digests' if locked else ''}: {images.why}.",
        )
    yield from _pulled(images.sources, anew=anew)


@operation()
def blog(settings: Settings) -> Steps:
    """Have the image of the site as it is now; its name is the hash of all that goes into it."""
    site = current_site(settings)
    images = base_images(settings)
    engine = container_engine()
    if site is None:  # its repository is cloned before this is run
        found("blog.image-missing", "The blog's image has not been built yet.")
        yield StringCommand(*engine.words, "build", shell_path(site_directory(settings)))
        return
    if is_built(settings, site, images):
        return
    build = build_of(settings, site, images)
    found("blog.image-missing", "The site as it is now has not been built yet.")
    folder = yield from uploaded("blog", BLOG_FILES)
    arguments = {
        "JEKYLL_ENV": settings.jekyll_env,
        "PAGES_REPO_NWO": site.repository,
        "BUILD_ID": build.id,
        "BUILDER": f"{images.builder} {images.builder_digest}".strip(),
        "SERVER": f"{images.server} {images.server_digest}".strip(),
    }
    words = build_words(settings, images, arguments, {BUILD_LABEL: build.id})
    kept = " ".join([*engine.words, "cp", f"{CONTAINER}:/srv/converted", "-"])
    change("image", build.image, engine=engine.name)
    yield StringCommand(
        *("env", f"SITE_HASH={site.hash}", QuoteString(f"EARLIER={kept}"), "sh"),
        QuoteString(f"{folder}/build-image.sh"),
        QuoteString(site.directory),
        *engine.words,
        *("build", "--tag", build.image),
        *(QuoteString(word) for word in words),
    )


@operation()
def old_removed() -> Commands:
    """Remove our blog images but the newest ones; each run after an edit leaves one more."""
    engine = container_engine()
    if not engine.answers:
        return
    names = host.get_fact(BlogImages, client=engine.client, repository=REPOSITORY)
    for name in names[KEPT_IMAGES:]:
        found("blog.image-old", f"{name} is of an earlier build, and no longer needed.")
        yield StringCommand(*engine.words, "image", "rm", name)
    remains = host.get_fact(BuildStages, client=engine.client)
    if remains.containers:
        found("blog.build-cut-off", "A build that was cut off has left its container.")
        yield StringCommand(*engine.words, "rm", *remains.containers)
    old = remains.stages[1:]
    if old:
        found(
            "blog.stages-old",
            f"Stages of {len(old)} earlier builds are left, each as large as the site.",
        )
        # One that a container of a failed build still holds stays, and is no reason to fail.
        yield StringCommand(*engine.words, "image", "rm", *old, "2>/dev/null", "||", "true")


def _pulled(names: tuple[str, ...], *, anew: bool) -> Steps:
    """What of it is not here is pulled; `anew`: what is here too."""
    engine = container_engine()
    there = host.get_fact(Images, client=engine.client, references=names) if engine.answers else {}
    for name in names:
        if name not in there:
            change("image", name, engine=engine.name)
        elif not anew:
            continue
        elif there[name].digest:  # it may lose its tag to a newer one
            before = by_digest(name, there[name].digest)
            change("image", before, engine=engine.name, was=name)
        yield StringCommand(*engine.words, "pull", "--quiet", QuoteString(name))


def _no_registry(images: BaseImages) -> NoReturn:
    builder, _ = images.sources
    locked = "" if builder == images.builder else " Gone from there: `update` locks newer ones."
    refuse(
        "blog.no-registry",
        f"The registry does not give {builder}: {images.refusal}",
        means="The blog's image is made from it, and on a Mac it comes from a registry only.",
        mend="Behind a proxy: set https_proxy, and restart the engine. Another registry: "
        "--set registry_mirror=HOST/PATH. Where it wants a login, or allows too few pulls "
        f"without one: docker login.{locked}",
    )


def _from_packages(images: BaseImages) -> Steps:
    machine = host.get_fact(ThisMachine)
    if machine.is_mac:
        refuse(
            "blog.no-base-images",
            "base_images is 'packages', and a Mac has no packages to make base images from.",
            mend="Set base_images = 'registry'; with --set registry_mirror=HOST/PATH from one of "
            "your own.",
        )
    if not machine.is_debian:
        refuse(
            "blog.no-base-images",
            "Base images can be made from packages on Debian and its descendants only.",
            mend="Give the machine a registry: registry_mirror, or access to the default one.",
        )
    yield from debian.packages._inner(
        names=["mmdebstrap"], purpose="making base images from packages"
    )
    engine = container_engine()
    found(
        "blog.base-images-missing",
        "The base images are not here.",
        mend=f"They are made from packages: {images.why}.",
    )
    folder = yield from uploaded("base", BASE_FILES)
    archive = quote(f"{folder}/root.tar")
    make = join([*machine.root, "sh", f"{folder}/debian-root.sh", machine.os_codename])
    yield StringCommand(f"{make} > {archive}.part && mv {archive}.part {archive}")
    change("image", images.builder, engine=engine.name)
    yield StringCommand(
        *engine.words,
        "import",
        "--change",
        "'LABEL bootstrapper.image=builder'",
        archive,
        images.builder,
    )
    yield StringCommand("rm", "-f", archive)
    change("image", images.server, engine=engine.name)
    yield StringCommand(
        *engine.words,
        *("build", "--quiet", "--network", "none", "--tag", images.server),
        *("--build-arg", f"BUILDER_IMAGE={images.builder}"),
        *("--file", QuoteString(f"{folder}/server.Dockerfile"), QuoteString(folder)),
    )


def build_words(
    settings: Settings,
    images: BaseImages,
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
) -> list[str]:
    """Options of a build from the blog's Dockerfile: what the site's gems rest on, and more.

    What has all its gems from packages needs no network, and gets none.
    """
    arguments = {
        "BUILDER_IMAGE": images.source(images.builder),
        "SERVER_IMAGE": images.source(images.server),
        "GEMS_FROM": images.origin,
        "GEM_SOURCE": settings.gem_source,
        "WITHOUT_PLUGINS": " ".join(settings.without_plugins),
        **arguments,
    }
    offline = images.origin == "packages" and not settings.gem_source
    return [
        "--force-rm",  # a build that fails leaves a container behind with the classic builder
        *(["--network", "none"] if offline else []),
        *(word for item in arguments.items() for word in ("--build-arg", "=".join(item))),
        *(word for item in labels.items() for word in ("--label", "=".join(item))),
    ]


def uploaded(
    folder: str, names: tuple[str, ...]
) -> Generator[FileUploadCommand | StringCommand, None, str]:
    """Our own files, on the machine: in the user's cache, in a directory named by their content."""
    home = host.get_fact(ThisMachine).home
    target = str(PurePosixPath(home) / ".cache/bootstrapper/files" / files_hash(folder, names))
    change("directory", target)
    yield StringCommand("mkdir", "-p", QuoteString(target))
    for name in names:
        yield FileUploadCommand(str(FILES / folder / name), f"{target}/{name}")
    return target
