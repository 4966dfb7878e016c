from __future__ import annotations

import json
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.config import toml
from facesdk_training.config.stages import stages_of

MINIMAL = 'objective = "softmax"\n[network]\narchitecture = "A"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", toml.recipes())
def test_the_shipped_recipes_are_complete(name: str) -> None:
    shipped = toml.read(Path(name))
    assert stages_of(shipped, 1000)[-1].network == shipped.final_network


def test_a_config_survives_json(tmp_path: Path) -> None:
    read = toml.read(Path("compactfacenet-staged"))
    assert toml.parse(json.loads(json.dumps(read.to_dict())), "json") == read


def test_assignments_change_tables_that_the_file_may_not_have(tmp_path: Path) -> None:
    read = toml.read(
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
    assert read.network.width == 0.25


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
        ("alike.share=1", "alike.share must be at least 0 and below 1"),
        ("alike.rows=[{name='fog'}]", "alike.rows"),
        ("precision=int8", "precision: "),
        ("objective.x=1", "objective is no table"),
        ("objective.x.y=1", "there is no x to change"),
        ("stages.0.share=1", "there is no 0 to change"),
        ("network.architecture=ZZ", "network: architecture must be one of A, B, C, Q, QB, Comp"),
        ("network.widht=0.5", "network: A has no widht; it has units"),
        ("network.width=wide", "network: width: "),
        ("network=A", "network: must be a table, but is 'A'"),
        ("objective=triplet", "must be one of 'softmax', 'cosface', 'arcface' or 'distillation'"),
        ("schedule.kind=linear", "schedule.kind: must be one of 'cosine' or 'steps', but got 'li"),
        ("validation.metric=eer", "must be one of 'accuracy' or 'tar_at_fmr_0.01', but"),
        ("optimizer.float_weights=sdg", "must be one of 'adam' or 'sgd', but got 'sdg'"),
        ("schedule.learning_rat=1", "there is no such key, but kind, learning_rate, warmup_steps"),
        ("stages=[{}]", "stages.0.share: is missing"),
        ("stages=[{share=1,network={input_width=112}},{share=1}]", "stages.0.network.input_width"),
        ("epochs", "takes key=value"),
        ("batch_size=true", "batch_size: must be a whole number, but got true"),
        ("batch_size='8'", 'batch_size: must be a whole number, but got "8"'),
        ("epochs='1'", 'epochs: must be a number, but got "1"'),
        ("epochs=true", "epochs: must be a number, but got true"),
        ("data.labelled_only='no'", 'data.labelled_only: must be true or false, but got "no"'),
        ("data.folder=3", "data.folder: must be text, but got 3"),
        ("network.width=true", "network: width: must be a number, but got true"),
        ("network.units=['1',2,5,3]", 'network: units.0: must be a whole number, but got "1"'),
        ("stages=[{share='1'}]", 'stages.0.share: must be a number, but got "1"'),
        ("seed=4294967296", "seed must be between 0 and 4294967295, but is 4294967296"),
        ("seed=-1", "seed must be between 0"),
        ("optimizer.momentum=1", "optimizer.momentum must be at least 0 and below 1, but is 1"),
        ("optimizer.momentum=-0.1", "optimizer.momentum must be at least 0"),
        ("loss.scale=0", "loss.scale must be above 0"),
        ("loss.margin=-0.1", "loss.margin must be between 0 and 3.1416, but is -0.1"),
        ("loss.factor_weight=-1", "loss.factor_weight must not be negative"),
        ("loss.filter_weight=-1", "loss.filter_weight must not be negative"),
        ("schedule.factor=0", "schedule.factor must be above 0"),
        ("schedule.milestones=[2, 2]", "schedule.milestones must rise and none be below 0, but"),
        ("schedule.milestones=[-1, 2]", "schedule.milestones must rise and none be below 0, but"),
        ("augmentation.low_resolution=1.5", "low_resolution must be between 0 and 1, but is 1.5"),
        ("augmentation.grey=-1", "augmentation: grey must be between 0 and 1"),
        ("augmentation.shift=57", "augmentation: shift must be between 0 and 56, but is 57"),
        ("augmentation.scale=0.6", "augmentation: scale must be between 0 and 0.5"),
        ("augmentation.rotation=181", "augmentation: rotation must be between 0 and 180"),
        ("augmentation.contrast=-1", "augmentation: contrast must be between 0 and 1"),
        ("augmentation.brightness=256", "augmentation: brightness must be between 0 and 255"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, assignment: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        toml.read(write(tmp_path, MINIMAL), [assignment])
    assert message in str(caught.value)


def test_a_margin_is_of_what_the_objective_takes_it_from(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    assert toml.read(path, ["objective=arcface", "loss.margin=2.5"]).loss.margin == 2.5
    with pytest.raises(InputError, match=r"loss.margin must be between 0 and 2, but is 2.5"):
        toml.read(path, ["objective=cosface", "loss.margin=2.5"])


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    read = toml.read(write(tmp_path, MINIMAL), ["epochs=3", "network.width=1", "seed=4294967295"])
    assert (read.epochs, read.network.width, read.seed) == (3.0, 1.0, 2**32 - 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objective = ", "is not valid TOML"),
        ('objective = "softmax"\n', "network: is missing and needs architecture, one of A, B, C"),
        (
            '[network]\narchitecture = "A"\n',
            "objective: is missing and must be one of softmax, cos",
        ),
        (
            'objective = "softmax"\n[network]\nwidth = 1.0\n',
            "network: architecture is missing, it must be one of A, B, C, Q, QB, Co",
        ),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=r"run\.toml") as caught:
        toml.read(write(tmp_path, text))
    assert message in str(caught.value)


def test_missing_files_and_recipes_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no recipe of that name: use one of compactfacenet"):
        toml.read(Path("compactfacenett"))
    with pytest.raises(InputError, match="cannot read"):
        toml.read(tmp_path / "none.toml")


def test_a_misspelt_key_of_a_later_stage_is_named_when_the_file_is_read() -> None:
    with pytest.raises(InputError) as caught:
        toml.read(Path("compactfacenet-staged"), ["stages.1.network.variannt=QB", "epochs=0.5"])
    assert "stages.1.network: CompactFaceNet has no variannt; it has variant" in str(caught.value)


def test_every_problem_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        toml.read(Path("compactfacenet-staged"), ["network.depth=3", "batch_size=many"])
    assert str(caught.value).count("CompactFaceNet has no depth") == 1
    assert "batch_size: " in str(caught.value)


def test_every_stage_says_its_whole_network() -> None:
    staged = toml.read(Path("compactfacenet-staged"), ["network.embedding_length=64"])
    assert [stage.network.embedding_length for stage in staged.stages] == [64, 64, 64]
    record = json.loads(json.dumps(staged.to_dict()))
    changed = toml.assigned(record, ["stages.1.network.variant=QB", "stages.1.learning_rate=0.5"])
    again = toml.parse(changed, "json")
    assert [stage.network.variant for stage in again.stages] == ["float", "QB", "QB"]
    assert [stage.learning_rate for stage in again.stages] == [1.0, 0.5, 1.0]


def test_records_of_earlier_versions_are_read() -> None:
    """They have the file's tables, in which stages name only what differs."""
    record = {
        "objective": "distillation",
        "network": {"architecture": "compactfacenet", "stages": [[64, 3]]},
        "stages": [{"share": 1, "network": {"variant": "float"}, "learning_rate": 1.0}],
    }
    config = toml.parse(record, "record")
    assert config.final_network == CompactFaceNetConfig(variant="float", stages=((64, 3),))
