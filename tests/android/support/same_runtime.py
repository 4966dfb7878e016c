"""What Python says of the sample photos on the very runtime that the app runs on.

Two versions of TensorFlow Lite may sum the products of a layer in another order. So that nothing
but our own code differs, this takes Android's library of the runtime (x86_64, its C API) for
Python's runtime, with the operators of XNNPACK as Python's own runtimes take them.

    python -m android.support.same_runtime FOLDER LIBRARY...   # the runtime's is the last
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from android.support.reference import MIN_FACE, PHOTOS, row
from facesdk.engine import FaceEngine
from facesdk.runtime import interpreter
from facesdk.runtime.backend import Backend

DETECTORS = ("mtcnn", "finder")
_TYPES = {1: np.float32, 3: np.uint8, 9: np.int8}
_POINTER = ctypes.c_void_p
_SHAPE = ctypes.POINTER(ctypes.c_int)


class Threads(ctypes.Structure):
    """The options of XNNPACK, of which the first is the number of threads."""

    _fields_ = (("threads", ctypes.c_int32), ("rest", ctypes.c_uint8 * 508))


_RESULTS = {
    **dict.fromkeys(
        ("ModelCreate", "InterpreterOptionsCreate", "InterpreterCreate", "XNNPackDelegateCreate"),
        _POINTER,
    ),
    **dict.fromkeys(
        ("InterpreterGetInputTensor", "InterpreterGetOutputTensor", "TensorData"), _POINTER
    ),
    "XNNPackDelegateOptionsDefault": Threads,
    "TensorByteSize": ctypes.c_size_t,
}


class Runtime:
    """Android's library, with what ``facesdk.runtime`` calls of a Python runtime."""

    def __init__(self, libraries: Sequence[str]) -> None:
        for path in libraries[:-1]:  # libc.so and so on, which the last one needs
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        self._library = ctypes.CDLL(libraries[-1])

    def call(self, name: str, *arguments: Any) -> Any:
        """A function of the C API, without its prefix."""
        function = getattr(self._library, f"TfLite{name}")
        function.restype = _RESULTS.get(name, ctypes.c_int)
        return function(*(_POINTER(a) if isinstance(a, int) and a > 9999 else a for a in arguments))

    def load_delegate(self, path: str, options: dict[str, str]) -> int:
        """Our operators."""
        create = ctypes.CDLL(path).tflite_plugin_create_delegate
        create.restype = _POINTER
        texts = ctypes.c_char_p * len(options)
        keys = texts(*(key.encode() for key in options))
        values = texts(*(value.encode() for value in options.values()))
        made: int = create(keys, values, ctypes.c_size_t(len(options)), None)
        return made

    def interpreter(
        self, model_content: bytes, num_threads: int, experimental_delegates: list[int]
    ) -> Interpreter:
        """A model."""
        return Interpreter(self, model_content, num_threads, experimental_delegates)


class Interpreter:
    """The methods of ``tf.lite.Interpreter`` that ``facesdk.runtime.interpreter`` calls."""

    def __init__(self, lite: Runtime, content: bytes, threads: int, delegates: list[int]) -> None:
        self._call, self._content = lite.call, ctypes.create_string_buffer(content, len(content))
        size = ctypes.c_size_t(len(content))
        model = self._call("ModelCreate", ctypes.addressof(self._content), size)
        options = self._call("InterpreterOptionsCreate")
        self._call("InterpreterOptionsSetNumThreads", options, threads)
        fast = self._call("XNNPackDelegateOptionsDefault")
        fast.threads = threads
        made = self._call("XNNPackDelegateCreate", ctypes.addressof(fast))
        for delegate in (*delegates, made):
            self._call("InterpreterOptionsAddDelegate", options, delegate)
        self._interpreter = self._call("InterpreterCreate", model, options)
        assert self._interpreter, "the runtime refuses the model"

    def allocate_tensors(self) -> None:
        assert self._call("InterpreterAllocateTensors", self._interpreter) == 0

    def resize_tensor_input(self, index: int, shape: Sequence[int], *, strict: bool) -> None:
        sizes = (ctypes.c_int * len(shape))(*shape)
        arguments = (self._interpreter, index, sizes, len(shape))
        assert self._call("InterpreterResizeInputTensor", *arguments) == 0

    def set_tensor(self, index: int, array: np.ndarray) -> None:
        given = np.ascontiguousarray(array)
        tensor = self._call("InterpreterGetInputTensor", self._interpreter, index)
        assert self._call("TensorByteSize", tensor) == given.nbytes
        ctypes.memmove(self._call("TensorData", tensor), given.ctypes.data, given.nbytes)

    def get_tensor(self, index: int) -> np.ndarray:
        tensor = self._call("InterpreterGetOutputTensor", self._interpreter, index)
        details = self._details(tensor, index)
        content = ctypes.string_at(
            self._call("TensorData", tensor), self._call("TensorByteSize", tensor)
        )
        return np.frombuffer(content, details["dtype"]).reshape(details["shape"])

    def invoke(self) -> None:
        assert self._call("InterpreterInvoke", self._interpreter) == 0

    def get_input_details(self) -> list[dict[str, Any]]:
        return self._all("Input")

    def get_output_details(self) -> list[dict[str, Any]]:
        return self._all("Output")

    def get_tensor_details(self) -> list[dict[str, Any]]:
        return self.get_input_details()

    def _all(self, which: str) -> list[dict[str, Any]]:
        count = self._call(f"InterpreterGet{which}TensorCount", self._interpreter)
        get = f"InterpreterGet{which}Tensor"
        return [self._details(self._call(get, self._interpreter, i), i) for i in range(count)]

    def _details(self, tensor: int, index: int) -> dict[str, Any]:
        rank = self._call("TensorNumDims", tensor)
        shape = np.array([self._call("TensorDim", tensor, i) for i in range(rank)])
        kind = _TYPES[self._call("TensorType", tensor)]
        return {"index": index, "shape": shape, "dtype": kind}


def write(folder: Path, libraries: Sequence[str]) -> None:
    """Faces and embedding of each photo, and the similarities, by each detector."""
    lite = Runtime(libraries)
    module = SimpleNamespace(Interpreter=lite.interpreter, load_delegate=lite.load_delegate)
    found = Backend("tflite", "2.16.1", module)
    lines = []
    with mock.patch.object(interpreter, "load_backend", return_value=found):
        for detector in DETECTORS:
            engine = FaceEngine.load(detector=detector, min_face=MIN_FACE)
            vectors = {name: engine.embed(path) for name, path in PHOTOS.items()}
            for name, path in PHOTOS.items():
                faces = [row(face) for face in engine.detect(path).faces]
                (folder / f"{name}.{detector}.same.faces").write_bytes(np.array(faces, "<f4"))
                vector = vectors[name].vector.astype("<f4")
                (folder / f"{name}.{detector}.same.vector").write_bytes(vector.tobytes())
            lines += [
                f"same.{detector}.{a}.{b}={engine.compare(vectors[a], vectors[b]).similarity!r}\n"
                for a in PHOTOS
                for b in PHOTOS
            ]
    (folder / "same.properties").write_text("".join(lines), encoding="latin-1")


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2:])
