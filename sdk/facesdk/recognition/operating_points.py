"""The threshold for any false match rate, and the rate of any similarity, by a contract.

A contract states thresholds for a few false match rates (FMR). Over the similarities at which
recognition works, the logarithm of the FMR is nearly a straight line, so between two neighbours it
is taken for one. Beyond them the line of the nearest two is followed for a decade at most, with a
note; further out nobody has measured anything, and the rate is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from facesdk.errors import InputError
from facesdk.models.contract import Contract, Threshold
from facesdk.results import Confidence

DEFAULT_FMR = 1e-3
"""The false match rate whose threshold decides where nobody chooses another."""

_DECADES_BEYOND = 1.0
_SAME = 1e-6
"""Relative difference of two rates that count as one."""


@dataclass(frozen=True, slots=True)
class Point:
    """A threshold for a false match rate.

    Attributes:
        similarity: The threshold, -1 to 1.
        fmr: The rate it is for.
        note: How it was found where it was not measured, in a sentence; empty where it was.
    """

    similarity: float
    fmr: float
    note: str = ""


def point_for(contract: Contract, fmr: float | None = None) -> Point:
    """The threshold of a model for a false match rate.

    Args:
        contract: The model's contract.
        fmr: The rate, above 0 and below 1. None for the default: :data:`DEFAULT_FMR` where the
            contract's thresholds reach it, otherwise the calibrated rate that is nearest to it.

    Raises:
        InputError: The contract has no thresholds, or the rate is too far beyond them.
    """
    rows = _ascending(contract)
    if not rows:
        raise InputError(
            f"model {contract.name} has no threshold: find some with `facesdk calibrate`, or give "
            "a similarity as the threshold"
        )
    if fmr is None:
        return _default(contract.name, rows)
    if not 0 < fmr < 1:
        raise InputError(f"a false match rate must be above 0 and below 1, but got {fmr:g}")
    for row in rows:
        if math.isclose(row.fmr, fmr, rel_tol=_SAME):
            return Point(row.similarity, row.fmr)
    if rows[0].fmr < fmr < rows[-1].fmr:
        return _between(rows, fmr)
    return _beyond(contract.name, rows, fmr)


def confidence(contract: Contract, similarity: float) -> Confidence:
    """What a similarity says about a pair.

    Args:
        contract: The contract of the model that made the embeddings.
        similarity: Their cosine, -1 to 1.
    """
    rows = _ascending(contract)
    known = contract.probability
    probability = None if known is None else known.at(similarity)
    missing = [
        *([] if rows else ["no threshold"]),
        *([] if known else ["no probability"]),
    ]
    words = (
        f"the contract of model {contract.name} has {' and '.join(missing)}: `facesdk calibrate` "
        "finds them on your photos"
        if missing
        else ""
    )
    fmr, bound = _rate(rows, similarity) if rows else (None, "")
    return Confidence(probability, fmr, bound, words)


def _ascending(contract: Contract) -> list[Threshold]:
    """Thresholds, ascending in FMR; of some at one similarity, the one with the lowest FMR."""
    return sorted(contract.thresholds, key=lambda row: (row.fmr, -row.similarity))


def _rate(rows: Sequence[Threshold], similarity: float) -> tuple[float, str]:
    if similarity > rows[0].similarity:
        return rows[0].fmr, "at most"
    if similarity < rows[-1].similarity:
        return rows[-1].fmr, "at least"
    for stricter, laxer in pairwise(rows):
        if stricter.similarity > similarity >= laxer.similarity:
            share = (stricter.similarity - similarity) / (stricter.similarity - laxer.similarity)
            return math.exp(_mix(math.log(stricter.fmr), math.log(laxer.fmr), share)), ""
    return rows[0].fmr, ""


def _default(name: str, rows: Sequence[Threshold]) -> Point:
    for row in rows:
        if math.isclose(row.fmr, DEFAULT_FMR, rel_tol=_SAME):
            return Point(row.similarity, row.fmr)
    if rows[0].fmr < DEFAULT_FMR < rows[-1].fmr:
        return _between(rows, DEFAULT_FMR)
    nearest = rows[0] if rows[0].fmr > DEFAULT_FMR else rows[-1]
    note = (
        f"model {name} is not calibrated for an FMR of {DEFAULT_FMR:g}: its threshold for "
        f"{nearest.fmr:g} decides"
    )
    return Point(nearest.similarity, nearest.fmr, note)


def _between(rows: Sequence[Threshold], fmr: float) -> Point:
    stricter = max((row for row in rows if row.fmr < fmr), key=lambda row: row.fmr)
    laxer = min((row for row in rows if row.fmr > fmr), key=lambda row: row.fmr)
    note = f"the threshold lies between those for an FMR of {stricter.fmr:g} and {laxer.fmr:g}"
    return Point(_on_line(stricter, laxer, fmr), fmr, note)


def _beyond(name: str, rows: Sequence[Threshold], fmr: float) -> Point:
    strict = fmr < rows[0].fmr
    end = rows[0] if strict else rows[-1]
    decades = abs(math.log10(fmr / end.fmr))
    pair = rows[:2] if strict else rows[-2:]
    known = ", ".join(f"{row.fmr:g}" for row in rows)
    refused = (
        f"model {name} has no threshold for a false match rate of {fmr:g} (it has: {known}), and "
    )
    advice = ": choose a rate near these, calibrate the model for it, or give a threshold"
    if len(pair) < 2 or not pair[0].similarity > pair[1].similarity:
        raise InputError(f"{refused}they do not tell how the rate goes on{advice}")
    similarity = _on_line(pair[0], pair[1], fmr)
    if decades > _DECADES_BEYOND + _SAME or not -1 <= similarity <= 1:
        raise InputError(f"{refused}it is more than ten times beyond them{advice}")
    note = (
        f"nobody measured an FMR of {fmr:g}: the threshold is extrapolated from those for "
        f"{pair[0].fmr:g} and {pair[1].fmr:g}"
    )
    return Point(similarity, fmr, note)


def _on_line(first: Threshold, second: Threshold, fmr: float) -> float:
    share = math.log(fmr / first.fmr) / math.log(second.fmr / first.fmr)
    return _mix(first.similarity, second.similarity, share)


def _mix(first: float, second: float, share: float) -> float:
    return first + share * (second - first)
