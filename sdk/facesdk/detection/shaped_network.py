"""A detector's network, with interpreters for each input shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Shape
from facesdk.runtime.interpreter_pool import InterpreterPool

Array = NDArray[np.float32]

_KEPT_SHAPES, _KEPT_BYTES = 32, 128 << 20


class ShapedNetwork:
    """A network that keeps interpreters for the input shapes it was given last.

    Threads may share it.

    To resize or build an interpreter costs more than to run it; to keep one costs memory for its
    activations, some 60 bytes for each pixel of MTCNN's inputs. So they are bounded by number
    and by bytes.

    Args:
        bundle: The model.
        architecture: The architecture that its contract must name.
        input_shape: A shape that it must take, ``(n, height, width, channels)``.
        columns: Length of the last axis of each of its outputs.
        threads: Threads the network may use, at least 1.
        workers: Threads that may run it at a time, at least 1; each keeps interpreters.

    Raises:
        ModelError: The model has another architecture, or other inputs or outputs than it.
        ContractError: The model carries no contract.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        architecture: str,
        *,
        input_shape: Shape,
        columns: tuple[int, ...],
        threads: int,
        workers: int,
    ) -> None:
        if bundle.contract.architecture != architecture:
            raise ModelError(
                f"{bundle.path} is {bundle.contract.architecture}, but {architecture} is needed"
            )
        self._interpreters = InterpreterPool(
            bundle,
            threads=threads,
            workers=workers,
            input_shapes=[input_shape],
            kept=_KEPT_SHAPES,
            kept_bytes=_KEPT_BYTES,
        )
        self.input_shape = input_shape
        self.columns = columns
        shapes = self._interpreters.output_shapes
        if tuple(shape[-1] for shape in shapes) != columns:
            raise ModelError(
                f"{bundle.path} must have outputs of {', '.join(map(str, columns))} columns, "
                f"but got {shapes}"
            )

    def run(self, pixels: Array) -> list[Array]:
        """Run once.

        Args:
            pixels: float32 ``(n, height, width, channels)``, as the contract says.

        Returns:
            The network's outputs.
        """
        return self._interpreters.run(pixels)
