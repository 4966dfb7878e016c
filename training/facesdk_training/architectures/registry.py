"""The architectures by name.

``A``, ``B``, ``C``, ``Q`` and ``QB`` are :mod:`~facesdk_training.architectures.face_res_net`;
``CompactFaceNet`` is :mod:`~facesdk_training.architectures.compact_face_net`, ``MobileFaceNet`` is
:mod:`~facesdk_training.architectures.mobile_face_net`. A training engine builds what they describe,
for example :func:`facesdk_training.keras.networks.build.build`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Union, get_args

from pydantic import TypeAdapter, ValidationError

from facesdk.errors import InputError
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.face_res_net import FaceResNetConfig
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.architectures.other_network import OtherNetworkConfig
from facesdk_training.architectures.strict import checked, in_words

NetworkConfig = Union[
    FaceResNetConfig, CompactFaceNetConfig, MobileFaceNetConfig, OtherNetworkConfig
]
"""What a network is built from; each has ``architecture``, ``family``, ``variant``,
``input_height``, ``input_width`` and ``embedding_length``."""

PAPER_CLASSES = 10575
"""People in CASIA-WebFace, the outputs of the paper's Fc6."""

_A = FaceResNetConfig("A", units=(1, 2, 5, 3), unit_convolutions=2)
_B = dataclasses.replace(_A, architecture="B", units=(3, 4, 6, 3))
_C = dataclasses.replace(_B, architecture="C", unit_convolutions=3)

ARCHITECTURES: Mapping[str, NetworkConfig] = MappingProxyType(
    {
        config.architecture: config
        for config in (
            _A,
            _B,
            _C,
            dataclasses.replace(_C, architecture="Q", weights="dorefa-1"),
            dataclasses.replace(_C, architecture="QB", weights="bnn", activations="bi-real"),
            CompactFaceNetConfig(),
            MobileFaceNetConfig(),
        )
    }
)
"""Configuration of each architecture at full size. Q is the paper's: 1-bit weights, float
activations. QB has 1-bit activations as well."""

_OTHER = OtherNetworkConfig()
"""Read in records of runs; nothing can be trained by that name."""

_ADAPTERS = {kind: TypeAdapter(kind) for kind in get_args(NetworkConfig)}


def architecture_name(name: str) -> str:
    """The key of :data:`ARCHITECTURES` that a name means, in upper or lower case.

    Raises:
        InputError: There is no such architecture.
    """
    for key in ARCHITECTURES:
        if key.lower() == str(name).lower():
            return key
    raise InputError(f"architecture must be one of {', '.join(ARCHITECTURES)}, not {name!r}")


def configure(name: str, **overrides: Any) -> NetworkConfig:
    """The configuration of an architecture, with some fields replaced.

    Args:
        name: A key of :data:`ARCHITECTURES`; upper and lower case are the same.
        overrides: Fields of the configuration, for example ``width=0.25`` or
            ``activations="bnn"`` for a FaceResNet; lists are as good as tuples.

    Raises:
        InputError: There is no such architecture or field, or a value does not fit.
    """
    other = name == _OTHER.architecture
    key = name if other else architecture_name(name)
    config = _OTHER if other else ARCHITECTURES[key]
    fields = [field.name for field in dataclasses.fields(config) if field.name != "architecture"]
    if unknown := sorted(set(overrides) - set(fields)):
        raise InputError(f"{key} has no {', '.join(unknown)}; it has {', '.join(fields)}")
    record = {**dataclasses.asdict(config), **overrides}
    try:
        return checked(_ADAPTERS[type(config)], record)
    except ValidationError as error:
        raise InputError("; ".join(_in_words(problem) for problem in error.errors())) from None


def _in_words(problem: Any) -> str:
    where, given = ".".join(map(str, problem["loc"])), repr(problem["input"])
    if problem["type"] == "literal_error":
        allowed = problem["ctx"]["expected"]
        return f"{where} must be one of {allowed}, but got {given}"
    said = in_words(problem)
    return f"{where}: {said}" if ", but got " in said else f"{where}: {said}, but got {given}"
