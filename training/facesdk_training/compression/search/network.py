"""A network as a space of policies, and what its embeddings lose by one.

A channel is gone for all that read it when the rows of their kernels that multiply it are 0, also
after an activation that makes something of zeros. So a policy is judged in the network that is
there, and none is built: outputs are those of :func:`..pruning.surgery.without`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.results import FloatArray
from facesdk_training.complexity.layers import LayerCost, measure
from facesdk_training.compression.frame.embeddings import cosines
from facesdk_training.compression.pruning.filters import scores_of
from facesdk_training.compression.pruning.selection import best
from facesdk_training.compression.pruning.surgery import Group, Route, groups, routes
from facesdk_training.compression.search.space import Space, Term, Unit
from facesdk_training.keras.loading import predict


def space_of(model: tf.keras.Model, multiple: int, most: float) -> Space:
    """The space of a network's groups that can leave.

    Args:
        model: A functional float network.
        multiple: See :class:`Space`.
        most: See :class:`Space`.

    Raises:
        InputError: As of :func:`..pruning.surgery.groups`, or no group can leave.
    """
    free = free_groups(model)
    place: dict[str | None, int] = {group.name: number for number, group in enumerate(free)}
    found = routes(model)
    costs = {cost.name: cost for cost in measure(model).layers if cost.multiply_adds}
    units = tuple(_unit(model, group, costs[group.name]) for group in free)
    terms = tuple(_term(cost, found[name], place, free) for name, cost in costs.items())
    return Space(units, terms, multiple, most)


def free_groups(model: tf.keras.Model) -> list[Group]:
    """The groups that are not fixed.

    Raises:
        InputError: There are none.
    """
    free = [group for group in groups(model) if not group.fixed]
    if not free:
        raise InputError("no channels of this network can leave: it has its embedding's only")
    return free


def _unit(model: tf.keras.Model, group: Group, cost: LayerCost) -> Unit:
    spatial = len(cost.input_shape) == 3
    height, width = cost.input_shape[:2] if spatial else (1, 1)
    strides = getattr(model.get_layer(group.name), "strides", (1, 1))
    kernel = cost.kernel[0] if spatial else 1
    return Unit(group.name, group.channels, cost.input_shape[-1], height, width, strides[0], kernel)


def _term(
    cost: LayerCost, route: Route, place: Mapping[str | None, int], free: Sequence[Group]
) -> Term:
    depthwise = "Depthwise" in cost.kind
    names = (route.makes,) if depthwise else (route.reads, route.makes)
    touched = tuple(place[name] for name in names if name in place)
    each = cost.multiply_adds
    for unit in touched:
        each //= free[unit].channels
    return Term(each, touched, place.get(route.makes, -1))


@dataclass(frozen=True, slots=True, eq=False)
class Blanked:
    """Judges policies in a network, which is as it was after each judgement.

    Attributes:
        model: The network.
        crops: float32 ``(N, height, width, 3)``, as it takes them.
        reference: Its embeddings of them, ``(N, D)``.
        scores: The L1 norms of each unit's channels, by name; the least leave first.
        readers: The group that each kernel reads, by the layer's name.
    """

    model: tf.keras.Model
    crops: FloatArray
    reference: FloatArray
    scores: Mapping[str, NDArray[np.float64]]
    readers: Mapping[str, str]

    @classmethod
    def of(cls, model: tf.keras.Model, crops: FloatArray) -> Blanked:
        """Looks at the whole network once.

        Raises:
            InputError: As of :func:`space_of`.
        """
        scores = {group.name: scores_of(model, group) for group in free_groups(model)}
        readers = {
            name: route.reads
            for name, route in routes(model).items()
            if route.reads in scores
            and not isinstance(model.get_layer(name), tf.keras.layers.DepthwiseConv2D)
        }
        return cls(model, crops, predict(model, crops), scores, readers)

    def kept(self, policy: Mapping[str, int]) -> dict[str, list[int]]:
        """The channels that stay, by group, as :func:`..pruning.surgery.without` takes them."""
        return {name: best(self.scores[name], count) for name, count in policy.items()}

    def error(self, policy: Mapping[str, int]) -> float:
        """1 - mean cosine of the embeddings to the whole network's, 0 to 2.

        Args:
            policy: How many channels stay, by group; groups that are not named stay whole.
        """
        return float(1 - np.mean(cosines(self.reference, self.embeddings(policy))))

    def embeddings(self, policy: Mapping[str, int]) -> FloatArray:
        """What the network would compute without the channels that leave."""
        kept = self.kept(policy)
        before: list[tuple[Any, NDArray[np.float32]]] = []
        try:
            for layer, group in self.readers.items():
                if group in kept:
                    kernel = self.model.get_layer(layer).kernel
                    values = kernel.numpy()
                    before.append((kernel, values))
                    kernel.assign(_blanked(values, kept[group], len(self.scores[group])))
            return predict(self.model, self.crops)
        finally:
            for kernel, values in before:
                kernel.assign(values)


def _blanked(
    kernel: NDArray[np.float32], kept: Sequence[int], channels: int
) -> NDArray[np.float32]:
    """A kernel ``(..., inputs, outputs)`` whose rows of channels that leave are 0.

    A dense layer after a flattened map has the channels of each place in turn.
    """
    stays = np.zeros(channels, np.float32)
    stays[list(kept)] = 1
    return kernel * np.tile(stays, kernel.shape[-2] // channels)[:, np.newaxis]
