"""Enrolling, listing, forgetting and identifying over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from starlette.testclient import TestClient

from facesdk.engine import FaceEngine
from facesdk.errors import GalleryError
from facesdk.gallery.gallery import Gallery
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.serve.app import create_app
from facesdk.serve.engines import Engines
from facesdk.serve.service import Service
from facesdk.serve.work.limits import Limits
from sdk.photos import encode
from sdk.serve import problem

Photo = Callable[[str], bytes]


@pytest.fixture
def gallery(
    tmp_path: Path, engine: FaceEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SqliteGallery]:
    monkeypatch.setenv("FACESDK_GALLERY_KEY", base64.b64encode(bytes(range(32))).decode())
    with SqliteGallery.open(tmp_path / "g.db", embedder=engine.embedder, create=True) as opened:
        yield opened


@pytest.fixture
def client(gallery: Gallery, engine: FaceEngine) -> Iterator[TestClient]:
    engines = Engines(engine, Limits())
    yield TestClient(create_app(Service(engines, None, gallery)), "http://127.0.0.1")
    engines.close()


def enrol(client: TestClient, name: str, photo: bytes) -> dict[str, object]:
    answer = client.post("/v1/people", files={"photo": photo}, data={"name": name})
    assert answer.status_code == 201, answer.text
    record: dict[str, object] = answer.json()
    return record


def test_who_is_enrolled_is_known_and_can_be_forgotten(
    client: TestClient, gallery: SqliteGallery, photo: Photo
) -> None:
    record = enrol(client, "Barack Obama", photo("obama"))
    assert record["warnings"] == []
    (person,) = client.get("/v1/people").json()["people"]
    assert (person["name"], person["templates"]) == ("Barack Obama", 1)
    assert record["person"] == {"id": person["id"], "name": "Barack Obama"}

    (face,) = client.post(
        "/v1/identify", files={"photo": photo("obama2")}, data={"max_faces": "1"}
    ).json()["faces"]
    assert face["person"] == {"id": person["id"], "name": "Barack Obama"}
    assert face["similarity"] >= face["threshold"]
    assert face["candidates"][0]["similarity"] == face["similarity"]
    (stranger,) = client.post(
        "/v1/identify", files={"photo": photo("biden")}, data={"max_faces": "1"}
    ).json()["faces"]
    assert stranger["person"] is None
    assert stranger["candidates"][0]["name"] == "Barack Obama"

    forgotten = client.delete(f"/v1/people/{person['id']}")
    assert forgotten.json() == {"people": 1, "templates": 1, "erased": True}
    assert client.get("/v1/people").json() == {"people": []}
    assert len(gallery) == 0
    (face,) = client.post(
        "/v1/identify", files={"photo": photo("obama2")}, data={"max_faces": "1"}
    ).json()["faces"]
    assert (face["person"], face["similarity"], face["candidates"]) == (None, None, [])


def test_faces_and_embeddings_do_not_leave_the_service(client: TestClient, photo: Photo) -> None:
    record = enrol(client, "Ada", photo("obama"))
    assert set(record) == {"number", "person", "created", "expires", "quality_score", "warnings"}
    answers = [client.get("/v1/people").text, client.get("/v1/status").text]
    assert not any("embedding" in text or "vector" in text for text in answers)


def test_a_face_under_another_name_is_enrolled_with_a_warning(
    client: TestClient, photo: Photo
) -> None:
    enrol(client, "Barack", photo("obama"))
    (warning,) = enrol(client, "Somebody", photo("obama2"))["warnings"]  # type: ignore[misc]
    assert "looks like Barack" in warning


def test_a_photo_that_is_not_good_enough_is_refused_with_reasons(
    client: TestClient, gallery: SqliteGallery
) -> None:
    blank = encode(np.full((300, 400, 3), 90, np.uint8), "PNG")
    record = problem.of(client.post("/v1/people", files={"photo": blank}, data={"name": "Nobody"}))
    assert record["kind"] == "low-quality"
    assert record["reasons"][0].startswith("no face found")
    assert len(gallery) == 0


def test_a_face_that_is_not_there_is_nobodys(
    client: TestClient, gallery: SqliteGallery, photo: Photo
) -> None:
    form = {"files": {"photo": photo("obama")}, "data": {"name": "Ada", "face": "5"}}
    record = problem.of(client.post("/v1/people", **form))  # type: ignore[arg-type]
    assert record["kind"] == "no-face" and "there is no face 5; 1 found" in record["detail"]
    assert len(gallery) == 0


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "x" * 201])
def test_names_that_are_none(
    client: TestClient, gallery: SqliteGallery, photo: Photo, name: str
) -> None:
    content = base64.b64encode(photo("obama")).decode()
    answer = client.post("/v1/people", json={"name": name, "photo": content})
    assert problem.of(answer)["kind"] == "invalid-request"
    assert len(gallery) == 0


@pytest.mark.parametrize("name", ["Ada/../Byron", "Zoë & <b>", "?x=1#y", "日本"])
def test_any_name_can_be_forgotten_by_its_id(client: TestClient, photo: Photo, name: str) -> None:
    enrol(client, name, photo("obama"))
    (person,) = client.get("/v1/people").json()["people"]
    assert person["name"] == name
    assert client.delete(f"/v1/people/{person['id']}").status_code == 200
    assert client.get("/v1/people").json() == {"people": []}


@pytest.mark.parametrize("name", ["Ada/../Byron", "a/b \u00fc", "/a", "a/", "?x=1#y"])
def test_any_name_can_be_forgotten_by_itself(client: TestClient, photo: Photo, name: str) -> None:
    enrol(client, name, photo("obama"))
    assert client.delete(f"/v1/people/{quote(name, safe='')}").status_code == 200
    assert client.get("/v1/people").json() == {"people": []}
    assert 'route="/v1/people/{who}"' in client.get("/metrics").text


def test_an_id_is_no_name_and_means_whose_it_is(
    client: TestClient, gallery: SqliteGallery, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    meant = enrol(client, "Ada", photo("obama"))["person"]["id"]  # type: ignore[index]
    again = {"files": {"photo": photo("biden")}, "data": {"name": meant}}
    record = problem.of(client.post("/v1/people", **again))  # type: ignore[arg-type]
    assert record["kind"] == "invalid-request" and "is the id of somebody" in record["detail"]
    monkeypatch.setattr("facesdk.gallery.sqlite.require_no_id", lambda names, ids: None)
    enrol(client, meant, photo("biden"))
    assert client.delete(f"/v1/people/{meant}").status_code == 200
    assert [person.name for person in gallery.people()] == [meant]


def test_a_gallery_that_was_replaced_is_an_error_and_takes_nobody(
    client: TestClient, gallery: SqliteGallery, photo: Photo, tmp_path: Path
) -> None:
    (tmp_path / "copy").write_bytes(gallery.path.read_bytes())
    (tmp_path / "copy").rename(gallery.path)
    form = {"files": {"photo": photo("obama")}, "data": {"name": "Ada"}}
    for answer in (
        client.post("/v1/people", **form),  # type: ignore[arg-type]
        client.delete("/v1/people/Ada"),
        client.get("/v1/people"),
    ):
        record = problem.of(answer)
        assert (record["kind"], answer.status_code) == ("gallery-error", 503)
        assert "was removed or replaced while" in record["detail"]
        assert "restart the service" in record["detail"]


def test_nobody_is_forgotten_who_is_not_there(client: TestClient) -> None:
    assert problem.of(client.delete("/v1/people/nobody"))["kind"] == "not-found"


def test_a_stricter_threshold_knows_fewer(client: TestClient, photo: Photo) -> None:
    enrol(client, "Barack Obama", photo("obama"))
    (face,) = client.post(
        "/v1/identify", files={"photo": photo("obama2")}, data={"threshold": "0.99", "top": "1"}
    ).json()["faces"]
    assert face["person"] is None and face["threshold"] == 0.99
    record = problem.of(
        client.post("/v1/identify", files={"photo": photo("obama2")}, data={"fmr": "0.5"})
    )
    assert record["kind"] == "invalid-request"


def test_without_a_gallery_it_says_how_to_get_one(
    serving: Callable[..., TestClient], photo: Photo
) -> None:
    client = serving()
    for answer in (
        client.get("/v1/people"),
        client.post("/v1/people", files={"photo": photo("obama")}, data={"name": "Ada"}),
        client.delete("/v1/people/Ada"),
        client.post("/v1/identify", files={"photo": photo("obama")}),
    ):
        record = problem.of(answer)
        assert record["kind"] == "no-gallery" and "--gallery FILE" in record["detail"]


def test_a_gallery_that_breaks_is_said_and_no_bug(
    client: TestClient, gallery: SqliteGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise GalleryError("the gallery door.db is damaged: run facesdk gallery check")

    monkeypatch.setattr(gallery, "people", broken)
    record = problem.of(client.get("/v1/people"))
    assert (record["kind"], record["status"]) == ("gallery-error", 503)
    assert "gallery check" in record["detail"]
