"""Which operators the emulated computer counts as one."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from tools.emulation.executed_program import chains


def test_a_chain_goes_from_a_convolution_to_the_next_signs() -> None:
    graph = ModelBundle.load(registry.resolve("compactfacenet-qb")).graph
    found = list(chains(graph))
    assert Counter(tuple(row.name for row in chain) for chain in found) == {
        ("LceBconv2d", "ADD", "PRELU", "ADD", "LceQuantize"): 21,
        ("LceBconv2d", "ADD", "PRELU"): 3,
    }
    for chain in found:
        for one, other in pairwise(chain):
            assert one.outputs[0].index in [row.index for row in other.inputs if row is not None]
    indices = [row.index for chain in found for row in chain]
    assert len(indices) == len(set(indices))
