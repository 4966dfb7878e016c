"""What :mod:`tools.emulation.executed` runs on the emulated computer: stages, operators, chains.

It asks for its parent's number before and after each of them, which QEMU's plugin answers with a
line of its own, and prints their names as JSON at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator

from facesdk.bench.network_part import part, single
from facesdk.bench.pipeline import collage
from facesdk.engine import FaceEngine
from facesdk.errors import ModelError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.recognition.matching import compare
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.operator_library import describe_library
from facesdk.tflite import macs
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.graph import Graph, Operator, Tensor

CONVOLUTION, SIGNS = "LceBconv2d", "LceQuantize"
CHAINED = frozenset({"ADD", "MUL", "PRELU", "RELU", "RELU6", "RELU_N1_TO_1", SIGNS})
WARM_UP = 2
MIN_FACE = 60


def main(kinds: list[str], model: str) -> None:
    rows: list[dict[str, object]] = []

    def count(call: Callable[[], object], **row: object) -> None:
        for _ in range(WARM_UP):
            call()
        os.getppid()
        call()
        os.getppid()
        rows.append(row)

    count(lambda: None, kind="nothing", name="the call itself")
    if "stages" in kinds:
        _count_stages(count)
    bundle = ModelBundle.load(registry.resolve(model), trust=True)  # no probe runs in QEMU
    network = Interpreter(bundle, threads=1)
    network.fill(*random_inputs(network))
    count(network.invoke, kind="network", name=model, path=describe_library().isa)
    if "operators" in kinds:
        for operator in bundle.graph.operators:
            try:
                alone = single(bundle, bundle.graph, operator, 1)
            except (FlatbufferError, ModelError):
                continue
            multiplied = macs.multiplied(operator)
            count(
                alone.invoke,
                kind="operator",
                name=operator.name,
                index=operator.index,
                shape="x".join(map(str, operator.outputs[0].shape)),
                macs=multiplied.count,
                width=multiplied.width,
            )
    if "chains" in kinds:
        for chain in chains(bundle.graph):
            together = part(bundle, bundle.graph, [row.index for row in chain], 1)
            count(
                together.invoke,
                kind="chain",
                name=" + ".join(row.name for row in chain),
                index=chain[0].index,
                shape="x".join(map(str, chain[0].outputs[0].shape)),
                operators=[row.index for row in chain],
            )
    json.dump(rows, sys.stdout)


def chains(graph: Graph) -> Iterator[list[Operator]]:
    """Each binary convolution with what goes on with its result alone, to the next signs."""
    for convolution in graph.operators:
        if convolution.name != CONVOLUTION:
            continue
        chain = [convolution]
        while chain[-1].name != SIGNS:
            result = chain[-1].outputs[0].index
            readers = [row for row in graph.operators if result in map(_index, row.inputs)]
            after = [row for row in readers if row.name in CHAINED and row not in chain]
            if not after:
                break
            chain.append(after[0])
        if len(chain) > 1:
            yield chain


def _index(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.index


def _count_stages(count: Callable[..., None]) -> None:
    engine = FaceEngine.load(min_face=MIN_FACE)
    image = collage(640, 480, 1, engine)
    (face,) = engine.detect(image).faces
    crop = engine.align(image, face)
    embedding = engine.embed_aligned(crop)
    count(lambda: engine.detect(image), kind="stage", name="detect")
    count(lambda: engine.align(image, face), kind="stage", name="align")
    count(lambda: engine.embed_aligned(crop), kind="stage", name="embed")
    count(lambda: compare(embedding, embedding, threshold=0.5), kind="stage", name="match")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", help="stages, operators, chains")
    parser.add_argument("--model", default=registry.DEFAULT_RECOGNIZER, help="whose operators")
    arguments = parser.parse_args()
    main(arguments.kinds, arguments.model)
