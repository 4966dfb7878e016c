from __future__ import annotations

import json
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk_training.config import run
from facesdk_training.config.run import RunConfig
from facesdk_training.config.schedules import learning_rate_at
from facesdk_training.config.stages import network_config, stages_of

MINIMAL = 'objective = "softmax"\n[network]\narchitecture = "A"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", run.recipes())
def test_the_shipped_recipes_are_complete(name: str) -> None:
    shipped = run.read(Path(name))
    for stage in stages_of(shipped, 1000):
        network_config(shipped, stage.config)


def test_the_papers_schedule_is_the_papers() -> None:
    paper = run.read(Path("paper"))
    steps = paper.steps_per_epoch
    assert (paper.epochs, steps, paper.batch_size) == (100, 10_000, 64)
    rates = {
        epoch: learning_rate_at(paper.schedule, epoch * steps, 100 * steps, steps)
        for epoch in (0, 39, 40, 69, 70, 89, 90, 99)
    }
    expected = [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5]
    assert list(rates.values()) == pytest.approx(expected)


def test_a_config_survives_json(tmp_path: Path) -> None:
    read = run.read(Path("compactfacenet-staged"))
    assert run.parse(json.loads(json.dumps(read.to_dict())), "json") == read


def test_assignments_change_tables_that_the_file_may_not_have(tmp_path: Path) -> None:
    read = run.read(
        write(tmp_path, MINIMAL),
        [
            "schedule.learning_rate=0.5",
            "schedule.milestones=[1, 2.5]",
            "network.width=0.25",
            "data.folder=faces dir/x",
            "validation.metric='tar_at_fmr_0.01'",
        ],
    )
    assert read.schedule.learning_rate == 0.5
    assert read.schedule.milestones == (1, 2.5)
    assert read.data.folder == "faces dir/x"
    assert read.validation.metric == "tar_at_fmr_0.01"
    assert network_config(read).width == 0.25


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("schedule.learning_rat=1", "schedule.learning_rat: "),
        ("epochs=0", "epochs must be above 0 and finite"),
        ("epochs=inf", "epochs"),
        ("epochs=nan", "epochs"),
        ("batch_size='many'", "batch_size: "),
        ("batch_size=2.5", "batch_size: "),
        ("objective=triplet", "objective: "),
        ("optimizer.ema_decay=1", "optimizer.ema_decay must be at least 0 and below 1"),
        ("optimizer.clip_norm=-1", "optimizer.clip_norm"),
        ("schedule.warmup_steps=-1", "schedule.warmup_steps"),
        ("stages=[{share=0}]", "stages.0.share must be above 0"),
        ("precision=int8", "precision: "),
        ("objective.x=1", "objective is no table"),
        ("epochs", "takes key=value"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, assignment: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        run.read(write(tmp_path, MINIMAL), [assignment])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objective = ", "is not valid TOML"),
        ('objective = "softmax"\n', "network"),
        ('objective = "softmax"\n[network]\nwidth = 1.0\n', "network.architecture is missing"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=r"run\.toml") as caught:
        run.read(write(tmp_path, text))
    assert message in str(caught.value)


def test_missing_files_and_recipes_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no recipe of that name: use one of compactfacenet"):
        run.read(Path("compactfacenett"))
    with pytest.raises(InputError, match="cannot read"):
        run.read(tmp_path / "none.toml")


def test_the_cosine_schedule_warms_up_and_ends_at_zero() -> None:
    schedule = run.ScheduleConfig(learning_rate=1.0, warmup_steps=10)
    rates = [learning_rate_at(schedule, step, 110, 50) for step in range(111)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == pytest.approx(0.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_stages_share_the_steps_and_override_the_network() -> None:
    staged: RunConfig = run.read(Path("compactfacenet-staged"))
    stages = stages_of(staged, 1001)
    assert [(stage.first_step, stage.last_step) for stage in stages] == [
        (0, 250),
        (250, 500),
        (500, 1001),
    ]
    variants = [network_config(staged, stage.config).variant for stage in stages]
    assert variants == ["float", "binary-activations", "QB"]
    assert network_config(staged).variant == "QB"
