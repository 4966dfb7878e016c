"""One operator of a model as a network of its own, with the model's weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facesdk.errors import InputError, ModelError
from facesdk.measure.distribution import Times
from facesdk.measure.timing import Policy, Tick, measure
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.cut import cut
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.graph import Graph, Operator, Tensor
from facesdk.tflite.operators import CUSTOM_OPERATORS
from facesdk.tflite.verifier import is_accepted

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
    content = cut(bundle.root, kept, inputs, [row.index for row in operator.outputs])
    trust = bundle.trusted or is_accepted(bundle.root)
    name = f"{bundle.path} (operator {operator.index})"
    alone = ModelBundle.from_bytes(content, name, trust=trust)
    interpreter = Interpreter(alone, threads=threads)
    packed = operator.name in CUSTOM_OPERATORS
    try:
        interpreter.fill(*random_inputs(interpreter, packed=packed))
    except InputError as error:  # a resource, which only other operators can make
        raise ModelError(str(error)) from None
    interpreter.invoke()
    return interpreter


def constant_operators(graph: Graph) -> frozenset[int]:
    """Places of the operators that read constants only, directly or through each other."""
    known = {tensor.index for tensor in graph.tensors if tensor.constant}
    found = set()
    for operator in graph.operators:
        if operator.inputs and all(row is None or row.index in known for row in operator.inputs):
            found.add(operator.index)
            known.update(row.index for row in operator.outputs)
    return frozenset(found)


def _closure(graph: Graph, operator: Operator) -> tuple[list[int], list[int]]:
    """Places of the operator and of the constant ones it needs, and the tensors left to fill."""
    constant = constant_operators(graph)
    writer = {row.index: op.index for op in graph.operators for row in op.outputs}
    kept, inputs = {operator.index}, []
    pending: list[Tensor | None] = list(operator.inputs)
    while pending:
        tensor = pending.pop(0)
        if tensor is None or tensor.constant:
            continue
        source = writer.get(tensor.index)
        if source is not None and source in constant and operator.index not in constant:
            if source not in kept:
                kept.add(source)
                pending.extend(graph.operators[source].inputs)
        elif tensor.index not in inputs:
            inputs.append(tensor.index)
    return sorted(kept), inputs


def _empty(bundle: ModelBundle, graph: Graph, threads: int) -> Interpreter | None:
    try:
        given = [row.index for row in graph.inputs]
        content = cut(bundle.root, [], given, given)
        empty = ModelBundle.from_bytes(content, f"{bundle.path} (no operators)", trust=True)
        return Interpreter(empty, threads=threads)
    except (FlatbufferError, ModelError):
        return None
