"""What 1-bit weights are worth: FaceResNet at full size as A, C, Q and QB, in bytes and time.

    python -m tools.bench.binary_weights --models build/bench --runs 30

Makes the networks with random weights and without Fc6, which is no part of an embedder; sizes and
times do not depend on the weights. Files that are already in the folder are used as they are. Times
are those of one run of the network, interleaved in one process; the peer is C in float32.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from facesdk.measure.timing import Policy, measure
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from tools.bench.heading import heading
from tools.bench.markdown import Timing, table

FLOAT_A, FLOAT_C = "A float32", "C float32"
Q_FLOATS, Q_BYTES = "Q, float activations", "Q, 8-bit activations"
QB = "QB, 1-bit activations"
NAMES = {FLOAT_A: "a", FLOAT_C: "c", Q_FLOATS: "q32", Q_BYTES: "q8", QB: "qb"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True, help="folder for the networks")
    parser.add_argument("--make-only", action="store_true", help="make the networks, time nothing")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    files = {name: arguments.models / f"face-res-net-{stem}.tflite" for name, stem in NAMES.items()}
    make(files)
    if arguments.make_only:
        return
    print(sizes(files))
    image = np.random.default_rng(0).normal(size=(1, 112, 96, 3)).astype(np.float32)
    calls: dict[str, Callable[[], object]] = {}
    for name, file in files.items():
        interpreter = Interpreter(
            ModelBundle.load(file), input_shapes=[image.shape], threads=arguments.threads
        )
        calls[name] = lambda run=interpreter.run: run(image)
    policy = Policy(arguments.runs, arguments.warm_up, warm_up_seconds=0.0)
    times = measure(calls, policy, untimed=1)
    timings = {name: Timing.of(row) for name, row in times.items()}
    print(f"\n{heading(policy, arguments.threads)}\n")
    print(table(timings, peer=FLOAT_C))


def make(files: dict[str, Path]) -> None:
    """Writes the networks that are not there."""
    missing = {name for name, file in files.items() if not file.is_file()}
    if not missing:
        return
    import tensorflow as tf

    from facesdk_converters.sources.network import KerasNetwork
    from facesdk_converters.targets.binary_weights import pack_weights
    from facesdk_converters.targets.lce import target
    from facesdk_training.keras.networks.build import build

    def to_float(variant: str) -> bytes:
        network = build(variant)
        return bytes(tf.lite.TFLiteConverter.from_keras_model(network).convert())

    for name, variant in ((FLOAT_A, "A"), (FLOAT_C, "C")):
        if name in missing:
            write(files[name], to_float(variant))
    if missing & {Q_FLOATS, Q_BYTES}:
        bundle = ModelBundle.from_bytes(to_float("Q"), "Q")
        write(files[Q_FLOATS], pack_weights(bundle, 0).content)
        write(files[Q_BYTES], pack_weights(bundle, 8).content)
    if QB in missing:
        write(files[QB], target.convert_keras(KerasNetwork(build("QB"))).content)


def write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def sizes(files: dict[str, Path]) -> str:
    """Bytes of each file and of its weights, and how much smaller than A and C they are."""
    whole, weights = {}, {}
    for name, file in files.items():
        bundle = ModelBundle.load(file)
        whole[name] = len(bundle.content)
        weights[name] = sum(
            operator.weight_count * operator.weight_bits / 8
            for operator in bundle.graph.working
            if operator.weight_bits is not None
        )
    lines = [
        "| network | file | A / it | C / it | weights alone | A / it | C / it |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in files:
        ratios = [
            f"{count[name]:,.0f} | {count[FLOAT_A] / count[name]:.2f} "
            f"| {count[FLOAT_C] / count[name]:.2f}"
            for count in (whole, weights)
        ]
        lines.append(f"| {name} | {' | '.join(ratios)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
