"""What a student may imitate: each loss against NumPy, and all of them in a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.config.run import LossConfig
from facesdk_training.data.material import gather
from facesdk_training.keras import loading
from facesdk_training.keras.embedder import load_keras
from facesdk_training.keras.engine import KerasEngine
from facesdk_training.keras.losses import attention_loss, hint_loss, soft_target_loss
from facesdk_training.keras.networks.build import build
from facesdk_training.keras.objectives import Distillation
from facesdk_training.runs import folder as run_folder
from training.small_runs import DIM, small_config, write_material

SMALL = {"stem_channels": [4, 32], "stages": [[32, 1]], "variant": "float"}


def softmax(row: np.ndarray) -> np.ndarray:
    powers = np.exp(row - row.max())
    return powers / powers.sum()


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_soft_targets_are_hintons_up_to_the_entropy(temperature: float) -> None:
    rng = np.random.default_rng(1)
    student, teacher = rng.normal(0, 3, (2, 5, 7))
    cross = entropy = 0.0
    for s, t in zip(student, teacher, strict=True):
        p, q = softmax(t / temperature), softmax(s / temperature)
        cross -= float(p @ np.log(q)) / 5
        entropy -= float(p @ np.log(p)) / 5
    loss = soft_target_loss(*(tf.constant(x, tf.float32) for x in (student, teacher)), temperature)
    assert float(loss) == pytest.approx(temperature**2 * (cross - entropy), rel=1e-4)


def test_a_high_temperature_compares_logits() -> None:
    """Hinton et al., equation 4: for zero-mean logits the gradient nears (s - t) / C."""
    rng = np.random.default_rng(2)
    student, teacher = (x - x.mean() for x in rng.normal(size=(2, 6)))
    logits = tf.Variable(student[np.newaxis], dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = soft_target_loss(logits, tf.constant(teacher[np.newaxis], tf.float32), 200.0)
    expected = (student - teacher) / 6
    np.testing.assert_allclose(tape.gradient(loss, logits)[0], expected, atol=0.01)


def test_hints_are_half_the_mean_square() -> None:
    own, theirs = np.random.default_rng(3).normal(size=(2, 3, 2, 4, 5)).astype(np.float32)
    squares = [(a - b) ** 2 for a, b in zip(own.ravel(), theirs.ravel(), strict=True)]
    assert float(hint_loss(own, theirs)) == pytest.approx(0.5 * sum(squares) / 120, rel=1e-5)


def test_attention_is_where_the_squares_are() -> None:
    rng = np.random.default_rng(4)
    own, theirs = rng.normal(size=(3, 2, 4, 5)), rng.normal(size=(3, 2, 4, 9))
    total = 0.0
    for a, b in zip(own, theirs, strict=True):
        maps = [np.array([sum(v * v for v in place) for row in x for place in row]) for x in (a, b)]
        units = [m / np.sqrt(sum(m * m)) for m in maps]
        total += sum((units[0] - units[1]) ** 2) / 3
    pair = [tf.constant(x, tf.float32) for x in (own, theirs)]
    assert float(attention_loss(*pair)) == pytest.approx(total, rel=1e-4)
    assert float(attention_loss(7 * pair[0], -pair[0])) == pytest.approx(0, abs=1e-6)
    assert np.isfinite(attention_loss(0 * pair[0], pair[1]))


def test_the_objective_is_the_weighted_sum() -> None:
    rng = np.random.default_rng(5)
    people = rng.normal(size=(4, 6)).astype(np.float32)
    config = LossConfig(
        cosine_weight=0,
        similarity_weight=0,
        soft_target_weight=0.7,
        label_weight=0.3,
        temperature=2.0,
        scale=5.0,
        hint_weight=0.5,
        attention_weight=0.25,
        layers=(("a", "b"),),
    )
    targets, labels = rng.normal(size=(3, 6)), np.array([0, 3, 1])
    outputs = {
        "embedding": rng.normal(size=(3, 6)),
        "cosines": rng.uniform(-1, 1, (3, 4)),
        "student_0": rng.normal(size=(3, 2, 2, 3)),
        "regressed_0": rng.normal(size=(3, 2, 2, 5)),
        "teacher_0": rng.normal(size=(3, 2, 2, 5)),
    }
    tensors = {name: tf.constant(value, tf.float32) for name, value in outputs.items()}
    given = tf.constant(np.concatenate([targets, labels[:, np.newaxis]], axis=1), tf.float32)
    soft = soft_target_loss(
        5 * tensors["cosines"], 5 * tf.constant(targets @ people.T, tf.float32), 2.0
    )
    rows = 5 * outputs["cosines"]
    hard = np.mean([-np.log(softmax(row)[k]) for row, k in zip(rows, labels, strict=True)])
    hint = hint_loss(tensors["regressed_0"], tensors["teacher_0"])
    attention = attention_loss(tensors["student_0"], tensors["teacher_0"])
    expected = 0.7 * soft + 0.3 * hard + 0.5 * hint + 0.25 * attention
    objective = Distillation(config, None, people)
    assert float(objective.loss(tensors, given, 1)) == pytest.approx(float(expected), rel=1e-4)
    assert float(objective.loss(tensors, given, 2)) == pytest.approx(float(expected) / 2, rel=1e-4)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, and a teacher whose layers can be looked at."""
    folder = write_material(tmp_path_factory.mktemp("distillation"))
    layers, rng = tf.keras.layers, np.random.default_rng(6)
    inputs = tf.keras.Input((112, 96, 3))
    features = layers.Conv2D(6, 1, use_bias=False, name="coarse")(
        layers.AveragePooling2D(4)(inputs)
    )
    x = layers.Flatten()(layers.AveragePooling2D(4)(features))
    teacher = tf.keras.Model(inputs, layers.Dense(DIM + 8, use_bias=False, name="embedding")(x))
    teacher.set_weights([rng.normal(size=values.shape) for values in teacher.get_weights()])
    teacher.save(folder / "teacher.keras")
    return folder


@pytest.mark.slow
def test_a_run_with_every_loss(material: Path, tmp_path: Path) -> None:
    config = small_config(
        material,
        network={"architecture": "CompactFaceNet", "embedding_length": DIM, **SMALL},
        teacher={"network": str(material / "teacher.keras"), "select_neurons": True},
        loss={
            "soft_target_weight": 1.0,
            "label_weight": 0.1,
            "hint_weight": 1.0,
            "attention_weight": 1.0,
            "layers": [["stem2_conv", "coarse"]],
        },
        data={"folder": str(material / "data"), "min_crops": 1},
        epochs=0.25,
    )
    teacher = load_keras(Path(config.teacher.network), None, None)
    gathered = gather(config, None, teacher=teacher)
    assert gathered.targets.shape[1] == DIM == len(gathered.teacher["neurons"])
    assert gathered.labels[gathered.split.train].min() >= 0
    trainer = KerasEngine(None).trainer(tmp_path, config, gathered)
    frozen = trainer._network.model.get_layer("teacher")
    before = [values.copy() for values in frozen.get_weights()]
    started = trainer._network.model.get_layer("regressor_0").get_weights()[0].copy()
    assert trainer.train()
    for old, new in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.abs(trainer._network.model.get_layer("regressor_0").get_weights()[0] - started).max()
    finished = build("CompactFaceNet", embedding_length=DIM, **SMALL)
    finished.load_weights(tmp_path / run_folder.WEIGHTS)


def test_nonsense_is_refused(material: Path) -> None:
    with pytest.raises(InputError, match=r"hints and attention need a teacher with layers"):
        small_config(material, loss={"hint_weight": 1.0})
    with pytest.raises(InputError, match=r"distillation minimises nothing"):
        small_config(material, loss={"cosine_weight": 0, "similarity_weight": 0})
    with pytest.raises(InputError, match=r"loss.temperature must be above 0"):
        small_config(material, loss={"temperature": 0})
    with pytest.raises(InputError, match=r"two teachers"):
        small_config(material, teacher={"model": "a.tflite", "network": "b.keras"})
    looks = {"hint_weight": 1.0, "layers": [["stem2_conv", "Conv2d_0"]]}
    with pytest.raises(InputError, match=r"use --engine torch for those of teacher.model"):
        KerasEngine(None).trainer(material, small_config(material, loss=looks), None)
    config = small_config(material, network={"architecture": "CompactFaceNet", **SMALL})
    with pytest.raises(InputError, match=r"24 numbers, but the student's has 192"):
        gather(config, None)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (("nowhere", "coarse"), "the student has no layer 'nowhere'; it has .*stem2_conv"),
        (("stem1_conv", "coarse"), "of one height and width"),
        (("embedding", "coarse"), "height x width x channels"),
    ],
)
def test_layers_that_cannot_be_compared(
    material: Path, layers: tuple[str, str], message: str
) -> None:
    student = build("CompactFaceNet", embedding_length=DIM, **SMALL)
    config = LossConfig(attention_weight=1.0, layers=(layers,))
    objective = Distillation(config, lambda: loading.load(material / "teacher.keras").model)
    with pytest.raises(InputError, match=message):
        objective.model(student)
