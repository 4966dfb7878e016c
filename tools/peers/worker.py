"""One peer in a process of its own: it verifies the same two photos each time it is told to.

    python -m tools.peers.worker tools.peers.dlib_recognition photos.npz [ARGUMENT...]

A peer is a module with ``load(*arguments)``, which gives an object with ``detect(photo)`` (what
``embed`` needs of a face; raises if there is none), ``embed(photo, crop, found)`` (a vector),
``files`` (its model files) and ``versions``. ``detect`` or ``embed`` may be None: a detector or a
recogniser alone. ``photos.npz`` holds uint8 RGB ``photos`` (2, 480, 640, 3) and ``crops`` (2, 112,
112, 3), aligned by facesdk, for recognisers alone. This module needs NumPy and nothing else, so
that it runs in any environment.

It prints a line of JSON about itself, then one for each line of input: milliseconds of detection
and of embedding (with the alignment, if the peer aligns) for a photo, and of the verification. Each
time, a run that is not timed goes first.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

Timed = dict[str, Any]


def verify(peer: Any, photos: Any, crops: Any) -> Timed:
    """One verification.

    Returns:
        ``detect`` and ``embed``, ms per photo, or None; ``verify``, ms for both photos, or None
        where the peer cannot do all of it; ``similarity``, or None without vectors.
    """
    detect = embed = 0.0
    vectors = []
    start = time.perf_counter()
    for photo, crop in zip(photos, crops, strict=True):
        before = time.perf_counter()
        found = peer.detect(photo) if peer.detect else None
        between = time.perf_counter()
        if peer.embed:
            vectors.append(peer.embed(photo, crop, found))
        detect += between - before
        embed += time.perf_counter() - between
    similarity = None
    if vectors:
        a, b = (vector / np.linalg.norm(vector) for vector in map(np.ravel, vectors))
        similarity = float(a @ b)
    whole = time.perf_counter() - start
    return {
        "detect": detect * 500 if peer.detect else None,
        "embed": embed * 500 if peer.embed else None,
        "verify": whole * 1000 if peer.detect and peer.embed else None,
        "similarity": similarity,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("module", help="the peer, for example tools.peers.dlib_recognition")
    parser.add_argument("photos", type=Path, help="photos.npz")
    parser.add_argument("arguments", nargs="*", help="of the module's load()")
    parsed = parser.parse_args()
    # Libraries print to descriptor 1 what they like; answers go to what it was.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with np.load(parsed.photos) as content:
        photos, crops = content["photos"], content["crops"]
    peer = importlib.import_module(parsed.module).load(*parsed.arguments)
    size = sum(Path(file).stat().st_size for file in peer.files)
    print(json.dumps({"bytes": size, "versions": peer.versions}), file=answers, flush=True)
    for _ in sys.stdin:
        verify(peer, photos, crops)
        print(json.dumps(verify(peer, photos, crops)), file=answers, flush=True)


if __name__ == "__main__":
    main()
