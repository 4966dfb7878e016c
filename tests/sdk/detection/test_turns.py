"""Photos that lie on a side or upside down: their faces are found, and cut out upright."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk import FaceEngine
from facesdk.detection.registry import load_detector
from facesdk.detection.turns import AnyTurn, turned_back
from facesdk.errors import InputError
from facesdk.images import decode, pixels
from facesdk.recognition.alignment import align
from facesdk.results import Face
from facesdk.samples import BIDEN, OBAMA, OBAMA2

TURNS = pytest.mark.parametrize("turns", [1, 2, 3])


def photo_of(path: object) -> np.ndarray:
    photo = decode.load(path)
    return pixels.resize_area(photo, photo.shape[0] // 2, photo.shape[1] // 2)


@TURNS
@pytest.mark.parametrize("path", [OBAMA, OBAMA2, BIDEN])
def test_a_turned_photo_gives_the_same_crop(path: object, turns: int) -> None:
    photo = photo_of(path)
    detector = load_detector(min_face=60)
    upright = align(photo, detector.detect(photo, 1)[0].landmarks)
    turned = np.rot90(photo, turns)
    for faces in (detector.detect(turned, 1), detector.detect(turned)[:1]):
        (face,) = faces
        crop = align(turned, face.landmarks)
        assert np.abs(crop.astype(int) - upright).mean() < 1.5
        assert face.box[0] < face.box[2]
        assert face.box[1] < face.box[3]


@TURNS
def test_a_turned_photo_is_verified(turns: int) -> None:
    engine = FaceEngine.load(min_face=60)
    known, other = photo_of(OBAMA), photo_of(BIDEN)
    turned = np.rot90(photo_of(OBAMA2), turns)
    assert engine.verify(known, turned).same
    assert not engine.verify(other, turned).same
    roll = engine.quality(turned).roll
    assert abs((roll + 90 * turns + 180) % 360 - 180) < 20


@TURNS
def test_points_are_turned_with_the_photo(turns: int) -> None:
    """A white pixel is at its landmark, and in its box, whichever way the photo lies."""
    photo = np.zeros((40, 70, 3), np.uint8)
    photo[13, 22] = 255
    row, column = np.argwhere(np.rot90(photo, turns)[..., 0])[0]
    face = Face([column, row, column + 1, row + 1], 1.0, [(column, row)] * 5)
    back = turned_back(face, turns, 40, 70)
    np.testing.assert_array_equal(back.box, [22, 13, 23, 14])
    np.testing.assert_array_equal(back.landmarks, [(22, 13)] * 5)


class Scripted:
    """Finds faces of given scores in the photo as it is, and in its turns."""

    id = "scripted"

    def __init__(self, *scores: tuple[float, ...]) -> None:
        self.scores = scores
        self.asked: list[tuple[int, int | None]] = []

    def detect(self, image: np.ndarray, max_faces: int | None = None) -> list[Face]:
        turns = int(image[0, 0, 0] or image[0, -1, 0] or image[-1, -1, 0] or image[-1, 0, 0]) - 1
        self.asked.append((turns, max_faces))
        points = np.arange(10).reshape(5, 2)
        size = len(self.scores[turns])
        found = [Face([0, 0, size - n, 1], s, points) for n, s in enumerate(self.scores[turns])]
        return found[:max_faces]


def corners() -> np.ndarray:
    """The corner that is first in a turn tells the turn."""
    photo = np.zeros((6, 9, 3), np.uint8)
    photo[0, 0], photo[0, -1], photo[-1, -1], photo[-1, 0] = 1, 2, 3, 4
    return photo


@pytest.mark.parametrize(
    ("scores", "turn"),
    [
        (((0.9991,), (1.0,), (1.0,), (1.0,)), 0),
        (((0.998,), (0.9989,), (), ()), 0),
        (((0.998,), (), (0.9992,), ()), 2),
        (((), (), (), (0.75,)), 3),
        (((0.9, 0.9995), (1.0,), (), ()), 0),
        (((), (), (), ()), 0),
        (((0.6,), (0.95,), (0.99, 0.7), (0.98,)), 2),
    ],
)
def test_the_surest_turn_counts_if_it_is_clearly_surer(
    scores: tuple[tuple[float, ...], ...], turn: int
) -> None:
    detector = AnyTurn(Scripted(*scores), sure=0.999)
    found = [face.score for face in detector.detect(corners())]
    assert found == list(scores[turn])
    assert [face.score for face in detector.detect(corners(), 1)] == list(scores[turn][:1])


def test_a_photo_with_a_sure_face_is_looked_at_once() -> None:
    script = Scripted((1.0,), (), (), ())
    AnyTurn(script, sure=0.999).detect(corners(), 1)
    assert script.asked == [(0, 1)]


class Sized(Scripted):
    """Finds one face of a size in pixels of the whole photo, which is 640 wide, and notes sizes."""

    def __init__(self, side: int, *scores: float) -> None:
        super().__init__(*((score,) for score in scores))
        self.side = side
        self.shapes: list[tuple[int, ...]] = []

    def detect(self, image: np.ndarray, max_faces: int | None = None) -> list[Face]:
        self.shapes.append(image.shape[:2])
        scale = max(image.shape) / 640
        (face,) = super().detect(image, max_faces)
        return [
            Face(
                face.box * [0, 0, self.side * scale, self.side * scale], face.score, face.landmarks
            )
        ]


@pytest.mark.parametrize(("side", "halved"), [(79, 1), (80, 2), (159, 2), (160, 4), (400, 8)])
def test_a_doubtful_face_is_compared_in_a_picture_as_small_as_it_can_be(
    side: int, halved: int
) -> None:
    photo = np.kron(corners()[[0, -1]][:, [0, -1]], np.ones((240, 320, 1), np.uint8))
    small = 480 // halved, 640 // halved
    upright = Sized(side, 0.99, 0.9, 0.99, 0.8)
    assert [face.score for face in AnyTurn(upright, sure=0.999).detect(photo, 1)] == [0.99]
    assert upright.shapes == [(480, 640), small[::-1], small, small[::-1]]
    turned = Sized(side, 0.99, 0.9, 0.9999, 0.8)
    assert [face.score for face in AnyTurn(turned, sure=0.999).detect(photo, 1)] == [0.9999]
    assert turned.shapes == [*upright.shapes, (480, 640), (480, 640)]
    assert turned.asked[-2:] == [(0, None), (2, 1)]


def test_no_more_faces_than_wanted() -> None:
    script = Scripted((1.0, 0.9, 0.8), (), (), ())
    assert len(AnyTurn(script, sure=0.999, max_faces=2).detect(corners())) == 2
    assert len(AnyTurn(script, sure=0.999, max_faces=2).detect(corners(), 1)) == 1
    with pytest.raises(InputError, match="max_faces"):
        AnyTurn(script, sure=0.999, max_faces=0)


def test_upright_cameras_may_leave_the_turns_out() -> None:
    turned = np.rot90(photo_of(OBAMA2), 2)
    assert load_detector(min_face=60).detect(turned)[0].score > 0.999
    assert all(face.score < 0.999 for face in load_detector(turned=False).detect(turned))
