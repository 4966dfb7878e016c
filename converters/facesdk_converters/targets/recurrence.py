"""Recurrent layers step by step, as runtimes without control flow need them.

A loop over the steps of a sequence becomes control flow, of which files for several subgraphs would
be needed, and of any batch it does not become a file at all. While a converter looks, the steps are
written one after the other, which computes the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from facesdk.errors import ModelError

MOST_STEPS = 1000
"""A step becomes some ten operators of the file."""

_SETTINGS = ("unroll", "_could_use_gpu_kernel")


@contextmanager
def unrolled(layers: Iterable[Any]) -> Iterator[None]:
    """While it lasts, recurrent layers compute their steps one after the other.

    Args:
        layers: Layers of a network; others are left alone.

    Raises:
        ModelError: A layer has more than :data:`MOST_STEPS` steps.
    """
    layers = list(layers)
    changed = [layer for layer in layers if isinstance(layer, tf.keras.layers.RNN)]
    for layer in layers:
        if isinstance(layer, (tf.keras.layers.RNN, tf.keras.layers.Bidirectional)):
            _check_steps(layer)
    before = [{name: getattr(layer, name, False) for name in _SETTINGS} for layer in changed]
    for layer in changed:
        layer.unroll, layer._could_use_gpu_kernel = True, False
    try:
        yield
    finally:
        for layer, settings in zip(changed, before, strict=True):
            for name, value in settings.items():
                setattr(layer, name, value)


def _check_steps(layer: Any) -> None:
    """Refuses sequences that would make a graph of hundreds of thousands of nodes."""
    for node in layer._inbound_nodes:
        shapes = node.input_shapes
        sequence = shapes[0] if isinstance(shapes, list) else shapes
        steps = sequence[0 if getattr(layer, "time_major", False) else 1] or 0
        if steps > MOST_STEPS:
            raise ModelError(
                f"layer {layer.name} goes through {steps} steps, which the file would have one by "
                f"one: at most {MOST_STEPS}; build the network for shorter sequences"
            )
