"""What every target writes: a contract by the schema, and equal bytes for equal input."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import larq as lq
import pytest
from typer.testing import CliRunner

from converters import networks
from facesdk.cli.main import app
from facesdk.models import contract_fields
from facesdk.models.bundle import ModelBundle

SCHEMA = json.loads(Path(contract_fields.__file__).with_name("contract.schema.json").read_text())
layers = networks.layers


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small binary embedder."""
    path = tmp_path_factory.mktemp("networks") / "embedder.h5"
    embedder = networks.tf.keras.Sequential(
        [
            layers.Input((112, 96, 3)),
            layers.Conv2D(32, 5, strides=8, name="stem"),
            layers.BatchNormalization(),
            lq.layers.QuantConv2D(32, 3, name="binary", **networks.BINARY),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(16, name="embedding"),
        ]
    )
    networks.look_trained(embedder).save(path)
    return path


@pytest.mark.parametrize(
    "verb",
    [
        "lce",
        "fixed-point",
        *(
            pytest.param(verb, marks=pytest.mark.slow)
            for verb in ("binary-weights", "float32", "float16")
        ),
    ],
)
def test_every_target(source: Path, tmp_path: Path, verb: str) -> None:
    files = [tmp_path / "plain.tflite", tmp_path / "packed.tflite.pack"]
    for path, option in zip(files, ([], ["--pack"]), strict=True):
        arguments = ["convert", verb, str(source), "-o", str(path), "--task", "recognition"]
        done = CliRunner().invoke(app, [*arguments, "--no-verify", *option])
        assert done.exit_code == 0, done.output
    plain, packed = map(ModelBundle.load, files)
    assert plain.content == packed.content
    assert (plain.packed_bytes, packed.packed_bytes) == (None, files[1].stat().st_size)
    record = plain.contract.to_dict()
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(record)))
    assert record["schema_version"] == contract_fields.SCHEMA_VERSION
    assert record["conversion"]["target"] == verb
    assert record["conversion"]["verified"] is False
