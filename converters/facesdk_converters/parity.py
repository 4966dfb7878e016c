"""How far a converted network is from its source."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.runtime.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parity:
    """Differences between the outputs of two runs of one network.

    Attributes:
        inputs: Number of inputs compared.
        max_difference: Largest absolute difference.
    """

    inputs: int
    max_difference: float

    def to_dict(self) -> dict[str, Any]:
        """The difference with three significant digits."""
        return {"inputs": self.inputs, "max_difference": float(f"{self.max_difference:.3g}")}


def compare(
    model: bytes,
    inputs: Array,
    reference: Callable[[Array], Array],
    *,
    activate: Callable[[Array], Array],
) -> Parity:
    """Run a model one input at a time and compare it with an independent runner of its source.

    Args:
        model: Content of a ``.tflite`` file with one input and one output.
        inputs: float32, ``inputs[i:i + 1]`` is what the model takes.
        reference: Runs the source network on one such input; its output has the model's shape.
        activate: Applied to the model's output first.

    Returns:
        The differences over all inputs and outputs.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        interpreter = Interpreter(ModelBundle.load(path), input_shapes=[(1, *inputs.shape[1:])])
    differences = []
    for number in range(len(inputs)):
        single = inputs[number : number + 1]
        expected = np.asarray(reference(single))
        output = activate(interpreter.run(single)[0])
        differences.append(np.abs(expected.reshape(output.shape) - output).max(initial=0))
    return Parity(len(inputs), float(np.max(differences)))
