"""Layers that compute in another way while a converter looks at them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def computing_as(kind: type[Any], layers: Iterable[Any]) -> Iterator[None]:
    """While it lasts, layers compute as those of a derived class do.

    They change their class in place, so that any kind of model will do, also nested and subclassed
    ones. Converters save models, and Keras leaves the ``call`` that it saved in the layer itself:
    that is taken out again.

    Args:
        kind: A class derived from that of the layers, with another ``call``.
        layers: The layers; their weights and outputs stay as they are.
    """
    changed = [(layer, type(layer), "call" in vars(layer)) for layer in layers]
    for layer, _, _ in changed:
        layer.__class__ = kind
    try:
        yield
    finally:
        for layer, before, had_call in changed:
            layer.__class__ = before
            if not had_call:
                vars(layer).pop("call", None)
