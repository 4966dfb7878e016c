"""Operators cut out of a model give the same results."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.bench.network_part import single
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.cut import cut
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.graph import read_graph
from facesdk.tflite.verifier import verify
from native.support.lce_graph import Model


@pytest.fixture(scope="module")
def onet() -> ModelBundle:
    return ModelBundle.load(registry.resolve("mtcnn-onet"))


def test_every_operator_alone_gives_what_it_gives_in_the_network(onet: ModelBundle) -> None:
    graph = onet.graph
    image, result = graph.inputs[0].index, graph.outputs[0].index
    values = {image: np.random.default_rng(1).normal(size=(1, 48, 48, 3)).astype("f4")}
    for operator in graph.operators:
        alone = single(onet, graph, operator, 1)
        assert operator.data is not None
        values[operator.outputs[0].index] = alone.run(values[operator.data.index])[0]
    whole = Interpreter(onet).run(values[image])[0]
    np.testing.assert_allclose(values[result], whole, rtol=1e-4, atol=1e-5)


def test_a_cut_through_bits() -> None:
    model = Model(1, 8, 8, 64, 32, (3, 3))
    bundle = ModelBundle.from_bytes(model.to_bytes(), "bits")
    graph = bundle.graph
    quantize, convolve = graph.operators
    bits = single(bundle, graph, quantize, 1).run(model.image())[0]
    alone = single(bundle, graph, convolve, 1).run(bits)[0]
    assert alone.tobytes() == Interpreter(bundle).run(model.image())[0].tobytes()


def test_a_cut_leaves_signatures_out_and_the_model_as_it_was(onet: ModelBundle) -> None:
    before = bytes(onet.content)
    operator = onet.graph.operators[3]
    given, results = [operator.inputs[0].index], [operator.outputs[0].index]
    part = cut(onet.root, [3], given, results)
    graph = read_graph(verify(part.data))
    assert graph == read_graph(part)
    assert onet.content == before
    assert [row.name for row in graph.operators] == [operator.name]
    assert (graph.inputs, graph.outputs) == (operator.inputs[:1], operator.outputs)


def test_a_cut_that_nothing_fills_is_refused(onet: ModelBundle) -> None:
    last = onet.graph.operators[-1]
    given, results = [onet.graph.inputs[0].index], [last.outputs[0].index]
    with pytest.raises(FlatbufferError, match="before it is written"):
        cut(onet.root, [last.index], given, results)
