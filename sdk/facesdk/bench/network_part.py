"""Some operators of a model as a network of their own, with the model's weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facesdk.errors import InputError, ModelError
from facesdk.measure.distribution import Times
from facesdk.measure.timing import Policy, Tick, measure
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.graph import Graph, Operator
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
    empty = nothing(bundle, graph, threads)
    if empty:
        calls[_EMPTY] = empty.invoke
    times = measure(calls, policy, tick) if calls else {}
    return AloneTimes(
        {int(name): row for name, row in times.items() if name != _EMPTY}, times.get(_EMPTY)
    )


def single(bundle: ModelBundle, graph: Graph, operator: Operator, threads: int) -> Interpreter:
    """An interpreter for one operator: a :func:`part` of one."""
    return part(bundle, graph, [operator.index], threads)


def part(
    bundle: ModelBundle, graph: Graph, operators: Collection[int], threads: int
) -> Interpreter:
    """An interpreter for some operators, its inputs filled with random values and run once.

    What others write is an input, what others read is an output. Operators that compute an input
    from constants alone (weights stored as float16) come with them.

    Args:
        bundle: The model.
        graph: Its graph.
        operators: Their places in the model, at least one.
        threads: Threads the runtime may use.

    Raises:
        FlatbufferError: They cannot be cut out.
        ModelError: The runtime does not run them alone.
    """
    kept, inputs = _closure(graph, operators)
    alone = bundle.part(kept, inputs, _read_elsewhere(graph, operators))
    if is_accepted(bundle.root):
        alone = replace(alone, trusted=True)
    interpreter = Interpreter(alone, threads=threads)
    packed = any(graph.operators[index].name in CUSTOM_OPERATORS for index in operators)
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


def _closure(graph: Graph, operators: Collection[int]) -> tuple[list[int], list[int]]:
    """Places of the operators and of the constant ones they need, and the tensors left to fill."""
    constant = constant_operators(graph)
    writer = {row.index: op.index for op in graph.operators for row in op.outputs}
    kept, inputs = set(operators), []
    pending = [row for index in sorted(operators) for row in graph.operators[index].inputs]
    while pending:
        tensor = pending.pop(0)
        if tensor is None or tensor.constant:
            continue
        source = writer.get(tensor.index)
        if source in kept:
            continue
        if source is not None and source in constant and not constant.intersection(operators):
            kept.add(source)
            pending.extend(graph.operators[source].inputs)
        elif tensor.index not in inputs:
            inputs.append(tensor.index)
    return sorted(kept), inputs


def _read_elsewhere(graph: Graph, operators: Collection[int]) -> list[int]:
    """Tensors that the operators write for others or for the caller; all of a lone operator's."""
    written = [row.index for index in sorted(operators) for row in graph.operators[index].outputs]
    if len(operators) == 1:
        return written
    wanted = {row.index for row in graph.outputs}
    for operator in graph.operators:
        if operator.index not in operators:
            wanted.update(row.index for row in operator.inputs if row is not None)
    return [index for index in written if index in wanted]


def nothing(bundle: ModelBundle, graph: Graph, threads: int) -> Interpreter | None:
    """An interpreter for the model's inputs alone, without operators; None if none can be made."""
    try:
        given = [row.index for row in graph.inputs]
        return Interpreter(replace(bundle.part([], given, given), trusted=True), threads=threads)
    except (FlatbufferError, ModelError):
        return None
