"""The runs that printed tables rest on can still be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract, Probability, Threshold
from facesdk_training import engines
from facesdk_training.config import toml
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record
from sdk.models.as_converted import as_converted

RUNS = Path(__file__).parents[3] / "training" / "runs"
FOLDERS = sorted(path.parent for path in RUNS.rglob(run_folder.CONFIG))


@pytest.mark.parametrize("run", FOLDERS, ids=lambda run: run.relative_to(RUNS).as_posix())
def test_a_committed_run_says_what_was_trained(run: Path) -> None:
    config = run_record.config_of(run)
    stored = run_folder.read_record(run / run_folder.CONFIG)
    other = "source" in stored  # another program made it, and no engine of ours goes on with it
    assert (run_record.engine_of(run) in engines.ENGINES) != other
    assert stored["config"] == _plain(config.to_dict())
    assert run_folder.read_record(run / run_folder.CALIBRATION)["thresholds"]
    assert run_folder.read_log(run)


def _plain(value: object) -> object:
    """What JSON makes of it."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def test_there_are_runs() -> None:
    assert len(FOLDERS) == 25


def test_the_packaged_file_says_what_its_run_says() -> None:
    path = registry.resolve(registry.DEFAULT_RECOGNIZER)
    contract, converted = ModelBundle.load(path).contract, as_converted(path).contract
    record = run_folder.read_record(RUNS / "recogniser" / run_folder.CONFIG)
    calibration = run_folder.read_record(RUNS / "recogniser" / run_folder.CALIBRATION)
    assert converted.thresholds == tuple(Threshold(**row) for row in calibration["thresholds"])
    assert converted.probability == Probability(**calibration["probability"])
    assert [row.fmr for row in contract.thresholds] == [1e-4, 1e-3, 1e-2]
    _same_rates(contract, calibration)
    _same_words(contract, record)


def test_the_accurate_file_says_what_its_run_says() -> None:
    contract = ModelBundle.load(registry.resolve("accurate")).contract
    assert contract is not None
    record = run_folder.read_record(RUNS / "accurate" / run_folder.CONFIG)
    float_network = run_folder.read_record(RUNS / "accurate" / run_folder.CALIBRATION)
    _same_words(contract, record)
    _same_rates(contract, float_network)


def _same_rates(contract: Contract, float_network: dict[str, Any]) -> None:
    """Those of the file: few bits move them, and so do unclear faces."""
    for kept, before in zip(contract.thresholds, float_network["thresholds"], strict=True):
        assert kept.negative_pairs == before["negative_pairs"]
        assert kept.fnmr == pytest.approx(before["fnmr"], abs=0.01)


@pytest.mark.parametrize(
    ("recipe", "run"),
    [("compactfacenet-packaged", "recogniser"), ("mobilefacenet-packaged", "accurate")],
)
def test_the_shipped_recipe_is_that_of_the_run(recipe: str, run: str) -> None:
    shipped, trained = toml.read(Path(recipe)), run_record.config_of(RUNS / run)
    own = ("start_from", "budget", "seed", "data", "teacher")  # of the place and the time
    looked = replace(shipped.validation, every=trained.validation.every)
    same = {name: getattr(trained, name) for name in own}
    assert replace(shipped, validation=looked, **same) == trained


def _same_words(contract: Contract, record: dict[str, object]) -> None:
    for key in ("license", "source", "training_data"):
        assert getattr(contract, key) == record[key], key
