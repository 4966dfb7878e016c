"""ONNX files: their translation against ONNX's reference implementation, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from converters.onnx_graphs import Graph, both, kinds, random, require_equal
from facesdk.cli.main import app
from facesdk.errors import InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk_converters.sources import source


def test_a_float_network_is_translated(tmp_path: Path) -> None:
    graph = Graph("n", 3, 17, 12)
    x = graph.conv("x", random(8, 3, 3, 3), random(8), strides=[2, 1], pads=[1, 1, 1, 1])
    statistics = [graph.constant(np.abs(random(8)) + 0.5) for _ in range(4)]
    x = graph.add("BatchNormalization", x, *statistics, epsilon=1e-3)
    x = graph.add("PRelu", x, graph.constant(random(8, 1, 1)))
    x = graph.conv(x, random(16, 1, 3, 3), group=8, dilations=[2, 2], pads=[2, 2, 2, 2])
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    first, second = graph.add("Split", x, outputs=2, axis=1)
    x = graph.add("Concat", graph.add("Sigmoid", second), first, axis=1)
    gate = graph.add("GlobalAveragePool", x)
    gate = graph.add("HardSigmoid", graph.conv(gate, random(16, 16, 1, 1)), alpha=1 / 6)
    x = graph.add("Mul", x, gate)
    x = graph.add("Add", x, graph.constant(random(16, 1, 1)))
    x = graph.add("Add", x, graph.constant(random(1, 1, 5, 1)))  # an offset per row
    x = graph.add("Pad", x, graph.constant([0, 0, 1, 0, 0, 0, 0, 2]), graph.constant(0.5))
    x = graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[1, 2])
    x = graph.add("Flatten", x)
    x = graph.add("Gemm", x, graph.constant(random(10, 16 * 5 * 4)), graph.constant(random(10)),
                  transB=1)  # fmt: skip
    norm = graph.add("ReduceL2", x, axes=[1], keepdims=1)
    network = require_equal(graph.save(tmp_path / "net.onnx", graph.add("Div", x, norm)))
    assert (network.input_shapes, network.output_shapes) == (((17, 12, 3),), ((10,),))
    assert network.layers[1].name == "Conv_0"


def test_shapes_that_are_computed_are_known(tmp_path: Path) -> None:
    """PyTorch writes ``x.view(x.size(0), -1)`` as arithmetic on shapes."""
    graph = Graph("n", 4, 3, 3, opset=11)
    sizes = graph.add("Shape", "x")
    batch = graph.add("Gather", sizes, graph.constant(np.int64(0)))
    batch = graph.add("Unsqueeze", batch, axes=[0])
    shape = graph.add("Concat", batch, graph.constant(np.array([-1])), axis=0)
    x = graph.add("Reshape", "x", shape)
    x = graph.add("MatMul", x, graph.constant(random(36, 5)))
    require_equal(graph.save(tmp_path / "net.onnx", x))


def test_a_batch_of_one_stays_one(tmp_path: Path) -> None:
    graph = Graph(1, 2, 3, 3)
    path = graph.save(tmp_path / "net.onnx", graph.add("ReduceMean", "x", axes=[2, 3], keepdims=0))
    network, expected, got = both(path)
    assert network.batch == 1
    np.testing.assert_allclose(got, expected, atol=1e-6)


def detour(graph: Graph, sign: str, x: str) -> str:
    """``sign.detach() - clip(x).detach() + clip(x)``: the gradient of a clip."""
    clip = graph.add("Clip", x, graph.constant(np.float32(-1)), graph.constant(np.float32(1)))
    return str(graph.add("Add", graph.add("Sub", sign, clip), clip))


def _sign(graph: Graph, x: str) -> str:
    return detour(graph, graph.add("Sign", x), x)


def _polynomial(graph: Graph, x: str) -> str:
    """Bi-Real's: what goes in and out again is made of masks."""
    mask = graph.add("Cast", graph.add("Less", x, graph.constant(np.float32(0))), to=1)
    square = graph.add("Mul", graph.add("Mul", x, x), mask)
    return str(graph.add("Add", graph.add("Sub", graph.add("Sign", x), square), square))


def _ones(graph: Graph, value: float) -> str:
    return graph.constant(np.full((1, 1, 1, 1), value, np.float32))


def _where(graph: Graph, x: str) -> str:
    condition = graph.add("GreaterOrEqual", x, graph.constant(np.float32(0)))
    return str(graph.add("Where", condition, _ones(graph, 1), _ones(graph, -1)))


def _where_not_below(graph: Graph, x: str) -> str:
    condition = graph.add("Not", graph.add("Less", x, graph.constant(np.float32(0))))
    return str(graph.add("Where", condition, _ones(graph, 1), _ones(graph, -1)))


def _where_below(graph: Graph, x: str) -> str:
    condition = graph.add("LessOrEqual", x, graph.constant(np.float32(0)))
    return str(graph.add("Where", condition, _ones(graph, -1), _ones(graph, 1)))


def _step(graph: Graph, x: str) -> str:
    step = graph.add("Cast", graph.add("Greater", x, graph.constant(np.float32(0))), to=1)
    doubled = graph.add("Mul", step, graph.constant(np.float32(2)))
    return str(graph.add("Sub", doubled, graph.constant(np.float32(1))))


def _sign_of_sign(graph: Graph, x: str) -> str:
    inner = graph.add("Add", graph.add("Sign", x), graph.constant(np.float32(0.1)))
    return str(graph.add("Sign", inner))


def _negated_step(graph: Graph, x: str) -> str:
    step = graph.add("Cast", graph.add("Less", x, graph.constant(np.float32(0))), to=1)
    doubled = graph.add("Mul", step, graph.constant(np.float32(2)))
    return str(graph.add("Sub", graph.constant(np.float32(1)), doubled))


def _shifted_step(graph: Graph, x: str) -> str:
    step = graph.add("Cast", graph.add("GreaterOrEqual", x, graph.constant(np.float32(0))), to=1)
    shifted = graph.add("Sub", step, graph.constant(np.float32(0.5)))
    return str(graph.add("Div", shifted, graph.constant(np.float32(0.5))))


def _difference(graph: Graph, x: str) -> str:
    below = graph.add("Less", x, graph.constant(np.float32(0)))
    steps = [graph.add("Cast", one, to=1) for one in (graph.add("Not", below), below)]
    return str(graph.add("Sub", *steps))


def _masked(graph: Graph, x: str) -> str:
    """``torch.ones_like(x).masked_fill(x < 0, -1)``."""
    mask = graph.add("Cast", graph.add("Less", x, graph.constant(np.float32(0))), to=9)
    return str(graph.add("Where", mask, graph.constant(np.float32(-1)), _ones(graph, 1)))


def _assigned(graph: Graph, x: str) -> str:
    """``y[x >= 0] = 1; y[x < 0] = -1``."""
    zero = graph.constant(np.float32(0))
    first = graph.add("Where", graph.add("GreaterOrEqual", x, zero), _ones(graph, 1), x)
    return str(graph.add("Where", graph.add("Less", x, zero), _ones(graph, -1), first))


def _without_zeros(graph: Graph, x: str) -> str:
    signs = graph.add("Sign", x)
    zeros = graph.add("Equal", signs, graph.constant(np.float32(0)))
    return str(graph.add("Where", zeros, _ones(graph, 1), signs))


def _thresholds(graph: Graph, x: str) -> str:
    above = graph.add("Greater", x, graph.constant(np.abs(random(32, 1, 1))))
    return str(graph.add("Where", above, _ones(graph, 1), _ones(graph, -1)))


def _two_levels(graph: Graph, x: str) -> str:
    step = graph.add("Cast", graph.add("Greater", x, graph.constant(np.float32(0))), to=1)
    return str(graph.add("Add", graph.add("Mul", step, graph.constant(-1.5)), graph.constant(0.25)))


def _zero_and_one(graph: Graph, x: str) -> str:
    bounds = [graph.constant(np.float32(n)) for n in (0, 1)]
    return str(graph.add("Round", graph.add("Clip", x, *bounds)))


WAYS = [
    _assigned,
    _without_zeros,
    _thresholds,
    _two_levels,
    _zero_and_one,
    _negated_step,
    _shifted_step,
    _difference,
    _masked,
    _sign,
    _polynomial,
    _where,
    _where_not_below,
    _where_below,
    _step,
    _sign_of_sign,
]


@pytest.mark.parametrize("write", WAYS)
def test_every_way_to_write_a_sign_is_one(tmp_path: Path, write: Any) -> None:
    """Also at 0, where they differ: what is a step gets zeros."""
    graph = Graph("n", 3, 8, 8)
    x = graph.conv("x", random(32, 3, 3, 3))
    if write not in (_sign, _polynomial):
        x = graph.add("Relu", x)
    kernel = np.sign(random(16, 32, 3, 3)) * np.abs(random(16, 1, 1, 1))
    x = graph.conv(write(graph, x), kernel, random(16), pads=[1, 1, 1, 1])
    network = require_equal(graph.save(tmp_path / "net.onnx", x))
    (layer,) = [row for row in network.layers if type(row).__name__ == "QuantConv2D"]
    assert layer.input_quantizer is not None and layer.kernel_quantizer is not None


def _steep(graph: Graph, x: str) -> str:
    bounds = [graph.constant(np.float32(n)) for n in (-1, 1)]
    return str(graph.add("Clip", graph.add("Mul", x, graph.constant(10.0)), *bounds))


def _three_levels(graph: Graph, x: str) -> str:
    bounds = [graph.constant(np.float32(n)) for n in (0, 2)]
    return str(graph.add("Round", graph.add("Clip", x, *bounds)))


def _half_assigned(graph: Graph, x: str) -> str:
    below = graph.add("Less", x, graph.constant(np.float32(0)))
    return str(graph.add("Where", below, _ones(graph, -1), x))


def _other_quotient(graph: Graph, x: str) -> str:
    return str(graph.add("Div", x, graph.add("Abs", graph.add("Add", x, graph.constant(0.5)))))


def _turned_by_another(graph: Graph, x: str) -> str:
    """Sign and its opposite, as something decides that no sign of x does."""
    bounds = [graph.constant(np.float32(n)) for n in (0.3, -0.4)]
    outside = [graph.add(*two) for two in (("Greater", x, bounds[0]), ("Less", x, bounds[1]))]
    sign = graph.add("Sign", x)
    return str(graph.add("Where", graph.add("Or", *outside), sign, graph.add("Neg", sign)))


def _asked_for_truth(graph: Graph, x: str) -> str:
    """1 where x is above a half: that it is positive says less."""
    zero = graph.constant(np.float32(0))
    steep = graph.add("Relu", graph.add("Sub", x, graph.constant(np.float32(0.5))))
    kept = graph.add("Where", graph.add("Greater", x, zero), steep, zero)
    return str(graph.add("Where", graph.add("Cast", kept, to=9), _ones(graph, 1), zero))


ALMOST = [_steep, _three_levels, _half_assigned, _other_quotient, _turned_by_another]


@pytest.mark.parametrize("write", ALMOST)
def test_what_is_almost_a_sign_is_none(tmp_path: Path, write: Any) -> None:
    graph = Graph("n", 32, 6, 6)
    x = graph.conv(write(graph, "x"), np.sign(random(16, 32, 3, 3)))
    network = require_equal(graph.save(tmp_path / "net.onnx", x))
    assert not [row for row in network.layers if getattr(row, "input_quantizer", None)]


@pytest.mark.parametrize("stride", [1, 2])
def test_weights_of_two_values_a_filter_are_bits(tmp_path: Path, stride: int) -> None:
    """Also where one filter has a magnitude and its opposite, and one a single value."""
    kernel = np.where(random(16, 32, 3, 3) > 0, random(16, 1, 1, 1), random(16, 1, 1, 1))
    kernel[0] = np.where(kernel[0] == kernel[0].max(), 0.5, -0.5)
    kernel[1] = 0.25
    graph = Graph("n", 32, 7, 7)
    x = graph.conv(_two_levels(graph, "x"), kernel, random(16), strides=[stride] * 2,
                   pads=[1, 1, 1, 1])  # fmt: skip
    x = graph.add("Flatten", _where(graph, x))
    rows = 16 * (7 if stride == 1 else 4) ** 2
    dense = np.where(random(rows, 5) > 0, 0.25, -0.125)
    x = graph.add("MatMul", x, graph.constant(dense))
    network = require_equal(graph.save(tmp_path / "net.onnx", x))
    assert [kinds(network).count(kind) for kind in ("QuantConv2D", "QuantDense")] == [2, 2]


def test_a_kernel_that_is_binarized_in_the_file_is_binary(tmp_path: Path) -> None:
    """With its detour, and as what is left of it where PyTorch has computed it: rounding."""
    latent = random(16, 32, 3, 3, scale=0.3)
    scale = np.abs(latent).mean((1, 2, 3), keepdims=True)
    clip = np.clip(latent, -1, 1)
    for computed in (False, True):
        graph = Graph("n", 32, 8, 8)
        if computed:
            kernel = graph.constant(scale * np.sign(latent) - clip + clip)
        else:
            w = graph.constant(latent)
            signs = graph.add("Mul", graph.constant(scale), graph.add("Sign", w))
            kernel = detour(graph, signs, w)
        x = graph.add("Conv", _sign(graph, "x"), kernel, strides=[2, 2], pads=[1, 1, 1, 1])
        network = require_equal(graph.save(tmp_path / "net.onnx", x))
        assert "QuantConv2D" in kinds(network)


@settings(max_examples=12, deadline=None)
@given(
    size=st.integers(3, 11),
    taps=st.sampled_from([1, 2, 3, 5]),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    before=st.integers(0, 2),
    after=st.integers(0, 2),
)
def test_zeros_around_signs_stay_zeros(
    tmp_path_factory: pytest.TempPathFactory,
    size: int, taps: int, stride: int, dilation: int, before: int, after: int,
) -> None:  # fmt: skip
    """A padded sign is 0 in PyTorch, which no bit is: what is computed is right in any form."""
    if size + before + after < (taps - 1) * dilation + 1:
        return
    graph = Graph(1, 4, size, size + 1)
    kernel = np.sign(random(8, 4, taps, taps)) * 0.25
    pads = [before, before, after, after]
    x = graph.conv(_where(graph, "x"), kernel, strides=[stride] * 2, dilations=[dilation] * 2,
                   pads=pads)  # fmt: skip
    network = require_equal(graph.save(tmp_path_factory.mktemp("onnx") / "net.onnx", x))
    symmetric = before == after == (taps - 1) * dilation // 2 and taps % 2
    if not any(pads) or (symmetric and stride == 1):
        assert "QuantConv2D" in kinds(network)


@pytest.mark.parametrize("levels", [_where, _two_levels, _zero_and_one])
@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
def test_signs_around_signs_are_bits(tmp_path: Path, mode: str, levels: Any) -> None:
    graph = Graph("n", 4, 6, 7, opset=19)
    widths = graph.constant(np.array([0, 0, 1, 2, 0, 0, 2, 1]))
    x = graph.add("Pad", levels(graph, "x"), widths, mode=mode)
    x = graph.conv(x, np.sign(random(8, 4, 3, 3)))
    network = require_equal(graph.save(tmp_path / "net.onnx", x))
    assert "QuantConv2D" in kinds(network)


@pytest.mark.parametrize("levels", [_where, _two_levels, _zero_and_one])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 1]])
def test_the_largest_of_signs_is_a_sign(tmp_path: Path, pads: list[int], levels: Any) -> None:
    graph = Graph("n", 4, 9, 8)
    x = graph.add("MaxPool", levels(graph, "x"), kernel_shape=[2, 3], strides=[2, 2], pads=pads)
    x = graph.conv(x, np.sign(random(8, 4, 3, 3)))
    network = require_equal(graph.save(tmp_path / "net.onnx", x))
    assert "QuantConv2D" in kinds(network)


def test_the_largest_of_opposite_signs_stays_float(tmp_path: Path) -> None:
    graph = Graph("n", 4, 9, 8)
    x = graph.add("Neg", _where(graph, "x"))
    x = graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    require_equal(graph.save(tmp_path / "net.onnx", graph.conv(x, np.sign(random(8, 4, 3, 3)))))


def test_a_binary_dense_layer_after_a_picture_has_its_rows_in_order(tmp_path: Path) -> None:
    graph = Graph("n", 6, 3, 2)
    x = graph.add("Flatten", _where(graph, "x"))
    x = graph.add("MatMul", x, graph.constant(np.sign(random(36, 8))))
    assert "QuantDense" in kinds(require_equal(graph.save(tmp_path / "net.onnx", x)))


def test_signs_of_what_often_is_zero_are_refused(tmp_path: Path) -> None:
    graph = Graph(1, 3, 8, 8)
    x = graph.add("Relu", graph.conv("x", random(8, 3, 3, 3)))
    x = graph.add("Sign", graph.add("MaxPool", x, kernel_shape=[2, 2]))
    path = graph.save(tmp_path / "net.onnx", x)
    with pytest.raises(ModelError, match=r"signs of what Relu .* exactly 0.*torch\.where"):
        source.load(path)


def test_a_ternary_quantizer_keeps_its_three_levels(tmp_path: Path) -> None:
    graph = Graph(1, 32, 8, 8)
    half = graph.constant(0.5)
    signs = [graph.add("Sign", graph.add(kind, "x", half)) for kind in ("Add", "Sub")]
    x = graph.add("Sign", graph.add("Add", *signs))
    x = graph.conv(x, np.sign(random(16, 32, 3, 3)))
    network = require_equal(graph.save(tmp_path / "net.onnx", x))
    assert not [row for row in network.layers if getattr(row, "input_quantizer", None)]


def test_signs_of_sums_that_are_zero_are_not_proven_by_the_translation(tmp_path: Path) -> None:
    """The file computes what the translation does, and neither computes what ONNX does."""
    graph = Graph(1, 3, 12, 12)
    parts = [graph.add("Relu", graph.conv("x", random(32, 3, 3, 3))) for _ in range(2)]
    x = graph.conv(graph.add("Sign", graph.add("Add", *parts)), np.sign(random(32, 32, 3, 3)))
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    path = graph.save(tmp_path / "net.onnx", x)
    words = ["convert", "lce", str(path), "-o", str(tmp_path / "net.tflite")]
    done = CliRunner().invoke(app, [*words, "--mean", "127.5", "--scale", "64"])
    assert done.exit_code == 2
    assert "values that are exactly 0" in done.stderr
    assert not (tmp_path / "net.tflite").exists()


def test_sizes_that_are_kept_are_known(tmp_path: Path) -> None:
    graph = Graph("n", 8, 5, 4)
    x = graph.add("Reshape", "x", graph.constant(np.array([0, 0, -1], np.int64)))
    x = graph.add("Reshape", x, graph.constant(np.array([0, -1, 0], np.int64)))
    require_equal(graph.save(tmp_path / "net.onnx", x))


def _refused() -> dict[str, tuple[Graph, list[str], str]]:
    unknown, two = Graph(1, 3, 8, 8), Graph(1, 3, 8, 8)
    variable, volume, kernel = Graph(1, 3, "h", "w"), Graph(1, 3, 8, 8, 8), Graph(1, 3, 8, 8)
    kept, asked = Graph(1, 3, 8, 8), Graph(1, 3, 8, 8)
    axes = kept.constant(np.array([0, 0, 0, 0, 0], np.int64))
    weights = kernel.add("ReduceMean", "x", axes=[2, 3])
    return {
        "operator": (unknown, [unknown.add("Erf", "x")], r"node /Erf/0 is Erf"),
        "constant": (
            two,
            [two.add("Relu", "x"), two.add("Neg", two.constant(random(1)))],
            "which is a constant",
        ),
        "size": (variable, [variable.add("Relu", "x")], "variable size"),
        "volume": (volume, [volume.conv("x", random(4, 3, 3, 3, 3))], "3 dimensions"),
        "kernel": (kernel, [kernel.add("Conv", "x", weights)], "must be a constant"),
        "truth": (asked, [_asked_for_truth(asked, "x")], "casts to integers"),
        "axis": (kept, [kept.add("Reshape", "x", axes)], "keeps an axis that its input of 4 axes"),
    }


@pytest.mark.parametrize("case", _refused())
def test_what_cannot_be_translated_is_named(tmp_path: Path, case: str) -> None:
    graph, outputs, message = _refused()[case]
    with pytest.raises(ModelError, match=message):
        source.load(graph.save(tmp_path / "net.onnx", *outputs))


def test_what_cannot_be_computed_from_constants_is_named(tmp_path: Path) -> None:
    far = np.array([99], np.int64)
    graph = Graph(1, 3, 8, 8)
    row = graph.add("Gather", graph.constant(random(3)), graph.constant(far))
    with pytest.raises(ModelError, match=r"net.onnx: node /Gather/0 .* \(index 99 is out of"):
        source.load(graph.save(tmp_path / "net.onnx", graph.add("Add", "x", row)))
    graph = Graph(1, 3, 8, 8)
    size = graph.add("Shape", graph.add("AveragePool", "x", kernel_shape=[2, 2], ceil_mode=1))
    size = graph.add("Gather", size, graph.constant(far))
    with pytest.raises(ModelError, match=r"net.onnx: node /Gather/2 .* \(index 99 is out of"):
        source.load(graph.save(tmp_path / "net.onnx", graph.add("Reshape", "x", size)))


@pytest.mark.parametrize("signs", [False, True])
def test_a_clip_by_a_computed_bound_is_named(tmp_path: Path, signs: bool) -> None:
    graph = Graph(1, 3, 8, 8)
    x = graph.add("Clip", "x", graph.add("ReduceMin", "x", axes=[0, 1, 2, 3], keepdims=0))
    x = graph.add("Sign", x) if signs else x
    with pytest.raises(ModelError, match=r"node /Clip/1 \(Clip\) has a bound"):
        source.load(graph.save(tmp_path / "net.onnx", x))


def test_files_that_are_none_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        source.load(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no protocol buffer")
    with pytest.raises(ModelError, match="is not an ONNX model"):
        source.load(tmp_path / "text.onnx")


def test_an_output_without_a_shape_is_named_as_the_cause(tmp_path: Path) -> None:
    graph = Graph(1, 3, 8, 8)
    path = graph.save(tmp_path / "net.onnx", graph.add("Relu", "x"))
    model = onnx.load(path)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save_model(model, path)
    with pytest.raises(ModelError, match=r"breaks ONNX's rules \(Field 'shape'"):
        source.load(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("written", ["weights", "bias", "signs", "detour", "node", "normalisation"])
def test_weights_that_are_no_numbers_are_refused(
    tmp_path: Path, written: str, value: float
) -> None:
    graph = Graph("n", 32, 6, 6)
    kernel, bias, factors = random(32, 32, 3, 3), random(32), random(32)
    broken = {"bias": bias, "normalisation": factors}.get(written, kernel)
    broken.flat[3] = value
    weights = graph.constant(kernel)
    if written == "node":
        tensor = onnx.numpy_helper.from_array(kernel)
        weights = graph.add("Sign", graph.add("Constant", value=tensor))
    elif written == "signs":
        weights = graph.add("Sign", weights)
    elif written == "detour":
        weights = detour(graph, graph.add("Sign", weights), weights)
    x = graph.add("Conv", graph.add("Sign", "x"), weights, graph.constant(bias))
    rest = [graph.constant(np.abs(random(32)) + 0.5) for _ in range(3)]
    x = graph.add("BatchNormalization", x, graph.constant(factors), *rest)
    with pytest.raises(ModelError, match=r"has 1 of (32|9,216) values that are NaN or infinite"):
        source.load(graph.save(tmp_path / "net.onnx", x))


def test_nan_is_refused_wherever_it_is_read(tmp_path: Path) -> None:
    graph = Graph("n", 4, 6, 6)
    x = graph.add("Add", "x", graph.constant(np.array([1, np.nan, 2, 3]).reshape(4, 1, 1)))
    with pytest.raises(ModelError, match="has 1 of 4 values that are NaN:"):
        source.load(graph.save(tmp_path / "net.onnx", x))


def test_infinities_that_are_no_weights_are_kept(tmp_path: Path) -> None:
    graph = Graph("n", 4, 5)
    infinite = graph.constant(np.float32(np.inf))
    x = graph.add("Clip", "x", graph.constant(np.float32(-1)), infinite)
    x = graph.add("Add", x, graph.constant(np.triu(np.full((4, 5), -np.inf), 2)))
    x = graph.add("Softmax", x, axis=-1)
    kernel = graph.add(
        "Clip", graph.constant(random(5, 3)), graph.constant(np.float32(0)), infinite
    )
    require_equal(graph.save(tmp_path / "net.onnx", graph.add("MatMul", x, kernel)))


def test_weights_in_other_files_are_not_read(tmp_path: Path) -> None:
    graph = Graph(1, 3, 8, 8)
    path = graph.save(tmp_path / "net.onnx", graph.conv("x", random(64, 3, 3, 3)))
    model = onnx.load(path)
    onnx.save_model(
        model, path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    with pytest.raises(ModelError, match="keeps weights in other files"):
        source.load(path)


@pytest.mark.slow
def test_the_command_makes_bits_of_it(tmp_path: Path) -> None:
    graph = Graph(1, 3, 32, 32)
    x = graph.conv("x", random(32, 3, 7, 7, scale=0.1), strides=[2, 2], pads=[3, 3, 3, 3])
    for stride in (1, 2):
        kernel = np.sign(random(32, 32, 3, 3)) * np.abs(random(32, 1, 1, 1))
        x = graph.conv(_sign(graph, x), kernel, strides=[stride] * 2, pads=[1, 1, 1, 1])
        statistics = [graph.constant(np.abs(random(32)) + 0.5) for _ in range(4)]
        x = graph.add("BatchNormalization", x, *statistics)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    path = graph.save(tmp_path / "net.onnx", graph.add("Gemm", x, graph.constant(random(32, 16))))
    words = ["convert", "lce", str(path), "-o", str(tmp_path / "net.tflite"), "--json", "--explain"]
    done = CliRunner().invoke(app, [*words, "--mean", "127.5", "--scale", "64"])
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    bits = [row["weight_bits"] for row in record["explanation"]["rows"] if row["weight_bits"]]
    assert bits.count(1) == 2
    assert record["parity"]["min_cosine"] > 0.9999


def _face_network(path: Path) -> Path:
    """Binary kernels with float activations, a float stem, and a dense end."""
    graph = Graph("n", 3, 16, 16)
    x = graph.add("Relu", graph.conv("x", random(8, 3, 3, 3), random(8), strides=[2, 2]))
    signs = np.where(random(16, 8, 3, 3) > 0, 1, -1) * np.abs(random(16, 1, 1, 1))
    x = graph.add("Flatten", graph.add("Relu", graph.conv(x, signs.astype(np.float32))))
    dense = graph.constant(random(16 * 5 * 5, 24))
    return graph.save(path, graph.add("MatMul", x, dense))


@pytest.mark.parametrize(
    ("target", "operator"),
    [
        ("binary-weights", "FacesdkBinaryConv2D"),
        pytest.param("fixed-point", "QUANTIZE", marks=pytest.mark.slow),
    ],
)
def test_an_onnx_file_goes_to_other_targets(tmp_path: Path, target: str, operator: str) -> None:
    path = _face_network(tmp_path / "net.onnx")
    words = ["convert", target, str(path), "-o", str(tmp_path / "net.tflite"), "--mean", "127.5"]
    done = CliRunner().invoke(app, [*words, "--scale", "64", "--json"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["parity"]["min_cosine"] > 0.99
    graph = ModelBundle.load(tmp_path / "net.tflite").graph
    assert operator in {row.name for row in graph.operators}
