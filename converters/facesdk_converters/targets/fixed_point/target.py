"""The target ``fixed-point`` of ``facesdk convert``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import cast

from facesdk.errors import InputError
from facesdk.models.bundle import ModelBundle
from facesdk.progress import Progress, unwatched
from facesdk_converters.inspection import refusals
from facesdk_converters.inspection.agreement import Bound
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating
from facesdk_converters.targets.calibration_inputs import calibration_inputs
from facesdk_converters.targets.fixed_point.conversion import (
    FixedPointOptions,
    calibrate,
    convert,
    describe,
)
from facesdk_converters.targets.fixed_point.levels import ScaleKind
from facesdk_converters.targets.fixed_point.ranges import RangeKind
from facesdk_converters.targets.fixed_point.storage import Choice
from facesdk_converters.targets.target import Target

_BOUNDS = {8: Bound(0.95, 0.99), 7: Bound(0.93, 0.98), 6: Bound(0.9, 0.97), 5: Bound(0.8, 0.93)}
_BOUND_OF_FOUR = Bound(0.6, 0.8)
_BOUND_OF_FEWER = Bound(0.3, 0.5)
"""Least agreement with the float network, by the bits of a weight: below, an embedding has little
to do with that of the float network, and the network must be trained with these weights."""


def target(
    *,
    bits: int,
    activations: int,
    filter_scales: str,
    storage: str,
    calibrate_on: Path | None,
    widths: tuple[str, ...] = (),
    trained: bool = False,
    ranges: str = "extremes",
) -> Target:
    """The target.

    Args:
        bits: See :class:`~facesdk_converters.targets.fixed_point.conversion.FixedPointOptions`,
            also for the next three.
        activations: Width of what layers read.
        filter_scales: ``"free"`` or ``"power-of-two"``.
        storage: ``"int8"``, ``"small"`` or ``"smallest"``.
        calibrate_on: Photos or aligned crops to measure ranges on, besides the packaged samples.
        widths: ``NAME=BITS`` for the layers with NAME in their name.
        trained: Whether layers that were trained with a width keep it.
        ranges: ``"extremes"`` or ``"least-squares"``.

    Raises:
        InputError: A value is none of the possible ones.
    """
    scales = cast(ScaleKind, filter_scales)
    named = tuple(map(_width, widths))
    options = FixedPointOptions(
        bits=bits,
        activations=activations,
        scale=scales,
        storage=cast(Choice, storage),
        widths=named,
        trained=trained,
        ranges=cast(RangeKind, ranges),
    )
    fewest = min([bits, *(width for _, width in named)])
    words = "".join(f" width={part}={width}" for part, width in named)
    words += " trained-widths" * trained
    words += f" ranges={ranges}" * (ranges != "extremes")
    return Target(
        "fixed-point",
        partial(_convert, options=options, calibrate_on=calibrate_on),
        bound=bound(fewest),
        rounds_weights=True,
        options=f"bits={bits} activations={activations} filter-scales={scales} storage={storage}"
        + words,
        describe=partial(describe, options=options),
    )


def _width(text: str) -> tuple[str, int]:
    part, _, bits = text.rpartition("=")
    if not part or not bits.isdecimal():
        raise InputError(f"--bits-of must be NAME=BITS, but got {text!r}")
    return part, int(bits)


def bound(bits: int) -> Bound:
    """Least agreement of a network of that many bits per weight with its source."""
    if bits >= 4:
        return _BOUNDS.get(min(bits, 8), _BOUND_OF_FOUR)
    return _BOUND_OF_FEWER


def _convert(
    source: Source,
    /,
    *,
    options: FixedPointOptions,
    calibrate_on: Path | None,
    progress: Progress = unwatched,
) -> ModelBundle:
    inputs = calibration_inputs(source, calibrate_on)
    network = calibrate(floating.convert(source, half=False), inputs, progress=progress)
    return refusals.verified(convert(network, options, progress=progress), source)
