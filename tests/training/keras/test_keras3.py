"""Networks that Keras 3 saved, built again in Keras 2, against Keras 3 itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import ModelError
from facesdk_training.keras import loading
from facesdk_training.keras.keras3 import functions
from facesdk_training.keras.keras3 import reading as keras3

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras", minversion="3")
layers, ops = keras.layers, keras.ops


@pytest.fixture(autouse=True, scope="module")
def _clean() -> Any:
    yield
    keras.backend.clear_session()


def _trained(model: Any) -> Any:
    """Weights that matter, also those that Keras begins with 0 or 1."""
    rng = np.random.default_rng(5)
    for variable in model.weights:
        if "float" not in str(variable.dtype):
            continue
        if any(part in variable.path for part in ("gamma", "variance")):
            variable.assign(rng.uniform(0.5, 2, variable.shape))
        elif len(variable.shape) == 1:
            variable.assign(rng.normal(0, 0.5, variable.shape))
    return model


def _saved(model: Any, path: Path) -> Path:
    _trained(model).save(path)
    return path


def _require_equal(model: Any, path: Path) -> Any:
    """Keras 2's network computes what Keras 3's does; returns the former."""
    ours = loading.load(path).model
    assert isinstance(ours, tf.keras.Model)
    inputs = np.random.default_rng(6).normal(0, 1, (3, *model.input_shape[1:])).astype(np.float32)
    expected = np.asarray(model(inputs, training=False), np.float32)
    got = loading.predict(ours, inputs)
    np.testing.assert_allclose(got, expected, atol=2e-5 * np.abs(expected).max())
    return ours


def _stack() -> Any:
    """Layers whose options have another name or another default in Keras 2."""
    return keras.Sequential(
        [
            layers.Input((16, 16, 3), name="picture"),
            layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[2.0, 1.0, 4.0]),
            layers.RandomFlip(),
            layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(epsilon=1e-2),
            layers.LeakyReLU(0.1),
            layers.Conv2D(8, 1, activation="hard_sigmoid"),
            layers.DepthwiseConv2D(3, activation="leaky_relu"),
            layers.SeparableConv2D(6, 3, activation="hard_swish"),
            layers.PReLU(shared_axes=[1, 2]),
            layers.Conv2DTranspose(4, 2, strides=2, activation="silu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(12, activation="relu6"),
            layers.LayerNormalization(),
        ],
        name="stack",
    )


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_network_of_stock_layers_is_built_again(tmp_path: Path, suffix: str) -> None:
    model = _stack()
    ours = _require_equal(model, _saved(model, tmp_path / f"net{suffix}"))
    names = [layer.name for layer in ours.layers]
    assert names == [layer.name for layer in model.layers]


def _branched() -> Any:
    """A layer called twice, a frozen layer in a model inside, operations, and several readers."""
    image = layers.Input((12, 12, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    x = shared(shared(image))
    inside = layers.Input((12, 12, 3))
    norm = layers.BatchNormalization()
    norm.trainable = False
    block = keras.Model(inside, layers.ReLU(6.0)(norm(layers.Conv2D(8, 1)(inside))), name="block")
    x = block(x)
    first, second = ops.split(x, 2, axis=-1)
    x = ops.concatenate([first * 2.0, second - 1.0, x[:, :, :, 1:3]], axis=-1)
    x = layers.Add()([ops.clip(x, -1, 1), ops.relu(x)])
    x = ops.mean(x, axis=(1, 2))
    x = x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-6)
    return keras.Model(image, x, name="branched")


def test_calls_and_operations_are_repeated(tmp_path: Path) -> None:
    model = _branched()
    _require_equal(model, _saved(model, tmp_path / "net.keras"))


@pytest.mark.parametrize("last", ["block", "chain"])
def test_a_model_inside_may_be_the_output(tmp_path: Path, last: str) -> None:
    """Its calls are counted from 1 there, those of a chain of layers from 0."""
    image, inside = layers.Input((8, 8, 3)), layers.Input((8, 8, 3))
    block = keras.Model(inside, layers.Conv2D(3, 3, padding="same")(inside), name="block")
    chain = keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(3, 1)], name="chain")
    ends = {"block": block, "chain": chain}
    model = keras.Model(image, ends[last](layers.ReLU()(chain(block(image)))))
    _require_equal(model, _saved(model, tmp_path / "net.keras"))


def _resized(image: Any) -> Any:
    cut = layers.CenterCrop(9, 10)(image)
    return layers.Conv2D(4, 3)(layers.Resizing(7, 8, crop_to_aspect_ratio=True)(cut))


def _dropped(image: Any) -> Any:
    x = layers.SpatialDropout2D(0.5)(layers.Conv2D(4, 3)(image))
    return layers.Conv2D(5, 3)(layers.SpatialDropout2D(0.2)(x))


def _extremes(image: Any) -> Any:
    x = layers.Conv2D(4, 3)(image)
    return ops.max(x, axis=(1, 2)) - ops.min(x, axis=(1, 2))


@pytest.mark.parametrize("build", [_resized, _dropped, _extremes])
def test_options_that_keras_3_always_writes(tmp_path: Path, build: Any) -> None:
    """Or that it writes of all layers but of one."""
    image = layers.Input((12, 12, 3))
    model = keras.Model(image, build(image))
    _require_equal(model, _saved(model, tmp_path / "net.keras"))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_inputs_and_outputs_by_name(tmp_path: Path, suffix: str) -> None:
    """Keras 2 and Keras 3 put them in the order of their names."""
    inputs = {name: layers.Input((6, 4), name=name) for name in "za"}
    outputs = {
        name: layers.Dense(9)(layers.Flatten()(one))
        for name, one in zip("cb", inputs.values(), strict=True)
    }
    model = keras.Model(inputs, outputs)
    path = _saved(model, tmp_path / f"net{suffix}")
    ours = loading.load(path, several=True).model
    rng = np.random.default_rng(6)
    given = {name: rng.normal(0, 1, (3, 6, 4)).astype(np.float32) for name in "az"}
    expected = model(given)
    for name, got in zip("bc", loading.predict_all(ours, list(given.values())), strict=True):
        np.testing.assert_allclose(got, np.asarray(expected[name]), atol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("several", [False, True])
def test_inputs_in_dicts_of_dicts(tmp_path: Path, several: bool, suffix: str) -> None:
    inputs: dict[str, Any] = {"a": {"x": layers.Input((5,))}}
    if several:
        inputs = {"z": layers.Input((4,)), "a": {"y": layers.Input((4,)), **inputs["a"]}}
    leaves = tf.nest.flatten(inputs)
    x = layers.Concatenate()(leaves) if several else leaves[0]
    model = keras.Model(inputs, layers.Dense(9)(x))
    path = _saved(model, tmp_path / f"net{suffix}")
    rng = np.random.default_rng(6)
    given = [rng.normal(0, 1, (3, *one.shape[1:])).astype(np.float32) for one in leaves]
    (got,) = loading.predict_all(loading.load(path, several=True).model, given)
    expected = model(tf.nest.pack_sequence_as(inputs, given))
    np.testing.assert_allclose(got, np.asarray(expected), atol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
def test_recurrent_layers_in_both_directions(tmp_path: Path, kind: Any, suffix: str) -> None:
    model = keras.Sequential([layers.Input((6, 4)), layers.Bidirectional(kind(5))])
    _require_equal(model, _saved(model, tmp_path / f"net{suffix}"))


def _with(x: Any, *parts: Any) -> Any:
    for part in parts:
        x = part(x)
    return x


def _shared_by_models() -> Any:
    """Layers and a model that models inside share with each other and with the one around them."""
    image, first, second = (layers.Input((8, 8, 3)) for _ in range(3))
    one, two = (layers.Conv2D(3, 3, padding="same") for _ in range(2))
    prelu = layers.PReLU(shared_axes=[1, 2])
    inner = keras.Model(first, _with(first, one, prelu, two), name="inner")
    middle = keras.Model(second, _with(second, inner, one, layers.BatchNormalization()))
    return keras.Model(image, layers.Add()([middle(image), _with(image, inner, two, prelu)]))


def _shared_by_layers() -> Any:
    """A layer inside another and after it, and one that is an activation too."""
    vector = layers.Input((6, 4))
    dense, prelu = layers.Dense(4), layers.PReLU()
    inside, activated = layers.TimeDistributed(dense), layers.Dense(4, activation=prelu)
    return keras.Model(vector, _with(vector, inside, activated, prelu, dense))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_ending_may_be_in_capitals(tmp_path: Path, suffix: str) -> None:
    model = keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten()])
    path = _saved(model, tmp_path / f"net{suffix}")
    _require_equal(model, path.rename(path.with_suffix(suffix.upper())))


@pytest.mark.parametrize("build", [_shared_by_models, _shared_by_layers])
def test_layers_may_be_shared_with_what_is_inside(tmp_path: Path, build: Any) -> None:
    """Keras 3 writes their weights once, and cannot load such files itself."""
    model = build()
    path = _saved(model, tmp_path / "net.keras")
    with pytest.raises((TypeError, ValueError)):
        keras.models.load_model(path)
    _require_equal(model, path)


def test_which_layer_is_shared_must_be_known(tmp_path: Path) -> None:
    image, first, second = (layers.Input((8, 8, 3)) for _ in range(3))
    one, two = (layers.Conv2D(3, 3, padding="same", name="conv") for _ in range(2))
    left, right = keras.Model(first, one(first)), keras.Model(second, two(second))
    path = _saved(keras.Model(image, _with(image, left, right, two)), tmp_path / "net.keras")
    with pytest.raises(ModelError, match=r"2 layers conv, and .* which of them .*export"):
        loading.load(path)


def test_a_file_that_keras_3_cannot_load_itself_is_refused(tmp_path: Path) -> None:
    """It writes operations into .h5 files that it does not find again."""
    path = _saved(_branched(), tmp_path / "net.h5")
    with pytest.raises(ModelError, match=r"cannot load it itself .* save the network as \.keras"):
        loading.load(path)


def test_mixed_precision_becomes_float32(tmp_path: Path) -> None:
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, activation="relu", dtype="mixed_float16")(image)
    x = layers.GlobalMaxPooling2D(dtype="mixed_float16")(x)
    model = keras.Model(image, layers.Dense(4, activation="hard_sigmoid")(x))
    ours = loading.load(_saved(model, tmp_path / "net.keras")).model
    assert {layer.dtype_policy.name for layer in ours.layers} == {"float32"}


class Doubled(tf.keras.layers.Layer):  # type: ignore[misc]
    """A layer of the user's, for Keras 2."""

    def call(self, inputs: Any) -> Any:
        return 2 * inputs


class DoubledOf3(keras.layers.Layer):  # type: ignore[misc, name-defined]
    """The same for Keras 3."""

    def call(self, inputs: Any) -> Any:
        return 2 * inputs


DoubledOf3.__name__ = "Doubled"


def _with_own_layer(path: Path) -> Path:
    image = layers.Input((8, 8, 3))
    x = DoubledOf3()(layers.Conv2D(4, 3, name="conv")(image))
    return _saved(keras.Model(image, layers.Flatten()(x)), path)


def test_a_layer_of_the_users_must_be_one_of_keras_2(tmp_path: Path) -> None:
    path = _with_own_layer(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=r"class Doubled, .*--custom MODULE:Doubled.*export"):
        loading.load(path)
    here = f"{__name__}:Doubled"
    loaded = loading.load(path, [here]).model
    inputs = np.ones((1, 8, 8, 3), np.float32)
    conv = np.asarray(loaded.get_layer("conv")(inputs))
    np.testing.assert_allclose(np.asarray(loaded(inputs)), 2 * conv.reshape(1, -1), rtol=1e-6)
    with pytest.raises(ModelError, match="is a class of Keras 3"):
        keras3.load(path, {"Doubled": DoubledOf3})


class _Subclassed(keras.Model):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


def _unsuited() -> dict[str, tuple[Any, str]]:
    vector = layers.Input((6, 4))
    attention = layers.MultiHeadAttention(2, 4, name="attention")(vector, vector)
    subclassed = _Subclassed()
    subclassed(np.zeros((1, 4), np.float32))
    quantized = keras.Sequential([layers.Input((4,)), layers.Dense(8), layers.Dense(8)])
    quantized.quantize("int8")
    special = keras.Model(vector, ops.erf(vector))
    picture = layers.Input((3, 8, 8))
    first = layers.Resizing(4, 4, data_format="channels_first")(picture)
    return {
        "lambda": (keras.Model(vector, layers.Lambda(lambda x: x)(vector)), "Lambda layer.*export"),
        "attention": (keras.Model(vector, attention), "attention keeps its weights otherwise"),
        "subclassed": (subclassed, "layers are not in the file.*export"),
        "quantized": (quantized, "was quantized by Keras 3"),
        "operation": (special, r"calls keras\.ops \(Erf, .*export"),
        "channels": (keras.Model(picture, first), "data_format='channels_first' in Keras 3"),
        "initial": (keras.Model(vector, ops.max(vector, 1, initial=2)), "initial=2, .*export"),
    }


@pytest.mark.parametrize(
    "kind",
    ["lambda", "attention", "subclassed", "quantized", "operation", "channels", "initial"],
)
def test_what_keras_2_does_not_have_is_refused(tmp_path: Path, kind: str) -> None:
    model, message = _unsuited()[kind]
    model.save(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=message):
        loading.load(tmp_path / "net.keras")


def test_a_network_that_would_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras.utils.set_random_seed(4)
    path = _saved(_stack(), tmp_path / "net.keras")
    monkeypatch.setitem(functions.ACTIVATIONS, "hard_sigmoid", tf.keras.activations.hard_sigmoid)
    with pytest.raises(ModelError, match="computes something else"):
        loading.load(path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_published_network_is_built_again(tmp_path: Path, suffix: str) -> None:
    """Hundreds of layers; MobileNetV3 has operations, which Keras 3 loses in .h5 files."""
    build = {
        ".keras": keras.applications.MobileNetV3Small,
        ".h5": keras.applications.MobileNetV2,
    }[suffix]
    model = build(input_shape=(32, 32, 3), weights=None, classes=10)
    _require_equal(model, _saved(model, tmp_path / f"net{suffix}"))
