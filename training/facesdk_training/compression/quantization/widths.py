"""A width for each layer: the least damage for a budget of bytes.

The patent (CN107480770A, paragraph 55) leaves the widths to whoever uses it. Here each layer is
rounded alone to each width, the damage to the embeddings is measured, and the widths with the least
sum of damages within the budget are chosen. That damages add up is an assumption; retraining makes
up for much of what they do together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

_RESOLUTION = 1 << 14


@dataclass(frozen=True, slots=True)
class LayerCosts:
    """What each width of a layer costs.

    Attributes:
        name: The layer's name.
        weights: Number of its weights.
        damage: What each width does to the embeddings, in the order of the widths; 0 is nothing.
    """

    name: str
    weights: int
    damage: tuple[float, ...]


def bytes_of(weights: int, bits: int) -> int:
    """Bytes of so many weights of a width, packed without gaps."""
    return -(-weights * bits // 8)


def allocate(layers: Sequence[LayerCosts], widths: Sequence[int], budget: int) -> dict[str, int]:
    """The widths with the least sum of damages whose weights fit a budget.

    A multiple-choice knapsack by dynamic programming. Bytes are counted in steps of a 16,384th of
    the budget, rounded up, so that the budget holds and what is lost to the steps is about a
    thousandth of it.

    Args:
        layers: The layers, each with a damage for every width.
        widths: Bits per weight, rising.
        budget: Bytes of all weights.

    Returns:
        Bits per weight by the layer's name.

    Raises:
        InputError: Not even the least widths fit.
    """
    least = sum(bytes_of(layer.weights, widths[0]) for layer in layers)
    if budget < least:
        raise InputError(
            f"{budget:,} bytes are too few: with {widths[0]} bits per weight the layers take "
            f"{least:,}"
        )
    step = max(1, budget // _RESOLUTION)
    room = budget // step
    damage = np.full(room + 1, np.inf)
    damage[0] = 0.0
    choices: list[NDArray[np.int8]] = []
    for layer in layers:
        best, choice = np.full(room + 1, np.inf), np.full(room + 1, -1, np.int8)
        for place, bits in enumerate(widths):
            cost = -(-bytes_of(layer.weights, bits) // step)
            if cost > room:
                continue
            sums = np.full(room + 1, np.inf)
            sums[cost:] = damage[: room + 1 - cost] + layer.damage[place]
            better = sums < best
            best, choice = np.where(better, sums, best), np.where(better, place, choice)
        damage = best
        choices.append(choice.astype(np.int8))
    if not np.isfinite(damage).any():
        return {layer.name: widths[0] for layer in layers}
    used = int(damage.argmin())
    found: dict[str, int] = {}
    for layer, choice in zip(reversed(layers), reversed(choices), strict=True):
        bits = widths[int(choice[used])]
        found[layer.name] = bits
        used -= -(-bytes_of(layer.weights, bits) // step)
    return {layer.name: found[layer.name] for layer in layers}
