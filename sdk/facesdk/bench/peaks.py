"""What this computer can do at most, measured: the roofs of a roofline.

S. Williams, A. Waterman, D. Patterson, "Roofline: An Insightful Visual Performance Model for
Multicore Architectures", Communications of the ACM 52(4), 2009. The roofs here are those of good
programs, not of the processor's data sheet, so that a layer can lie a little above them:

- memory: copying arrays that no cache holds, reads and writes counted, by one thread;
- float32: the stock runtime's matrix product, 256x1152 by 1152x256 (a layer of the packaged
  detector on 256 inputs at a time);
- 1 bit: this package's binary convolution of 16x16x256, data in the caches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facesdk.bench.network_part import single
from facesdk.errors import OperatorLibraryError
from facesdk.measure.timing import Policy, measure
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import operator_library
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.kernels import Kernels, Prepared
from facesdk.runtime.operator_library import FLOAT32, SAME, BConv2DOptions
from facesdk.tflite.macs import multiplied
from facesdk.tflite.operators import FULLY_CONNECTED

_COPY_BYTES = 64 << 20
_ROWS = 256
_SIDE, _CHANNELS, _FILTER = 16, 256, 3
_POLICY = Policy(runs=15, warm_up=1, warm_up_seconds=0.0)


@dataclass(frozen=True, slots=True)
class Peaks:
    """The roofs of this computer.

    Attributes:
        threads: Threads that computed; memory is always that of one.
        memory: Bytes per second, read or written.
        float32: Operations per second, two for each multiply-add.
        binary: The same for 1-bit weights and activations; None without the operator library.
    """

    threads: int
    memory: float
    float32: float
    binary: float | None

    def to_dict(self) -> dict[str, Any]:
        """All of it, in whole units."""
        return {key: None if value is None else round(value) for key, value in asdict(self).items()}


def measure_peaks(threads: int = 1) -> Peaks:
    """Measure in this process; takes a second, and 128 MiB for a moment.

    Args:
        threads: Threads that may compute.

    Raises:
        OperatorLibraryError: The operator library is there, but not usable.
    """
    multiply, operations = _matrix_product(threads)
    try:
        operator_library.library_path()
    except OperatorLibraryError:
        binary = None
    else:
        macs = _SIDE * _SIDE * _CHANNELS * _CHANNELS * _FILTER * _FILTER
        binary = 2 * macs / _best(_convolution(threads))
    return Peaks(threads, _copy_rate(), operations / _best(multiply), binary)


def _copy_rate() -> float:
    """Bytes per second, read and written."""
    source = np.ones(_COPY_BYTES // 4, np.float32)
    target = np.empty_like(source)
    return 2 * _COPY_BYTES / _best(lambda: np.copyto(target, source))


def _matrix_product(threads: int) -> tuple[Callable[[], object], int]:
    """A product of matrices, ready to run, and its operations."""
    bundle = ModelBundle.load(registry.resolve("mtcnn-onet"))
    dense = [row for row in bundle.graph.operators if row.name == FULLY_CONNECTED]
    layer = max(dense, key=lambda row: row.weight_count)
    product = single(bundle, bundle.graph, layer, threads)
    product.resize((_ROWS, *product.input_shapes[0][1:]))
    product.fill(*random_inputs(product))
    return product.invoke, 2 * multiplied(layer).count * _ROWS


def _best(call: Callable[[], object]) -> float:
    """Seconds of the fastest of some calls."""
    return float(measure({"": call}, _POLICY)[""].min()) / 1e3


def _convolution(threads: int) -> Prepared:
    """One binary convolution, ready to run."""
    random = np.random.default_rng(0)
    words = _CHANNELS // 32
    image = random.integers(0, 1 << 32, (1, _SIDE, _SIDE, words), np.uint32)
    weights = random.integers(0, 1 << 32, (_CHANNELS, _FILTER, _FILTER, words), np.uint32)
    ones = np.ones(_CHANNELS, np.float32)
    options = BConv2DOptions(
        batch=1, input_height=_SIDE, input_width=_SIDE, channels_in=_CHANNELS,
        channels_out=_CHANNELS, filter_height=_FILTER, filter_width=_FILTER, groups=1,
        stride_height=1, stride_width=1, dilation_height=1, dilation_width=1,
        padding=SAME, pad_value=1, output_type=FLOAT32,
    )  # fmt: skip
    convolution = Kernels().convolution(options, weights, ones, ones)
    return convolution.prepare(image, threads=threads)
