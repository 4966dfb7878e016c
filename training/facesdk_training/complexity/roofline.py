"""A network's layers under the roofline of this computer.

S. Williams, A. Waterman and D. Patterson, "Roofline: An Insightful Visual Performance Model for
Multicore Architectures", Communications of the ACM 52(4), 2009: a layer of arithmetic intensity I
(operations per byte) cannot run faster than min(roof, bandwidth x I). The roofs are measured by
:mod:`facesdk.bench.peaks`.
"""

from __future__ import annotations

from collections.abc import Sequence

from facesdk.bench.peaks import Peaks
from facesdk.pages import charts
from facesdk_training.complexity.layers import LayerCost

_BINARY = "1x1"
_COLOURS = {"32x32": "a", _BINARY: "c"}
_OTHER_COLOUR = "b"


def attainable(layer: LayerCost, peaks: Peaks) -> float:
    """Operations per second that a layer cannot exceed, two for each multiply-add.

    Layers of 1-bit weights and activations have the roof of binary convolutions, if it could be
    measured; all others that of float32.
    """
    binary = layer.precision == _BINARY and peaks.binary is not None
    roof = peaks.binary if binary else peaks.float32
    return min(roof or peaks.float32, peaks.memory * 2 * layer.arithmetic_intensity)


def draw(layers: Sequence[LayerCost], peaks: Peaks, title: str) -> str:
    """Draws the layers where they meet the roofs.

    Args:
        layers: Layers; those without multiply-adds are left out.
        peaks: The roofs of this computer.
        title: Name of the network.

    Returns:
        An SVG file.
    """
    points = [
        (
            f"{layer.name}: {layer.precision} bits, at most {attainable(layer, peaks) / 1e9:.1f} "
            "Gop/s",
            _COLOURS.get(layer.precision, _OTHER_COLOUR),
            2 * layer.arithmetic_intensity,
            attainable(layer, peaks),
        )
        for layer in layers
        if layer.multiply_adds
    ]
    roofs = [("float32", _COLOURS["32x32"], peaks.float32)]
    if peaks.binary is not None:
        roofs.append(("1 bit", _COLOURS[_BINARY], peaks.binary))
    caption = (
        f"{title}: attainable operations per second over operations per byte, two operations for "
        f"each multiply-add. Roofs measured here with {peaks.threads} thread(s): memory "
        f"{peaks.memory / 1e9:.1f} GB/s, "
        + ", ".join(f"{label} {roof / 1e9:.0f} Gop/s" for label, _, roof in roofs)
    )
    return charts.svg_file(charts.roofline(points, peaks.memory, roofs, caption))
