"""Concatenations and slices of channels that the delegate takes over, to the byte.

A network begins with LceQuantize and LceDequantize, so that what follows stands beside operators of
ours, and goes on with operators by channel, concatenations and slices, each of any earlier results.
The oracle is the same network without the first two, which TensorFlow Lite's own kernels compute
from the signs of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType, load_delegate
from flatbuffers import flexbuffers
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.runtime.operator_library import FORCED_PATH, library_path
from facesdk_converters.tflite.tree import Tree
from native.support.workers import PATHS

MOST_CHANNELS = 200


@dataclass(frozen=True)
class Step:
    """An operator.

    Attributes:
        kind: MUL, PRELU or RELU; CONCATENATION; STRIDED_SLICE.
        sources: The results that it reads; 0 is the signs, and one that does not exist the last.
        cut: Of a slice: first and last channel as shares of 100.
        leaves: Whether the result is an output of the network.
    """

    kind: str
    sources: tuple[int, ...]
    cut: tuple[int, int] = (0, 100)
    leaves: bool = False


@dataclass(frozen=True)
class Network:
    """A network for images of a shape, NHWC."""

    shape: tuple[int, int, int, int]
    steps: tuple[Step, ...]
    seed: int

    def image(self, batch: int) -> np.ndarray:
        """Float32 of both signs."""
        shape = (batch, *self.shape[1:])
        return np.random.default_rng(self.seed).normal(0, 1, shape).astype(np.float32)

    def file(self, *, signs: bool) -> bytes:
        """The network; with ``signs`` it takes the signs of its image itself."""
        tree = Tree.empty("columns")
        results = [tree.add_activation("image", self.shape)]
        tree.inputs = [results[0]]
        if signs:
            results = [_signs(tree, results[0], self.shape)]
        random = np.random.default_rng(self.seed + 1)
        for step in self.steps:
            sources = [results[min(source, len(results) - 1)] for source in step.sources]
            made = _append(tree, step, sources, random)
            if made is None:
                continue
            results.append(made)
            if step.leaves:
                tree.outputs.append(made)
        if results[-1] not in tree.outputs:
            tree.outputs.append(results[-1])
        return tree.to_bytes()


def _signs(tree: Tree, image: int, shape: tuple[int, ...]) -> int:
    bits = tree.add_activation("bits", (*shape[:-1], -(-shape[-1] // 32)))
    tree.tensors[bits].type = schema.TensorType.INT32
    result = tree.add_activation("signs", shape)
    options = np.frombuffer(flexbuffers.Dumps({}), np.uint8)
    for kind, source, target in (("LceQuantize", image, bits), ("LceDequantize", bits, result)):
        tree.operators.append(
            schema.OperatorT(tree.code(kind), [source], [target], customOptions=options)
        )
    return result


def _append(tree: Tree, step: Step, sources: list[int], random: np.random.Generator) -> int | None:
    """The tensor of a step's result; None if it would have too many channels, or none."""
    shapes = [tuple(tree.tensors[source].shape) for source in sources]
    *rows, channels = shapes[0]
    operator = schema.OperatorT(tree.code(step.kind), sources[:1])
    if step.kind == "CONCATENATION":
        channels = sum(shape[-1] for shape in shapes)
        operator.inputs = sources
        operator.builtinOptions = schema.ConcatenationOptionsT()
        operator.builtinOptions.axis = 3
        operator.builtinOptionsType = schema.BuiltinOptions.ConcatenationOptions
    elif step.kind == "STRIDED_SLICE":
        first, last = (channels * share // 100 for share in step.cut)
        channels = last - first
        begin, end = np.array([0, 0, 0, first]), np.array([0, 0, 0, last])
        for name, numbers in (("begin", begin), ("end", end), ("strides", np.ones(4))):
            constant = tree.add_constant(f"{name}_{len(tree.tensors)}", numbers.astype(np.int32))
            operator.inputs.append(constant)
        operator.builtinOptions = schema.StridedSliceOptionsT()
        operator.builtinOptions.beginMask = operator.builtinOptions.endMask = 7
        operator.builtinOptionsType = schema.BuiltinOptions.StridedSliceOptions
    elif step.kind != "RELU":
        factors = random.normal(0, 1, (1, 1, channels) if step.kind == "PRELU" else channels)
        constant = tree.add_constant(f"factors_{len(tree.tensors)}", factors.astype(np.float32))
        operator.inputs = [sources[0], constant]
    if step.kind == "MUL":
        operator.builtinOptions = schema.MulOptionsT()
        operator.builtinOptionsType = schema.BuiltinOptions.MulOptions
    if not 1 <= channels <= MOST_CHANNELS:
        return None
    result = tree.add_activation(f"{step.kind}_{len(tree.tensors)}", (*rows, channels))
    operator.outputs = [result]
    tree.operators.append(operator)
    return result


def outputs_of(interpreter: Interpreter, image: np.ndarray) -> list[bytes]:
    source = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(source["index"], image.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], image)
    interpreter.invoke()
    rows = sorted(interpreter.get_output_details(), key=lambda row: row["name"])
    return [interpreter.get_tensor(row["index"]).tobytes() for row in rows]


def check(network: Network, library: Path) -> None:
    plain = Interpreter(
        model_content=network.file(signs=False),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    ours = Interpreter(
        model_content=network.file(signs=True),
        experimental_delegates=[load_delegate(str(library))],
    )
    for batch in (network.shape[0], network.shape[0] + 1):
        image = network.image(batch)
        signs = np.where(image < 0, np.float32(-1), np.float32(1))
        assert outputs_of(ours, image) == outputs_of(plain, signs)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    side, channels = st.integers(1, 4), st.integers(1, 70)
    shape = (draw(st.integers(1, 2)), draw(side), draw(side), draw(channels))
    source = st.integers(0, 9)
    by_channel = st.builds(
        Step,
        st.sampled_from(("MUL", "PRELU", "RELU")),
        st.tuples(source),
        leaves=st.booleans(),
    )
    concatenation = st.builds(
        Step,
        st.just("CONCATENATION"),
        st.lists(source, min_size=2, max_size=6).map(tuple),
        leaves=st.booleans(),
    )
    cut = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda pair: tuple(sorted(pair)))
    cut_out = st.builds(Step, st.just("STRIDED_SLICE"), st.tuples(source), cut, st.booleans())
    steps = draw(st.lists(by_channel | concatenation | cut_out, min_size=1, max_size=10))
    return Network(shape, tuple(steps), draw(st.integers(0, 2**16)))


@settings(max_examples=100, deadline=None)
@given(networks())
def test_columns_are_what_the_runtime_computes(network: Network) -> None:
    check(network, library_path())


BLOCK = (
    Step("MUL", (0,)),
    Step("CONCATENATION", (0, 1)),
    Step("PRELU", (2,)),
    Step("CONCATENATION", (2, 3), leaves=True),
    Step("STRIDED_SLICE", (4,), (25, 75)),
    Step("RELU", (5,)),
    Step("CONCATENATION", (5, 6, 4)),
)
"""Layers that each add channels to those before them, and a part of the last."""


@pytest.mark.parametrize("path", PATHS)
def test_on_every_kernel_path(path: str, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORCED_PATH, path)
    for channels in (1, 9, 16, 21):
        check(Network((2, 3, 5, channels), BLOCK, channels), library)


def test_a_block_is_one_partition(library: Path) -> None:
    interpreter = Interpreter(
        model_content=Network((1, 4, 4, 16), BLOCK, 3).file(signs=True),
        experimental_delegates=[load_delegate(str(library))],
    )
    interpreter.allocate_tensors()
    kinds = [row["op_name"] for row in interpreter._get_ops_details()]
    assert kinds.count("DELEGATE") == 1
    (partition,) = (row for row in interpreter._get_ops_details() if row["op_name"] == "DELEGATE")
    assert set(partition["outputs"]) == {row["index"] for row in interpreter.get_output_details()}
