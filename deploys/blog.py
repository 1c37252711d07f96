"""Stage: a container that serves the blog as it is now."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.operations import debian, docker, images, lock, site
from deploys.parts import held
from deploys.settings import is_git_url, settings


@deploy("Blog")
def blog() -> None:
    """The site's source, the images, the container; each only if it differs."""
    wanted = settings()
    if is_git_url(wanted.blog):
        debian.packages(name="install git", names=["git"], purpose="reading the blog's repository")
        site.cloned(name="the blog's repository", settings=wanted)
    site.readable(name="the site", settings=wanted)
    site.needs(name="what the site asks for", settings=wanted)
    docker.port_free(name="the port", settings=wanted)
    images.bases(name="base images", settings=wanted)
    images.blog(name="build the blog's image", settings=wanted)
    if held():
        lock.gems_kept(name="the gems it was built with", settings=wanted)
    docker.serving(name="serve the blog", settings=wanted)
    images.old_removed(name="earlier images")
