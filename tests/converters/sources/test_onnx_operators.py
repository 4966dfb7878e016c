"""ONNX operators of detectors and transformers, against ONNX's reference implementation."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st

from converters.onnx_graphs import Graph, random, require_equal
from facesdk.errors import ModelError
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.sources import source
from facesdk_converters.targets import floating

FEW = settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx") / "net.onnx"


def integers(values: Any) -> Any:
    return np.asarray(values, np.int64)


def _each_pixel_puts_its_kernel(
    x: Any, kernel: Any, bias: Any, stride: int, dilation: int, groups: int, pads: Any, more: int
) -> Any:
    """A transposed convolution of one picture by its definition, pixel by pixel."""
    filters, taps = kernel.shape[1], kernel.shape[2:]
    sizes = [
        stride * (n - 1) + (k - 1) * dilation + 1 + more
        for n, k in zip(x.shape[1:], taps, strict=True)
    ]
    whole = np.tile(bias[:, None, None], (1, *sizes)).astype(np.float64)
    for channel, row, column in np.ndindex(*x.shape):
        group = channel // (len(x) // groups)
        for number, i, j in np.ndindex(filters, *taps):
            top, left = row * stride + i * dilation, column * stride + j * dilation
            product = x[channel, row, column] * kernel[channel, number, i, j]
            whole[group * filters + number, top, left] += product
    return whole[:, pads[0] : sizes[0] - pads[2], pads[1] : sizes[1] - pads[3]]


@FEW
@example(
    size=(1, 5), taps=(1, 1), stride=3, dilation=1, groups=2, pads=(2, 0, 0, 0), more=2,
    biased=False,
)  # fmt: skip
@given(
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    taps=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2, 4]),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    more=st.integers(0, 2),
    biased=st.booleans(),
)
def test_transposed_convolutions(
    path: Path, size: Any, taps: Any, stride: int, dilation: int, groups: int, pads: Any,
    more: int, biased: bool,
) -> None:  # fmt: skip
    assume(more < max(stride, dilation))
    for axis in range(2):
        span = stride * (size[axis] - 1) + more + (taps[axis] - 1) * dilation + 1
        assume(span > pads[axis] + pads[axis + 2])
    graph = Graph("n", 4, *size)
    kernel, bias = random(4, 8 // groups, *taps), random(8) if biased else np.zeros(8)
    weights = [graph.constant(kernel), *([graph.constant(bias)] if biased else [])]
    x = graph.add("ConvTranspose", "x", *weights, strides=[stride] * 2, dilations=[dilation] * 2,
                  group=groups, pads=list(pads), output_padding=[more] * 2)  # fmt: skip
    network = source.load(graph.save(path, x)).keras
    picture = random(4, *size)
    options = (stride, dilation, groups, pads, more)
    expected = _each_pixel_puts_its_kernel(picture, kernel, bias, *options)
    values = picture.transpose(1, 2, 0)[None]
    for got in (network.predict(values)[0], np.asarray(network.model(values))):
        np.testing.assert_allclose(got[0].transpose(2, 0, 1), expected, atol=1e-4)


@FEW
@example(size=(2, 4), times=(0.5, 2), by_size=True, places="pytorch_half_pixel", nearest="")
@example(size=(6, 2), times=(3, 0.5), by_size=False, places="pytorch_half_pixel", nearest="")
@given(
    size=st.tuples(st.integers(2, 6), st.integers(2, 6)),
    times=st.tuples(st.sampled_from([0.5, 1, 2, 3]), st.sampled_from([0.5, 1, 2, 4])),
    by_size=st.booleans(),
    places=st.sampled_from(["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"]),
    nearest=st.sampled_from(["", "floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]),
)
def test_pictures_are_resized(
    path: Path, size: Any, times: Any, by_size: bool, places: str, nearest: str
) -> None:
    """With ``nearest`` by nearest pixels, which are gathered where no operator takes them."""
    sizes = [one * factor for one, factor in zip(size, times, strict=True)]
    assume(all(one == int(one) for one in sizes))
    graph = Graph(1 if by_size else "n", 3, *size)
    factors = np.array([1, 1, *times], np.float32)
    if by_size:
        target = integers([1, 3, *sizes])
        inputs = ["", "", graph.constant(target)]
    else:
        inputs = ["", graph.constant(factors)]
    ways = {"mode": "nearest", "nearest_mode": nearest} if nearest else {"mode": "linear"}
    x = graph.add("Resize", "x", *inputs, coordinate_transformation_mode=places, **ways)
    require_equal(graph.save(path, x))


def test_pixels_between_which_no_operator_interpolates_are_refused(path: Path) -> None:
    graph = Graph(1, 3, 8, 8)
    scales = graph.constant(np.array([1, 1, 1.3, 1.3], np.float32))
    x = graph.add("Resize", "x", "", scales, mode="linear",
                  coordinate_transformation_mode="asymmetric")  # fmt: skip
    with pytest.raises(ModelError, match=r"node /Resize/0 .* interpolates at places"):
        source.load(graph.save(path, x))


def _largest_of_windows(values: Any, taps: int, stride: int, before: int, after: int) -> Any:
    """PyTorch's rule for ceil_mode: no window begins behind the picture and what is before it."""
    length = values.shape[2]
    count = -(-(length + before + after - taps) // stride) + 1
    count -= (count - 1) * stride >= length + before
    around = [(0, 0), (0, 0), (before, after + taps * stride), (before, after + taps * stride)]
    wide = np.pad(values, around, constant_values=-np.inf)
    starts = [number * stride for number in range(count)]
    rows = [[wide[:, :, i : i + taps, j : j + taps].max((2, 3)) for j in starts] for i in starts]
    return np.moveaxis(np.array(rows), (0, 1), (2, 3))


@FEW
@given(
    size=st.integers(3, 9), taps=st.integers(2, 3), stride=st.integers(1, 3), pad=st.integers(0, 1)
)
def test_pools_that_round_their_size_up(
    path: Path, size: int, taps: int, stride: int, pad: int
) -> None:
    graph = Graph("n", 3, size, size)
    x = graph.add("MaxPool", "x", kernel_shape=[taps] * 2, strides=[stride] * 2,
                  pads=[pad] * 4, ceil_mode=1)  # fmt: skip
    model = source.load(graph.save(path, x)).keras.model
    values = random(2, 3, size, size)
    expected = _largest_of_windows(values, taps, stride, pad, pad)
    got = np.asarray(model(values.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(got, expected)


@FEW
@given(
    sizes=st.lists(st.integers(2, 4), min_size=1, max_size=4),
    kind=st.sampled_from(["constant", "reflect", "edge"]),
    data=st.data(),
)
def test_what_is_put_around_tensors(path: Path, sizes: list[int], kind: str, data: Any) -> None:
    widths = [data.draw(st.integers(0, 1)) for _ in range(2 * len(sizes))]
    pads = [0, *widths[: len(sizes)], 0, *widths[len(sizes) :]]
    graph = Graph("n", *sizes)
    value = [graph.constant(np.float32(0.5))] if kind == "constant" else []
    x = graph.add("Pad", "x", graph.constant(integers(pads)), *value, mode=kind)
    require_equal(graph.save(path, graph.add("Flatten", x)))


def test_negative_widths_cut(path: Path) -> None:
    """ONNX's reference implementation does not take them."""
    graph = Graph("n", 3, 5, 6)
    x = graph.add("Pad", "x", graph.constant(integers([0, 0, -1, 1, 0, 0, 1, -2])))
    network = source.load(graph.save(path, x)).keras
    values = random(2, 5, 6, 3)
    expected = np.pad(values[:, 1:, :-2], ((0, 0), (0, 1), (1, 0), (0, 0)))
    np.testing.assert_array_equal(np.asarray(network.model(values)), expected)
    with pytest.raises(ModelError, match="ONNX's reference implementation cannot run"):
        network.predict(values)


@FEW
@given(
    sizes=st.permutations([2, 3, 4, 5]), order=st.permutations([1, 2, 3, 4]), axis=st.integers(1, 4)
)
def test_axes_are_moved_picked_and_reduced(
    path: Path, sizes: list[int], order: list[int], axis: int
) -> None:
    """Of five axes and back to four and three, where pictures are kept with channels last."""
    graph = Graph("n", *sizes)
    x = graph.add("Transpose", "x", perm=[0, *order])
    moved = [sizes[place - 1] for place in order]
    picked = graph.add("Gather", x, graph.constant(integers(-1)), axis=axis)
    several = graph.add("Gather", picked, graph.constant(integers([1, 0, 1])), axis=3)
    least = graph.add("ReduceMin", x, axes=[axis], keepdims=0)
    rest = [size for place, size in enumerate(moved, 1) if place != axis]
    whole = graph.add("Reshape", least, graph.constant(integers([0, rest[0] * rest[1], -1])))
    split = graph.add("Reshape", whole, graph.constant(integers([-1, *rest])))
    first = graph.constant(integers([axis]))
    wide = graph.add("Squeeze", graph.add("Unsqueeze", split, first), first)
    parts = [graph.add("Flatten", one) for one in (several, wide)]
    require_equal(graph.save(path, graph.add("Concat", *parts, axis=1)))


@pytest.mark.parametrize("axis", range(-4, 5))
def test_flatten_counts_negative_axes_from_the_back(path: Path, axis: int) -> None:
    graph = Graph(1, 3, 4, 5)
    network = source.load(graph.save(path, graph.add("Flatten", "x", axis=axis))).keras
    values = random(1, 3, 4, 5)
    pictures = values.transpose(0, 2, 3, 1)
    expected = values.reshape([1, 1, 3, 12, 60][axis if axis >= 0 else axis + 4], -1)
    for got in (network.predict(pictures)[0], network.model(pictures)):
        np.testing.assert_array_equal(got, expected)


@FEW
@given(
    size=st.integers(1, 6),
    axis=st.integers(1, 3),
    start=st.sampled_from([-7, -6, -3, -1, 0, 2, 5, 2**63 - 1]),
    end=st.sampled_from([-(2**63), -7, -4, -1, 0, 1, 4, 2**63 - 1]),
    step=st.sampled_from([-2, -1, 1, 2, 3]),
)
def test_slices(path: Path, size: int, axis: int, start: int, end: int, step: int) -> None:
    assume(len(range(size)[start:end:step]) > 0)
    sizes = [2, 2, 2]
    sizes[axis - 1] = size
    graph = Graph("n", *sizes)
    places = [graph.constant(integers([n])) for n in (start, end, axis, step)]
    require_equal(graph.save(path, graph.add("Slice", "x", *places)))


def test_channels_turned_round_are_turned_in_the_runtime(path: Path) -> None:
    """``x.flip(1) - mean``, which pictures of other colours begin with."""
    graph = Graph("n", 3, 6, 6)
    places = [graph.constant(integers([n])) for n in (-1, -(2**63) + 1, 1, -1)]
    turned = graph.add("Slice", "x", *places)
    mean = random(3, 1, 1)
    output = graph.add("Sub", turned, graph.constant(mean))
    bundle = floating.convert(source.load(graph.save(path, output)), half=False)
    values = random(1, 6, 6, 3)
    (got,) = Interpreter(bundle).run(values)
    np.testing.assert_allclose(got, values[..., ::-1] - mean.reshape(-1), atol=1e-6)


@FEW
@given(rank=st.integers(2, 5), first=st.booleans(), data=st.data())
def test_matrix_products(path: Path, rank: int, first: bool, data: Any) -> None:
    """Of two tensors, and of one with a constant before or behind it."""
    outer = data.draw(st.lists(st.integers(1, 3), min_size=rank - 2, max_size=rank - 2))
    graph = Graph(1, *outer[1:], 4, 3) if rank > 2 else Graph(4, 3)
    flipped = [*range(rank - 2), rank - 1, rank - 2]
    x = graph.add("MatMul", "x", graph.add("Transpose", "x", perm=flipped))
    weights = graph.constant(random(4, 4))
    x = graph.add("MatMul", *((weights, x) if first else (x, weights)))
    require_equal(graph.save(path, x))


@pytest.mark.parametrize("shape", [(6, 16), (6, 16, 4), (6, 16, 4, 3)])
def test_normalisations(path: Path, shape: tuple[int, ...]) -> None:
    graph = Graph("n", *shape, opset=21)
    scale, bias = graph.constant(np.abs(random(6)) + 0.5), graph.constant(random(6))
    x = graph.add("InstanceNormalization", "x", scale, bias, epsilon=1e-3)
    x = graph.add("GroupNormalization", x, scale, bias, num_groups=3)
    last = [graph.constant(random(*shape[-2:])) for _ in range(2)]
    x = graph.add("LayerNormalization", x, *last, axis=-2)
    statistics = [graph.constant(np.abs(random(6)) + 0.5) for _ in range(4)]
    x = graph.add("BatchNormalization", x, *statistics)
    require_equal(graph.save(path, x), rounding=3e-5)  # deviations of few numbers are small


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_gelu_is_one_in_any_order(path: Path, order: tuple[int, ...]) -> None:
    graph = Graph("n", 5, 4)
    inner = graph.add("Div", "x", graph.constant(np.sqrt(2)))
    sum_ = graph.add("Add", graph.add("Erf", inner), graph.constant(1.0))
    factors = ["x", sum_, graph.constant(0.5)]
    first, second, third = (factors[place] for place in order)
    network = require_equal(
        graph.save(path, graph.add("Mul", third, graph.add("Mul", first, second)))
    )
    assert "Erf" not in [node.kind for node in network.onnx.nodes]


@pytest.mark.parametrize(
    ("inner", "number", "outer"),
    [("Div", 1.5, "Mul"), ("Add", np.sqrt(0.5), "Mul"), ("Div", np.sqrt(2), "Div")],
)
def test_what_is_almost_a_gelu_is_none(path: Path, inner: str, number: float, outer: str) -> None:
    graph = Graph("n", 5, 4)
    scaled = graph.add(inner, "x", graph.constant(number))
    sum_ = graph.add("Add", graph.add("Erf", scaled), graph.constant(1.0))
    x = graph.add(outer, graph.add("Mul", "x", graph.constant(0.5)), sum_)
    with pytest.raises(ModelError, match="is Erf, which facesdk does not translate"):
        source.load(graph.save(path, x))


def _activated(kind: str, opset: int = 15, **attributes: Any) -> tuple[Graph, str]:
    graph = Graph("n", 8, 3, 2, opset=opset)
    return graph, str(graph.add(kind, "x", **attributes))


@pytest.mark.parametrize(
    ("kind", "opset", "attributes"),
    [
        ("Celu", 15, {"alpha": 0.7}),
        ("Selu", 15, {}),
        ("Softsign", 15, {}),
        ("Mish", 18, {}),
        ("Gelu", 20, {"approximate": "tanh"}),
        ("LogSoftmax", 15, {"axis": 1}),
        ("DepthToSpace", 15, {"blocksize": 2, "mode": "CRD"}),
        ("ReduceL1", 15, {"axes": [1, 3], "keepdims": 0}),
        ("ReduceSumSquare", 15, {"axes": [1], "keepdims": 1}),
        ("ReduceProd", 15, {"axes": [3], "keepdims": 0}),
        ("ArgMax", 15, {"axis": 1, "keepdims": 1}),
        ("ArgMax", 15, {"axis": 2, "keepdims": 0}),
        ("Round", 15, {}),
        ("Floor", 15, {}),
    ],
)
def test_small_operators(path: Path, kind: str, opset: int, attributes: dict[str, Any]) -> None:
    graph, x = _activated(kind, opset, **attributes)
    require_equal(graph.save(path, x))


def test_parts_of_uneven_size(path: Path) -> None:
    graph = Graph("n", 7, 4, 4, opset=18)
    parts = graph.add("Split", "x", outputs=3, axis=1, num_outputs=3)
    require_equal(graph.save(path, graph.add("Concat", *reversed(parts), axis=1)))


def test_a_constant_stands_beside_each_input(path: Path) -> None:
    """The class token of a transformer, expanded to the batch."""
    graph = Graph("n", 5, 4)
    ends = [graph.constant(integers([place])) for place in (0, 1)]
    sizes = graph.add("Slice", graph.add("Shape", "x"), *ends)
    shape = graph.add("Concat", sizes, graph.constant(integers([2, 4])), axis=0)
    token = graph.add("Expand", graph.constant(random(1, 2, 4)), shape)
    require_equal(graph.save(path, graph.add("Concat", token, "x", axis=1)))


def test_the_batch_goes_where_axes_are_moved(path: Path) -> None:
    """Queries, keys and values are told apart by an axis before the batch."""
    graph = Graph("n", 5, 12)
    x = graph.add("Reshape", "x", graph.constant(integers([0, 5, 3, 2, 2])))
    x = graph.add("Transpose", x, perm=[2, 0, 3, 1, 4])
    query, key = (graph.add("Gather", x, graph.constant(integers(n)), axis=0) for n in range(2))
    x = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 1, 3, 2]))
    require_equal(graph.save(path, graph.add("Softmax", x, axis=-1)))


def _together(batch: int | str) -> Graph:
    """SCRFD's heads: boxes of all inputs below each other."""
    graph = Graph(batch, 8, 3, 2)
    x = graph.add("Transpose", "x", perm=[0, 2, 3, 1])
    graph.add("Reshape", x, graph.constant(integers([-1, 4])))
    return graph


def test_inputs_below_each_other_need_a_batch_of_a_known_size(path: Path) -> None:
    network = source.load(_together(1).save(path, "t1_0")).keras
    values = random(1, 3, 2, 8)
    np.testing.assert_array_equal(np.asarray(network.model(values)), values.reshape(12, 4))
    with pytest.raises(ModelError, match="inputs of a batch together in its output t1_0"):
        source.load(_together("n").save(path, "t1_0"))


def _heads_beside_inputs(graph: Graph) -> str:
    """PyTorch's attention: positions, inputs and heads together, numbers of a head."""
    x = graph.add("Transpose", "x", perm=[1, 0, 2])
    x = graph.add("Reshape", x, graph.constant(integers([4, -1, 2])))
    x = graph.add("Transpose", x, perm=[1, 0, 2])
    x = graph.add("MatMul", x, graph.add("Transpose", x, perm=[0, 2, 1]))
    x = graph.add("Transpose", x, perm=[1, 0, 2])
    sizes = graph.add("Shape", "x", end=1)
    positions = graph.add("Mul", sizes, graph.constant(integers([4])))
    shape = graph.add("Concat", positions, graph.constant(integers([12])), axis=0)
    x = graph.add("Reshape", x, shape)
    x = graph.add("Gemm", x, graph.constant(random(12, 5)), graph.constant(random(5)))
    shape = graph.add("Concat", graph.constant(integers([4])), sizes, graph.constant(integers([5])),
                      axis=0)  # fmt: skip
    return str(graph.add("Transpose", graph.add("Reshape", x, shape), perm=[1, 0, 2]))


def _channels_as_inputs(graph: Graph) -> str:
    x = graph.add("Reshape", "x", graph.constant(integers([-1, 1, 6])))
    x = graph.add("Mul", x, graph.add("ReduceMax", x, axes=[2]))
    sizes = graph.add("Shape", "x", start=0, end=1)
    return str(graph.add("Reshape", x, graph.add("Concat", sizes, graph.constant(integers([-1])),
                                                 axis=0)))  # fmt: skip


def _shuffled(graph: Graph) -> str:
    """ShuffleNetV2's: pairs of channels of all inputs, told apart by an axis before them."""
    x = graph.add("Transpose", "x", perm=[0, 2, 1])
    x = graph.add("Reshape", x, graph.constant(integers([-1, 2, 4])))
    x = graph.add("Transpose", x, perm=[1, 0, 2])
    x = graph.add("Reshape", x, graph.constant(integers([2, -1, 3, 4])))
    first, second = (graph.add("Gather", x, graph.constant(integers(n)), axis=0) for n in range(2))
    return str(graph.add("Concat", second, first, axis=1))


@pytest.mark.parametrize("write", [_heads_beside_inputs, _channels_as_inputs, _shuffled])
def test_inputs_of_a_batch_lie_beside_other_axes(path: Path, write: Any) -> None:
    graph = Graph("n", 4, 6)
    require_equal(graph.save(path, write(graph)))


def test_inputs_behind_others_are_not_brought_before_them(path: Path) -> None:
    graph = Graph("n", 4, 6)
    x = graph.add("Transpose", "x", perm=[1, 2, 0])
    path = graph.save(path, graph.add("Reshape", x, graph.constant(integers([-1, 4, 6]))))
    with pytest.raises(ModelError, match=r"inputs of a batch together, \[1, 4, 6\] of \[4, 6, 1\]"):
        source.load(path)


def test_an_output_without_axes_is_refused(path: Path) -> None:
    graph = Graph(1, 3, 4, 5)
    x = graph.add("ReduceMax", graph.conv("x", random(8, 3, 1, 1)), keepdims=0)
    with pytest.raises(ModelError, match=f"single number for a whole batch as its output {x}: "):
        source.load(graph.save(path, x))


def test_batches_behind_each_other_are_refused(path: Path) -> None:
    graph = Graph("n", 4, 6)
    path = graph.save(path, graph.add("Concat", "x", graph.add("Neg", "x"), axis=0))
    with pytest.raises(ModelError, match="puts batches behind each other"):
        source.load(path)


def _prelu(values: Any, slope: Any) -> Any:
    return np.where(values < 0, values * slope, values)


@pytest.mark.parametrize(
    "shape",
    [(), (1,), (5,), (4, 1), (4, 5), (1, 4, 5), (3, 1, 1), (3, 1, 5), (3, 4, 5), (1, 3, 4, 5)],
)
def test_slopes_of_a_prelu_along_any_axes(path: Path, shape: tuple[int, ...]) -> None:
    graph = Graph("n", 3, 4, 5)
    slope = random(*shape)
    network = source.load(graph.save(path, graph.add("PRelu", "x", graph.constant(slope))))
    values = random(1, 3, 4, 5)
    pictures = values.transpose(0, 2, 3, 1)
    expected = _prelu(values, slope).transpose(0, 2, 3, 1)
    bundle = floating.convert(network, half=False)
    for got in (network.network.predict(pictures)[0], Interpreter(bundle).run(pictures)[0]):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(4,), (3, 1), (3, 4), (1, 3, 1)])
def test_slopes_of_a_prelu_of_rows(path: Path, shape: tuple[int, ...]) -> None:
    graph = Graph("n", 3, 4)
    slope = random(*shape)
    network = require_equal(graph.save(path, graph.add("PRelu", "x", graph.constant(slope))))
    values = random(2, 3, 4)
    np.testing.assert_allclose(network.model(values), _prelu(values, slope), rtol=1e-6)


def test_slopes_of_a_prelu_with_the_batch_behind_the_channels(path: Path) -> None:
    graph = Graph("n", 3, 4, 5)
    x = graph.add("Transpose", "x", perm=[1, 0, 2, 3])
    x = graph.add("PRelu", x, graph.constant(random(3, 1, 4, 1)))
    require_equal(graph.save(path, graph.add("Transpose", x, perm=[1, 0, 2, 3])))


def test_slopes_of_one_axis_are_those_of_channels_where_they_are_as_many(path: Path) -> None:
    """As before opset 7; ONNX's reference implementation takes them so, too."""
    graph = Graph("n", 3, 4, 5)
    require_equal(graph.save(path, graph.add("PRelu", "x", graph.constant(random(3)))))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((3,), r"3 slopes, of channels or of columns: .* \[3, 1, 1\] or \[1, 1, 3\]"),
        ((2, 3, 4, 3), "slopes of their own for each input of a batch"),
        ((2, 1), r"slopes of shape \[2, 1\] for an input of \[2, 3, 4, 3\]"),
        ((1, 1, 1, 1, 3), r"slopes of shape \[1, 1, 1, 1, 3\]"),
    ],
)
def test_slopes_that_no_prelu_takes(path: Path, shape: tuple[int, ...], words: str) -> None:
    graph = Graph(2, 3, 4, 3)
    path = graph.save(path, graph.add("PRelu", "x", graph.constant(random(*shape))))
    with pytest.raises(ModelError, match=words):
        source.load(path)


@pytest.mark.parametrize("batch", [1, "n"])
def test_softmax_before_opset_13(path: Path, batch: int | str) -> None:
    graph = Graph(batch, 6, 4, opset=11)
    shape = graph.add("Shape", "x")
    first = graph.add("Gather", shape, graph.constant(integers(0)))
    sizes = [graph.add("Unsqueeze", first, axes=[0]), graph.constant(integers([-1, 2]))]
    x = graph.add("Reshape", "x", graph.add("Concat", *sizes, axis=0))
    require_equal(graph.save(path, graph.add("Softmax", x, axis=2)))


def _detector(path: Path) -> Path:
    """Two scales, upsampled in three ways, with heads as detectors have them."""
    graph = Graph(1, 3, 16, 16)
    fine = graph.conv("x", random(8, 3, 3, 3, scale=0.2), strides=[2, 2], pads=[1, 1, 1, 1])
    coarse = graph.conv(fine, random(8, 8, 3, 3, scale=0.1), strides=[2, 2], pads=[1, 1, 1, 1])
    factors = graph.constant(np.array([1, 1, 2, 2], np.float32))
    places = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    near = graph.add("Resize", coarse, "", factors, mode="nearest", **places)
    between = graph.add("Resize", coarse, "", factors, mode="linear")
    kernel = graph.constant(random(8, 8, 3, 3, scale=0.1))
    learned = graph.add("ConvTranspose", coarse, kernel, strides=[2, 2], pads=[1, 1, 1, 1],
                        output_padding=[1, 1])  # fmt: skip
    kernel = graph.constant(random(8, 1, 4, 4, scale=0.3))
    each = graph.add("ConvTranspose", coarse, kernel, strides=[2, 2], pads=[1, 1, 1, 1], group=8)
    fine = graph.add("Sum", fine, near, between, learned, each)
    heads = []
    for level in (fine, coarse):
        x = graph.add("InstanceNormalization", level, *[graph.constant(random(8)) for _ in "ab"])
        x = graph.add("Transpose", graph.conv(x, random(4, 8, 1, 1)), perm=[0, 2, 3, 1])
        heads.append(graph.add("Reshape", x, graph.constant(integers([-1, 2]))))
    scores = graph.add("Softmax", graph.add("Concat", *heads, axis=0), axis=-1)
    best = graph.add("ArgMax", graph.add("Flatten", coarse), axis=1)
    return graph.save(path, scores, best, fine)


def test_the_runtime_computes_what_a_detector_does(path: Path) -> None:
    network = source.load(_detector(path))
    bundle = floating.convert(network, half=False)
    values = random(1, 16, 16, 3)
    expected = network.network.predict(values)
    for got, wanted in zip(Interpreter(bundle).run(values), expected, strict=True):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, atol=1e-5)
