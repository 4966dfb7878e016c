"""What a model computes on Android's runtime and on Python's: one number of equal batches, a line.

python -m android.support.other_version MODEL LIBRARY...   # the runtime's is the last
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np

from android.support.same_runtime import Runtime
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import interpreter
from facesdk.runtime.backend import Backend
from facesdk.runtime.interpreter import Interpreter

BATCHES = (1, 2, 5, 17)


def equal_batches(model: Path, libraries: Sequence[str]) -> int:
    """How many of :data:`BATCHES` give the same bits on both."""
    bundle = ModelBundle.load(model)
    side = bundle.contract.input.height
    given = [
        np.random.default_rng(count).uniform(0, 255, (count, side, side, 3)).astype(np.float32)
        for count in BATCHES
    ]

    def outputs() -> list[np.ndarray]:
        return [Interpreter(bundle, input_shapes=[x.shape]).run(x)[0] for x in given]

    here = outputs()
    lite = Runtime(libraries)
    module = SimpleNamespace(Interpreter=lite.interpreter, load_delegate=lite.load_delegate)
    found = Backend("tflite", "2.16.1", module)
    with mock.patch.object(interpreter, "load_backend", return_value=found):
        there = outputs()
    return sum(map(np.array_equal, here, there))


if __name__ == "__main__":
    print(equal_batches(Path(sys.argv[1]), sys.argv[2:]))
