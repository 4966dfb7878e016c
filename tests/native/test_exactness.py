"""Our operators in stock runtimes against LCE's own interpreter: every byte must agree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, load_delegate

from facesdk.runtime.operator_library import describe_library
from native.support.operator_models import CASES, RUNTIMES, activations, seed_of
from native.support.workers import PATHS

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
COMPARISONS = [(name, oracle) for name, case in CASES.items() for oracle in case.oracles]
Outputs = dict[str, np.ndarray]


@pytest.fixture(scope="session")
def run(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outputs]:
    """Outputs of the whole corpus in a runtime, on a kernel path, in a zero-padding mode."""
    done: dict[tuple[str, str, str], Outputs] = {}

    def outputs(runtime: str, isa: str, mode: str) -> Outputs:
        key = (runtime, isa, mode)
        if key not in done:
            out = tmp_path_factory.mktemp("outputs") / "outputs.npz"
            script = HERE / "support" / "run_models.py"
            command = [sys.executable, str(script), runtime, str(library)]
            command += [str(CORPUS), str(out), f"zero_padding={mode}"]
            environment = os.environ | {"FACESDK_OPS_ISA": isa}
            result = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert result.returncode == 0, result.stderr
            done[key] = dict(np.load(out))
        return done[key]

    return outputs


def expected(name: str, oracle: str) -> np.ndarray:
    return np.load(CORPUS / f"{name}.npz")[oracle]


def assert_same_bytes(actual: np.ndarray, reference: np.ndarray, name: str) -> None:
    assert actual.dtype == reference.dtype, name
    assert actual.shape == reference.shape, name
    assert actual.tobytes() == reference.tobytes(), name


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("isa", PATHS)
def test_models_equal_lce(run: Callable[..., Outputs], isa: str, runtime: str) -> None:
    for name, oracle in COMPARISONS:
        assert_same_bytes(run(runtime, isa, oracle)[name], expected(name, oracle), name)


@pytest.mark.parametrize("isa", PATHS)
def test_runtime_uses_the_forced_path_only(run: Callable[..., Outputs], isa: str) -> None:
    runs = run("ai_edge_litert", isa, "optimized")["runs"]
    forced = [path.name for path in describe_library().paths].index(isa)
    assert runs[forced] > 2 * len(CASES)
    assert runs.sum() == runs[forced]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.overhang])
def test_window_over_both_borders_is_padded_with_zeros(
    run: Callable[..., Outputs], name: str
) -> None:
    """LCE's optimised kernels are off by whole weights here; ours by float32's rounding of 2K."""
    for isa in PATHS:
        actual = run("ai_edge_litert", isa, "optimized")[name]
        np.testing.assert_allclose(actual, expected(name, "reference"), rtol=0, atol=1e-4)


def interpreter(library: Path, name: str) -> Any:
    """The model in LiteRT as users run it, with XNNPACK for what is not ours."""
    return Interpreter(
        model_path=str(CORPUS / f"{name}.tflite"),
        experimental_delegates=[load_delegate(str(library))],
        num_threads=1,
    )


def invoke(model: Any, values: np.ndarray) -> np.ndarray:
    model.set_tensor(model.get_input_details()[0]["index"], values)
    model.invoke()
    return model.get_tensor(model.get_output_details()[0]["index"])


def test_xnnpack_runs_beside_the_operators(library: Path) -> None:
    model = interpreter(library, "mixed")
    model.allocate_tensors()
    shape = tuple(model.get_input_details()[0]["shape"])
    output = invoke(model, activations(shape, np.float32, seed_of("mixed")))
    np.testing.assert_allclose(output, expected("mixed", "optimized"), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "float_same_zero_c64",
        "pool_2x2",
        "dequantize_c45",
        "int8",
        "residual_pool",
        "residual_shortcut",
    ],
)
def test_resized_batch_equals_single_images(library: Path, name: str) -> None:
    model = interpreter(library, name)
    source = model.get_input_details()[0]
    images = activations((3, *source["shape"][1:]), source["dtype"], 5)
    model.allocate_tensors()
    single = [invoke(model, images[i : i + 1]) for i in range(3)]
    model.resize_tensor_input(source["index"], images.shape)
    model.allocate_tensors()
    assert_same_bytes(invoke(model, images), np.concatenate(single), name)
