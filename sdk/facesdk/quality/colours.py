"""Whether a face has its red and blue swapped, as arrays of OpenCV have that are taken for RGB.

Skin of every tone is redder than blue: melanin and blood absorb short waves most (R. Anderson and
J. Parrish, "The optics of human skin", 1981). So the mean of red minus blue over a face, divided by
its mean level, is above 0; of 1,230 crops of held-out people it is below -0.12 in two, which are
lit in blue, and 99.0 % of them would be if they were swapped (docs/numbers/quality.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLUEST = -0.12
"""Red minus blue of a face, as a share of its level, below which it looks swapped."""


def looks_swapped(crop: NDArray[np.uint8]) -> bool:
    """Whether a face that is taken for RGB is rather BGR; never of a grey one.

    Args:
        crop: uint8 ``(height, width, 3)``, aligned to a template.
    """
    height, width = crop.shape[:2]
    face = crop[height // 4 : height * 7 // 8, width // 4 : width * 3 // 4]
    columns = face.reshape(len(face), -1).sum(axis=0, dtype=np.int64)
    red, green, blue = columns.reshape(-1, 3).sum(axis=0).tolist()
    return bool(red - blue < BLUEST * (red + green + blue) / 3)
