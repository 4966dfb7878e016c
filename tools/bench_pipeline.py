"""Time whole verifications of the packaged photos for several smallest faces, interleaved.

    python tools/bench_pipeline.py --runs 30

Decoding is not in the times. The peer is ``min_face=20``, the default.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from facesdk import FaceEngine, images, samples
from interleaved import measure, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--min-face", type=int, nargs="+", default=[20, 40, 80])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    first, second = images.load(samples.OBAMA), images.load(samples.OBAMA2)
    calls: dict[str, Callable[[], object]] = {}
    for side in arguments.min_face:
        engine = FaceEngine.load(min_face=side, threads=arguments.threads)
        calls[f"min_face={side}"] = lambda engine=engine: engine.verify(first, second)
    timings = measure(calls, runs=arguments.runs, warm_up=arguments.warm_up)
    sizes = " and ".join(f"{photo.shape[1]}x{photo.shape[0]}" for photo in (first, second))
    print(f"photos {sizes}, {arguments.threads} thread(s), warm-up {arguments.warm_up}\n")
    print(table(timings, peer=next(iter(calls))))


if __name__ == "__main__":
    main()
