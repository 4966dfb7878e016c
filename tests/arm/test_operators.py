"""The operators in stock runtimes on ARM: byte for byte what LCE computed on x86_64."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from arm.boards import TARGETS, Board, Target
from native.support.operator_models import CASES

HERE = Path(__file__).parent
NATIVE = HERE.parent / "native"
CORPUS = NATIVE / "corpus"
COMPARISONS = [(name, oracle) for name, case in CASES.items() for oracle in case.oracles]

Outputs = Mapping[str, Mapping[str, np.ndarray]]


@pytest.fixture(scope="session")
def outputs(
    boards: dict[str, Board], pool: ThreadPoolExecutor, tmp_path_factory: pytest.TempPathFactory
) -> dict[Target, Outputs]:
    """For each target: by kernel path and zero-padding mode, by case."""

    def run(target: Target, out: Path) -> Outputs:
        board = boards[target[0]]
        arguments = (HERE / "run_corpus.py", target[1], board.library, CORPUS, out)
        done = board.computer.python(*arguments, path=[NATIVE / "support"])
        assert done.returncode == 0, done.stderr
        return {file.stem: dict(np.load(file)) for file in out.glob("*.npz")}

    folders = [tmp_path_factory.mktemp("outputs") for _ in TARGETS]
    return dict(zip(TARGETS, pool.map(run, TARGETS, folders), strict=True))


def paths(outputs: Outputs) -> list[str]:
    return sorted({key.rsplit("-", 1)[0] for key in outputs})


@pytest.mark.parametrize("target", TARGETS, ids="-".join)
@pytest.mark.parametrize(("name", "oracle"), COMPARISONS)
def test_every_path_equals_lce(
    outputs: dict[Target, Outputs], name: str, oracle: str, target: Target
) -> None:
    expected = np.load(CORPUS / f"{name}.npz")[oracle]
    for path in paths(outputs[target]):
        actual = outputs[target][f"{path}-{oracle}"][name]
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), path
        assert actual.tobytes() == expected.tobytes(), path


@pytest.mark.parametrize("target", TARGETS, ids="-".join)
def test_the_forced_path_is_the_one_that_ran(
    outputs: dict[Target, Outputs], target: Target
) -> None:
    found = outputs[target]
    assert {"reference", "portable"} <= set(paths(found))
    ran = {}
    for key, results in found.items():
        (number,) = np.flatnonzero(results["runs"])
        assert results["runs"][number] > 2 * len(CASES)
        ran.setdefault(key.rsplit("-", 1)[0], set()).add(int(number))
    assert all(len(numbers) == 1 for numbers in ran.values())
    assert len(set.union(*ran.values())) == len(ran)
