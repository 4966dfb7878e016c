"""Channels leave a network, and its outputs stay where those channels were 0."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk.progress import unwatched
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.face_res_net import FaceResNetConfig
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.complexity.layers import measure
from facesdk_training.compression.frame.method import Subject
from facesdk_training.compression.pruning.filters import norms
from facesdk_training.compression.pruning.selection import Channels, best
from facesdk_training.compression.pruning.surgery import groups, without
from facesdk_training.compression.steps import step
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from facesdk_training.keras.networks.face_res_net import build_face_res_net
from facesdk_training.keras.networks.mobile_face_net import build_mobile_face_net

keras = tf.keras


def plain() -> keras.Model:
    """Valid convolutions, max pool, addition, flatten and two dense layers, as FaceResNet's."""
    inputs = keras.Input((10, 8, 3), name="face")
    x = keras.layers.Conv2D(6, 3, name="first")(inputs)
    x = keras.layers.PReLU(shared_axes=[1, 2], name="first_prelu")(x)
    x = keras.layers.MaxPooling2D(2, name="pool")(x)
    branch = keras.layers.Conv2D(5, 3, padding="same", name="inner")(x)
    branch = keras.layers.Conv2D(6, 3, padding="same", name="outer")(branch)
    x = keras.layers.Flatten(name="flat")(keras.layers.Add(name="add")([x, branch]))
    x = keras.layers.PReLU(name="flat_prelu")(keras.layers.BatchNormalization(name="flat_bn")(x))
    x = keras.layers.Dense(7, name="fc5")(x)
    return keras.Model(inputs, keras.layers.Dense(4, name="embedding")(x))


def residual() -> keras.Model:
    shape = FaceResNetConfig(
        "A",
        units=(1, 1, 1, 1),
        unit_convolutions=2,
        width=1 / 16,
        input_height=96,
        input_width=96,
        embedding_length=8,
    )
    return build_face_res_net(shape)


def mobile() -> keras.Model:
    shape = MobileFaceNetConfig(
        input_height=32,
        input_width=32,
        stem_channels=8,
        stages=((8, 2), (16, 1)),
        head_channels=16,
        embedding_length=8,
    )
    return build_mobile_face_net(shape)


def compact() -> keras.Model:
    shape = CompactFaceNetConfig(
        variant="float",
        input_height=32,
        input_width=32,
        stem_channels=(8, 32),
        stages=((32, 1), (64, 1)),
        embedding_length=8,
    )
    return build_compact_face_net(shape)


@pytest.mark.parametrize("build", [plain, residual, mobile, compact])
def test_outputs_stay_where_removed_channels_are_zero(build: Callable[[], keras.Model]) -> None:
    model = build()
    rng = np.random.default_rng(0)
    for layer in model.layers:
        layer.set_weights(
            [
                rng.uniform(0.1, 0.5, w.shape) * rng.choice([1, 1, -1], w.shape)
                if "variance" not in v.name
                else rng.uniform(0.5, 1.5, w.shape)
                for v, w in zip(layer.weights, layer.get_weights(), strict=True)
            ]
        )
    staying = {
        group.name: sorted(rng.choice(group.channels, max(1, group.channels // 2), replace=False))
        for group in groups(model)
        if not group.fixed
    }
    assert staying
    small = without(model, staying)
    faces = rng.uniform(-1, 1, (3, *model.input_shape[1:])).astype(np.float32)
    _blank(model, staying)
    np.testing.assert_allclose(small(faces), model(faces), rtol=1e-4, atol=1e-4)
    assert small.output_shape == model.output_shape
    before, after = measure(model), measure(small)
    assert sum(after.multiply_adds.values()) < 0.6 * sum(before.multiply_adds.values())


def _blank(model: keras.Model, staying: dict[str, list[int]]) -> None:
    """Sets to 0 whatever makes, shifts or scales a channel that leaves.

    A channel is 0 after each layer when its filter and its offsets are: each layer's own last
    dimension is blanked where the group's channel is gone.
    """
    gone = {}
    for group in groups(model):
        if group.name in staying:
            left = np.setdiff1d(np.arange(group.channels), staying[group.name])
            gone.update(dict.fromkeys(group.makers, (group.channels, left)))
    for layer in model.layers:
        sources = [] if not layer.inbound_nodes else layer.inbound_nodes[0].keras_inputs
        makes = isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D))
        makes = makes and not isinstance(layer, keras.layers.DepthwiseConv2D)
        if sources and not makes and sources[0].node.layer.name in gone:
            gone[layer.name] = gone[sources[0].node.layer.name]
        if layer.name not in gone or not layer.weights:
            continue
        channels, left = gone[layer.name]
        arrays = layer.get_weights()
        for variable, array in zip(layer.weights, arrays, strict=True):
            depthwise = "depthwise_kernel" in variable.name
            view = array[..., 0] if depthwise else array
            if "variance" not in variable.name:
                for place in range(0, view.shape[-1], channels):
                    view[..., place + left] = 0
        layer.set_weights(arrays)


def test_what_an_addition_joins_leaves_together() -> None:
    found = {group.name: group for group in groups(plain())}
    assert found["first"].makers == ("first", "outer")
    assert [name for name, group in found.items() if group.fixed] == ["embedding"]


@pytest.mark.parametrize(
    ("staying", "message"),
    [
        ({"first": []}, "first would lose all its 6 channels"),
        ({"embedding": [0]}, "embedding begins no channels that can leave"),
        ({"nowhere": [0]}, "choose among first, inner, fc5"),
        ({"inner": [5]}, "inner has channels 0 to 4 only"),
    ],
)
def test_nonsense_is_refused(staying: dict[str, list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        without(plain(), staying)


def test_unknown_and_quantized_layers_are_refused() -> None:
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Softmax(name="soft")(keras.layers.Conv2D(4, 1)(inputs))
    with pytest.raises(InputError, match="soft is a Softmax"):
        groups(keras.Model(inputs, keras.layers.Flatten()(x)))
    binary = CompactFaceNetConfig(
        variant="QB",
        input_height=32,
        input_width=32,
        stem_channels=(8, 32),
        stages=((32, 1),),
        embedding_length=8,
    )
    with pytest.raises(InputError, match="is quantized"):
        groups(build_compact_face_net(binary))


def test_norms_and_what_stays() -> None:
    kernels = [np.array([[[[1.0, -2.0, 0.5]]]], np.float32), np.array([[0, 1, -3]], np.float32)]
    np.testing.assert_array_equal(norms(kernels), [1, 3, 3.5])
    scores = np.array([1.0, 3.0, 3.5, 0.0])
    assert best(scores, Channels(0.5, 1).count(4)) == [1, 2]
    assert best(scores, Channels(0.5, 3).count(4)) == [0, 1, 2]
    assert best(np.array([1.0, 3.0]), Channels(0.99, 1).count(2)) == [1]


def test_filters_of_least_norm_leave(tmp_path: Path) -> None:
    model = plain()
    kernel, bias = model.get_layer("inner").get_weights()
    kernel[..., 2] *= 1e-3
    model.get_layer("inner").set_weights([kernel, bias])
    asked: dict[str, Any] = {"retraining": {"steps": 0}, "multiple": 1, "share": 0.2}
    made = step("filters", {**asked, "layers": ["inner"]})
    # Retraining of no steps reads neither configuration nor material.
    subject = Subject(None, model, None, tmp_path, tmp_path)  # type: ignore[arg-type]
    pruned = made.method.apply(subject, made.settings, unwatched)
    np.testing.assert_array_equal(
        pruned.get_layer("inner").get_weights()[0], np.delete(kernel, 2, axis=3)
    )
    assert pruned.get_layer("outer").input_shape[-1] == 4
    whole = step("filters", {**asked, "multiple": 8})
    with pytest.raises(InputError, match="no channel leaves"):
        whole.method.apply(subject, whole.settings, unwatched)
    wrong = step("filters", {**asked, "layers": ["embedding"]})
    with pytest.raises(InputError, match="embedding begins no channels"):
        wrong.method.apply(subject, wrong.settings, unwatched)
    with pytest.raises(InputError, match="share must be above 0 and below 1"):
        step("filters", {"share": 1.0})
