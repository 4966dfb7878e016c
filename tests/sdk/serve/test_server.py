"""The service as a process: it begins, stands bad clients, and ends as it was asked to."""

from __future__ import annotations

import gc
import http.client
import json
import os
import platform
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from facesdk.cli.main import app
from facesdk.serve.server import listen, run
from sdk.serve.running import Running, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("serve"), "--arrival", "2") as one:
        yield one


def connect(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=40)


def alive(running: Running) -> bool:
    with urllib.request.urlopen(running.url + "healthz", timeout=20) as answer:
        return bool(json.load(answer)["status"] == "ok")


def test_it_says_where_it_is_and_keeps_its_files_private(tmp_path: Path) -> None:
    with serving(tmp_path) as one:
        assert alive(one)
        assert len(one.token) >= 43
        assert stat.S_IMODE((tmp_path / "config/facesdk/serve-token.json").stat().st_mode) == 0o600
        form = urllib.request.Request(
            one.url + "v1/detect",
            b"--gibberish",
            {
                "Authorization": f"Bearer {one.token}",
                "Content-Type": "multipart/form-data; boundary=a",
            },
        )
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(form, timeout=20)
        status, out, error = one.stop()
    assert (status, out, error) == (0, "", ""), "what a client did wrong is told to the client"
    with serving(tmp_path, "--host", "localhost") as again:
        assert again.token is None, "a token is shown once"
        assert again.stop(signal.SIGINT) == (0, "", "")


@pytest.mark.parametrize(
    "sent",
    [b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n",
     b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
     b"POST /v1/detect HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
     b"GET /" + b"a" * 100_000],
)  # fmt: skip
def test_what_is_no_http_ends_the_connection_and_nothing_else(
    running: Running, sent: bytes
) -> None:
    with connect(running) as client:
        client.sendall(sent)
        answer = client.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head.lower()
    assert b"x-frame-options: deny" in head.lower()
    assert json.loads(body)["type"] == "urn:facesdk:problem:bad-request"
    assert alive(running)


def test_connections_beyond_its_most_are_told_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path, "--arrival", "60") as one:
        with ExitStack() as kept:
            for _ in range(256):
                kept.enter_context(connect(one))
            client = kept.enter_context(connect(one))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 5" in head.lower() and b"x-frame-options: deny" in head.lower()
        assert json.loads(body)["type"] == "urn:facesdk:problem:busy"
        time.sleep(1)
        assert alive(one)
        assert one.stop() == (0, "", "")


def test_a_client_that_leaves_in_the_middle_harms_nobody(running: Running) -> None:
    head = (
        f"POST /v1/detect HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {running.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    for _ in range(30):  # more than may be inside at a time
        with connect(running) as client:
            client.sendall(head.encode())
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        request = urllib.request.Request(
            running.url + "v1/status", headers={"Authorization": f"Bearer {running.token}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            if json.load(answer)["inside"] == 0:
                return
    pytest.fail("places of clients that left are still taken")


def test_a_client_that_never_finishes_its_head_is_cut_off(running: Running) -> None:
    with connect(running) as client:
        began = time.monotonic()
        client.sendall(b"GET / HTTP/1.1\r\n")
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.3):
                try:
                    client.sendall(b"X-A: b\r\n")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        assert client.recv(1000) == b""
        stop.set()
        thread.join()
    assert 1.5 < time.monotonic() - began < 30
    assert alive(running)


def test_a_body_that_drips_is_told_that_it_is_too_slow(running: Running) -> None:
    with connect(running) as client:
        head = (
            f"POST /v1/detect HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {running.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
        )
        client.sendall(head.encode())
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:facesdk:problem:slow-request" in answer
    assert alive(running)


def test_what_has_been_asked_is_answered_before_it_ends(
    tmp_path: Path, photo: Callable[[str], bytes]
) -> None:
    with serving(tmp_path, "--workers", "1") as one:
        answers: list[int] = []
        began = threading.Semaphore(0)

        def ask() -> None:
            request = urllib.request.Request(
                one.url + "v1/detect",
                b"--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a\"\r\n\r\n"
                + photo("obama") + b"\r\n--b--\r\n",
                {"Content-Type": "multipart/form-data; boundary=b",
                 "Authorization": f"Bearer {one.token}"},
            )  # fmt: skip
            began.release()
            with urllib.request.urlopen(request, timeout=40) as answer:
                answers.append(answer.status)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
            began.acquire()
        deadline = time.monotonic() + 20
        while not answers and time.monotonic() < deadline:
            time.sleep(0.01)
        status, _, error = one.stop()
        for thread in threads:
            thread.join()
    assert answers == [200] * 4
    assert (status, error) == (0, "")


def test_https_is_by_the_certificate_whose_fingerprint_was_printed(tmp_path: Path) -> None:
    with serving(tmp_path, "--tls", "--tls-folder", str(tmp_path / "tls")) as one:
        assert one.url.startswith("https://") and one.fingerprint is not None
        context = ssl.create_default_context(cafile=str(tmp_path / "tls/cert.pem"))
        with urllib.request.urlopen(one.url + "healthz", context=context, timeout=20) as answer:
            assert answer.status == 200
        with (
            connect(one) as client,
            context.wrap_socket(client, server_hostname="localhost") as tls,
        ):
            import hashlib

            certificate = tls.getpeercert(binary_form=True)
            assert certificate is not None
            digest = hashlib.sha256(certificate).hexdigest()
        assert one.fingerprint.replace(":", "").lower() == digest
        assert one.stop() == (0, "", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "203.0.113.1"], "cannot listen at 203.0.113.1"),
        (["--host", "no such name"], "cannot listen at no such name"),
        (["--no-token", "--host", "0.0.0.0"], "--no-token is for this computer alone"),
        (["--key", "env:A"], "--key is that of a gallery"),
        (["--workers", "65"], "Invalid value for '--workers'"),
        (["--max-mb", "inf"], "Invalid value for '--max-mb'"),
        (["--max-megapixels", "inf"], "Invalid value for '--max-megapixels'"),
        (["--gallery", "/dev/null/g.db"], "/dev/null"),
        (["--token-file", "/dev/null/t"], "/dev/null"),
        (["--model", "nothing"], "neither a file nor a packaged model"),
    ],
)
def test_what_it_cannot_begin_with_is_one_line(options: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["serve", "--port", "0", *options])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and words in done.stderr


def test_a_port_that_is_taken_is_one_line(running: Running) -> None:
    done = CliRunner().invoke(app, ["serve", "--port", str(running.port)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Address already in use" in done.stderr


def test_an_answer_s_body_does_not_wait_until_its_head_is_confirmed() -> None:
    with (
        listen("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname(), timeout=5),
        listening.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


_WHERE_BLOCKS_LIE = """
import numpy as np
from facesdk.serve.server import give_memory_back

GIVE and give_memory_back()
for _ in range(2):  # glibc takes the first from the system, and the next from its heap
    block = np.ones(3 << 20, np.uint8)
    address = block.ctypes.data
    heap = next(line for line in open("/proc/self/maps") if "[heap]" in line).split()[0]
    del block
low, high = (int(end, 16) for end in heap.split("-"))
print(low <= address < high)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize(
    ("give", "variables", "kept"),
    [
        (False, {}, True),
        (True, {}, False),
        (True, {"MALLOC_MMAP_THRESHOLD_": "33554432"}, True),
    ],
)
def test_memory_of_large_photos_goes_back_to_the_system(
    give: bool, variables: dict[str, str], kept: bool
) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    program = _WHERE_BLOCKS_LIE.replace("GIVE", str(give))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**own, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(kept)


def test_answered_requests_are_not_kept() -> None:
    """Each was, with its body, until the time was over in which the next one had to come."""
    cycles: list[weakref.ref[object]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        cycles.append(weakref.ref(receive.__self__))
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body", "body": b""})

    def ask() -> None:
        for _ in range(2):
            client = http.client.HTTPConnection(*listening.getsockname()[:2], timeout=20)
            for _ in range(10):
                client.request("POST", "/", b"a photo that is not read")
                client.getresponse().read()
            client.close()
        time.sleep(0.2)  # until the service knows that the client has gone
        signal.raise_signal(signal.SIGINT)

    listening = listen("127.0.0.1", 0)
    alive_at_end: list[int] = []

    def stopping() -> None:
        gc.collect()
        alive_at_end.append(sum(cycle() is not None for cycle in cycles))

    asking = threading.Thread(target=ask)
    run(app, listening, None, arrival_s=60, ready=asking.start, stopping=stopping)
    asking.join()
    assert len(cycles) == 20 and alive_at_end == [0]
