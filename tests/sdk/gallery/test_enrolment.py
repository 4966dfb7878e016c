"""The face that a photo enrols, in photos of any size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.engine import FaceEngine
from facesdk.gallery import enrolment
from facesdk.gallery.bulk import enrol_photos, in_threads
from facesdk.gallery.enrolment import (
    embed_file_for_enrolment,
    embed_for_enrolment,
    suspicions,
)
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.images import decode, encode
from facesdk.images.decoded import DecodedPhoto
from facesdk.images.photo_source import Photo
from facesdk.recognition.matching import cosine_similarity
from facesdk.results import Embedding, Face
from facesdk.samples import BIDEN, OBAMA
from sdk.gallery.people import face, new_gallery


class Watched:
    """A detector, and the longer side of each picture that it was given."""

    def __init__(self, engine: FaceEngine) -> None:
        self._detector, self.id = engine.detector, engine.detector.id
        self.sides: list[int] = []

    def detect(self, image: np.ndarray, max_faces: int | None = None) -> Sequence[Face]:
        self.sides.append(max(image.shape))
        return self._detector.detect(image, max_faces)


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load(min_face=40)


@pytest.fixture
def watched(engine: FaceEngine) -> Watched:
    return Watched(engine)


def _photo(*portraits: tuple[str, tuple[int, int, int, int]], side: int = 2600) -> DecodedPhoto:
    """Portraits on grey, each where it is to be: left, top, width and height."""
    canvas = Image.new("RGB", (side, side), (127, 127, 127))
    for path, (left, top, width, height) in portraits:
        canvas.paste(Image.open(path).convert("RGB").resize((width, height)), (left, top))
    return DecodedPhoto.of(np.asarray(canvas))


def _watch_decoding(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The longer side of each picture that enrolment decodes from here on."""
    sides = []

    def watched(*arguments: object, **options: object) -> DecodedPhoto:
        photo = decode.decode_photo(*arguments, **options)  # type: ignore[arg-type]
        sides.append(max(photo.pixels.shape))
        return photo

    monkeypatch.setattr(enrolment, "decode_photo", watched)
    return sides


def test_a_large_face_of_a_large_photo_is_found_in_a_small_copy(
    engine: FaceEngine, watched: Watched
) -> None:
    photo = decode.load_photo(BIDEN)
    assert photo.pixels.shape[0] > 2000
    found = embed_for_enrolment(FaceEngine(watched, engine.embedder), photo)
    assert watched.sides == [1102]
    whole = engine.embed(photo, engine.detect(photo).faces[0])
    assert found.embedding is not None and cosine_similarity(found.embedding, whole) > 0.9


def test_a_small_face_of_a_large_photo_is_found_in_all_of_it(
    engine: FaceEngine, watched: Watched
) -> None:
    photo = _photo((str(OBAMA), (1100, 1100, 400, 500)))  # a face of some 140 pixels
    found = embed_for_enrolment(FaceEngine(watched, engine.embedder), photo)
    assert watched.sides[0] == 650 and watched.sides[-1] == 2600
    expected = engine.embed(photo, engine.detect(photo).faces[0])
    assert found.embedding is not None
    assert np.array_equal(found.embedding.vector, expected.vector)


def test_a_large_jpeg_is_decoded_to_a_small_copy_where_that_shows_a_large_face(
    engine: FaceEngine, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = _watch_decoding(monkeypatch)
    found = embed_file_for_enrolment(FaceEngine(watched, engine.embedder), Path(BIDEN).read_bytes())
    assert decoded == watched.sides == [1102]
    assert found.embedding is not None
    assert cosine_similarity(found.embedding, engine.embed(BIDEN)) > 0.9


def test_a_large_jpeg_with_a_small_face_is_decoded_in_full(
    engine: FaceEngine, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = _photo((str(OBAMA), (1100, 1100, 400, 500)))
    content = encode.to_bytes(photo.pixels, "JPEG", quality=95)
    decoded = _watch_decoding(monkeypatch)
    found = embed_file_for_enrolment(FaceEngine(watched, engine.embedder), content)
    assert decoded == [650, 2600] and watched.sides[0] == 650 and watched.sides[-1] == 2600
    assert found.embedding is not None
    whole = engine.detect(content)
    assert np.array_equal(found.embedding.vector, engine.embed(content, whole.faces[0]).vector)


@pytest.mark.parametrize("photo", [str(BIDEN), str(OBAMA)])
def test_a_face_that_somebody_names_is_looked_for_in_all_of_the_file(
    engine: FaceEngine, monkeypatch: pytest.MonkeyPatch, photo: str
) -> None:
    decoded = _watch_decoding(monkeypatch)
    embed_file_for_enrolment(engine, Path(photo).read_bytes(), face=0)
    assert decoded == [max(decode.load(photo).shape)]


@pytest.mark.parametrize("share", [0.6, 1.0])
def test_two_people_of_a_large_photo_are_refused(
    engine: FaceEngine, watched: Watched, share: float
) -> None:
    second = (round(910 * share), round(1137 * share))
    first = (100, 50, 910, 1137)
    photo = _photo((str(OBAMA), first), (str(OBAMA), (1100, 1000, *second)), side=2200)
    found = embed_for_enrolment(FaceEngine(watched, engine.embedder), photo)
    assert watched.sides == [1100]
    assert found.embedding is None and "2 faces" in found.reasons[0]


def test_a_face_that_somebody_names_is_looked_for_in_all_of_the_photo(
    engine: FaceEngine, watched: Watched
) -> None:
    photo = decode.load_photo(BIDEN)
    embed_for_enrolment(FaceEngine(watched, engine.embedder), photo, face=0)
    assert watched.sides[0] == 2204


@pytest.mark.parametrize(
    ("person", "norm", "said"),
    [
        (5, 1.0, []),
        (5, 0.9, ["unclear to the model"]),
        (1, 1.0, ["looks like person 1, who is enrolled already"]),
        (1, 0.9, ["looks like person 1, who is enrolled already", "unclear to the model"]),
        (1, 0.2, ["unclear to the model"]),
    ],
)
def test_an_unclear_face_is_enrolled_with_a_warning(
    tmp_path: Path, person: int, norm: float, said: list[str]
) -> None:
    clear = face(person)
    shorter = Embedding(norm * clear.vector, clear.model, clear.model_id)
    with new_gallery(tmp_path, people=3) as gallery:
        warnings = suspicions(gallery, "somebody new", shorter)
    assert len(warnings) == len(said)
    assert all(words in warning for words, warning in zip(said, warnings, strict=True))


def test_photos_of_names_that_are_nobodys_are_refused_among_others(
    engine: FaceEngine, tmp_path: Path
) -> None:
    work, places = in_threads(engine), {"embedder": engine.embedder, "key": tmp_path / "keys"}
    with SqliteGallery.open(tmp_path / "gallery.db", create=True, **places) as gallery:
        list(enrol_photos(gallery, [Photo("0", "Joe", "", str(BIDEN), "")], work))
        names = [" ", "a\tb", "\udcff", "x" * 201, gallery.people()[0].id, "Barack"]
        photos = [Photo(str(at), name, "", str(OBAMA), "") for at, name in enumerate(names)]
        done = list(enrol_photos(gallery, photos, work, batch=4))
        assert [person.name for person in gallery.people()] == ["Barack", "Joe"]
    assert [bool(row) for row in done] == [False] * 5 + [True]
    said = ["got an empty one", "control", "control", "but got 201", "is the id of somebody"]
    assert all(words in row.reasons[0] for words, row in zip(said, done, strict=False))
