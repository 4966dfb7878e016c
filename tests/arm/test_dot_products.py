"""The kernel path of processors with dot products: the same bytes, and it is the one chosen."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arm.boards import Board
from arm.test_binary_weights import MODELS
from facesdk import FaceEngine
from facesdk.samples import OBAMA
from native.support.operator_models import CASES
from tools.emulation.arm import DOT_PRODUCTS, ROOT

HERE = Path(__file__).parent
NATIVE = HERE.parent / "native"
CORPUS = NATIVE / "corpus"
PATH = "neon-dotprod"
RUNTIME = "ai_edge_litert"
PROGRAMS = ("kernels", "binary_conv2d")
Outputs = dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def board(boards: dict[str, Board]) -> Board:
    known = boards["aarch64"]
    return replace(known, computer=known.computer.on_processor(DOT_PRODUCTS))


def run_corpus(board: Board, corpus: Path, out: Path) -> Outputs:
    arguments = (HERE / "run_corpus.py", RUNTIME, board.library, corpus, out, PATH)
    done = board.computer.python(*arguments, path=[NATIVE / "support"])
    assert done.returncode == 0, done.stderr
    return {file.stem.rsplit("-", 1)[1]: dict(np.load(file)) for file in out.glob("*.npz")}


@pytest.fixture(scope="module")
def outputs(
    board: Board, pool: ThreadPoolExecutor, tmp_path_factory: pytest.TempPathFactory
) -> Future[Outputs]:
    return pool.submit(run_corpus, board, CORPUS, tmp_path_factory.mktemp("outputs"))


@pytest.fixture(scope="module")
def suites(
    board: Board, pool: ThreadPoolExecutor
) -> dict[str, Future[subprocess.CompletedProcess[str]]]:
    def run(name: str) -> subprocess.CompletedProcess[str]:
        command = [*board.computer.emulator, str(board.build / "tests" / f"test_{name}")]
        return subprocess.run(command, capture_output=True, text=True)

    return {name: pool.submit(run, name) for name in PROGRAMS}


def test_every_byte_equals_lce(outputs: Future[Outputs]) -> None:
    found = outputs.result()
    compared = 0
    for name, case in CASES.items():
        for oracle in case.oracles:
            expected = np.load(CORPUS / f"{name}.npz")[oracle]
            actual = found[oracle][name]
            assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), name
            assert actual.tobytes() == expected.tobytes(), name
            compared += 1
    assert compared >= len(CASES)


def test_it_is_the_path_that_ran(outputs: Future[Outputs]) -> None:
    for results in outputs.result().values():
        (number,) = np.flatnonzero(results["runs"])
        assert results["runs"][number] > 2 * len(CASES)


@pytest.mark.parametrize("name", PROGRAMS)
def test_random_shapes_equal_the_reference(
    suites: dict[str, Future[subprocess.CompletedProcess[str]]], name: str
) -> None:
    done = suites[name].result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{PATH}: " in done.stdout


def test_binary_weights_equal_numpy(board: Board, tmp_path: Path) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    corpus.mkdir()
    out.mkdir()
    for name, model in MODELS.items():
        (corpus / f"{name}.tflite").write_bytes(model.to_bytes())
        np.savez(corpus / f"{name}.npz", seed=model.seed)
    results = run_corpus(board, corpus, out)["optimized"]
    for name, model in MODELS.items():
        expected, bound = model.expected(model.image())
        assert (np.abs(results[name] - expected) <= bound).all(), name


def test_it_is_chosen_and_embeds_as_here(board: Board, tmp_path: Path) -> None:
    on_board = {
        "path": [ROOT / "sdk"],
        "environment": {"FACESDK_OPS_LIBRARY": str(board.library), "FACESDK_RUNTIME": "litert"},
    }
    doctor = board.computer.python("-m", "facesdk", "doctor", "--json", **on_board)
    assert json.loads(doctor.stdout)["ops"]["isa"] == PATH
    engine = FaceEngine.load()
    crops = engine.align(OBAMA)[np.newaxis]
    np.save(tmp_path / "crops.npy", crops)
    arguments = (HERE / "embed_crops.py", tmp_path / "crops.npy", tmp_path / "out.npz", PATH)
    done = board.computer.python(*arguments, **on_board)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npz")
    here = engine.embedder.embed(crops)
    for threads in (1, 2):
        assert np.min(np.sum(found[f"{PATH}-{threads}"] * here, axis=1)) > 0.99999
