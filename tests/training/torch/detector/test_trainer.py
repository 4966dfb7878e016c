"""A run: its files, going on after an interruption, growing, and what is refused."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facesdk.errors import InputError
from facesdk_training.architectures.finder import FinderPlan
from facesdk_training.detector import trainer as trainers
from facesdk_training.detector import weights
from facesdk_training.detector.config import FinderConfig, ScheduleConfig
from facesdk_training.detector.network import BinaryUnit, Finder
from facesdk_training.detector.scenes.config import SceneConfig
from facesdk_training.detector.trainer import Execution, FinderTrainer
from facesdk_training.runs import finder as finder_file

TINY = FinderPlan(4, (8, 8, 8, 8), (0, 0, 0, 0))
CONFIG = FinderConfig(
    network=TINY,
    scenes=SceneConfig(canvases=(96, 64)),
    schedule=ScheduleConfig(budget=10, batch=2, warmup=2, evaluate_every=4, held_scenes=1),
)
CPU = Execution("cpu")


@pytest.fixture(autouse=True)
def a_clock_that_steps(monkeypatch) -> None:
    """A step takes a second, and an evaluation one more: runs do not depend on the computer."""
    ticks = itertools.count()
    monkeypatch.setattr(trainers.time, "monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr(trainers, "_JUDGED_SIDE", 64)
    monkeypatch.setattr(trainers, "_JUDGED_BATCH", 2)


def test_a_run_trains_until_its_budget_and_leaves_its_files(stores, tmp_path):
    trainer = FinderTrainer(tmp_path, CONFIG, stores, CPU)
    assert (trainer.photos, trainer.held) == (37, 5)
    steps = []
    assert trainer.train(lambda seconds, step, speed: steps.append((seconds, step, speed)))
    assert [step for _, step, _ in steps] == list(range(1, len(steps) + 1))
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1] == trainers.last_record(tmp_path)
    assert rows[-1]["seconds"] >= 8  # the last evaluation may use what is left of the ten
    assert rows[-1]["scenes"] == 2 * len(steps) == trainer.scenes_seen
    assert set(rows[-1]["losses"]) == {"object", "fit", "box", "points"}
    assert finder_file.read(tmp_path / "finder.npz").scenes == trainer.scenes_seen
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["schedule"]["batch"] == 2
    assert trainers.resumed_config(tmp_path, ["schedule.budget=20"]) == replace(
        CONFIG, schedule=replace(CONFIG.schedule, budget=20.0)
    )


def test_an_interrupted_run_ends_as_one_that_was_not(stores, tmp_path):
    FinderTrainer(tmp_path / "whole", CONFIG, stores, CPU).train()
    halves = FinderTrainer(tmp_path / "halves", CONFIG, stores, CPU)
    assert not halves.train(lambda seconds, step, speed: halves.stop() if step == 4 else None)
    assert FinderTrainer(tmp_path / "halves", CONFIG, stores, CPU).train()
    whole, other = (finder_file.read(tmp_path / n / "finder.npz") for n in ("whole", "halves"))
    assert whole.scenes == other.scenes
    for name, values in whole.state.items():
        np.testing.assert_array_equal(values, other.state[name], err_msg=name)


def test_another_plan_is_not_resumed(stores, tmp_path):
    FinderTrainer(tmp_path, CONFIG, stores, CPU).train()
    other = replace(CONFIG, network=replace(TINY, stem=8))
    with pytest.raises(InputError, match="does not belong to this run"):
        FinderTrainer(tmp_path, other, stores, CPU)


def test_a_run_without_a_checkpoint_that_can_be_read_is_refused(stores, tmp_path):
    FinderTrainer(tmp_path, CONFIG, stores, CPU).train()
    for content in (b"", b"hello", (tmp_path / "checkpoint.pt").read_bytes()[:999]):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(InputError, match="is damaged or does not belong to this run"):
            FinderTrainer(tmp_path, CONFIG, stores, CPU)
    (tmp_path / "checkpoint.pt").unlink()
    with pytest.raises(InputError, match=r"has a log.jsonl but no checkpoint.pt to go on from"):
        FinderTrainer(tmp_path, CONFIG, stores, CPU)


def test_a_row_that_was_not_saved_is_not_there_twice(stores, tmp_path):
    trainer = FinderTrainer(tmp_path, CONFIG, stores, CPU)
    trainer.train(lambda seconds, step, speed: trainer.stop() if step == 4 else None)
    log = (tmp_path / "log.jsonl").read_text()
    row = json.loads(log.splitlines()[-1])
    (tmp_path / "log.jsonl").write_text(log + json.dumps({**row, "steps": row["steps"] + 1}) + "\n")
    FinderTrainer(tmp_path, CONFIG, stores, CPU)
    assert (tmp_path / "log.jsonl").read_text() == log


def test_a_run_begins_with_the_weights_it_is_given(stores, tmp_path):
    FinderTrainer(tmp_path / "first", CONFIG, stores, CPU).train()
    start = str(tmp_path / "first" / "finder.npz")
    second = FinderTrainer(tmp_path / "second", replace(CONFIG, start=start), stores, CPU)
    assert second.scenes_seen == finder_file.read(Path(start)).scenes


def test_a_loss_that_is_no_number_ends_the_run(stores, tmp_path, monkeypatch):
    monkeypatch.setattr(
        trainers,
        "loss",
        lambda maps, *_: (sum(m.sum() for m in maps), torch.full((4,), float("nan"))),
    )
    with pytest.raises(InputError, match="no longer a number"):
        FinderTrainer(tmp_path, CONFIG, stores, CPU).train()
    assert not (tmp_path / "finder.npz").exists()


def randomised(plan: FinderPlan) -> Finder:
    torch.manual_seed(1)
    network = Finder(plan).eval()
    for value in network.state_dict().values():
        if value.dim() == 1:
            value.uniform_(0.5, 1.5)
    return network


def test_weights_come_back_with_a_probe(tmp_path):
    network = randomised(TINY)
    weights.save(tmp_path / "finder.npz", network, 7)
    stored = finder_file.read(tmp_path / "finder.npz")
    assert (stored.scenes, stored.plan) == (7, TINY)
    again = Finder(TINY).eval()
    assert weights.load(again, tmp_path / "finder.npz") == 7
    image = torch.from_numpy(stored.probe_input.transpose(2, 0, 1).copy())[None]
    with torch.no_grad():
        for level in again(image):
            stride = image.shape[2] // level.shape[2]
            values = level[0].permute(1, 2, 0).numpy()
            np.testing.assert_allclose(values, stored.probe_outputs[stride], atol=1e-5)


def test_a_network_that_grew_computes_the_same_at_first(tmp_path):
    small, large = randomised(TINY), Finder(replace(TINY, blocks=(0, 1, 0, 2))).eval()
    weights.save(tmp_path / "finder.npz", small, 1)
    weights.load(large, tmp_path / "finder.npz")
    image = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        for expected, got in zip(small(image), large(image), strict=True):
            torch.testing.assert_close(got, expected)


def test_a_1_bit_unit_is_signs_times_signs_beside_what_they_are_of():
    torch.manual_seed(3)
    unit = BinaryUnit(8).eval()
    for name, value in unit.state_dict().items():
        if name.split(".")[1] == "1" and value.dim() == 1:
            value.uniform_(0.5, 1.5)
    image = torch.randn(1, 8, 5, 6)
    with torch.no_grad():
        spread = unit.depthwise(image)
        got = unit(image)[0].numpy()
    values, kernel = spread[0].numpy(), unit.pointwise[0].weight[:, :, 0, 0].detach().numpy()
    sums = np.einsum("oi,ihw->ohw", np.where(kernel < 0, -1, 1), np.where(values < 0, -1, 1))
    norm = {name: value.numpy() for name, value in unit.pointwise[1].state_dict().items()}
    gain = norm["weight"] / np.sqrt(norm["running_var"] + 1e-3)
    mixed = (sums - norm["running_mean"][:, None, None]) * gain[:, None, None]
    whole = mixed + norm["bias"][:, None, None] + values + image[0].numpy()
    np.testing.assert_allclose(got, np.maximum(whole, 0), atol=1e-5)


def test_a_1_bit_finder_begins_with_the_signs_of_a_float_one_and_stays_within_1(stores, tmp_path):
    start = tmp_path / "finder.npz"
    weights.save(start, randomised(TINY), 5)
    schedule = replace(CONFIG.schedule, learning_rate=5.0)
    plan = replace(TINY, binary=True)
    config = replace(CONFIG, network=plan, start=str(start), schedule=schedule)
    network = Finder(plan)
    weights.load(network, start)
    latent = network.latent()
    assert len(latent) == 5  # three stages and the neck keep the number of channels
    kept = finder_file.read(start).state["neck.1.pointwise.0.weight"]
    np.testing.assert_array_equal(latent[-1].detach().numpy(), kept)
    trainer = FinderTrainer(tmp_path / "run", config, stores, CPU)
    trainer.train(lambda seconds, step, speed: trainer.stop() if step == 2 else None)
    stored = finder_file.read(tmp_path / "run" / "finder.npz")
    assert stored.plan.binary
    assert np.abs(stored.state["neck.1.pointwise.0.weight"]).max() <= 1
    with pytest.raises(InputError, match="of another size"):
        weights.load(Finder(TINY), tmp_path / "run" / "finder.npz")


@pytest.mark.parametrize("plan", [replace(TINY, stem=8), replace(TINY, channels=(4, 8, 8, 8))])
def test_another_size_is_refused(tmp_path, plan):
    weights.save(tmp_path / "finder.npz", randomised(TINY), 1)
    with pytest.raises(InputError, match="of another size"):
        weights.load(Finder(plan), tmp_path / "finder.npz")


def test_a_smaller_network_is_refused(tmp_path):
    weights.save(tmp_path / "finder.npz", randomised(replace(TINY, blocks=(1, 0, 0, 0))), 1)
    with pytest.raises(InputError, match="of another size"):
        weights.load(Finder(TINY), tmp_path / "finder.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"])
def test_what_is_no_finder_is_refused(tmp_path, content):
    (tmp_path / "finder.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"no finder.npz"):
        finder_file.read(tmp_path / "finder.npz")


@pytest.mark.parametrize(
    ("part", "wrong", "message"),
    [
        (FinderPlan, {"channels": (8, 8, 8, 16)}, "must be equal"),
        (FinderPlan, {"stem": 0}, "at least 1"),
        (ScheduleConfig, {"budget": 0}, "budget"),
        (ScheduleConfig, {"batch": 1}, "batch"),
        (ScheduleConfig, {"reuse": 0.5}, "reuse"),
        (SceneConfig, {"turn": -1}, "at least 0"),
        (FinderConfig, {"seed": -1}, "seed: must be between 0 and 4294967295, but is -1"),
    ],
)
def test_a_configuration_out_of_range_is_named(part, wrong, message):
    with pytest.raises(InputError, match=message):
        part(**wrong)
