"""Load damaged models: ``python load_mutants.py RUNTIME LIBRARY < JOBS``.

JOBS is JSON: a list of models, each ``{"file": ..., "edits": [[position, byte], ...]}``. Prints one
JSON line per model: ``null`` if it ran, else the error's text. A process of its own, because a
crash must be seen as one.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np


def attempt(module: object, library: str, content: bytes) -> str | None:
    operators = module.load_delegate(library)  # type: ignore[attr-defined]
    try:
        interpreter = module.Interpreter(  # type: ignore[attr-defined]
            model_content=content, experimental_delegates=[operators], num_threads=1
        )
        interpreter.allocate_tensors()
        for source in interpreter.get_input_details():
            interpreter.set_tensor(source["index"], np.ones(source["shape"], source["dtype"]))
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        return str(error)
    return None


def main(runtime: str, library: str) -> None:
    module = importlib.import_module(f"{runtime}.interpreter")
    for job in json.load(sys.stdin):
        content = bytearray(Path(job["file"]).read_bytes())
        for position, value in job["edits"]:
            content[position] = value
        print(json.dumps(attempt(module, library, bytes(content))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
