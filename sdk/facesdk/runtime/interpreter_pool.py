"""Interpreters of one network, so that threads may share it."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter, Shape

MAX_WORKERS = 64
"""More than the cores of any device that these networks are for."""


class InterpreterPool:
    """A network that threads may share: at most ``workers`` of them run it at a time, others wait.

    An interpreter is built when a thread wants one and none is idle that was allocated for its
    shapes, since to resize one costs more than to run it; the longest idle go when there are more
    than ``workers * kept``, or when their tensors are larger than ``workers * kept_bytes``. A pool
    pickles as its model and its options; a process that is forked builds interpreters of its own.

    Args:
        bundle: The model.
        threads: Threads that a run may use, at least 1.
        workers: Runs at a time, 1 to :data:`MAX_WORKERS`.
        input_shapes: Shapes of the first interpreter, one per input; None for those of the file.
        kept: Shapes to keep interpreters for.
        kept_bytes: Bytes of tensors to keep (:attr:`Interpreter.tensor_bytes`); None for any. The
            interpreter used last stays.

    Raises:
        InputError: An option is out of its range.
        ModelError: The runtime refuses the model.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        *,
        threads: int = 1,
        workers: int = 1,
        input_shapes: Sequence[Shape] | None = None,
        kept: int = 1,
        kept_bytes: int | None = None,
    ) -> None:
        if not 1 <= workers <= MAX_WORKERS:
            raise InputError(f"workers must be 1 to {MAX_WORKERS}, but got {workers}")
        first = Interpreter(bundle, threads=threads, input_shapes=input_shapes)
        self.input_shapes = first.input_shapes
        self.output_shapes = first.output_shapes
        self._bundle, self._threads = bundle, threads
        self._workers, self._kept, self._kept_bytes = workers, kept, kept_bytes
        self._idle = [(self.input_shapes, first)]
        self._watch()

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """One inference; arguments, result and errors as of :meth:`Interpreter.run`.

        Inputs of other shapes than before take an interpreter of their own.
        """
        with self._lent(tuple(array.shape for array in inputs)) as interpreter:
            return interpreter.run(*inputs)

    @contextmanager
    def _lent(self, shapes: tuple[Shape, ...]) -> Iterator[Interpreter]:
        """An interpreter for inputs of these shapes, which nobody else has meanwhile."""
        with self._changed:
            while self._running == self._workers:
                self._changed.wait()
            self._running += 1
            interpreter = self._take(shapes)
        is_new = interpreter is None
        try:
            if interpreter is None:
                interpreter = Interpreter(self._bundle, threads=self._threads, input_shapes=shapes)
            yield interpreter
        finally:
            with self._changed:
                if interpreter is not None:
                    self._idle.append((shapes, interpreter))
                    if is_new:
                        self._drop_oldest()
                self._running -= 1
                self._changed.notify()

    def _drop_oldest(self) -> None:
        del self._idle[: -self._workers * self._kept]
        if self._kept_bytes is not None:
            room = self._workers * self._kept_bytes
            for place in reversed(range(len(self._idle) - 1)):
                room -= self._idle[place + 1][1].tensor_bytes
                if self._idle[place][1].tensor_bytes > room:
                    del self._idle[: place + 1]
                    break

    def _take(self, shapes: tuple[Shape, ...]) -> Interpreter | None:
        for place in reversed(range(len(self._idle))):
            if self._idle[place][0] == shapes:
                return self._idle.pop(place)[1]
        return None

    def _watch(self) -> None:
        self._forget_threads()
        _POOLS.add(self)

    def _forget_threads(self) -> None:
        """Nobody runs the network; in a fork, whoever did so is not there."""
        self._changed = threading.Condition()
        self._running = 0

    def __getstate__(self) -> dict[str, Any]:
        return {
            key: value
            for key, value in self.__dict__.items()
            if key not in ("_changed", "_running", "_idle")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._idle = []
        self._watch()


_POOLS: weakref.WeakSet[InterpreterPool] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_POOLS):
        pool._forget_threads()


os.register_at_fork(after_in_child=_after_fork)
