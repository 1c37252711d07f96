"""Stage of the command `preview` alone: the image in which the blog is built as it is written."""

from __future__ import annotations

from pyinfra.api import deploy

from deploys.operations import preview as operations
from deploys.operations import site
from deploys.settings import settings


@deploy("Preview")
def preview() -> None:
    """The builder of the blog's image with the site's gems, and nothing of its content."""
    wanted = settings()
    site.readable(name="the site", settings=wanted)
    operations.image(name="the preview's image", settings=wanted)
