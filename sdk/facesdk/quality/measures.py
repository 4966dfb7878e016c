"""What can be measured of an aligned crop: light, noise, and detail where a face has some.

The sums are made in C (``facesdk_measure_crop`` in ``facesdk_face.h``, which defines them in
integers) and are the same on every processor and on Android.

Detail is what a blur by a few pixels takes away: the mean difference between averages over 3x3 and
7x7 pixels. Divided by the contrast it does not depend on the light. It is asked of the eyes and the
mouth, where it tells covered ones. Of the whole face it is asked along lines, of 3 and 7 pixels in
four directions, and the least counts: it tells blurred pictures, and faces that moved while they
were exposed, which have detail across their way.

A pattern over the face (stripes, a net, print, a screen that was photographed) is a wave of the
picture's spectrum that is far stronger than those beside it: the cell-averaging detector of a
constant false alarm rate (H. Finn and R. Johnson, RCA Review 29, 1968) on a periodogram with a Hann
window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.images import pixels

LEVEL, SHARE, RATIO = 256, 65536, 16
"""Units of the library in a level, and in 1 of a share and of a ratio."""


@dataclass(frozen=True, slots=True)
class CropMeasures:
    """Measures of a crop; see :class:`facesdk.results.Quality`, whose names they have."""

    sharpness: float
    eyes: float
    mouth: float
    brightness: float
    contrast: float
    noise: float
    pattern: float
    dark: float
    bright: float


def measure(crop: NDArray[np.uint8]) -> CropMeasures:
    """Measure an aligned crop.

    Args:
        crop: uint8 RGB ``(112, 112, 3)``, aligned to ``arcface-112x112``.

    Raises:
        InputError: The array is no such crop.
    """
    units = pixels.measure_crop(crop)
    contrast = units["contrast"]

    def detail(of: str) -> float:
        return units[of] / contrast if contrast else 0.0

    return CropMeasures(
        sharpness=detail("detail"),
        eyes=detail("eye_detail"),
        mouth=detail("mouth_detail"),
        brightness=units["brightness"] / LEVEL,
        contrast=contrast / LEVEL,
        noise=units["noise"] / LEVEL,
        pattern=units["pattern"] / RATIO,
        dark=units["dark"] / SHARE,
        bright=units["bright"] / SHARE,
    )
