"""A network's layers under the roofline of a machine.

S. Williams, A. Waterman and D. Patterson, "Roofline: An Insightful Visual Performance Model for
Multicore Architectures", Communications of the ACM 52(4), 2009: a layer of arithmetic intensity I
(multiply-adds a byte) cannot run faster than min(peak, bandwidth x I).
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facesdk_training.architectures.quantizer_names import FLOAT_BITS
from facesdk_training.complexity.layers import LayerCost

_MATRIX = 768
_COPIED_BYTES = 64 * 1024 * 1024
_REPETITIONS = 5
_COLOURS = {"32x32": "tab:blue", "1x32": "tab:orange", "1x1": "tab:green"}


@dataclass(frozen=True, slots=True)
class Machine:
    """The two limits of a computer.

    Attributes:
        peak: float32 multiply-adds a second.
        bandwidth: Bytes a second from and to memory.
    """

    peak: float
    bandwidth: float

    def attainable(self, layer: LayerCost) -> float:
        """Multiply-adds a second that a layer cannot exceed.

        Layers of 1-bit weights and activations have a peak 32 times as high, because a register
        holds 32 times as many of their values; no kernel reaches it.
        """
        return min(self.peak * packing(layer), self.bandwidth * layer.arithmetic_intensity)


def packing(layer: LayerCost) -> int:
    """Values of a layer that fit where one float does."""
    return FLOAT_BITS // max(layer.weight_bits, layer.input_bits)


def measure_machine() -> Machine:
    """Limits of the computer it runs on as NumPy reaches them: the fastest of six runs of each."""
    left, right = np.ones((2, _MATRIX, _MATRIX), np.float32)
    source = np.ones(_COPIED_BYTES, np.uint8)
    target = np.empty_like(source)
    return Machine(
        peak=_MATRIX**3 / _fastest(lambda: left @ right),
        bandwidth=2 * _COPIED_BYTES / _fastest(lambda: np.copyto(target, source)),
    )


def draw(layers: Sequence[LayerCost], machine: Machine, *, title: str, format: str) -> bytes:
    """Draws the roofline.

    Args:
        layers: Layers; those without multiply-adds are left out.
        machine: Limits of the computer.
        title: Name of the network.
        format: "svg", "png" or "pdf".

    Returns:
        Content of the image file.
    """
    import matplotlib
    from matplotlib.figure import Figure

    counted = [layer for layer in layers if layer.multiply_adds]
    intensities = [layer.arithmetic_intensity for layer in counted]
    span = np.geomspace(min(intensities) / 2, max(intensities) * 2, 200)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for factor in sorted({packing(layer) for layer in counted}):
        roof = np.minimum(machine.peak * factor, machine.bandwidth * span)
        label = "float32" if factor == 1 else f"{FLOAT_BITS // factor} bit: {factor} x float32"
        axes.plot(span, roof / 1e9, color="0.5", label=label, linewidth=1 + 0.5 * (factor == 1))
    for precision in sorted({layer.precision for layer in counted}):
        group = [layer for layer in counted if layer.precision == precision]
        axes.scatter(
            [layer.arithmetic_intensity for layer in group],
            [machine.attainable(layer) / 1e9 for layer in group],
            s=24,
            color=_COLOURS.get(precision, "tab:red"),
            label=f"layers {precision} bits",
            zorder=3,
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="arithmetic intensity, multiply-adds a byte",
        ylabel="attainable, 1e9 multiply-adds a second",
        title=f"{title}: {machine.peak / 1e9:.0f}e9 float multiply-adds/s, "
        f"{machine.bandwidth / 1e9:.1f}e9 bytes/s (NumPy, this machine)",
    )
    axes.legend()
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(content, format=format, dpi=120)
    return content.getvalue()


def _fastest(run: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPETITIONS + 1):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)
