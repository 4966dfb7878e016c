"""What a training run is asked to do: the tables of its TOML file.

Every table of the file is a dataclass here, every key a field. :mod:`facesdk_training.config.toml`
reads and checks files, and :mod:`facesdk_training.recipes` holds complete ones.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from facesdk.errors import InputError
from facesdk_training.architectures.face_res_net import FaceResNetConfig
from facesdk_training.architectures.registry import ARCHITECTURES, NetworkConfig, configure
from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.distortions import KINDS, DistortionConfig
from facesdk_training.config.nuisances import NuisanceConfig

Objective = Literal["softmax", "cosface", "arcface", "distillation"]
Precision = Literal["float32", "bfloat16-convolutions", "mixed_bfloat16", "mixed_float16"]
_DISTILLATION_WEIGHTS = (
    *("cosine_weight", "similarity_weight", "soft_target_weight", "label_weight", "hint_weight"),
    *("attention_weight", "stranger_weight", "pair_weight"),
)
WORST_PAIRS = 8
"""How many of a crop's pairs within a batch count in losses of pairs: those that are most alike."""

STRANGERS_BELOW = 0.2
"""Similarity of the teacher up to which any two crops count as strangers."""

_LARGEST_SEED = 2**32 - 1
"""NumPy's, which both training engines draw from."""

_FORBID_OTHER_KEYS = {"extra": "forbid", "allow_inf_nan": False}


def _resolved(table: Any) -> Any:
    """A ``network`` table with the values of its architecture for the keys that it lacks."""
    if isinstance(table, NetworkConfig):
        return table
    if not isinstance(table, Mapping):
        raise ValueError(f"must be a table, but is {table!r}")
    if "architecture" not in table:
        raise ValueError(f"architecture is missing, it must be one of {', '.join(ARCHITECTURES)}")
    fields = dict(table)
    try:
        return configure(fields.pop("architecture"), **fields)
    except InputError as error:
        raise ValueError(str(error)) from None


Network = Annotated[NetworkConfig, BeforeValidator(_resolved)]
"""What a network is built from: a table with ``architecture``, a name of
:mod:`facesdk_training.architectures.registry`, and any fields of that architecture."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Which crops are trained on.

    Attributes:
        folder: Prepared shards (`facesdk data prepare`), or ``manifest.csv`` and zips.
        sets: Sets of the manifest to use; all of them if empty.
        labelled_only: Whether crops without an identity are left out, for distillation; the other
            objectives always leave them out.
        min_cos_to_identity: Crops known to be less like their identity's mean are left out where
            the identity is used as a label.
        min_crops: Identities with fewer crops are left out where they are used as labels.
        workers: Threads that decode and distort crops.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    folder: str = ""
    sets: tuple[str, ...] = ()
    labelled_only: bool = False
    min_cos_to_identity: float = 0.5
    min_crops: int = 3
    workers: int = 1


@dataclass(frozen=True, slots=True)
class TeacherFile:
    """A further teacher.

    Attributes:
        model: A recognition model, ``.tflite``.
        contract: Its contract, a JSON file, if the model carries none.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    model: str
    contract: str = ""


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """What distillation learns from.

    Attributes:
        model: A recognition model, ``.tflite``.
        contract: Its contract, a JSON file, if the model carries none.
        network: A finished run or a Keras file instead of ``model``: a teacher whose layers can be
            looked at, which runs beside the student where a loss asks for that.
        more: Further teachers beside ``model``. The unit vectors of all are joined, and projected
            to the student's length, see :mod:`facesdk_training.data.joining`.
        projection: ``projection.npz`` of another run, to learn in the same space as it; empty to
            take the one beside ``start_from``, or to find the one that keeps most of this run's
            vectors.
        select_neurons: Whether a student with a shorter embedding than the teacher's learns the
            numbers that tell people apart best, see :mod:`facesdk_training.data.neurons`; the
            crops must be labelled.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    model: str = ""
    contract: str = ""
    network: str = ""
    more: tuple[TeacherFile, ...] = ()
    projection: str = ""
    select_neurons: bool = False

    def __post_init__(self) -> None:
        if self.model and self.network:
            raise ValueError("teacher.model and teacher.network are two teachers: give one")


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Numbers of the losses; see :mod:`facesdk_training.keras.losses`.

    Distillation sums what has a weight above 0; the first two are cheapest, since a teacher's
    embeddings are computed once.

    Attributes:
        cosine_weight: Distillation: weight of 1 - cosine with the teacher's embedding.
        similarity_weight: Distillation: weight of the relational loss.
        soft_target_weight: Distillation: weight of the teacher's probabilities of people, which are
            the softmax of ``scale`` times the cosines of its embedding with each person's mean.
        temperature: Distillation: Hinton's T of soft targets.
        label_weight: Distillation: weight of the cross entropy with the true labels; with it and
            soft targets only labelled crops are trained on.
        hint_weight: Distillation: weight of FitNets' hints at ``layers``.
        attention_weight: Distillation: weight of attention transfer at ``layers``.
        stranger_weight: Distillation: weight of the excess of likeness to the stored targets of
            ``strangers`` other crops, so that degraded strangers do not meet.
        strangers: See ``stranger_weight``.
        pair_weight: Distillation: weight of the same excess among the crops of a batch.
        layers: Distillation: for hints and attention, names of a student's layer and of the
            teacher's layer that it imitates, with outputs of one height and width. A
            ``teacher.model`` has the names of its tensors, and needs the training engine "torch".
        factor_weight: Any objective: weight of the sum of |gamma| of batch normalisation; see
            :mod:`facesdk_training.keras.sparsity`.
        filter_weight: Any objective: weight of the sum of the filters' Euclidean norms.
        margin: CosFace's m (cosine, at most 2) or ArcFace's m (radians, at most pi).
        scale: CosFace's and ArcFace's s.
        dropout: Share of the embedding left out before the classifier.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    cosine_weight: float = 1.0
    similarity_weight: float = 2.0
    soft_target_weight: float = 0.0
    temperature: float = 4.0
    label_weight: float = 0.0
    hint_weight: float = 0.0
    attention_weight: float = 0.0
    stranger_weight: float = 0.0
    strangers: int = 16384
    pair_weight: float = 0.0
    layers: tuple[tuple[str, str], ...] = ()
    factor_weight: float = 0.0
    filter_weight: float = 0.0
    margin: float = 0.35
    scale: float = 30.0
    dropout: float = 0.5

    @property
    def imitates_layers(self) -> bool:
        """Whether distillation looks at layers, for which the teacher runs beside the student."""
        return self.hint_weight > 0 or self.attention_weight > 0

    @property
    def needs_labels(self) -> bool:
        """Whether distillation asks who a crop shows."""
        return self.soft_target_weight > 0 or self.label_weight > 0


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """How the learning rate goes; see :mod:`facesdk_training.config.schedules`.

    Attributes:
        kind: "cosine", or "steps".
        learning_rate: The peak.
        warmup_steps: Steps of linear warm-up.
        milestones: "steps": rising epochs at which the rate is multiplied by ``factor``.
        factor: "steps": see ``milestones``.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    kind: Literal["cosine", "steps"] = "cosine"
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    milestones: tuple[float, ...] = ()
    factor: float = 0.1


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """How gradients become weights.

    Attributes:
        float_weights: Optimizer of everything but binary kernels.
        binary_weights: Optimizer of the latent weights of binary kernels. Adam, because its
            normalised steps still flip signs where the clipped gradients are small (J. Bethge et
            al., "Back to Simplicity", 2019; Z. Liu et al., "How Do Adam and Training Strategies
            Help BNNs Optimization?", ICML 2021).
        momentum: Of SGD, 0 to below 1.
        weight_decay: Decoupled decay of float kernels; never of latent weights, whose magnitude
            does not reach the network's output.
        clip_norm: Largest norm of the whole gradient; 0 is no limit.
        ema_decay: Decay of the exponential moving average of weights that is validated and kept;
            0 validates the weights themselves.
        loss_scale: Factor of the loss in mixed_float16, so that small gradients do not vanish.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    float_weights: Literal["adam", "sgd"] = "adam"
    binary_weights: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema_decay: float = 0.0
    loss_scale: float = 1024.0


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """Label-preserving distortions of an aligned crop, which is mirrored half of the time.

    Attributes:
        shift: Largest translation, in pixels.
        scale: Largest relative change of size.
        rotation: Largest rotation, in degrees.
        contrast: Largest relative change of contrast.
        brightness: Largest change of brightness, in grey levels.
        low_resolution: Probability of shrinking the crop to 0.35-0.9 of its size and enlarging it.
        grey: Probability of removing colour.
        random_crop: Whether the window of the network's size is placed anywhere in the crop, as in
            the paper with crops of 128x128, instead of in its middle.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    shift: float = 2.0
    scale: float = 0.04
    rotation: float = 4.0
    contrast: float = 0.25
    brightness: float = 20.0
    low_resolution: float = 0.2
    grey: float = 0.08
    random_crop: bool = False

    def __post_init__(self) -> None:
        strengths = ("shift", "scale", "rotation", "contrast", "brightness")
        highest = {name: KINDS[name].highest for name in strengths}
        for name, most in {**highest, "low_resolution": 1, "grey": 1}.items():
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValueError(f"{name} must be between 0 and {most:g}, but is {value:g}")


@dataclass(frozen=True, slots=True)
class ValidationConfig:
    """Which crops are held out, and how often they are looked at.

    Attributes:
        sets: Sets of the manifest whose identities may be held out; not used with shards, which
            have a split of their own.
        share: Share of these identities, 0 to 1.
        every: Steps between validations; each saves a checkpoint.
        metric: Figure whose best value decides which weights are kept.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    sets: tuple[str, ...] = ("celeba10k", "celeba_wild", "glint")
    share: float = 0.12
    every: int = 650
    metric: Literal["accuracy", "tar_at_fmr_0.01"] = "accuracy"


@dataclass(frozen=True, slots=True)
class StageConfig:
    """A part of the run that trains another form of the network.

    Attributes:
        share: Its share of the steps, relative to the other stages'.
        network: What it trains. In a file the table names only what differs from the run's, for
            example ``variant = "float"``.
        learning_rate: Factor of the schedule's peak.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    share: float
    network: Network
    learning_rate: float = 1.0


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that decides a run's result, beside the data and the teacher.

    Attributes:
        network: What is trained; stages change it.
        objective: What is minimised.
        start_from: Weights to begin with: ``latent.npz`` of another run, or a ``.tflite`` of a
            published MobileFaceNet, or of a CompactFaceNet (training engine "keras" only); empty
            for random ones. Units that a CompactFaceNet has more than the file begin as identities,
            and a threshold becomes two.
        epochs: Length of the run; may be fractional.
        steps_per_epoch: Steps of an epoch; 0 is one pass over the crops.
        budget: Seconds that the run may take, validations and checkpoints included, its last ones
            not; its schedule then goes by the clock and ``epochs`` says nothing. 0 is no limit.
            Needs the training engine "torch".
        batch_size: Crops per step, of all replicas together.
        distortions: What is done to a crop, row by row, instead of ``augmentation``.
        alike: The part of a batch whose crops are spoilt in one way.
        blends: Share of a batch that is made of two faces each, for which the teacher is asked on
            the spot. Needs the training engine "torch".
        statistics: Batches of undistorted crops by which the running statistics of batch
            normalisation are measured anew when training ends; those are kept if the held-out
            figures agree. 0 leaves this out.
        nuisances: What embeddings of bad photos have in common, row by row; it is taken out of the
            last layer when training ends. Needs a network whose last layer is dense.
        precision: "bfloat16-convolutions" is for CPUs that have it, "mixed_..." for GPUs.
        seed: Seed of initial weights, permutations and augmentation, below 2**32.
        stages: Stage-wise binarization; empty trains one form only.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    network: Network
    objective: Objective
    start_from: str = ""
    epochs: float = 6.0
    steps_per_epoch: int = 0
    budget: float = 0.0
    batch_size: int = 64
    precision: Precision = "float32"
    seed: int = 1
    data: DataConfig = field(default_factory=DataConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    stages: tuple[StageConfig, ...] = ()
    distortions: tuple[DistortionConfig, ...] = ()
    alike: AlikeConfig = field(default_factory=AlikeConfig)
    blends: float = 0.0
    statistics: int = 0
    nuisances: tuple[NuisanceConfig, ...] = ()

    def __post_init__(self) -> None:
        positive = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "schedule.learning_rate": self.schedule.learning_rate,
            "schedule.factor": self.schedule.factor,
            "validation.every": self.validation.every,
            "data.workers": self.data.workers,
            "optimizer.loss_scale": self.optimizer.loss_scale,
            "loss.temperature": self.loss.temperature,
            "loss.scale": self.loss.scale,
            **{f"stages.{n}.share": stage.share for n, stage in enumerate(self.stages)},
            **{f"stages.{n}.learning_rate": s.learning_rate for n, s in enumerate(self.stages)},
        }
        for name, value in positive.items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be above 0 and finite, but is {value:g}")
        shares = {
            "validation.share": self.validation.share,
            "loss.dropout": self.loss.dropout,
            "optimizer.momentum": self.optimizer.momentum,
            "optimizer.ema_decay": self.optimizer.ema_decay,
            "blends": self.blends,
        }
        for name, value in shares.items():
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, but is {value:g}")
        not_negative = {
            "steps_per_epoch": self.steps_per_epoch,
            "budget": self.budget,
            "statistics": self.statistics,
            "loss.strangers": self.loss.strangers,
            "schedule.warmup_steps": self.schedule.warmup_steps,
            "optimizer.clip_norm": self.optimizer.clip_norm,
            "optimizer.weight_decay": self.optimizer.weight_decay,
            "loss.factor_weight": self.loss.factor_weight,
            "loss.filter_weight": self.loss.filter_weight,
            **{f"loss.{name}": getattr(self.loss, name) for name in _DISTILLATION_WEIGHTS},
        }
        for name, value in not_negative.items():
            if value < 0:
                raise ValueError(f"{name} must not be negative, but is {value:g}")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise ValueError(f"seed must be between 0 and {_LARGEST_SEED}, but is {self.seed}")
        widest = 2.0 if self.objective == "cosface" else math.pi
        if not 0 <= self.loss.margin <= widest:
            raise ValueError(
                f"loss.margin must be between 0 and {widest:.5g}, but is {self.loss.margin:g}"
            )
        milestones = self.schedule.milestones
        if min(milestones, default=0) < 0 or any(a >= b for a, b in pairwise(milestones)):
            raise ValueError(
                "schedule.milestones must rise and none be below 0, but they are "
                f"{list(milestones)}"
            )
        self._check_distillation()
        if self.blends + self.alike.share >= 1:
            raise ValueError("blends and alike.share must be below 1 together")
        if self.nuisances and isinstance(self.final_network, FaceResNetConfig):
            raise ValueError(
                f"nuisances need a network whose last layer is dense, CompactFaceNet or "
                f"MobileFaceNet: that of {self.final_network.architecture} is a convolution"
            )
        for number, stage in enumerate(self.stages):
            for name in ("input_height", "input_width", "embedding_length"):
                own, last = getattr(stage.network, name), getattr(self.final_network, name)
                if own != last:
                    raise ValueError(
                        f"stages.{number}.network.{name} must be that of the last stage, {last}, "
                        f"but is {own}"
                    )

    def _check_distillation(self) -> None:
        if self.objective != "distillation":
            if self.alike.share:
                raise ValueError(f"alike is for distillation, but objective is {self.objective}")
            return
        if not any(getattr(self.loss, name) for name in _DISTILLATION_WEIGHTS):
            names = ", ".join(_DISTILLATION_WEIGHTS)
            raise ValueError(f"distillation minimises nothing: set one of loss.{names}")
        taught_by = self.teacher.network or self.teacher.model
        if self.loss.imitates_layers and not (self.loss.layers and taught_by):
            raise ValueError(
                "hints and attention need a teacher with layers, teacher.network or teacher.model, "
                "and loss.layers: pairs of a student's layer and a teacher's"
            )

    @property
    def final_network(self) -> NetworkConfig:
        """The network that comes out of the run: that of the last stage."""
        return self.stages[-1].network if self.stages else self.network

    def to_dict(self) -> dict[str, Any]:
        """The inverse of :func:`facesdk_training.config.toml.parse`; every network is whole."""
        return dataclasses.asdict(self)

    @property
    def distortion_rows(self) -> tuple[DistortionConfig, ...]:
        """What is done to a crop: ``distortions``, or ``augmentation`` in their words."""
        if self.distortions:
            return self.distortions
        asked = self.augmentation
        rows = {
            "rotation": (1.0, 0.0, asked.rotation),
            "scale": (1.0, 0.0, asked.scale),
            "shift": (1.0, 0.0, asked.shift),
            "low-resolution": (asked.low_resolution, 39.0, 101.0),
            "contrast": (1.0, 0.0, asked.contrast),
            "brightness": (1.0, 0.0, asked.brightness),
            "grey": (asked.grey, 0.0, 0.0),
        }
        return (
            DistortionConfig("mirror", 0.5),
            *(DistortionConfig(name, *row) for name, row in rows.items() if row[0]),
        )
