"""What the methods that remove channels share: settings, which channels stay, removal, retraining.

A method gives each channel of a group a score; those with the least leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Subject
from facesdk_training.compression.frame.retraining import Retraining, retrain
from facesdk_training.compression.pruning.surgery import Group, groups, without
from facesdk_training.config.run import LossConfig

keras = tf.keras


@dataclass(frozen=True, slots=True)
class Channels:
    """Settings.

    Attributes:
        share: Channels that leave each group, above 0 and below 1.
        multiple: What stays is rounded up to a multiple of this, since kernels of runtimes compute
            several channels at once.
        layers: Names of layers whose channels leave; empty for all that can.
        retraining: How the network recovers.

    Raises:
        InputError: A value is not in range.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    share: float = 0.25
    multiple: int = 4
    layers: tuple[str, ...] = ()
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(
                f"share must be above 0 and below 1, but got {self.share:g}: a layer without "
                "filters gives nothing to the next"
            )
        if self.multiple < 1:
            raise InputError(f"multiple must be 1 or more, but got {self.multiple}")

    def count(self, channels: int) -> int:
        """How many of so many channels stay."""
        return staying(channels, self.share, self.multiple)


@dataclass(frozen=True, slots=True)
class Sparsified(Channels):
    """Settings of methods that train a network towards sparsity before channels leave.

    Attributes:
        strength: Weight of the term in the loss; 0 or more.
        sparsifying: How long it is in the loss; 0 steps leave this out.

    Raises:
        InputError: A value is not in range.
    """

    strength: float = 1e-4
    sparsifying: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        Channels.__post_init__(self)
        if not self.strength >= 0:
            raise InputError(f"strength must be 0 or more, but got {self.strength:g}")


def sparsify(
    subject: Subject, settings: Sparsified, loss: LossConfig, progress: Progress
) -> Subject:
    """Trains a copy of the network with a term for sparsity in the loss, see ``Sparsified``."""
    if not settings.strength or not settings.sparsifying.steps:
        return subject
    copy = keras.models.clone_model(subject.model)
    copy.set_weights(subject.model.get_weights())
    retrain(
        subject,
        copy,
        settings.sparsifying,
        progress,
        part="sparsifying",
        loss=loss,
        keep_last=True,
    )
    return replace(subject, model=copy)


def staying(channels: int, share: float, multiple: int) -> int:
    """How many channels stay where a share leaves, rounded up to a multiple."""
    fewest = int(np.ceil(channels * (1 - share) - 1e-9))
    return min(channels, -(-fewest // multiple) * multiple)


Scores = Callable[[Sequence[Group]], Mapping[str, NDArray[np.float64]]]
"""Gives the score of each channel of some groups, by the name of the group."""


def best(scores: NDArray[np.float64], count: int) -> list[int]:
    """The channels that stay, in order: those with the largest scores, the first of equal ones."""
    return sorted(np.argsort(-scores, kind="stable")[:count].tolist())


def chosen_groups(model: keras.Model, layers: Sequence[str]) -> list[Group]:
    """The groups that some layers make, or all whose channels can leave.

    Raises:
        InputError: A layer makes no channels that can leave.
    """
    free = [group for group in groups(model) if not group.fixed]
    home = {maker: group for group in free for maker in group.makers}
    if unknown := [name for name in layers if name not in home]:
        raise InputError(
            f"{', '.join(unknown)} begins no channels that can leave: choose among "
            f"{', '.join(home)}"
        )
    asked = {home[name].name for name in layers or home}
    return [group for group in free if group.name in asked]


def remove(subject: Subject, settings: Channels, scores: Scores, progress: Progress) -> keras.Model:
    """A network without the channels of least score, retrained.

    Raises:
        InputError: A layer that was named has no channels that can leave, or none leave.
    """
    chosen = chosen_groups(subject.model, settings.layers)
    require_some_leave(chosen, settings)
    found = scores(chosen)
    staying = {
        group.name: best(found[group.name], settings.count(group.channels)) for group in chosen
    }
    pruned = without(subject.model, staying)
    retrain(subject, pruned, settings.retraining, progress)
    return pruned


def require_some_leave(chosen: Sequence[Group], settings: Channels) -> None:
    """Refuses settings by which every channel stays, before anything is computed."""
    if all(settings.count(group.channels) == group.channels for group in chosen):
        raise InputError(
            f"no channel leaves: share {settings.share:g} is too little where multiples of "
            f"{settings.multiple} stay"
        )
