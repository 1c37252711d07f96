"""The proof against servers that are dead, slow, still starting, or somebody else's."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bootstrapper.proof import Limits, Proof, prove
from tests.webserver import BUILD_ID, Blog, Reply, free_port, listening, spoiling


@pytest.fixture
def blog(tmp_path: Path) -> Iterator[Blog]:
    blog = Blog(tmp_path)
    with blog.server:
        yield blog


def kinds(proof: Proof) -> set[tuple[str, str]]:
    return {(fault.kind, fault.path) for fault in proof.faults}


def test_nobody_listening_is_said_at_once(blog: Blog) -> None:
    port = free_port()
    proof = prove(blog.site, f"http://127.0.0.1:{port}")
    assert kinds(proof) == {("server.unreachable", "/")}
    assert f"nobody listens on 127.0.0.1:{port}" in proof.summary
    assert proof.seconds < 1


def test_a_frozen_server_is_given_up_after_the_time_allowed(blog: Blog) -> None:
    blog.server.freeze()
    try:
        proof = prove(blog.site, blog.server.url, limits=Limits(answer_seconds=0.3))
    finally:
        blog.server.thaw()
    assert kinds(proof) == {("server.silent", "/")}
    assert 0.3 <= proof.seconds < 3


def test_a_server_that_freezes_halfway_is_given_up(blog: Blog) -> None:
    def freeze(done: int, total: int) -> None:
        if done == 1:
            blog.server.freeze()

    try:
        limits = Limits(connections=2, answer_seconds=0.3, silences=2)
        proof = prove(blog.site, blog.server.url, limits=limits, on_progress=freeze)
    finally:
        blog.server.thaw()
    assert not proof.ok
    assert proof.seconds < 5


def test_a_server_that_drips_is_stopped_at_the_time_limit(blog: Blog) -> None:
    class Dripping(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("X-Build-Id", BUILD_ID)
            self.send_header("Content-Length", "0" if self.path == "/" else "1000000")
            self.end_headers()
            while self.path != "/" and not gone.wait(0.05):
                self.wfile.write(b".")

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    gone = threading.Event()
    limits = Limits(connections=2, answer_seconds=5, total_seconds=1)
    try:
        with listening(Dripping) as url:
            proof = prove(blog.site, url, limits=limits)
    finally:
        gone.set()
    assert "server.slow" in {fault.kind for fault in proof.faults}
    assert proof.seconds < 3


def test_another_program_on_the_port_is_named_as_such(blog: Blog) -> None:
    class Stranger(BaseHTTPRequestHandler):
        server_version = "Somebody/1.0"

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with listening(Stranger) as url:
        proof = prove(blog.site, url)
    assert kinds(proof) == {("server.stranger", "/")}
    assert "another program answers on this port (Somebody/1.0" in proof.summary


def test_a_program_that_speaks_no_http_is_named_as_such(blog: Blog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            visitor, _ = listener.accept()
            visitor.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            visitor.recv(1000)
            visitor.close()

        threading.Thread(target=greet, daemon=True).start()
        proof = prove(blog.site, f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert kinds(proof) == {("server.stranger", "/")}


def test_a_server_that_is_still_starting_is_waited_for(tmp_path: Path) -> None:
    blog = Blog(tmp_path)
    timer = threading.Timer(0.3, blog.server.__enter__)
    timer.start()
    try:
        proof = prove(blog.site, blog.server.url, wait_seconds=10)
    finally:
        timer.join()
        blog.server.stop()
    assert proof.faults == ()
    assert 0.3 <= proof.seconds < 5


def test_waiting_ends(blog: Blog) -> None:
    proof = prove(blog.site, f"http://127.0.0.1:{free_port()}", wait_seconds=0.5)
    assert kinds(proof) == {("server.unreachable", "/")}
    assert 0.2 < proof.seconds < 2


def test_the_proxies_of_the_environment_are_not_asked(
    blog: Blog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert prove(blog.site, blog.server.url).ok


def test_progress_is_told_for_each_answer_up_to_the_last(blog: Blog) -> None:
    seen: list[tuple[int, int]] = []
    proof = prove(blog.site, blog.server.url, on_progress=lambda *step: seen.append(step))
    assert [done for done, _ in seen] == list(range(1, proof.requests + 1))
    assert seen[-1][0] == seen[-1][1]


def test_ctrl_c_ends_a_proof_at_once_and_leaves_no_thread(blog: Blog) -> None:
    before = set(threading.enumerate())
    killers: list[subprocess.Popen[bytes]] = []

    def interrupt(done: int, total: int) -> None:
        if done == 1:
            blog.server.freeze()
            # From another process, as a terminal's would come.
            killers.append(subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -INT {os.getpid()}"]))

    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            prove(blog.site, blog.server.url, on_progress=interrupt)
    finally:
        blog.server.thaw()
    assert time.monotonic() - started < 3
    assert [killer.wait() for killer in killers] == [0]
    assert set(threading.enumerate()) - before == set()


def test_a_server_that_closes_idle_connections_is_no_fault(blog: Blog) -> None:
    def spoil(path: str, reply: Reply) -> None:
        reply.hang_up_after = len(reply.body)

    with spoiling(blog.server, spoil) as url:
        assert prove(blog.site, url).faults == ()
