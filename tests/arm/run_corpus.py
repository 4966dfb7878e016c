"""Run the corpus on kernel paths: ``python run_corpus.py RUNTIME LIBRARY CORPUS OUT [PATH...]``.

Runs on the emulated computer, where there is no facesdk: hence a binding of its own. For each PATH,
or each that its CPU has, OUT gets ``PATH-MODE.npz`` for both zero-padding modes: an array per case,
and ``runs``, how many operators each path ran for them.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from pathlib import Path

import numpy as np
from run_models import outputs, runs_by_path


def supported_paths(library: str) -> list[str]:
    operators = ctypes.CDLL(library)
    operators.facesdk_ops_isa_name.restype = ctypes.c_char_p
    numbers = [ctypes.c_size_t(i) for i in range(operators.facesdk_ops_isa_count())]
    return [
        operators.facesdk_ops_isa_name(number).decode()
        for number in numbers
        if operators.facesdk_ops_isa_supported(number)
    ]


def main(runtime: str, library: str, corpus: Path, out: Path, paths: list[str]) -> None:
    module = importlib.import_module(f"{runtime}.interpreter")
    for path in paths or supported_paths(library):
        os.environ["FACESDK_OPS_ISA"] = path
        for mode in ("optimized", "reference"):
            before = runs_by_path(library)
            results = outputs(module, library, corpus, {"zero_padding": mode})
            runs = runs_by_path(library) - before
            np.savez(out / f"{path}-{mode}.npz", runs=runs, **results)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5:])
