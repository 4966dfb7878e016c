"""What a service must say to requests that are wrong, and that it goes on afterwards."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from facesdk.engine import FaceEngine
from facesdk.serve.app import create_app
from facesdk.serve.engines import Engines
from facesdk.serve.service import Service
from facesdk.serve.work.limits import Limits
from sdk import photos
from sdk.serve import problem

Serving = Callable[..., TestClient]
Photo = Callable[[str], bytes]

NAN = float("nan")
FORM = "multipart/form-data; boundary=b"
NOT_PHOTOS = {
    "text": (b"hello", "is not an image"),
    "pdf": (b"%PDF-1.7", "is PDF"),
    "half": (photos.truncated_jpeg(photos.quadrants()), "truncated or corrupt"),
    "bomb": (photos.bomb_png(), "larger than the limit of 26 megapixels"),
}


@pytest.mark.parametrize("name", NOT_PHOTOS)
@pytest.mark.parametrize("form", [True, False])
def test_what_is_no_photo_is_refused(client: TestClient, name: str, form: bool) -> None:
    content, words = NOT_PHOTOS[name]
    if form:
        answer = client.post("/v1/detect", files={"photo": content})
    else:
        answer = client.post("/v1/detect", json={"photo": base64.b64encode(content).decode()})
    record = problem.of(answer)
    assert record["kind"] == "unreadable-photo"
    assert words in record["detail"]


BODIES = {
    "no content type": (b"{}", "", "unsupported-media-type"),
    "text": (b"{}", "text/plain", "unsupported-media-type"),
    "a form of a page": (b"photo=1", "application/x-www-form-urlencoded", "unsupported-media-type"),
    "a picture": (photos.encode(photos.quadrants(), "PNG"), "image/png", "unsupported-media-type"),
    "no json": (b"{photo", "application/json", "bad-request"),
    "no utf-8": (b'{"photo": "\xff"}', "application/json", "bad-request"),
    "deep json": (b"[" * 100_000, "application/json", "bad-request"),
    "a list": (b"[]", "application/json", "invalid-request"),
    "nothing": (b"{}", "application/json", "invalid-request"),
    "null": (b'{"photo": null}', "application/json", "invalid-request"),
    "a number": (b'{"photo": 7}', "application/json", "invalid-request"),
    "an empty photo": (b'{"photo": ""}', "application/json", "invalid-request"),
    "no base64": (b'{"photo": "?!"}', "application/json", "invalid-request"),
    "half a character": (b'{"photo": "\\ud800"}', "application/json", "invalid-request"),
    "a field of half a character": (b'{"photo": "aGk=", "\\ud800": 1}', "application/json",
                                    "invalid-request"),
    "a number of many digits": (b'{"photo": "aGk=", "max_faces": 1' + b"0" * 5000 + b"}",
                                "application/json", "bad-request"),
    "an unknown field": (b'{"photo": "aGk=", "x": 1}', "application/json", "invalid-request"),
    "text for a number": (b'{"photo": "aGk=", "max_faces": "1"}', "application/json",
                          "invalid-request"),
    "no faces": (b'{"photo": "aGk=", "max_faces": 0}', "application/json", "invalid-request"),
    "a form without a boundary": (b"", "multipart/form-data", "bad-request"),
    "a form that ends early": (b'--b\r\nContent-Disposition: form-data; name="photo"\r\n', FORM,
                               "invalid-request"),
    "a form without names": (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", FORM,
                             "bad-request"),
    "a form of nonsense": (b"\0\1\2", FORM, "bad-request"),
    "many fields": (b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n
                             for n in range(99)) + b"--b--", FORM, "bad-request"),
    "two photos": (b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\nx\r\n'
                   * 2 + b"--b--", FORM, "invalid-request"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_cannot_be_read(client: TestClient, name: str) -> None:
    body, kind, expected = BODIES[name]
    headers = {"content-type": kind} if kind else {}
    record = problem.of(client.post("/v1/detect", content=body, headers=headers))
    assert record["kind"] == expected, record
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"fmr": 0.5},
        {"fmr": 0},
        {"threshold": 2},
        {"threshold": "a"},
        {"fmr": True},
        {"fmr": NAN},
        {"threshold": NAN},
    ],
)
def test_operating_points_that_there_are_not(
    client: TestClient, photo: Photo, fields: dict[str, Any]
) -> None:
    content = base64.b64encode(photo("obama")).decode()
    body = json.dumps({"a": content, "b": content, **fields})
    answer = client.post("/v1/verify", content=body, headers={"content-type": "application/json"})
    record = problem.of(answer)
    assert record["kind"] == "invalid-request"


def test_a_body_that_says_it_is_too_large_is_not_read(serving: Serving) -> None:
    record = problem.of(serving(body_bytes=1000).post("/v1/detect", files={"photo": b"x" * 2000}))
    assert record["kind"] == "too-large"


def test_a_body_that_turns_out_too_large_is_dropped(serving: Serving) -> None:
    read = []

    def endless() -> Iterator[bytes]:
        for number in range(1000):
            read.append(number)
            yield b"x" * 1000

    for kind in ("application/json", FORM):
        answer = serving(body_bytes=10_000).post(
            "/v1/detect", content=endless(), headers={"content-type": kind}
        )
        assert problem.of(answer)["kind"] in ("too-large", "bad-request")


def test_a_length_that_is_no_number_is_refused(client: TestClient) -> None:
    headers = {"content-type": "application/json", "content-length": "many"}
    assert problem.of(client.post("/v1/detect", content=b"{}", headers=headers))["status"] == 400


def test_no_file_is_written_for_a_large_photo(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form's files go to a temporary file by default; there must be nowhere to put it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    content = photos.encode(noise, "PNG")
    assert len(content) > 2_000_000
    answer = client.post("/v1/detect", files={"photo": content})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("token", [None, "", "wrong", "é" * 43, "x" * 10_000])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/detect"), ("POST", "/v1/verify"), ("GET", "/v1/models"), ("GET", "/metrics"),
     ("GET", "/v1/status")],
)  # fmt: skip
def test_nobody_gets_in_without_the_token(
    serving: Serving, method: str, path: str, token: str | None
) -> None:
    client = serving(shows_token=False)
    headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}
    answer = client.request(method, path, headers=headers)  # type: ignore[arg-type]
    record = problem.of(answer)
    assert record["kind"] == "unauthorized"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_body_of_a_stranger_is_not_read(serving: Serving) -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    app = serving(shows_token=False).app
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/v1/detect", "raw_path": b"/v1/detect",
        "query_string": b"", "headers": [(b"content-type", b"application/json")],
        "http_version": "1.1", "scheme": "http", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }  # fmt: skip
    import asyncio

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    assert messages[0]["status"] == 401


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Host": "localhost:8420"}, True),
        ({"Host": "[::1]:8420"}, True),
        ({"Host": "evil.example"}, False),
        ({"Host": "127.0.0.1.evil.example"}, False),
        ({"Host": "["}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://127.0.0.1:9999"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://127.0.0.1"}, True),
    ],
)
def test_without_a_token_pages_of_others_are_kept_out(
    serving: Serving, headers: dict[str, str], allowed: bool
) -> None:
    answer = serving(has_token=False, shows_token=False).get("/v1/models", headers=headers)
    assert answer.status_code == (200 if allowed else 403)
    if not allowed:
        assert problem.of(answer)["kind"] == "foreign-origin"


def test_addresses_and_methods_that_there_are_not(client: TestClient) -> None:
    assert problem.of(client.get("/nothing"))["kind"] == "not-found"
    assert problem.of(client.get("/v1/detect/"))["kind"] == "not-found"
    answer = client.get("/v1/detect")
    assert problem.of(answer)["kind"] == "not-allowed"
    assert answer.headers["allow"] == "POST"


class Slow:
    """A detector that waits until it may go on."""

    id = "slow"

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()

    def detect(self, image: Any, max_faces: int | None = None) -> list[Any]:
        self.begun.release()
        assert self.go_on.wait(20)
        return []


@pytest.fixture
def slow(engine: FaceEngine) -> Iterator[tuple[Slow, Callable[..., TestClient]]]:
    detector = Slow()
    pools: list[Engines] = []

    def start(**limits: float) -> TestClient:
        engines = Engines(FaceEngine(detector, engine.embedder), Limits(**limits))  # type: ignore[arg-type]
        pools.append(engines)
        return TestClient(create_app(Service(engines, None)), "http://127.0.0.1")

    yield detector, start
    detector.go_on.set()
    for engines in pools:
        engines.close()


def test_one_too_many_is_told_to_come_back(
    slow: tuple[Slow, Callable[..., TestClient]], photo: Photo
) -> None:
    detector, start = slow
    answers: list[Any] = []
    with start(workers=1, waiting=1) as client:

        def ask() -> None:
            answers.append(client.post("/v1/detect", files={"photo": photo("obama")}))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert detector.begun.acquire(timeout=20)
        service = client.app.state.service  # type: ignore[attr-defined]
        while service.engines.inside < 2:
            pass
        refused = client.post("/v1/detect", files={"photo": photo("obama")})
        assert problem.of(refused)["kind"] == "busy"
        assert refused.headers["retry-after"] == "1"
        assert client.get("/healthz").status_code == 200
        detector.go_on.set()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200, 200]
        assert client.post("/v1/detect", files={"photo": photo("obama")}).status_code == 200


def test_work_that_takes_too_long_is_given_up(
    slow: tuple[Slow, Callable[..., TestClient]], photo: Photo
) -> None:
    _, start = slow
    with start(workers=1, work_s=0.2) as client:
        record = problem.of(client.post("/v1/detect", files={"photo": photo("obama")}))
    assert record["kind"] == "timeout"


def test_a_bug_is_one_line_for_the_keeper_and_no_detail_for_the_client(
    engine: FaceEngine, photo: Photo, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        id = "broken"

        def detect(self, image: Any, max_faces: int | None = None) -> list[Any]:
            raise ZeroDivisionError("a secret\nof two lines")

    engines = Engines(FaceEngine(Broken(), engine.embedder), Limits())
    client = TestClient(create_app(Service(engines, None)), "http://127.0.0.1")
    record = problem.of(client.post("/v1/detect", files={"photo": photo("obama")}))
    engines.close()
    assert record["kind"] == "internal"
    assert "secret" not in json.dumps(record)
    error = capsys.readouterr().err
    assert error == (
        "facesdk: internal error, please report it: ZeroDivisionError: a secret of two lines\n"
    )
    assert client.get("/healthz").status_code == 200
