"""A teacher on the device gives what the runtime gives, and blends get their targets from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from contracts import recognition
from facesdk.errors import FaceSDKWarning, InputError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import InputSpec
from facesdk.models.contract_writer import derived
from facesdk.recognition.embedding import Embedder
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.tflite import float16
from facesdk_converters.tflite.chain import Chain
from facesdk_converters.tflite.tree import Tree, write_contract
from training.faces import write_data, write_teacher
from training.small_runs import losses_of, small_config

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk_training.config.run import TeacherFile
from facesdk_training.data.crops import INPUT, FaceCrops
from facesdk_training.data.teacher import TeacherRuntime, load_teacher, teacher_embeddings
from facesdk_training.runs import folder as run_folder
from facesdk_training.torch.device.batches import DeviceBatches
from facesdk_training.torch.device.blends import blended
from facesdk_training.torch.device.distortions import Distortions
from facesdk_training.torch.device.embedder import DeviceEmbedder
from facesdk_training.torch.device.teacher_files import UnknownOperatorError, read_teacher
from facesdk_training.torch.device.teachers import Ensemble
from facesdk_training.torch.engine import device_embedder
from training.torch.small_torch_runs import trainer_of

DIM = 24


def write_convolutional(path: Path, color: str = "RGB") -> Path:
    """112x112 -> valid convolutions, PReLU -> a dense layer over what is left of the map."""
    rng = np.random.default_rng(2)
    chain = Chain("face", (1, 112, 112, 3), (0,), description="teacher")
    for channels in (6, 5):
        inputs = chain.shape[-1]
        kernel = rng.normal(0, 0.3, (3, 3, inputs, channels)).astype(np.float32)
        chain.conv2d(kernel, rng.normal(0, 0.1, channels).astype(np.float32))
        chain.prelu(rng.uniform(0.1, 0.4, (1, 1, channels)).astype(np.float32))
    size = int(np.prod(chain.shape[1:]))
    matrix = rng.normal(0, size**-0.5, (size, DIM)).astype(np.float32)
    chain.dense(matrix, np.zeros(DIM, np.float32))
    contract = recognition(
        DIM, name="convolutional", variant="float", input=InputSpec(112, 112, color, 127.5, 128.0)
    )
    path.write_bytes(write_contract(ModelBundle.from_bytes(chain.to_bytes(), path), contract))
    return path


@pytest.mark.parametrize("color", ["RGB", "BGR"])
def test_a_teacher_gives_what_the_runtime_gives(color: str, tmp_path: Path) -> None:
    path = write_convolutional(tmp_path / "teacher.tflite", color)
    crops = np.random.default_rng(5).integers(0, 256, (3, 112, 112, 3), np.uint8)
    expected = Embedder.load(path, None).embed(crops)
    given = torch.from_numpy(crops.transpose(0, 3, 1, 2).copy()).float()
    teacher = read_teacher(path, None)
    np.testing.assert_allclose(teacher(given).numpy(), expected, atol=2e-5)
    mirrored = Embedder.load(path, None).embed(crops[:, :, ::-1])
    both = expected + mirrored
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    np.testing.assert_allclose(teacher.both_ways(given).numpy(), both, atol=2e-5)
    np.testing.assert_allclose(Ensemble([teacher])(given).numpy(), expected, atol=2e-5)


def test_its_layers_give_what_the_runtime_gives(tmp_path: Path) -> None:
    path = write_convolutional(tmp_path / "teacher.tflite", "BGR")
    bundle = ModelBundle.load(path)
    graph = bundle.graph
    layer = graph.operators[2].outputs[0]
    part = bundle.part([0, 1, 2], [graph.inputs[0].index], [layer.index])
    crop = np.random.default_rng(5).integers(0, 256, (1, 112, 112, 3), np.uint8)
    (expected,) = Interpreter(part).run(bundle.contract.input.normalise(crop))
    given = torch.from_numpy(INPUT.normalise(crop).transpose(0, 3, 1, 2).copy())
    teacher = read_teacher(path, None)
    (found,) = teacher.maps(given, [layer.name])
    np.testing.assert_allclose(found.numpy().transpose(0, 2, 3, 1), expected, atol=1e-5)
    (smaller,) = teacher.maps(given[..., 8:104], [layer.name])  # no border reaches into its maps
    torch.testing.assert_close(smaller, found[..., 8:100], atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="the teacher has no layer 'other'; it has"):
        teacher.maps(given, ["other"])


def write_padded(path: Path) -> Path:
    """Zeros around a map, as ONNX networks have them, before a convolution of stride 2."""
    rng = np.random.default_rng(4)
    layers = tf.keras.layers
    network = tf.keras.Sequential(
        [
            layers.Input((112, 112, 3), batch_size=1),
            layers.ZeroPadding2D(((2, 1), (0, 3))),
            layers.Conv2D(4, 3, strides=2),
            layers.Flatten(),
            layers.Dense(DIM, use_bias=False),
        ]
    )
    network.set_weights([rng.normal(0, 0.2, w.shape) for w in network.get_weights()])
    content = tf.lite.TFLiteConverter.from_keras_model(network).convert()
    contract = recognition(
        DIM, name="padded", variant="float", input=InputSpec(112, 112, "BGR", 127.5, 127.5)
    )
    path.write_bytes(write_contract(ModelBundle.from_bytes(content, path), contract))
    return path


def write_half(path: Path) -> Path:
    """The first one, with float16 weights."""
    bundle = float16.stored(ModelBundle.load(write_convolutional(path)))
    kinds = [row.weights.dtype for row in bundle.graph.working if row.weights is not None]
    assert kinds == ["float32", "float16", "float16"], "the first has less than 256 weights"
    path.write_bytes(bundle.content)
    return path


@pytest.mark.parametrize("write", [write_convolutional, write_half, write_padded])
def test_on_the_device_all_crops_have_the_runtimes_embeddings(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = write(tmp_path / "teacher.tflite")
    crops = FaceCrops(write_data(tmp_path / "data", {"a": 7}))
    row = TeacherFile(str(path))
    runtime = TeacherRuntime(lambda row: device_embedder(row, torch.device("cpu")), 4, 2)
    asked = runtime.load(row)
    assert type(asked) is DeviceEmbedder
    expected = teacher_embeddings(load_teacher(row), crops, None)
    found = teacher_embeddings(asked, crops, tmp_path / "cache", runtime=runtime)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    again = teacher_embeddings(load_teacher(row), crops, tmp_path / "cache")
    np.testing.assert_array_equal(again, found)  # one cache: the file is the same


@pytest.mark.parametrize("more", [{"activation": "relu"}, {"dilation_rate": 2}, {}])
@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D"])
def test_what_an_operator_does_beside_is_not_left_out(
    kind: str, more: dict[str, object], tmp_path: Path
) -> None:
    layers = tf.keras.layers
    size = {"filters": 4, "kernel_size": 3} if kind == "Conv2D" else {"kernel_size": 3}
    face = layers.Input((112, 112, 3), batch_size=1)
    convolution = getattr(layers, kind)(**size, padding="same", strides=1, **more)
    out = layers.Dense(DIM)(layers.Flatten()(convolution(face)))
    content = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(face, out)).convert()
    contract = recognition(
        DIM, name="more", variant="float", input=InputSpec(112, 112, "RGB", 127.5, 128.0)
    )
    path = tmp_path / "teacher.tflite"
    path.write_bytes(write_contract(ModelBundle.from_bytes(content, path), contract))
    if not more:
        read_teacher(path, None)
        return
    with pytest.raises(
        UnknownOperatorError, match=r"CONV_2D with an activation or a dilation|SPACE"
    ):
        read_teacher(path, None)


def assert_asked_on_the_cpu(path: Path, reason: str = "") -> None:
    with pytest.warns(FaceSDKWarning, match=f"{reason}embeds all crops on the CPU"):
        asked = device_embedder(TeacherFile(str(path)), torch.device("cpu"))
    crop = np.zeros((1, 112, 112, 3), np.uint8)
    np.testing.assert_array_equal(asked.embed(crop), Embedder.load(path).embed(crop))


def test_an_operator_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = write_teacher(tmp_path / "pooled.tflite", DIM)
    with pytest.raises(InputError, match="has the operator MAX_POOL_2D"):
        read_teacher(path, None)
    assert_asked_on_the_cpu(path, "MAX_POOL_2D.*")


@pytest.mark.parametrize("kind", ["flip", "center"])
def test_embeddings_that_are_no_output_of_the_network_are_made_on_the_cpu(
    tmp_path: Path, kind: str
) -> None:
    path = write_convolutional(tmp_path / "teacher.tflite")
    bundle = ModelBundle.load(path)
    other = bundle.contract.with_flip(True)
    if kind == "center":
        other = bundle.contract.with_removed_direction(np.linspace(-1, 1, DIM).tolist())
    path.write_bytes(derived(bundle, other).content)
    with pytest.raises(UnknownOperatorError, match="--flip` or --center"):
        read_teacher(path, None)
    assert_asked_on_the_cpu(path)


def test_weights_of_integers_are_not_taken_for_what_they_stand_for(tmp_path: Path) -> None:
    path = write_convolutional(tmp_path / "teacher.tflite")
    tree = Tree.of(ModelBundle.load(path))
    layer = tree.weighted()[1]
    codes = np.ones(tree.shape(int(layer.inputs[1])), np.int8)
    steps = schema.QuantizationParametersT(scale=[0.1], zeroPoint=[0])
    wide = tree.add_activation("wide", codes.shape)
    stored = tree.add_constant("codes", codes, quantization=steps)
    widening = schema.OperatorT(tree.code("DEQUANTIZE", 2), [stored], [wide])
    layer.inputs = [int(layer.inputs[0]), wide, int(layer.inputs[2])]
    tree.operators = [widening, *tree.operators]
    path.write_bytes(tree.to_bytes())
    with pytest.raises(UnknownOperatorError, match="has the operator DEQUANTIZE"):
        read_teacher(path, None)


def test_a_blend_lies_between_its_faces() -> None:
    first, second = torch.zeros(64, 3, 112, 112), torch.full((64, 3, 112, 112), 200.0)
    torch.manual_seed(1)
    mixed = blended(first, second)
    assert mixed.shape == first.shape
    assert mixed.min() >= 0
    assert mixed.max() <= 200
    spread = mixed.flatten(1).std(1)
    assert 10 < int((spread < 1e-3).sum()) < 54  # some as a whole, some along a line


def test_a_batch_has_the_teachers_targets_of_its_blends(tmp_path: Path) -> None:
    teacher = Ensemble([read_teacher(write_convolutional(tmp_path / "teacher.tflite"), None)])
    crops = torch.randint(0, 256, (12, 3, 112, 112), dtype=torch.uint8)
    plain = Distortions((), 112, 112)
    stored = torch.zeros(12, DIM)
    batches = DeviceBatches(
        crops, stored, plain, batch_size=6, teachers=teacher, blends=0.5, strangers=0
    )
    batch = batches.next(0.0)
    asked = batch.targets.abs().amax(1) > 0
    assert int(asked.sum()) == 3
    own = teacher(batch.images[asked] * 128 + 127.5)
    torch.testing.assert_close(own, batch.targets[asked], rtol=0, atol=1e-3)


def test_a_run_with_blends_and_hints_ends(tmp_path: Path) -> None:
    write_data(tmp_path / "data", {"a": 120})
    path = write_convolutional(tmp_path / "teacher.tflite")
    held_out = {"sets": ["a"], "share": 0.7, "every": 9}
    network = {"architecture": "A", "units": [0, 0, 0, 0], "width": 0.1}
    taught = ModelBundle.load(path).graph.operators[0].outputs[0].name
    loss = {"hint_weight": 0.5, "attention_weight": 1.0, "layers": [["conv1a_bn", taught]]}
    config = small_config(
        tmp_path,
        blends=0.25,
        epochs=1,
        validation=held_out,
        network={**network, "embedding_length": DIM},
        loss=loss,
    )
    trainer = trainer_of(tmp_path / "run", config)
    (regressor,) = trainer._learner._beside["terms"].regressors
    started = regressor.weight.detach().clone()
    assert np.isfinite(losses_of(trainer)).all()
    assert not torch.equal(started, regressor.weight)
    row = run_folder.read_log(tmp_path / "run")[-1]
    assert row["hints"] > 0 < row["attention"]
    assert (tmp_path / "run" / run_folder.WEIGHTS).is_file()
