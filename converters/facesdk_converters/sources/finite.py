"""Weights that are no numbers: a training that diverged leaves NaN and infinities in a file.

Signs would make numbers of them, and hide that. NaN is a number nowhere in a file. An infinity may
be meant where it is no weight: a bound of a clip, the border of a pool, a mask of attention.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError


def require_numbers(path: Path, name: str, values: NDArray[Any], *, weights: bool) -> None:
    """Raises unless the values of a constant are numbers.

    Args:
        path: Of the file, for the message.
        name: Of the constant.
        values: Of any type; those that are no floats pass.
        weights: Whether they are weights, which are not infinite either.

    Raises:
        ModelError: Some are none.
    """
    if not np.issubdtype(values.dtype, np.floating):
        return
    broken = int(np.count_nonzero(~np.isfinite(values) if weights else np.isnan(values)))
    if broken:
        kind = "NaN or infinite" if weights else "NaN"
        raise ModelError(
            f"{path}: {name} has {broken:,} of {values.size:,} values that are {kind}: train the "
            "network again from a checkpoint before they appeared"
        )
