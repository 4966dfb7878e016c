"""The service's own camera: the newest picture, who is in it, and the visits so far."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from facesdk.engine import FaceEngine
from facesdk.gallery.enrolment import enrol_photo
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.images import decode
from facesdk.live.capture import Pace
from facesdk.live.loop import Live, Settings
from facesdk.live.sources.opening import open_source
from facesdk.serve.app import create_app
from facesdk.serve.engines import Engines
from facesdk.serve.service import Service
from facesdk.serve.watching import MOST_VIEWERS, Watcher
from facesdk.serve.work.limits import Limits
from sdk.serve import problem

Photo = Callable[[str], bytes]
Watching = Callable[..., tuple[TestClient, Watcher]]


@pytest.fixture
def watching(
    engine: FaceEngine, tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watching]:
    """A service whose camera is a folder of pictures, and who is enrolled in its gallery."""
    monkeypatch.setenv("FACESDK_GALLERY_KEY", base64.b64encode(bytes(range(32))).decode())
    closing: list[Any] = []
    gallery = SqliteGallery.open(tmp_path / "g.db", embedder=engine.embedder, create=True)

    def start(folder: Path, *, repeat: bool = True, enrol: bool = True) -> Any:
        if enrol:
            assert enrol_photo(gallery, engine, "Barack Obama", photo("obama2"))
        settings = Settings(pace=Pace.REAL_TIME)
        source = open_source(str(folder), fps=10, repeat=repeat)
        watcher = Watcher(Live(source, engine, gallery, settings), source.name)
        engines = Engines(engine, Limits())
        closing.extend((watcher, engines))
        watcher.start()
        service = Service(engines, None, gallery, watcher)
        return TestClient(create_app(service), "http://127.0.0.1"), watcher

    yield start
    for one in closing:
        one.close()
    gallery.close()


@pytest.fixture
def film(tmp_path: Path, photo: Photo) -> Path:
    """Twenty pictures of a man who moves a little, then twenty of an empty room."""
    folder = tmp_path / "film"
    folder.mkdir()
    face = Image.open(io.BytesIO(photo("obama"))).resize((384, 480))
    for number in range(40):
        picture = Image.new("RGB", (640, 480), (90, 100, 110))
        if number < 20:
            picture.paste(face, (80 + 2 * number, 0))
        picture.save(folder / f"{number:03}.jpg")
    return folder


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


def test_pictures_come_with_names_one_after_the_other(watching: Watching, film: Path) -> None:
    client, _ = watching(film)
    number, named = -1, None
    for _ in range(200):
        record = client.get("/v1/live", params={"after": number}).json()
        assert record["number"] > number and record["state"] in ("live", "connecting")
        number = record["number"]
        image = decode.as_image(base64.b64decode(record["picture"]))
        assert image.shape == (record["height"], record["width"], 3) == (480, 640, 3)
        named = next((face for face in record["faces"] if face["verdict"]), None)
        if named:
            break
    assert named and named["verdict"]["person"]["name"] == "Barack Obama"
    assert named["verdict"]["similarity"] >= named["verdict"]["threshold"]
    left, top, right, bottom = named["box"]
    assert 80 < (left + right) / 2 < 480 and 0 < top < bottom < 480
    assert client.get("/v1/status").json()["latencies_ms"]["frame"]["n"] > 0


def test_visits_are_remembered(watching: Watching, film: Path) -> None:
    client, _ = watching(film, repeat=False)
    (visit,) = until(lambda: [
        row for row in client.get("/v1/visits").json()["visits"] if not row["present"]
    ])  # fmt: skip
    assert visit["verdict"]["person"]["name"] == "Barack Obama"
    assert visit["seconds"] > 0.5
    until(lambda: client.get("/v1/live?after=1000000&wait=0").json()["state"] == "ended")


def test_a_client_that_has_the_newest_picture_waits(watching: Watching, film: Path) -> None:
    client, _ = watching(film)
    began = time.monotonic()
    record = client.get("/v1/live", params={"after": 10**9, "wait": 0.3}).json()
    assert 0.3 <= time.monotonic() - began < 5
    assert (record["picture"], record["number"], record["faces"]) == (None, 10**9, [])


def test_who_waits_is_let_go_when_the_service_stops(watching: Watching, film: Path) -> None:
    client, watcher = watching(film)
    answers: list[Any] = []
    with client:
        thread = threading.Thread(
            target=lambda: answers.append(client.get("/v1/live?after=1000000000&wait=20"))
        )
        thread.start()
        until(lambda: client.app.state.service.viewing.taken == 1)  # type: ignore[attr-defined]
        watcher.stop()
        thread.join(10)
    assert [answer.status_code for answer in answers] == [200]


def test_there_are_places_for_so_many_viewers(watching: Watching, film: Path) -> None:
    client, watcher = watching(film)
    answers: list[Any] = []
    with client:
        threads = [
            threading.Thread(
                target=lambda: answers.append(client.get("/v1/live?after=1000000000&wait=20"))
            )
            for _ in range(MOST_VIEWERS)
        ]
        for thread in threads:
            thread.start()
        service = client.app.state.service  # type: ignore[attr-defined]
        until(lambda: service.viewing.taken == MOST_VIEWERS)
        assert problem.of(client.get("/v1/live"))["kind"] == "busy"
        assert client.get("/healthz").status_code == 200
        watcher.stop()
        for thread in threads:
            thread.join()
    assert [answer.status_code for answer in answers] == [200] * MOST_VIEWERS


def test_a_source_that_is_none_is_said(watching: Watching, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    client, _ = watching(folder, repeat=False, enrol=False)
    record = until(
        lambda: (
            found if (found := client.get("/v1/live?wait=0").json())["state"] == "ended" else None
        )
    )
    assert record["picture"] is None and str(folder) in record["message"]


def test_a_bug_of_the_loop_ends_the_camera_and_not_the_service(
    watching: Watching,
    film: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Live, "_find", broken)
    client, _ = watching(film)
    until(lambda: client.get("/v1/live?wait=0").json()["state"] == "ended")
    assert "bug" in client.get("/v1/live?wait=0").json()["message"]
    assert capsys.readouterr().err == (
        "facesdk: internal error, please report it: ZeroDivisionError: a bug\n"
    )


def test_a_large_picture_is_reduced_before_it_is_sent(watching: Watching, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    Image.fromarray(np.full((1080, 1920, 3), 90, np.uint8)).save(folder / "a.jpg")
    client, _ = watching(folder, enrol=False)
    record = client.get("/v1/live").json()
    assert (record["width"], record["height"]) == (1920, 1080)
    assert decode.as_image(base64.b64decode(record["picture"])).shape == (540, 960, 3)


def test_without_a_camera_it_says_how_to_get_one(serving: Callable[..., TestClient]) -> None:
    for path in ("/v1/live", "/v1/visits"):
        record = problem.of(serving().get(path))
        assert record["kind"] == "no-source" and "--source" in record["detail"]
