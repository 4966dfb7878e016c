from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facesdk import FaceEngine, compare
from facesdk.errors import (
    ContractError,
    EmbeddingMismatchError,
    FaceSDKWarning,
    InputError,
    LowQualityError,
    ModelError,
    NoFaceError,
)
from facesdk.images import decode
from facesdk.images.decoded import DecodedPhoto
from facesdk.images.drawing import draw_faces, draw_verification
from facesdk.models import registry
from facesdk.recognition.embedding import Embedder
from facesdk.results import Embedding
from facesdk.samples import BIDEN, OBAMA, OBAMA2


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load()


def test_a_number_that_a_photo_does_not_have_is_refused(engine: FaceEngine) -> None:
    for use in (engine.embed, engine.align, engine.quality):
        with pytest.raises(NoFaceError, match=r"obama\.jpg: there is no face 5; 1 found"):
            use(OBAMA, 5)
    with pytest.raises(NoFaceError, match=r"obama2\.jpg: there is no face 1; 1 found"):
        engine.verify(OBAMA, OBAMA2, faces=(0, 1))
    assert engine.verify(OBAMA, OBAMA2, faces=1).same


def test_paths_and_arrays_give_the_same(engine: FaceEngine) -> None:
    by_path = engine.embed(OBAMA)
    by_array = engine.embed(decode.load(OBAMA))
    np.testing.assert_array_equal(by_path.vector, by_array.vector)


def test_faces_are_found_without_a_recognition_model(engine: FaceEngine) -> None:
    bare = FaceEngine.load(None)
    found = bare.detect(OBAMA)
    np.testing.assert_array_equal(found.faces[0].box, engine.detect(OBAMA).faces[0].box)
    assert found.detector == bare.detector.id
    assert found.detector.startswith("finder ")
    assert bare.quality(OBAMA).score == engine.quality(OBAMA).score
    for call in (bare.embed, bare.align, lambda photo: bare.verify(photo, photo)):
        with pytest.raises(ModelError, match="no recognition model"):
            call(OBAMA)


@pytest.mark.parametrize("name", ["blaze"])
def test_another_detector_gives_the_same_verdicts(engine: FaceEngine, name: str) -> None:
    other = FaceEngine.load(detector=name, turned=False)
    assert other.detect(OBAMA, 1).detector.startswith(name)
    for a, b in ((OBAMA, OBAMA2), (OBAMA, BIDEN)):
        mine, theirs = other.verify(a, b), engine.verify(a, b)
        assert mine.same == theirs.same
        assert abs(mine.similarity - theirs.similarity) < 0.15


def test_stages_add_up_to_verify(engine: FaceEngine) -> None:
    whole = engine.verify(OBAMA, BIDEN)
    faces = [engine.detect(path, max_faces=1).faces[0] for path in (OBAMA, BIDEN)]
    crops = [engine.align(path, face) for path, face in zip((OBAMA, BIDEN), faces, strict=True)]
    vectors = [engine.embedder.embed_one(crop).vector for crop in crops]
    assert whole.similarity == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-6)
    for found, crop in zip(whole.crops, crops, strict=True):
        np.testing.assert_array_equal(found, crop)


def test_verification_is_symmetric(engine: FaceEngine) -> None:
    forth, back = engine.verify(OBAMA, OBAMA2), engine.verify(OBAMA2, OBAMA)
    assert forth.similarity == pytest.approx(back.similarity, abs=1e-6)


def test_a_photo_matches_itself(engine: FaceEngine) -> None:
    assert engine.verify(OBAMA, OBAMA).similarity == pytest.approx(1, abs=1e-5)


def test_size_and_brightness_keep_the_person(engine: FaceEngine) -> None:
    photo = decode.load(OBAMA2)
    smaller = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    darker = (smaller * 0.7).astype(np.uint8)
    assert engine.verify(OBAMA, darker).same


def grey(photo: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def mirrored(photo: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(photo[:, ::-1])


def jpeg_60(photo: np.ndarray) -> np.ndarray:
    bgr = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 60])
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("copy", [grey, mirrored, jpeg_60])
def test_a_changed_copy_is_still_the_person(
    engine: FaceEngine, copy: Callable[[np.ndarray], np.ndarray]
) -> None:
    """At the default threshold; the packaged network before this one failed with a grey copy."""
    photos = {path: decode.load(path) for path in (OBAMA, OBAMA2, BIDEN)}
    originals = {path: engine.embed(photo) for path, photo in photos.items()}
    copies = {path: engine.embed(copy(photo)) for path, photo in photos.items()}
    for path in photos:
        assert engine.compare(copies[path], originals[path]).same, path
    assert engine.compare(copies[OBAMA], originals[OBAMA2]).same
    assert engine.compare(originals[OBAMA], copies[OBAMA2]).same
    for path in (OBAMA, OBAMA2):
        assert not engine.compare(copies[path], originals[BIDEN]).same


@pytest.mark.parametrize("threads", [0, 65, 10**20])
def test_threads_beyond_reason_are_refused(threads: int) -> None:
    """Runtimes crash where the system gives no more threads."""
    with pytest.raises(InputError, match="threads must be 1 to 64"):
        FaceEngine.load(threads=threads)


def test_a_title_that_is_no_unicode_is_drawn(engine: FaceEngine) -> None:
    photos = (decode.load_photo(OBAMA), decode.load_photo(OBAMA2))
    result = engine.verify(*photos)
    written, plain = (
        draw_verification(photos, result, titles) for titles in (("\udce9", "日"), ("?", "?"))
    )
    np.testing.assert_array_equal(written, plain)


def test_no_face_is_an_error(engine: FaceEngine) -> None:
    blank = np.full((100, 100, 3), 200, np.uint8)
    assert engine.detect(blank).faces == ()
    with pytest.raises(NoFaceError, match="no face found"):
        engine.verify(blank, OBAMA)


def test_embeddings_compare_as_photos_do(engine: FaceEngine) -> None:
    first, second = engine.embed(OBAMA), engine.embed(OBAMA2)
    assert engine.compare(first, second) == engine.verify(OBAMA, OBAMA2).match
    calibrated = engine.embedder.contract.threshold_for(1e-2)
    match = engine.compare(first, second, fmr=1e-2)
    assert (match.threshold, match.fmr) == (calibrated.similarity, 1e-2)
    alone = compare(first, second, threshold=calibrated.similarity, fmr=1e-2)
    assert alone == replace(match, confidence=None)
    own = engine.compare(first, second, threshold=0.99)
    assert (own.same, own.threshold, own.fmr) == (False, 0.99, None)
    with pytest.raises(InputError, match="has no threshold for a false match rate of"):
        engine.compare(first, second, fmr=0.5)


def test_embeddings_of_another_model_have_no_threshold_here(engine: FaceEngine) -> None:
    own = engine.embed(OBAMA)
    foreign = Embedding(own.vector, "other", "0" * 64)
    for pair in ((foreign, foreign), (foreign, own), (own, foreign)):
        with pytest.raises(EmbeddingMismatchError, match="other"):
            engine.compare(*pair)


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((2, 10, 10, 3), np.uint8),
        np.zeros((112, 112, 3), np.uint8),
        np.zeros((1, 112, 112, 3), np.float32),
    ],
)
def test_embed_refuses_other_crops(engine: FaceEngine, crops: np.ndarray) -> None:
    with pytest.raises(InputError, match="crops must be a uint8 array"):
        engine.embedder.embed(crops)


def test_a_batch_equals_its_parts(engine: FaceEngine) -> None:
    crops = np.stack([engine.align(path) for path in (OBAMA, OBAMA2, BIDEN)])
    together = engine.embedder.embed(crops)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for crop, vector in zip(crops, together, strict=True):
        np.testing.assert_array_equal(engine.embedder.embed(crop[None])[0], vector)


def test_a_detector_is_no_recogniser() -> None:
    with pytest.raises(ContractError, match="is a model for detection"):
        Embedder.load(registry.resolve("mtcnn-pnet"))


def test_registry_names_are_those_of_the_contracts() -> None:
    for entry in registry.packaged():
        assert registry.resolve(entry.contract.name) == entry.path


def test_drawings_show_the_faces(engine: FaceEngine) -> None:
    photo = decode.load(OBAMA)
    faces = engine.detect(photo).faces
    drawn = draw_faces(photo, faces)
    assert drawn.shape == photo.shape
    assert not np.array_equal(drawn, photo)
    left, top = (int(v) for v in faces[0].box[:2])
    assert not np.array_equal(drawn[top, left + 20 : left + 40], photo[top, left + 20 : left + 40])
    verification = engine.verify(photo, OBAMA2)
    photos = (DecodedPhoto.of(photo), decode.load_photo(OBAMA2))
    picture = draw_verification(photos, verification, ("a", "b"))
    assert picture.dtype == np.uint8
    assert picture.shape[1] > picture.shape[0]


def blurred(photo: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(photo, (0, 0), 25)


def test_a_face_that_is_not_fit_is_not_compared(engine: FaceEngine) -> None:
    """Two blurred strangers passed for one person: 26 % of pairs at a false match rate of 0.1 %."""
    good, bad = decode.load(OBAMA), blurred(decode.load(OBAMA2))
    with pytest.raises(LowQualityError, match="b: the face is blurred") as raised:
        engine.verify(good, bad, names=("a", "b"))
    assert isinstance(raised.value, InputError)
    assert [quality.acceptable for quality in raised.value.quality] == [True, False]
    assert all(reason.startswith("b: ") for reason in raised.value.reasons)
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (str(copy), copy.reasons) == (str(raised.value), raised.value.reasons)
    allowed = engine.verify(good, bad, allow_low_quality=True)
    assert not allowed.quality[1]
    assert allowed.quality[0].score > 0.9


def test_every_verb_takes_the_same_face(engine: FaceEngine) -> None:
    """A larger find that is no face was embedded; detection, embedding and verdict must agree."""
    photo = decode.load(BIDEN)
    found = engine.detect(photo)
    assert found.chosen == 0
    face = found.faces[0]
    np.testing.assert_array_equal(engine.embed(photo).vector, engine.embed(photo, face).vector)
    np.testing.assert_array_equal(engine.align(photo), engine.align(photo, face))
    verification = engine.verify(photo, OBAMA)
    assert verification.faces[0] == face
    assert verification.quality[0] == engine.quality(photo)
    assert verification.reasons[0] == "the largest face"


def test_boxes_of_a_reduced_photo_are_those_of_the_file(
    engine: FaceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo that is too large to be held is worked on at half its size."""
    original = engine.detect(OBAMA)
    whole = original.faces[0]
    monkeypatch.setattr(decode, "MAX_JPEG_PIXELS", 300_000)
    found = engine.detect(OBAMA)
    photo = decode.load_photo(OBAMA)
    assert photo.scale == (2.0, 2.0)
    assert (found.width, found.height) == (original.width, original.height)
    assert np.abs(found.faces[0].landmarks - whole.landmarks).max() < 0.05 * whole.width
    by_face, alone = engine.embed(OBAMA, found.faces[0]), engine.embed(OBAMA)
    assert by_face.vector @ alone.vector > 0.9999
    assert engine.quality(OBAMA, found.faces[0]) == engine.quality(OBAMA)
    verification = engine.verify(OBAMA, OBAMA2)
    assert verification and verification.faces[0] == found.faces[0]


def warned(call: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        call()
    return [str(row.message) for row in said if row.category is FaceSDKWarning]


@pytest.mark.parametrize("sample", [OBAMA, OBAMA2, BIDEN])
def test_an_array_of_opencv_that_is_given_as_rgb_is_told_of(
    engine: FaceEngine, sample: Path
) -> None:
    photo = decode.load(sample)
    face = engine.detect(photo, 1).faces[0]
    swapped = np.ascontiguousarray(photo[..., ::-1])
    calls = (
        lambda array, color: engine.embed(array, face, color=color),
        lambda array, color: engine.align(array, face, color=color),
        lambda array, color: engine.verify(array, OBAMA, color=color, allow_low_quality=True),
        lambda array, color: engine.embed_aligned(
            engine.align(photo, face)[..., :: -1 if array is swapped else 1], color=color
        ),
    )
    for call in calls:
        (words,) = warned(lambda call=call: call(swapped, "RGB"))
        assert 'color="BGR"' in words
        assert not warned(lambda call=call: call(swapped, "BGR"))
        assert not warned(lambda call=call: call(photo, "RGB"))
    grey = np.repeat(photo.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert not warned(lambda: engine.embed(grey, face))
    assert not warned(lambda: engine.embed(decode.DecodedPhoto.of(swapped), face))


@pytest.mark.parametrize("name", ["finder", "mtcnn", "blaze"])
@pytest.mark.parametrize("count", [0, -1])
def test_fewer_than_one_face_cannot_be_asked_for(name: str, count: int) -> None:
    bare = FaceEngine.load(None, detector=name)
    with pytest.raises(InputError, match=f"max_faces must be at least 1 or None, but got {count}"):
        bare.detect(OBAMA, count)
    with pytest.raises(InputError, match="max_faces must be at least 1 or None"):
        bare.detector.detect(decode.load(OBAMA), count)


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: engine.detect(OBAMA, 1.5),
        lambda engine: engine.compare(None, engine.embed(OBAMA)),
        lambda engine: engine.compare(engine.embed(OBAMA), "ada"),
        lambda engine: engine.embed_many(3),
        lambda engine: compare(engine.embed(OBAMA), [1.0], threshold=0.5),
        lambda engine: FaceEngine.load(detector=None),
        lambda engine: FaceEngine.load(contract="contract.json"),
    ],
)
def test_a_wrong_type_is_a_type_error(
    engine: FaceEngine, call: Callable[[FaceEngine], object]
) -> None:
    with pytest.raises(TypeError):
        call(engine)
