"""The process of :mod:`facesdk.runtime.probe`: a model from stdin is run twice, then all ends.

Its arguments are what messages call the model, and the shapes of its inputs, ``1,112,112,3;1,8``.
It prints why the runtime refuses the model, where it does.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

import numpy as np

from facesdk.errors import FaceSDKError, InputError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.probe import CPU_SECONDS, MEMORY_LIMIT, OUT_OF_MEMORY


def main() -> None:
    """Run the model and end the process at once, with what the runtime has in memory as it is."""
    _limit(resource.RLIMIT_AS, MEMORY_LIMIT)
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    _limit(resource.RLIMIT_CORE, 0)
    name, shapes = sys.argv[1:]
    wanted = [tuple(map(int, row.split(","))) if row else () for row in shapes.split(";")]
    status = 0
    try:
        _run(name, sys.stdin.buffer.read(), wanted if shapes else None)
    except MemoryError:
        status = OUT_OF_MEMORY
    except FaceSDKError as error:
        print(error, flush=True)
        status = error.exit_code
    os._exit(status)


def _run(name: str, content: bytes, shapes: list[tuple[int, ...]] | None) -> None:
    bundle = ModelBundle.from_bytes(content, name, trust=True)
    interpreter = Interpreter(bundle, input_shapes=shapes)
    given = random_inputs(interpreter)
    with suppress(InputError):  # inputs that no array can fill, strings for example
        for inputs in ([np.zeros_like(row) for row in given], given):
            interpreter.run(*inputs)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (allowed, hard))
