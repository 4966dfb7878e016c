"""What :mod:`tools.emulation.executed` runs on the emulated computer: each stage and each operator.

It asks for its parent's number before and after each of them, which QEMU's plugin answers with a
line of its own, and prints their names as JSON at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable

from facesdk.bench.network_part import single
from facesdk.bench.pipeline import collage
from facesdk.engine import FaceEngine
from facesdk.errors import ModelError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.recognition.matching import compare
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite import macs
from facesdk.tflite.flatbuffer import FlatbufferError

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
    count(network.invoke, kind="network", name=model)
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
    json.dump(rows, sys.stdout)


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
    parser.add_argument("kinds", nargs="*", help="stages, operators")
    parser.add_argument("--model", default=registry.DEFAULT_RECOGNIZER, help="whose operators")
    arguments = parser.parse_args()
    main(arguments.kinds, arguments.model)
