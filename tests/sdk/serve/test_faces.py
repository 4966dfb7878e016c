"""``/v1/detect`` and ``/v1/verify`` say what the engine says."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from facesdk.engine import FaceEngine
from facesdk.images import decode
from facesdk.serve.work import tasks
from facesdk.serve.work.limits import Limits
from sdk.photos import encode, exif_jpeg
from sdk.serve import problem

Photo = Callable[[str], bytes]


def as_json(content: bytes) -> str:
    return base64.b64encode(content).decode()


def detected(client: TestClient, content: bytes, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/detect", files={"photo": content}, data=fields)
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record


def test_faces_are_where_the_engine_finds_them(
    client: TestClient, photo: Photo, engine: FaceEngine
) -> None:
    image = decode.as_image(photo("obama"))
    found = detected(client, photo("obama"))
    assert (found["height"], found["width"]) == image.shape[:2]
    expected = engine.detect(image).faces[0]
    face = found["faces"][0]
    # The service looks at a reduced picture, in which the windows of the detector lie elsewhere.
    np.testing.assert_allclose(face["box"], expected.box, atol=0.04 * expected.width)
    np.testing.assert_allclose(face["landmarks"], expected.landmarks, atol=0.02 * expected.width)


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (1600, 400), (2400, 1800), (1, 700)])
def test_size_and_place_are_those_of_the_photo(
    client: TestClient, photo: Photo, size: tuple[int, int]
) -> None:
    portrait = Image.open(io.BytesIO(photo("obama")))
    side = min(size)
    picture = Image.new("RGB", size, "grey")
    picture.paste(portrait.crop((300, 50, 700, 450)).resize((side, side)), (size[0] - side, 0))
    found = detected(client, encode(picture, "PNG"))
    assert (found["width"], found["height"]) == size
    if side > 1:
        left, top, right, bottom = found["faces"][0]["box"]
        assert size[0] - side < (left + right) / 2 < size[0]
        assert 0.2 * side < (top + bottom) / 2 < 0.8 * side


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_turned_photos_are_upright(client: TestClient, photo: Photo, orientation: int) -> None:
    rgb = decode.as_image(photo("obama"))
    found = detected(client, exif_jpeg(rgb, orientation))
    upright = detected(client, photo("obama"))
    assert (found["width"], found["height"]) == (upright["width"], upright["height"])
    np.testing.assert_allclose(found["faces"][0]["box"], upright["faces"][0]["box"], atol=6)


def test_json_and_form_say_the_same(client: TestClient, photo: Photo) -> None:
    content = photo("biden")
    form = detected(client, content, max_faces="1")
    for text in (as_json(content), f"data:image/jpeg;base64,{as_json(content)}"):
        answer = client.post("/v1/detect", json={"photo": text, "max_faces": 1})
        assert answer.json() == form
    assert len(form["faces"]) == 1


def test_a_photo_without_a_face_has_an_empty_list(client: TestClient) -> None:
    found = detected(client, encode(np.full((300, 400, 3), 90, np.uint8), "PNG"))
    assert found == {"width": 400, "height": 300, "faces": []}


def test_the_service_looks_for_no_more_faces_than_its_limit(
    serving: Callable[..., TestClient], photo: Photo
) -> None:
    one, two = Image.open(io.BytesIO(photo("obama"))), Image.open(io.BytesIO(photo("biden")))
    both = Image.new("RGB", (800, 400))
    both.paste(one.resize((400, 400)), (0, 0))
    both.paste(two.resize((400, 400)), (400, 0))
    content = encode(both, "PNG")
    assert len(detected(serving(faces=1), content)["faces"]) == 1
    assert len(detected(serving(faces=1), content, max_faces="9")["faces"]) == 1
    assert len(detected(serving(faces=2), content)["faces"]) == 2


@pytest.mark.parametrize(("other", "same"), [("obama2", True), ("biden", False)])
def test_verify_says_what_the_engine_says(
    client: TestClient, photo: Photo, engine: FaceEngine, other: str, same: bool
) -> None:
    answer = client.post("/v1/verify", files={"a": photo("obama"), "b": photo(other)})
    assert answer.status_code == 200, answer.text
    record = answer.json()
    reduced = [tasks.load(photo(name), Limits()) for name in ("obama", other)]
    expected = engine.verify(*reduced)
    assert record["same"] is engine.verify(photo("obama"), photo(other)).same is same
    assert record["similarity"] == pytest.approx(expected.similarity, abs=1e-6)
    assert record["threshold"] == pytest.approx(expected.match.threshold)
    assert record["fmr"] == 1e-3
    assert all(face["quality"]["acceptable"] and face["reason"] for face in record["faces"])
    stages = ("decode", "detect", "align", "embed", "match")
    assert all(record["timings_ms"][name] > 0 for name in stages)


def test_a_threshold_replaces_that_of_the_model(client: TestClient, photo: Photo) -> None:
    files = {"a": photo("obama"), "b": photo("obama2")}
    strict = client.post("/v1/verify", files=files, data={"threshold": "0.99"}).json()
    assert (strict["same"], strict["threshold"], strict["fmr"]) == (False, 0.99, None)
    loose = client.post("/v1/verify", files=files, data={"fmr": "0.01"}).json()
    assert loose["same"] and loose["fmr"] == 0.01 and loose["threshold"] < 0.99


def test_a_face_that_is_not_good_enough_is_refused_with_reasons(
    client: TestClient, photo: Photo
) -> None:
    dim = Image.open(io.BytesIO(photo("obama"))).point(lambda level: level // 11)
    files = {"a": photo("obama2"), "b": encode(dim, "PNG")}
    record = problem.of(client.post("/v1/verify", files=files))
    assert record["kind"] == "low-quality"
    assert record["reasons"] and all(row.startswith("photo b: ") for row in record["reasons"])
    assert record["detail"] == "; ".join(record["reasons"])
    answer = client.post("/v1/verify", files=files, data={"allow_low_quality": "true"})
    assert answer.status_code == 200, answer.text
    good, poor = answer.json()["faces"]
    assert good["quality"]["acceptable"] and not poor["quality"]["acceptable"]


def test_a_photo_without_a_face_cannot_be_compared(client: TestClient, photo: Photo) -> None:
    blank = encode(np.full((300, 400, 3), 90, np.uint8), "PNG")
    record = problem.of(client.post("/v1/verify", files={"a": photo("obama"), "b": blank}))
    assert record["kind"] == "no-face"
    assert record["detail"].startswith("photo b: ")
