from __future__ import annotations

from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record

STAGED = {
    "objective": "distillation",
    "epochs": 10,
    "batch_size": 8,
    "network": {"architecture": "CompactFaceNet"},
    "stages": [{"share": 1, "network": {"variant": "float"}}, {"share": 1, "network": {}}],
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """As earlier versions wrote it: without an engine, and with what differs in a stage."""
    record = {"data_sha256": "0" * 64, "crops": {"train": 80}, "config": STAGED}
    run_folder.write_record(tmp_path / run_folder.CONFIG, record)
    return tmp_path


def test_a_run_of_an_earlier_version_goes_on(run: Path) -> None:
    assert run_record.engine_of(run) == "keras"
    config = run_record.resumed_config(run, ["epochs=10"])
    assert [stage.network.variant for stage in config.stages] == ["float", "QB"]
    run_record.require_same_stages(run, config, saved_step=50)


def test_stages_are_compared_at_the_step_that_was_saved(run: Path) -> None:
    config = run_record.resumed_config(run, ["stages.1.learning_rate=0.5"])
    run_record.require_same_stages(run, config, saved_step=None)
    run_record.require_same_stages(run, config, saved_step=50)
    with pytest.raises(InputError, match=r"stages.1 was entered at step 50 of the 51"):
        run_record.require_same_stages(run, config, saved_step=51)


@pytest.mark.parametrize(
    "assignment", ["batch_size=4", "network.variant=float", "loss.margin=1", "seed=2"]
)
def test_what_decides_the_result_stays(run: Path, assignment: str) -> None:
    with pytest.raises(InputError, match="leave out " + assignment):
        run_record.resumed_config(run, [assignment])


def test_a_run_that_does_not_say_how_many_crops_it_has_is_refused(run: Path) -> None:
    config = run_record.config_of(run)
    run_folder.write_record(run / run_folder.CONFIG, {"config": STAGED})
    with pytest.raises(InputError, match="was not written by this version"):
        run_record.require_same_stages(run, config, saved_step=3)
