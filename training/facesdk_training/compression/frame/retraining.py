"""Retraining: the one way in which every method lets a network recover.

The trainer of ``facesdk train`` on copies of the network: its losses, its distortions, its
checkpoints. By default the network learns to place faces where the original places them, which
needs no labels (G. Hinton et al., 2015, with embeddings). The weights that it began with are
compared too: a kernel that was fitted well can lose by few steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import tensorflow as tf

from facesdk.errors import InputError
from facesdk.files import make_folder
from facesdk.progress import Progress
from facesdk_training import engines
from facesdk_training.compression.frame.method import Subject
from facesdk_training.config.run import (
    LossConfig,
    OptimizerConfig,
    RunConfig,
    ScheduleConfig,
    TeacherConfig,
)
from facesdk_training.data.material import Material
from facesdk_training.data.validation import Validation, figures
from facesdk_training.keras import loading
from facesdk_training.keras.engine import KerasEngine
from facesdk_training.runs import folder as run_folder

OUTCOME = "outcome.json"
"""What a retraining leaves in its folder: see :func:`outcomes`."""


@dataclass(frozen=True, slots=True)
class Retraining:
    """How long and how a network is retrained.

    Attributes:
        steps: Training steps; 0 leaves the network as the method made it.
        batch_size: Crops per step.
        learning_rate: The peak of Adam's, which falls along a cosine.

    Raises:
        InputError: A value is not in range.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    steps: int = 200
    batch_size: int = 32
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch_size < 1 or not 0 < self.learning_rate < 1:
            raise InputError(
                "retraining takes 0 steps or more, batches of 1 or more, and a learning rate "
                f"between 0 and 1, but got {self.steps}, {self.batch_size}, {self.learning_rate:g}"
            )


def retrain(
    subject: Subject,
    network: tf.keras.Model,
    settings: Retraining,
    progress: Progress,
    *,
    part: str = "retraining",
    loss: LossConfig | None = None,
    teacher: Path | None = None,
    material: Material | None = None,
    keep_last: bool = False,
) -> None:
    """Trains a network, in place; the weights with the best figures on held-out people are kept.

    The weights that it began with are among them, and stay where none of the trained are as good.

    Args:
        subject: What it is part of; its material is what is trained on.
        network: What is trained; it may hold quantizers.
        settings: How long.
        progress: Told of the steps.
        part: Name of the folder in ``subject.work``: another for each retraining of a method.
        loss: What is imitated; by default embeddings and their similarities.
        teacher: The run or Keras file that is imitated; by default the original.
        material: What is trained on in place of the subject's, of another teacher.
        keep_last: Whether the last weights are kept, whatever their figures and those of the
            weights before: where the loss has terms that figures don't know.

    Raises:
        InputError: There are fewer crops than a batch has, or the loss does not fit.
    """
    if not settings.steps:
        return
    asked, said = loss or LossConfig(), teacher or subject.original
    config = retraining_config(subject.config, settings, asked, said)
    if keep_last:
        watching = dataclasses.replace(config.validation, every=settings.steps)
        config = dataclasses.replace(config, validation=watching)
    folder = subject.work / part
    make_folder(folder)
    trained = (folder / run_folder.WEIGHTS).exists()
    crops = material or subject.material

    begun = network.get_weights()
    metric = f"validation_{config.validation.metric}"
    before = None if keep_last else _figure(network, crops, metric)

    def tell(step: int, value: float, _: float) -> None:
        progress(step, settings.steps, f"loss {value:.4f}")

    if subject.engine == engines.DEFAULT:
        if not trained:
            KerasEngine(None).trainer(folder, config, crops, network).train(tell)
        network.load_weights(folder / run_folder.WEIGHTS)
    else:
        _by_torch(folder, config, crops, network, said, tell, trained=trained)
    if before is None:
        return
    after = run_folder.read_record(folder / run_folder.CALIBRATION)[metric]
    if before > after:
        network.set_weights(begun)
    kept = "before" if before > after else "after"
    outcome = {"metric": metric, "before": before, "after": after, "kept": kept}
    run_folder.write_record(folder / OUTCOME, outcome)


def outcomes(work: Path) -> dict[str, dict[str, Any]]:
    """What each retraining of a method came to, by the name of its part.

    ``metric`` names the figure on held-out people that decided, ``before`` and ``after`` are its
    values without and with retraining, and ``kept`` says which of the two weights stayed.
    """
    return {
        path.parent.name: run_folder.read_record(path) for path in sorted(work.glob(f"*/{OUTCOME}"))
    }


def _figure(network: tf.keras.Model, material: Material, metric: str) -> float:
    height, width = network.input_shape[1:3]
    held_out = Validation(material.crops, material.split, height, width)
    return figures(held_out.pairs(lambda images: loading.predict(network, images)))[metric]


def _by_torch(
    folder: Path,
    config: RunConfig,
    crops: Material,
    network: tf.keras.Model,
    teacher: Path,
    tell: Callable[[int, float, float], None],
    *,
    trained: bool,
) -> None:
    from facesdk_training.compression.frame.translation import take_back, translated
    from facesdk_training.torch.engine import start

    if not trained:
        imitates = config.loss.imitates_layers
        taught_by = translated(loading.load(teacher).model) if imitates else None
        start().trainer(folder, config, crops, translated(network), taught_by).train(tell)
    take_back(network, folder)


def retraining_config(
    config: RunConfig, settings: Retraining, loss: LossConfig, teacher: Path
) -> RunConfig:
    """The configuration of a retraining, of a run's network and data.

    Nuisances are taken out of what is imitated already.
    """
    return dataclasses.replace(
        config,
        network=config.final_network,
        objective="distillation",
        start_from="",
        epochs=1.0,
        steps_per_epoch=max(1, settings.steps),
        batch_size=settings.batch_size,
        precision="float32",
        teacher=TeacherConfig(network=str(teacher), select_neurons=config.teacher.select_neurons),
        loss=loss,
        schedule=ScheduleConfig(
            learning_rate=settings.learning_rate, warmup_steps=settings.steps // 10
        ),
        optimizer=OptimizerConfig(),
        validation=dataclasses.replace(config.validation, every=max(1, settings.steps // 4)),
        stages=(),
        nuisances=(),
    )
