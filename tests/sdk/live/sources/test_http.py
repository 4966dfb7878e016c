"""Streams of JPEGs from a real web server on this computer, as cameras send and break them."""

from __future__ import annotations

import base64
import http.server
import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from facesdk.bench.film import write_film
from facesdk.errors import InputError, SourceLostError
from facesdk.live.capture import Capture, Captured, State
from facesdk.live.sources import http as http_source
from facesdk.live.sources import mjpeg
from facesdk.live.sources.http import HttpSource
from facesdk.live.sources.mjpeg import MjpegReader, boundary_of
from sdk.photos import encode

Handler = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def served(answer: Handler) -> Iterator[str]:
    """The address of a server that answers every request so."""

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/video"
    finally:
        server.shutdown()
        server.server_close()


def jpeg(level: int) -> bytes:
    return encode(np.full((48, 64, 3), level, np.uint8), "JPEG")


def part(content: bytes, *, length: bool = True) -> bytes:
    size = f"Content-Length: {len(content)}\r\n" if length else ""
    return b"--frame\r\nContent-Type: image/jpeg\r\n" + size.encode() + b"\r\n" + content + b"\r\n"


def stream(*parts: bytes, boundary: str = "frame", end: bytes = b"") -> Handler:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={boundary}")
        request.end_headers()
        for row in (*parts, end):
            request.wfile.write(row)

    return answer


def levels_of(source: HttpSource) -> list[int]:
    """Levels of the pictures until the stream is lost."""
    source.open()
    found = []
    with suppress(SourceLostError):
        while True:
            found.append(round(float(source.read().image.mean())))
    source.close()
    return found


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("boundary", ["frame", "--frame", '"frame"'])
def test_each_part_is_a_picture(length: bool, boundary: str) -> None:
    parts = [part(jpeg(40 * i), length=length) for i in range(6)]
    with served(stream(*parts, boundary=boundary, end=b"--frame--\r\n")) as url:
        assert levels_of(HttpSource(url)) == pytest.approx([40 * i for i in range(6)], abs=2)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("name", ["--frame", "----abc", "-" * 27 + "42", "--"])
def test_a_boundary_that_begins_with_dashes_has_two_more_where_it_stands(
    length: bool, name: str
) -> None:
    parts = [part(jpeg(40 * i), length=length).replace(b"--frame", b"--" + name.encode(), 1)
             for i in range(6)]  # fmt: skip
    with served(stream(*parts, boundary=name, end=b"--" + name.encode() + b"--\r\n")) as url:
        assert levels_of(HttpSource(url)) == pytest.approx([40 * i for i in range(6)], abs=2)


def test_the_first_boundary_says_how_all_are_written() -> None:
    content = b"\r\n".join([jpeg(80), b"----frame", b"is no boundary here"])
    first, second = part(content, length=False), part(jpeg(160))
    reader = MjpegReader(io.BytesIO(first + second), b"--frame", "stream")
    assert [round(float(reader.read().image.mean())) for _ in range(2)] == [80, 160]


def test_a_damaged_picture_is_left_out_and_counted() -> None:
    good = jpeg(100)
    parts = [part(good), part(good[: len(good) // 2]), part(b"nonsense"), part(good)]
    with served(stream(*parts, end=b"--frame--\r\n")) as url:
        source = HttpSource(url)
        assert levels_of(source) == [100, 100]
        assert source.unreadable == 2


def test_a_stream_that_dies_within_a_picture_is_lost_and_opened_again() -> None:
    whole = part(jpeg(80))
    with served(stream(whole, whole, whole[:-100])) as url:
        capture = Capture(HttpSource(url), wait=lambda event, _: event.wait(0.01))
        capture.start()
        connections, lost = 0, False
        while connections < 3:
            came = capture.next(5.0)
            assert came is not None
            if not isinstance(came, Captured):
                connections += came.state is State.LIVE
                lost |= came.state is State.RECONNECTING and "within a picture" in came.message
        capture.stop()
        assert lost
        assert capture.reconnects >= 2


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("cut", [0, 1, 30, 400, -100])
def test_a_chunked_stream_that_dies_anywhere_is_lost(length: bool, cut: int) -> None:
    whole = part(jpeg(80), length=length)
    chunk = b"%x\r\n%b\r\n" % (len(whole), whole)

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.protocol_version = "HTTP/1.1"
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(2 * chunk + chunk[:cut])

    with served(answer) as url:
        assert levels_of(HttpSource(url))[:1] == [80]


def test_a_stream_that_says_nothing_is_lost_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_source, "TIMEOUT", 0.2)
    done = threading.Event()

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        stream(part(jpeg(80)))(request)
        request.wfile.flush()
        done.wait(5)

    with served(answer) as url:
        source = HttpSource(url)
        source.open()
        source.read()
        with pytest.raises(SourceLostError, match="stopped"):
            source.read()
        done.set()


def test_garbage_without_an_end_is_refused_before_memory_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mjpeg, "MOST_BYTES", 100_000)
    for garbage in (
        b"x" * 300_000,
        b"--frame\r\n\r\n" + b"y\n" * 300_000,
        b"--frame\r\nContent-Length: 99999999999\r\n\r\n",
        b"--frame\r\nContent-Length: -3\r\n\r\n",
        b"--frame\r\nContent-Length: many\r\n\r\n",
        b"--frame\r\n" + b"a: b\r\n" * 1000,
    ):
        reader = MjpegReader(io.BytesIO(garbage), b"--frame", "garbage")
        with pytest.raises(SourceLostError, match="garbage stopped"):
            reader.read()
    endless = MjpegReader(io.BytesIO(part(b"no jpeg") * 40), b"--frame", "rubbish")
    with pytest.raises(SourceLostError, match="30 pictures in a row"):
        endless.read()


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=frame", b"--frame"),
        ("multipart/x-mixed-replace;boundary=--frame", b"--frame"),
        ('Multipart/X-Mixed-Replace; charset=x; boundary="a b"', b"--a b"),
        ("multipart/x-mixed-replace", None),
        ("image/jpeg", None),
        ("", None),
    ],
)
def test_the_boundary_is_read_as_cameras_write_it(kind: str, boundary: bytes | None) -> None:
    assert boundary_of(kind) == boundary


def test_user_and_password_are_sent_and_never_shown() -> None:
    seen = []

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["Authorization"])
        request.send_error(401)

    with served(answer) as url:
        source = HttpSource(url.replace("//", "//me:s%40crEt@"))
        assert "crEt" not in source.name
        with pytest.raises(InputError, match="answers 401") as caught:
            source.open()
    assert "crEt" not in str(caught.value)
    assert seen == ["Basic " + base64.b64encode(b"me:s@crEt").decode()]


@pytest.mark.parametrize(
    ("status", "kind", "lost", "words"),
    [
        (404, "text/html", False, "answers 404"),
        (503, "text/html", True, "answers 503"),
        (200, "text/html; charset=utf-8", False, "is text/html, not a stream"),
        (200, "image/jpeg", False, "is image/jpeg, not a stream"),
    ],
)
def test_what_is_no_stream_says_what_it_is(status: int, kind: str, lost: bool, words: str) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.end_headers()

    with served(answer) as url, pytest.raises(InputError, match=words) as caught:
        HttpSource(url).open()
    assert isinstance(caught.value, SourceLostError) is lost


def test_no_server_is_a_loss_that_may_mend() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(SourceLostError, match="cannot be reached"):
        HttpSource(f"http://127.0.0.1:{port}/").open()


def test_a_film_over_http_is_read_by_opencv(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), 20 * i, np.uint8) for i in range(10)]
    content = write_film(tmp_path / "film.avi", pictures).read_bytes()

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "video/x-msvideo")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    with served(answer) as url:
        levels = levels_of(HttpSource(url))
    assert levels == pytest.approx([20 * i for i in range(10)], abs=4)
