"""The pictures of docs/train/compression.md."""

from __future__ import annotations

import re

import numpy as np

from tools.docs import compression_pictures


def heights(chart: str) -> list[list[float]]:
    """Of each curve, from the top of the picture."""
    lines = re.findall(r'points="([^"]+)"', chart)
    return [[float(point.split(",")[1]) for point in line.split()] for line in lines]


def test_one_rank_holds_all_the_energy_of_a_kernel_of_one_rank() -> None:
    one = np.outer(np.arange(1.0, 5.0), np.arange(1.0, 4.0))
    even = np.eye(4)
    flat, steep, _ = heights(
        compression_pictures.draw_energy({"one": one, "even": even, "c": even})
    )
    assert max(flat) - min(flat) < 0.01
    np.testing.assert_allclose(np.diff(steep), steep[1] - steep[0], atol=0.02)


def test_weights_that_stay_are_drawn_on_the_sorted_weights() -> None:
    kernel = np.random.default_rng(0).normal(size=(20, 30))
    chart = compression_pictures.draw_sorted("a", kernel, {"itself": kernel, "none": 0 * kernel})
    own, again, zero = heights(chart)
    assert own == again
    assert own == sorted(own, reverse=True)  # ascending, from the top of the picture
    assert len(set(zero)) == 1


def test_a_higher_temperature_is_more_even_and_the_likeliest_comes_first() -> None:
    cosines = np.array([[0.1, 0.9, 0.3, 0.2]])
    cold, warm, hot = heights(compression_pictures.draw_soft_targets(cosines, 10.0))
    assert cold[0] < warm[0] < hot[0]  # from the top of the picture
    assert hot == sorted(hot)
    assert hot[-1] - hot[0] < warm[-1] - warm[0]


def test_policies_are_shares_of_all_channels() -> None:
    searches = {
        "uniform": {"policy": {"a": 4, "b": 8}},
        "evolution": {"policy": {"a": 8, "b": 16}},
        "agent": {"policy": {"a": 8, "b": 8}},
    }
    chart = compression_pictures.draw_policies(
        {"searches": searches}, {"a": 8, "b": 16}.__getitem__
    )
    half, whole, falling = heights(chart)
    assert half[0] == half[1] > whole[0] == whole[1]
    assert falling[0] == whole[0]
    assert falling[1] == half[0]
