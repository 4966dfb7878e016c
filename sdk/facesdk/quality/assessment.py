"""How fit a face is to be compared: one number, with reasons.

Each measure has a row in :data:`FLOORS`: a value from which a comparison is refused, one at which
the measure is as bad as can be, and one from which more of it brings nothing. In between it is
graded in two straight lines: 0 at the worst, 0.5 at the floor, 1 at the best. The score of a face
is the least of its grades, so that 0.5 and a face without reasons are the same thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from facesdk.quality.measures import CropMeasures, measure
from facesdk.quality.pose import Pose, pose
from facesdk.recognition.alignment import align_square
from facesdk.results import Face, Quality

CROP = 112
"""Side of the crop that is measured, in pixels."""

_OF_CROP = tuple(row.name for row in fields(CropMeasures))
_OF_POSE = tuple(row.name for row in fields(Pose))


@dataclass(frozen=True, slots=True)
class Floor:
    """What a measure must be.

    Attributes:
        worst: Where its grade is 0.
        floor: Where it is 0.5; a face that is worse is not compared.
        best: Where it is 1.
        reason: What is said of a face below the floor.
        of: The measure, from the values of :class:`facesdk.results.Quality` by name.
    """

    worst: float
    floor: float
    best: float
    reason: str
    of: Callable[[dict[str, float]], float]
    _sign: int = field(init=False)
    _signed: tuple[float, float, float] = field(init=False)

    def __post_init__(self) -> None:
        sign = 1 if self.best > self.worst else -1
        object.__setattr__(self, "_sign", sign)
        object.__setattr__(
            self, "_signed", (self.worst * sign, self.floor * sign, self.best * sign)
        )

    def grade(self, value: float) -> float:
        """0 to 1."""
        worst, floor, best = self._signed
        signed = value * self._sign
        if not worst < signed < best:  # also not a number
            return float(signed >= best)
        if signed < floor:
            return 0.5 / (floor - worst) * (signed - worst)
        return 0.5 / (best - floor) * (signed - floor) + 0.5

    def fails(self, value: float) -> bool:
        """Whether a value is on the wrong side of the floor."""
        return value * self._sign < self._signed[1]

    def sentence(self, value: float) -> str:
        """The reason with the value and what it must be."""
        bound = "at least" if self._sign > 0 else "at most"
        return f"{self.reason}: {value:.3g}, must be {bound} {self.floor:.3g}"


FLOORS: dict[str, Floor] = {
    "eye_distance": Floor(
        4, 8, 32, "the face is small (pixels between the eyes)", lambda v: v["eye_distance"]
    ),
    "sharpness": Floor(
        0.006, 0.04, 0.09, "the face is blurred (sharpness)", lambda v: v["sharpness"]
    ),
    "brightness": Floor(
        4, 30, 80, "the face is dark (mean level of 255)", lambda v: v["brightness"]
    ),
    "contrast": Floor(
        1, 3, 20, "the face has no contrast (deviation in levels of 255)", lambda v: v["contrast"]
    ),
    "noise": Floor(
        1.0, 0.6, 0.15, "the face is noisy (noise divided by contrast)",
        lambda v: v["noise"] / v["contrast"] if v["contrast"] else 1.0,
    ),
    "pattern": Floor(
        100, 18, 10, "a pattern lies over the face (strongest wave by others like it)",
        lambda v: v["pattern"],
    ),
    "bright": Floor(
        0.9, 0.5, 0.02, "the face is overexposed (share of white pixels)", lambda v: v["bright"]
    ),
    "eyes": Floor(
        0.0, 0.06, 0.2, "the eyes are covered or cannot be seen (detail)", lambda v: v["eyes"]
    ),
    "mouth": Floor(
        0.0, 0.03, 0.12, "the mouth is covered or cannot be seen (detail)", lambda v: v["mouth"]
    ),
    "yaw": Floor(90, 70, 15, "the face is seen from the side (degrees)", lambda v: abs(v["yaw"])),
    "pitch": Floor(
        90, 60, 15, "the face looks far up or down (degrees)", lambda v: abs(v["pitch"])
    ),
    "detector_score": Floor(
        0.7, 0.95, 0.9999, "this may be no face (score of the detector)",
        lambda v: v["detector_score"],
    ),
}  # fmt: skip
"""The one table of floors, by the measure that each is about."""


def assess(image: NDArray[np.uint8], face: Face) -> Quality:
    """Say how fit a face is to be compared.

    Args:
        image: The photo it was found in, uint8 RGB ``(H, W, 3)``.
        face: A detected face.

    Raises:
        InputError: The image is not uint8 RGB, or the landmarks have no similarity to a face's.
    """
    return assess_crop(square_of(image, face), face)


def square_of(image: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
    """The crop that is measured; arguments and errors as of :func:`assess`."""
    return align_square(image, face.landmarks, CROP)


def assess_crop(crop: NDArray[np.uint8], face: Face) -> Quality:
    """The same where the aligned crop is at hand.

    Args:
        crop: uint8 RGB ``(112, 112, 3)``, aligned to ``arcface-112x112``.
        face: The face that it was cut by.

    Raises:
        InputError: The crop is not one, or the landmarks lie on one line.
    """
    measured, posed = measure(crop), pose(face.landmarks)
    values = {
        **{name: getattr(measured, name) for name in _OF_CROP},
        **{name: getattr(posed, name) for name in _OF_POSE},
        "detector_score": face.score,
    }
    rows = [(floor, floor.of(values)) for floor in FLOORS.values()]
    grades = [floor.grade(value) for floor, value in rows]
    worst_first = [rows[index] for index in sorted(range(len(rows)), key=grades.__getitem__)]
    reasons = tuple(floor.sentence(value) for floor, value in worst_first if floor.fails(value))
    return Quality(score=min(grades), reasons=reasons, **values)
