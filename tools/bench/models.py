"""Time models against a peer: one interpreter each, one process, runs interleaved.

    python -m tools.bench.models compactfacenet-qb MobileFaceNet.tflite --runs 200

The last model is the peer. Times are those of one run of the network, input included, per image
(a network with several input slots is divided by their number).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from facesdk.measure.timing import Policy, measure
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from tools.bench.heading import heading
from tools.bench.markdown import Timing, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="packaged names or .tflite files; last: the peer")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--warm-up", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    calls: dict[str, Callable[[], object]] = {}
    slots: dict[str, int] = {}
    for model in arguments.models:
        bundle = ModelBundle.load(registry.resolve(model))
        interpreter = Interpreter(bundle, threads=arguments.threads)
        shape = interpreter.input_shapes[0]
        image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        name = f"{Path(model).stem} ({len(bundle.content):,} bytes)"
        calls[name] = lambda run=interpreter.run, image=image: run(image)
        slots[name] = shape[0]
    policy = Policy(arguments.runs, arguments.warm_up, warm_up_seconds=0.0)
    times = measure(calls, policy, untimed=0)
    timings = {name: Timing.of(row / slots[name]) for name, row in times.items()}
    print(f"{heading(policy, arguments.threads)}\n")
    print(table(timings, peer=list(calls)[-1]))


if __name__ == "__main__":
    main()
