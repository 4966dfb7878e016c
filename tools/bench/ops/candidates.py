"""Who is timed: models in LCE's interpreter, in a stock runtime, with and without our operators.

They share one process. LCE's interpreter is one extension module; it is loaded by its file, because
importing its package would bring TensorFlow, which must not share a process with timed runtimes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.runtime.backend import load_backend
from facesdk.runtime.delegate import load_operators
from facesdk.runtime.operator_library import ENVIRONMENT, FORCED_PATH
from facesdk_converters.tflite.chain import Chain
from tools.bench.environment import environment


class CandidateError(Exception):
    """A candidate does not do what its name says, so that its time would mean nothing."""


class Model:
    """A ``.tflite`` file in a stock runtime.

    Args:
        file: The model.
        path: The kernel path of our operators; None loads no delegate of ours.
        threads: Number of threads of the runtime.
        xnnpack: Whether the runtime may use XNNPACK.
        library: Another build of our operators than the installed one.
    """

    def __init__(
        self,
        file: Path,
        *,
        path: str | None = None,
        threads: int = 1,
        xnnpack: bool = True,
        library: Path | None = None,
    ) -> None:
        backend = load_backend()
        resolvers = backend.interpreter.OpResolverType
        plain, default = resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES, resolvers.AUTO
        other = {} if library is None else {ENVIRONMENT: str(library)}
        with environment({FORCED_PATH: path, **other}):
            self._interpreter = backend.interpreter.Interpreter(
                model_path=str(file),
                num_threads=threads,
                experimental_delegates=[load_operators(backend)] if path else [],
                experimental_op_resolver_type=default if xnnpack else plain,
            )
            self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()
        self.invoke: Callable[[], None] = self._interpreter.invoke
        """What is timed: no copy of the input or of the output."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input."""
        batch, height, width, channels = map(int, self._input["shape"])
        return batch, height, width, channels

    def set(self, image: NDArray[np.float32]) -> None:
        """Set the input; an int8 model gets it quantized."""
        if self._input["dtype"] == np.int8:
            scale, zero_point = self._input["quantization"]
            image = np.clip(np.rint(image / scale + zero_point), -128, 127).astype(np.int8)
        self._interpreter.set_tensor(self._input["index"], image)

    def run(self, image: NDArray[np.float32]) -> NDArray[Any]:
        """The output for an input."""
        self.set(image)
        self.invoke()
        result: NDArray[Any] = self._interpreter.get_tensor(self._output["index"])
        return result

    @property
    def delegated(self) -> bool:
        """Whether one delegate computes the output from the input, and nothing else runs."""
        return any(
            operator["op_name"] == "DELEGATE"
            and self._input["index"] in operator["inputs"]
            and self._output["index"] in operator["outputs"]
            for operator in self._interpreter._get_ops_details()
        )

    @property
    def scales(self) -> list[int]:
        """Number of quantization scales of each constant and activation."""
        details = self._interpreter.get_tensor_details()
        return [len(row["quantization_parameters"]["scales"]) for row in details]


class LarqModel:
    """A ``.tflite`` file in LCE's interpreter, on its fastest x86_64 path, ``use_indirect_bgemm``.

    Args:
        content: The model.
        threads: Number of threads.
        xnnpack: Whether float layers go to XNNPACK.
    """

    def __init__(self, content: bytes, *, threads: int = 1, xnnpack: bool = False) -> None:
        self._interpreter = _larq_extension().LiteInterpreter(
            content, threads, False, True, xnnpack
        )

    def run(self, image: NDArray[np.float32]) -> NDArray[Any]:
        """The output for an input. This is what is timed: it copies both, and cannot be split."""
        result: NDArray[Any] = self._interpreter.predict([image])[0]
        return result


def copying_model(shape: tuple[int, int, int, int]) -> bytes:
    """A model without operators: LCE's interpreter only copies its input and its output."""
    return Chain("image", shape, (), description="copies").to_bytes()


@cache
def _larq_extension() -> Any:
    package = importlib.util.find_spec("larq_compute_engine")
    if package is None or package.submodule_search_locations is None:
        raise CandidateError("LCE is not installed: run `pip install 'facesdk-edge[convert]'`")
    name = "interpreter_wrapper_lite"
    file = Path(package.submodule_search_locations[0], "tflite", "python", f"{name}.so")
    loader = ExtensionFileLoader(name, str(file))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
