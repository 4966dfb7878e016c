"""Windows of ONNX over pictures: pads that ONNX works out, strides with dilations, means.

The pads of ``SAME_UPPER`` are those that TensorFlow works out for "SAME", and those of
``SAME_LOWER`` are the same seen in a mirror, if the windows leave no pixel out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st

from converters.onnx_graphs import Graph, kinds, random, require_equal
from facesdk_converters.sources import source

FEW = settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
SIZES = st.tuples(st.integers(3, 8), st.integers(3, 8))
MODES = st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx") / "net.onnx"


def _mirrored(values: Any, mode: str) -> Any:
    return values[:, ::-1, ::-1] if mode == "SAME_LOWER" else values


def _require(path: Path, values: Any, expected: Any) -> None:
    """Both the file, in ONNX's reference, and its translation compute that."""
    network = source.load(path).keras
    for got in (network.predict(values)[0], np.asarray(network.model(values))):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=1e-5)


@FEW
@given(size=SIZES, taps=PAIRS, stride=st.integers(1, 3), dilation=st.integers(1, 2), mode=MODES)
def test_convolutions_whose_pads_onnx_works_out(
    path: Path, size: Any, taps: Any, stride: int, dilation: int, mode: str
) -> None:
    assume(stride == 1 or dilation == 1)  # TensorFlow's own padding takes no more
    kernel, values = random(4, 3, *taps), random(2, *size, 3)
    graph = Graph("n", 3, *size)
    x = graph.conv("x", kernel, auto_pad=mode, strides=[stride] * 2, dilations=[dilation] * 2)
    assume(mode != "SAME_LOWER" or (min(taps) - 1) * dilation + 1 >= stride)
    if mode == "VALID":
        assume(all((k - 1) * dilation < n for k, n in zip(taps, size, strict=True)))
    weights = _mirrored(kernel.transpose(2, 3, 1, 0)[None], mode)[0]
    y = tf.nn.conv2d(_mirrored(values, mode), weights, stride, mode[:5].strip("_"), "NHWC",
                     dilation)  # fmt: skip
    _require(graph.save(path, x), values, _mirrored(y.numpy(), mode))


@FEW
@given(
    size=SIZES,
    taps=PAIRS,
    stride=st.integers(1, 3),
    mode=MODES,
    kind=st.sampled_from(["MaxPool", "AveragePool"]),
)
def test_pools_whose_pads_onnx_works_out(
    path: Path, size: Any, taps: Any, stride: int, mode: str, kind: str
) -> None:
    assume(mode != "SAME_LOWER" or min(taps) >= stride)
    values = random(2, *size, 3)
    graph = Graph("n", 3, *size)
    x = graph.add(kind, "x", auto_pad=mode, kernel_shape=list(taps), strides=[stride] * 2)
    pool = tf.nn.max_pool2d if kind == "MaxPool" else tf.nn.avg_pool2d
    y = pool(_mirrored(values, mode), taps, stride, mode[:5].strip("_"))
    _require(graph.save(path, x), values, _mirrored(y.numpy(), mode))


@pytest.mark.parametrize("pads", [{"auto_pad": "SAME_UPPER"}, {"ceil_mode": 1}])
def test_pads_that_a_pool_of_the_runtime_has_cost_no_operator(path: Path, pads: Any) -> None:
    graph = Graph("n", 3, 8, 8)
    x = graph.add("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], **pads)
    assert kinds(require_equal(graph.save(path, x))) == ["InputLayer", "MaxPooling2D"]


@FEW
@given(size=SIZES, taps=PAIRS, stride=st.integers(1, 3), mode=MODES, by_size=st.booleans())
def test_transposed_convolutions_whose_pads_onnx_works_out(
    path: Path, size: Any, taps: Any, stride: int, mode: str, by_size: bool
) -> None:
    assume(min(taps) >= stride)
    kernel, values = random(3, 4, *taps), random(2, *size, 3)
    graph = Graph("n", 3, *size)
    wide = [stride * n for n in size]
    if mode == "VALID":
        wide = [stride * (n - 1) + k for n, k in zip(size, taps, strict=True)]
    wanted = {"output_shape": wide} if by_size else {}
    x = graph.add("ConvTranspose", "x", graph.constant(kernel), auto_pad=mode,
                  strides=[stride] * 2, **wanted)  # fmt: skip
    weights = _mirrored(kernel.transpose(2, 3, 1, 0)[None], mode)[0]
    y = tf.nn.conv2d_transpose(_mirrored(values, mode), weights, (2, *wide, 4), stride,
                               mode[:5].strip("_"))  # fmt: skip
    _require(graph.save(path, x), values, _mirrored(y.numpy(), mode))


@FEW
@example(size=(8, 5), taps=(3, 2), strides=(2, 1), dilations=(1, 1), pads=(1,) * 4, groups=4)
@example(size=(7, 8), taps=(2, 3), strides=(2, 3), dilations=(1, 1), pads=(0, 1, 1, 0), groups=4)
@given(
    size=SIZES,
    taps=st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([2, 3])),
    strides=PAIRS,
    dilations=PAIRS,
    pads=st.tuples(*[st.integers(0, 3)] * 4),
    groups=st.sampled_from([1, 2, 4]),
)
def test_strides_with_dilations(
    path: Path, size: Any, taps: Any, strides: Any, dilations: Any, pads: Any, groups: int
) -> None:
    for axis in range(2):
        span = (taps[axis] - 1) * dilations[axis] + 1
        assume(size[axis] + pads[axis] + pads[axis + 2] >= span)
    graph = Graph("n", 4, *size)
    x = graph.conv("x", random(8, 4 // groups, *taps), random(8), strides=list(strides),
                   dilations=list(dilations), pads=list(pads), group=groups)  # fmt: skip
    require_equal(graph.save(path, x))


@pytest.mark.parametrize(("stride", "dilation", "size"), [(2, 2, 9), (2, 4, 8), (2, 3, 7)])
def test_signs_meet_dilated_kernels_with_strides_as_bits(
    path: Path, stride: int, dilation: int, size: int
) -> None:
    graph = Graph("n", 32, size, size)
    signs = graph.add("Sign", "x")
    kernel = np.sign(random(16, 32, 3, 3)) * np.abs(random(16, 1, 1, 1))
    x = graph.conv(signs, kernel, strides=[stride] * 2, dilations=[dilation] * 2,
                   pads=[dilation] * 4)  # fmt: skip
    assert "QuantConv2D" in kinds(require_equal(graph.save(path, x)))


def _mean_of_windows(
    values: Any, taps: int, stride: int, pads: Any, counted: bool, rounds_up: bool
) -> Any:
    """By PyTorch's rules: no window begins behind the picture, and nothing beyond pads counts."""
    length = values.shape[2]
    before, behind = pads
    span = length + before + behind - taps
    count = (-(-span // stride) if rounds_up else span // stride) + 1
    count -= (count - 1) * stride >= length + before
    result = np.zeros((*values.shape[:2], count, count))
    for row, column in np.ndindex(count, count):
        sides = []
        for number in (row, column):
            first = number * stride - before
            inside = slice(max(first, 0), min(first + taps, length))
            share = min(first + taps, length + behind) - first
            sides.append((inside, share if counted else inside.stop - inside.start))
        (rows, height), (columns, width) = sides
        result[:, :, row, column] = values[:, :, rows, columns].sum((2, 3)) / (height * width)
    return result


@FEW
@given(
    size=st.integers(3, 9),
    taps=st.integers(2, 4),
    stride=st.integers(1, 3),
    pads=st.tuples(st.integers(0, 1), st.integers(0, 1)),
    counted=st.booleans(),
    rounds_up=st.booleans(),
)
def test_means_of_windows(
    path: Path, size: int, taps: int, stride: int, pads: Any, counted: bool, rounds_up: bool
) -> None:
    assume(size + sum(pads) >= taps)
    graph = Graph("n", 3, size, size)
    x = graph.add("AveragePool", "x", kernel_shape=[taps] * 2, strides=[stride] * 2,
                  pads=[*pads[:1] * 2, *pads[1:] * 2], ceil_mode=int(rounds_up),
                  count_include_pad=int(counted))  # fmt: skip
    values = random(2, 3, size, size)
    model = source.load(graph.save(path, x)).keras.model
    got = np.asarray(model(values.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)
    expected = _mean_of_windows(values, taps, stride, pads, counted, rounds_up)
    np.testing.assert_allclose(got, expected, atol=1e-5)
