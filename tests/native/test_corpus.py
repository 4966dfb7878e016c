"""The recorded models and outputs: complete, varied, and what LCE's converter and kernels give."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from native.support.operator_models import CASES, input_values
from native.support.workers import new_process, run_lce

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"


def content(folder: Path, name: str) -> bytes:
    return (folder / f"{name}.tflite").read_bytes()


def test_corpus_is_complete_and_varied() -> None:
    assert {file.stem for file in CORPUS.glob("*.tflite")} == set(CASES)
    assert len(CASES) >= 60
    for name, case in CASES.items():
        recorded = np.load(CORPUS / f"{name}.npz")
        for kernel in case.oracles:
            assert len(np.unique(recorded[kernel])) >= 2, name


def test_lce_computes_the_recorded_outputs() -> None:
    """Every byte, on any CPU: from a finished file on, LCE only counts, multiplies and adds."""
    with new_process() as lce:
        for name, case in CASES.items():
            recorded = np.load(CORPUS / f"{name}.npz")
            assert set(recorded.files) == {"seed", *case.oracles}
            model = content(CORPUS, name)
            for kernel in case.oracles:
                output = lce.submit(run_lce, model, kernel, input_values(name, model)).result()
                assert output.dtype == recorded[kernel].dtype
                assert output.tobytes() == recorded[kernel].tobytes(), (name, kernel)


def tree(value: Any) -> Any:
    """A part of the model as plain values."""
    if isinstance(value, list):
        return [tree(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "__dict__"):
        return {key: tree(item) for key, item in vars(value).items()}
    return value


def same_tensor(fresh: Any, recorded: Any, fresh_data: Any, recorded_data: Any) -> None:
    """Float constants that the converter folds differ in their last bits between CPUs."""
    assert fresh.type == recorded.type
    assert tree(fresh.shape) == tree(recorded.shape)
    if fresh.quantization is not None and fresh.quantization.scale is not None:
        np.testing.assert_allclose(fresh.quantization.scale, recorded.quantization.scale, rtol=1e-6)
        assert tree(fresh.quantization.zeroPoint) == tree(recorded.quantization.zeroPoint)
    if recorded_data is None:
        assert fresh_data is None
    elif fresh.type == schema.TensorType.FLOAT32:
        pair = [np.asarray(data, np.uint8).view("<f4") for data in (fresh_data, recorded_data)]
        np.testing.assert_allclose(*pair, rtol=1e-5, atol=1e-6)
    else:
        assert tree(fresh_data) == tree(recorded_data)


def same_model(fresh: bytes, recorded: bytes) -> None:
    a, b = (schema.ModelT.InitFromPackedBuf(data, 0) for data in (fresh, recorded))
    assert tree(a.operatorCodes) == tree(b.operatorCodes)
    (left,), (right,) = a.subgraphs, b.subgraphs
    assert tree([left.inputs, left.outputs]) == tree([right.inputs, right.outputs])
    assert tree(left.operators) == tree(right.operators)
    for x, y in zip(left.tensors, right.tensors, strict=True):
        same_tensor(x, y, a.buffers[x.buffer].data, b.buffers[y.buffer].data)


@pytest.mark.slow
def test_converter_writes_the_recorded_models(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "native.support.make_corpus", str(tmp_path), *CASES]
    tests = HERE.parent
    result = subprocess.run(
        command,
        cwd=tests.parent,
        env={**os.environ, "PYTHONPATH": str(tests)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    for name in CASES:
        same_model(content(tmp_path, name), content(CORPUS, name))
