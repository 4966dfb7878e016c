"""What the ranges of a network's activations are measured on: faces, as it takes them."""

from __future__ import annotations

from pathlib import Path

from facesdk.errors import InputError, ModelError
from facesdk.models.contract_fields import ANY_COLOR
from facesdk.results import FloatArray
from facesdk_converters.inspection import faces, stimuli
from facesdk_converters.sources.source import Source

CALIBRATION_PHOTOS = 64
"""Photos of a folder that ranges are measured on, each with its mirror image, besides the packaged
samples; they hardly change with more."""


def calibration_inputs(source: Source, folder: Path | None) -> list[FloatArray]:
    """Faces for each input of a network, float32 ``(N, height, width, channels)``.

    Args:
        source: The network.
        folder: Photos or aligned crops, besides the packaged samples.

    Raises:
        InputError: How pixels become the input is not known.
        ModelError: An input takes no pictures.
    """
    other = [shape for shape in source.network.input_shapes if not stimuli.is_image(shape)]
    if other:
        raise ModelError(
            f"{source.path} takes {', '.join(map(str, other))}, but the ranges of 8-bit "
            "activations are measured on faces: give a network of height x width x 3 (or x 1)"
        )
    spec = source.contract.input
    if spec.color == ANY_COLOR and (spec.mean, spec.scale) == (0.0, 1.0):
        raise InputError(
            f"how pixels become the input of {source.path} is not known, and the ranges of its "
            "activations depend on it: give --mean and --scale, or --color RGB if it takes pixels "
            "of 0 to 255"
        )
    crops = faces.load(folder, limit=CALIBRATION_PHOTOS)
    return stimuli.inputs_for(source.network, crops, source.contract)
