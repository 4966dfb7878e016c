"""From which similarity a probe is somebody, in a gallery of a given size.

A threshold is calibrated for one comparison: its false match rate (FMR) is the chance that two
people pass for one. A search compares with everybody, so that the chance of a wrong name grows with
the gallery. For N independent comparisons the false positive identification rate is

    FPIR = 1 - (1 - FMR)^N

(ISO/IEC 19795-1, annex on identification; J. Daugman, "Biometric decision landscapes", 2000).
Comparisons with several templates of one person, and with people of one family, are not
independent; counting each template as a comparison overstates the rate for the first.

A contract states a few thresholds. For a gallery the next stricter one is used, and where none is
strict enough the strictest, with a note that says which rate it gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from facesdk.errors import InputError
from facesdk.models.contract import Contract, Threshold
from facesdk.recognition.operating_points import point_for

RULES = ("max", "mean")
"""How several templates of a person make one similarity: the largest, or their mean."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold, and what it promises.

    Attributes:
        threshold: From which similarity a probe is somebody.
        fmr: False match rate of one comparison there, at most; None where it is not known.
        fpir: False positive identification rate that follows; None where ``fmr`` is None.
        comparisons: The N of the formula.
        note: What the caller should know, in a sentence; empty for nothing.
    """

    threshold: float
    fmr: float | None
    fpir: float | None
    comparisons: int
    note: str = ""


def fpir_of(fmr: float, comparisons: int) -> float:
    """``1 - (1 - fmr)**comparisons``, exact also where ``fmr`` is tiny.

    Args:
        fmr: 0 to 1.
        comparisons: At least 0.
    """
    if fmr >= 1:
        return 1.0 if comparisons else 0.0
    return -math.expm1(comparisons * math.log1p(-fmr))


def needed_fmr(fpir: float, comparisons: int) -> float:
    """The false match rate at which a gallery has a given FPIR: ``1 - (1 - fpir)**(1 / N)``.

    Args:
        fpir: Above 0 and below 1.
        comparisons: At least 0; an empty gallery is taken for one comparison.
    """
    return -math.expm1(math.log1p(-fpir) / max(comparisons, 1))


def operating_point(
    contract: Contract,
    comparisons: int,
    *,
    fpir: float,
    fmr: float | None = None,
    threshold: float | None = None,
) -> OperatingPoint:
    """Choose a threshold of a contract for a gallery of a given size.

    Args:
        contract: The model's contract.
        comparisons: Templates that a probe is compared with.
        fpir: The rate to stay at or below, above 0 and below 1.
        fmr: Use the contract's threshold for this false match rate instead, also between those that
            it states (:func:`facesdk.recognition.operating_points.point_for`).
        threshold: Use this similarity instead, -1 to 1.

    Raises:
        InputError: A value is out of its range, both ``fmr`` and ``threshold`` are given, or the
            contract has no threshold that serves.
    """
    if not 0 < fpir < 1:
        raise InputError(f"the FPIR must be above 0 and below 1, but got {fpir:g}")
    if threshold is not None:
        if fmr is not None:
            raise InputError("give an FMR or a threshold, but not both")
        return _given(contract, comparisons, threshold)
    if fmr is not None:
        chosen = point_for(contract, fmr)
        return OperatingPoint(
            chosen.similarity,
            chosen.fmr,
            fpir_of(chosen.fmr, comparisons),
            comparisons,
            chosen.note,
        )
    if not contract.thresholds:
        raise InputError(
            f"model {contract.name} has no threshold: find some with `facesdk calibrate`, or give "
            "a similarity as the threshold"
        )
    return _at_most(contract.thresholds, comparisons, fpir)


def _at_most(thresholds: Sequence[Threshold], comparisons: int, fpir: float) -> OperatingPoint:
    wanted = needed_fmr(fpir, comparisons) * (1 + 1e-9)
    strict = [row for row in thresholds if row.fmr <= wanted]
    chosen = max(strict, key=lambda row: row.fmr) if strict else min(thresholds, key=_fmr)
    rate = fpir_of(chosen.fmr, comparisons)
    note = "" if strict else _too_lax(chosen.fmr, comparisons, rate, fpir, wanted)
    return OperatingPoint(chosen.similarity, chosen.fmr, rate, comparisons, note)


def _too_lax(fmr: float, comparisons: int, rate: float, fpir: float, wanted: float) -> str:
    return (
        f"the model's strictest threshold (FMR {fmr:g}) gives an FPIR of {rate:.2g} in "
        f"{comparisons} comparisons, not {fpir:g}: calibrate the model for an FMR of {wanted:.1g} "
        "(`facesdk calibrate`), or give a higher threshold"
    )


def _given(contract: Contract, comparisons: int, threshold: float) -> OperatingPoint:
    if not -1 <= threshold <= 1:
        raise InputError(f"threshold must be in [-1, 1], but got {threshold:g}")
    below = [row for row in contract.thresholds if row.similarity <= threshold]
    if not below:
        note = f"the contract of model {contract.name} states no FMR for so low a threshold"
        return OperatingPoint(threshold, None, None, comparisons, note)
    fmr = min(map(_fmr, below))
    return OperatingPoint(threshold, fmr, fpir_of(fmr, comparisons), comparisons)


def _fmr(threshold: Threshold) -> float:
    return threshold.fmr
