"""SimOTA against loops, and a loss that is 0 where the outputs say the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk_training.architectures.finder import STRIDES
from facesdk_training.detector import geometry
from facesdk_training.detector.config import LossConfig
from facesdk_training.detector.losses import PARTS, assigned, loss
from facesdk_training.detector.scenes.truths import FACE, NOTHING, UNCLEAR, Truths

SIDE = 64


def maps_of(rng: np.random.Generator, batch: int = 1) -> list[torch.Tensor]:
    shapes = [(batch, 16, SIDE // s, SIDE // s) for s in STRIDES]
    return [torch.from_numpy(rng.normal(0, 0.7, shape).astype(np.float32)) for shape in shapes]


def truths_of(rng: np.random.Generator, states: list[int]) -> Truths:
    low = rng.uniform(-5, 50, (1, len(states), 2))
    size = rng.uniform(6, 40, (1, len(states), 2))
    boxes = np.concatenate([low, low + size], -1).astype(np.float32)
    points = (low[:, :, None] + size[:, :, None] * rng.uniform(0.2, 0.8, (5, 2))).astype(np.float32)
    return Truths(torch.from_numpy(boxes), torch.from_numpy(points), torch.tensor([states]))


def overlap(a, b) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = max(0.0, sides[0]) * max(0.0, sides[1])
    total = np.prod(np.maximum(a[2:] - a[:2], 0)) + np.prod(np.maximum(b[2:] - b[:2], 0)) - common
    return common / max(total, 1e-6)


def by_loops(scores, boxes, places, strides, truths: Truths):
    """SimOTA as the paper tells it, a face and a cell at a time."""
    cells, faces = len(scores), truths.boxes.shape[1]
    middles = (places + 0.5) * strides
    wanted: dict[int, list[tuple[float, int]]] = {}
    for face in range(faces):
        if truths.state[0, face] != FACE:
            continue
        box = truths.boxes[0, face].numpy().astype(np.float64)
        rows = []
        for cell in range(cells):
            x, y = middles[cell]
            within = box[0] < x < box[2] and box[1] < y < box[3]
            reach = 2.5 * strides[cell, 0]
            near = max(abs(x - (box[0] + box[2]) / 2), abs(y - (box[1] + box[3]) / 2)) < reach
            if within or near:
                share = overlap(boxes[cell].astype(np.float64), box)
                cost = -np.log(max(scores[cell], 1e-6)) - 3 * np.log(max(share, 1e-6))
                rows.append((cost + (0 if within and near else 1000), cell, share))
        shares = sorted((share for _, _, share in rows), reverse=True)[:10]
        number = max(1, int(sum(shares)))
        for cost, cell, _ in sorted(rows)[:number]:
            wanted.setdefault(cell, []).append((cost, face))
    return {cell: min(rows)[1] for cell, rows in wanted.items()}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.lists(st.sampled_from([NOTHING, FACE, UNCLEAR]), min_size=1, max_size=5),
)
def test_cells_are_assigned_as_by_loops(seed, states):
    rng = np.random.default_rng(seed)
    truths = truths_of(rng, states)
    cells = geometry.joined(maps_of(rng))
    boxes, _ = geometry.decoded(cells)
    scores = geometry.scores(cells.values)
    got = assigned(scores, boxes, cells, truths)
    numbers = (scores[0], boxes[0], cells.places, cells.strides)
    expected = by_loops(*(part.numpy() for part in numbers), truths)
    positive = torch.nonzero(got.positive[0])[:, 0].tolist()
    assert {cell: int(got.owner[0, cell]) for cell in positive} == expected
    for cell in torch.nonzero(got.unclear[0])[:, 0].tolist():
        x, y = ((cells.places[cell] + 0.5) * cells.strides[cell]).tolist()
        hidden = [b for b, s in zip(truths.boxes[0], states, strict=True) if s == UNCLEAR]
        assert any(b[0] < x < b[2] and b[1] < y < b[3] for b in hidden)


def saying(truths: Truths) -> list[torch.Tensor]:
    """Maps whose every cell says the first face."""
    box, points = truths.boxes[0, 0], truths.points[0, 0]
    maps = []
    for stride in STRIDES:
        side = SIDE // stride
        y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        place = torch.stack([x, y], -1).float()
        centre = (box[:2] + box[2:]) / 2 / stride - place
        size = ((box[2:] - box[:2]) / stride).log().expand(side, side, 2)
        marks = (points[None, None] / stride - place[:, :, None]).flatten(2)
        logits = torch.zeros(side, side, 2)
        maps.append(torch.cat([logits, centre, size, marks], -1).permute(2, 0, 1)[None])
    return maps


def test_outputs_that_say_the_truth_cost_nothing_for_boxes_and_points():
    truths = truths_of(np.random.default_rng(1), [FACE])
    _, parts = loss(saying(truths), truths, LossConfig(), torch.tensor(10.0))
    named = dict(zip(PARTS, parts.tolist(), strict=True))
    assert named["box"] == pytest.approx(0, abs=1e-4)
    assert named["points"] == pytest.approx(0, abs=1e-6)
    assert named["object"] > 0


def test_only_unclear_cells_cost_nothing():
    rng = np.random.default_rng(0)
    maps = [level.requires_grad_() for level in maps_of(rng)]
    everywhere = torch.tensor([[[-99.0, -99.0, 199.0, 199.0]]])
    points = torch.zeros(1, 1, 5, 2)
    for state, silent in ((UNCLEAR, True), (NOTHING, False)):
        value, _ = loss(
            maps, Truths(everywhere, points, torch.tensor([[state]])), LossConfig(), torch.tensor(1)
        )
        assert (float(value) == 0) is silent


def test_sure_mistakes_weigh_more():
    truths = Truths(torch.zeros(1, 1, 4), torch.zeros(1, 1, 5, 2), torch.tensor([[NOTHING]]))
    maps = [torch.full((1, 16, SIDE // s, SIDE // s), 2.0) for s in STRIDES]
    plain, hard = (
        float(loss(maps, truths, LossConfig(hard=weight), torch.tensor(1.0))[0])
        for weight in (0.0, 2.0)
    )
    assert hard / plain == pytest.approx(1 + 2 / (1 + np.exp(-2)), rel=1e-5)


def test_the_loss_falls_when_it_is_followed():
    rng = np.random.default_rng(3)
    truths = truths_of(rng, [FACE, FACE, UNCLEAR])
    maps = [level.requires_grad_() for level in maps_of(rng)]
    optimizer = torch.optim.Adam(maps, lr=0.05)
    values = []
    for _ in range(60):
        value, _ = loss(maps, truths, LossConfig(), torch.tensor(10.0))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value))
    assert values[-1] < 0.2 * values[0]
