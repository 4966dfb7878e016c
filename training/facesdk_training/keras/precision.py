"""Networks that were trained in mixed precision, as they are deployed: in float32.

Mixed precision computes in float16 or bfloat16 and keeps its weights in float32, so that the same
network in float32 has the same weights and computes the same, more exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

_HALF = {"mixed_float16", "mixed_bfloat16", "float16", "bfloat16"}


def in_float32(model: tf.keras.Model, objects: Mapping[str, Any]) -> tf.keras.Model:
    """A model whose layers all compute in float32.

    Args:
        model: A functional or sequential model.
        objects: Custom objects of the model, by name.

    Returns:
        The model itself where it has no other layers.
    """
    if not any(
        layer.dtype_policy.name in _HALF for layer in model.submodules if _has_policy(layer)
    ):
        return model
    with tf.keras.utils.custom_object_scope(dict(objects)):
        rebuilt = type(model).from_config(_widened(model.get_config()))
    rebuilt.set_weights([np.asarray(values, np.float32) for values in model.get_weights()])
    return rebuilt


def _has_policy(part: tf.Module) -> bool:
    return isinstance(part, tf.keras.layers.Layer) and hasattr(part, "dtype_policy")


def _widened(config: Any) -> Any:
    """A configuration with float32 in place of every policy and type of fewer bits."""
    if isinstance(config, Mapping):
        return {key: _widened(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_widened(value) for value in config)
    return "float32" if isinstance(config, str) and config in _HALF else config
