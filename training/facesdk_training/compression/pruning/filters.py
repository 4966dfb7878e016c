"""Pruning of filters by L1 norm: channels leave the network, so any runtime is faster.

H. Li, A. Kadav, I. Durdanovic, H. Samet and H. Graf, "Pruning Filters for Efficient ConvNets", ICLR
2017: filter j of a layer matters as much as

    s_j = sum |W[..., j]|

and the filters with the least s_j are removed, with the feature maps that they make and the parts
of the next kernels that read these. Where additions join the outputs of several layers, channel j
leaves all of them together, and s_j is the sum over these layers (Li et al. follow the shortcut's
projection instead, which our residual units do not have).

Cost: one pass over the weights, then one retraining; no faces are needed to choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.frame.retraining import Retraining, retrain
from facesdk_training.compression.pruning.surgery import groups, without

keras = tf.keras


@dataclass(frozen=True, slots=True)
class Filters:
    """Settings.

    Attributes:
        share: Channels that leave each group, above 0 and below 1.
        multiple: What stays is rounded up to a multiple of this, since kernels of runtimes compute
            several channels at once.
        layers: Names of layers whose channels leave; empty for all but the embedding's.
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


def norms(kernels: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """The L1 norm of each output channel, over all kernels together.

    Args:
        kernels: Arrays [..., channels].
    """
    summed = [
        np.abs(kernel.astype(np.float64)).sum(axis=tuple(range(kernel.ndim - 1)))
        for kernel in kernels
    ]
    return np.sum(summed, axis=0)


def kept(scores: NDArray[np.float64], share: float, multiple: int) -> list[int]:
    """The channels that stay, in order: those with the largest scores."""
    fewest = int(np.ceil(len(scores) * (1 - share) - 1e-9))
    count = min(len(scores), -(-fewest // multiple) * multiple)
    return sorted(np.argsort(-scores, kind="stable")[:count].tolist())


def apply(subject: Subject, settings: Filters, progress: Progress) -> keras.Model:
    """Removes channels and retrains what is left.

    Raises:
        InputError: A layer that was named has no channels that can leave, or none leave.
    """
    found = {group.name: group for group in groups(subject.model)}
    home = {maker: group.name for group in found.values() for maker in group.makers}
    free = [name for name, group in found.items() if not group.fixed]
    chosen = {home.get(name, name): None for name in settings.layers or free}
    # `without` refuses what is fixed or unknown.
    staying = {
        name: kept(
            norms(
                [subject.model.get_layer(maker).get_weights()[0] for maker in found[name].makers]
            ),
            settings.share,
            settings.multiple,
        )
        if name in found
        else []
        for name in chosen
    }
    pruned = without(subject.model, staying)
    if pruned.count_params() == subject.model.count_params():
        raise InputError(
            f"no channel leaves: share {settings.share:g} is too little where multiples of "
            f"{settings.multiple} stay"
        )
    retrain(subject, pruned, settings.retraining, progress)
    return pruned


METHOD = Method(
    "filters",
    "article 3; Li et al. (ICLR 2017): filters with the least sum of |W|",
    "filters of small norm leave the network, with the channels that they make",
    Filters,
    apply,
)
