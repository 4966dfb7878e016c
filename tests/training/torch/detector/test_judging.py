"""Recall, precision and distances of outputs whose faces are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from facesdk_training.architectures.finder import STRIDES
from facesdk_training.detector import geometry, judging
from facesdk_training.detector.scenes.scenes import Batch
from facesdk_training.detector.scenes.truths import FACE, NOTHING, UNCLEAR, Truths

SIDE = 128
BOXES = [[20.0, 20.0, 50.0, 60.0], [70.0, 70.0, 110.0, 118.0]]


def points_of(box: list[float]) -> list[list[float]]:
    left, top, right, bottom = box
    x, y = right - left, bottom - top
    shares = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    return [[left + a * x, top + b * y] for a, b in shares]


class Says(nn.Module):
    """A network that says given faces: box, score and a shift of the points."""

    def __init__(self, faces: list[tuple[list[float], float, float]]) -> None:
        super().__init__()
        self.faces = faces

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps = [torch.zeros(len(images), 16, SIDE // s, SIDE // s) for s in STRIDES]
        for level in maps:
            level[:, :2] = -9
        for box, score, shift in self.faces:
            middle = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
            column, row = (int(n // 8) for n in middle)
            logit = float(np.log(score / (1 - score)))
            marks = (torch.tensor(points_of(box)) + shift) / 8 - torch.tensor([column, row])
            size = torch.tensor([box[2] - box[0], box[3] - box[1]]) / 8
            centre = torch.tensor(middle) / 8 - torch.tensor([column, row])
            maps[0][:, :, row, column] = torch.cat(
                [torch.full((2,), logit), centre, size.log(), marks.flatten()]
            )
        return maps


def batch(states: list[int]) -> Batch:
    truths = Truths(
        torch.tensor([BOXES]), torch.tensor([[points_of(b) for b in BOXES]]), torch.tensor([states])
    )
    return Batch(torch.zeros(1, 3, SIDE, SIDE), truths, torch.tensor([-1]), torch.zeros(1, 1))


def test_decoded_values_are_those_of_the_formula():
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(1, 16, SIDE // s, SIDE // s)).astype(np.float32) for s in STRIDES]
    boxes, points = geometry.decoded(geometry.joined([torch.from_numpy(m) for m in maps]))
    at = 0
    for level, stride in zip(maps, STRIDES, strict=True):
        for row in range(level.shape[2]):
            for column in range(level.shape[3]):
                v = level[0, :, row, column].astype(np.float64)
                x, y = (v[2] + column) * stride, (v[3] + row) * stride
                w, h = np.exp(v[4]) * stride, np.exp(v[5]) * stride
                expected = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
                np.testing.assert_allclose(boxes[0, at], expected, rtol=1e-5, atol=1e-4)
                marks = (v[6:].reshape(5, 2) + [column, row]) * stride
                np.testing.assert_allclose(points[0, at], marks, rtol=1e-5, atol=1e-4)
                at += 1


def test_all_faces_found_and_nothing_else():
    network = Says([(BOXES[0], 0.9, 0.0), (BOXES[1], 0.7, 0.0)])
    judgement = judging.judged(network, [batch([FACE, FACE])])
    assert (judgement.recall, judgement.precision, judgement.scenes) == (1.0, 1.0, 1)
    assert judgement.points == pytest.approx(0, abs=1e-4)
    assert judgement.faces_by_height == (0, 0, 0, 2, 0, 0, 0)
    assert judgement.false_by_threshold == (0, 0, 0, 0)


def test_a_weak_face_is_missed_and_a_shift_of_points_is_measured():
    network = Says([(BOXES[0], 0.9, 3.0), (BOXES[1], 0.55, 0.0)])
    judgement = judging.judged(network, [batch([FACE, FACE])])
    assert (judgement.recall, judgement.precision) == (0.5, 1.0)
    assert judgement.points == pytest.approx(np.hypot(3, 3) / 12, rel=1e-3)


@pytest.mark.parametrize(
    ("states", "precision", "false"),
    [
        ([FACE, NOTHING], 0.5, (1, 1, 1, 0)),
        ([FACE, UNCLEAR], 1.0, (0, 0, 0, 0)),
    ],
)
def test_a_find_where_there_is_nothing_is_false_but_not_where_it_is_unclear(
    states, precision, false
):
    network = Says([(BOXES[0], 0.9, 0.0), (BOXES[1], 0.75, 0.0)])
    judgement = judging.judged(network, [batch(states)])
    assert (judgement.recall, judgement.precision) == (1.0, precision)
    assert judgement.false_by_threshold == false


def test_of_overlapping_finds_the_strongest_stays():
    near = [28.0, 24.0, 58.0, 64.0]
    cells = geometry.joined(Says([(BOXES[0], 0.7, 0.0), (near, 0.9, 0.0)])(torch.zeros(1, 3, 8, 8)))
    faces = judging.found(cells._replace(values=cells.values[0]), 0.5)
    assert faces.scores.tolist() == pytest.approx([0.9])
    np.testing.assert_allclose(faces.boxes[0], near, atol=1e-3)
