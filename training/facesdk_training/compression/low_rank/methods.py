"""The low-rank methods: factor kernels, then retrain.

Formulas and sources are in :mod:`~facesdk_training.compression.low_rank.factors`, the rules for
ranks in :mod:`~facesdk_training.compression.low_rank.ranks`. A layer whose factors would hold as
many weights as its kernel is left as it is. The results are stock layers: any target of
``facesdk convert`` takes them, and an unmodified runtime multiplies less. Cost: the decompositions,
seconds for a million weights but for CP, which iterates; then one retraining.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import tensorflow as tf

from facesdk.errors import InputError, require_extra
from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.frame.replacement import NewLayer, replaced
from facesdk_training.compression.frame.retraining import Retraining, retrain
from facesdk_training.compression.low_rank import factors, layers
from facesdk_training.compression.low_rank.ranks import rank_by_energy, rank_by_evbmf


@dataclass(frozen=True, slots=True)
class LowRankSettings:
    """Which layers, and to what rank.

    Attributes:
        rule: "energy", "evbmf", or "fixed" for ``rank``.
        energy: Share of the sum of squares that the components of a layer hold, above 0 to 1.
        rank: Components per layer with the rule "fixed"; for Tucker-2 on both sides.
        layers: Names of the layers; empty for all whose factors hold fewer weights.
        retraining: How the network recovers.

    Raises:
        InputError: A value is not in range.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    rule: Literal["energy", "evbmf", "fixed"] = "energy"
    energy: float = 0.9
    rank: int = 0
    layers: tuple[str, ...] = ()
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not 0 < self.energy <= 1:
            raise InputError(f"energy must be above 0 and at most 1, but got {self.energy:g}")
        if (self.rule == "fixed") != (self.rank > 0):
            raise InputError('give a rank of 1 or more with the rule "fixed", and only there')


Factor = Callable[[tf.keras.layers.Layer, LowRankSettings], "list[NewLayer] | None"]


def factored(
    model: tf.keras.Model, settings: LowRankSettings, factor: Factor, progress: Progress
) -> tf.keras.Model:
    """The network with factored layers, before retraining.

    Raises:
        InputError: A named layer cannot be factored or does not get smaller, a rank is above a
            matrix's, or no layer gets smaller.
    """
    for name in settings.layers:
        layers.refuse_name(model, name)
    names = settings.layers or tuple(layers.candidates(model))
    chains = {}
    for number, name in enumerate(names):
        progress(number, len(names), f"factoring {name}")
        layer = model.get_layer(name)
        chain = factor(layer, settings)
        held = layers.kernel_of(layer).size
        if chain is not None and layers.weights_of(chain) < held:
            chains[name] = chain
        elif settings.layers:
            raise InputError(_why_not(name, chain, held))
    if not chains:
        raise InputError(
            "no layer gets smaller: give a lower energy, or a lower rank with the rule fixed"
        )
    return replaced(model, chains)


def _why_not(name: str, chain: list[NewLayer] | None, held: int) -> str:
    if chain is None:
        return f"{name} cannot be factored so: its kernel is 1x1 or has no weights but noise"
    return (
        f"the factors of {name} would hold {layers.weights_of(chain):,} weights, its kernel "
        f"{held:,}: give a lower rank or energy"
    )


def _rank(matrix: factors.Array, settings: LowRankSettings) -> int:
    """The rank by the rule of the settings; 0 means that nothing but noise was found."""
    if settings.rule == "fixed":
        return settings.rank
    if settings.rule == "evbmf":
        return rank_by_evbmf(matrix)
    return rank_by_energy(matrix, settings.energy)


def _svd(layer: tf.keras.layers.Layer, settings: LowRankSettings) -> list[NewLayer] | None:
    kernel = layers.kernel_of(layer)
    rank = _rank(kernel.reshape(-1, kernel.shape[-1]), settings)
    return layers.svd(layer, rank) if rank else None


def _spatial(layer: tf.keras.layers.Layer, settings: LowRankSettings) -> list[NewLayer] | None:
    kernel = layers.kernel_of(layer)
    if 1 in kernel.shape[:2]:
        return None
    rank = _rank(factors.spatial_matrix(kernel), settings)
    return layers.spatial(layer, rank) if rank else None


def _tucker(layer: tf.keras.layers.Layer, settings: LowRankSettings) -> list[NewLayer] | None:
    kernel = layers.kernel_of(layer)
    if kernel.shape[:2] == (1, 1):
        return None
    first, last = (_rank(factors.unfolded(kernel, axis), settings) for axis in (2, 3))
    return layers.tucker(layer, (first, last)) if first and last else None


def _cp(layer: tf.keras.layers.Layer, settings: LowRankSettings) -> list[NewLayer] | None:
    kernel = layers.kernel_of(layer)
    if kernel.shape[:2] == (1, 1):
        return None
    ranks = [_rank(factors.unfolded(kernel, axis), settings) for axis in (2, 3)]
    return layers.cp(layer, max(ranks)) if max(ranks) else None


def _apply(factor: Factor) -> Callable[[Subject, LowRankSettings, Progress], tf.keras.Model]:
    def apply(subject: Subject, settings: LowRankSettings, progress: Progress) -> tf.keras.Model:
        require_extra("tensorly", extra="compress")
        network = factored(subject.model, settings, factor, progress)
        retrain(subject, network, settings.retraining, progress)
        return network

    return apply


SVD = Method(
    "svd",
    "survey 2.3; Denton et al., NIPS 2014",
    "kernels of convolutions and dense layers as a product of two, by singular values",
    LowRankSettings,
    _apply(_svd),
)
SPATIAL = Method(
    "spatial",
    "survey 2.3; Jaderberg et al., BMVC 2014",
    "k x k convolutions as k x 1 and 1 x k",
    LowRankSettings,
    _apply(_spatial),
)
TUCKER = Method(
    "tucker",
    "survey 2.3; Kim et al., ICLR 2016",
    "convolutions as 1x1, a smaller core, 1x1 (Tucker-2)",
    LowRankSettings,
    _apply(_tucker),
)
CP = Method(
    "cp",
    "survey 2.3; Lebedev et al., ICLR 2015",
    "convolutions as 1x1, depthwise rows and columns, 1x1 (CP)",
    LowRankSettings,
    _apply(_cp),
)
