"""The blog's container: hardened, on loopback only, replaced when its image or settings differ."""

from __future__ import annotations

import hashlib

from pyinfra.api import QuoteString, StringCommand, operation
from pyinfra.context import host

from deploys.build import CONTAINER, base_images, build_of, container_engine, current_site
from deploys.changes import change, left
from deploys.facts.docker import (
    NETWORK_LABEL,
    SPEC_LABEL,
    Container,
    ContainerState,
    Holder,
    Images,
    OwnNetworks,
    PortHolder,
    RunningContainers,
)
from deploys.facts.engine import Engine
from deploys.facts.machine import ThisMachine
from deploys.findings import found, refuse
from deploys.operations import Commands
from deploys.operations.engine_upkeep import listed, restarted, when_nobody_needs_them
from deploys.settings import Settings

INSIDE_PORT = 8080
NETWORK = CONTAINER
USER = "10001:10001"
ANSWER_SECONDS = 30

_DOCKERS = "docker-proxy"
_AIRPLAY = "ControlCe"  # Control Center, as lsof(8) shortens it
# Who listens for a container: Docker's proxy, Podman's, colima's ssh or limactl, Docker Desktop's
# (as lsof shortens com.docker.backend), OrbStack's and Podman's on a Mac. "" is another user's.
_PROXIES = (
    _DOCKERS,
    "rootlessport",
    "ssh",
    "limactl",
    "com.docke",
    "OrbStack",
    "gvproxy",
    "",
)

_HOLDING = ("running", "paused", "restarting")  # states in which Docker holds a container's ports


@operation()
def port_free(settings: Settings) -> Commands:
    """Refuse, before anything is built, when another program holds the blog's port; have Docker
    release it where that holds it for nobody."""
    engine = container_engine()
    container = _container(engine)
    if (
        container
        and container.state in _HOLDING
        and container.spec == _spec(settings, container.image)
    ):
        return
    holder = host.get_fact(PortHolder, port=settings.blog_port)
    if holder and holder.program.startswith(_AIRPLAY):
        refuse(
            "blog.port-taken",
            f"port {settings.blog_port} is held by AirPlay Receiver (ControlCenter, process "
            f"{holder.pid}).",
            means="macOS starts it again when it is stopped.",
            mend="Choose another port with --set blog_port=PORT, or switch it off in System "
            "Settings, General, AirDrop & Handoff.",
        )
    if holder and not _is_our_own(container, holder, settings.blog_port):
        if holder.program == _DOCKERS and engine.name == "docker" and not engine.endpoint:
            yield from _released(engine, settings.blog_port)
            return
        _taken(settings.blog_port, _name(holder), "Stop it")


def _released(engine: Engine, port: int) -> Commands:
    """A daemon that comes up after a power cut may hold the port of a container that was just about
    to start then, until it is restarted (seen with Docker 20.10.24)."""
    running = host.get_fact(RunningContainers, client=engine.client, port=port)
    if running.published:
        _taken(port, f"the container {listed([*running.published])}", "Stop that")
    machine = host.get_fact(ThisMachine)
    others = [name for name in running.all if name != CONTAINER]
    if others:
        whom = f"Docker, for a container that does not run; others do: {listed(others)}"
        _taken(port, whom, when_nobody_needs_them(machine).removesuffix("."))
    found(
        "blog.port-left",
        f"Docker holds port {port} for a container that does not run.",
        means="It was cut off while it started one, and keeps the port until it is restarted.",
        mend="It is restarted; nothing else runs in it.",
    )
    left("docker", "was restarted to release a port.")
    yield from restarted(machine)


def _taken(port: int, by: str, mend: str) -> None:
    refuse(
        "blog.port-taken",
        f"port {port} is held by {by}.",
        mend=f"{mend}, or choose another port with --set blog_port=PORT.",
    )


@operation()
def serving(settings: Settings) -> Commands:
    """Have the container run the current image with the current settings, and answer."""
    engine = container_engine()
    site = current_site(settings)
    image = build_of(settings, site, base_images(settings)).image if site else "bootstrapper/blog"
    known = host.get_fact(Images, client=engine.client, references=(image,)) if site else {}
    image_id = known[image].id if engine.answers and image in known else image
    container = _container(engine)
    spec = _spec(settings, image_id)
    if container and container.spec == spec and container.image == image_id:
        if container.state == "running" and container.health != "unhealthy":
            return
        found(
            "blog.container-down",
            f"The container is {container.health or container.state}.",
            mend="It is started again.",
        )
    else:
        found("blog.container-differs", _difference(container, image_id))
    yield from _replace(engine, settings, image, spec, exists=container is not None)


def _container(engine: Engine) -> Container | None:
    if not engine.answers:
        return None
    return host.get_fact(ContainerState, client=engine.client, container=CONTAINER)


def _replace(
    engine: Engine, settings: Settings, image: str, spec: str, *, exists: bool
) -> Commands:
    # Before the old container goes: an engine that has no room for a network still serves then.
    yield from _network(engine)
    if exists:
        yield StringCommand(*engine.words, "rm", "--force", CONTAINER)
    words = [*_options(settings), "--label", f"{SPEC_LABEL}={spec}", "--name", CONTAINER, image]
    run = " ".join([*engine.words, "run", "--detach", *words])
    # A run that fails, for want of the port say, leaves a container behind that was only created.
    remove = " ".join([*engine.words, "rm", "--force", CONTAINER])
    change("container", CONTAINER, engine=engine.name)
    yield StringCommand(f"{run} || {{ {remove} >/dev/null; exit 1; }}")
    yield StringCommand("sh", "-c", QuoteString(_wait(engine)))
    if host.get_fact(ThisMachine).is_mac:
        yield StringCommand("sh", "-c", QuoteString(_wait_outside(engine, settings, image)))


def _network(engine: Engine) -> Commands:
    """Without masquerading no answer comes back from another computer, and Docker keeps bridges
    apart from each other. Podman knows no such option, says so, and makes a plain network
    (containers/podman, pkg/api/handlers/compat/networks.go)."""
    if engine.answers and NETWORK in host.get_fact(OwnNetworks, client=engine.client):
        return
    options = ("--opt", "com.docker.network.bridge.enable_ip_masquerade=false")
    change("network", NETWORK, engine=engine.name)
    yield StringCommand(
        *engine.words, "network", "create", *options, "--label", NETWORK_LABEL, NETWORK
    )


def _options(settings: Settings) -> list[str]:
    return [
        *("--publish", f"127.0.0.1:{settings.blog_port}:{INSIDE_PORT}"),
        # Docker's own name server would ask those of the machine; this one is nobody.
        *("--network", NETWORK, "--dns", "0.0.0.0"),  # noqa: S104 (inside the container)
        *("--user", USER),
        *("--read-only", "--tmpfs", "/tmp"),  # noqa: S108 (inside the container)
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--memory", settings.container_memory, "--pids-limit", "64"),
        *("--restart", "unless-stopped"),
        *("--log-opt", "max-size=5m", "--log-opt", "max-file=2"),
    ]


def _spec(settings: Settings, image_id: str) -> str:
    text = "\n".join([*_options(settings), image_id])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _wait(engine: Engine) -> str:
    client = " ".join(engine.words)
    ask = (
        "/bin/busybox wget -q -O /dev/null "
        f'"http://127.0.0.1:{INSIDE_PORT}$(/bin/busybox cat /srv/health)"'
    )
    return f"""tries=0
until {client} exec {CONTAINER} /bin/busybox sh -c '{ask}' 2>/dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -ge {ANSWER_SECONDS * 5} ]; then
    echo "The server in the container did not answer; its last words:" >&2
    {client} logs --tail 20 {CONTAINER} >&2
    exit 1
  fi
  sleep 0.2
done"""


def _wait_outside(engine: Engine, settings: Settings, image: str) -> str:
    """On a Mac the container answers in a virtual machine. That its port leads there is not said
    by `docker run`: colima does not forward a port that is taken, silently (lima-vm/lima#3981)."""
    port = settings.blog_port
    client = " ".join(engine.words)
    return f"""path=$({client} exec {CONTAINER} /bin/busybox cat /srv/health)
tries=0
until curl -s --noproxy '*' --max-time 5 -D - -o /dev/null "http://127.0.0.1:{port}$path" |
  grep -qi '^x-build-id: *{image.rpartition(":")[2]}'
do
  tries=$((tries + 1))
  if [ "$tries" -ge {ANSWER_SECONDS} ]; then
    echo "The container runs, but port {port} of this Mac does not lead to it; it is held by:" >&2
    PATH=$PATH:/usr/sbin lsof -nP -iTCP:{port} -sTCP:LISTEN >&2 || echo "nobody" >&2
    echo "Stop that program, or choose another port with --set blog_port=PORT." >&2
    exit 1
  fi
  sleep 1
done"""


def _difference(container: Container | None, image_id: str) -> str:
    if container is None:
        return "No container serves the blog yet."
    if container.image != image_id:
        return "The container serves another build than the site's present one."
    return "The container was started with other settings."


def _is_our_own(container: Container | None, holder: Holder, port: int) -> bool:
    """A proxy holds the port for the container that is about to be replaced."""
    if container is None or container.state != "running":
        return False
    leads_here = not container.ports or port in container.ports
    return leads_here and holder.program in _PROXIES


def _name(holder: Holder) -> str:
    if not holder.program:
        return "a program of another user"
    return f"{holder.program} (process {holder.pid})"
