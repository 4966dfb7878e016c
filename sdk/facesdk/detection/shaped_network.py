"""One network of the cascade, with an interpreter for each input shape."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter

Array = NDArray[np.float32]

_CACHED_SHAPES = 32
_BATCHES = (16, 4, 1)


class CascadeNetwork:
    """A network that keeps an interpreter for each of the input shapes it was given last.

    To resize or build an interpreter costs more than to run it; to keep one costs memory for its
    activations, some 60 bytes for each pixel of its input.

    Args:
        bundle: The model.
        architecture: The architecture that its contract must name.
        side: Side of the windows it looks at, in pixels.
        columns: Columns of its output.
        threads: Threads the network may use, at least 1.

    Raises:
        ModelError: The model has another architecture, or other inputs or outputs than it.
        ContractError: The model carries no contract.
    """

    def __init__(
        self, bundle: ModelBundle, architecture: str, *, side: int, columns: int, threads: int
    ) -> None:
        if bundle.contract.architecture != architecture:
            raise ModelError(
                f"{bundle.path} is {bundle.contract.architecture}, but {architecture} is needed"
            )

        @lru_cache(maxsize=_CACHED_SHAPES)
        def interpreter(shape: tuple[int, ...]) -> Interpreter:
            return Interpreter(bundle, threads=threads, input_shapes=[shape])

        self._interpreter = interpreter
        self.side = side
        self.columns = columns
        shapes = interpreter((1, side, side, 3)).output_shapes
        if len(shapes) != 1 or shapes[0][-1] != columns:
            raise ModelError(
                f"{bundle.path} must have one output of {columns} columns, but got {shapes}"
            )

    def run(self, pixels: Array) -> Array:
        """Run once.

        Args:
            pixels: float32 ``(n, height, width, 3)``, 0 to 255.

        Returns:
            The network's output, ``n`` rows.
        """
        output: Array = self._interpreter(pixels.shape).run(pixels)[0]
        return output

    def run_batches(self, windows: Array) -> Array:
        """Run on any number of windows, also none, in batches of few different sizes."""
        outputs = [np.empty((0, self.columns), dtype=np.float32)]
        while len(windows):
            size = next(size for size in _BATCHES if size <= len(windows))
            outputs.append(self.run(windows[:size]))
            windows = windows[size:]
        return np.concatenate(outputs)
