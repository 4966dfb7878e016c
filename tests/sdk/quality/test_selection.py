"""Which face of a photo is compared: one rule, whoever asks."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facesdk.detection.registry import load_detector
from facesdk.errors import InputError, NoFaceError
from facesdk.images import decode, pixels
from facesdk.quality import selection
from facesdk.quality.selection import choose, choose_in_photo, find, pick, select
from facesdk.results import Face
from facesdk.samples import BIDEN, OBAMA


@cache
def portrait(path: object) -> tuple[np.ndarray, Face]:
    """A square of 240 pixels with a face, and the face as it was found."""
    photo = decode.load(path)
    left, top, right, bottom = load_detector(min_face=100).detect(photo, 1)[0].box.astype(int)
    side = int(1.3 * (bottom - top))
    left, top = (left + right - side) // 2, max((top + bottom - side) // 2, 0)
    square = pixels.resize_area(photo[top : top + side, left : left + side], 240, 240)
    return square, load_detector(min_face=60).detect(square, 1)[0]


def scene(*rows: tuple[object, float, tuple[int, int], float, float]) -> tuple:
    """Portraits on a grey wall, each scaled, shifted, given a score and blurred."""
    photo = np.full((600, 900, 3), 120, np.uint8)
    faces = []
    for path, scale, (left, top), score, blur in rows:
        square, face = portrait(path)
        side = round(240 * scale)
        picture = Image.fromarray(pixels.resize(square, side, side))
        photo[top : top + side, left : left + side] = np.asarray(
            picture.filter(ImageFilter.GaussianBlur(blur))
        )
        at = np.array([left, top])
        box = face.box * (side / 240) + np.tile(at, 2)
        faces.append(Face(box, score, face.landmarks * (side / 240) + at))
    return photo, faces


class Found:
    """Gives faces, and counts how many were asked for."""

    def __init__(self, faces: list[Face]) -> None:
        self.faces = sorted(faces, key=lambda face: -face.area)
        self.asked: list[int | None] = []

    def detect(self, image: np.ndarray, max_faces: int | None = None) -> list[Face]:
        self.asked.append(max_faces)
        return self.faces[:max_faces]


LARGE = (OBAMA, 1.5, (20, 20), 1.0, 0)
SMALL = (BIDEN, 1.0, (500, 100), 0.9998, 0)


def test_the_largest_of_trusted_faces() -> None:
    photo, (large, small) = scene(LARGE, SMALL)
    detector = Found([large, small])
    choice = select(detector, photo)
    assert choice is not None
    assert choice.face is large
    assert (choice.number, choice.reason) == (0, "the largest face")
    assert choice.quality
    assert detector.asked == [1]  # a smaller face could not be chosen: none was looked for


@pytest.mark.parametrize(("score", "blur", "word"), [(0.936, 0, "0.936"), (1.0, 20, "blurred")])
def test_a_trusted_face_is_taken_before_a_larger_one_that_is_not(
    score: float, blur: float, word: str
) -> None:
    """A torso with a score of 0.936 was compared where the face beside it had 0.999."""
    photo, (torso, face) = scene((OBAMA, 1.5, (20, 20), score, blur), SMALL)
    choice = select(Found([torso, face]), photo)
    assert choice is not None
    assert choice.face is face
    assert choice.number == 1
    assert word in choice.reason
    again = pick(photo, [torso, face])
    assert again is not None
    assert (again.face, again.reason) == (face, choice.reason)


def test_of_faces_that_are_not_trusted_the_largest() -> None:
    photo, faces = scene((OBAMA, 1.5, (20, 20), 0.94, 0), (BIDEN, 1.0, (500, 100), 0.93, 0))
    choice = select(Found(faces), photo)
    assert choice is not None
    assert choice.face is faces[0]
    assert "none of which is trusted" in choice.reason
    assert not choice.quality


@pytest.mark.parametrize("larger", [1.05, 1.35])
def test_a_photo_of_one_person_is_of_the_one_in_the_middle(larger: float) -> None:
    photo, (beside, middle) = scene((OBAMA, larger, (0, 20), 1.0, 0), (BIDEN, 1, (330, 180), 1, 0))
    detector = Found([beside, middle])
    choice = select(detector, photo, of_one_person=True)
    assert choice is not None
    assert choice.face is middle
    assert "middle" in choice.reason
    assert choice.number == 1
    assert select(detector, photo).face is beside  # type: ignore[union-attr]


def test_the_middle_counts_among_faces_of_about_one_size() -> None:
    photo, (large, small) = scene((OBAMA, 1.5, (20, 20), 1.0, 0), (BIDEN, 1, (380, 180), 1, 0))
    choice = select(Found([large, small]), photo, of_one_person=True)
    assert choice is not None
    assert choice.face is large


def test_the_middle_does_not_make_a_face_trusted() -> None:
    photo, (face, torso) = scene((OBAMA, 1, (0, 20), 1.0, 0), (BIDEN, 1.1, (320, 160), 0.9, 0))
    choice = select(Found([face, torso]), photo, of_one_person=True)
    assert choice is not None
    assert choice.face is face


def test_a_number_is_obeyed() -> None:
    photo, (large, small) = scene((OBAMA, 1.5, (20, 20), 0.936, 0), SMALL)
    found = Found([large, small])
    assert choose_in_photo(found, photo, None, "x").face is small
    assert choose_in_photo(found, photo, 0, "x").face is large
    assert choose_in_photo(found, photo, 1, "x").face is small
    assert choose_in_photo(Found([small]), photo, 3, "x", where_several=True).number == 0
    with pytest.raises(NoFaceError, match="x: there is no face 3; 1 found"):
        choose_in_photo(Found([small]), photo, 3, "x")
    with pytest.raises(NoFaceError, match="x: there is no face 2; 2 found"):
        choose_in_photo(found, photo, 2, "x")
    with pytest.raises(InputError, match="0 or more"):
        choose_in_photo(found, photo, -1, "x")
    for number in (None, 0):
        with pytest.raises(NoFaceError, match="x: no face found"):
            choose_in_photo(Found([]), photo, number, "x")


def test_the_face_of_a_number() -> None:
    _, (large, small) = scene(LARGE, SMALL)
    assert choose([small], 0, "x") is choose([small], 3, "x", where_several=True) is small
    for faces, number in (([small], 1), ([large, small], 2)):
        with pytest.raises(NoFaceError, match=f"no face {number}; {len(faces)} found"):
            choose(faces, number, "x")
    with pytest.raises(NoFaceError, match="no face 2; 2 found"):
        choose([large, small], 2, "x", where_several=True)
    assert choose([large, small], 0, "x") is large
    assert choose([large, small], 1, "x") is small


def test_finds_that_cannot_be_a_face_are_left_out() -> None:
    photo, (face, small) = scene(LARGE, SMALL)
    points = face.landmarks
    mirrored = Face(face.box, 1.0, points[[1, 0, 2, 4, 3]])
    collapsed = Face(face.box, 1.0, points[[0, 0, 2, 3, 4]] + np.linspace(0, 200, 5)[:, None])
    line = Face(face.box, 1.0, np.linspace(face.box[:2], face.box[2:], 5))
    elsewhere = Face(face.box + 100, 1.0, points - 100)
    empty = Face(face.box[[2, 1, 0, 3]], 1.0, points)
    for wrong in (mirrored, collapsed, line, elsewhere, empty):
        assert find(Found([wrong, small]), photo) == [small]
        assert find(Found([wrong, small]), photo, 1) == [small]
        assert select(Found([wrong]), photo) is None


def test_the_wall_is_no_face_unless_the_detector_is_sure() -> None:
    photo, (face,) = scene(SMALL)
    wall = Face(face.box - (300, 0, 300, 0), 0.9447, face.landmarks - (300, 0))
    assert find(Found([wall, face]), photo) == [face]
    certain = Face(wall.box, 0.98, wall.landmarks)
    assert find(Found([certain, face]), photo) == [certain, face]
    assert select(Found([certain, face]), photo).face is face  # type: ignore[union-attr]


def test_the_demos_photo_has_one_face() -> None:
    """A desk phone behind the president was listed as his second face."""
    photo = decode.load(OBAMA)
    mtcnn = load_detector("mtcnn")
    assert len(mtcnn.detect(photo)) > 1
    for detector in (mtcnn, load_detector()):
        (face,) = find(detector, photo)
        assert face.score > 0.999


def test_the_revision_is_told() -> None:
    from facesdk.evaluation.crops import method

    assert method(load_detector()).endswith(f"selection={selection.REVISION}")
