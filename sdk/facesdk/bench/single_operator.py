"""One operator of a model as a network of its own, with the model's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facesdk.errors import ModelError
from facesdk.measure.distribution import Times
from facesdk.measure.inputs import random_inputs
from facesdk.measure.timing import Policy, Tick, measure
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import operator_library
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.cut import cut
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.graph import Graph, Operator

_EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class AloneTimes:
    """Times of operators, each as a network of its own, in milliseconds.

    Attributes:
        operators: By their places in the model; those that the runtime does not run alone lack.
        empty: Of a network without operators, that is of calling the runtime, which is part of all
            times; None if the runtime does not run one.
    """

    operators: dict[int, Times]
    empty: Times | None

    def median(self, index: int) -> float | None:
        """Median of an operator, without the call, 0 or more; None if it was not run."""
        if index not in self.operators:
            return None
        call = 0.0 if self.empty is None else float(np.median(self.empty))
        return max(0.0, float(np.median(self.operators[index])) - call)


def time_operators(
    bundle: ModelBundle,
    graph: Graph,
    operators: Sequence[int],
    policy: Policy,
    *,
    threads: int = 1,
    tick: Tick | None = None,
) -> AloneTimes:
    """Time operators of a model, each as a network of its own, in turn.

    Args:
        bundle: The model.
        graph: Its graph.
        operators: Which ones.
        policy: How often.
        threads: Threads the runtime may use.
        tick: See :func:`~facesdk.measure.timing.measure`.
    """
    calls: dict[str, Callable[[], object]] = {}
    for index in operators:
        try:
            calls[str(index)] = single(bundle, graph, graph.operators[index], threads).invoke
        except (FlatbufferError, ModelError):
            continue
    empty = _empty(bundle, graph, threads)
    if empty:
        calls[_EMPTY] = empty.invoke
    times = measure(calls, policy, tick) if calls else {}
    return AloneTimes(
        {int(name): row for name, row in times.items() if name != _EMPTY}, times.get(_EMPTY)
    )


def single(bundle: ModelBundle, graph: Graph, operator: Operator, threads: int) -> Interpreter:
    """An interpreter for one operator, its inputs filled with random values.

    Operators that compute one of its inputs from constants alone (weights stored as float16) come
    with it.

    Raises:
        FlatbufferError: It cannot be cut out.
        ModelError: The runtime does not run it alone.
    """
    kept, inputs = _closure(graph, operator)
    content = cut(bundle.content, kept, inputs, operator.outputs)
    custom = (operator.name,) if operator.name in operator_library.OPERATORS else ()
    interpreter = Interpreter(
        ModelBundle(Path(f"{bundle.path} (operator {operator.index})"), content, custom, None),
        threads=threads,
    )
    interpreter.fill(*random_inputs(interpreter, packed=bool(custom)))
    interpreter.invoke()
    return interpreter


def constant_operators(graph: Graph) -> frozenset[int]:
    """Places of the operators that read constants only, directly or through each other."""
    known = {i for i, tensor in enumerate(graph.tensors) if tensor.constant} | {-1}
    found = set()
    for operator in graph.operators:
        if operator.inputs and all(i in known for i in operator.inputs):
            found.add(operator.index)
            known.update(operator.outputs)
    return frozenset(found)


def _closure(graph: Graph, operator: Operator) -> tuple[list[int], list[int]]:
    """Places of the operator and of the constant ones it needs, and the tensors left to fill."""
    constant = constant_operators(graph)
    writer: Mapping[int, int] = {t: op.index for op in graph.operators for t in op.outputs}
    kept, inputs, pending = {operator.index}, [], list(operator.inputs)
    while pending:
        tensor = pending.pop(0)
        if tensor < 0 or graph.tensors[tensor].constant:
            continue
        source = writer.get(tensor)
        if source is not None and source in constant and operator.index not in constant:
            if source not in kept:
                kept.add(source)
                pending.extend(graph.operators[source].inputs)
        elif tensor not in inputs:
            inputs.append(tensor)
    return sorted(kept), inputs


def _empty(bundle: ModelBundle, graph: Graph, threads: int) -> Interpreter | None:
    try:
        content = cut(bundle.content, [], graph.inputs, graph.inputs)
        return Interpreter(ModelBundle(bundle.path, content, (), None), threads=threads)
    except (FlatbufferError, ModelError):
        return None
