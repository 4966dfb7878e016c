"""What a run minimises, by its parts; the Keras engine's are in ``keras/objectives``."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.run import STRANGERS_BELOW, WORST_PAIRS, LossConfig, RunConfig
from facesdk_training.data.material import Material
from facesdk_training.data.people import mean_directions
from facesdk_training.torch import losses
from facesdk_training.torch.networks.layers import glorot_uniform, truncated_normal

_WORST_STRANGERS = 32


class Objective(nn.Module, ABC):
    """Loss of a batch, with what is trained beside the embedder as its parameters.

    Attributes:
        parts: Names of what :meth:`forward` returns, the loss first.
    """

    parts: tuple[str, ...] = ("loss",)

    @abstractmethod
    def forward(self, embeddings: Tensor, targets: Tensor, strangers: Tensor) -> list[Tensor]:
        """The loss, and its parts without their weights: scalars.

        Args:
            embeddings: float32 [N, D], not normalised.
            targets: As of :func:`.data.people.targets_of`.
            strangers: float32 [M, D], targets of other crops.
        """


class Distillation(Objective):
    """A teacher's directions, the distances among them, and that strangers do not meet.

    Where the loss asks for people: also the teacher's probabilities of them and who they are, by a
    trained direction per person, as in the Keras engine.
    """

    parts = ("loss", "cosine", "relation", "strangers", "pairs", "alike", "soft", "labels")
    people: Tensor | None

    def __init__(
        self,
        config: LossConfig,
        length: int,
        people: NDArray[np.float32] | None = None,
        alike: AlikeConfig | None = None,
    ) -> None:
        super().__init__()
        self._config = config
        self._alike = alike or AlikeConfig()
        self.register_buffer("people", None if people is None else torch.from_numpy(people))
        self.directions = None if people is None else _directions(length, len(people))

    def forward(self, embeddings: Tensor, targets: Tensor, strangers: Tensor) -> list[Tensor]:
        """See :class:`Objective`; a part with weight 0 is not computed."""
        config = self._config
        labels = targets
        if config.needs_labels:
            targets, labels, strangers = targets[:, :-1], targets[:, -1].long(), strangers[:, :-1]
        student = functional.normalize(embeddings, dim=1)
        total = nothing = student.new_zeros(())
        cosine = relation = far = near = together = soft = hard = nothing
        if config.cosine_weight:
            cosine = losses.cosine_loss(student, targets)
            total = total + config.cosine_weight * cosine
        if config.similarity_weight:
            relation = losses.similarity_matrix_loss(student, targets)
            total = total + config.similarity_weight * relation
        if config.stranger_weight:
            far = losses.stranger_loss(
                student, targets, strangers, worst=_WORST_STRANGERS, least=STRANGERS_BELOW
            )
            total = total + config.stranger_weight * far
        if config.pair_weight:
            near = losses.pair_loss(student, targets, worst=WORST_PAIRS, least=STRANGERS_BELOW)
            total = total + config.pair_weight * near
        if self._alike.weight and (count := self._alike.count(len(student))):
            together = losses.pair_loss(
                *(student[-count:], targets[-count:]), worst=WORST_PAIRS, least=self._alike.above
            )
            total = total + self._alike.weight * together
        if self.people is not None and self.directions is not None:
            logits = config.scale * student @ functional.normalize(self.directions, dim=0)
            taught = config.scale * targets @ self.people.T
            soft = losses.soft_target_loss(logits, taught, config.temperature)
            hard = functional.cross_entropy(logits, labels)
            total = total + config.soft_target_weight * soft + config.label_weight * hard
        return [total, cosine, relation, far, near, together, soft, hard]


class Softmax(Objective):
    """The paper's classifier: dropout, and a dense layer over all people."""

    def __init__(self, config: LossConfig, length: int, classes: int) -> None:
        super().__init__()
        self._dropout = config.dropout
        self.classifier = nn.Linear(length, classes)
        glorot_uniform(self.classifier.weight.view(classes, length, 1, 1))
        nn.init.zeros_(self.classifier.bias)

    def forward(self, embeddings: Tensor, targets: Tensor, strangers: Tensor) -> list[Tensor]:
        """See :class:`Objective`."""
        logits = self.classifier(functional.dropout(embeddings, self._dropout))
        return [functional.cross_entropy(logits, targets)]


class Margin(Objective):
    """CosFace or ArcFace: a direction per person, and a margin for the true one."""

    def __init__(self, config: LossConfig, length: int, classes: int, *, angular: bool) -> None:
        super().__init__()
        self._config, self._angular = config, angular
        self.directions = _directions(length, classes)

    def forward(self, embeddings: Tensor, targets: Tensor, strangers: Tensor) -> list[Tensor]:
        """See :class:`Objective`."""
        cosines = functional.normalize(embeddings, dim=1) @ functional.normalize(
            self.directions, dim=0
        )
        shifted = losses.arcface_logits if self._angular else losses.cosface_logits
        logits = shifted(cosines, targets, margin=self._config.margin, scale=self._config.scale)
        return [functional.cross_entropy(logits, targets)]


def _directions(length: int, classes: int) -> nn.Parameter:
    """A trained direction per class, [D, classes], from Keras' "glorot_normal"."""
    directions = nn.Parameter(torch.empty(length, classes))
    truncated_normal(directions, math.sqrt(2.0 / (length + classes)))
    return directions


def objective_of(config: RunConfig, material: Material) -> Objective:
    """The objective that a configuration names, without its :class:`.terms.Terms`."""
    loss, length = config.loss, config.final_network.embedding_length
    if config.objective == "distillation":
        people = mean_directions(material) if loss.needs_labels else None
        return Distillation(loss, length, people, config.alike)
    if config.objective == "softmax":
        return Softmax(loss, length, material.classes)
    return Margin(loss, length, material.classes, angular=config.objective == "arcface")
