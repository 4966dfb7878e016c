"""Load damaged copies of a model, each in a process of its own, and count how they end.

Usage: python fuzz_runtime.py MODEL COUNT SEED. Prints one JSON object: outcome -> count. An outcome
is "loaded", "refused" (a FaceSDKError), "escaped" (another exception) or "signal N" (a crash).
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from facesdk.errors import FaceSDKError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut off the end, or change a few bytes where the structure of a file lies."""
    if chance.random() < 0.4:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    ends = (range(min(4000, len(data))), range(max(0, len(data) - 6000), len(data)))
    for _ in range(chance.randrange(1, 8)):
        changed[chance.choice(chance.choice(ends))] = chance.randrange(256)
    return bytes(changed)


def attempt(path: Path) -> int:
    """Load and run once; 0 loaded, 10 refused, 11 escaped."""
    try:
        interpreter = Interpreter(ModelBundle.load(path))
        shapes = interpreter.input_shapes
        if all(np.prod(shape) < 1e6 for shape in shapes):
            interpreter.run(*(np.zeros(shape, np.float32) for shape in shapes))
    except FaceSDKError:
        return 10
    except Exception:
        return 11
    return 0


def main() -> None:
    data = Path(sys.argv[1]).read_bytes()
    outcomes: Counter[str] = Counter()
    names = {0: "loaded", 10: "refused", 11: "escaped"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.tflite"
        for number in range(int(sys.argv[2])):
            path.write_bytes(damaged(data, random.Random(int(sys.argv[3]) + number)))
            child = os.fork()
            if child == 0:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                os._exit(attempt(path))
            _, status = os.waitpid(child, 0)
            if os.WIFSIGNALED(status):
                outcomes[f"signal {os.WTERMSIG(status)}"] += 1
            else:
                outcomes[names.get(os.WEXITSTATUS(status), "escaped")] += 1
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
