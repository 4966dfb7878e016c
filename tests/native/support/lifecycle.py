"""Hard use of the library in one process.

``python -m native.support.lifecycle USE RUNTIME LIBRARY``

Each use raises if an output differs from what a fresh interpreter computes on one thread. A process
of its own, with a time limit, because the failures looked for are crashes, hangs and leaks.
"""

from __future__ import annotations

import _ctypes
import ctypes
import gc
import importlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from native.support.lce_graph import BITS, Model, Pool
from native.support.workers import PATHS, invoke

CORPUS = Path(__file__).parents[1] / "corpus"
MODEL = Model(1, 20, 18, 96, 70, (3, 3), pad_value=0, seed=3)
DEEP = Model(1, 21, 19, 130, 33, (3, 3), output=BITS, pool=Pool((2, 2), (1, 1), 0), seed=4)
RESIDUAL = Model(1, 20, 18, 96, 96, (3, 3), residual=True, seed=5)
MODELS = (MODEL, DEEP, RESIDUAL)


class Runtime:
    """A stock runtime with the library."""

    def __init__(self, name: str, library: str) -> None:
        self.name = name
        self.library = library
        self._module = importlib.import_module(f"{name}.interpreter")

    def with_library(self, library: str) -> Runtime:
        return Runtime(self.name, library)

    def delegate(self) -> Any:
        return self._module.load_delegate(self.library)

    def interpreter(self, model: Model, threads: int = 1, delegate: Any = None) -> Any:
        return self.of(model.to_bytes(), threads, delegate)

    def of(self, content: bytes, threads: int = 1, delegate: Any = None) -> Any:
        return self._module.Interpreter(
            model_content=content,
            experimental_delegates=[delegate or self.delegate()],
            num_threads=threads,
        )

    def output(self, model: Model, threads: int = 1) -> bytes:
        return invoke(self.interpreter(model, threads), model.image()).tobytes()


def check(actual: bytes, expected: bytes, what: str) -> None:
    if actual != expected:
        raise SystemExit(f"{what}: the output differs")


def threads_give_the_same_bytes(runtime: Runtime) -> None:
    """num_threads 1 to 8 on every path, and as the runtime chooses."""
    for path in PATHS:
        os.environ["FACESDK_OPS_ISA"] = path
        for model in MODELS:
            expected = runtime.output(model)
            for threads in (None, *range(2, 9)):
                check(runtime.output(model, threads), expected, f"{path}, {threads} threads")


def resized_back_and_forth(runtime: Runtime) -> None:
    sizes = [(1, 20, 18), (3, 20, 18), (1, 5, 27), (1, 1, 1), (2, 3, 1), (1, 20, 18), (1, 40, 33)]
    for path in PATHS:
        os.environ["FACESDK_OPS_ISA"] = path
        for model in MODELS:
            interpreter = runtime.interpreter(model, threads=2)
            source = interpreter.get_input_details()[0]["index"]
            expected = {size: runtime.output(model.resized(*size)) for size in set(sizes)}
            for size in sizes * 2:
                image = model.resized(*size).image()
                interpreter.resize_tensor_input(source, image.shape)
                output = invoke(interpreter, image).tobytes()
                check(output, expected[size], f"{path}, resized to {size}")


def resized_beside_xnnpack(runtime: Runtime) -> None:
    """Sums that convolutions take in, between layers of XNNPACK.

    tflite-runtime shares the operators out anew at each new size; if one of them changes hands, the
    interpreter is of no use any more.
    """
    for name in ("residual_chain", "residual_shortcut", "residual_prelu", "mixed"):
        content = (CORPUS / f"{name}.tflite").read_bytes()
        kept = runtime.of(content)
        source = kept.get_input_details()[0]
        for number, size in enumerate(((9, 8), (12, 14), (6, 5), (11, 9), (9, 8), (12, 14))):
            shape = (source["shape"][0], *size, source["shape"][3])
            image = np.random.default_rng(number).normal(0, 1, shape).astype(np.float32)
            outputs = []
            for interpreter in (kept, runtime.of(content)):
                interpreter.resize_tensor_input(source["index"], shape)
                outputs.append(invoke(interpreter, image).tobytes())
            check(*outputs, f"{name} resized to {size}")


def called_from_several_threads(runtime: Runtime) -> None:
    """Interpreters of one delegate, each thread its own, and one for all behind a lock."""
    expected = {model: runtime.output(model) for model in MODELS}
    delegate = runtime.delegate()
    shared, lock = runtime.interpreter(MODEL, 2, delegate), threading.Lock()
    start = threading.Barrier(6)

    def use(number: int) -> None:
        model = MODELS[number % len(MODELS)]
        own = runtime.interpreter(model, 1 + number % 3, delegate)
        start.wait()
        for _ in range(40):
            check(invoke(own, model.image()).tobytes(), expected[model], f"thread {number}")
            with lock:
                output = invoke(shared, MODEL.image()).tobytes()
            check(output, expected[MODEL], f"shared, thread {number}")

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(use, range(6)))


def created_and_destroyed_in_several_threads(runtime: Runtime) -> None:
    """The last operator of the process goes, and with it the pool, while others come."""
    expected = runtime.output(MODEL)

    def use(number: int) -> None:
        for _ in range(60):
            check(runtime.output(MODEL, 2), expected, f"thread {number}")

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(use, range(3)))


def created_and_destroyed_without_a_leak(runtime: Runtime) -> None:
    """Memory after 400 interpreters is that after 100, within 2 MiB: 7 KB an interpreter."""

    def create(count: int) -> int:
        for _ in range(count):
            runtime.output(DEEP, 2)
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    before = create(100)
    growth = create(300) - before
    if growth > 2 << 20:
        raise SystemExit(f"300 interpreters left {growth} bytes")


def _in_a_fork(runtime: Runtime, interpreter: Any, expected: bytes) -> None:
    check(invoke(interpreter, MODEL.image()).tobytes(), expected, "the parent's interpreter")
    check(runtime.output(MODEL, 2), expected, "a new interpreter")


def forked_after_use(runtime: Runtime) -> None:
    """A child computes with the parent's interpreter and with its own; the parent goes on."""
    expected = runtime.output(MODEL)
    interpreter = runtime.interpreter(MODEL, threads=2)
    fork = multiprocessing.get_context("fork")
    for _ in range(25):
        check(invoke(interpreter, MODEL.image()).tobytes(), expected, "before the fork")
        children = [
            fork.Process(target=_in_a_fork, args=(runtime, interpreter, expected)) for _ in range(2)
        ]
        for child in children:
            child.start()
        check(invoke(interpreter, MODEL.image()).tobytes(), expected, "after the fork")
        for child in children:
            child.join()
            if child.exitcode != 0:
                raise SystemExit(f"a child ended with {child.exitcode}")


def unloaded_and_loaded_again(runtime: Runtime) -> None:
    """The library leaves the process with its last user: no thread of it may be left behind."""
    expected = runtime.output(MODEL)
    gc.collect()
    threads = _threads()
    user = runtime.interpreter(MODEL, threads=2)
    invoke(user, MODEL.image())
    if _threads() == threads and len(os.sched_getaffinity(0)) > 1:
        raise SystemExit("num_threads=2 has started no thread")
    del user
    with tempfile.TemporaryDirectory() as folder:
        for number in range(20):
            copy = Path(folder) / f"copy{number}.so"
            shutil.copy(runtime.library, copy)
            check(runtime.with_library(str(copy)).output(MODEL, 2), expected, "a copy")
            gc.collect()
            handle = ctypes.CDLL(str(copy))._handle
            while str(copy) in Path("/proc/self/maps").read_text():
                _ctypes.dlclose(handle)
            if _threads() != threads:
                raise SystemExit(f"{_threads() - threads} threads were left behind")


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def left_alive_at_exit(runtime: Runtime) -> None:
    """The process ends with interpreters and workers alive."""
    global survivors
    survivors = [runtime.interpreter(replace(MODEL, seed=n), threads=2) for n in range(3)]
    for number, interpreter in enumerate(survivors):
        invoke(interpreter, replace(MODEL, seed=number).image())


survivors: list[Any] = []
USES: dict[str, Callable[[Runtime], None]] = {
    use.__name__: use
    for use in (
        threads_give_the_same_bytes,
        resized_back_and_forth,
        resized_beside_xnnpack,
        called_from_several_threads,
        created_and_destroyed_in_several_threads,
        created_and_destroyed_without_a_leak,
        forked_after_use,
        unloaded_and_loaded_again,
        left_alive_at_exit,
    )
}

if __name__ == "__main__":
    USES[sys.argv[1]](Runtime(sys.argv[2], sys.argv[3]))
    print("done")
