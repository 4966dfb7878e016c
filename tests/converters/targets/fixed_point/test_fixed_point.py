"""Fixed-point networks, against Keras, NumPy and both runtimes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.errors import InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite import weights
from facesdk_converters.convert import Facts, Request, convert
from facesdk_converters.inspection import faces
from facesdk_converters.targets.fixed_point.calibration import observe
from facesdk_converters.targets.fixed_point.conversion import FixedPointOptions, calibrate, describe
from facesdk_converters.targets.fixed_point.conversion import convert as to_fixed_point
from facesdk_converters.targets.fixed_point.equalization import equalize
from facesdk_converters.targets.fixed_point.levels import fit
from facesdk_converters.targets.fixed_point.target import target
from facesdk_converters.tflite.tree import Tree
from facesdk_training.architectures.registry import configure
from facesdk_training.keras.networks.build import build_embedder
from training.networks import randomise

SIDE = 24
OPTIONS = {
    "bits": 8,
    "activations": 8,
    "filter_scales": "free",
    "storage": "small",
    "calibrate_on": None,
}


def keras_model():
    """A residual network with every kind of layer of ours, whose channels differ 100-fold."""
    import tensorflow as tf

    keras = tf.keras
    layers = keras.layers
    keras.utils.set_random_seed(3)

    def prelu(x):
        slopes = keras.initializers.RandomUniform(0.1, 0.4)
        return layers.PReLU(alpha_initializer=slopes, shared_axes=[1, 2])(x)

    inputs = keras.Input((SIDE, SIDE, 3))
    x = prelu(layers.Conv2D(16, 3, strides=2, padding="same", name="stem")(inputs))
    x = prelu(layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x))
    branch = layers.Conv2D(16, 3, padding="same", name="branch")(x)
    x = prelu(layers.Add()([x, branch]))
    x = layers.MaxPooling2D(2)(x)
    x = layers.ReLU()(layers.Conv2D(32, 1, name="wide")(x))
    x = layers.DepthwiseConv2D(SIDE // 4, name="head")(x)
    dense = layers.Dense(24, bias_initializer="normal", name="embedding")
    model = keras.Model(inputs, dense(layers.Flatten()(x)))
    stem, depthwise = model.get_layer("stem"), model.get_layer("depthwise")
    gains = np.geomspace(0.1, 10, 16).astype(np.float32)
    stem.set_weights([stem.get_weights()[0] * gains, stem.get_weights()[1]])
    kernel, bias = depthwise.get_weights()
    depthwise.set_weights([kernel / gains[:, np.newaxis], bias + 0.1])
    return model


@pytest.fixture(scope="module")
def network():
    model = keras_model()
    return model, float_file(model)


@pytest.fixture(scope="module")
def inputs():
    crops = faces.fit(faces.load(), SIDE, SIDE, 3)
    rng = np.random.default_rng(0)
    noisy = np.concatenate([crops, crops[:, ::-1], rng.permutation(crops, axis=2)])
    return (noisy.astype(np.float32) - 127.5) / 128


@pytest.fixture(scope="module")
def calibrated(network, inputs):
    return calibrate(network[1], [inputs])


def bundle_of(content):
    return ModelBundle.from_bytes(content, "test.tflite")


def tree_of(content):
    return Tree.of(bundle_of(content))


def float_file(model):
    import tensorflow as tf

    return bundle_of(bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert()))


def run(content, inputs):
    interpreter = Interpreter(bundle_of(content))
    return np.concatenate([interpreter.run(row[np.newaxis])[0] for row in inputs])


def cosines(first, second):
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.sum(first * second, axis=1) / norms


def of_kind(content, kind):
    return [o for o in bundle_of(content).graph.working if o.name == kind]


def types_of_weights(content):
    return [o.weights.dtype for o in bundle_of(content).graph.working if o.weights]


def test_statistics_are_those_of_keras(network, inputs):
    import tensorflow as tf

    model, bundle = network
    tree = Tree.of(bundle)
    steps = []
    statistics = observe(tree, [inputs], progress=lambda *step: steps.append(step))
    assert [done for done, *_ in steps] == list(range(1, len(inputs) + 1))
    assert set(steps) == {(done, len(inputs), "calibrate") for done, *_ in steps}
    pool = next(o for o in tree.operators if tree.kind(o) == "MAX_POOL_2D")
    layer = next(row for row in model.layers if "max_pooling" in row.name)
    expected = np.asarray(tf.keras.Model(model.input, layer.output)(inputs))
    seen = statistics[int(pool.outputs[0])]
    np.testing.assert_allclose(seen.minimum, expected.min(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(seen.maximum, expected.max(axis=(0, 1, 2)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(seen.mean, expected.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_equalizing_changes_ranges_and_not_the_function(network, inputs, exponent):
    model, bundle = network
    tree = Tree.of(bundle)
    statistics = observe(tree, [inputs])
    equal = equalize(tree, statistics, exponent)
    got = run(tree.to_bytes(), inputs)
    np.testing.assert_allclose(got, model(inputs), rtol=1e-3, atol=1e-3)
    stem = int(tree.weighted()[0].outputs[0])
    spread = [s[stem].magnitude.max() / s[stem].magnitude.min() for s in (statistics, equal)]
    assert spread[0] > 30 and spread[1] < (1.001 if exponent else spread[0])
    measured = observe(tree, [inputs])
    for tensor, seen in equal.items():
        np.testing.assert_allclose(seen.maximum, measured[tensor].maximum, rtol=1e-2, atol=1e-3)


def test_int8_computes_almost_what_keras_computes(network, inputs, calibrated, capfd):
    capfd.readouterr()
    content = to_fixed_point(calibrated, FixedPointOptions())
    assert "fully_quantize" not in capfd.readouterr().err
    got = run(content, inputs)
    assert cosines(got, np.asarray(network[0](inputs))).min() > 0.995
    types = types_of_weights(content)
    assert types == ["int8"] * 6


def test_a_branch_beside_the_last_layer_is_int8_throughout(inputs):
    import tensorflow as tf

    model = build_embedder(
        configure(
            "MobileFaceNet",
            input_height=SIDE,
            input_width=SIDE,
            stem_channels=8,
            stages=((8, 2), (16, 1)),
            head_channels=24,
            embedding_length=12,
            head_units=20,
        )
    )
    randomise(model)
    content = to_fixed_point(calibrate(float_file(model), [inputs]), FixedPointOptions())
    expected = np.asarray(model(inputs, training=False))
    without = tf.keras.Model(model.input, model.get_layer("embedding").output)
    assert cosines(np.asarray(without(inputs, training=False)), expected).max() < 0.99
    assert cosines(run(content, inputs), expected).min() > 0.995
    assert [len(row.inputs) for row in of_kind(content, "FULLY_CONNECTED")] == [3, 3, 3]
    assert set(types_of_weights(content)) == {"int8"}


def test_without_equal_ranges_int8_is_worse(network, inputs, calibrated, monkeypatch):
    expected = np.asarray(network[0](inputs))
    equal = run(to_fixed_point(calibrated, FixedPointOptions()), inputs)
    monkeypatch.setattr(
        "facesdk_converters.targets.fixed_point.conversion.equalize", lambda tree, seen, a: seen
    )
    plain = run(to_fixed_point(calibrated, FixedPointOptions()), inputs)
    errors = [1 - cosines(got, expected).mean() for got in (equal, plain)]
    assert errors[0] < errors[1] / 2


def test_the_first_layer_reads_its_input_as_it_is(calibrated):
    tree = tree_of(to_fixed_point(calibrated, FixedPointOptions(bits=4)))
    readers = [o for o in tree.operators if tree.inputs[0] in [int(t) for t in o.inputs]]
    assert [tree.kind(o) for o in readers] == ["CONV_2D"]
    assert tree.type_name(tree.inputs[0]) == "float32"
    others = [o for o in tree.operators if tree.kind(o) in ("CONV_2D", "FULLY_CONNECTED")][1:]
    assert {tree.type_name(int(o.inputs[0])) for o in others} == {"int8"}


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 8])
def test_weights_in_the_file_are_those_fitted(network, calibrated, bits):
    """Of the layer after the flattening, whose channels nothing equalizes to others."""
    content = to_fixed_point(calibrated, FixedPointOptions(bits, activations=32))
    (dense,) = of_kind(content, "FULLY_CONNECTED")
    kernel = network[0].get_layer("embedding").get_weights()[0].T
    expected = fit(kernel, bits)
    np.testing.assert_array_equal(weights.values(dense.weights), expected.codes)
    tree = tree_of(content)
    (widen,) = [
        o
        for o in tree.operators
        if tree.kind(o) == "DEQUANTIZE" and tree.shape(int(o.inputs[0])) == kernel.shape
    ]
    scales = tree.tensors[int(widen.inputs[0])].quantization.scale
    np.testing.assert_array_equal(scales, expected.steps)


@pytest.mark.parametrize("kind", ["convolution", "depthwise", "dense"])
@pytest.mark.parametrize("bias", [True, False])
def test_rounded_weights_leave_the_mean_output_as_it_was(inputs, kind, bias):
    """Exactly so where no padding is read: here mean (x (W - W')) is all that rounding changes."""
    import tensorflow as tf

    layers = tf.keras.layers
    tf.keras.utils.set_random_seed(2)
    layer = {
        "convolution": layers.Conv2D(6, SIDE, use_bias=bias, bias_initializer="normal"),
        "depthwise": layers.DepthwiseConv2D(
            SIDE, depth_multiplier=2, use_bias=bias, bias_initializer="normal"
        ),
        "dense": layers.Dense(6, use_bias=bias, bias_initializer="normal"),
    }[kind]
    source = tf.keras.Input((SIDE, SIDE, 3))
    pooled = layers.AveragePooling2D(SIDE)(source)
    start = layers.Flatten()(pooled) if kind == "dense" else source
    model = tf.keras.Model(source, layers.Flatten()(layer(start)))
    bundle = float_file(model)
    flat = inputs.mean(axis=(1, 2), keepdims=True).repeat(SIDE, 1).repeat(SIDE, 2)
    got = run(to_fixed_point(calibrate(bundle, [flat]), FixedPointOptions(2, 32)), flat)
    expected = np.asarray(model(flat))
    np.testing.assert_allclose(got.mean(0), expected.mean(0), atol=1e-4)
    assert np.abs(got - expected).max() > 1e-2


def test_int8_biases_are_in_units_of_input_scale_times_step(calibrated):
    tree = tree_of(to_fixed_point(calibrated, FixedPointOptions(bits=6)))
    checked = 0
    for operator in tree.operators:
        if tree.kind(operator) in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            stored = int(operator.inputs[1])
            source, weights, bias = (tree.tensors[int(t)] for t in operator.inputs)
            if weights.type == schema.TensorType.INT8:
                checked += 1
                scales = source.quantization.scale[0] * weights.quantization.scale
                np.testing.assert_allclose(bias.quantization.scale, scales, rtol=1e-6)
                codes = np.frombuffer(tree.data(stored), np.int8)
                assert codes.min() >= -32 and codes.max() <= 31
    assert checked == 5


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_four_bit_storage_computes_what_int8_storage_computes(inputs, calibrated, bits):
    wide = to_fixed_point(calibrated, FixedPointOptions(bits, storage="int8"))
    narrow = to_fixed_point(calibrated, FixedPointOptions(bits))
    types = types_of_weights(narrow)
    assert types == ["int8"] + ["int4"] * 4 + ["int8"]
    assert len(narrow) < len(wide)
    assert cosines(run(narrow, inputs), run(wide, inputs)).min() > 0.998


def test_two_bit_storage_in_litert(inputs, calibrated):
    wide = to_fixed_point(calibrated, FixedPointOptions(2, 32))
    narrow = to_fixed_point(calibrated, FixedPointOptions(2, 32, storage="smallest"))
    assert set(types_of_weights(narrow)) == {"int2"}
    got, expected = (run(content, inputs) for content in (narrow, wide))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activations", [8, 32])
def test_layers_keep_the_widths_they_were_trained_with(inputs, activations):
    """A ternary layer among float ones: its weights are in the file as they were, in few bits."""
    model = keras_model()
    branch = model.get_layer("branch")
    kernel, bias = branch.get_weights()
    ternary = np.where(np.abs(kernel) < 0.05, 0, np.sign(kernel)) * np.linspace(0.05, 0.2, 16)
    branch.set_weights([ternary.astype(np.float32), bias])
    calibrated = calibrate(float_file(model), [inputs])
    options = FixedPointOptions(8, activations, storage="smallest", trained=True)
    content = to_fixed_point(calibrated, options)
    assert types_of_weights(content).count("int2" if activations == 32 else "int4") == 1
    assert sum(kind == "int8" for kind in types_of_weights(content)) == 5
    stored = [
        weights.filters(row)
        for row in bundle_of(content).graph.working
        if row.weights is not None and row.weights.dtype in ("int2", "int4")
    ]
    expected = np.sign(ternary).transpose(3, 0, 1, 2).reshape(16, -1)
    np.testing.assert_array_equal(stored[0], expected)
    assert "the widths they were trained with" in describe(bundle_of(content).graph, options)


@pytest.mark.parametrize(("bits", "activations"), [(8, 8), (4, 8), (2, 8), (4, 32)])
def test_tflite_runtime_computes_the_same(inputs, calibrated, tmp_path, bits, activations):
    pytest.importorskip("tflite_runtime")
    content = to_fixed_point(calibrated, FixedPointOptions(bits, activations))
    (tmp_path / "m.tflite").write_bytes(content)
    np.save(tmp_path / "inputs.npy", inputs[:4])
    program = (
        "import sys, numpy as np\n"
        "from tflite_runtime.interpreter import Interpreter\n"
        "i = Interpreter(sys.argv[1] + '/m.tflite'); i.allocate_tensors()\n"
        "source, result = i.get_input_details()[0]['index'], i.get_output_details()[0]['index']\n"
        "rows = []\n"
        "for row in np.load(sys.argv[1] + '/inputs.npy'):\n"
        "    i.set_tensor(source, row[None]); i.invoke(); rows.append(i.get_tensor(result)[0])\n"
        "np.save(sys.argv[1] + '/outputs.npy', rows)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    got = np.load(tmp_path / "outputs.npy")
    assert cosines(got, run(content, inputs[:4])).min() > 0.998


def test_more_bits_are_nearer_to_the_float_network(network, inputs, calibrated):
    expected = np.asarray(network[0](inputs))
    errors = [
        1 - cosines(run(to_fixed_point(calibrated, option), inputs), expected).mean()
        for option in (
            FixedPointOptions(2, 32),
            FixedPointOptions(4, 32),
            FixedPointOptions(8, 32),
            FixedPointOptions(16, 32),
        )
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-6


def test_simulated_widths_stay_float32(network, inputs, calibrated):
    options = FixedPointOptions(12, 10)
    content = to_fixed_point(calibrated, options)
    assert set(types_of_weights(content)) == {"float32"}
    assert len(of_kind(content, "FAKE_QUANT")) == 5
    assert cosines(run(content, inputs), np.asarray(network[0](inputs))).min() > 0.999
    words = describe(bundle_of(content).graph, options)
    assert "no smaller" in words and "rounded to 10 bits" in words
    assert len(content) >= len(network[1].content)


def test_layers_have_widths_of_their_own(inputs, calibrated):
    """Each layer has the values that it has in a file of its width throughout."""
    names = [calibrated.tree.name(int(row.outputs[0])) for row in calibrated.tree.weighted()]
    widths = ((names[1], 2), (names[-1], 7))
    options = FixedPointOptions(6, storage="int8", widths=widths)
    assert [options.bits_of(name) for name in names] == [6, 2, 6, 6, *[6] * (len(names) - 5), 7]
    mixed = constants_of(to_fixed_point(calibrated, options))
    for bits in (2, 6, 7):
        whole = constants_of(to_fixed_point(calibrated, FixedPointOptions(bits, storage="int8")))
        for place, name in enumerate(names):
            if options.bits_of(name) == bits:
                assert mixed[place] == whole[place]
    assert ", 2 in *" in described(calibrated, options)
    with pytest.raises(InputError, match="no layer with weights has 'nowhere' in its name"):
        to_fixed_point(calibrated, FixedPointOptions(6, widths=(("nowhere", 4),)))


def constants_of(content):
    """Codes of the layers with weights, in order."""
    tree = tree_of(content)
    return [
        bytes(tree.data(int(row.inputs[1])))
        for row in tree.operators
        if tree.kind(row) in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    ]


@pytest.mark.parametrize("width", [("", 4), ("conv", 0), ("conv", 9)])
def test_a_width_that_no_layer_can_have_is_refused(width):
    with pytest.raises(InputError, match="must be NAME=BITS"):
        FixedPointOptions(8, widths=(width,))


def described(calibrated, options):
    return describe(bundle_of(to_fixed_point(calibrated, options)).graph, options)


def test_what_is_no_smaller_is_said(calibrated):
    for options, words in (
        (FixedPointOptions(3), "INT4 in 4 layers, INT8 in 2 layers\nso the file is no smaller"),
        (FixedPointOptions(6), "INT8 in 6 layers\nso the file is no smaller than with 8 bits"),
    ):
        assert words in described(calibrated, options)
    options = FixedPointOptions(8)
    assert "no smaller" not in described(calibrated, options)


def test_equal_constants_of_two_layers_are_changed_apart(inputs):
    import tensorflow as tf

    layers = tf.keras.layers
    source = x = tf.keras.Input((SIDE, SIDE, 3))
    for _ in range(3):
        x = layers.Conv2D(8, 3, use_bias=False, activation="relu")(x)
    model = tf.keras.Model(source, layers.Flatten()(layers.AveragePooling2D(18)(x)))
    bundle = float_file(model)
    biases = [int(operator.inputs[2]) for operator in Tree.of(bundle).weighted()]
    assert len(set(biases)) < len(biases), "the converter shares zero biases"
    network = calibrate(bundle, [inputs])
    got = run(to_fixed_point(network, FixedPointOptions(6)), inputs)
    assert cosines(got, np.asarray(model(inputs))).min() > 0.99
    biases = [int(operator.inputs[2]) for operator in network.tree.weighted()]
    assert len(set(biases)) == len(biases)


def test_equal_arguments_give_equal_bytes_whoever_watches(network, inputs):
    steps = []
    calibrated = [calibrate(network[1], [inputs[:4]]) for _ in range(2)]
    unseen = to_fixed_point(calibrated[0], FixedPointOptions(4))
    seen = to_fixed_point(
        calibrated[1], FixedPointOptions(4), progress=lambda *step: steps.append(step)
    )
    assert unseen == seen
    layers = len(calibrated[0].tree.weighted())
    assert steps == [(done, layers, "round weights") for done in range(1, layers + 1)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bits": 0}, "1 to 32 bits"),
        ({"bits": 33}, "1 to 32 bits"),
        ({"activations": 7}, "8 to 16 bits, or 32"),
        ({"activations": 20}, "8 to 16 bits, or 32"),
        ({"scale": "log"}, "free, power-of-two"),
        ({"storage": "int3"}, "int8, small, smallest"),
        ({"ranges": "widest"}, "extremes, least-squares"),
    ],
)
def test_impossible_options_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        FixedPointOptions(**values)


def test_a_network_that_is_quantized_already_is_refused(calibrated, inputs):
    content = to_fixed_point(calibrated, FixedPointOptions())
    with pytest.raises(ModelError, match="give the float network"):
        calibrate(bundle_of(content), [inputs])


class TestTarget:
    @staticmethod
    def request(source, output, **facts):
        return Request(source=source, output=output, facts=Facts(**facts))

    def test_keras_to_file(self, network, tmp_path):
        source = tmp_path / "net.keras"
        network[0].save(source)
        converted = convert(
            self.request(source, tmp_path / "out.tflite", mean=127.5, scale=128.0),
            target(**OPTIONS),
        )
        assert converted.agreement.min_cosine > 0.99
        assert converted.description == "weights of 8 bits, stored as INT8 in 6 layers"
        conversion = converted.contract.conversion
        assert conversion.target == "fixed-point" and "bits=8 activations=8" in conversion.options

    def test_flatbuffer_to_file(self, network, tmp_path):
        source = tmp_path / "net.tflite"
        source.write_bytes(network[1].content)
        request = self.request(source, tmp_path / "out.tflite", mean=127.5, scale=128.0)
        converted = convert(
            request, target(**{**OPTIONS, "activations": 32, "filter_scales": "power-of-two"})
        )
        assert ModelBundle.load(converted.path).contract.source_sha256 == (
            ModelBundle.load(source).sha256
        )

    def test_unknown_normalisation_is_refused(self, network, tmp_path):
        source = tmp_path / "net.tflite"
        source.write_bytes(network[1].content)
        with pytest.raises(InputError, match="--mean and --scale"):
            convert(self.request(source, tmp_path / "out.tflite"), target(**OPTIONS))
        assert not (tmp_path / "out.tflite").exists()
