"""What a training run is asked to do: a TOML file, checked against the dataclasses below.

Every table of the file is a dataclass here, every key a field;
:mod:`facesdk_training.recipes` holds complete files.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import TypeAdapter, ValidationError

from facesdk.errors import InputError
from facesdk.files import read_regular
from facesdk_training.data.batches import Augmentation

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Objective = Literal["softmax", "cosface", "arcface", "distillation"]
Precision = Literal["float32", "bfloat16-convolutions", "mixed_bfloat16", "mixed_float16"]
_FORBID_OTHER_KEYS = {"extra": "forbid", "allow_inf_nan": False}


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
class TeacherConfig:
    """What distillation learns from.

    Attributes:
        model: A recognition model, ``.tflite``.
        contract: Its contract, a JSON file, if the model carries none.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    model: str = ""
    contract: str = ""


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Numbers of the losses; see :mod:`facesdk_training.keras.losses`.

    Attributes:
        similarity_weight: Distillation: weight of the relational loss.
        margin: CosFace's m (cosine) or ArcFace's m (radians).
        scale: CosFace's and ArcFace's s.
        dropout: Share of the embedding left out before the classifier.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    similarity_weight: float = 2.0
    margin: float = 0.35
    scale: float = 30.0
    dropout: float = 0.5


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """How the learning rate goes; see :mod:`facesdk_training.config.schedules`.

    Attributes:
        kind: "cosine", or "steps".
        learning_rate: The peak.
        warmup_steps: Steps of linear warm-up.
        milestones: "steps": epochs at which the rate is multiplied by ``factor``.
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
        binary_weights: Optimizer of the latent weights behind binary kernels. Adam, because its
            normalised steps still flip signs where the clipped gradients are small (J. Bethge et
            al., "Back to Simplicity", 2019; Z. Liu et al., "How Do Adam and Training Strategies
            Help BNNs Optimization?", ICML 2021).
        momentum: Of SGD.
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
        network: Fields of the network that differ, for example ``variant = "float"``.
        learning_rate: Factor of the schedule's peak.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    share: float
    network: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 1.0


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that decides a run's result, beside the data and the teacher.

    Attributes:
        network: ``architecture``, a name of :mod:`facesdk_training.architectures.registry`, and
            fields of that architecture.
        objective: What is minimised.
        start_from: Weights to begin with: a ``.tflite`` of a CompactFaceNet, or ``latent.npz`` of
            another run; empty for random ones.
        epochs: Length of the run; may be fractional.
        steps_per_epoch: Steps of an epoch; 0 is one pass over the crops.
        batch_size: Crops a step, of all replicas together.
        precision: "bfloat16-convolutions" is for CPUs that have it, "mixed_..." for GPUs.
        seed: Seed of initial weights, permutations and augmentation.
        stages: Stage-wise binarization; empty trains one form only.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    network: dict[str, Any]
    objective: Objective
    start_from: str = ""
    epochs: float = 6.0
    steps_per_epoch: int = 0
    batch_size: int = 64
    precision: Precision = "float32"
    seed: int = 1
    data: DataConfig = field(default_factory=DataConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    stages: tuple[StageConfig, ...] = ()

    def __post_init__(self) -> None:
        positive = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "schedule.learning_rate": self.schedule.learning_rate,
            "validation.every": self.validation.every,
            "data.workers": self.data.workers,
            "optimizer.loss_scale": self.optimizer.loss_scale,
            **{f"stages.{n}.share": stage.share for n, stage in enumerate(self.stages)},
            **{f"stages.{n}.learning_rate": s.learning_rate for n, s in enumerate(self.stages)},
        }
        for name, value in positive.items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be above 0 and finite, but is {value:g}")
        shares = {
            "validation.share": self.validation.share,
            "loss.dropout": self.loss.dropout,
            "optimizer.ema_decay": self.optimizer.ema_decay,
        }
        for name, value in shares.items():
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, but is {value:g}")
        not_negative = {
            "steps_per_epoch": self.steps_per_epoch,
            "seed": self.seed,
            "schedule.warmup_steps": self.schedule.warmup_steps,
            "optimizer.clip_norm": self.optimizer.clip_norm,
            "optimizer.weight_decay": self.optimizer.weight_decay,
            "loss.similarity_weight": self.loss.similarity_weight,
        }
        for name, value in not_negative.items():
            if value < 0:
                raise ValueError(f"{name} must not be negative, but is {value:g}")
        if "architecture" not in self.network:
            raise ValueError("network.architecture is missing")

    def to_dict(self) -> dict[str, Any]:
        """The inverse of :func:`parse`."""
        return dataclasses.asdict(self)


def parse(record: Mapping[str, Any], origin: str) -> RunConfig:
    """Checks a record against the dataclasses.

    Args:
        record: Tables and keys as in a TOML or JSON file.
        origin: Where it came from, for messages.

    Raises:
        InputError: A key is unknown or missing, or a value has a wrong type or range; the message
            names all of them.
    """
    try:
        return TypeAdapter(RunConfig).validate_python(dict(record))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'config'}: "
            f"{problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        )
        raise InputError(f"{origin}: {problems}") from None


def read(path: Path, assignments: Iterable[str] = ()) -> RunConfig:
    """Reads a TOML file and applies ``key=value`` assignments to it.

    Args:
        path: The file; a name without a suffix that is no file means one of the shipped recipes.
        assignments: For example ``schedule.learning_rate=0.001``; values as in TOML, and a value
            that is none is a string.

    Raises:
        InputError: The file is missing or no TOML, an assignment is malformed, or the result does
            not pass :func:`parse`.
    """
    return parse(assigned(_read_toml(path), assignments), str(path))


def assigned(record: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """A copy of a record with ``key=value`` assignments applied, see :func:`read`.

    Raises:
        InputError: An assignment is malformed.
    """
    result = copy.deepcopy(dict(record))
    for assignment in assignments:
        _assign(result, assignment)
    return result


def recipes() -> list[str]:
    """Names of the shipped recipes."""
    files = resources.files("facesdk_training.recipes").iterdir()
    return sorted(file.name[:-5] for file in files if file.name.endswith(".toml"))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        if not path.suffix and not path.exists():
            recipe = resources.files("facesdk_training.recipes") / f"{path}.toml"
            if not recipe.is_file():
                raise InputError(
                    f"there is no file {path} and no recipe of that name: "
                    f"use one of {', '.join(recipes())}"
                )
            content = recipe.read_bytes()
        else:
            content = read_regular(path)
        return tomllib.loads(content.decode())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None


def _assign(record: dict[str, Any], assignment: str) -> None:
    key, separator, text = assignment.partition("=")
    *tables, name = key.strip().split(".")
    if not separator or not name:
        raise InputError(f"--set takes key=value, but got {assignment!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    table = record
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise InputError(f"--set {assignment}: {part} is no table")
    table[name] = value
