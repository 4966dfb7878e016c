"""Input quantizers with three levels, which LCE's converter takes for signs.

Its pattern for a binarized input is a sign, and a ternary quantizer ends in one (of a sum of two).
The file would give +1 where the network gives 0, a difference that faces may not show.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError
from facesdk_converters.inspection.refusals import place
from facesdk_converters.sources.source import Source

_PROBE = np.linspace(-3, 3, 601, dtype=np.float32).reshape(1, 1, 1, -1)


def check_input_levels(source: Source) -> None:
    """Raises unless no quantizer of inputs has -1, 0 and 1 as its levels.

    A sign that gives 0 for 0 alone (``tf.sign``) is let through: the comparison with the source
    shows whether its inputs are ever 0.

    Raises:
        ModelError: One has; the message names the layer.
    """
    for layer in source.network.layers:
        quantizer = getattr(layer, "input_quantizer", None)
        if quantizer is not None and _is_ternary(quantizer):
            name = getattr(quantizer, "name", None) or getattr(quantizer, "__name__", None)
            raise ModelError(
                f"{source.path}: {place(layer, source.network)} quantizes its input by "
                f"{name or type(quantizer).__name__} to -1, 0 and 1, and Larq Compute Engine has "
                "operators for -1 and 1 only: use 'ste_sign', or `facesdk convert float32` or "
                "`binary-weights`, which keep three levels"
            )


def _is_ternary(quantizer: Any) -> bool:
    values = np.asarray(quantizer(tf.constant(_PROBE))).reshape(-1)
    zeros = np.count_nonzero(values == 0)
    return zeros > 1 and set(np.unique(values)) == {-1.0, 0.0, 1.0}
