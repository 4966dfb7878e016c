"""Write the corpus: ``python make_corpus.py FOLDER [CASE...]``.

For each case: ``CASE.tflite``, and in ``CASE.npz`` the input's seed and what LCE's own interpreter
computes. ``optimized`` is LCE's ``use_indirect_bgemm`` (XNNPACK off), ``reference`` its reference
kernel; a case names those that accept it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from operator_models import CASES, activations, build, operators, seed_of

OPTIONS = {"optimized": "use_indirect_bgemm", "reference": "use_reference_bconv"}


def lce_output(content: bytes, oracle: str, seed: int) -> np.ndarray:
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    model = Interpreter(content, **{OPTIONS[oracle]: True})
    values = activations(tuple(model.input_shapes[0]), model.input_types[0], seed)
    return np.asarray(model.interpreter.predict([values])[0])


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or list(CASES):
        case = CASES[name]
        content = build(name)
        found = operators(content)
        if set(found) != case.ops:
            raise SystemExit(f"{name}: expected the operators {sorted(case.ops)}, but got {found}")
        seed = seed_of(name)
        outputs = {oracle: lce_output(content, oracle, seed) for oracle in case.oracles}
        (folder / f"{name}.tflite").write_bytes(content)
        np.savez_compressed(folder / f"{name}.npz", seed=seed, **outputs)
        print(name, len(content), {key: value.dtype.name for key, value in outputs.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
