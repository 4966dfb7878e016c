"""What a loss asks of a network beside its embeddings; the Keras engine has the sources.

Sparsity of filters and factors as in :mod:`facesdk_training.keras.sparsity`, and layers that
imitate a teacher's as in :mod:`facesdk_training.keras.losses`: hints and attention.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from facesdk.errors import InputError
from facesdk_training.config.run import LossConfig
from facesdk_training.torch.device.teachers import Teacher
from facesdk_training.torch.networks.layers import glorot_uniform
from facesdk_training.torch.networks.network import Network

_TINY = 1e-12
"""Below the root, so that a filter of zeros has a slope of 0."""


class Terms(nn.Module):
    """The weighted sum of what is asked for.

    Attributes:
        looks_at: Names of the student's layers whose outputs are compared.
        parts: Names of what :meth:`forward` returns after the sum.
    """

    def __init__(
        self,
        config: LossConfig,
        network: Network,
        teacher: Network | Teacher | None,
        size: tuple[int, int],
    ) -> None:
        """Looks at the layers, and makes FitNets' regressors.

        Args:
            config: The weights; ``layers`` are pairs of a student's and a teacher's layer.
            network: The student.
            teacher: What has the layers that are imitated; None where none is asked for.
            size: Height and width of crops, in pixels.

        Raises:
            InputError: The student's layers cannot be looked at, a layer is unknown, or two that
                are compared differ in height or width.
        """
        super().__init__()
        self._config = config
        self.teacher = None if teacher is None else teacher.eval().requires_grad_(False)
        pairs = config.layers if config.imitates_layers else ()
        self.looks_at = tuple(own for own, _ in pairs)
        self._taught = tuple(theirs for _, theirs in pairs)
        self.parts = ("hints", "attention") if pairs else ()
        self.regressors = nn.ModuleList()
        if not pairs:
            return
        crop, was = torch.zeros(1, 3, *size), network.training
        with torch.no_grad():
            student = network.eval().looked_at(crop, self.looks_at)[1]
            network.train(was)
            assert self.teacher is not None
            taught = self.teacher.maps(crop, self._taught)
        for pair, mine, theirs in zip(pairs, student, taught, strict=True):
            _require_comparable(pair, mine, theirs)
            if config.hint_weight:
                regressor = nn.Conv2d(mine.shape[1], theirs.shape[1], 1)
                glorot_uniform(regressor.weight)
                nn.init.zeros_(regressor.bias)
                self.regressors.append(regressor)

    def forward(self, network: Network, images: Tensor, features: Sequence[Tensor]) -> list[Tensor]:
        """The sum, and its parts without their weights: scalars.

        Args:
            network: The student.
            images: [N, 3, height, width], what it was given.
            features: The outputs of its layers :attr:`looks_at`.
        """
        config = self._config
        total = images.new_zeros((), dtype=torch.float32)
        if config.factor_weight:
            total = total + config.factor_weight * sum_of_factors(network)
        if config.filter_weight:
            total = total + config.filter_weight * sum_of_norms(network)
        if not features or self.teacher is None:
            return [total]
        with torch.no_grad():
            taught = self.teacher.maps(images, self._taught)
        hints = attention = torch.zeros_like(total)
        for number, (own, theirs) in enumerate(zip(features, taught, strict=True)):
            if config.attention_weight:
                attention = attention + attention_loss(own, theirs)
            if config.hint_weight:
                hints = hints + hint_loss(self.regressors[number](own), theirs)
        total = total + config.hint_weight * hints + config.attention_weight * attention
        return [total, hints, attention]


def sum_of_factors(network: nn.Module) -> Tensor:
    """Sum of |gamma| over all batch normalisation."""
    sums = [
        part.weight.abs().sum() for part in network.modules() if isinstance(part, nn.BatchNorm2d)
    ]
    return torch.stack(sums).sum() if sums else torch.zeros(())


def sum_of_norms(network: nn.Module) -> Tensor:
    """Sum of sqrt(n) ||W||_2 over the filters of all but depthwise layers, n weights each."""
    sums = []
    for part in network.modules():
        if isinstance(part, nn.Linear) or (isinstance(part, nn.Conv2d) and part.groups == 1):
            rows = part.weight.flatten(1)
            sums.append(rows.shape[1] ** 0.5 * (rows.square().sum(1) + _TINY).sqrt().sum())
    return torch.stack(sums).sum() if sums else torch.zeros(())


def hint_loss(regressed: Tensor, hint: Tensor) -> Tensor:
    """Half the mean squared difference of features, [N, C, H, W]."""
    return 0.5 * (hint - regressed).square().mean()


def attention_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared distance of two layers' attention maps, [N, C, H, W] and [N, D, H, W]."""
    own, theirs = (
        functional.normalize(features.square().sum(1).flatten(1), dim=1)
        for features in (student, teacher)
    )
    return (own - theirs).square().sum(1).mean()


def _require_comparable(pair: tuple[str, str], own: Tensor, theirs: Tensor) -> None:
    if own.ndim != 4 or theirs.ndim != 4 or own.shape[2:] != theirs.shape[2:]:
        raise InputError(
            f"loss.layers: {pair[0]} of the student is {tuple(own.shape[1:])} and {pair[1]} of the "
            f"teacher {tuple(theirs.shape[1:])}, but both must be channels x height x width, of "
            "one height and width"
        )
