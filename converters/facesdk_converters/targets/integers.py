"""Inputs and outputs of 8-bit integers, for files of any target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract_fields import ANY_COLOR
from facesdk_converters.inspection import stimuli
from facesdk_converters.inspection.agreement import EXACT, Bound
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.target import Target
from facesdk_converters.tflite.integer_ports import Range, with_integer_ports

FLOAT = "float32"
"""The type of ports that are left as they are."""

_BOUND = Bound(min_cosine=0.98, median_cosine=0.999)
"""Of exact targets with outputs of 8 bits: a vector of 256 levels has a cosine of 0.9998 or so."""

_ROOM = 1.5
"""How much larger than those of the calibration faces the values of an output may be."""

_WHITE = 255


def in_integers(
    source: Source, bundle: ModelBundle, dtype: str, crops: NDArray[np.uint8]
) -> ModelBundle:
    """The file with inputs and outputs of integers.

    A level of an input is a level of a pixel, so that a picture loses nothing where the mean of
    its normalisation is a whole number, and half a level where it is not. Outputs hold what they
    are for aligned faces, and half as much again.

    Args:
        source: The network.
        bundle: Its file.
        dtype: ``int8`` or ``uint8``.
        crops: Aligned faces, see :func:`facesdk_converters.inspection.faces.load`.

    Raises:
        InputError: How pixels become the input is not known.
        ModelError: An input takes no pictures, so that its range is not known.
    """
    network, spec = source.network, source.contract.input
    other = [shape for shape in network.input_shapes if not stimuli.is_image(shape)]
    if other:
        raise ModelError(
            f"{source.path} takes {', '.join(map(str, other))}, whose range is not known: --io "
            f"{dtype} needs pictures of height x width x 3 (or x 1) at every input"
        )
    if spec.color == ANY_COLOR and (spec.mean, spec.scale) == (0.0, 1.0):
        raise InputError(
            f"how pixels become the input of {source.path} is not known, and what its integers "
            "stand for depends on it: give --mean and --scale, or --color RGB if it takes pixels "
            "of 0 to 255"
        )
    ends = sorted((value - spec.mean) / spec.scale for value in (0, _WHITE))
    pixels: Range = (ends[0], ends[1])
    outputs = network.predict(*stimuli.inputs_for(network, crops, source.contract))
    spans = [(_ROOM * float(one.min()), _ROOM * float(one.max())) for one in outputs]
    return with_integer_ports(bundle, dtype, [pixels] * len(network.input_shapes), spans)


def rounding(target: Target, dtype: str) -> Target:
    """A target whose files have outputs of 8 bits: its bound leaves room for their rounding."""
    bound = _BOUND if target.bound == EXACT else target.bound
    return replace(target, bound=bound, options=f"{target.options} io={dtype}".strip())
