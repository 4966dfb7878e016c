"""How much a network loses by each of its groups alone.

H. Li, A. Kadav, I. Durdanovic, H. Samet and H. Graf, "Pruning Filters for Efficient ConvNets", ICLR
2017, section 3.2: each layer is pruned alone, by the L1 norm of its filters and without retraining,
and what is lost says how sensitive it is. Where the article has the accuracy of a classifier, ours
has what embeddings are for:

    damage(group, share) = 1 - mean over crops of cos(embedding without the channels, embedding)

Cost: one pass over the crops for each group and share; no labels are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from facesdk.errors import InputError
from facesdk.pages import charts
from facesdk.pages.axes import Scale
from facesdk.progress import Progress, unwatched
from facesdk.results import FloatArray
from facesdk_training.compression.pruning.selection import staying
from facesdk_training.compression.search.network import Blanked, space_of

SHARES = (0.125, 0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Damage:
    """What one group costs.

    Attributes:
        name: The group.
        channels: How many it has.
        kept: How many stay at each share.
        damage: 1 - mean cosine at each share, 0 to 2.
        multiply_adds: Of the whole network at each share.
    """

    name: str
    channels: int
    kept: tuple[int, ...]
    damage: tuple[float, ...]
    multiply_adds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A network's groups.

    Attributes:
        shares: The shares that left, rising.
        crops: How many crops were looked at.
        multiply_adds: Of the network with nothing gone.
        groups: From input to output.
    """

    shares: tuple[float, ...]
    crops: int
    multiply_adds: int
    groups: tuple[Damage, ...]

    def chart(self) -> str:
        """An SVG of its own: damage over share; the most and the least sensitive have colours."""
        ranked = sorted(self.groups, key=lambda group: -group.damage[-1])
        top = max(max(group.damage) for group in self.groups)
        named = {ranked[0].name: "a", ranked[-1].name: "b"}
        lines = [
            charts.Curve(
                group.name,
                [0.0, *self.shares],
                [0.0, *group.damage],
                named.get(group.name, "c"),
            )
            for group in ranked
        ]
        shown = charts.curves(
            "sensitivity",
            lines,
            Scale("share of one group that leaves", 0.0, self.shares[-1]),
            Scale("1 - mean cosine", 0.0, max(top, 1e-6)),
            f"What {self.crops} crops' embeddings lose by each group alone; most by "
            f"{ranked[0].name}, least by {ranked[-1].name}",
        )
        return charts.svg_file(shown)


def scan(
    model: tf.keras.Model,
    crops: FloatArray,
    shares: Sequence[float] = SHARES,
    progress: Progress = unwatched,
) -> Sensitivity:
    """Takes channels of each group alone and looks at the embeddings.

    Args:
        model: A functional float network; as it was when the call returns.
        crops: float32 ``(N, height, width, 3)``, as the network takes them.
        shares: What leaves, rising, above 0 and below 1; one channel at least stays.
        progress: Told how many groups are done.

    Raises:
        InputError: Shares do not rise, or as of :func:`..network.space_of`.
    """
    if list(shares) != sorted(set(shares)) or not shares or not 0 < shares[0] <= shares[-1] < 1:
        raise InputError(f"shares must rise from above 0 to below 1, but got {list(shares)}")
    space, judge = space_of(model, 1, shares[-1]), Blanked.of(model, crops)
    found = []
    for place, unit in enumerate(space.units):
        progress(place, len(space.units), unit.name)
        kept = tuple(staying(unit.channels, share, 1) for share in shares)
        costs = [
            space.multiply_adds([*space.whole[:place], count, *space.whole[place + 1 :]])
            for count in kept
        ]
        damage = tuple(judge.error({unit.name: count}) for count in kept)
        found.append(Damage(unit.name, unit.channels, kept, damage, tuple(costs)))
    progress(len(space.units), len(space.units), "groups")
    return Sensitivity(tuple(shares), len(crops), space.multiply_adds(space.whole), tuple(found))
