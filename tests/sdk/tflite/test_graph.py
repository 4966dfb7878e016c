"""The reader of graphs against the classes that flatc made of TensorFlow Lite's schema."""

from __future__ import annotations

import random
from contextlib import suppress

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import FaceSDKError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.description import describe
from facesdk.tflite import weights
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.graph import PACKED, Graph, Tensor, custom_operators, read_graph
from facesdk.tflite.verifier import verify
from native.support.binary_graph import BinaryModel
from native.support.lce_graph import BITS, Model, Pool
from sdk.tflite.models import file_of, widened_convolution

NAMES = {c: n for n, c in vars(schema.BuiltinOperator).items() if isinstance(c, int)}
TYPES = {c: n.lower() for n, c in vars(schema.TensorType).items() if isinstance(c, int)}
BINARY = registry.resolve(registry.DEFAULT_RECOGNIZER).read_bytes()
FILES = {
    **{name: registry.resolve(name).read_bytes() for name in ("mtcnn-pnet", "mtcnn-onet")},
    "recogniser": BINARY,
    "bits": Model(2, 8, 8, 40, 72, (3, 3), output=BITS, pool=Pool((2, 2), (2, 2), 0)).to_bytes(),
    "dense": BinaryModel(2, 6, 5, 40, 9, dense=True, activation_bits=8, bias=False).to_bytes(),
    "widened": widened_convolution(2, "INT4"),
}


def read(content: bytes) -> Graph:
    return read_graph(verify(content))


def indices(row: tuple[Tensor | None, ...]) -> list[int]:
    return [-1 if tensor is None else tensor.index for tensor in row]


@pytest.mark.parametrize("name", FILES)
def test_tensors_are_those_of_the_schema_classes(name: str) -> None:
    graph, tree = read(FILES[name]), schema.ModelT.InitFromPackedBuf(FILES[name])
    expected = tree.subgraphs[0]
    assert len(graph.tensors) == len(expected.tensors)
    for number, (tensor, row) in enumerate(zip(graph.tensors, expected.tensors, strict=True)):
        data = tree.buffers[row.buffer].data
        assert tensor.index == number
        assert tensor.buffer == row.buffer
        assert tensor.name == row.name.decode()
        assert bytes(tensor.data) == (b"" if data is None else data.tobytes())
        assert tensor.constant == (data is not None)
        if tensor.dtype == PACKED:
            assert (tensor.bits, TYPES[row.type]) == (1, "int32")
            assert tensor.shape[:-1] == tuple(row.shape[:-1])
            assert -(-tensor.shape[-1] // 32) == row.shape[-1]
            assert tensor.size == 4 * np.prod(row.shape)
        else:
            assert tensor.dtype == TYPES[row.type]
            assert tensor.shape == tuple(() if row.shape is None else row.shape)


@pytest.mark.parametrize("name", FILES)
def test_operators_are_those_of_the_schema_classes(name: str) -> None:
    graph, tree = read(FILES[name]), schema.ModelT.InitFromPackedBuf(FILES[name])
    expected = tree.subgraphs[0]
    assert [row.index for row in graph.inputs] == list(expected.inputs)
    assert [row.index for row in graph.outputs] == list(expected.outputs)
    assert graph.file_bytes == len(FILES[name])
    assert graph.subgraphs == 1
    metadata = [tree.buffers[entry.buffer].data for entry in tree.metadata or []]
    assert graph.metadata_bytes == sum(len(data) for data in metadata)
    assert len(graph.operators) == len(expected.operators)
    for operator, row in zip(graph.operators, expected.operators, strict=True):
        code = tree.operatorCodes[row.opcodeIndex]
        builtin = NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
        assert operator.name == (code.customCode.decode() if builtin == "CUSTOM" else builtin)
        assert indices(operator.inputs) == list(row.inputs)
        assert indices(operator.outputs) == list(row.outputs)
        if row.customOptions is not None and len(row.customOptions):
            assert operator.options == flexbuffers.Loads(bytes(row.customOptions))


def test_bits_have_channels_not_words() -> None:
    packed = [row.shape for row in read(FILES["bits"]).tensors if row.dtype == PACKED]
    assert packed == [(2, 8, 8, 40), (2, 4, 4, 40), (2, 4, 4, 72)]


def test_constants_that_are_widened_are_found_as_they_are_stored() -> None:
    graph = read(FILES["widened"])
    widen, convolve = graph.operators
    assert widen.widens_constant
    assert graph.working == (convolve,)
    assert convolve.inputs[1] is not None and convolve.weights is not None
    assert (convolve.inputs[1].name, convolve.inputs[1].constant) == ("widened", False)
    assert (convolve.weights.name, convolve.weights.dtype) == ("weights", "int4")
    assert (convolve.weight_bits, convolve.weight_count) == (4, 8 * 3 * 3 * 2)
    assert convolve.data is not None and convolve.data.name == "image"


@pytest.mark.parametrize("groups", [1, 2])
def test_groups_and_signs_per_tap(groups: int) -> None:
    graph = read(Model(1, 8, 8, 64, 8, (3, 3), groups=groups).to_bytes())
    convolve = next(row for row in graph.operators if row.name == "LceBconv2d")
    assert (convolve.groups, convolve.group_channels) == (groups, 64 // groups)
    assert convolve.weight_count == 8 * 3 * 3 * 64 // groups


def test_a_custom_operator_that_is_listed_and_not_used_is_not_needed() -> None:
    tree = schema.ModelT.InitFromPackedBuf(FILES["mtcnn-pnet"])
    custom = schema.BuiltinOperator.CUSTOM
    tree.operatorCodes.append(schema.OperatorCodeT(custom, "Unused", 1, custom))
    assert custom_operators(verify(file_of(tree))) == ()
    assert custom_operators(verify(BINARY)) == ("LceBconv2d", "LceQuantize")


def test_values_after_the_tables_are_constants_too() -> None:
    """Files over 2 GiB keep buffers after the flatbuffer, by offset and size."""
    tree = schema.ModelT.InitFromPackedBuf(FILES["widened"])
    values = tree.buffers[1].data.tobytes()
    tree.buffers[1] = schema.BufferT(offset=2, size=len(values))
    start = len(file_of(tree))
    tree.buffers[1] = schema.BufferT(offset=start, size=len(values))
    content = file_of(tree) + values
    assert len(content) == start + len(values)
    assert bytes(read(content).tensors[1].data) == values


def test_a_model_with_values_in_other_files_is_refused() -> None:
    tree = schema.ModelT.InitFromPackedBuf(FILES["widened"])
    tree.externalBufferGroups = [schema.ExternalBufferGroupT(name="/etc/passwd")]
    with pytest.raises(FlatbufferError, match="external_buffer_groups"):
        verify(file_of(tree))


def explore(content: bytes) -> None:
    """All that is read of a foreign file; only our own errors may come out."""
    with suppress(FaceSDKError):
        bundle = ModelBundle.from_bytes(content, "hostile")
        description = describe(bundle)
        assert sum(description.constants.values()) + description.other_bytes == len(content)
        for operator in bundle.graph.operators:
            with suppress(FaceSDKError):
                weights.filters(operator)


@pytest.mark.parametrize("name", ["bits", "dense", "widened"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_damaged_file_raises_our_errors_only(name: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    explore(bytes(damaged))


@pytest.mark.parametrize("name", ["bits", "dense", "widened", "mtcnn-pnet"])
def test_shapes_and_lists_that_do_not_fit_raise_our_errors_only(name: str) -> None:
    """Well-formed files whose graphs make no sense: what random damage seldom reaches."""
    rng = random.Random(7)
    for _ in range(150):
        tree = schema.ModelT.InitFromPackedBuf(FILES[name])
        graph = tree.subgraphs[0]
        for _ in range(rng.randint(1, 3)):
            tensor, operator = rng.choice(graph.tensors), rng.choice(graph.operators)
            change = rng.randrange(5)
            if change == 0:
                tensor.shape = [rng.choice([0, 1, 3, 1 << 30]) for _ in range(rng.randint(0, 5))]
            elif change == 1:
                operator.inputs = list(operator.inputs)[: rng.randint(0, 2)]
            elif change == 2:
                operator.outputs = list(operator.outputs)[: rng.randint(0, 1)]
            elif change == 3:
                tensor.type = rng.randrange(23)
            else:
                options = {"channels_in": rng.choice([-5, 0, 1, 1 << 40]), "activation_bits": -8}
                operator.customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)
        explore(file_of(tree))
