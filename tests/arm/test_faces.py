"""The face pipeline on ARM and on this computer: the same answers, the same embeddings.

Two things are compared. ``facesdk verify`` as a user runs it, from JPEG to verdict: the answer, the
exit status and where the faces are. And the embedding of the same aligned crop, cut here: from
the photo on, another order of float additions moves landmarks by less than 0.01 pixels, that moves
a few pixels of the crop by a level, and 1-bit activations make it visible in the embedding (by up
to 0.053 in similarity, mostly by 0.01), though in no answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from arm.boards import TARGETS, Board, Target
from facesdk import FaceEngine
from facesdk.samples import BIDEN, OBAMA, OBAMA2

HERE = Path(__file__).parent
LARGE_FACES = ("--min-face", "100")  # a tenth of the work: emulated floats are slow
VERIFICATIONS = [
    *((target, OBAMA2, LARGE_FACES) for target in TARGETS),
    *((target, BIDEN, LARGE_FACES) for target in TARGETS),
    (TARGETS[0], OBAMA2, ()),
]
Row = tuple[int, dict[str, Any]]
Verdicts = dict[Target, Future[list[CompletedProcess[str]]]]
Embeddings = tuple[np.ndarray, dict[Target, dict[str, np.ndarray]]]


def verdict(done: CompletedProcess[str]) -> Row:
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def verification(number: int) -> list[str]:
    """The command line."""
    _, other, options = VERIFICATIONS[number]
    return ["verify", str(OBAMA), str(other), "--json", *options]


def numbers_on(target: Target) -> list[int]:
    return [number for number, row in enumerate(VERIFICATIONS) if row[0] == target]


@pytest.fixture(scope="module")
def verdicts(boards: dict[str, Board], pool: ThreadPoolExecutor) -> Verdicts:
    """Of the verifications on a target, in their order."""

    def verify(target: Target) -> list[CompletedProcess[str]]:
        return boards[target[0]].run_commands(target[1], map(verification, numbers_on(target)))

    return {target: pool.submit(verify, target) for target in TARGETS}


@cache
def verdict_here(*arguments: str) -> Row:
    command = [sys.executable, "-m", "facesdk", *arguments]
    return verdict(subprocess.run(command, capture_output=True, text=True))


@pytest.mark.parametrize("number", range(len(VERIFICATIONS)))
def test_verify_gives_the_same_answer(verdicts: Verdicts, number: int) -> None:
    target, other, _ = VERIFICATIONS[number]
    expected_status, expected = verdict_here(*verification(number))
    status, found = verdict(verdicts[target].result()[numbers_on(target).index(number)])
    assert expected["same"] == (other == OBAMA2)
    assert (status, found["same"]) == (expected_status, expected["same"])
    for face, reference in zip(found["faces"], expected["faces"], strict=True):
        for key in ("box", "landmarks"):
            np.testing.assert_allclose(face[key], reference[key], rtol=0, atol=0.1)
    assert abs(found["similarity"] - expected["similarity"]) < 0.1


@pytest.fixture(scope="module")
def embeddings(
    boards: dict[str, Board], pool: ThreadPoolExecutor, tmp_path_factory: pytest.TempPathFactory
) -> Embeddings:
    """Those of this computer; and by target, what embed_crops.py writes for the reference path and
    for the one that the library chooses."""
    folder = tmp_path_factory.mktemp("embeddings")
    engine = FaceEngine.load()
    crops = engine.align(OBAMA)[np.newaxis]  # several go through the network one by one
    np.save(folder / "crops.npy", crops)

    def embed(target: Target) -> dict[str, np.ndarray]:
        board, out = boards[target[0]], folder / f"{'-'.join(target)}.npz"
        arguments = (HERE / "embed_crops.py", folder / "crops.npy", out, "reference", "")
        done = board.computer.python(*arguments, **board.facesdk(target[1]))
        assert done.returncode == 0, done.stderr
        return dict(np.load(out))

    here = engine.embedder.embed(crops)
    return here, dict(zip(TARGETS, pool.map(embed, TARGETS), strict=True))


@pytest.mark.parametrize("target", TARGETS, ids="-".join)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("path", ["reference", ""], ids=["reference", "chosen"])
def test_the_same_crop_gives_the_same_embedding(
    embeddings: Embeddings, target: Target, threads: int, path: str
) -> None:
    expected, found = embeddings[0], embeddings[1][target][f"{path}-{threads}"]
    assert found.shape == expected.shape
    assert np.min(np.sum(found * expected, axis=1)) > 0.99999


@pytest.mark.parametrize("target", TARGETS, ids="-".join)
def test_two_threads_are_two_threads(embeddings: Embeddings, target: Target) -> None:
    """The reference path computes alone, so what the other one has more is the library's pool."""
    tasks = {key: int(value) for key, value in embeddings[1][target].items() if "tasks" in key}
    assert tasks["tasks--1"] == tasks["tasks-reference-1"]
    assert tasks["tasks--2"] == tasks["tasks-reference-2"] + 1
