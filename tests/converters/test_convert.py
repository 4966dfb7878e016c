"""The flow from a network to a model file, by the command line."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import Counter
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jsonschema
import larq as lq
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from converters import networks
from facesdk import samples
from facesdk.cli import vocabulary
from facesdk.cli.main import app
from facesdk.errors import InputError, ModelError
from facesdk.images import encode
from facesdk.models import bundle, packed
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Conversion
from facesdk.recognition.embedding import Embedder
from facesdk.tflite.flatbuffer import Table
from facesdk.tflite.verifier import verify
from facesdk_converters.convert import Request, convert
from facesdk_converters.inspection import faces, parity, refusals
from facesdk_converters.inspection.agreement import EXACT, Bound
from facesdk_converters.sources import network
from facesdk_converters.sources import source as sources
from facesdk_converters.sources.facts import Facts
from facesdk_converters.targets import floating, registry
from facesdk_converters.targets.target import Target, at_once
from facesdk_converters.tflite.tree import Tree, write_contract

tf = networks.tf
layers = tf.keras.layers
CUSTOM = ("--custom", "converters.networks:Scale", "--custom", "converters.networks:half_relu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float and a binary embedder, the nested network, and one that cannot be converted."""
    folder = tmp_path_factory.mktemp("networks")
    embedder = tf.keras.Sequential(
        [
            layers.Input((112, 96, 3)),
            layers.Conv2D(8, 5, strides=4, name="stem"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(16, name="embedding"),
        ]
    )
    networks.look_trained(embedder).save(folder / "embedder.h5")
    networks.nested().save(folder / "nested.h5")
    binary = tf.keras.Sequential(
        [
            layers.Input((112, 96, 3)),
            layers.Conv2D(8, 5, strides=8, name="stem"),
            lq.layers.QuantConv2D(8, 3, name="binary", **networks.BINARY),
            layers.GlobalAveragePooling2D(),
            layers.Dense(16, name="embedding"),
        ]
    )
    networks.look_trained(binary).save(folder / "binary.h5")
    strange = tf.keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="stem"),
            layers.Lambda(lambda x: tf.math.digamma(x), name="strange"),
            layers.Flatten(),
        ]
    )
    strange.save(folder / "strange.h5")
    return folder


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def test_a_keras_embedder_becomes_a_model_that_facesdk_uses(folder: Path, tmp_path: Path) -> None:
    arguments = (
        "float32", folder / "embedder.h5", "--task", "recognition", "--mean", 127.5,
        "--scale", 128, "--name", "mine", "--license", "MIT", "--training-data", "none",
    )  # fmt: skip
    done = invoke(*arguments, "-o", tmp_path / "mine.tflite", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    jsonschema.validate(record, vocabulary.schema("convert"))
    assert (record["name"], record["task"], record["target"]) == ("mine", "recognition", "float32")
    assert record["parity"]["real_faces"] and record["parity"]["min_cosine"] > 0.9999
    contract = ModelBundle.load(tmp_path / "mine.tflite").contract
    assert (contract.template, contract.dim) == ("arcface-112x96", 16)
    assert (contract.license, contract.training_data) == ("MIT", "none")
    assert (contract.input.color, contract.input.mean, contract.input.scale) == ("RGB", 127.5, 128)
    assert contract.conversion == Conversion("float32", "", True, 0.98, 0.9999)
    crops = faces.fit(faces.load(), 112, 96, 3)
    model = tf.keras.models.load_model(folder / "embedder.h5")
    expected = np.array(model((crops - np.float32(127.5)) / np.float32(128)))
    got = Embedder.load(tmp_path / "mine.tflite").embed(crops)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(got, expected, atol=1e-5)

    again = invoke(*arguments, "-o", tmp_path / "again.tflite")
    assert again.exit_code == 0
    assert "cosine with the source at least" in again.stdout
    assert (tmp_path / "again.tflite").read_bytes() == (tmp_path / "mine.tflite").read_bytes()


def test_a_binary_network_is_explained_and_packed(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "nested.tflite.pack"
    done = invoke("lce", folder / "nested.h5", *CUSTOM, "-o", output, "--pack")
    assert done.exit_code == 0, done.output
    assert "does not know what it is for: give this file a contract" in done.stdout
    container = ModelBundle.load(output)
    assert container.contract.task == "other"

    plain = tmp_path / "nested.tflite"
    done = invoke("lce", folder / "nested.h5", *CUSTOM, "-o", plain, "--explain", "--json")
    record = json.loads(done.stdout)
    assert plain.read_bytes() == container.content, "the same input gives the same bytes"
    explanation = record["explanation"]
    rows = [row for row in explanation["rows"] if row["weight_bits"]]
    assert [(row["layer"], row["kind"], row["operator"]) for row in rows] == [
        ("stem", "Conv2D", "CONV_2D"),
        ("inner_first", "QuantConv2D", "LceBconv2d"),
        ("inner_second", "QuantConv2D", "LceBconv2d"),
        ("fc", "QuantDense", "LceBconv2d"),
    ]
    products = [32 * 27 * 256, 32 * 288 * 256, 64 * 32 * 256, 1024 * 16]
    assert [row["multiply_adds"] for row in rows] == products
    assert explanation["multiply_adds"] == {"32x32": products[0], "1x1": sum(products[1:])}
    bytes_by_kind = explanation["bytes_by_kind"]
    assert bytes_by_kind["1-bit weights"] == (32 * 288 + 64 * 32 + 1024 * 16) // 8
    assert sum(bytes_by_kind.values()) == explanation["file_bytes"] == plain.stat().st_size
    assert explanation["float32_measured"]

    alone = json.loads(invoke("explain", plain, "--json").stdout)
    assert alone["bytes_by_kind"] == bytes_by_kind
    assert alone["multiply_adds"] == explanation["multiply_adds"]
    weights = 32 * 288 + 64 * 32 + 1024 * 16
    assert alone["float32_bytes"] == explanation["file_bytes"] + 4 * weights - weights // 8


def test_float16_halves_the_weights(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "half.tflite"
    done = invoke("float16", folder / "nested.h5", *CUSTOM, "-o", output, "--no-verify", "--json")
    jsonschema.validate(json.loads(done.stdout), vocabulary.schema("convert"))
    assert json.loads(done.stdout)["parity"] is None
    contract = ModelBundle.load(output).contract
    assert contract.conversion == Conversion("float16", "", verified=False)
    explanation = json.loads(invoke("explain", output, "--json").stdout)
    assert explanation["multiply_adds"].keys() == {"16x32"}
    count = 32 * 27 + 32 * 288 + 64 * 32 + 1024 * 16
    assert explanation["bytes_by_kind"]["16-bit weights"] == 2 * count


def test_an_operation_that_runtimes_lack_is_named_with_its_layer(
    folder: Path, tmp_path: Path
) -> None:
    pixels = ("--mean", "127.5", "--scale", "128")
    for verb in ("lce", "float32", "fixed-point"):
        words = ("-o", tmp_path / "out.tflite", "--trust", *pixels)
        done = invoke(verb, folder / "strange.h5", *words)
        assert done.exit_code == 2
        assert (
            "layer strange (Lambda, 2 of 3, after stem) needs TensorFlow's operation Digamma"
            in done.stderr
        )
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_a_converter_refuses_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The converter of TensorFlow 2.19 gives up on this one instead of leaving it."""
    source = sources.load(folder / "strange.h5", trust=True)
    monkeypatch.setattr(refusals, "_is_refused", lambda layer: layer.name == "strange")
    with (
        pytest.raises(ModelError, match=r"layer strange \(Lambda, 2 of 3.* \(no such thing\)"),
        refusals.translated(source),
    ):
        raise ValueError("no\nsuch thing")


def test_a_file_that_no_runtime_can_use_is_refused(folder: Path) -> None:
    source = sources.load(folder / "embedder.h5")
    converted = floating.convert(source, half=False)
    refusals.check_operators(converted.graph, source)
    tree = Tree.of(converted)
    operator = tree.operators[1]
    operator.inputs = [-1, *operator.inputs[1:]]  # as Larq Compute Engine does, see its target
    with pytest.raises(ModelError, match=r"facesdk does not take \(.* number -1.*\)$"):
        refusals.verified(tree.to_bytes(), source)
    with pytest.raises(ModelError, match=r"number -1.*\); an int8 tensor$"):
        refusals.verified(tree.to_bytes(), source, "an int8 tensor")


def _other(source: sources.Source) -> ModelBundle:
    """A converter that makes another network of the same shape."""
    stranger = tf.keras.models.clone_model(source.keras.model)
    content = tf.lite.TFLiteConverter.from_keras_model(stranger).convert()
    return refusals.verified(bytes(content), source)


def test_a_file_that_computes_something_else_is_not_written(folder: Path, tmp_path: Path) -> None:
    request = Request(folder / "embedder.h5", tmp_path / "out.tflite")
    with pytest.raises(ModelError, match=r"differs from .*needed are a cosine of 0.98"):
        convert(request, Target("float32", at_once(_other)))
    assert list(tmp_path.iterdir()) == []


def test_thresholds_are_kept_where_the_network_is_the_same(folder: Path, tmp_path: Path) -> None:
    float32 = partial(floating.convert, half=False)
    first = tmp_path / "first.tflite"
    request = Request(
        folder / "embedder.h5", first, facts=Facts(task="recognition", mean=127.5, scale=128.0)
    )
    contract = convert(request, Target("float32", at_once(float32))).contract
    record = json.loads(contract.to_json())
    record["thresholds"] = [
        {"fmr": 0.01, "similarity": 0.3, "fnmr": 0.1, "positive_pairs": 9, "negative_pairs": 900}
    ]
    known = type(contract).from_json(json.dumps(record))
    first.write_bytes(write_contract(ModelBundle.load(first), known))

    for bound, kept in ((EXACT, 1), (Bound(0.5, 0.9), 0)):
        second = tmp_path / "second.tflite"
        again = convert(Request(first, second), Target("any", at_once(float32), bound))
        assert len(again.contract.thresholds) == kept
        assert again.contract.source_sha256 == ModelBundle.load(first).sha256
        assert again.contract.input == contract.input
        assert again.agreement is not None
        assert again.agreement.min_cosine == pytest.approx(1, abs=1e-9)


def test_faces_of_a_folder_are_compared_too(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(samples.BIDEN, photos)
    crop = faces.load()[0]
    encode.save(photos / "crop.png", crop[:, 8:104])
    few = len(faces.load())
    both = faces.load(photos)
    assert len(both) == few + 2 * 2
    np.testing.assert_array_equal(both[few // 2 + 1][:, 8:104], crop[:, 8:104])
    shutil.copy(folder / "strange.h5", photos / "no.jpg")
    done = invoke(
        "float32", folder / "embedder.h5", "-o", tmp_path / "o.tflite", "--verify-on", photos
    )
    assert done.exit_code == 2
    assert "no.jpg" in done.stderr
    assert not (tmp_path / "o.tflite").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing.h5", "-o", "out.tflite"), "nothing.h5 does not exist"),
        (("embedder.h5", "-o", "missing/out.tflite"), "there is no folder missing"),
        (("embedder.h5", "-o", "."), "it is a folder"),
        (("embedder.h5", "-o", "out.tflite", "--pack"), "name it out.tflite.pack"),
        (("embedder.h5", "-o", "o.tflite", "--task", "tracking"), "--task must be recognition"),
        (("nested.h5", "-o", "o.tflite", *CUSTOM, "--task", "recognition"), "leave out --task"),
        (("embedder.h5", "-o", "o.tflite", "--scale", "0"), "scale must be a number from 1e-06"),
        (
            ("embedder.h5", "-o", "o.tflite", "--no-verify", "--verify-on", "."),
            "exclude each other",
        ),
        (("embedder.h5", "-o", "o.tflite", "--verify-on", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    done = invoke("float32", *arguments)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("facesdk: ")]) == 1
    assert sorted(folder.iterdir()) == before


FIXED_POINT = {
    "bits": 8,
    "activations": 8,
    "filter_scales": "free",
    "storage": "small",
    "calibrate_on": None,
}


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was verified, by its digest; samples and detectors apart."""
    faces.load()
    counts: Counter[str] = Counter()

    def counting(content: bytes, **options: Any) -> Table:
        counts[hashlib.sha256(content).hexdigest()] += 1
        return verify(content, **options)

    monkeypatch.setattr(bundle, "verify", counting)
    monkeypatch.setattr(packed, "verify", counting)
    return counts


@pytest.mark.parametrize(
    ("name", "options", "files"),
    [
        ("lce", {}, 2),  # LCE's own, and the one with the names of layers
        ("float32", {}, 1),
        ("float16", {}, 1),
        ("binary-weights", {"activations": 32}, 2),  # the float file, and the one with packed bits
        ("fixed-point", FIXED_POINT, 4),  # float, observed, TensorFlow's own, and with our weights
    ],
)
def test_every_file_is_verified_once(
    folder: Path, tmp_path: Path, verified: Counter[str], name: str, options: Any, files: int
) -> None:
    source = folder / ("binary.h5" if name == "binary-weights" else "embedder.h5")
    facts = Facts(task="recognition", mean=127.5, scale=128.0)
    convert(Request(source, tmp_path / "out.tflite", facts=facts), registry.load(name, **options))
    assert sorted(verified.values()) == [1] * files


def test_explaining_and_packing_verify_nothing_again(
    folder: Path, tmp_path: Path, verified: Counter[str]
) -> None:
    """The converter's two files, the baseline for the explanation, the packed one."""
    request = Request(
        folder / "nested.h5", tmp_path / "out.tflite.pack", CUSTOM[1::2], explain=True, pack=True
    )
    convert(request, registry.load("lce"))
    assert sorted(verified.values()) == [1] * 4


def test_a_model_file_as_source_is_verified_when_it_is_read_and_not_again(
    folder: Path, tmp_path: Path, verified: Counter[str]
) -> None:
    content = floating.convert(sources.load(folder / "embedder.h5"), half=False).content
    (tmp_path / "float.tflite").write_bytes(content)
    verified.clear()
    convert(Request(tmp_path / "float.tflite", tmp_path / "out.tflite"), registry.load("float32"))
    assert list(verified.values()) == [1]


def test_the_layers_of_a_network_are_listed_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists: list[tuple[Any, ...]] = []
    real = network.KerasNetwork.layers.func
    layers_once = cached_property(lambda self: lists.append(real(self)) or lists[-1])
    layers_once.__set_name__(network.KerasNetwork, "layers")
    monkeypatch.setattr(network.KerasNetwork, "layers", layers_once)
    request = Request(
        folder / "nested.h5", tmp_path / "out.tflite", CUSTOM[1::2], explain=True, verify=False
    )
    convert(request, registry.load("lce"))
    assert len(lists) == 1


def test_a_model_file_is_no_source_of_bits(folder: Path, tmp_path: Path) -> None:
    done = invoke("float32", folder / "embedder.h5", "-o", tmp_path / "f.tflite", "--no-verify")
    assert done.exit_code == 0
    done = invoke("lce", tmp_path / "f.tflite", "-o", tmp_path / "out.tflite")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == (
        f"facesdk: {tmp_path / 'f.tflite'} is a model file already: this target needs a run, a "
        "Keras model (.h5, .keras), an .onnx file or a SavedModel"
    )


@pytest.mark.parametrize("suffix", [".H5", ".KERAS", ".TFLITE"])
def test_an_ending_may_be_in_capitals(tmp_path: Path, suffix: str) -> None:
    model = tf.keras.Sequential([tf.keras.Input((12,)), tf.keras.layers.Dense(9)])
    path = tmp_path / f"net{suffix.lower()}"
    if suffix == ".TFLITE":
        path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    else:
        model.save(path)
    found = sources.load(path.rename(tmp_path / f"net{suffix}")).network
    inputs = np.random.default_rng(4).normal(0, 1, (1, 12)).astype(np.float32)
    np.testing.assert_allclose(found.predict(inputs)[0], model(inputs), atol=1e-5)


@pytest.mark.parametrize("name", ["net", "net.pb"])
def test_all_that_can_be_read_is_listed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x08\x08\x12\x07pytorch")
    with pytest.raises(InputError, match=r"ends in \.h5, \.hdf5, \.keras, \.onnx or \.tflite$"):
        sources.load(tmp_path / name)


@pytest.mark.parametrize("target", ["lce", "float32"])
def test_nothing_that_others_warn_of_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, target: str
) -> None:
    """Groups of 24 channels stay float, which is no error; gradients are for training."""
    image = layers.Input((9, 9, 48))
    grouped = lq.layers.QuantConv2D(24, 3, groups=2, **networks.BINARY)(image)
    model = networks.look_trained(tf.keras.Model(image, grouped))
    model.save(tmp_path / "net.h5")
    made = convert(Request(tmp_path / "net.h5", tmp_path / "o.tflite"), registry.load(target))
    assert made.agreement is not None and made.agreement.meets(EXACT)
    logging.getLogger("absl").warning("another warning")
    said = capfd.readouterr()
    told = [row.getMessage() for row in caplog.records if row.name == "absl"]
    assert "grouped convolution" not in said.err and said.out == ""
    assert told == ["another warning"]


def test_an_interrupt_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(parity, "check", interrupt)
    done = invoke("float32", folder / "embedder.h5", "-o", tmp_path / "out.tflite")
    assert done.exit_code == 130
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_out_of_the_faces_is_told(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "@eaDir").mkdir(parents=True)
    (photos / "1.cr2").touch()
    encode.save(photos / "1.png", faces.load()[0])
    out = tmp_path / "out.tflite"
    options = ["--task", "recognition", "--mean", "127.5", "--scale", "128", "--json"]
    done = CliRunner().invoke(
        app,
        ["convert", "float32", str(folder / "embedder.h5"), "-o", str(out), *options]
        + ["--verify-on", str(photos)],
    )
    assert done.exit_code == 0, done.output
    hidden = "hidden, or a system's own"
    assert json.loads(done.stdout)["left_out"] == {"count": 2, "kinds": {".cr2": 1, hidden: 1}}
    assert f"left out 2 of what lies there (1 .cr2, 1 {hidden})\n" in done.stderr
