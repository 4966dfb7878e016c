"""The last layers of a recogniser that are trained alone: what they change, and what they leave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from tools.experiments.recogniser import last_targets, stored_maps, train_last
from tools.experiments.recogniser.last_layers import Settings, Trainer, unit
from tools.experiments.recogniser.stored_maps import Groups, Kind
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


def told_apart(crops: np.ndarray, config: RunConfig) -> tf.keras.Model:
    """A network of random weights without hidden units, of whose embeddings the mean is 0."""
    tf.keras.utils.set_random_seed(3)
    model = build_embedder(replace(config.final_network, head_units=0))
    images = INPUT.normalise(crops[:, :, 8:104])
    measure_statistics(model, [images])
    last = model.get_layer("embedding")
    last.set_weights([last.get_weights()[0], -predict(model, images).mean(axis=0)])
    return model


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("faces") / "data", dict.fromkeys(SETS, 50))


def run_of(folder: Path, config: RunConfig, faces: Path) -> Path:
    source = FaceCrops(faces)
    crops = np.stack([source.image(row) for row in range(0, len(source), 4)])
    return write_run(folder / "run", config, told_apart(crops, config))


def train(run: Path, faces: Path, *more: str) -> None:
    teacher = write_teacher(run.parent / "teacher.tflite", 32)
    train_last.main(
        [str(run), "--faces", str(faces), "--teacher", str(teacher), "--cache",
         str(run.parent / "cache"), "--minutes", "0", "--set", f"steps={STEPS}", *more]
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run folder before and after the tool."""
    run = run_of(tmp_path_factory.mktemp("trained"), CONFIG, faces)
    change = np.eye(LENGTH) + 0.1 * np.random.default_rng(2).normal(size=(LENGTH, LENGTH))
    np.savez(run / COMPENSATION, compensation=change.astype(np.float32))
    run_folder.append_log(run, {"step": 500, "stage": 1, "loss": 0.2})
    before = arrays(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_maps, "PART", 32)
        train(run, faces)
    return {"run": run, "before": before, "change": change, "cache": run.parent / "cache"}


def network(run: Path, config: RunConfig = CONFIG) -> tf.keras.Model:
    model = build_embedder(config.final_network)
    assert restore_latent(run / run_folder.LATENT, model) == []
    return model


def embedded(model: tf.keras.Model, images: Sequence[np.ndarray]) -> np.ndarray:
    return unit(predict(model, INPUT.normalise(np.stack(images)[:, :, 8:104])))


def test_hidden_units_alone_are_written(trained: dict[str, Any]) -> None:
    after = arrays(trained["run"])
    added = {"head_hidden/0", "head_hidden/1", "head_correction/0"}
    assert set(after) == set(trained["before"]) | added
    for name, values in trained["before"].items():
        assert after[name].dtype == values.dtype
        np.testing.assert_array_equal(after[name], values)
    assert np.abs(after["head_correction/0"]).max() > 0.01


def test_the_log_goes_on_with_another_stage(trained: dict[str, Any]) -> None:
    first, *rows = run_folder.read_log(trained["run"])
    assert first["stage"] == 1
    assert [(row["step"], row["stage"]) for row in rows] == [(800, 2), (500 + STEPS, 2)]
    assert rows[-1]["pairs"] < rows[0]["pairs"]


@pytest.fixture(scope="module")
def source(trained: dict[str, Any], faces: Path) -> stored_maps.Source:
    """Groups of the network that was trained, below its head."""
    body = stored_maps.parted(network(trained["run"]), "embedding")[0]
    return stored_maps.Source.of(body, FaceCrops(faces), CONFIG)


def test_strangers_spoilt_alike_part_and_good_photos_stay(
    trained: dict[str, Any], source: stored_maps.Source
) -> None:
    plain = [source.crops.image(row) for row in source.rows[::9]]
    rng = np.random.default_rng(5)
    spoilt = [
        stored_maps.distorted(image, (replace(STRIPES, least=0.7, most=0.7),), 112, 112, 0.0, rng)
        for image in plain
    ]
    model = network(trained["run"])
    fold(model, trained["change"])
    with_it = [embedded(model, images) for images in (plain, spoilt)]
    train_last.forget_units(model)
    without = [embedded(model, images) for images in (plain, spoilt)]
    pairs = np.triu_indices(len(plain), 1)
    together, apart = (np.mean((rows[1] @ rows[1].T)[pairs]) for rows in (without, with_it))
    assert together > 0.2
    assert apart < 0.5 * together
    assert np.quantile(np.sum(without[0] * with_it[0], axis=1), 0.05) > 0.99


def test_a_group_has_one_distortion_or_those_of_the_run(source: stored_maps.Source) -> None:
    """A network that tells mean levels: what is dark is so in all crops of a group, or in some."""
    dark = replace(ALIKE, rows=(DistortionConfig("darkness", least=0.0, most=0.0),))
    own = (DistortionConfig("darkness", share=0.5, least=0.0, most=0.0),)
    one = replace(source, config=replace(CONFIG, alike=dark, distortions=own))
    black = stored_maps.features(one.embedder, [np.zeros((112, 112, 3), np.uint8)])[0]
    for number, kind in enumerate(stored_maps.KINDS):
        group = one.group(number)
        assert group.kinds.tolist() == [kind]
        dark_ones = np.all(np.isclose(group.maps[0], black, rtol=1e-3, atol=1e-3), axis=1)
        expected = {Kind.PLAIN: (False, False), Kind.OWN: (True, False), Kind.ALIKE: (True, True)}
        assert (dark_ones.any(), dark_ones.all()) == expected[kind]


def test_half_of_a_plain_group_is_mirrored(source: stored_maps.Source) -> None:
    group = source.group(stored_maps.KINDS.index(Kind.PLAIN))
    images = [source.crops.image(row) for row in group.rows[0]]
    ways = [
        stored_maps.features(source.embedder, some)
        for some in (images, [image[:, ::-1] for image in images])
    ]
    near = [np.abs(way - group.maps[0]).max(axis=1) < 1e-2 for way in ways]
    assert (near[0] | near[1]).all()
    assert 10 < np.count_nonzero(near[1] & ~near[0]) < 54


def test_nobody_who_is_held_out_is_trained_on(source: stored_maps.Source) -> None:
    records, rows = source.crops.records, set(source.rows.tolist())
    split = split_by_identity(records, None, validation_sets=SETS, validation_share=SHARE)
    people = {(records[row].set, records[row].identity) for row in split.validation}
    assert people
    assert not people & {(records[row].set, records[row].identity) for row in rows}
    assert len(rows) > 0.8 * len(records)
    assert set(source.group(1).rows[0].tolist()) <= rows


def test_a_second_call_goes_on(
    source: stored_maps.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_maps, "PART", 2)
    first = stored_maps.gathered(source, tmp_path, 0.0)
    (made,) = tmp_path.iterdir()
    content = made.read_bytes()
    seconds = float(np.load(made)["seconds"])
    same = stored_maps.gathered(source, tmp_path, 0.0)
    np.testing.assert_array_equal(first.maps, same.maps)
    more = stored_maps.gathered(replace(source, workers=2), tmp_path, 1.01 * seconds / 60)
    assert made.read_bytes() == content
    assert len(more.kinds) > len(first.kinds) == 2
    np.testing.assert_array_equal(more.maps[:2], first.maps)
    third = source.group(2)
    np.testing.assert_allclose(more.maps[2], third.maps[0], atol=2e-3)
    np.testing.assert_array_equal(more.rows[2], third.rows[0])


def test_maps_are_kept_apart_by_what_they_come_from(
    trained: dict[str, Any], source: stored_maps.Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_maps, "PART", 32)
    body = stored_maps.parted(network(trained["run"]), "embedding")[0]
    key = source.key(body)
    assert (trained["cache"] / f"maps-{key[:16]}").is_dir()
    heavier = replace(CONFIG, alike=replace(ALIKE, weight=9.0))
    assert replace(source, config=heavier).key(body) == key
    other = replace(CONFIG, alike=replace(ALIKE, rows=(replace(STRIPES, most=0.8),)))
    assert replace(source, config=other).key(body) != key
    assert (
        source.key(stored_maps.parted(build_embedder(CONFIG.final_network), "embedding")[0]) != key
    )


MOBILE = configure(
    "MobileFaceNet",
    stem_channels=8,
    stages=((8, 1), (16, 1)),
    head_channels=32,
    embedding_length=LENGTH,
    head_units=UNITS,
)


AFTER = "stage2_unit1_project_bn"
TAUGHT = replace(CONFIG, network=replace(MOBILE, embedding_length=32))


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [(CONFIG.network, "embedding", (64,)), (MOBILE, "embedding", (32,)), (MOBILE, AFTER, None)],
    ids=["1-bit", "float", "maps"],
)
def test_a_file_computes_the_maps_of_the_network(
    shape: Any, layer: str, expected: tuple[int, ...] | None, faces: Path
) -> None:
    crops = FaceCrops(faces)
    images = [crops.image(row) for row in range(0, 40, 4)]
    model = build_embedder(shape)
    cut = INPUT.normalise(np.stack(images)[:, :, 8:104])
    measure_statistics(model, [cut])
    body, _ = stored_maps.parted(model, layer)
    wanted = predict(body, cut)
    assert wanted.shape[1:] == (expected or (14, 12, 16))
    got = stored_maps.features(stored_maps.as_file(body, shape.variant), images)
    wanted = wanted.reshape(got.shape)
    assert np.sum(unit(got) * unit(wanted), axis=1).min() > 0.999


def test_layers_behind_a_cut_learn_from_the_teacher(faces: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path, TAUGHT, faces)
    before, first = arrays(run), network_without_units(run, TAUGHT)
    faster = ("layer_rate=6e-3", "average=0.9", "steps=100")
    train(run, faces, "--after", AFTER, *(word for each in faster for word in ("--set", each)))
    after = arrays(run)
    behind = ("features_", "head_", "embedding/")
    changed = {name for name, values in before.items() if not np.array_equal(values, after[name])}
    statistics = {"features_bn/2", "features_bn/3", "head_bn/2", "head_bn/3"}
    assert changed == {name for name in before if name.startswith(behind)} - statistics
    crops = FaceCrops(faces)
    images = [crops.image(row) for row in range(0, len(crops), 11)]
    taught = taught_directions(tmp_path / "teacher.tflite", images)
    was, found = (
        np.mean(np.sum(embedded(model, images) * taught, axis=1))
        for model in (first, network(run, TAUGHT))
    )
    assert found > was + 0.3


def network_without_units(run: Path, config: RunConfig) -> tf.keras.Model:
    model = build_embedder(config.final_network)
    assert set(restore_latent(run / run_folder.LATENT, model)) == {"head_hidden", "head_correction"}
    return model


def taught_directions(teacher: Path, images: Sequence[np.ndarray]) -> np.ndarray:
    """The mean direction of each crop and of its mirror image."""
    embedder = stored_maps.Embedder.load(teacher, trust=True)
    crops = np.stack(images)
    return unit(embedder.embed(crops) + embedder.embed(np.ascontiguousarray(crops[:, :, ::-1])))


def test_targets_are_without_a_share_of_what_a_set_has_in_common(
    source: stored_maps.Source,
) -> None:
    rng = np.random.default_rng(4)
    targets = unit(rng.normal(size=(len(source.crops), 8)) + np.eye(8)[0]).astype(np.float32)
    records, name = source.crops.records, SETS[0]
    own = [row for row in source.rows if records[row].set == name]
    moment = targets[own].T.astype(np.float64) @ targets[own]
    common = np.linalg.eigh(moment)[1][:, -1]
    found = last_targets.without(targets, source, {name: 0.4})
    along = targets[source.rows] @ common
    expected = unit(targets[source.rows] - 0.4 * along[:, np.newaxis] * common)
    np.testing.assert_allclose(found[source.rows], expected, atol=1e-5)
    np.testing.assert_array_equal(last_targets.without(targets, source, {}), targets)


@dataclass(frozen=True)
class Projecting:
    """A teacher that has random projections of crops."""

    model_id: str
    length: int

    def embed(self, crops: np.ndarray) -> np.ndarray:
        pixels = crops[:, ::8, ::8].reshape(len(crops), -1) - 120.0
        rng = np.random.default_rng(self.length)
        return unit(pixels @ rng.normal(size=(pixels.shape[1], self.length))).astype(np.float32)


def test_several_teachers_are_one_whose_cosines_are_the_means_of_theirs(
    source: stored_maps.Source, tmp_path: Path
) -> None:
    teachers = [Projecting("one", 5), Projecting("other", 7)]
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(12, 12)))[0]

    def together(crops: np.ndarray) -> np.ndarray:
        means = [unit(one.embed(crops) + one.embed(crops[:, :, ::-1])) for one in teachers]
        return np.concatenate(means, axis=1) / np.sqrt(2) @ turn

    found = last_targets.taught_by(teachers, together, source, tmp_path, 12)
    expected = together(np.stack([source.crops.image(row) for row in source.rows]))
    np.testing.assert_allclose(found[source.rows], expected, atol=1e-5)
    assert not np.any(np.delete(found, source.rows, axis=0))


def test_a_longer_teacher_is_shortened_by_what_it_has_least_of(
    source: stored_maps.Source, tmp_path: Path
) -> None:
    images = np.stack([source.crops.image(row) for row in source.rows])
    teacher = Projecting("long", 9)
    whole = unit(teacher.embed(images) + teacher.embed(images[:, :, ::-1]))
    left, values, _ = np.linalg.svd(whole, full_matrices=False)
    expected = unit(left[:, :6] * values[:6])
    found = last_targets.taught_by(
        [teacher], lambda some: np.ones((len(some), 6)), source, tmp_path, 6
    )[source.rows]
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)


def small_network() -> tf.keras.Model:
    """Maps of 6 numbers, a layer of 8 between, and a head."""
    keras, seeded = tf.keras, tf.keras.initializers.RandomNormal(stddev=0.6, seed=1)
    face = keras.Input((6,), name="face")
    maps = keras.layers.Dense(6, name="cut")(face)
    x = keras.layers.Dense(8, "tanh", kernel_initializer=seeded, name="between")(maps)
    embedding = keras.layers.Dense(5, kernel_initializer=seeded, name="embedding")(x)
    hidden = keras.layers.Dense(7, "relu", name="head_hidden")(x)
    added = keras.layers.Dense(5, use_bias=False, name="head_correction")(hidden)
    return keras.Model(face, keras.layers.Add()([embedding, added]))


def expected_losses(
    model: tf.keras.Model, groups: Groups, targets: np.ndarray, change: np.ndarray, scale: float
) -> dict[str, float]:
    """Of three groups: undistorted, distorted each in its own way, spoilt alike."""
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    maps, (kernel, bias) = np.stack(groups.maps).astype(np.float64), weights["between"]
    x = np.tanh(maps @ kernel + bias)
    hidden = np.maximum(x @ weights["head_hidden"][0] + weights["head_hidden"][1], 0)
    added = hidden @ weights["head_correction"][0] @ change
    vectors = unit((x @ weights["embedding"][0] + weights["embedding"][1]) @ change + added)
    aimed = targets[groups.rows]
    cosines = np.sum(vectors * aimed, axis=2)
    single, taught = np.concatenate(vectors[:2]), np.concatenate(aimed[:2])
    square = np.sum(added**2, axis=2) / scale**2
    excess = vectors[2] @ vectors[2].T - np.maximum(aimed[2] @ aimed[2].T, 0.2)
    closest = [np.sort(np.delete(row, number))[-8:] for number, row in enumerate(excess)]
    return {
        "cosine": 1 - cosines[0].mean(),
        "own_cosine": 1 - cosines[1].mean(),
        "alike_cosine": 1 - cosines[2].mean(),
        "relation": np.mean((single @ single.T - taught @ taught.T) ** 2),
        "zero": square[0].mean(),
        "zero_own": square[1].mean(),
        "pairs": np.mean(np.maximum(closest, 0) ** 2),
    }


def test_losses_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    common = np.array([0.0, 0.0, 1.5]).reshape(3, 1, 1) * np.sign(rng.normal(size=6))
    maps = (0.6 * rng.normal(size=(3, 12, 6)) + common).astype(np.float16)
    kinds = np.array([Kind.PLAIN, Kind.OWN, Kind.ALIKE])
    groups = Groups(kinds, rng.permutation(40)[:36].reshape(3, 12), maps)
    targets = unit(rng.normal(size=(40, 5))).astype(np.float32)
    change = rng.normal(size=(5, 5)).astype(np.float32)
    model = small_network()
    _, above = stored_maps.parted(model, "cut")
    first = embeddings_of_plain(model, maps[0]) @ change
    scale = np.linalg.norm(first, axis=1).mean()
    settings = Settings(
        steps=20, plain=1, own=1, alike=1, unit_rate=0.1, layer_rate=0.01, zero=0.2, zero_own=0.3,
        relation=5.0,
    )  # fmt: skip
    alike = AlikeConfig(weight=9.0, above=0.2)
    trainer = Trainer(groups, targets, model, above, change, alike, settings)
    for number in range(10):
        trainer.step(number)
    trainer.finish()
    expected, found = expected_losses(model, groups, targets, change, scale), trainer.step(10)
    assert min(expected.values()) > 1e-3
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3), name
    factors = {"cosine": 1, "own_cosine": 1, "alike_cosine": 0.3, "relation": 5, "zero": 0.2,
               "zero_own": 0.3, "pairs": 9}  # fmt: skip
    total = sum(factors[name] * found[name] for name in factors)
    assert found["loss"] == pytest.approx(total, rel=1e-4)


def embeddings_of_plain(model: tf.keras.Model, maps: np.ndarray) -> np.ndarray:
    """Without the hidden units."""
    between = tf.keras.Model(model.get_layer("cut").output, model.get_layer("embedding").output)
    return between(maps.astype(np.float32)).numpy()


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
        train_last.main([str(run), "--faces", "none", "--teacher", "none", "--cache", "none"])
    assert "\n" not in str(refused.value)


def test_teachers_with_too_few_numbers_are_refused(faces: Path, tmp_path: Path) -> None:
    network = configure("CompactFaceNet", **NETWORK | {"embedding_length": 40})
    run = write_run(tmp_path / "run", replace(CONFIG, network=network))
    words = f"teachers have embeddings of 32 numbers, {re.escape(str(run))} of 40, so they can"
    with pytest.raises(SystemExit, match=words):
        train(run, faces, "--set", "layer_rate=1e-3")
    assert not list((tmp_path / "cache").glob("maps-*"))


def test_a_network_without_its_other_layers_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", CONFIG)
    kept = {name: row for name, row in arrays(run).items() if not name.startswith("head_bn")}
    np.savez(run / run_folder.LATENT, **kept)
    with pytest.raises(SystemExit, match=r"lacks head_bn$"):
        train_last.network_of(run)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--less", "nowhere=1.4"), "a share is 0 to 1, but nowhere has 1.4"),
        (("--less", "nowhere=0.4"), "no training crop is from nowhere"),
        (("--after", "nowhere"), "nowhere is no layer that all paths to embedding go through"),
        (("--after", "stage2_unit1_bn"), "stage2_unit1_bn is no layer that all paths"),
    ],
)
def test_what_cannot_be_done_is_refused_before_maps_are_made(
    more: tuple[str, str], words: str, faces: Path, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", CONFIG)
    with pytest.raises(SystemExit, match=words) as refused:
        train(run, faces, *more)
    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "cache").glob("maps-*"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("lenght=3", "there is no lenght; there are steps, "),
        ("steps=2.5", "steps is a whole number, not 2.5"),
        ("steps=inf", "steps is a whole number, not inf"),
        ("steps=0", "steps must be at least 1"),
        ("plain=0", "plain must be at least 1"),
        ("relation=nan", "relation must be a number of at least 0"),
        ("layer_rate=-1", "layer_rate must be a number of at least 0"),
        ("unit_rate=0", "unit_rate must be above 0"),
        ("average=1", "average must be below 1"),
    ],
)
def test_a_setting_that_is_none_is_refused(given: str, words: str) -> None:
    with pytest.raises(SystemExit, match=words):
        train_last.main(["run", "--faces", "x", "--teacher", "x", "--cache", "x", "--set", given])


def test_weights_that_ran_away_are_not_written(faces: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path, CONFIG, faces)
    before = arrays(run)
    with pytest.raises(SystemExit, match="the loss is not finite at step"):
        train(run, faces, "--set", "unit_rate=1e30")
    assert arrays(run).keys() == before.keys()
