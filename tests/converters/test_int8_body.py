"""``--int8-body``: which convolutions compute in 8 bits, what they compute, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import larq as lq
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from converters import networks
from facesdk.cli import vocabulary
from facesdk.cli.main import app
from facesdk.images import encode
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Conversion
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.graph import Operator
from facesdk.tflite.operators import CONV_2D, DEPTHWISE_CONV_2D
from facesdk.tflite.verifier import is_accepted
from facesdk_converters.inspection import faces, half
from facesdk_converters.tflite.tree import Tree

tf = networks.tf
layers = tf.keras.layers
PIXELS = ("--task", "recognition", "--mean", "127.5", "--scale", "128")
BODY = ("convolution", "depthwise", "left", "right")
MEAN, SCALE = 127.5, 128.0


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stem, four convolutions before signs, and one after the last of them."""
    given = layers.Input((112, 96, 3))
    read = layers.Conv2D(32, 5, strides=8, activation="relu", name="stem")(given)
    read = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name=BODY[0])(read)
    read = layers.DepthwiseConv2D(3, padding="same", name=BODY[1])(read)
    left = lq.layers.QuantConv2D(32, 3, name="binary_left", **networks.BINARY)(
        layers.Conv2D(32, 1, name=BODY[2])(read)
    )
    right = lq.layers.QuantConv2D(32, 3, name="binary_right", **networks.BINARY)(
        layers.Conv2D(32, 1, use_bias=False, name=BODY[3])(read)
    )
    read = layers.BatchNormalization()(layers.add([left, right]))
    read = layers.Conv2D(16, 3, name="head")(read)
    read = layers.Dense(16, name="embedding")(layers.GlobalAveragePooling2D()(read))
    return saved(tf.keras.Model(given, read), tmp_path_factory.mktemp("source") / "network.h5")


@pytest.fixture(scope="module")
def converted(source: Path) -> Path:
    output = source.with_name("body.tflite")
    done = invoke(source, "-o", output, "--int8-body")
    assert done.exit_code == 0, done.output
    return output


def saved(network: tf.keras.Model, path: Path) -> Path:
    networks.look_trained(network)
    network.save(path)
    return path


def invoke(path: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["convert", "lce", *map(str, (path, *PIXELS, *arguments))])


def body_of(path: Path) -> list[Operator]:
    """The convolutions of a file that read int8."""
    return [
        row
        for row in ModelBundle.load(path).graph.operators
        if row.name in (CONV_2D, DEPTHWISE_CONV_2D) and row.inputs[0].dtype == "int8"
    ]


def inputs() -> NDArray[np.float32]:
    """The sample faces as the network takes them."""
    return (faces.fit(faces.load(), 112, 96, 3).astype(np.float32) - MEAN) / SCALE


def integers_at(path: Path, tensors: list[int], image: NDArray[np.float32]) -> list[NDArray]:
    """What tensors of a file hold for one input."""
    tree = Tree.of(ModelBundle.load(path))
    tree.outputs = tensors
    tree.drop_signatures()
    bundle = ModelBundle.from_bytes(tree.to_bytes(), "the observed file")
    return [np.asarray(one) for one in Interpreter(bundle).run(image[None])]


def by_hand(row: Operator, tree: Tree, given: NDArray) -> NDArray[np.int64]:
    """A convolution of int8 in whole numbers of 64 bits, SAME or 1x1, from its definition."""
    read, weights, bias = (tree.tensors[tensor.index] for tensor in row.inputs)
    written = tree.tensors[row.outputs[0].index]
    kernel = np.frombuffer(tree.data(row.inputs[1].index), np.int8).astype(np.int64)
    kernel = kernel.reshape(tree.shape(row.inputs[1].index))
    offset = np.frombuffer(tree.data(row.inputs[2].index), np.int32).astype(np.int64)
    depthwise = row.name == DEPTHWISE_CONV_2D
    size, stride = kernel.shape[1], round(given.shape[1] / tree.shape(row.outputs[0].index)[1])
    values = given.astype(np.int64) - int(read.quantization.zeroPoint[0])
    _, height, width, _ = tree.shape(row.outputs[0].index)
    missing = [
        max(0, (out - 1) * stride + size - there)
        for out, there in zip((height, width), values.shape[1:3], strict=True)
    ]
    around = [(0, 0), *((lack // 2, lack - lack // 2) for lack in missing), (0, 0)]
    values = np.pad(values, around)
    sums = np.zeros((1, height, width, len(offset)), np.int64) + offset
    for y in range(size):
        for x in range(size):
            part = values[:, y : y + height * stride : stride, x : x + width * stride : stride]
            part = part[:, :height, :width]
            sums += part * kernel[0, y, x] if depthwise else part @ kernel[:, y, x].T
    scales = np.asarray(weights.quantization.scale, np.float64) * read.quantization.scale[0]
    np.testing.assert_allclose(bias.quantization.scale, scales, rtol=1e-6)
    steps = sums * scales / written.quantization.scale[0] + written.quantization.zeroPoint[0]
    return np.clip(np.rint(steps), -128, 127).astype(np.int64)


@pytest.mark.slow
def test_convolutions_between_the_first_layer_and_a_sign_read_and_write_int8(
    converted: Path,
) -> None:
    rows = body_of(converted)
    assert [row.name for row in rows] == [CONV_2D, DEPTHWISE_CONV_2D, CONV_2D, CONV_2D]
    assert {row.outputs[0].dtype for row in rows} == {"int8"}
    graph = ModelBundle.load(converted).graph
    floats = [
        row.weights.shape
        for row in graph.working
        if row.weights is not None and row.weights.dtype == "float32"
    ]
    assert floats == [(32, 5, 5, 3), (16, 3, 3, 32), (16, 16)], "stem, head and embedding"
    assert sum(row.name == "QUANTIZE" for row in graph.operators) == 3, "two read the same tensor"


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(BODY)), ids=BODY)
def test_each_computes_what_whole_numbers_do(converted: Path, place: int) -> None:
    """Up to one level, by which rounding a half up or down differs."""
    row = body_of(converted)[place]
    tree = Tree.of(ModelBundle.load(converted))
    ends = [row.inputs[0].index, row.outputs[0].index]
    lowest = -128 if place else int(tree.tensors[ends[1]].quantization.zeroPoint[0])
    for image in inputs()[:3]:
        given, found = integers_at(converted, ends, image)
        assert len(np.unique(found)) > 50
        expected = np.maximum(by_hand(row, tree, given), lowest)
        assert np.abs(expected - found).max() <= 1


@pytest.mark.slow
def test_levels_are_spread_over_what_the_keras_layers_give(source: Path, converted: Path) -> None:
    model = tf.keras.models.load_model(source)
    outputs = [model.get_layer(name).output for name in BODY]
    values = tf.keras.Model(model.input, outputs).predict(inputs(), verbose=0)
    expected = [(min(0.0, float(one.min())), max(0.0, float(one.max()))) for one in values]
    tree = Tree.of(ModelBundle.load(converted))
    held = [tree.tensors[row.outputs[0].index].quantization for row in body_of(converted)]
    found = [
        [float(one.scale[0] * (end - one.zeroPoint[0])) for end in (-128, 127)] for one in held
    ]
    widest = max(high - low for low, high in expected)
    np.testing.assert_allclose(sorted(found), sorted(expected), atol=widest / 255, rtol=0)
    widths = [255 * float(one.scale[0]) for one in held]
    np.testing.assert_allclose(
        sorted(widths), sorted(high - low for low, high in expected), rtol=1e-3
    )


@pytest.mark.slow
def test_the_file_says_so_and_is_smaller(source: Path, tmp_path: Path) -> None:
    single, output = tmp_path / "float.tflite", tmp_path / "body.tflite"
    assert invoke(source, "-o", single).exit_code == 0
    done = invoke(source, "-o", output, "--int8-body", "--float16-head", "--explain", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    jsonschema.validate(record, vocabulary.schema("convert"))
    assert record["description"] == ["4 convolutions before signs compute in 8 bits"]
    assert record["parity"]["median_cosine"] >= half.WITH_SIGNS.median_cosine
    assert record["float16"]["stored_weights"] == 3 * 3 * 32 * 16 + 16 * 16
    in_bytes = record["explanation"]["bytes_by_kind"]
    assert in_bytes["8-bit weights"] == 3 * 3 * 32 * 32 + 3 * 3 * 32 + 2 * 32 * 32
    bundle = ModelBundle.load(output)
    bound = half.WITH_SIGNS
    assert bundle.contract.conversion == Conversion(
        "lce", "--int8-body --float16-head", True, bound.min_cosine, bound.median_cosine
    )
    assert output.stat().st_size < single.stat().st_size
    assert is_accepted(bundle.root)


@pytest.mark.slow
def test_what_is_calibrated_on_widens_the_levels(
    source: Path, converted: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(2):
        loud = rng.integers(0, 2, (112, 112, 3), np.uint8) * np.uint8(255)
        encode.save(folder / f"{number}.png", loud)
    output = tmp_path / "body.tflite"
    done = invoke(source, "-o", output, "--int8-body", "--calibrate-on", folder)
    assert done.exit_code == 0, done.output
    scales = [
        Tree.of(ModelBundle.load(path)).tensors[body_of(path)[0].inputs[0].index].quantization
        for path in (converted, output)
    ]
    assert scales[1].scale[0] > scales[0].scale[0]


@pytest.mark.slow
def test_a_network_without_such_a_convolution_is_refused(tmp_path: Path) -> None:
    network = tf.keras.Sequential(
        [
            layers.Input((112, 96, 3)),
            layers.Conv2D(32, 5, strides=8, name="stem"),
            lq.layers.QuantConv2D(32, 3, name="binary", **networks.BINARY),
            layers.GlobalAveragePooling2D(),
            layers.Dense(16, name="embedding"),
        ]
    )
    path, output = saved(network, tmp_path / "network.h5"), tmp_path / "body.tflite"
    done = invoke(path, "-o", output, "--int8-body")
    assert done.exit_code == 2
    assert "no float convolution between its first layer and a sign" in done.stderr
    assert not output.exists()


@pytest.mark.slow
def test_channels_that_share_no_range_are_refused(source: Path, tmp_path: Path) -> None:
    """One channel of a tensor a million times as large as the others leaves these no level."""
    model = tf.keras.models.load_model(source)
    for name in ("stem", BODY[0]):
        kernel, bias = model.get_layer(name).get_weights()
        kernel[..., 0] *= 1e6
        model.get_layer(name).set_weights([kernel, bias])
    kernel, bias = model.get_layer(BODY[0]).get_weights()
    kernel[:, :, 0] *= 1e-6
    model.get_layer(BODY[0]).set_weights([kernel, bias])
    model.save(tmp_path / "network.h5")
    output = tmp_path / "body.tflite"
    done = invoke(tmp_path / "network.h5", "-o", output, "--int8-body")
    assert done.exit_code == 2
    assert "8 bits change what" in done.stderr
    assert "leave --int8-body out" in done.stderr
    assert not output.exists()


def test_photos_to_calibrate_on_need_something_to_calibrate(tmp_path: Path) -> None:
    done = invoke(tmp_path, "-o", tmp_path / "body.tflite", "--calibrate-on", tmp_path)
    assert done.exit_code == 2
    assert "--calibrate-on is for --int8-body: give both" in done.stderr
