from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from contracts import other
from facesdk import load_ops
from facesdk.models.contract import InputSpec
from facesdk.runtime.backend import load_backend
from facesdk_converters.inspection.agreement import EXACT, Agreement, Bound
from facesdk_converters.inspection.cosines import cosines_between
from facesdk_converters.inspection.faces import load as load_faces
from facesdk_converters.inspection.layerwise import compare_layers
from facesdk_converters.inspection.parity import SAME, check, unstable
from facesdk_converters.inspection.stimuli import inputs_for
from facesdk_converters.sources.network import FileNetwork, KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating
from facesdk_converters.targets.lce import target as lce

layers = tf.keras.layers


class Signs:
    """A network of one sign: its output turns where the first value passes 0.25."""

    input_shapes, output_shapes, batch = ((4,),), ((8,),), None

    def predict(self, inputs: np.ndarray) -> list[np.ndarray]:
        turned = np.where(inputs[:, :1] < 0.25, -1.0, 1.0)
        return [np.concatenate([np.ones((len(inputs), 7)), turned], axis=1).astype(np.float32)]


def test_inputs_on_a_threshold_are_found_and_no_others() -> None:
    first = np.array([0.25, 0.25 + 1e-6, 0.25 + 1e-4, 0.9, 0.2], np.float32)
    inputs = np.repeat(first[:, np.newaxis], 4, axis=1)
    found = unstable(Signs(), [inputs], Signs().predict(inputs))
    np.testing.assert_array_equal(found, [True, True, False, False, False])


@pytest.mark.parametrize(
    ("smallest", "median", "good"),
    [(0.99, 0.99995, True), (0.97, 0.99995, False), (0.99, 0.999, False), (np.nan, 1.0, False)],
)
def test_both_figures_must_meet_the_bound(smallest: float, median: float, good: bool) -> None:
    agreement = Agreement(8, 1, True, 0.1, smallest, median)
    assert agreement.meets(Bound(0.98, 0.9999)) is good
    assert "on 8 real faces, 1 of them left out" in str(agreement)


def test_an_agreement_that_tells_nothing_meets_no_bound() -> None:
    agreement = Agreement(8, 0, True, 0.0, 1.0, 1.0, telling=False)
    assert not agreement.meets(Bound(0.0, 0.0))
    assert "proves nothing" in str(agreement)


def _source(bias: float, seed: int, *, mean: float = 0.0) -> Source:
    """A network of one sign and a softmax, which a large bias saturates."""
    tf.keras.utils.set_random_seed(seed)
    image = layers.Input((8, 8, 3))
    x = layers.Flatten()(tf.keras.layers.Activation(lq.quantizers.SteSign())(image))
    logits = layers.Dense(10, bias_initializer=tf.constant_initializer([bias] + [0.0] * 9))(x)
    model = tf.keras.Model(image, layers.Softmax()(logits))
    spec = InputSpec(None, None, color="any", mean=mean, scale=1.0)
    contract = other(None, None, input=spec)
    return Source(Path("saturated"), KerasNetwork(model), "", contract, documented=False)


def test_another_network_behind_a_saturated_softmax_is_not_proven() -> None:
    one, another = _source(1000.0, 1), _source(1000.0, 2)
    agreement = check(one, floating.convert(another, half=False), load_faces())
    assert (agreement.min_cosine, agreement.telling) == (1.0, False)
    assert not agreement.meets(EXACT)
    assert "is the first that does: give --mean" in str(agreement)
    assert "convert the network without softmax" in str(agreement)


def test_the_layer_from_which_on_all_is_the_same_is_named() -> None:
    """Signs of what is never negative: no softmax is to blame, and pixels are as they must be."""
    image = layers.Input((8, 8, 3))
    x = layers.ReLU()(layers.Conv2D(8, 3)(image))
    x = layers.Activation(lq.quantizers.SteSign(), name="all_positive")(x)
    source = _named(tf.keras.Model(image, layers.Dense(8)(layers.Flatten()(x))))
    agreement = check(source, floating.convert(source, half=False), load_faces())
    assert not agreement.telling
    assert "layer all_positive (Activation, 4 of 6, after " in str(agreement)
    assert "is the first that does: --no-verify if that is meant" in str(agreement)


def test_an_output_that_is_always_the_same_may_be_left_out() -> None:
    image = layers.Input((8, 8, 3))
    x = layers.Flatten()(layers.Conv2D(8, 3)(image))
    zeros = layers.Dense(4, kernel_initializer="zeros", name="constant")(x)
    source = _named(tf.keras.Model(image, [layers.Dense(8, name="vector")(x), zeros]))
    agreement = check(source, floating.convert(source, half=False), load_faces())
    assert "the same output number 2 constant" in str(agreement)
    assert "convert the network without constant, or --no-verify" in str(agreement)


def test_a_model_among_the_layers_is_laid_beside_the_file_as_one() -> None:
    """Before, the comparison itself failed there, whatever the file was."""

    def nested(seed: int) -> tf.keras.Model:
        tf.keras.utils.set_random_seed(1)
        image = layers.Input((8, 8, 3))
        x = layers.Conv2D(8, 3, name="conv")(image)
        tf.keras.utils.set_random_seed(seed)
        inner = tf.keras.Sequential([layers.Input((6, 6, 8)), layers.Conv2D(8, 3)], name="inner")
        x = layers.ReLU(name="relu")(inner(x))
        return tf.keras.Model(image, layers.Flatten(name="flat")(x), name="nested")

    source, other_one = _named(nested(1)), _named(nested(2))
    agreement = check(source, floating.convert(other_one, half=False), load_faces())
    assert not agreement.meets(EXACT)
    assert "conv2d" in agreement.first or "layer relu" in agreement.first


@pytest.mark.parametrize(("mean", "faces"), [(0.0, False), (127.5, True)])
def test_pixels_that_do_not_exercise_a_network_give_way_to_noise(mean: float, faces: bool) -> None:
    """Pixels of 0 to 255 are all of one sign; those around 0 are not."""
    source = _source(0.0, 1, mean=mean)
    agreement = check(source, floating.convert(source, half=False), load_faces())
    assert (agreement.telling, agreement.faces) == (True, faces)
    assert agreement.meets(EXACT)
    wrong = check(source, floating.convert(_source(0.0, 2, mean=mean), half=False), load_faces())
    assert not wrong.meets(EXACT)


def _of_signs(seed: int) -> tf.keras.Model:
    """Half of the first layer's channels are within Keras' rounding of the threshold of a sign.

    Keras adds 78 and takes it away again; a converter folds both, and gets the other sign in many
    places of every input. The other channels are large, so that their layer agrees.
    """
    tf.keras.utils.set_random_seed(seed)
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, name="stem", bias_initializer=tf.constant_initializer(78.0))(image)
    moved = tf.keras.initializers.Constant(78.0)
    x = layers.BatchNormalization(moving_mean_initializer=moved, name="norm")(x)
    x = layers.Activation(lq.quantizers.SteSign(), name="sign")(x)
    x = layers.Conv2D(12, 3, name="middle")(x)
    model = tf.keras.Model(image, layers.Dense(10, name="last")(layers.Flatten()(x)))
    kernel, bias = model.get_layer("stem").get_weights()
    kernel[..., :8] *= 2e-6
    model.get_layer("stem").set_weights([kernel, bias])
    return model


def _named(model: tf.keras.Model) -> Source:
    spec = InputSpec(None, None, color="any", mean=127.5, scale=32.0)
    contract = other(None, None, input=spec)
    return Source(Path("signs"), KerasNetwork(model), "", contract, documented=False)


def test_signs_that_rounding_turns_inside_a_network_do_not_decide() -> None:
    """A right file of a network with values of 78 was refused: its outputs differ everywhere."""
    source = _named(_of_signs(3))
    bundle = floating.convert(source, half=False)
    inputs = inputs_for(source.network, load_faces(), source.contract)
    (expected,) = source.network.predict(*inputs)
    (got,) = FileNetwork(bundle).predict(*inputs)
    apart = [
        one @ two / np.linalg.norm(one) / np.linalg.norm(two)
        for one, two in zip(got, expected, strict=True)
    ]
    assert np.median(apart) < EXACT.median_cosine
    agreement = check(source, bundle, load_faces())
    assert agreement.meets(EXACT)
    assert agreement.first == ""
    assert agreement.unstable > 0


def _quantizing() -> tf.keras.Model:
    """A network whose convolutions take signs themselves, which becomes scalars and additions."""
    tf.keras.utils.set_random_seed(3)
    image = layers.Input((8, 8, 3))
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(16, 3, name="stem")(image))
    for number in (1, 2):
        signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
        x = lq.layers.QuantConv2D(16, 3, padding="same", name=f"binary_{number}", **signs)(x)
        x = layers.BatchNormalization(name=f"norm_{number}")(x)
    return tf.keras.Model(image, layers.Dense(10, name="last")(layers.Flatten()(x)))


def test_weights_of_half_the_bits_beside_signs_are_laid_beside_their_layers() -> None:
    """The constants that such a file widens were taken for results of layers: no message at all."""
    model = _quantizing()
    source = _named(model)
    bundle = floating.convert(source, half=True)
    inputs = inputs_for(source.network, load_faces(), source.contract)
    right = compare_layers(model, source.network, bundle, inputs, same=0.999)
    assert right is not None and right.first is None and right.cosines.min() > 0.9999
    weights = model.get_layer("binary_2").get_weights()
    weights[0][..., 9] *= -1
    model.get_layer("binary_2").set_weights(weights)
    wrong = compare_layers(model, source.network, bundle, inputs, same=0.999)
    assert wrong is not None and wrong.first is not None
    assert wrong.first.layer.name == "binary_2"


@pytest.mark.parametrize("name", ["stem", "middle", "last"])
def test_the_first_layer_that_differs_is_named_with_both_values(name: str) -> None:
    model = _of_signs(3)
    bundle = floating.convert(_named(model), half=False)
    weights = model.get_layer(name).get_weights()
    weights[0][..., 9] *= -1
    model.get_layer(name).set_weights(weights)
    agreement = check(_named(model), bundle, load_faces())
    assert not agreement.meets(EXACT)
    found = re.fullmatch(
        rf"layer {name} \(.*\) is the first to differ: at \[(.*)\] (\S+) in place of (\S+)",
        agreement.first,
    )
    assert found and found[1].split(", ")[-1] == "9"
    assert abs(float(found[2]) - float(found[3])) > 1e-3
    nodes = [len(layer.inbound_nodes) for layer in model.layers]
    assert nodes == [1] * len(model.layers)  # looking changes nothing


def _of_ties(pad: float) -> Source:
    """Sums of exactly 0, at the borders too, which an untrained batch normalisation leaves as 0."""
    tf.keras.utils.set_random_seed(1)
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    conv = partial(lq.layers.QuantConv2D, 64, 3, padding="same", pad_values=pad, **signs)
    x = image = layers.Input((12, 12, 64))
    x = layers.BatchNormalization()(conv()(x))
    return _named(tf.keras.Model(image, conv(name="last")(x)))


def test_outputs_that_signs_of_zero_turn_are_told_from_layers_that_agree() -> None:
    """They were said to be left out, beside cosines of layers that passed for those of outputs."""
    source = _of_ties(0.0)
    bundle = lce.convert(source)
    inputs = inputs_for(source.network, load_faces(), source.contract)
    (expected,) = source.network.predict(*inputs)
    (got,) = FileNetwork(bundle).predict(*inputs)
    least = cosines_between(expected, got).min()
    assert least < SAME
    agreement = check(source, bundle, load_faces())
    assert agreement.meets(EXACT) and agreement.by_layers > agreement.inputs / 2
    assert agreement.min_output_cosine == pytest.approx(least, abs=1e-6)
    assert f"{agreement.by_layers} of them compared layer by layer" in str(agreement)
    assert f"outputs have a cosine of at least {least:.6f} (zeros around signs" in str(agreement)
    assert "left out" not in str(agreement)
    assert agreement.to_dict()["min_output_cosine"] == round(least, 6)


def test_what_is_advised_against_turned_signs_is_exact() -> None:
    source = _of_ties(1.0)
    agreement = check(source, lce.convert(source), load_faces())
    assert (agreement.max_difference, agreement.unstable) == (0.0, 0)
    source = _of_ties(0.0)
    inputs = inputs_for(source.network, load_faces(), source.contract)
    delegates = [load_ops(zero_padding="reference")]
    runtime = load_backend().interpreter.Interpreter(
        model_content=lce.convert(source).content, experimental_delegates=delegates
    )
    runtime.allocate_tensors()
    runtime.set_tensor(runtime.get_input_details()[0]["index"], inputs[0][:1])
    runtime.invoke()
    got = runtime.get_tensor(runtime.get_output_details()[0]["index"])
    np.testing.assert_array_equal(got, source.network.predict(inputs[0][:1])[0])
