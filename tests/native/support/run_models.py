"""Run the corpus: ``python run_models.py RUNTIME LIBRARY CORPUS OUT [KEY=VALUE...]``.

One stock runtime in a process of its own, because two runtimes (or a runtime and LCE) do not share
a process well, and because a crash must be seen as one. Delegate options follow as KEY=VALUE.
Writes one ``.npz`` with an array per case, and ``runs``: how many operators each path has run.
It also runs on emulated computers that have no facesdk: hence a binding of its own.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
from operator_models import activations


def runs_by_path(library: str) -> np.ndarray:
    operators = ctypes.CDLL(library)  # the copy that the runtime has loaded
    operators.facesdk_ops_isa_runs.restype = ctypes.c_size_t
    count = operators.facesdk_ops_isa_count()
    return np.array([operators.facesdk_ops_isa_runs(ctypes.c_size_t(i)) for i in range(count)])


def outputs(
    module: Any, library: str, corpus: Path, options: dict[str, str], threads: int = 1
) -> dict[str, np.ndarray]:
    """What a runtime's ``interpreter`` module computes for each model with our operators."""
    # Without XNNPACK, whose float and int8 kernels round differently from the stock ones.
    resolver = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    results = {}
    for file in sorted(corpus.glob("*.tflite")):
        interpreter = module.Interpreter(
            model_path=str(file),
            experimental_delegates=[module.load_delegate(library, options)],
            experimental_op_resolver_type=resolver,
            num_threads=threads,
        )
        interpreter.allocate_tensors()
        (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
        seed = int(np.load(file.with_suffix(".npz"))["seed"])
        values = activations(tuple(source["shape"]), source["dtype"], seed)
        interpreter.set_tensor(source["index"], values)
        interpreter.invoke()
        results[file.stem] = interpreter.get_tensor(target["index"])
    return results


def main(runtime: str, library: str, corpus: Path, out: Path, options: list[str]) -> None:
    module = importlib.import_module(f"{runtime}.interpreter")
    pairs = dict(option.split("=", 1) for option in options)
    results = outputs(module, library, corpus, pairs)
    np.savez(out, runs=runs_by_path(library), **results)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5:])
