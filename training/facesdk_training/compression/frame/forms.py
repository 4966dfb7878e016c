"""What a kernel is while it is retrained, in numbers, so that any training engine can train it.

A quantizer of a method says it by ``form()``; arrays have the kernel's shape in Keras' layout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """factor * W + offset, W trained: a mask, or weights of which some are settled.

    Attributes:
        factor: float32, also the gradient of W.
        offset: float32.
    """

    factor: NDArray[np.float32]
    offset: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """signs * numbers[index], the numbers trained.

    Attributes:
        numbers: float32 (K,).
        index: int32, which number each weight is.
        signs: float32, 1 or -1.
        trained: float32 (K,), 1, or 0 for a number that training leaves as it is.
    """

    numbers: NDArray[np.float32]
    index: NDArray[np.int32]
    signs: NDArray[np.float32]
    trained: NDArray[np.float32]


Form = Scaled | Shared
