"""Multiply-adds of a network, by the bits that a processor multiplies and by those a file stores.

Both count products summed, those with padding included; of bits, a xor and a count of one pair is
one. They differ in two things, each of which has its use:

- :func:`multiplied` counts a run of the network on the file's batch, with the bits of the numbers
  that meet in a kernel. Time goes with it. Weights that are stored in 8 bits and widened
  (DEQUANTIZE) are multiplied in 32.
- :func:`stored` counts one input, whatever the file's batch, with the bits of a weight as it is
  stored. Size goes with it, and what a network was designed with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod

from facesdk.tflite.graph import Operator
from facesdk.tflite.operators import TRANSPOSE_CONV


@dataclass(frozen=True, slots=True)
class Macs:
    """Multiply-adds of an operator.

    Attributes:
        count: Products summed; 0 where nothing is multiplied with weights.
        weight_bits: Bits of a weight; 0 without weights.
        activation_bits: Bits of a number that a weight is multiplied with.
    """

    count: int
    weight_bits: int
    activation_bits: int

    @property
    def width(self) -> str | None:
        """Bits of weights and activations, ``"1x1"`` or ``"8x32"``; None where nothing is."""
        return f"{self.weight_bits}x{self.activation_bits}" if self.weight_bits else None


NONE = Macs(0, 0, 0)


def multiplied(operator: Operator) -> Macs:
    """What a processor multiplies in one run, on the whole batch of the file."""
    weights = operator.weights
    if weights is None or operator.data is None:
        return NONE
    given = operator.inputs[1]
    bits = 1 if operator.is_packed or given is None else given.bits
    places = _places(operator)
    return Macs(operator.weight_count * prod(places), bits, operator.activation_bits)


def stored(operator: Operator) -> Macs:
    """What one input of the batch needs, with weights as the file stores them."""
    if operator.weight_bits is None or operator.data is None:
        return NONE
    places = _places(operator)[1:]
    return Macs(
        operator.weight_count * prod(places), operator.weight_bits, operator.activation_bits
    )


def totals(operators: Iterable[Operator], count: Callable[[Operator], Macs]) -> dict[str, int]:
    """Multiply-adds by their bits, the fewest bits first.

    Args:
        operators: The operators of a graph.
        count: :func:`multiplied` or :func:`stored`.
    """
    sums: dict[tuple[int, int], int] = {}
    for row in map(count, operators):
        if row.weight_bits:
            key = row.weight_bits, row.activation_bits
            sums[key] = sums.get(key, 0) + row.count
    return {f"{weights}x{activations}": n for (weights, activations), n in sorted(sums.items())}


def bytes_moved(operator: Operator) -> int:
    """Bytes of its inputs, weights and outputs, each once."""
    return sum(row.size for row in (*operator.inputs, *operator.outputs) if row is not None)


def intensity(operator: Operator) -> float:
    """Operations (two per multiply-add) per byte moved."""
    moved = bytes_moved(operator)
    return 2 * multiplied(operator).count / moved if moved else 0.0


def _places(operator: Operator) -> tuple[int, ...]:
    """Batch and pixels at which all weights are used once; the first axis is the batch."""
    at = operator.data if operator.name == TRANSPOSE_CONV else None
    at = at or (operator.outputs[0] if operator.outputs else None)
    return at.shape[:-1] if at is not None else (0,)
