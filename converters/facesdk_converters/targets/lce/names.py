"""Names of nodes in full, although LCE's converter cuts names after 50 characters.

What it fuses is named after all of it, ``model/bn/FusedBatchNormV3;model/conv/Conv2D``, and by such
names operators are found again. It is given numbers in their place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tensorflow.core.framework.graph_pb2 import GraphDef

from facesdk_converters.tflite.tree import Tree

_NUMBER = re.compile(r"(?<!\w)n(\d+)_(?![A-Za-z])")
"""A number as a whole scope; the converter puts digits behind it where it needs two of a name."""


def numbered(graph: GraphDef, kept: Sequence[str]) -> list[str]:
    """Gives the nodes of a graph numbers for names, but for some; returns their names."""
    names = [node.name for node in graph.node]
    short = {name: name if name in kept else f"n{n}_" for n, name in enumerate(names)}
    for node in graph.node:
        node.name = short[node.name]
        node.attr.pop("_class", None)  # names of other nodes
        for place, tensor in enumerate(node.input):
            name, colon, output = tensor.removeprefix("^").partition(":")
            node.input[place] = f"{'^' * tensor.startswith('^')}{short[name]}{colon}{output}"
    return names


def put_names(tree: Tree, names: Sequence[str]) -> None:
    """Puts the names of the nodes, one of each scope, in place of their numbers."""
    for tensor in tree.tensors:
        found = _NUMBER.findall(tensor.name.decode())
        full = {names[int(n)].rpartition("/")[0]: names[int(n)] for n in reversed(found)}
        if full:
            tensor.name = ";".join(reversed(full.values())).encode()
