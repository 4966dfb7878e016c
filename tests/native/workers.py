"""Where models run: LCE's interpreter and the stock runtimes, each in a process of its own.

Two runtimes (or a runtime and LCE) do not share a process well, and a crash must be seen as one: it
raises ``BrokenProcessPool``. The functions below run inside such a process.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np

LCE_KERNELS = {"optimized": "use_indirect_bgemm", "reference": "use_reference_bconv"}


def new_process() -> ProcessPoolExecutor:
    """A fresh interpreter of Python that runs one call after the other."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def run_lce(content: bytes, kernel: str, values: np.ndarray) -> np.ndarray:
    """What LCE's own interpreter computes: ``kernel`` is a key of LCE_KERNELS, XNNPACK is off."""
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    model = Interpreter(content, **{LCE_KERNELS[kernel]: True})
    # LCE compares types by identity; an unpickled array has a type object of its own.
    values = values.view(values.dtype.type)
    return np.asarray(model.interpreter.predict([values])[0])
