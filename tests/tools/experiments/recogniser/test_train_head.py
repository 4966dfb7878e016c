"""Hidden units of a head that are trained alone: what they change, and what they leave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk_training.architectures.registry import configure
from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.distortions import DistortionConfig
from facesdk_training.config.run import RunConfig
from facesdk_training.data.crops import INPUT, FaceCrops
from facesdk_training.data.split import split_by_identity
from facesdk_training.keras.compensation import fold
from facesdk_training.keras.loading import predict
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.statistics import measure_statistics
from facesdk_training.keras.weights import restore_latent, save_latent
from facesdk_training.runs import folder as run_folder
from tools.experiments.degraded_strangers import SETS, SHARE
from tools.experiments.package_recogniser import COMPENSATION
from tools.experiments.recogniser import head_features, train_head
from tools.experiments.recogniser.head_branch import Branch, Last, Settings, Trainer, unit
from training.faces import write_data, write_teacher

import tensorflow as tf  # isort: skip

LENGTH, UNITS, STEPS = 24, 16, 320
NETWORK = {
    "stem_channels": (8, 32),
    "stages": ((32, 1), (64, 1)),
    "embedding_length": LENGTH,
    "head_units": UNITS,
}
STRIPES = DistortionConfig("stripes", least=0.6, most=0.9)
ALIKE = AlikeConfig(weight=4.0, above=0.1, rows=(STRIPES,))
OWN = (DistortionConfig("mirror", share=0.5), DistortionConfig("brightness", share=0.5))
CONFIG = RunConfig(
    network=configure("CompactFaceNet", **NETWORK),
    objective="distillation",
    distortions=OWN,
    alike=ALIKE,
)


def write_run(run: Path, config: RunConfig, model: tf.keras.Model | None = None) -> Path:
    run.mkdir()
    record = {"config": config.to_dict()}
    run_folder.write_record(run / run_folder.CONFIG, record)
    save_latent(run / run_folder.LATENT, model or build_embedder(config.final_network))
    return run


def arrays(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / run_folder.LATENT) as kept:
        return {name: kept[name] for name in kept.files}


def told_apart(crops: np.ndarray) -> tf.keras.Model:
    """A network of random weights without the branch, of whose embeddings the mean is 0."""
    tf.keras.utils.set_random_seed(3)
    model = build_embedder(configure("CompactFaceNet", **{**NETWORK, "head_units": 0}))
    images = INPUT.normalise(crops[:, :, 8:104])
    measure_statistics(model, [images])
    last = model.get_layer("embedding")
    last.set_weights([last.get_weights()[0], -predict(model, images).mean(axis=0)])
    return model


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("faces") / "data", dict.fromkeys(SETS, 50))


@pytest.fixture(scope="module")
def trained(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run folder before and after the tool."""
    folder = tmp_path_factory.mktemp("trained")
    source = FaceCrops(faces)
    model = told_apart(np.stack([source.image(row) for row in range(0, len(source), 4)]))
    run = write_run(folder / "run", CONFIG, model)
    change = np.eye(LENGTH) + 0.1 * np.random.default_rng(2).normal(size=(LENGTH, LENGTH))
    np.savez(run / COMPENSATION, compensation=change.astype(np.float32))
    run_folder.append_log(run, {"step": 500, "stage": 1, "loss": 0.2})
    before = arrays(run)
    teacher = write_teacher(folder / "teacher.tflite", 32)
    train_head.main(
        [str(run), "--faces", str(faces), "--teacher", str(teacher), "--cache",
         str(folder / "cache"), "--minutes", "0", "--steps", str(STEPS)]
    )  # fmt: skip
    return {"run": run, "before": before, "change": change, "cache": folder / "cache"}


def network(run: Path) -> tf.keras.Model:
    model = build_embedder(CONFIG.final_network)
    assert restore_latent(run / run_folder.LATENT, model) == []
    return model


def test_only_the_branch_is_written(trained: dict[str, Any]) -> None:
    after = arrays(trained["run"])
    added = {"head_hidden/0", "head_hidden/1", "head_correction/0"}
    assert set(after) == set(trained["before"]) | added
    for name, values in trained["before"].items():
        assert after[name].dtype == values.dtype
        np.testing.assert_array_equal(after[name], values)
    assert np.abs(after["head_correction/0"]).max() > 0.01


def test_the_network_embeds_as_the_formula_says(trained: dict[str, Any], faces: Path) -> None:
    source, model = FaceCrops(faces), network(trained["run"])
    images = INPUT.normalise(np.stack([source.image(row)[:, 8:104] for row in range(12)]))
    f = predict(head_features.below_head(model), images).astype(np.float64)
    z = {name: values.astype(np.float64) for name, values in arrays(trained["run"]).items()}
    hidden = np.maximum(f @ z["head_hidden/0"] + z["head_hidden/1"], 0)
    expected = f @ z["embedding/0"] + z["embedding/1"] + hidden @ z["head_correction/0"]
    expected = expected @ np.load(trained["run"] / COMPENSATION)["compensation"]
    last = train_head.last_of(model, trained["run"])
    branch = Branch(*(z[f"head_{name}"] for name in ("hidden/0", "hidden/1", "correction/0")))
    np.testing.assert_allclose(last(f, branch), expected, atol=1e-6)
    fold(model, trained["change"])
    np.testing.assert_allclose(predict(model, images), expected, atol=1e-4)


def test_the_log_goes_on_with_another_stage(trained: dict[str, Any]) -> None:
    first, *rows = run_folder.read_log(trained["run"])
    assert first["stage"] == 1
    assert [(row["step"], row["stage"]) for row in rows] == [(800, 2), (500 + STEPS, 2)]
    assert rows[-1]["pairs"] < rows[0]["pairs"]


@pytest.fixture(scope="module")
def source(trained: dict[str, Any], faces: Path) -> head_features.Source:
    """Groups of the network that was trained, below its head."""
    body = head_features.below_head(network(trained["run"]))
    return head_features.Source.of(head_features.as_file(body, "QB"), FaceCrops(faces), CONFIG)


def test_strangers_spoilt_alike_part_and_good_photos_stay(
    trained: dict[str, Any], source: head_features.Source
) -> None:
    """Of groups that were not trained on."""
    model = network(trained["run"])
    last = train_head.last_of(model, trained["run"])
    branch = Branch(
        *model.get_layer("head_hidden").get_weights(),
        *model.get_layer("head_correction").get_weights(),
    )
    means, stay = [], []
    for number in (1001, 1003):
        group = source.group(number)
        pairs = np.triu_indices(head_features.GROUP, 1)
        found = [unit(last(group.spoilt[0], way)) for way in (None, branch)]
        means.append([np.mean((vectors @ vectors.T)[pairs]) for vectors in found])
        plain = [unit(last(group.undistorted[0], way)) for way in (None, branch)]
        stay.append(np.sum(plain[0] * plain[1], axis=1))
    without, with_it = np.mean(means, axis=0)
    assert without > 0.2
    assert with_it < 0.5 * without
    assert np.quantile(stay, 0.05) > 0.99


def test_a_group_has_one_distortion_or_those_of_the_run(source: head_features.Source) -> None:
    """A network that tells mean levels: what is dark is so in all crops of a group, or in some."""
    dark = replace(ALIKE, rows=(DistortionConfig("darkness", least=0.0, most=0.0),))
    own = (DistortionConfig("darkness", share=0.5, least=0.0, most=0.0),)
    one = replace(source, config=replace(CONFIG, alike=dark, distortions=own))
    for number in (5, 6):
        group = one.group(number)
        assert group.own.tolist() == [number == 6]
        alike = np.all(np.isclose(group.spoilt[0], group.spoilt[0, 0], atol=1e-5), axis=1)
        same = np.all(np.isclose(group.spoilt[0], group.undistorted[0], atol=1e-5), axis=1)
        assert (alike.all(), same.any()) == ((False, True) if number == 6 else (True, False))


def test_nobody_who_is_held_out_is_trained_on(source: head_features.Source) -> None:
    records, rows = source.crops.records, set(source.rows.tolist())
    split = split_by_identity(records, None, validation_sets=SETS, validation_share=SHARE)
    people = {(records[row].set, records[row].identity) for row in split.validation}
    assert people
    assert not people & {(records[row].set, records[row].identity) for row in rows}
    assert len(rows) > 0.8 * len(records)


def test_a_second_call_goes_on(
    source: head_features.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_features, "PART", 2)
    first = head_features.gathered(source, tmp_path, 0.0)
    (made,) = tmp_path.iterdir()
    content = made.read_bytes()
    seconds = float(np.load(made)["seconds"])
    same = head_features.gathered(source, tmp_path, 0.0)
    np.testing.assert_array_equal(first.spoilt, same.spoilt)
    more = head_features.gathered(source, tmp_path, 1.01 * seconds / 60, workers=2)
    assert made.read_bytes() == content
    assert len(more.own) > len(first.own) == 2
    np.testing.assert_array_equal(more.spoilt[:2], first.spoilt)
    third = source.group(2)
    np.testing.assert_allclose(more.spoilt[2], third.spoilt[0], atol=1e-5)
    np.testing.assert_allclose(more.undistorted[2], third.undistorted[0], atol=1e-5)


def test_features_are_kept_apart_by_what_they_come_from(
    trained: dict[str, Any], source: head_features.Source
) -> None:
    body = head_features.below_head(network(trained["run"]))
    key = source.key(body)
    assert (trained["cache"] / f"features-{key[:16]}").is_dir()
    heavier = replace(CONFIG, alike=replace(ALIKE, weight=9.0))
    assert replace(source, config=heavier).key(body) == key
    other = replace(CONFIG, alike=replace(ALIKE, rows=(replace(STRIPES, most=0.8),)))
    assert replace(source, config=other).key(body) != key
    assert source.key(head_features.below_head(build_embedder(CONFIG.final_network))) != key


MOBILE = configure(
    "MobileFaceNet",
    stem_channels=8,
    stages=((8, 1), (16, 1)),
    head_channels=32,
    embedding_length=LENGTH,
    head_units=UNITS,
)


@pytest.mark.parametrize("shape", [CONFIG.network, MOBILE], ids=["1-bit", "float"])
def test_a_file_computes_the_features_of_the_network(shape: Any, faces: Path) -> None:
    crops = FaceCrops(faces)
    images = [crops.image(row) for row in range(0, 40, 4)]
    body = head_features.below_head(build_embedder(shape))
    cut = INPUT.normalise(np.stack(images)[:, :, 8:104])
    measure_statistics(body, [cut])
    expected = predict(body, cut)
    got = head_features.features(head_features.as_file(body, shape.variant), images)
    assert got.shape == expected.shape == (10, 64 if shape is CONFIG.network else 32)
    assert np.sum(unit(got) * unit(expected), axis=1).min() > 0.999


def test_losses_are_those_of_the_definition() -> None:
    """So many undistorted crops are drawn that each counts about as much as the others."""
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(2, 12, 6))
    spoilt = 0.6 * plain + np.array([[[0.0]], [[1.5]]]) * np.sign(rng.normal(size=6))
    groups = head_features.Groups(
        np.array([True, False]), spoilt.astype(np.float32), plain.astype(np.float32)
    )
    kernel, bias, change = (rng.normal(size=size) for size in ((6, 5), 5, (5, 5)))
    last = Last(*(values.astype(np.float32) for values in (kernel, bias, change)))
    few = {"undistorted": 2000, "own": 1, "alike": 2}
    settings = Settings(steps=20, learning_rate=0.1, zero=0.2, zero_own=0.3, **few)
    trainer = Trainer(groups, last, 7, AlikeConfig(weight=9.0, above=0.2), settings)
    for number in range(10):
        trainer.step(number)
    branch, found = trainer.branch, trainer.step(10)

    given = np.vstack([*plain, *spoilt])
    targets = (np.vstack([*plain, *plain]) @ kernel + bias) @ change
    scale = np.linalg.norm(targets[:24], axis=1).mean()
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    added = np.maximum(given @ branch.hidden + branch.bias, 0) @ branch.correction @ change
    vectors = (given @ kernel + bias) @ change + added
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines, taught = vectors @ vectors.T, targets @ targets.T
    square = np.sum(added**2, axis=1) / scale**2
    weights = np.repeat([2000 / 24, 1.0], [24, 12]) / 2012
    excess = cosines - np.maximum(taught, 0.2)
    closest = [np.sort(np.delete(excess[row, 36:], row - 36))[-8:] for row in range(36, 48)]
    expected = {
        "zero": square[:24].mean(),
        "zero_own": square[24:36].mean(),
        "cosine": 1 - weights @ np.sum(vectors * targets, axis=1)[:36],
        "alike_cosine": 1 - np.mean(np.sum(vectors * targets, axis=1)[36:]),
        "relation": weights @ ((cosines - taught) ** 2)[:36, :36] @ weights,
        "pairs": np.mean(np.maximum(closest, 0) ** 2),
    }
    assert min(expected.values()) > 1e-3
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=5e-2), name
    factors = {"zero": 0.2, "zero_own": 0.3, "cosine": 1, "alike_cosine": 0.3, "relation": 2,
               "pairs": 9}  # fmt: skip
    total = sum(factors[name] * found[name] for name in factors)
    assert found["loss"] == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": configure("QB", width=0.25)}, "a QB has no hidden units"),
        ({"network": configure("CompactFaceNet")}, "head_units is 0"),
        ({"alike": AlikeConfig(weight=4.0)}, "no alike.rows"),
        ({"alike": replace(ALIKE, weight=0.0)}, "alike.weight is 0"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_line(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    record = {"config": replace(CONFIG, **change).to_dict()}
    run_folder.write_record(run / run_folder.CONFIG, record)
    with pytest.raises(SystemExit, match=words) as refused:
        train_head.main([str(run), "--faces", "none", "--teacher", "none", "--cache", "none"])
    assert "\n" not in str(refused.value)


def test_a_network_without_its_other_layers_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", CONFIG)
    kept = {name: row for name, row in arrays(run).items() if not name.startswith("head_bn")}
    np.savez(run / run_folder.LATENT, **kept)
    with pytest.raises(SystemExit, match=r"lacks head_bn$"):
        train_head.network_of(run)
