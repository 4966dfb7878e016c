"""The verb `advise` on a model file, a Keras file, and nonsense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facesdk.errors import InputError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk_training.cli.advise import app
from facesdk_training.compression.facts import facts_of
from facesdk_training.keras.networks.build import build
from training.faces import write_data, write_teacher

SMALL = {"stem_channels": (4, 32), "stages": ((32, 1),), "embedding_length": 16, "variant": "float"}


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_a_network_with_faces_is_scanned(tmp_path: Path) -> None:
    network = build("CompactFaceNet", **SMALL)
    network.save(tmp_path / "float.keras")
    data = write_data(tmp_path / "data", {"a": 4})
    asked = (tmp_path / "float.keras", "--device", "pi4", "--target-ms", 1e-3, "--json")
    found = json.loads(run(*asked, "--data", data))
    assert not any("was not measured: losses" in sentence for sentence in found["unknown"])
    assert len(found["rules"]) == 6
    assert any("losses are MobileFaceNet's" in row for row in json.loads(run(*asked))["unknown"])


def test_text_names_commands_and_reasons(tmp_path: Path) -> None:
    network = build("CompactFaceNet", **SMALL)
    network.save(tmp_path / "float.keras")
    text = run(tmp_path / "float.keras", "--device", "x86-64", "--target-ms", 3, "--latency-ms", 5)
    assert text.startswith("Do this: 5-bit weights, 8-bit activations")
    assert f"$ facesdk convert fixed-point {tmp_path / 'float.keras'}" in text
    assert "The six rules" in text
    assert "Not known:" in text


def test_files_are_counted(tmp_path: Path) -> None:
    packaged = ModelBundle.load(registry.resolve("compactfacenet-qb"))
    facts = facts_of(packaged.path)
    assert facts.multiply_adds == {"1x1": 966_131_712, "32x32": 26_165_760}
    assert not facts.is_float
    assert facts.bytes == packaged.path.stat().st_size
    network = build("CompactFaceNet", **SMALL)
    network.save(tmp_path / "float.keras")
    counted = facts_of(tmp_path / "float.keras")
    kernels = [w for w in network.weights if "kernel" in w.name]
    assert counted.weights == sum(int(w.shape.num_elements()) for w in kernels)
    assert counted.is_float
    assert counted.trainable


def test_unusable_options_are_one_clear_error(tmp_path: Path) -> None:
    teacher = write_teacher(tmp_path / "teacher.tflite", 8)
    for arguments, message in (
        ((teacher, "--device", "pi9", "--target-ms", "5"), "device must be one of"),
        ((teacher, "--device", "pi4"), "say what to reach"),
        ((teacher, "--device", "pi4", "--target-ms", "5", "--data", tmp_path), "needs a run"),
        ((teacher, "--device", "pi4", "--target-ms", "5", "--runtime", "x"), "litert or"),
        ((tmp_path / "none", "--device", "pi4", "--target-ms", "5"), "none"),
    ):
        with pytest.raises(InputError, match=message):
            run(*arguments)
