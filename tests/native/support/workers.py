"""Where models run: LCE's interpreter and the stock runtimes, each in a process of its own.

Two runtimes (or a runtime and LCE) do not share a process well, and a crash must be seen as one: it
raises ``BrokenProcessPool``. The functions below run inside such a process.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from facesdk.runtime.operator_library import count_runs, describe_library, open_library

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


def run_stock(
    runtime: str,
    library: str,
    paths: Sequence[str],
    content: bytes,
    values: np.ndarray,
    *,
    zero_padding: str = "optimized",
    threads: int = 1,
) -> dict[str, np.ndarray]:
    """What a stock runtime computes with the operator library, on each kernel path.

    Raises:
        AssertionError: Another path than the forced one has run.
    """
    module = importlib.import_module(f"{runtime}.interpreter")
    operators = open_library(Path(library))  # the copy that the runtime has loaded
    outputs = {}
    for path in paths:
        os.environ["FACESDK_OPS_ISA"] = path
        before = count_runs(operators)
        interpreter = module.Interpreter(
            model_content=content,
            experimental_delegates=[module.load_delegate(library, {"zero_padding": zero_padding})],
            num_threads=threads,
        )
        outputs[path] = invoke(interpreter, values)
        ran = {name for name, count in count_runs(operators).items() if count != before[name]}
        assert ran == {path}, f"forced {path}, but {ran} ran"
    return outputs


def invoke(interpreter: object, values: np.ndarray) -> np.ndarray:
    """One inference of a model with one input and one output."""
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(source["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(target["index"])


PATHS = describe_library().available
"""The kernel paths this CPU can run, from the library's own table."""
