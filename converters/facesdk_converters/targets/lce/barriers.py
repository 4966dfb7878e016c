"""Barriers that end the patterns of LCE's converter where one would change the network.

A barrier is a maximum with the least float, which changes nothing and which no pattern knows. It is
put into the graph before conversion (:mod:`facesdk_converters.targets.lce.graph_forms`) and taken
out of the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from facesdk_converters.tflite.tree import Tree

LEAST = float(np.finfo(np.float32).min)
"""A maximum with it changes nothing."""


def take_out_barriers(tree: Tree) -> None:
    """Takes the barriers out of a file."""
    kept: list[Any] = []
    read_instead: dict[int, int] = {}
    for operator in tree.operators:
        operator.inputs = [read_instead.get(int(t), int(t)) for t in operator.inputs]
        if tree.kind(operator) == "MAXIMUM" and _is_barrier(tree, int(operator.inputs[1])):
            read_instead[int(operator.outputs[0])] = int(operator.inputs[0])
        else:
            kept.append(operator)
    if read_instead:
        tree.operators = kept
        tree.compact()


def _is_barrier(tree: Tree, tensor: int) -> bool:
    return tree.is_float_constant(tensor) and bool((tree.values(tensor) == LEAST).all())
