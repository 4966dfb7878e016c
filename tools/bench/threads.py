"""How an engine that threads share scales: threads, `workers` of the engine, and processes.

    python -m tools.bench.threads --runs 15

Prints Markdown. A run is a number of calls that the threads of a candidate share; candidates take
turns. On a machine that others use, only the ratios mean something.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import numpy as np

from facesdk import FaceEngine
from facesdk.images import decode
from facesdk.measure.timing import Policy, measure
from facesdk.samples import OBAMA
from tools.bench.heading import heading
from tools.bench.markdown import Timing, table

SHARED = ((2, 1), (2, 2), (4, 1), (4, 2), (4, 4), (8, 1), (8, 2), (8, 8))
"""Threads, and the engine's workers."""
PROCESSES = (1, 2)

_stages: dict[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--calls", type=int, default=16, help="calls that a run shares out")
    arguments = parser.parse_args()
    policy = Policy(arguments.runs, arguments.warm_up, 0.0, 0)
    print(f"{heading(policy, 1)}; {arguments.calls} calls per run, shared out\n")
    for stage in ("embed_one of a crop", "embed of a photo"):
        with ExitStack() as pools:
            candidates: dict[str, Callable[[], object]] = {
                "1 thread": partial(_alone, stages(FaceEngine.load())[stage], arguments.calls)
            }
            for threads, workers in SHARED:
                call = stages(FaceEngine.load(workers=workers))[stage]
                pool: Executor = pools.enter_context(ThreadPoolExecutor(threads))
                candidates[f"{threads} threads, workers {workers}"] = partial(
                    _shared, pool, call, arguments.calls
                )
            for processes in PROCESSES:
                pool = pools.enter_context(
                    ProcessPoolExecutor(
                        processes,
                        multiprocessing.get_context("spawn"),
                        initializer=_keep,
                        initargs=(FaceEngine.load(),),
                    )
                )
                candidates[f"{processes} process(es)"] = partial(
                    _shared, pool, partial(_call_kept, stage), arguments.calls
                )
            times = measure(candidates, policy)
        print(f"### {stage}\n")
        print(table({name: Timing.of(row) for name, row in times.items()}, peer="1 thread"))
        print()


def stages(engine: FaceEngine) -> dict[str, Callable[[], object]]:
    """What is called, by name, without arguments."""
    photo = decode.load(OBAMA)
    crop: np.ndarray = engine.align(photo)
    return {
        "embed_one of a crop": partial(engine.embedder.embed_one, crop),
        "embed of a photo": partial(engine.embed, photo),
    }


def _alone(call: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        call()


def _shared(pool: Executor, call: Callable[[], object], calls: int) -> None:
    for done in [pool.submit(call) for _ in range(calls)]:
        done.result()


def _keep(engine: FaceEngine) -> None:
    global _stages
    _stages = stages(engine)


def _call_kept(stage: str) -> int:
    _stages[stage]()
    return os.getpid()


if __name__ == "__main__":
    main()
