"""The preview, for real: what is saved is shown, mistakes are said, and nothing is left of it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploys.build import BaseImages, preview_image
from deploys.settings import Settings
from tests.debian.waiting import wait_for

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 60  # a cold cache of the engine's, on a busy machine
SEEN_SECONDS = 20
POST = "---\ntitle: Post\nlayout: page\n---\n{}\n"


class RunningPreview:
    """The command, running; `said` is all that it has printed so far."""

    def __init__(self, site: Path, state: Path, *arguments: str) -> None:
        self.site = site
        self.port = free_port()
        self.said = ""
        self._open = True
        words = ["preview", "--blog", str(site), "--port", str(self.port), *arguments]
        self._terminal, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bootstrapper", *words, "--set", "base_images=packages"],
            cwd=PROJECT,
            env={**os.environ, "XDG_STATE_HOME": str(state), "TERM": "dumb", "COLUMNS": "200"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: _own_terminal(theirs),
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> RunningPreview:
        self.wait_for_words("Preview: ", START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> int:
        """As Ctrl-C on the terminal does."""
        with contextlib.suppress(OSError):
            os.write(self._terminal, b"\x03")
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(30)
        self._reader.join(10)
        return code

    def hang_up(self) -> None:
        """As closing the terminal's window does."""
        self._open = False
        self._reader.join()

    def wait_for_words(self, words: str, seconds: float = SEEN_SECONDS) -> str:
        """The line in which the words are said."""
        wait_for(lambda: words in self.said or self.process.poll() is not None, seconds, words)
        assert words in self.said, self.said
        return next(line for line in self.said.splitlines() if words in line)

    def wait_for_page(self, path: str, holds: Callable[[str], bool]) -> None:
        wait_for(lambda: holds(page(self.url + path)[1]), SEEN_SECONDS, f"{path}: {self.said}")

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # nobody is at the other end any more
            while self._open:
                if select.select([self._terminal], [], [], 0.05)[0]:
                    text = os.read(self._terminal, 65536).decode("utf-8", "replace")
                    self.said += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)
        os.close(self._terminal)


FILES = {
    "_config.yml": "title: Test\nbaseurl: /blog\n",
    "_layouts/page.html": "<html><body>{{ content }}</body></html>\n",
    "index.html": "---\nlayout: page\n---\n{{ site.posts.size }} posts\n",
    "404.html": "---\nlayout: page\n---\nnowhere\n",
    "_posts/2024-01-01-öne.md": POST.format("first words"),
    "_posts/2999-01-01-later.md": POST.format("later"),
    "_drafts/idea.md": POST.format("an idea"),
    "style.css": "p { color: red }\n",
}


@pytest.fixture(scope="module")
def new_site(tmp_path_factory: pytest.TempPathFactory, base: BaseImages) -> Iterator[Any]:
    assert base.present
    sites = []

    def make() -> Path:
        sites.append(tmp_path_factory.mktemp("previewed") / "My Blog Ä")
        for name, text in FILES.items():
            save(sites[-1], name, text)
        return sites[-1]

    yield make
    for site in sites:
        docker("image", "rm", "--force", preview_image(Settings(blog=str(site))))


@pytest.fixture(scope="module")
def site(new_site: Callable[[], Path]) -> Path:
    """The site whose previews come and go."""
    return new_site()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def running(new_site: Callable[[], Path], state: Path) -> Iterator[RunningPreview]:
    with RunningPreview(new_site(), state) as preview:
        yield preview


def test_what_is_saved_is_shown_and_the_page_told_to_load_again(running: RunningPreview) -> None:
    where = "/blog/2024/01/01/%C3%B6ne"
    assert "first words" in page(running.url + where)[1]
    before = outcome(running)
    save(running.site, "_posts/2024-01-01-öne.md", POST.format("other words"))
    running.wait_for_page(where, lambda text: "other words" in text)
    assert "_posts/2024-01-01-öne.md" in running.wait_for_words("Rebuilt in ")
    after = outcome(running)
    assert after["build"] != before["build"]
    assert f'data-build="{after["build"]}"' in page(running.url + where)[1]


def test_a_page_that_waits_is_answered_when_it_is_built(running: RunningPreview) -> None:
    now = outcome(running)
    save(running.site, "index.html", "---\nlayout: page\n---\nanother front page\n")
    answer = page(f"{running.url}/.bootstrapper/build?after={now['number']}")[1]
    assert json.loads(answer)["build"] != now["build"]


def test_a_mistake_is_said_with_file_and_line_and_the_next_save_mends_it(
    running: RunningPreview,
) -> None:
    save(running.site, "_posts/2024-02-01-bad.md", "---\ntitle: x\n---\n\nwords\n{% nosuch %}\n")
    said = running.wait_for_words("Not built")
    assert "Unknown tag 'nosuch'" in said
    assert "_posts/2024-02-01-bad.md:6" in said
    assert page(f"{running.url}/blog/")[0] == 200
    assert "bad.md:6" in outcome(running)["error"]
    save(running.site, "_posts/2024-02-01-bad.md", POST.format("mended"))
    running.wait_for_page("/blog/2024/02/01/bad.html", lambda text: "mended" in text)
    assert outcome(running)["error"] is None
    (running.site / "_posts/2024-02-01-bad.md").unlink()
    running.wait_for_page("/blog/2024/02/01/bad.html", lambda text: "nowhere" in text)


def test_a_mistake_in_a_data_file_is_said_with_its_name(
    running: RunningPreview,
) -> None:
    save(running.site, "_data/list.yml", "a: [\nb: x\n")
    running.wait_for_words("_data/list.yml")
    (running.site / "_data/list.yml").unlink()
    wait_for(lambda: outcome(running)["error"] is None, SEEN_SECONDS, running.said)


def test_it_answers_as_the_blogs_server_does(running: RunningPreview) -> None:
    assert page(f"{running.url}/")[2].endswith("/blog/")
    assert page(f"{running.url}/blog")[2].endswith("/blog/")
    status, text, _ = page(f"{running.url}/blog/nowhere/")
    assert (status, "nowhere" in text) == (404, True)
    with urllib.request.urlopen(f"{running.url}/blog/style.css") as answer:
        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
        assert answer.read() == b"p { color: red }\n"


def test_its_address_has_the_baseurl_and_links_stay_in_the_preview(
    running: RunningPreview,
) -> None:
    assert f"Preview: {running.url}/blog/." in running.wait_for_words("Preview: ")
    save(running.site, "index.html", "---\nlayout: page\n---\nat {{ site.url }}\n")
    running.wait_for_page("/blog/", lambda text: f"at {running.url}" in text)


def test_a_changed_configuration_counts_at_once(running: RunningPreview) -> None:
    before = (running.site / "_config.yml").read_text()
    save(running.site, "index.html", "---\nlayout: page\n---\ncalled {{ site.title }}\n")
    save(running.site, "_config.yml", before.replace("Test", "Renamed"))
    running.wait_for_page("/blog/", lambda text: "called Renamed" in text)


def test_what_editors_keep_beside_a_file_builds_nothing(running: RunningPreview) -> None:
    for name in (".2024-01-01-öne.md.swp", "4913", "öne.md~"):
        save(running.site, f"_posts/{name}", "swap")
    save(running.site, "style.css", "p { color: blue }\n")
    running.wait_for_page("/blog/style.css", lambda text: "blue" in text)
    running.wait_for_words("style.css")
    assert ".swp" not in running.said
    assert "4913" not in running.said


def test_the_container_is_as_hard_as_the_one_that_serves(running: RunningPreview) -> None:
    (told,) = json.loads(docker("inspect", container_of(running.site)))
    settings = told["HostConfig"]
    assert told["Config"]["User"] == "10001:10001"
    assert settings["ReadonlyRootfs"] is True
    assert settings["CapDrop"] == ["ALL"]
    assert settings["SecurityOpt"] == ["no-new-privileges"]
    assert settings["Memory"] == 2 << 30
    assert settings["PidsLimit"] > 0
    assert [mount["Type"] for mount in told["Mounts"]] == ["volume"]  # the site is not mounted
    places = [place for places in settings["PortBindings"].values() for place in places]
    assert places == [{"HostIp": "127.0.0.1", "HostPort": str(running.port)}]


def test_a_second_preview_of_a_site_says_where_the_first_one_is(
    running: RunningPreview, state: Path
) -> None:
    second = RunningPreview(running.site, state)
    assert second.ended() == 1
    line = f"bootstrap.py: a preview of this site runs already: {running.url} (process "
    assert second.said.startswith(line)
    assert len(second.said.splitlines()) == 1
    assert page(f"{running.url}/blog/")[0] == 200


def test_a_port_that_is_taken_is_one_line(site: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        # The later option counts.
        preview = RunningPreview(site, tmp_path, "--port", str(port))
        assert preview.ended() == 1
    (line,) = preview.said.splitlines()
    assert line.startswith(f"bootstrap.py: port {port} is held by ")
    assert line.endswith("or choose another with --port.")


def test_a_browser_loads_the_page_again_by_itself(running: RunningPreview, tmp_path: Path) -> None:
    text = "---\n---\n<html><head><title>{}</title></head><body>words</body></html>\n"
    save(running.site, "index.html", text.format("before"))
    running.wait_for_page("/blog/", lambda page: "before" in page)
    with browser(f"{running.url}/blog/", tmp_path) as titles:
        wait_for(lambda: "before" in titles(), SEEN_SECONDS, "the page in the browser")
        save(running.site, "index.html", text.format("after"))
        wait_for(lambda: "after" in titles(), SEEN_SECONDS, "the page to load itself again")


def test_on_a_site_that_takes_long_the_saved_post_comes_first(
    new_site: Callable[[], Path], tmp_path: Path
) -> None:
    site = new_site()
    slow = "Jekyll::Hooks.register(:posts, :pre_render) { sleep 0.3 }\n"
    save(site, "_plugins/slow.rb", slow)
    for day in range(10, 20):
        save(site, f"_posts/2024-01-{day}-p.md", POST.format("some words"))
    with RunningPreview(site, tmp_path) as preview:
        save(site, "_posts/2024-01-10-p.md", POST.format("the first change"))
        preview.wait_for_words("Shown in ")
        assert "the first change" in page(f"{preview.url}/blog/2024/01/10/p.html")[1]
        assert "Rebuilt" not in preview.said
        # While all the others are rendered: that is begun anew, and then has both.
        save(site, "_posts/2024-01-11-new.md", POST.format("the second change"))
        preview.wait_for_page("/blog/2024/01/11/new.html", lambda text: "second" in text)
        said = preview.wait_for_words("Rebuilt in ")
        assert said.endswith("_posts/2024-01-10-p.md, _posts/2024-01-11-new.md")
        # The one of the future too, as on GitHub Pages.
        assert "13 posts" in page(f"{preview.url}/blog/")[1]
        save(site, "_posts/2024-01-10-p.md", "---\ntitle: x\n---\n{% nosuch %}\n")
        preview.wait_for_words("_posts/2024-01-10-p.md:4")
        assert preview.said.count("Not built") == 1


def test_ctrl_c_leaves_nothing_behind_and_the_folder_is_as_it_was(
    site: Path, tmp_path: Path
) -> None:
    before = snapshot(site)
    preview = RunningPreview(site, tmp_path, "--drafts", "--future")
    with preview:
        assert "(with drafts and posts of the future)" in preview.wait_for_words("Preview: ")
        assert "an idea" in page(preview.url + draft_address(site, "idea"))[1]
        assert "later" in page(f"{preview.url}/blog/2999/01/01/later.html")[1]
        (volume,) = docker(
            "inspect", "-f", "{{(index .Mounts 0).Name}}", container_of(site)
        ).split()
    assert preview.process.returncode == 130
    assert preview.said.endswith("Preview ended; nothing is left of it.\n")
    assert gone(site)
    assert volume not in docker("volume", "ls", "--quiet").split()
    assert snapshot(site) == before


@pytest.mark.parametrize("end", ["SIGTERM", "hang up"])
def test_however_it_is_ended_nothing_is_left(site: Path, tmp_path: Path, end: str) -> None:
    preview = RunningPreview(site, tmp_path)
    preview.wait_for_words("Preview: ", START_SECONDS)
    if end == "SIGTERM":
        preview.process.send_signal(signal.SIGTERM)
    else:
        preview.hang_up()
    assert preview.ended() == 130
    assert gone(site)


def test_a_killed_preview_takes_its_container_with_it(site: Path, tmp_path: Path) -> None:
    preview = RunningPreview(site, tmp_path)
    preview.wait_for_words("Preview: ", START_SECONDS)
    preview.process.kill()
    preview.ended()
    wait_for(lambda: gone(site), SEEN_SECONDS, "the container to go")


def test_a_container_that_was_left_behind_is_replaced(site: Path, tmp_path: Path) -> None:
    name = container_of(site)
    image = preview_image(Settings(blog=str(site)))
    docker("run", "--detach", "--name", name, "--entrypoint", "sleep", image, "600")
    with RunningPreview(site, tmp_path) as preview:
        assert page(f"{preview.url}/blog/")[0] == 200
    assert gone(site)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--blog", "https://git.example.org/blog.git"], "you write in a folder"),
        (
            ["--inventory", "inventories/team.py", "--limit", "workstations"],
            "on this computer only",
        ),
        (["--json"], "preview has no --json"),
        (["--only", "blog"], "preview has no --only"),
    ],
)
def test_what_it_cannot_do_is_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "bootstrapper", "preview", *arguments],
        cwd=PROJECT,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert line.startswith("bootstrap.py: ")
    assert said in line


def _own_terminal(terminal: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def save(site: Path, name: str, text: str) -> None:
    """As editors do: a new file in the place of the old one."""
    file = site / name
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.swx")
    beside.write_text(text)
    beside.replace(file)


def page(url: str) -> tuple[int, str, str]:
    """Status, text and final address; a server that is about to come, or to go, answers nothing."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode(), answer.url
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), url
    except (OSError, http.client.HTTPException):  # the second: cut off as it answered
        return 0, "", url


@contextlib.contextmanager
def browser(url: str, directory: Path) -> Iterator[Callable[[], list[str]]]:
    """A real one that shows a page; gives the titles that it shows."""
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    with subprocess.Popen(
        [*words, f"--user-data-dir={directory}/chromium", url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            told = directory / "chromium/DevToolsActivePort"
            wait_for(lambda: told.is_file() and told.read_text(), SEEN_SECONDS, "the browser")
            tabs = f"http://127.0.0.1:{told.read_text().splitlines()[0]}/json/list"
            yield lambda: [tab["title"] for tab in json.loads(page(tabs)[1])]
        finally:
            process.terminate()


def outcome(preview: RunningPreview) -> dict[str, Any]:
    return dict(json.loads(page(f"{preview.url}/.bootstrapper/build")[1]))


def draft_address(site: Path, name: str) -> str:
    """A draft has the date of its file."""
    day = (site / f"_drafts/{name}.md").stat().st_mtime
    return time.strftime(f"/blog/%Y/%m/%d/{name}.html", time.gmtime(day))


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    return done.stdout


def container_of(site: Path) -> str:
    key = hashlib.sha256(f"{os.getuid()} {site}".encode()).hexdigest()[:12]
    return f"bootstrapper-preview-{key}"


def gone(site: Path) -> bool:
    return container_of(site) not in docker("ps", "--all", "--format", "{{.Names}}")


def snapshot(site: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file's content, mode and time of change, and every directory's."""
    return {
        str(path.relative_to(site)): (
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_mode,
            path.stat().st_mtime_ns,
        )
        for path in [site, *site.rglob("*")]
    }
