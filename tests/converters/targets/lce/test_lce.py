from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from converters.finished_runs import finished_run
from facesdk.errors import ContractError, InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Conversion
from facesdk.recognition.embedding import Embedder
from facesdk.tflite.operators import BCONV2D
from facesdk_converters.convert import Request, convert
from facesdk_converters.inspection.converted import Converted
from facesdk_converters.inspection.explanation import explain
from facesdk_converters.sources import source
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.targets.lce import target
from facesdk_converters.tflite import float16
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.complexity.layers import measure
from facesdk_training.compression.facts import facts_of
from facesdk_training.data.crops import INPUT
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from facesdk_training.keras.warm_start.compact_face_net import restore_weights
from facesdk_training.runs import folder as run_folder
from training.small_runs import THRESHOLD

NETWORK = CompactFaceNetConfig(
    stem_channels=(16, 32), stages=((32, 2), (64, 1)), embedding_length=24
)
BRANCHED = replace(NETWORK, head_units=20)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", NETWORK)


@pytest.fixture(scope="module")
def converted(run: Path) -> Converted:
    return convert(Request(run, run.parent / "model.tflite"), target.target())


@pytest.fixture(scope="module")
def branched(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """A file whose head has hidden units."""
    run = finished_run(tmp_path_factory.mktemp("branched") / "run", BRANCHED)
    return convert(Request(run, run.parent / "model.tflite"), target.target())


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
@pytest.mark.parametrize(
    ("file", "network"),
    [("converted", NETWORK), ("branched", BRANCHED), ("converted", BRANCHED)],
    ids=["plain", "hidden units", "new hidden units"],
)
def test_training_goes_on_from_a_converted_file(
    file: str,
    network: CompactFaceNetConfig,
    half: bool,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    path = request.getfixturevalue(file).path
    if half:
        content = float16.stored(ModelBundle.load(path)).content
        path = tmp_path / "half.tflite"
        path.write_bytes(content)
    images = np.random.default_rng(5).integers(0, 256, (16, 112, 96, 3), np.uint8)
    model = build_compact_face_net(network)
    restore_weights(model, network, ModelBundle.load(path), INPUT.normalise(images), seed=1)
    assert {variable.dtype for variable in model.weights} == {tf.float32}
    got = model(INPUT.normalise(images), training=False).numpy()
    got /= np.linalg.norm(got, axis=1, keepdims=True)
    assert np.median(np.sum(got * Embedder.load(path).embed(images), axis=1)) > 0.9999


@pytest.mark.parametrize("units", [0, 16])
def test_other_hidden_units_are_refused(branched: Converted, units: int) -> None:
    network = replace(NETWORK, head_units=units)
    model, source = build_compact_face_net(network), ModelBundle.load(branched.path)
    images = np.zeros((2, 112, 96, 3), np.float32)
    with pytest.raises(InputError, match=f"20 hidden units where {units} are configured"):
        restore_weights(model, network, source, images, seed=1)


def test_keras_and_the_file_agree_on_real_faces(converted: Converted) -> None:
    assert converted.agreement is not None
    assert converted.agreement.faces and converted.agreement.inputs >= 6
    assert converted.agreement.min_cosine > 0.98
    assert converted.agreement.median_cosine > 0.99999
    assert converted.bytes == converted.path.stat().st_size
    record = json.loads(json.dumps(converted.to_dict()))
    assert (record["target"], record["parity"]["real_faces"]) == ("lce", True)


@pytest.mark.parametrize(("file", "network"), [("converted", NETWORK), ("branched", BRANCHED)])
def test_facesdks_runtime_agrees_with_keras(
    file: str, network: CompactFaceNetConfig, request: pytest.FixtureRequest
) -> None:
    converted = request.getfixturevalue(file)
    crops = np.random.default_rng(8).integers(0, 256, (4, 112, 96, 3), dtype=np.uint8)
    model = build_compact_face_net(network)
    model.load_weights(converted.path.parent / "run" / run_folder.WEIGHTS)
    expected = np.array(model(INPUT.normalise(crops)))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    got = Embedder.load(converted.path).embed(crops)
    assert np.sum(got * expected, axis=1).min() > 0.999


def test_what_two_thresholds_multiply_counts_alike_in_the_network_and_in_its_file(
    tmp_path: Path,
) -> None:
    network = replace(NETWORK, thresholds=(1, 2))
    run = finished_run(tmp_path / "run", network)
    file = convert(Request(run, tmp_path / "model.tflite"), target.target()).path
    bundle = ModelBundle.load(file)
    convolutions = [row for row in bundle.graph.operators if row.name == BCONV2D]
    assert [row.outputs[0].shape[-1] for row in convolutions] == [32, 32, 64, 64]
    counted = measure(build_compact_face_net(network))
    assert counted.multiply_adds == explain(bundle.graph).multiply_adds
    assert facts_of(run).multiply_adds == facts_of(file).multiply_adds == counted.multiply_adds


def test_the_file_carries_the_contract_of_the_run(converted: Converted, run: Path) -> None:
    contract = ModelBundle.load(converted.path).contract
    assert contract == converted.contract
    assert contract.name == "compactfacenet-qb"
    assert (contract.architecture, contract.variant) == ("CompactFaceNet", "QB")
    assert (contract.template, contract.dim) == ("arcface-112x96", 24)
    assert asdict(contract.input) == {
        "height": 112,
        "width": 96,
        "color": "RGB",
        "mean": 127.5,
        "scale": 128.0,
    }
    assert contract.thresholds == (THRESHOLD,)
    assert contract.thresholds_source == (
        "all pairs of 120 crops of 30 identities kept out of training"
    )
    assert contract.training_data == "synthetic patterns"
    assert contract.source_sha256 == run_folder.weights_sha256(run)
    assert "1" * 64 in contract.source
    assert contract.conversion == Conversion("lce", "", True, 0.98, 0.9999)


def test_every_binary_convolution_is_fast(converted: Converted) -> None:
    """LCE's rules: each unit is one quantize and one convolution with its batch norm folded in."""
    model = schema.ModelT.InitFromPackedBuf(converted.path.read_bytes())
    names = {value: key for key, value in vars(schema.BuiltinOperator).items()}
    operators = []
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        operators.append(code.customCode.decode() if code.customCode else names[code.builtinCode])
    unit = ["ADD", "LceQuantize", "LceBconv2d", "ADD", "PRELU"]
    transition = ["AVERAGE_POOL_2D", "CONV_2D"]
    head = ["DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
    shapes = {"RESHAPE"}
    assert [name for name in operators if name not in shapes] == [
        *("CONV_2D", "CONV_2D"),
        *unit,
        *unit,
        *transition,
        *unit,
        *head,
    ]


def test_a_second_threshold_takes_no_second_kernel(tmp_path: Path) -> None:
    """Both signs meet the same weights, which the file has once; each has a normalisation."""
    run = finished_run(tmp_path / "run", replace(NETWORK, thresholds=(2, 1)))
    result = convert(Request(run, tmp_path / "two.tflite"), target.target())
    assert result.agreement is not None
    assert result.agreement.min_cosine > 0.98
    sign = ["ADD", "LceQuantize", "LceBconv2d"]
    unit = [*sign, *sign, "ADD", "ADD", "PRELU"]
    operators = ModelBundle.load(result.path).graph.operators
    assert sorted(row.name for row in operators[2:20]) == sorted(2 * unit)
    graph = schema.ModelT.InitFromPackedBuf(result.path.read_bytes()).subgraphs[0]
    kernels = [
        graph.tensors[operator.inputs[1]].buffer
        for operator, row in zip(graph.operators, operators, strict=True)
        if row.name == "LceBconv2d"
    ]
    assert (len(kernels), len(set(kernels))) == (5, 3)


def test_a_network_that_computes_something_else_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = build_compact_face_net(NETWORK)
    content = target.convert_keras(KerasNetwork(stranger))
    monkeypatch.setattr(target, "convert_keras", lambda network: content)
    with pytest.raises(ModelError, match=r"differs from .*: cosine with the source"):
        convert(Request(run, tmp_path / "model.tflite"), target.target())
    assert not (tmp_path / "model.tflite").exists()


def test_a_run_without_weights_says_how_to_finish_it(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a finished run"):
        source.load(tmp_path)
    for name in (run_folder.CONFIG, run_folder.CALIBRATION):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    with pytest.raises(InputError, match=r"finish it with .*--resume"):
        source.load(tmp_path)
    (tmp_path / run_folder.WEIGHTS).write_bytes(b"not HDF5")
    with pytest.raises(InputError, match="does not fit its config"):
        source.load(tmp_path)
    (tmp_path / run_folder.CONFIG).write_text("{}")
    with pytest.raises(InputError, match="was not written by this version"):
        source.load(tmp_path)


def test_a_contract_needs_a_template_of_the_networks_size(tmp_path: Path) -> None:
    narrow = CompactFaceNetConfig(
        input_width=80, stem_channels=(16, 32), stages=((32, 1),), embedding_length=24
    )
    with pytest.raises(ContractError, match="template must be one of"):
        source.load(finished_run(tmp_path / "run", narrow))
