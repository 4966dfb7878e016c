"""One network, ready to run, on whichever runtime is installed."""

from __future__ import annotations

import ctypes
import math
import os
import re
import warnings
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk import tracing
from facesdk.errors import FaceSDKWarning, InputError, ModelError, one_line
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.backend import load_backend
from facesdk.runtime.delegate import load_operators
from facesdk.runtime.native_log import without_greeting
from facesdk.tflite.operators import CUSTOM_OPERATORS

Shape = tuple[int, ...]

MAX_THREADS = 64
"""More than any of these networks can use; runtimes crash where threads run out."""
_REFUSALS = (ValueError, RuntimeError, MemoryError)
"""What a runtime raises when a model or its shapes do not suit it."""
_XNNPACK_REFUSES = re.compile(r"failed to delegate .*\(TfLiteXNNPackDelegate\)")


class Interpreter:
    """A TFLite interpreter with allocated tensors.

    The operator library is loaded if, and only if, the model has operators it implements. An
    instance is for one thread at a time (:class:`~facesdk.runtime.interpreter_pool.InterpreterPool`
    is for several). In a process that is forked it is built anew when it is used: what the runtime
    had in the parent, such as threads, is not there. A model that is not trusted runs in a process
    of its own before (:mod:`facesdk.runtime.probe`).

    Args:
        bundle: The model.
        threads: Number of threads the runtime may use, 1 to :data:`MAX_THREADS`.
        input_shapes: Shapes to allocate for, one per input; None keeps those of the file.

    Raises:
        InputError: ``threads`` or the number of ``input_shapes`` is wrong.
        ModelError: The runtime refuses the model, in the runtime's own words, or it crashes it.
        OperatorLibraryError: The model needs the operator library and it is not usable.
        RuntimeUnavailableError: No runtime is installed.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        *,
        threads: int = 1,
        input_shapes: Sequence[Shape] | None = None,
    ) -> None:
        if not 1 <= threads <= MAX_THREADS:
            raise InputError(f"threads must be 1 to {MAX_THREADS}, but got {threads}")
        self._bundle = bundle
        self._name = bundle.name
        unknown = set(bundle.custom_ops) - set(CUSTOM_OPERATORS)
        if unknown:
            raise ModelError(
                f"{bundle.path} needs custom operators that facesdk does not have: "
                f"{', '.join(sorted(unknown))} (it has {', '.join(CUSTOM_OPERATORS)}); "
                "convert the network again without them"
            )
        if not bundle.trusted:
            from facesdk.runtime.probe import require_safe  # packaged models start without it

            require_safe(bundle, input_shapes)
        self._threads = threads
        self._shapes = input_shapes and tuple(input_shapes)
        self._options: dict[str, Any] = {}
        with without_greeting():
            self._build()
        _INTERPRETERS.add(self)

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """Shapes of the inputs as allocated."""
        return tuple(tuple(int(n) for n in row["shape"]) for row in self._inputs)

    @property
    def output_shapes(self) -> tuple[Shape, ...]:
        """Shapes of the outputs as allocated."""
        return tuple(tuple(int(n) for n in row["shape"]) for row in self._outputs)

    @property
    def input_dtypes(self) -> tuple[np.dtype[Any], ...]:
        """Types of the inputs."""
        return tuple(np.dtype(row["dtype"]) for row in self._inputs)

    @property
    def tensor_bytes(self) -> int:
        """Bytes of all tensors as allocated: more than it takes, as some share their memory.

        Runtimes do not tell the shapes of tensors within a delegate once the input has another
        size, so what is not in the file is taken to grow as the inputs do.
        """
        constants = len(self._bundle.content)
        computed = max(self._file_bytes - constants, 0)
        return constants + computed * _elements(self.input_shapes) // self._file_elements

    def operator_names(self) -> list[str]:
        """Names of the network's operators, by their place in the file."""
        return [operator.name for operator in self._bundle.graph.operators]

    def resize(self, *shapes: Shape) -> None:
        """Allocate for other input shapes, one per input.

        Raises:
            InputError: Not one shape per input.
            ModelError: The network cannot take these shapes.
        """
        self._build_after_fork()
        if len(shapes) != len(self._inputs):
            raise InputError(
                f"shapes must be one per input ({len(self._inputs)}), but got {len(shapes)}"
            )
        try:
            for row, shape in zip(self._inputs, shapes, strict=True):
                self._interpreter.resize_tensor_input(row["index"], shape, strict=False)
        except _REFUSALS as error:
            raise self._refused(error) from None
        self._shapes = shapes
        self._allocate()

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """One inference.

        Args:
            inputs: One array per input, of its shape and dtype.

        Returns:
            A copy of each output.

        Raises:
            InputError: An array does not fit its input.
            ModelError: The runtime failed.
        """
        with tracing.network(self._name, self.operator_names):
            self.fill(*inputs)
            self.invoke()
            return self.read()

    def fill(self, *inputs: NDArray[Any]) -> None:
        """The first part of :meth:`run`: copy the inputs; arguments and errors as there."""
        self._build_after_fork()
        if len(inputs) != len(self._inputs):
            raise InputError(
                f"inputs must be one array per input ({len(self._inputs)}), but got {len(inputs)}"
            )
        try:
            for row, array in zip(self._inputs, inputs, strict=True):
                self._interpreter.set_tensor(row["index"], array)
        except ValueError as error:
            raise InputError(f"{self._bundle.path}: {one_line(error)}") from None

    def invoke(self) -> None:
        """The second part of :meth:`run`: the network itself.

        Raises:
            ModelError: The runtime failed.
        """
        try:
            self._interpreter.invoke()
        except _REFUSALS as error:
            raise self._refused(error) from None

    def read(self) -> list[NDArray[Any]]:
        """The last part of :meth:`run`: a copy of each output.

        Raises:
            ModelError: The runtime failed.
        """
        try:
            return [self._interpreter.get_tensor(row["index"]) for row in self._outputs]
        except _REFUSALS as error:
            raise self._refused(error) from None

    def _build(self) -> None:
        backend = load_backend()
        delegates = [load_operators(backend)] if self._bundle.custom_ops else []
        try:
            self._interpreter: Any = backend.interpreter.Interpreter(
                model_content=self._bundle.content,
                num_threads=self._threads,
                experimental_delegates=delegates,
                **self._options,
            )
        except _REFUSALS as error:
            raise self._refused(error) from None
        self._read_details()
        self._file_elements = _elements(self.input_shapes)
        self._file_bytes = sum(
            math.prod(map(int, row["shape"])) * np.dtype(row["dtype"]).itemsize
            for row in self._interpreter.get_tensor_details()
        )
        if self._shapes is None:
            self._allocate()
        else:
            self.resize(*self._shapes)

    def _build_without_xnnpack(self) -> None:
        """XNNPACK as of TensorFlow 2.19 cannot prepare a depthwise layer of float16 weights."""
        backend = load_backend()
        resolvers = backend.interpreter.OpResolverType
        self._options = {
            "experimental_op_resolver_type": resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        }
        self._build()
        warnings.warn(
            f"XNNPACK of {backend.name} {backend.version} refuses {self._bundle.path.name}, which "
            "runs without it, and slower: use another runtime (`facesdk doctor`)",
            FaceSDKWarning,
            stacklevel=3,
        )

    def _build_after_fork(self) -> None:
        if self._interpreter is None:
            with without_greeting():
                self._build()

    def _leave_to_parent(self) -> None:
        """Never use nor free, in a fork, what the parent has built.

        To free it would wait for ever for the threads of XNNPACK, which are not in the fork; an
        object that is counted once too often is not freed, not even when Python ends.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._interpreter))
        self._interpreter = None

    def _allocate(self) -> None:
        try:
            self._interpreter.allocate_tensors()
        except _REFUSALS as error:
            if _XNNPACK_REFUSES.search(one_line(error)) and not self._options:
                self._build_without_xnnpack()
                return
            raise self._refused(error) from None
        self._read_details()
        if not self._outputs or any(0 in shape for shape in self.output_shapes):
            raise ModelError(
                f"{self._bundle.path} has no output for inputs of shape "
                f"{', '.join(map(str, self.input_shapes))}"
            )

    def _read_details(self) -> None:
        try:
            self._inputs: list[dict[str, Any]] = self._interpreter.get_input_details()
            self._outputs: list[dict[str, Any]] = self._interpreter.get_output_details()
        except _REFUSALS as error:  # a type that NumPy does not have
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> ModelError:
        """The runtime's message, or only the operator library's where that says what is wrong.

        When the library refuses an operator, the runtime goes on to call it unresolved.
        """
        text = one_line(error)
        reason, consequence, _ = text.partition("Encountered unresolved custom op")
        named = consequence and reason.startswith("facesdk operators: ")
        return ModelError(f"the runtime refuses {self._bundle.path}: {reason if named else text}")


def _elements(shapes: Sequence[Shape]) -> int:
    return max(sum(math.prod(shape) for shape in shapes), 1)


_INTERPRETERS: weakref.WeakSet[Interpreter] = weakref.WeakSet()


def _after_fork() -> None:
    for interpreter in list(_INTERPRETERS):
        interpreter._leave_to_parent()


os.register_at_fork(after_in_child=_after_fork)


def check_float_input(shapes: tuple[Shape, ...], expected: Sequence[int | None], what: str) -> None:
    """Raise unless a network has one input of a given shape.

    Args:
        shapes: The network's input shapes.
        expected: Its input shape; None where any size will do.
        what: How to name the model in the message.

    Raises:
        ModelError: The shape differs.
    """
    fits = len(shapes) == 1 and len(shapes[0]) == len(expected)
    if not fits or any(e not in (None, n) for n, e in zip(shapes[0], expected, strict=True)):
        wanted = tuple("any" if e is None else e for e in expected)
        raise ModelError(f"{what} must have one input of shape {wanted}, but has {shapes}")
