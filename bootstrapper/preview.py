"""The command `preview`: the blog while it is written, built again at every change."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import gevent
from pyinfra.context import host

from bootstrapper.answers import FactFailed
from bootstrapper.console import Terminal
from bootstrapper.engine import Engine
from bootstrapper.errors import UserError
from bootstrapper.interrupts import interrupted_by
from bootstrapper.inventory import THIS_MACHINE
from bootstrapper.log import RunLog
from bootstrapper.options import PreviewOptions
from bootstrapper.previewing import ContainerGone, Outcome, PreviewContainer, Wanted
from bootstrapper.record import private
from bootstrapper.stages import Stage
from bootstrapper.watching import Change, Watch, update
from deploys.build import base_images, container_engine, preview_image, site_directory
from deploys.facts.docker import PortHolder
from deploys.settings import Settings, is_git_url

FAILED, INTERRUPTED = 1, 130
SHOWN_PATHS = 3
SHOWN_WARNINGS = 8
KILLED = 137  # 128 + SIGKILL: what the kernel sends when the memory limit is reached

_GEMFILES = ("Gemfile", "Gemfile.lock")
_STAGE = Stage("preview", "Preview")
# A terminal that is closed, and a polite kill, are as good as Ctrl-C.
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class PreviewError(UserError):
    """There is no preview; one line with the mend."""


class Preview:
    """One preview of a site on this computer."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        wishes: PreviewOptions,
        terminal: Terminal,
        log: RunLog,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._wishes = wishes
        self._terminal = terminal
        self._log = log
        self._port = wishes.port or settings.blog_port + 1
        self._site = _site(settings)
        self._sent = 0
        self._untold: dict[int, Change] = {}  # by the number of their update

    def run(self, state: Path) -> int:
        """Show the site until somebody ends it.

        Raises:
            PreviewError: it cannot be shown.
        """
        url = f"http://127.0.0.1:{self._port}"
        with _only_preview(state, self._site, url):
            try:
                with interrupted_by(*_ENDINGS):
                    wanted = self._prepared(url)
                    return self._show(wanted, url) if wanted else FAILED
            except KeyboardInterrupt:
                with contextlib.suppress(OSError):  # the terminal may be what has ended it
                    self._terminal.end()
                    self._terminal.say("Preview ended; nothing is left of it.")
                return INTERRUPTED
            except FactFailed as error:
                self._terminal.failure(THIS_MACHINE, "preview", error.failure, self._log.path)
                return FAILED

    def _prepared(self, url: str) -> Wanted | None:
        """The container to run, when its image has been built; None when that failed."""
        self._terminal.begin("Preparing the preview", machines=1, show_operations=False)
        wanted = self._engine.ask(THIS_MACHINE, lambda: self._wanted(url))
        PreviewContainer(wanted, self._output).remove()  # of one that was killed, say
        self._engine.ask(THIS_MACHINE, self._need_port)
        (result,) = self._engine.evaluate([_STAGE], apply=True)
        self._terminal.end()
        for where, failure in result.problems:
            self._terminal.failure(THIS_MACHINE, where, failure, self._log.path)
        return wanted if result.ok else None

    def _wanted(self, url: str) -> Wanted:
        engine = container_engine()
        if not engine.answers:
            raise PreviewError(
                f"no container engine answers ({engine.reason}). Run bootstrap.py first: it "
                "installs or starts one."
            )
        images = base_images(self._settings)
        if not images.present:
            raise PreviewError(
                "the image that builds the blog is not here yet. Run bootstrap.py first: it "
                "fetches or makes it."
            )
        told = {
            "id": _id(self._site),
            "url": url,
            "drafts": self._wishes.drafts,
            "future": self._wishes.future,
        }
        environment = {
            "PROGRAM": "preview.rb",
            "PREVIEW": json.dumps(told),
            "JEKYLL_ENV": _jekyll_env(self._settings),
            "HOME": "/tmp",  # noqa: S108 (inside the container)
        }
        words = ("sh", "/bootstrapper/build-site.sh", images.origin)
        return Wanted(
            client=engine.client,
            id=_id(self._site),
            image=preview_image(self._settings),
            port=self._port,
            memory=self._settings.preview_memory,
            environment=environment,
            command=(*words, *self._settings.without_plugins),
        )

    def _need_port(self) -> None:
        holder = host.get_fact(PortHolder, port=self._port)
        if holder:
            who = f"{holder.program} (process {holder.pid})" if holder.program else "another user"
            raise PreviewError(
                f"port {self._port} is held by {who}. Stop it, or choose another with --port."
            )

    def _show(self, wanted: Wanted, url: str) -> int:
        watch = Watch(self._site)
        try:
            with PreviewContainer(wanted, self._output) as container:
                self._send(container, watch.next_change(gevent.sleep))
                first = container.outcome()
                assert first  # there is no time limit
                self._tell(first)
                if not container.answers():
                    raise PreviewError(
                        f"the preview runs, but port {self._port} of this computer does not lead "
                        "to it. Another program may hold it: choose another with --port."
                    )
                self._announce(f"{url}{first.baseurl}/")
                while True:
                    self._send(container, watch.next_change(lambda s: self._hear(container, s)))
        except ContainerGone as gone:
            self._terminal.end()
            raise self._explained(gone) from None

    def _send(self, container: PreviewContainer, change: Change) -> None:
        named = f": {_named(change.paths)}" if self._sent else ""
        self._sent += 1
        self._untold[self._sent] = change
        self._terminal.begin(f"Building{named}", machines=1, show_operations=False)
        container.send(update(self._site, change))

    def _hear(self, container: PreviewContainer, seconds: float) -> None:
        """Tell the outcomes that come within so many seconds."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            if outcome := container.outcome(rest):
                self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        told = {
            number: change for number, change in self._untold.items() if number <= outcome.number
        }
        if outcome.whole:
            for number in told:
                del self._untold[number]
        if not self._untold:
            self._terminal.end()
        self._log.write(f"{outcome}")
        said, *details = _told(list(told.values()), outcome, first=1 in told)
        self._terminal.verdict(THIS_MACHINE, said, ok=not outcome.error, details=details)

    def _announce(self, address: str) -> None:
        with_them = [
            name
            for name, shown in (
                ("drafts", self._wishes.drafts),
                ("posts of the future", self._wishes.future),
            )
            if shown
        ]
        also = f" (with {' and '.join(with_them)})" if with_them else ""
        self._terminal.say(f"Preview: {address}{also}. It follows what you save; Ctrl-C ends it.")
        if self._wishes.in_browser:
            click.launch(address)

    def _explained(self, gone: ContainerGone) -> PreviewError:
        for line in gone.words:
            self._log.write(line)
        if gone.code == KILLED:
            return PreviewError(
                "the preview's container was killed; its memory limit is "
                f"{self._settings.preview_memory}. Give it more with --set preview_memory=4g."
            )
        said = next((line.strip() for line in reversed(gone.words) if line.strip()), "it said none")
        return PreviewError(
            f"the preview's container has ended (exit code {gone.code}): {said.rstrip('.')}. Start "
            f"it again; its last words are in {self._log.path}."
        )

    def _output(self, line: str) -> None:
        self._log.output(THIS_MACHINE, line)
        self._terminal.output(THIS_MACHINE, line)


def _site(settings: Settings) -> Path:
    if is_git_url(settings.blog):
        raise PreviewError(
            f"{settings.blog} is a repository, and you write in a folder: give that with "
            "--blog PATH."
        )
    return Path(site_directory(settings)).expanduser().resolve()


def _id(site: Path) -> str:
    """One preview a site and user; different sites have different ports."""
    return hashlib.sha256(f"{os.getuid()} {site}".encode()).hexdigest()[:12]


def _jekyll_env(settings: Settings) -> str:
    """As with `jekyll serve`, unless it was chosen: themes count visitors in production only."""
    given = "jekyll_env" in settings.model_fields_set
    return settings.jekyll_env if given else "development"


def _named(paths: Sequence[str]) -> str:
    shown = [path.encode("utf-8", "replace").decode() for path in paths[:SHOWN_PATHS]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _told(changes: Sequence[Change], outcome: Outcome, *, first: bool) -> list[str]:
    """What came of some changes, the most important line first."""
    paths = tuple(dict.fromkeys(path for change in changes for path in change.paths))
    lines = [_done(outcome, "" if first else _named(paths))]
    if outcome.error:
        lines = _of_failure(outcome, () if first else paths)
    warnings = [f"! {text}" for text in outcome.warnings]
    if len(warnings) > SHOWN_WARNINGS:
        more = len(warnings) - SHOWN_WARNINGS
        warnings[SHOWN_WARNINGS:] = [f"… and {more} more, in the log"]
    lines += warnings
    if outcome.whole:
        unreadable = [path for change in changes for path in change.unreadable]
        lines += [f"! {_named([path])} cannot be read; it is left out." for path in unreadable]
    if not first and any(Path(path).name in _GEMFILES for path in paths):
        lines.append("! Other gems come with another start of the preview: Ctrl-C, then start it.")
    return lines


def _done(outcome: Outcome, named: str) -> str:
    seconds = f"in {outcome.seconds:.1f} s"
    if not named:
        return f"Built {seconds}"
    if not outcome.whole:
        return f"Shown {seconds}: {named}; the rest of the site follows"
    return f"Rebuilt {seconds}: {named}"


def _of_failure(outcome: Outcome, paths: Sequence[str]) -> list[str]:
    first, *more = outcome.error.splitlines()
    if paths and not any(path in outcome.error for path in paths):
        more.append(f"It came with {_named(paths)}.")
    return [f"Not built: {first}", *more]


@contextlib.contextmanager
def _only_preview(state: Path, site: Path, url: str) -> Iterator[None]:
    """Hold the lock of a site's preview; it ends with the process, however it ends."""
    with private(state / f"preview-{_id(site)}.lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise PreviewError(f"a preview of this site runs already: {file.read()}") from None
        file.truncate(0)
        file.write(f"{url} (process {os.getpid()}).")
        file.flush()
        yield
