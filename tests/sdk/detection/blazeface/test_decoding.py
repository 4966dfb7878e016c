"""BlazeFace's outputs against MediaPipe's rules, written out in loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.detection.blazeface import decoding
from facesdk.detection.finder import OVERLAP


def mediapipe_anchors(side: int) -> list[tuple[float, float]]:
    """SsdAnchorsCalculator with strides 8, 16, 16, 16 of 128 pixels, two anchors per layer."""
    found = []
    strides = [8, 16, 16, 16]
    layer = 0
    while layer < len(strides):
        same = layer
        while same < len(strides) and strides[same] == strides[layer]:
            same += 1
        cells = 128 // strides[layer]
        for y in range(cells):
            for x in range(cells):
                for _ in range(2 * (same - layer)):
                    found.append(((x + 0.5) / cells * side, (y + 0.5) / cells * side))
        layer = same
    return found


def mediapipe_decoded(values, logits, side, score) -> list[tuple[float, list[float]]]:
    """TensorsToDetectionsCalculator, then NonMaxSuppressionCalculator with the kind WEIGHTED."""
    rows = []
    for (x, y), value, logit in zip(mediapipe_anchors(side), values, logits, strict=True):
        probability = 1 / (1 + math.exp(-float(logit)))
        if probability < score:
            continue
        middle_x, middle_y, width, height = (float(v) for v in value[:4])
        middle_x, middle_y = middle_x + x, middle_y + y
        row = [
            middle_x - width / 2,
            middle_y - height / 2,
            middle_x + width / 2,
            middle_y + height / 2,
        ]
        for k in range(6):
            row += [float(value[4 + 2 * k]) + x, float(value[5 + 2 * k]) + y]
        rows.append((probability, row))
    rows.sort(key=lambda pair: -pair[0])
    made = []
    while rows:
        best = rows[0]
        near = [row for row in rows[1:] if overlap(best[1], row[1]) > OVERLAP]
        rest = [row for row in rows[1:] if overlap(best[1], row[1]) <= OVERLAP]
        total = sum(p for p, _ in [best, *near])
        mean = [sum(p * row[i] for p, row in [best, *near]) / total for i in range(16)]
        made.append((best[0], mean))
        rows = rest
    return made


def overlap(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    common = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / union if union > 0 else 0.0


@pytest.mark.parametrize("side", [128, 256])
def test_the_anchors_are_those_of_mediapipe(side: int) -> None:
    expected = mediapipe_anchors(side)
    assert len(expected) == decoding.ANCHORS == 896
    np.testing.assert_allclose(decoding.anchors(side), expected, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([128, 256]), st.integers(0, 60))
def test_decoding_is_that_of_mediapipe(seed: int, side: int, faces: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 3, (896, 16)).astype(np.float32)
    values[:, 2:4] = rng.uniform(4, 60, (896, 2))
    logits = np.full(896, -9, np.float32)
    chosen = rng.choice(896, faces, replace=False)
    logits[chosen] = rng.uniform(-2, 6, faces).astype(np.float32)
    got = decoding.decode(values, logits, side, 0.5)
    expected = mediapipe_decoded(values, logits, side, 0.5)
    assert len(got.scores) == len(expected)
    for number, (score, row) in enumerate(expected):
        assert got.scores[number] == pytest.approx(score, abs=1e-12)
        np.testing.assert_allclose(got.boxes[number], row[:4], atol=1e-9)
        np.testing.assert_allclose(got.points[number], row[4:], atol=1e-9)


def test_nothing_is_nothing() -> None:
    got = decoding.decode(np.zeros((896, 16), np.float32), np.full(896, -5, np.float32), 128, 0.5)
    assert got.scores.shape == (0,)
    assert got.boxes.shape == (0, 4)
    assert got.points.shape == (0, 12)
