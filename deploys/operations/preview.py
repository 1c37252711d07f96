"""The preview's image: the same builder and gems that the blog's image is made with."""

from __future__ import annotations

from pyinfra.api import QuoteString, StringCommand, operation

from deploys.build import (
    BLOG_FILES,
    base_images,
    container_engine,
    current_site,
    preview_image,
)
from deploys.facts.docker import IMAGE_LABEL
from deploys.operations.images import Steps, build_words, uploaded
from deploys.settings import Settings

# The engine's cache knows what has changed; an image that was replaced is of no use to anybody.
_BUILD = """
before=$({client} image inspect --format '{{{{.Id}}}}' {image} 2>/dev/null)
{build} || exit
after=$({client} image inspect --format '{{{{.Id}}}}' {image})
[ -z "$before" ] || [ "$before" = "$after" ] || {client} image rm "$before" >/dev/null 2>&1
exit 0
"""


@operation()
def image(settings: Settings) -> Steps:
    """Build it each time: nothing but the engine's cache knows whether the gems are those of the
    site as it is now."""
    site = current_site(settings)
    assert site is not None  # `site.readable` comes before
    images = base_images(settings)
    client = " ".join(container_engine().words)
    folder = yield from uploaded("blog", BLOG_FILES)
    words = build_words(settings, images, {}, {IMAGE_LABEL: "preview"})
    name = preview_image(settings)
    build = StringCommand(
        "sh",
        QuoteString(f"{folder}/build-image.sh"),
        QuoteString(site.directory),
        *(client, "build", "--target", "tools", "--tag", name),
        *(QuoteString(word) for word in words),
    )
    script = _BUILD.format(client=client, image=name, build=build)
    yield StringCommand("sh", "-c", QuoteString(script.strip()))
