"""Time our kernel paths against LCE's fastest interpreter and XNNPACK's float32 convolution.

    python tools/bench_ops.py --runs 200

One binary 3x3 convolution a layer (sign of the input, convolution, batch-norm), one thread. Each
candidate lives in a process of its own and runs once a round, in turn. Needs the extras ``convert``
and an otherwise idle machine. The peer is LCE's ``use_indirect_bgemm``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.runtime.backend import load_backend
from facesdk.runtime.plugin import describe_library, library_path
from interleaved import Timing, table

LAYERS = {"14x14x256": (14, 14, 256), "56x48x64": (56, 48, 64), "7x6x512": (7, 6, 512)}
LCE, XNNPACK = "LCE indirect bgemm", "XNNPACK float32"


def convert(folder: str) -> None:
    """Write each layer as ``NAME.binary.tflite`` and ``NAME.float.tflite``."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import larq
    import larq_compute_engine
    import tensorflow as tf

    for name, shape in LAYERS.items():
        inputs = tf.keras.Input(shape)
        signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "pad_values": 1.0}
        options = {"padding": "same", "use_bias": False}
        binary = larq.layers.QuantConv2D(shape[2], 3, **signs, **options)(inputs)
        plain = tf.keras.layers.Conv2D(shape[2], 3, **options)(inputs)
        norm = tf.keras.layers.BatchNormalization
        model = tf.keras.Model(inputs, norm()(binary))
        content = larq_compute_engine.convert_keras_model(model)
        Path(folder, f"{name}.binary.tflite").write_bytes(content)
        model = tf.keras.Model(inputs, norm()(plain))
        content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
        Path(folder, f"{name}.float.tflite").write_bytes(content)


def serve(candidate: str, file: str, shape: tuple[int, ...], connection: Connection) -> None:
    """Run the model once for each message received; answer with the seconds it took."""
    image = np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)
    if candidate == LCE:
        from larq_compute_engine.tflite.python.interpreter import Interpreter

        lce = Interpreter(Path(file).read_bytes(), use_indirect_bgemm=True)

        def run() -> None:
            lce.interpreter.predict([image])
    else:
        module = load_backend().interpreter
        delegates: list[Any] = []
        if candidate != XNNPACK:
            os.environ["FACESDK_OPS_ISA"] = candidate
            delegates = [module.load_delegate(str(library_path()))]
        model = module.Interpreter(model_path=file, experimental_delegates=delegates, num_threads=1)
        model.allocate_tensors()
        model.set_tensor(model.get_input_details()[0]["index"], image)

        def run() -> None:
            model.invoke()

    while connection.recv():
        start = time.perf_counter()
        run()
        connection.send(time.perf_counter() - start)


def measure(
    folder: str, layer: str, paths: list[str], runs: int, warm_up: int
) -> dict[str, Timing]:
    """Interleaved timings of every candidate on one layer."""
    context = multiprocessing.get_context("spawn")
    workers = {}
    for candidate in (*paths, XNNPACK, LCE):
        kind = "float" if candidate == XNNPACK else "binary"
        file = str(Path(folder, f"{layer}.{kind}.tflite"))
        ours, theirs = context.Pipe()
        arguments = (candidate, file, LAYERS[layer], theirs)
        process = context.Process(target=serve, args=arguments, daemon=True)
        process.start()
        workers[candidate] = (process, ours)
    times: dict[str, list[float]] = {name: [] for name in workers}
    for number in range(warm_up + runs):
        for name, (_, connection) in workers.items():
            connection.send(True)
            elapsed = connection.recv()
            if number >= warm_up:
                times[name].append(elapsed * 1e3)
    for process, connection in workers.values():
        connection.send(False)
        process.join()
    return {
        name: Timing(float(np.min(row)), float(np.median(row)), runs) for name, row in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--warm-up", type=int, default=20)
    parser.add_argument("--paths", nargs="*", help="kernel paths; default: all but reference")
    arguments = parser.parse_args()
    library, backend = describe_library(), load_backend()
    paths = arguments.paths or [name for name in library.available if name != "reference"]
    print(
        f"{platform.machine()}, {backend.name} {backend.version}, operators {library.version}, "
        f"1 thread, warm-up {arguments.warm_up}"
    )
    with tempfile.TemporaryDirectory() as folder:
        # TensorFlow must not share a process with the runtimes that are timed.
        converter = multiprocessing.get_context("spawn").Process(target=convert, args=(folder,))
        converter.start()
        converter.join()
        if converter.exitcode:
            raise SystemExit("the conversion failed: install facesdk[convert]")
        for layer in LAYERS:
            print(f"\n3x3 convolution, {layer}\n")
            timings = measure(folder, layer, paths, arguments.runs, arguments.warm_up)
            print(table(timings, peer=LCE))


if __name__ == "__main__":
    main()
