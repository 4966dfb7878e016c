"""Operators with 1-bit weights in stock runtimes on ARM: what NumPy computes on x86_64."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from arm.boards import TARGETS, Board, Target
from native.support.binary_graph import RELU6, VALID, BinaryModel

HERE = Path(__file__).parent
NATIVE = HERE.parent / "native"

SHAPES = {
    "odd": BinaryModel(channels=33, filters=37, seed=1),
    "strided": BinaryModel(
        2, 7, 6, channels=64, filters=16, stride=(2, 1), dilation=(1, 2), seed=2
    ),
    "valid": BinaryModel(1, 5, 4, 96, 40, (5, 4), padding=VALID, activation=RELU6, seed=3),
    "dense": BinaryModel(2, channels=300, filters=33, dense=True, bias=False, seed=4),
}
MODELS = {
    f"{name}_{bits}": BinaryModel(**{**vars(shape), "activation_bits": bits})
    for name, shape in SHAPES.items()
    for bits in (0, 8)
}

Outputs = dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def outputs(
    boards: dict[str, Board], pool: ThreadPoolExecutor, tmp_path_factory: pytest.TempPathFactory
) -> dict[Target, Outputs]:
    """For each target: by kernel path, by model."""
    corpus = tmp_path_factory.mktemp("models")
    for name, model in MODELS.items():
        (corpus / f"{name}.tflite").write_bytes(model.to_bytes())
        np.savez(corpus / f"{name}.npz", seed=model.seed)

    def run(target: Target) -> Outputs:
        board, out = boards[target[0]], tmp_path_factory.mktemp("outputs")
        arguments = (HERE / "run_corpus.py", target[1], board.library, corpus, out)
        done = board.computer.python(*arguments, path=[NATIVE / "support"])
        assert done.returncode == 0, done.stderr
        return {
            file.stem.removesuffix("-optimized"): dict(np.load(file))
            for file in out.glob("*-optimized.npz")
        }

    return dict(zip(TARGETS, pool.map(run, TARGETS), strict=True))


@pytest.mark.parametrize("target", TARGETS, ids="-".join)
@pytest.mark.parametrize("name", MODELS)
def test_every_path_equals_numpy(outputs: dict[Target, Outputs], name: str, target: Target) -> None:
    model = MODELS[name]
    expected, bound = model.expected(model.image())
    assert {"reference", "portable", "neon"} <= set(outputs[target])
    for path, results in outputs[target].items():
        assert np.count_nonzero(results["runs"]) == 1, path
        assert (np.abs(results[name] - expected) <= bound).all(), path
