"""A finder, then a refiner: which looks are taken, and what comes of them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from facesdk.detection.boxes import Boxes
from facesdk.detection.finder import Found, Look
from facesdk.detection.halvings import Halvings
from facesdk.detection.refined import RefinedDetector
from facesdk.errors import InputError
from facesdk.results import Face

PHOTO = np.zeros((400, 400, 3), np.uint8)


class ShownFinder:
    """Knows where faces are; a look shows those that are large enough for it."""

    id = "shown"

    def __init__(self, *boxes: tuple[int, int, int], false: tuple[int, int, int] | None = None):
        self.squares = np.array([(x, y, x + side, y + side) for x, y, side in boxes], float)
        self.false = false
        self.taken: list[float] = []

    def looks(self, height: int, width: int, min_face: int, *, all_faces: bool) -> list[Look]:
        sees = [160, 80, 40, min_face] if not all_faces else [160, min_face]
        looks = [Look(0, 20 / side, 0, side) for side in sees]
        return [looks[0], Look(0, 0.01, 0, 300, fallback=True), *looks[1:]]

    def look(self, photo: Halvings, look: Look) -> Found:
        self.taken.append(look.sees_from)
        shown = self.squares[self.squares[:, 2] - self.squares[:, 0] >= look.sees_from]
        if self.false:
            x, y, side = self.false
            shown = np.vstack([shown, [(x, y, x + side, y + side)]])
        # Each look sees the same face a little elsewhere.
        squares = shown + look.scale
        return Found(squares, np.full(len(squares), 0.8), squares)


def landmarks(box: np.ndarray) -> np.ndarray:
    """Such that the second look is at the same square."""
    side = (box[2] - box[0]) / 2.2
    points = np.array([(-1, -1), (1, -1), (0, 0), (-1, 1), (1, 1)]) * side / 2
    return points + (box[:2] + box[2:]) / 2


class Believer:
    """Takes every square for a face, but those in the last rows of the photo."""

    sha256 = "0" * 64

    def __init__(self) -> None:
        self.asked = 0

    def decide(self, photo: Halvings, squares: Boxes, least: float = 0.7) -> list[Face]:
        self.asked += len(squares)
        return [Face(box, 0.9999, landmarks(box)) for box in squares if box[1] < 350]


def sides(faces: list[Face]) -> list[float]:
    return [float(face.box[2] - face.box[0]) for face in faces]


def test_all_looks_are_taken_for_all_faces_and_each_face_is_decided_once() -> None:
    finder, refiner = ShownFinder((0, 0, 200), (210, 0, 100), (0, 210, 30)), Believer()
    faces = RefinedDetector(finder, refiner, min_face=20).detect(PHOTO)
    assert sides(faces) == pytest.approx([200, 100, 30])
    assert finder.taken == [160, 20]
    assert refiner.asked == 2 * 3


@pytest.mark.parametrize(
    ("boxes", "count", "taken"),
    [
        (((0, 0, 200),), 1, [160]),
        (((0, 0, 100),), 1, [160, 300, 80]),
        (((0, 0, 200), (210, 0, 100)), 1, [160]),
        (((0, 0, 200), (210, 0, 100)), 2, [160, 80]),
        (((0, 0, 200), (210, 0, 30)), 2, [160, 80, 40, 20]),
        ((), 1, [160, 300, 80, 40, 20]),
    ],
)
def test_no_finer_look_than_can_hold_a_larger_face(boxes, count, taken) -> None:
    finder = ShownFinder(*boxes) if boxes else ShownFinder((0, 0, 1))
    faces = RefinedDetector(finder, Believer()).detect(PHOTO, count)
    assert finder.taken == taken
    assert sides(faces) == pytest.approx([side for _, _, side in boxes][:count])


def test_what_a_coarse_look_has_shown_is_not_decided_about_again() -> None:
    finder, refiner = ShownFinder((0, 0, 200), (210, 0, 30)), Believer()
    RefinedDetector(finder, refiner).detect(PHOTO, 2)
    assert refiner.asked == 2 * 2


def test_what_a_coarse_look_is_not_sure_of_is_decided_about_again() -> None:
    """A face seen as too small may have been seen in the wrong place."""

    class Blurred(ShownFinder):
        def look(self, photo: Halvings, look: Look) -> Found:
            self.taken.append(look.sees_from)
            off = 8.0 if look.sees_from > 40 else 0.0
            squares = self.squares + off
            return Found(squares, np.full(len(squares), 0.8), squares)

    class Doubtful(Believer):
        def decide(self, photo: Halvings, squares: Boxes, least: float = 0.7) -> list[Face]:
            scores = [0.9999 if round(box[0]) == 100 else 0.9 for box in squares]
            return [Face(b, s, landmarks(b)) for b, s in zip(squares, scores, strict=True)]

    (face,) = RefinedDetector(Blurred((100, 100, 40)), Doubtful()).detect(PHOTO, 1)
    assert face.box[0] == pytest.approx(100)


def test_the_second_look_is_around_the_landmarks_and_its_word_counts() -> None:
    class Moving(Believer):
        """First sees a face of 90 px at (60, 60), there one of 80; elsewhere again the first."""

        def __init__(self, again: bool) -> None:
            self.again = again
            self.squares: list[Boxes] = []

        def decide(self, photo: Halvings, squares: Boxes, least: float = 0.7) -> list[Face]:
            self.squares.append(squares)
            if len(self.squares) == 1:
                box = np.array([60.0, 60, 150, 150])
                return [Face(box, 0.8, landmarks(box))]
            box = np.array([65.0, 65, 145, 145])
            return [Face(box, 0.75, landmarks(box))] if self.again else []

    for again, side in ((True, 80), (False, 90)):
        refiner = Moving(again)
        (face,) = RefinedDetector(ShownFinder((50, 50, 120)), refiner).detect(PHOTO)
        np.testing.assert_allclose(refiner.squares[1], [[60, 60, 150, 150]])
        assert sides([face]) == pytest.approx([side])


@pytest.mark.parametrize(
    ("first", "second", "faces"),
    [(0.69, 0.95, 1), (0.3, 0.96, 1), (0.69, 0.94, 0), (0.29, 0.99, 0), (0.71, 0.75, 1)],
)
def test_what_is_doubtful_at_first_must_convince_then(first, second, faces):
    class Twice(Believer):
        def decide(self, photo: Halvings, squares: Boxes, least: float = 0.7) -> list[Face]:
            scores = [first if box[0] < 55 else second for box in squares]
            rows = zip(squares, scores, strict=True)
            return [Face(b, s, landmarks(b + 10)) for b, s in rows if s >= least]

    found = RefinedDetector(ShownFinder((50, 50, 120)), Twice()).detect(PHOTO)
    assert len(found) == faces


def test_a_false_square_that_is_larger_hides_no_face() -> None:
    finder = ShownFinder((0, 0, 100), (110, 0, 90), (210, 0, 80), false=(100, 360, 300))
    faces = RefinedDetector(finder, Believer()).detect(PHOTO, 1)
    assert sides(faces) == pytest.approx([100])


def test_a_fallback_is_taken_only_where_nothing_was_found() -> None:
    finder = ShownFinder((0, 0, 30))
    RefinedDetector(finder, Believer()).detect(PHOTO)
    assert 300 not in finder.taken
    finder = ShownFinder((0, 0, 1))
    assert RefinedDetector(finder, Believer()).detect(PHOTO) == []
    assert finder.taken == [160, 20, 300]


def test_the_least_of_both_limits_counts() -> None:
    boxes = ((0, 0, 100), (110, 0, 90), (210, 0, 80))
    for of_detector, of_call, found in ((2, None, 2), (None, 1, 1), (2, 1, 1), (1, 2, 1)):
        detector = RefinedDetector(ShownFinder(*boxes), Believer(), max_faces=of_detector)
        assert len(detector.detect(PHOTO, of_call)) == found


@pytest.mark.parametrize("options", [{"min_face": 11}, {"max_faces": 0}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        RefinedDetector(ShownFinder((0, 0, 50)), Believer(), **options)


def test_the_id_has_finder_refiner_and_options() -> None:
    def of(**options: int) -> str:
        return RefinedDetector(ShownFinder((0, 0, 50)), Believer(), **options).id

    assert of() == of() == "shown onet 0000000000000000 revision=3 min_face=20"
    assert len({of(), of(min_face=30), of(max_faces=1)}) == 3
    detector = RefinedDetector(ShownFinder((0, 0, 50)), Believer())
    assert pickle.loads(pickle.dumps(detector)).id == detector.id
