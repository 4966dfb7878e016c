"""The compression methods by name; each is imported on use, since most need TensorFlow."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType

from facesdk.errors import InputError
from facesdk_training.compression.frame.method import Method

_QUANTIZATION = "facesdk_training.compression.quantization"
_DISTILLATION = "facesdk_training.compression.distillation"
_SHARING = "facesdk_training.compression.sharing.methods"
_LOW_RANK = "facesdk_training.compression.low_rank.methods"

HOMES: Mapping[str, str] = MappingProxyType(
    {
        "magnitude": "facesdk_training.compression.pruning.magnitude:METHOD",
        "filters": "facesdk_training.compression.pruning.filters:METHOD",
        "apoz": "facesdk_training.compression.pruning.apoz:METHOD",
        "taylor": "facesdk_training.compression.pruning.taylor:METHOD",
        "slimming": "facesdk_training.compression.pruning.slimming:METHOD",
        "group-sparsity": "facesdk_training.compression.pruning.group_sparsity:METHOD",
        "channels-lasso": "facesdk_training.compression.pruning.layerwise:LASSO",
        "thinet": "facesdk_training.compression.pruning.layerwise:THINET",
        "amc": "facesdk_training.compression.search.method:METHOD",
        "k-means": f"{_SHARING}:CLUSTERS",
        "product": f"{_SHARING}:PRODUCT",
        "hashed": f"{_SHARING}:HASHED",
        "circulant": f"{_SHARING}:CIRCULANT",
        "svd": f"{_LOW_RANK}:SVD",
        "spatial": f"{_LOW_RANK}:SPATIAL",
        "tucker": f"{_LOW_RANK}:TUCKER",
        "cp": f"{_LOW_RANK}:CP",
        "fixed-point": f"{_QUANTIZATION}.fixed_point:FIXED",
        "mixed-widths": f"{_QUANTIZATION}.fixed_point:MIXED",
        "twn": f"{_QUANTIZATION}.ternary:TWN",
        "ttq": f"{_QUANTIZATION}.ternary:TTQ",
        "inq": f"{_QUANTIZATION}.incremental:INQ",
        "distil-soft-targets": f"{_DISTILLATION}.soft_targets:METHOD",
        "distil-hints": f"{_DISTILLATION}.hints:METHOD",
        "distil-attention": f"{_DISTILLATION}.attention:METHOD",
        "distil-similarity": f"{_DISTILLATION}.similarity:METHOD",
        "distil-neurons": f"{_DISTILLATION}.neurons:METHOD",
    }
)
"""Where each method is, as ``module:name``."""


def method(name: str) -> Method:
    """A method by its name.

    Raises:
        InputError: There is no such method; the message lists those there are.
    """
    if name not in HOMES:
        raise InputError(f"no method is called {name!r}: choose one of {', '.join(HOMES)}")
    module, _, attribute = HOMES[name].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert isinstance(found, Method)
    return found


def every() -> list[Method]:
    """All methods, in the order of the table."""
    return [method(name) for name in HOMES]
