from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import (
    InputError,
    ModelError,
    OperatorLibraryError,
    RuntimeUnavailableError,
)
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import operator_library
from facesdk.runtime.backend import load_backend
from facesdk.runtime.interpreter import Interpreter
from runtimes import RUNTIMES

PNET = registry.resolve("mtcnn-pnet")
RNET = registry.resolve("mtcnn-rnet")
BINARY = registry.resolve(registry.DEFAULT_RECOGNIZER)
FUZZER = Path(__file__).with_name("fuzz_runtime.py")

needs_each_runtime = pytest.mark.parametrize("runtime", RUNTIMES)


@needs_each_runtime
def test_the_environment_forces_a_runtime(monkeypatch: pytest.MonkeyPatch, runtime: str) -> None:
    monkeypatch.setenv("FACESDK_RUNTIME", runtime)
    backend = load_backend()
    assert backend.name == runtime
    assert (
        backend.interpreter.__name__.split(".")[0]
        == {
            "litert": "ai_edge_litert",
            "tflite-runtime": "tflite_runtime",
        }[runtime]
    )


def test_an_unknown_runtime_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESDK_RUNTIME", "onnx")
    with pytest.raises(RuntimeUnavailableError, match="must be one of litert, tflite-runtime"):
        load_backend()


@needs_each_runtime
def test_a_binary_model_runs_with_our_operators(
    monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    monkeypatch.setenv("FACESDK_RUNTIME", runtime)
    interpreter = Interpreter(ModelBundle.load(BINARY))
    noise = np.random.default_rng(0).normal(size=interpreter.input_shapes[0]).astype(np.float32)
    first, second = interpreter.run(noise)[0], interpreter.run(-noise)[0]
    assert np.isfinite(first).all()
    assert not np.array_equal(first, second)


def test_runtimes_agree_on_a_binary_model(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = []
    for runtime in RUNTIMES:
        monkeypatch.setenv("FACESDK_RUNTIME", runtime)
        interpreter = Interpreter(ModelBundle.load(BINARY))
        noise = np.random.default_rng(1).normal(size=interpreter.input_shapes[0])
        outputs.append(interpreter.run(noise.astype(np.float32))[0])
    for other in outputs[1:]:
        cosine = np.sum(other * outputs[0]) / np.linalg.norm(other) / np.linalg.norm(outputs[0])
        assert cosine > 0.999


def test_resizing_gives_the_shapes_of_the_network() -> None:
    interpreter = Interpreter(ModelBundle.load(PNET), input_shapes=[(1, 50, 31, 3)])
    assert interpreter.input_shapes == ((1, 50, 31, 3),)
    interpreter.resize((1, 12, 12, 3))
    outputs = interpreter.run(np.zeros((1, 12, 12, 3), np.float32))
    assert tuple(array.shape for array in outputs) == interpreter.output_shapes


def test_outputs_are_copies() -> None:
    interpreter = Interpreter(ModelBundle.load(PNET), input_shapes=[(1, 12, 12, 3)])
    before = interpreter.run(np.zeros((1, 12, 12, 3), np.float32))[0]
    kept = before.copy()
    interpreter.run(np.ones((1, 12, 12, 3), np.float32))
    np.testing.assert_array_equal(before, kept)


@pytest.mark.parametrize(
    "arrays",
    [
        [],
        [np.zeros((1, 24, 24, 3), np.float64)],
        [np.zeros((1, 24, 25, 3), np.float32)],
        [np.zeros((1, 24, 24, 3), np.float32)] * 2,
    ],
)
def test_a_wrong_input_is_an_input_error(arrays: list[np.ndarray]) -> None:
    interpreter = Interpreter(ModelBundle.load(RNET), input_shapes=[(1, 24, 24, 3)])
    with pytest.raises(InputError):
        interpreter.run(*arrays)


def test_an_impossible_shape_is_a_model_error() -> None:
    with pytest.raises((ModelError, InputError)):
        Interpreter(ModelBundle.load(RNET), input_shapes=[(1, 1, 1, 3)])


@needs_each_runtime
def test_inputs_too_small_for_any_output_are_refused(
    monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    monkeypatch.setenv("FACESDK_RUNTIME", runtime)
    with pytest.raises(ModelError):
        Interpreter(ModelBundle.load(PNET), input_shapes=[(1, 10, 10, 3)])


@needs_each_runtime
def test_inputs_beyond_all_memory_are_refused(
    monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    monkeypatch.setenv("FACESDK_RUNTIME", runtime)
    with pytest.raises(ModelError):
        Interpreter(ModelBundle.load(PNET), input_shapes=[(100_000, 100_000, 100_000, 3)])


def test_threads_must_be_positive() -> None:
    with pytest.raises(InputError, match="threads"):
        Interpreter(ModelBundle.load(PNET), threads=0)


def test_a_missing_operator_library_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FACESDK_OPS_LIBRARY", str(tmp_path / "none.so"))
    with pytest.raises(OperatorLibraryError, match=r"none\.so"):
        Interpreter(ModelBundle.load(BINARY))
    Interpreter(ModelBundle.load(PNET))


def test_a_file_that_is_no_library_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "fake.so"
    fake.write_text("no library")
    monkeypatch.setenv("FACESDK_OPS_LIBRARY", str(fake))
    with pytest.raises(OperatorLibraryError, match="not the facesdk operator library"):
        operator_library.describe_library()


def test_an_unknown_custom_operator_is_named(tmp_path: Path) -> None:
    path = tmp_path / "unknown.tflite"
    path.write_bytes(BINARY.read_bytes().replace(b"LceBconv2d", b"XyzBconv2d"))
    with pytest.raises(ModelError, match="XyzBconv2d"):
        Interpreter(ModelBundle.load(path))


@pytest.mark.parametrize(
    "runtime",
    [
        runtime if runtime == RUNTIMES[0] else pytest.param(runtime, marks=pytest.mark.slow)
        for runtime in RUNTIMES
    ],
)
@pytest.mark.parametrize("model", [RNET, BINARY], ids=lambda path: path.stem)
def test_damaged_models_never_crash(
    monkeypatch: pytest.MonkeyPatch, runtime: str, model: Path
) -> None:
    monkeypatch.setenv("FACESDK_RUNTIME", runtime)
    done = subprocess.run(
        [sys.executable, str(FUZZER), str(model), "100", "7"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert outcomes.pop("loaded") > 0
    assert outcomes.pop("refused") > 0
    assert outcomes == {}


@needs_each_runtime
def test_only_the_reason_of_a_refused_operator_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runtime: str
) -> None:
    monkeypatch.setenv("FACESDK_RUNTIME", runtime)
    path = tmp_path / "options.tflite"
    path.write_bytes(BINARY.read_bytes().replace(b"channels_in", b"channels_on"))
    with pytest.raises(ModelError, match=r"channels_in is missing$"):
        Interpreter(ModelBundle.load(path))


def test_a_runtime_without_metadata_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(distribution: str) -> str:
        raise importlib.metadata.PackageNotFoundError(distribution)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert load_backend().version == "unknown"
