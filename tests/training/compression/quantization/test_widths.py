"""Widths per layer, against every combination."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.compression.quantization.widths import LayerCosts, allocate, bytes_of

WIDTHS = (2, 4, 8)


def layers_of(seed: int) -> list[LayerCosts]:
    rng = np.random.default_rng(seed)
    return [
        LayerCosts(
            f"layer{n}",
            int(rng.integers(50, 4000)),
            tuple(float(d) for d in np.sort(rng.exponential(1, 3))[::-1]),
        )
        for n in range(6)
    ]


@pytest.mark.parametrize("seed", range(8))
def test_no_combination_within_the_budget_does_less_damage(seed: int) -> None:
    layers = layers_of(seed)
    budget = int(sum(bytes_of(layer.weights, 4) for layer in layers) * (0.6 + 0.1 * seed))
    found = allocate(layers, WIDTHS, budget)
    assert sum(bytes_of(layer.weights, found[layer.name]) for layer in layers) <= budget

    def damage(places: tuple[int, ...]) -> float:
        return sum(layer.damage[place] for layer, place in zip(layers, places, strict=True))

    fitting = [
        places
        for places in product(range(3), repeat=6)
        if sum(
            bytes_of(layer.weights, WIDTHS[place])
            for layer, place in zip(layers, places, strict=True)
        )
        <= budget
    ]
    chosen = tuple(WIDTHS.index(found[layer.name]) for layer in layers)
    assert damage(chosen) == pytest.approx(min(damage(places) for places in fitting))


def test_the_ends_of_the_budget() -> None:
    layers = layers_of(1)
    least, most = (sum(bytes_of(layer.weights, bits) for layer in layers) for bits in (2, 8))
    assert set(allocate(layers, WIDTHS, least).values()) == {2}
    assert set(allocate(layers, WIDTHS, most).values()) == {8}
    with pytest.raises(InputError, match=f"{least - 1:,} bytes are too few: with 2 bits"):
        allocate(layers, WIDTHS, least - 1)


def test_large_networks_lose_little_to_the_steps() -> None:
    layers = [LayerCosts(f"{n}", 1_000_001, (3.0, 1.0, 0.0)) for n in range(5)]
    budget = 5 * bytes_of(1_000_001, 4) + 2000
    assert set(allocate(layers, WIDTHS, budget).values()) == {4}
