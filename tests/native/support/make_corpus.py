"""Write the corpus: ``PYTHONPATH=tests python -m native.support.make_corpus FOLDER [CASE...]``.

For each case: ``CASE.tflite``, and in ``CASE.npz`` the input's seed and what LCE's own interpreter
computes. ``optimized`` is LCE's ``use_indirect_bgemm`` (XNNPACK off), ``reference`` its reference
kernel; a case names those that accept it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from native.support.operator_models import CASES, build, input_values, operators, seed_of
from native.support.workers import run_lce


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or list(CASES):
        case = CASES[name]
        content = build(name)
        found = operators(content)
        if set(found) != case.ops:
            raise SystemExit(f"{name}: expected the operators {sorted(case.ops)}, but got {found}")
        values = input_values(name, content)
        outputs = {kernel: run_lce(content, kernel, values) for kernel in case.oracles}
        (folder / f"{name}.tflite").write_bytes(content)
        np.savez_compressed(folder / f"{name}.npz", seed=seed_of(name), **outputs)
        print(name, len(content), {key: value.dtype.name for key, value in outputs.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
