"""``--float16``: what is proven of the file, what is said of it, and when it is not written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import larq as lq
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from converters import networks
from converters.finished_runs import finished_run
from facesdk.cli import vocabulary
from facesdk.cli.main import app
from facesdk.errors import ModelError
from facesdk.models import packed
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Conversion, Threshold
from facesdk.models.registry import DEFAULT_RECOGNIZER, resolve
from facesdk.recognition.embedding import Embedder
from facesdk.tflite import weights
from facesdk.tflite.verifier import is_accepted
from facesdk_converters.convert import Request, convert
from facesdk_converters.inspection import faces, half
from facesdk_converters.inspection.agreement import EXACT, Bound
from facesdk_converters.sources.facts import Facts
from facesdk_converters.targets import registry
from facesdk_converters.targets.target import Target, at_once
from facesdk_converters.tflite.float16 import SIGNS, stored, widened
from facesdk_converters.tflite.tree import Tree, write_contract
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from sdk.models.as_converted import as_converted

tf = networks.tf
layers = tf.keras.layers
STEM, BINARY, DENSE = 5 * 5 * 3 * 16, 3 * 3 * 16 * 32, 32 * 16
PIXELS = ("--task", "recognition", "--mean", "127.5", "--scale", "128")
FACTS = Facts(task="recognition", mean=127.5, scale=128.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 1-bit embedder, the same one without signs of activations, and one of large weights."""
    folder = tmp_path_factory.mktemp("networks")
    for name, quantizers, gain in (
        ("signs", networks.BINARY, 1.0),
        ("weights", {"kernel_quantizer": "magnitude_aware_sign"}, 1.0),
        ("large", networks.BINARY, 1e6),
    ):
        network = tf.keras.Sequential(
            [
                layers.Input((112, 96, 3)),
                layers.Conv2D(16, 5, strides=8, name="stem"),
                lq.layers.QuantConv2D(32, 3, name="binary", **quantizers),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(16, name="embedding"),
            ]
        )
        networks.look_trained(network)
        stem = network.get_layer("stem")
        stem.set_weights([gain * values for values in stem.get_weights()])
        network.save(folder / f"{name}.h5")
    return folder


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def cosines(first: Path, second: Path) -> np.ndarray:
    """Between the embeddings that facesdk makes with two files, of the sample faces."""
    crops = faces.fit(faces.load(), 112, 96, 3)
    return np.sum(Embedder.load(first).embed(crops) * Embedder.load(second).embed(crops), axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "name", "bound"),
    [("lce", "signs", half.WITH_SIGNS), ("binary-weights", "weights", EXACT)],
)
def test_a_file_with_float16_weights_says_so(
    folder: Path, tmp_path: Path, verb: str, name: str, bound: Bound
) -> None:
    single, output, again = (tmp_path / f"{word}.tflite" for word in ("single", "half", "again"))
    source = (verb, folder / f"{name}.h5", *PIXELS)
    assert invoke(*source, "-o", single).exit_code == 0
    done = invoke(*source, "-o", output, "--float16", "--explain", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    jsonschema.validate(record, vocabulary.schema("convert"))
    found = cosines(single, output)
    assert record["float16"] == {
        "stored_weights": STEM + DENSE,
        "float_weights": STEM + DENSE,
        "bytes_saved": record["float16"]["bytes_saved"],
        "min_cosine": pytest.approx(found.min(), abs=2e-6),
        "median_cosine": pytest.approx(np.median(found), abs=2e-6),
    }
    contract = ModelBundle.load(output).contract
    own = "--activations 32 " if verb == "binary-weights" else ""
    assert contract.conversion == Conversion(
        verb, f"{own}--float16", True, bound.min_cosine, bound.median_cosine
    )
    more = len(contract.to_json()) - len(ModelBundle.load(single).contract.to_json())
    saved = single.stat().st_size - output.stat().st_size
    assert record["float16"]["bytes_saved"] == pytest.approx(saved + more, abs=16)

    before = json.loads(invoke("explain", single, "--json").stdout)
    after = record["explanation"]
    assert after["bytes_by_kind"]["16-bit weights"] == 2 * (STEM + DENSE)
    assert after["bytes_by_kind"]["1-bit weights"] == before["bytes_by_kind"]["1-bit weights"]
    assert "32-bit weights" not in after["bytes_by_kind"]
    narrow = {kind.replace("32x", "16x"): n for kind, n in before["multiply_adds"].items()}
    assert {kind.replace("32x", "16x"): n for kind, n in after["multiply_adds"].items()} == narrow
    named = {row["layer"]: row["bytes"] for row in after["rows"] if row["weight_bits"] == 16}
    assert named.keys() == {"stem", "embedding"}

    done = invoke(*source, "-o", again, "--float16")
    assert again.read_bytes() == output.read_bytes(), "the same input gives the same bytes"
    stem = f"float16: {STEM + DENSE:,} of {STEM + DENSE:,} float weights, "
    assert stem in done.stdout
    assert "cosine with the file in float32 at least" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "made", [("float16",), ("binary-weights", "--float16")], ids=["tensorflow", "facesdk"]
)
def test_a_file_with_float16_weights_is_a_source(
    folder: Path, tmp_path: Path, made: tuple[str, ...]
) -> None:
    half = tmp_path / "half.tflite"
    verb, *option = made
    assert invoke(verb, folder / "weights.h5", *PIXELS, *option, "-o", half).exit_code == 0
    verbs = {"float32": 0.9999, "fixed-point": 0.98, "binary-weights": 0.9999}
    if option:  # its kernels of one bit are packed already
        del verbs["binary-weights"]
    for verb, least in verbs.items():
        output = tmp_path / f"{verb}.tflite"
        done = invoke(verb, half, "-o", output)
        assert done.exit_code == 0, done.output
        explained = json.loads(invoke("explain", output, "--json").stdout)
        assert "16-bit weights" not in explained["bytes_by_kind"]
        assert ("1-bit weights" in explained["bytes_by_kind"]) == (
            verb == "binary-weights" or bool(option)
        )
        assert cosines(half, output).min() > least


@pytest.mark.slow
def test_it_goes_with_integers_and_with_the_container(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "half.tflite.pack"
    done = invoke(
        "lce", folder / "signs.h5", *PIXELS, "-o", output, "--float16", "--io", "int8", "--pack"
    )
    assert done.exit_code == 0, done.output
    half_bundle = ModelBundle.load(output)
    assert half_bundle.contract.conversion.options == "--float16 io=int8"
    assert half_bundle.contract.conversion.min_cosine == half.WITH_SIGNS.min_cosine
    assert half_bundle.graph.inputs[0].dtype == "int8"
    unpacked = packed.unpack(output.read_bytes(), max_bytes=1 << 20)
    assert unpacked == half_bundle.content
    kinds = {row.weights.dtype for row in half_bundle.graph.working if row.weights is not None}
    assert kinds == {"float16", "int32"}


@pytest.mark.slow
def test_weights_that_stay_float32_are_named(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "half.tflite"
    done = invoke("lce", folder / "large.h5", *PIXELS, "-o", output, "--float16", "--explain")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert f"float16: {DENSE:,} of {STEM + DENSE:,} float weights" in said
    assert "stays float32: CONV_2D " in said
    assert "its weights stay float32: a weight of magnitude" in said
    kinds = {row.name: row.weights.dtype for row in ModelBundle.load(output).graph.working
             if row.weights is not None}  # fmt: skip
    assert (kinds["CONV_2D"], kinds["FULLY_CONNECTED"]) == ("float32", "float16")


def test_thresholds_go_where_signs_turn_and_stay_where_none_are(
    folder: Path, tmp_path: Path
) -> None:
    """What was calibrated on other embeddings holds for the same network only."""
    first = tmp_path / "first.tflite"
    request = Request(folder / "weights.h5", first, facts=FACTS)
    contract = convert(request, registry.load("float32")).contract
    known = replace(
        contract, thresholds=(Threshold(0.01, 0.3, 0.1, 9, 900),), thresholds_source="t"
    )
    first.write_bytes(write_contract(ModelBundle.load(first), known))
    again = convert(
        Request(first, tmp_path / "half.tflite", float16="all"), registry.load("float32")
    )
    assert (again.half.stored, len(again.contract.thresholds)) == (STEM + BINARY + DENSE, 1)

    packaged = tmp_path / "packaged.tflite"
    target = Target("any", at_once(lambda source: source.network.bundle))
    kept = convert(Request(resolve(DEFAULT_RECOGNIZER), packaged), target)
    turned = convert(Request(resolve(DEFAULT_RECOGNIZER), packaged, float16="all"), target)
    assert len(kept.contract.thresholds) == 3
    assert len(turned.contract.thresholds) == 0


@pytest.fixture(scope="module")
def branched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated run of a 1-bit network whose head has hidden units."""
    shape = CompactFaceNetConfig(
        stem_channels=(16, 32), stages=((32, 2), (64, 1)), embedding_length=24, head_units=20
    )
    return finished_run(tmp_path_factory.mktemp("branched") / "run", shape)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["lce", "binary-weights"])
def test_the_head_alone_moves_an_embedding_by_rounding_only(
    branched: Path, tmp_path: Path, verb: str
) -> None:
    single, output = tmp_path / "single.tflite", tmp_path / "head.tflite"
    assert invoke(verb, branched, "-o", single).exit_code == 0
    done = invoke(verb, branched, "-o", output, "--float16-head", "--explain", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    jsonschema.validate(record, vocabulary.schema("convert"))
    before, after = map(ModelBundle.load, (single, output))
    last = max(row.index for row in before.graph.operators if row.name in SIGNS)
    moved = set()
    for one, other in zip(before.graph.working, after.graph.working, strict=True):
        for first, second in zip(one.stored, other.stored, strict=True):
            if first is not None and first.constant and first.dtype != second.dtype:
                assert one.index > last
                nearest = weights.array(first).astype(np.float16)
                assert second.data == nearest.tobytes()
                moved.add((one.name, first.shape[-1]))
            elif first is not None:
                assert first.data == second.data
    assert moved == {("DEPTHWISE_CONV_2D", 64), ("FULLY_CONNECTED", 64), ("FULLY_CONNECTED", 20)}

    crops = faces.fit(faces.load(), 112, 96, 3)
    exact, rounded = (Embedder.load(path).embed(crops) for path in (single, output))
    distances = np.linalg.norm(rounded - exact, axis=1)
    assert 0 < distances.max() < 1e-3
    own = "--activations 32 " if verb == "binary-weights" else ""
    assert after.contract.conversion == Conversion(
        verb, f"{own}--float16-head", True, EXACT.min_cosine, EXACT.median_cosine
    )
    assert after.contract.thresholds == before.contract.thresholds != ()
    said = [row["remark"] for row in record["explanation"]["rows"] if row["weight_bits"] == 32]
    assert said and all("its weights stay float32: a sign follows" in note for note in said)
    assert [row for row in record["explanation"]["rows"] if row["weight_bits"] == 16]


def test_a_rounded_weight_before_a_sign_is_found() -> None:
    single = ModelBundle.load(resolve(DEFAULT_RECOGNIZER))
    with pytest.raises(ModelError, match="float16 changed CONV_2D"):
        half.examine(single, stored(single), "head")


def test_the_packaged_recogniser_keeps_its_thresholds_with_a_rounded_head(tmp_path: Path) -> None:
    target = Target("any", at_once(lambda source: source.network.bundle))
    single = tmp_path / "single.tflite"
    single.write_bytes(widened(ModelBundle.load(resolve(DEFAULT_RECOGNIZER))).content)
    request = Request(single, tmp_path / "head.tflite", float16="head")
    done = convert(request, target)
    assert len(done.contract.thresholds) == 3
    assert done.half is not None
    assert 0 < done.half.stored < done.half.float_weights
    assert done.half.left and all(row.endswith(": a sign follows") for row in done.half.left)
    assert min(done.half.cosines) > 0.999999


def test_the_packaged_recogniser_shrinks_and_gives_nearly_the_same(tmp_path: Path) -> None:
    single = as_converted(resolve(DEFAULT_RECOGNIZER))
    bundle = stored(single)
    assert is_accepted(bundle.root), "such files need no first run in a process of its own"
    found = half.examine(single, bundle)
    floats = sum(
        int(np.prod(row.weights.shape))
        for row in single.graph.working
        if row.weights is not None and row.weights.dtype == "float32"
    )
    assert (found.stored, found.float_weights, found.left) == (floats, floats, ())
    assert 2 * floats - 1000 < found.bytes_saved < 2 * floats
    path = tmp_path / "half.tflite"
    path.write_bytes(bundle.content)
    expected = cosines(single.path, path)
    figures = half.cosines(single, bundle, faces.load(), single.contract)
    np.testing.assert_allclose(figures, expected, atol=2e-6)
    assert replace(found, cosines=figures).meets(half.WITH_SIGNS)


def test_a_file_that_changes_too_much_is_not_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(half, "WITH_SIGNS", Bound(0.9999999, 0.9999999))
    request = Request(resolve(DEFAULT_RECOGNIZER), tmp_path / "half.tflite", float16="all")
    target = Target("any", at_once(lambda source: source.network.bundle))
    with pytest.raises(ModelError, match=r"float16 changes what .* leave --float16 out$"):
        convert(request, target)
    assert list(tmp_path.iterdir()) == []
    unverified = convert(replace(request, verify=False), target)
    assert unverified.half is not None
    assert "min_cosine" not in unverified.half.to_dict()
    assert unverified.contract.conversion == Conversion("any", "--float16", verified=False)


@pytest.mark.parametrize(
    "figures", [(0.95, 0.95, 0.69), (0.71, 0.89), (0.95, float("nan")), (0.71, 0.91, 0.91)]
)
def test_each_input_counts_and_a_figure_that_is_no_number_fails(figures: tuple[float, ...]) -> None:
    found = half.HalfWeights(1, 1, 1, (), figures)
    assert found.meets(half.WITH_SIGNS) == (figures == (0.71, 0.91, 0.91))


def damaged(change: str) -> ModelBundle:
    """The packaged recogniser with float16 weights and one fault."""
    bundle = stored(ModelBundle.load(resolve(DEFAULT_RECOGNIZER)))
    tree = Tree.of(bundle)
    widening = next(row for row in tree.operators if tree.kind(row) == "DEQUANTIZE")
    tensor = tree.tensors[int(widening.inputs[0])]
    if change == "weight":
        codes = np.array(tree.model.buffers[tensor.buffer].data).view("<u2")
        codes[7] += 1
        tree.model.buffers[tensor.buffer].data = codes.view(np.uint8)
    elif change == "bias":
        operator = next(row for row in tree.operators if tree.kind(row) == "CONV_2D")
        values = tree.values(int(operator.inputs[2])).copy()
        values[0] = np.nextafter(values[0], np.float32(np.inf))
        tree.set_constant(int(operator.inputs[2]), values)
    else:
        first, second = [row for row in tree.operators if tree.kind(row) == "PRELU"][-2:]
        second.inputs = [int(first.outputs[0]), int(second.inputs[1])]
    return ModelBundle.from_bytes(tree.to_bytes(), "damaged")


@pytest.mark.parametrize("change", ["weight", "bias", "wiring"])
def test_a_file_that_differs_by_more_than_rounding_is_found(change: str) -> None:
    """By one step of one weight, by one bias, or by what an operator reads."""
    single = ModelBundle.load(resolve(DEFAULT_RECOGNIZER))
    with pytest.raises(ModelError, match="float16 changed"):
        half.examine(single, damaged(change))


@pytest.mark.parametrize("verb", ["float32", "float16", "fixed-point", "finder"])
def test_other_verbs_have_no_such_option(folder: Path, tmp_path: Path, verb: str) -> None:
    output = tmp_path / "half.tflite"
    done = invoke(verb, folder / "weights.h5", "-o", output, "--float16")
    assert done.exit_code == 2
    assert "No such option: --float16" in done.stderr
    assert not output.exists()
