"""Recall and false finds, on finds that are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from math import nan
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from typer.testing import CliRunner

from facesdk import samples
from facesdk.cli import vocabulary
from facesdk.cli.verbs import evaluate
from facesdk.errors import InputError
from facesdk.evaluation.detection import match, measure
from facesdk.evaluation.detection_report import html_report
from facesdk.evaluation.sets.face_boxes import LabelledPhoto, read_boxes
from facesdk.images import decode, encode
from facesdk.results import Face


def face(left: float, top: float, side: float, score: float) -> Face:
    box = np.array([left, top, left + side, top + side], np.float32)
    return Face(box, score, np.zeros((5, 2), np.float32))


class Told:
    """Finds what it was told, by the photo's first pixel."""

    id = "told 1"

    def __init__(self, *finds: list[Face]) -> None:
        self.finds = finds

    def detect(self, image: np.ndarray, max_faces: int | None = None) -> list[Face]:
        return self.finds[image[0, 0, 0]]


def photo(name: str, *squares: tuple[int, int, int], invalid: tuple[int, ...] = ()):
    boxes = np.array([(x, y, x + s, y + s) for x, y, s in squares], np.float32).reshape(-1, 4)
    return LabelledPhoto(name, boxes, tuple(n not in invalid for n in range(len(squares))))


def read(name: str) -> np.ndarray:
    return np.full((2, 2, 3), int(name), np.uint8)


def test_figures_of_a_small_set() -> None:
    detector = Told(
        [face(1, 0, 40, 0.9), face(200, 0, 40, 0.8), face(100, 0, 60, 0.7)],
        [face(0, 0, 30, 0.95)],
    )
    result = measure(
        [photo("0", (0, 0, 40), (100, 0, 60), (300, 0, 300)), photo("1")], read, detector
    )
    assert (result.faces, result.found, result.false) == (3, 2, 2)
    assert (result.photos, result.faceless, result.false_in_faceless) == (2, 1, 1)
    recall, precision = result.curve()
    np.testing.assert_allclose(recall, [0, 1 / 3, 1 / 3, 2 / 3])
    np.testing.assert_allclose(precision, [0, 1 / 2, 1 / 3, 2 / 4])
    assert result.average_precision == pytest.approx(2 / 3 * 0.5)
    assert [(row.least, row.faces, row.found) for row in result.sizes] == [
        (30, 1, 1),
        (50, 1, 1),
        (250, 1, 0),
    ]
    assert result.rolls == result.yaws == ()


@pytest.mark.parametrize("places", [(0, 200), (200, 0)])
def test_finds_of_one_score_count_together(places: tuple[int, int]) -> None:
    finds = [[face(x, 0, 40, 0.9)] for x in places]
    result = measure([photo("0", (0, 0, 40)), photo("1", (0, 0, 40))], read, Told(*finds))
    recall, precision = result.curve()
    assert (recall.tolist(), precision.tolist()) == ([0.5], [0.5])
    assert result.average_precision == 0.25


def test_recall_by_angles_counts_both_sides_and_leaves_out_what_is_not_known() -> None:
    known = photo("0", (0, 0, 40), (100, 0, 40), (200, 0, 40), (300, 0, 10))
    turned = replace(known, rolls=(-12.0, 19.9, 20.0, 80.0), yaws=(0.0, nan, -91.0, 0.0))
    result = measure([turned], read, Told([face(0, 0, 40, 0.9)]), min_face=20)
    assert [(row.least, row.faces, row.found) for row in result.rolls] == [(10, 2, 1), (20, 1, 0)]
    assert [(row.least, row.faces, row.found) for row in result.yaws] == [(0, 1, 1), (90, 1, 0)]
    record = result.to_dict()
    assert [row["found"] for row in record["rolls"]] == [1, 0]
    page = html_report(result)
    assert "turned from 10 degrees" in page
    assert "looking to a side from 90 degrees" in page


def test_angles_follow_the_attributes(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("a.jpg\n2\n1 2 3 4 0 0 0 0 0 0 -12.5 40\n1 2 3 4 0 0 0 0 0 0\nb.jpg\n0\n")
    first, second = read_boxes(path)
    np.testing.assert_array_equal(first.rolls, [-12.5, nan])
    np.testing.assert_array_equal(first.yaws, [40, nan])
    assert second.rolls == ()


def test_the_surest_find_of_a_face_is_it_and_others_are_false() -> None:
    finds = [face(2, 0, 40, 0.8), face(0, 0, 40, 0.9)]
    taken, judged = match(finds, np.array([[0.0, 0, 40, 40]]), np.array([True]), 0.5)
    assert taken.tolist() == [True]
    assert judged == [False, True]


def test_what_does_not_count_is_neither_found_nor_false() -> None:
    detector = Told([face(0, 0, 40, 0.9), face(100, 0, 10, 0.9)])
    result = measure(
        [photo("0", (0, 0, 40), (100, 0, 10), invalid=(0,))], read, detector, min_face=20
    )
    assert (result.faces, result.found, result.false) == (0, 0, 0)
    assert result.to_dict()["recall"] is None


def test_false_finds_are_told_by_the_score_that_would_leave_them_out() -> None:
    faces = [face(0, 0, 40, 0.995), face(200, 0, 40, 0.93)]
    found = Told(faces, faces)
    result = measure([photo("0", (0, 0, 40)), photo("1")], read, found)
    rows = {row["score"]: row for row in result.to_dict()["at_scores"]}
    assert (rows[0.7]["found"], rows[0.7]["false"]) == (1, 3)
    assert rows[0.7]["false_in_faceless_photos"] == 2
    assert (rows[0.95]["false"], rows[0.95]["false_in_faceless_photos"]) == (1, 1)
    assert (rows[0.999]["found"], rows[0.999]["recall"]) == (0, 0)


def test_an_overlap_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="overlap"):
        measure([photo("0")], read, Told([]), overlap=0)


def test_widers_format(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text(
        "a/one.jpg\n2\n10 20 30 40 0 0 0 0 0 0\n1 2 3 4 1 0 0 1 0 0\n"
        "none.jpg\n0\n0 0 0 0 0 0 0 0 0 0\nplain.jpg\n1\n5 6 7.5 8\n\nlast.jpg\n0\n"
    )
    found = read_boxes(path)
    assert [row.name for row in found] == ["a/one.jpg", "none.jpg", "plain.jpg", "last.jpg"]
    assert found[0].boxes.tolist() == [[10, 20, 40, 60], [1, 2, 4, 6]]
    assert [row.valid for row in found] == [(True, False), (), (True,), ()]
    assert found[2].boxes.tolist() == [[5, 6, 12.5, 14]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no photo"),
        ("a.jpg\n", "line 2 .* number of faces"),
        ("a.jpg\n-1\n", "line 2 .* number of faces"),
        ("a.jpg\n2\n1 2 3 4\n", "line 4 .* left, top, width and height"),
        ("a.jpg\n1\n1 2 x 4\n", "line 3 .* left, top, width and height"),
        ("a.jpg\n1\n1 2 nan 4\n", "line 3 .* left, top, width and height"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_boxes(path)
    with pytest.raises(InputError, match="cannot read the boxes"):
        read_boxes(tmp_path / "missing.txt")


def test_the_verb_measures_a_folder(tmp_path: Path) -> None:
    small = decode.load(samples.OBAMA)[::3, ::3]
    encode.save(tmp_path / "face.png", np.ascontiguousarray(small))
    encode.save(tmp_path / "grey.png", np.full((90, 90, 3), 127, np.uint8))
    boxes, page = tmp_path / "boxes.txt", tmp_path / "page.html"
    boxes.write_text("face.png\n1\n124 28 81 111\ngrey.png\n0\n")
    done = CliRunner().invoke(
        evaluate.app,
        ["detection", str(tmp_path), "--boxes", str(boxes), "--report", str(page), "--json"]
        + ["--detector", "blaze", "--min-face", "40"],
    )
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert (record["labelled"], record["found"], record["false"]) == (1, 1, 0)
    jsonschema.validate(record, vocabulary.schema("evaluate detection"))
    assert record["detector"].startswith("blaze ")
    assert record["sizes"] == [
        {"least": 100, "labelled": 1, "found": 1, "recall_interval": record["recall_interval"]}
    ]
    text = page.read_text()
    assert "precision-recall" in text
    assert "1 of 1" in text


def test_the_page_stands_without_a_find() -> None:
    result = measure([photo("0", (0, 0, 40))], read, Told([]))
    assert "0 of 1" in html_report(result)
