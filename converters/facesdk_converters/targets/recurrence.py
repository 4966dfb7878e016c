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

_SETTINGS = ("unroll", "_could_use_gpu_kernel")


@contextmanager
def unrolled(layers: Iterable[Any]) -> Iterator[None]:
    """While it lasts, recurrent layers compute their steps one after the other.

    Args:
        layers: Layers of a network; others are left alone.
    """
    changed = [layer for layer in layers if isinstance(layer, tf.keras.layers.RNN)]
    before = [{name: getattr(layer, name, False) for name in _SETTINGS} for layer in changed]
    for layer in changed:
        layer.unroll, layer._could_use_gpu_kernel = True, False
    try:
        yield
    finally:
        for layer, settings in zip(changed, before, strict=True):
            for name, value in settings.items():
                setattr(layer, name, value)
