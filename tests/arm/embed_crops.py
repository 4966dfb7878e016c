"""Embed aligned crops with the packaged recogniser: ``python embed_crops.py CROPS OUT [PATH...]``.

Runs on the emulated computer, and on this one for the expected values. OUT (.npz) gets an array
named ``PATH-THREADS`` for each kernel path, with one thread and two, and under the same name with
``tasks-`` in front how many threads the process had then.
"""

from __future__ import annotations

import os
import sys

import numpy as np

from facesdk.models import registry
from facesdk.recognition.embedding import Embedder


def main(crops: str, out: str, paths: list[str]) -> None:
    results = {}
    for path in paths:
        os.environ["FACESDK_OPS_ISA"] = path
        for threads in (1, 2):
            embedder = Embedder.load(registry.resolve(registry.DEFAULT_RECOGNIZER), threads=threads)
            results[f"{path}-{threads}"] = embedder.embed(np.load(crops))
            results[f"tasks-{path}-{threads}"] = np.array(len(os.listdir("/proc/self/task")))
    np.savez(out, **results)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
