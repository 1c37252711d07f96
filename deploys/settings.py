"""The settings a machine may have, their defaults, and one clear line for each wrong one.

Values come from the inventory: override (`--set`) > host > group > `group_data/all.py`, pyinfra's
own precedence. Keys that begin with `_` or belong to a pyinfra connector (`ssh_user`, …) pass by.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import host

SAMPLE_BLOG = Path(__file__).resolve().parent.parent / "examples" / "blog"

_CONNECTOR_KEYS = ("ssh_", "docker_identifier", "dockerssh_", "chroot_", "fake_", "vagrant_")
_SHOWN = 80  # of a wrong value
_MEMORY = r"^[1-9][0-9]*[mg]$"
_IMAGE = r"^[a-z0-9][a-z0-9._/:-]*(@sha256:[0-9a-f]{64})?$"
_REPOSITORY = re.compile(
    r"(?:(?:https?|ssh|git|file)://(?!-)[^#]*|(?!-)[\w.-]+@(?!-)[\w.-]+:[^#]*)"
)
_BRANCH = re.compile(r"(?!-)[^\s~^:?*\[\\]*")
_PLUGIN = r"^[A-Za-z0-9][A-Za-z0-9_./-]*$"
_TAP = r"^[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9][A-Za-z0-9._-]*$"
_FORMULA = r"^([A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9][A-Za-z0-9._-]*/)?[a-z0-9][a-z0-9+_.@-]*$"


class SettingsError(PyinfraError, ValueError):
    """A setting is wrong; the message names the machine, the key and the mend, in one line."""


class Settings(BaseModel):
    """What one machine should be like. The README's table is made from these fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    blog: str = Field(
        default=str(SAMPLE_BLOG),
        min_length=1,
        description="the Jekyll site: a directory on the machine, or a git URL with an optional "
        "`#branch:subfolder`; the sample site of this project if not given",
    )
    blog_port: int = Field(
        default=4000, ge=1024, le=65535, description="the port on 127.0.0.1 that the blog answers"
    )
    jekyll_env: str = Field(
        default="production", pattern=r"^[a-z]+$", description="`JEKYLL_ENV` of the build"
    )
    without_plugins: list[Annotated[str, Field(pattern=_PLUGIN)]] = Field(
        default=[], description="plugins of the site to leave out of the build"
    )
    gem_source: str = Field(
        default="",
        pattern=r"^$|^https?://[^\s'\"]+$",
        description="a gem server of your own: the one that gems come from, and with packages the "
        "one for those gems that the distribution lacks",
    )
    container_memory: str = Field(
        default="128m",
        pattern=_MEMORY,
        description="memory limit of the serving container, such as `128m` or `1g`",
    )
    preview_memory: str = Field(
        default="2g",
        pattern=_MEMORY,
        description="memory limit of the container in which `preview` builds the blog",
    )
    base_images: Literal["auto", "registry", "packages"] = Field(
        default="auto",
        description="where base images come from: a `registry`, the distribution's `packages`, or "
        "`auto`: packages only where no registry answers",
    )
    builder_image: str = Field(
        default="",
        pattern=rf"^$|{_IMAGE}",
        description="registry image that builds the site; `ruby:X.Y-slim`, with the Ruby that the "
        "site asks for, else 3.4, if not given",
    )
    server_image: str = Field(
        default="nginxinc/nginx-unprivileged:stable-alpine-slim",
        pattern=_IMAGE,
        description="registry image that serves the site",
    )
    registry_mirror: str = Field(
        default="",
        pattern=r"^$|^[a-z0-9][a-z0-9._:/-]*[a-z0-9]$",
        description="prefix for registry images, such as `registry.example.com/hub`",
    )
    docker_group: bool = Field(
        default=False,
        description="Debian: add the user to the group `docker`; whoever is in it can become root",
    )
    container_engine: Literal["colima", "docker-desktop", "orbstack", "podman", "rancher"] = Field(
        default="colima",
        description="macOS: the engine to install where none is there; one that is there is kept",
    )
    vm_cpus: int = Field(
        default=2, ge=1, le=64, description="macOS: processors of the virtual machine of colima"
    )
    vm_memory: int = Field(
        default=4, ge=2, le=512, description="macOS: memory of that machine in GiB"
    )
    vm_disk: int = Field(
        default=60, ge=20, le=8192, description="macOS: size to which its disk may grow, in GiB"
    )
    ruby_version: str = Field(
        default="",
        pattern=r"^$|^[0-9]+\.[0-9]+(\.[0-9]+)?$",
        description="macOS: the Ruby to have; what the site asks for if not given, else 3.4",
    )
    brew_taps: list[Annotated[str, Field(pattern=_TAP)]] = Field(
        default=[], description="macOS: Homebrew taps to have, such as `user/tap`; they are trusted"
    )
    brew_formulae: list[Annotated[str, Field(pattern=_FORMULA)]] = Field(
        default=[],
        description="macOS: formulae to have besides those that this tool needs; aliases, "
        "`name@version` and `user/tap/name` too",
    )
    brew_casks: list[Annotated[str, Field(pattern=_FORMULA)]] = Field(
        default=[], description="macOS: casks to have"
    )
    brewfile: str = Field(
        default="",
        description="macOS: a Brewfile on the machine whose taps, formulae and casks to have",
    )
    homebrew_installer: str = Field(
        default="ca0130bd52235f2fcb2bf23cfdda004bc5d250c1"
        "@sha256:8ff338091a5e10bb5fc040b38316648110f42feff057ecf9feaab51fd0a13ef9",
        pattern=r"^[0-9a-f]{40}@sha256:[0-9a-f]{64}$",
        description="macOS: commit of Homebrew/install, and the SHA-256 of its `install.sh`",
    )

    @field_validator("blog", "brewfile")
    @classmethod
    def _is_a_word(cls, path: str) -> str:
        """What begins with a hyphen would be an option of the commands that it is a word of."""
        if path.startswith("-"):
            raise ValueError("it begins with a hyphen; write ./ before it")
        if re.search(r"[\x00-\x1f\x7f]", path):
            raise ValueError("it has a control character in it")
        return path

    @field_validator("blog")
    @classmethod
    def _can_be_cloned(cls, blog: str) -> str:
        url, _, fragment = blog.partition("#")
        branch, _, subfolder = fragment.partition(":")
        if not is_git_url(blog):
            return blog
        if not _REPOSITORY.fullmatch(url):
            raise ValueError("a repository is https://…, ssh://…, git://…, file://… or user@host:…")
        if not _BRANCH.fullmatch(branch) or ".." in branch:
            raise ValueError("what follows # is no name of a branch")
        if ".." in subfolder.split("/"):
            raise ValueError("the subfolder leads out of the repository")
        return blog

    @field_validator("blog", "gem_source")
    @classmethod
    def _no_password(cls, address: str) -> str:
        if re.match(r"\w+://[^/?#@:]*:[^/?#@]+@", address):
            raise ValueError(
                "an address with a password in it could be read in every list of processes"
            )
        return address


def is_git_url(blog: str) -> bool:
    """Whether the setting `blog` names a repository to clone rather than a directory."""
    return "://" in blog or bool(re.match(r"[\w.-]+@[\w.-]+:", blog))


def settings() -> Settings:
    """The current host's settings, for use inside a deploy or an operation.

    Raises:
        SettingsError: a key is unknown or its value is wrong.
    """
    return parse_settings(host.name, host.data.dict())


def parse_settings(machine: str, data: dict[str, object]) -> Settings:
    """Turn inventory data into settings.

    Raises:
        SettingsError: a key is unknown or its value is wrong; one line for the first such key.
    """
    known = {str(key): value for key, value in data.items() if not _is_pyinfra_key(str(key))}
    try:
        return Settings.model_validate(known)
    except ValidationError as error:
        raise SettingsError(_sentence(machine, error)) from None


def _is_pyinfra_key(key: str) -> bool:
    return key.startswith(("_", *_CONNECTOR_KEYS))


def _sentence(machine: str, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0]) if first["loc"] else "that is no text"
    if first["type"] == "extra_forbidden" or not first["loc"]:
        near = difflib.get_close_matches(key, Settings.model_fields, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "the README lists the settings."
        return f"{machine}: unknown setting {key!r}; {hint}"
    wanted = Settings.model_fields[key].description or ""
    problem = first["msg"].removeprefix("Value error, ")
    given = re.sub(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)", "…", repr(first["input"]))
    given = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}…"
    return f"{machine}: setting {key} = {given}: {problem[0].lower()}{problem[1:]} ({wanted})."
