"""Numbers in place of names, and names in place of numbers."""

from __future__ import annotations

import pytest
from tensorflow.core.framework.graph_pb2 import GraphDef

from facesdk_converters.targets.lce.names import numbered, put_names
from facesdk_converters.tflite.tree import Tree

NAMES = ("gain9_x", "model/" + 60 * "l" + "/Conv2D", "model/bn/Add", "scan9999_y")


def test_nodes_and_what_reads_them_get_numbers() -> None:
    graph = GraphDef()
    inputs = ((), NAMES[:1], (f"{NAMES[1]}:1", f"^{NAMES[0]}"), NAMES[2:3])
    for name, read in zip(NAMES, inputs, strict=True):
        graph.node.add(name=name).input.extend(read)
    assert numbered(graph, [NAMES[0], NAMES[3]]) == list(NAMES)
    assert [node.name for node in graph.node] == [NAMES[0], "n1_", "n2_", NAMES[3]]
    reads = [list(node.input) for node in graph.node]
    assert reads == [[], [NAMES[0]], ["n1_:1", f"^{NAMES[0]}"], ["n2_"]]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("n1_", NAMES[1]),
        ("n2_;n1_", f"{NAMES[2]};{NAMES[1]}"),
        ("call/n1_1", NAMES[1]),
        ("gain9_x", "gain9_x"),
        ("scan9999_y", "scan9999_y"),
        ("n9999_y", "n9999_y"),
    ],
)
def test_only_numbers_become_names(written: str, name: str) -> None:
    tree = Tree.empty("names")
    tree.add_activation("", (1, 2))
    tree.tensors[0].name = written.encode()  # as in a file that was read
    put_names(tree, NAMES)
    assert tree.tensors[0].name.decode() == name
