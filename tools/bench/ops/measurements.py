"""Running the candidates of a layer or a network against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.measure.timing import Policy, measure
from facesdk.runtime.kernels import Kernels, Prepared
from facesdk.runtime.operator_library import (
    FLOAT32,
    SAME,
    BConv2DOptions,
    count_runs,
    library_path,
    open_library,
)
from tools.bench.markdown import Timing
from tools.bench.ops.candidates import CandidateError, LarqModel, Model, copying_model
from tools.bench.ops.models import Layer, Network
from tools.bench.ops.roofline import Roofline

UNTIMED = 5
"""Calls before each timed one: a network of many layers gets its caches and branch predictions back
only in a few."""
MIN_COSINE = 0.98
"""Two runtimes round float layers differently, so that now and then a sign flips in a network."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How often candidates run.

    Attributes:
        runs: Timed rounds.
        warm_up: Rounds before them.
    """

    runs: int
    warm_up: int

    def time(
        self, calls: dict[tuple[str, str], Callable[[], object]]
    ) -> dict[str, dict[str, Timing]]:
        """Timings of interleaved calls, by both parts of their names."""
        policy = Policy(self.runs, self.warm_up, warm_up_seconds=0.0)
        times = measure(calls, policy, untimed=UNTIMED)
        result: dict[str, dict[str, Timing]] = {}
        for (kind, name), row in times.items():
            result.setdefault(kind, {})[name] = Timing.of(row)
        return result


@dataclass(frozen=True, slots=True)
class PathTimes:
    """One kernel path on one layer.

    Attributes:
        model: The whole model in the stock runtime: sign, convolution, batch-norm.
        sign: Binarizing and packing the input, called directly.
        convolution: The convolution on packed input, batch-norm fused, float32 out, called
            directly.
        one_thread: The whole model again, beside ``two_threads``.
        two_threads: The whole model with ``num_threads=2``; None on a machine with one core.
    """

    model: Timing
    sign: Timing
    convolution: Timing
    one_thread: Timing | None
    two_threads: Timing | None


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """All candidates on one layer.

    Attributes:
        layer: The layer's name.
        operations: Bit operations of the convolution.
        larq: LCE's interpreter, without the copies of input and output.
        larq_copies: Those copies, already taken off.
        int8: XNNPACK's int8 convolution.
        float32: XNNPACK's float32 convolution.
        paths: Our kernel paths.
        roofs: Bit operations of a call of each roofline, and its timing.
    """

    layer: str
    operations: int
    larq: Timing
    larq_copies: Timing
    int8: Timing
    float32: Timing
    paths: dict[str, PathTimes]
    roofs: dict[str, tuple[int, Timing]]


@dataclass(frozen=True, slots=True)
class NetworkTimes:
    """A whole network.

    Attributes:
        network: Its name.
        operations: Bit operations of its binary convolutions.
        larq: LCE with XNNPACK, without the copies of input and output.
        larq_copies: Those copies, already taken off.
        rest: The stock runtime with XNNPACK on all that is not a binary convolution.
        paths: Ours in the stock runtime with XNNPACK, by kernel path.
        roofs: Bit operations of a call of each roofline, and its timing.
    """

    network: str
    operations: int
    larq: Timing
    larq_copies: Timing
    rest: Timing
    paths: dict[str, Timing]
    roofs: dict[str, tuple[int, Timing]]


def time_layer(
    layer: Layer,
    folder: Path,
    paths: Sequence[str],
    roofs: Sequence[Roofline],
    settings: Settings,
    *,
    two_threads: bool,
) -> LayerTimes:
    """Time one layer.

    Raises:
        CandidateError: Results differ from LCE's, a kernel path did not run, or XNNPACK left
            out its convolution.
    """
    image = np.random.default_rng(0).standard_normal(layer.shape).astype(np.float32)
    larq = LarqModel(layer.file(folder, "binary").read_bytes())
    copies = LarqModel(copying_model(layer.shape))
    expected = larq.run(image)
    calls: dict[tuple[str, str], Callable[[], object]] = {
        ("peer", "larq"): lambda: larq.run(image),
        ("peer", "copies"): lambda: copies.run(image),
    }
    for kind in ("int8", "float"):
        model = Model(layer.file(folder, kind))
        model.set(image)
        if not model.delegated:
            raise CandidateError(f"XNNPACK does not run the {kind} convolution of {layer.name}")
        calls["peer", kind] = model.invoke
    for path in paths:
        calls["model", path] = proven(layer.file(folder, "binary"), path, image, expected)
        kernels = Kernels(path)
        sign = kernels.prepare_quantize(image)
        calls["sign", path] = sign
        calls["convolution", path] = convolution(kernels, layer, sign.output)
    calls |= {("roof", roof.name): roof.call for roof in roofs}
    times = settings.time(calls)
    threads = (
        {path: _threads(layer, folder, path, image, settings) for path in paths}
        if two_threads
        else {}
    )
    peers = times["peer"]
    return LayerTimes(
        layer.name,
        layer.operations,
        _without(peers["larq"], peers["copies"]),
        peers["copies"],
        peers["int8"],
        peers["float"],
        {
            path: PathTimes(
                times["model"][path],
                times["sign"][path],
                times["convolution"][path],
                *threads.get(path, (None, None)),
            )
            for path in paths
        },
        _operations_and_times(roofs, times["roof"]),
    )


def time_network(
    network: Network,
    folder: Path,
    paths: Sequence[str],
    roofs: Sequence[Roofline],
    settings: Settings,
) -> NetworkTimes:
    """Time a whole network; XNNPACK runs the float layers of all candidates.

    Raises:
        CandidateError: Results point in another direction than LCE's, or a kernel path did not run.
    """
    file = network.file(folder, "binary")
    image = np.random.default_rng(0).standard_normal(network.shape).astype(np.float32)
    larq = LarqModel(file.read_bytes(), xnnpack=True)
    copies = LarqModel(copying_model(network.shape))
    rest = Model(network.file(folder, "rest"))
    rest.set(image)
    expected = larq.run(image)
    calls: dict[tuple[str, str], Callable[[], object]] = {
        ("peer", "larq"): lambda: larq.run(image),
        ("peer", "copies"): lambda: copies.run(image),
        ("peer", "rest"): rest.invoke,
    }
    calls |= {("roof", roof.name): roof.call for roof in roofs}
    for path in paths:
        calls["model", path] = proven(file, path, image, expected, MIN_COSINE)
    times = settings.time(calls)
    peers = times["peer"]
    return NetworkTimes(
        network.name,
        network.operations,
        _without(peers["larq"], peers["copies"]),
        peers["copies"],
        peers["rest"],
        times["model"],
        _operations_and_times(roofs, times["roof"]),
    )


def proven(
    file: Path,
    path: str,
    image: NDArray[np.float32],
    expected: NDArray[np.float32],
    min_cosine: float | None = None,
) -> Callable[[], object]:
    """A call of our model on one kernel path, which has proven to run there and to be right.

    Args:
        file: The model.
        path: The kernel path.
        image: The input; it stays set.
        expected: LCE's output for it.
        min_cosine: How far directions may differ; None asks for equal numbers.

    Raises:
        CandidateError: The path did not run, or the output is another.
    """
    model = Model(file, path=path)
    library = open_library(library_path())
    before = count_runs(library)[path]
    actual = model.run(image)
    if count_runs(library)[path] == before:
        raise CandidateError(f"{file.name} does not run on the kernel path {path}")
    if min_cosine is None:
        right = np.array_equal(actual, expected)
    else:
        lengths = np.linalg.norm(actual) * np.linalg.norm(expected)
        right = float(np.vdot(actual, expected) / lengths) >= min_cosine
    if not right:
        raise CandidateError(f"{file.name}: the kernel path {path} and LCE disagree")
    return model.invoke


def convolution(kernels: Kernels, layer: Layer, words: NDArray[np.uint32]) -> Prepared:
    """A call that convolves packed words on one thread, with random weights."""
    random = np.random.default_rng(0)
    channels = layer.channels
    shape = (channels, 3, 3, -(-channels // 32))
    filters = random.integers(0, 2**32, shape, np.uint32)
    scale, bias = random.standard_normal((2, channels)).astype(np.float32)
    options = BConv2DOptions(
        batch=1, input_height=layer.height, input_width=layer.width, channels_in=channels,
        channels_out=channels, filter_height=3, filter_width=3, groups=1, stride_height=1,
        stride_width=1, dilation_height=1, dilation_width=1, padding=SAME, pad_value=1,
        output_type=FLOAT32,
    )  # fmt: skip
    return kernels.convolution(options, filters, scale, bias).prepare(words)


def _threads(
    layer: Layer, folder: Path, path: str, image: NDArray[np.float32], settings: Settings
) -> tuple[Timing, Timing]:
    """One thread and two. Nobody else takes turns: an idle pool may spin on the second core."""
    calls: dict[tuple[str, str], Callable[[], object]] = {}
    for threads in (1, 2):
        model = Model(layer.file(folder, "binary"), path=path, threads=threads)
        model.set(image)
        calls["threads", str(threads)] = model.invoke
    times = settings.time(calls)["threads"]
    return times["1"], times["2"]


def _operations_and_times(
    roofs: Sequence[Roofline], times: dict[str, Timing]
) -> dict[str, tuple[int, Timing]]:
    return {roof.name: (roof.operations, times[roof.name]) for roof in roofs}


def _without(whole: Timing, part: Timing) -> Timing:
    return Timing(whole.minimum - part.minimum, whole.median - part.median, whole.runs)
