"""Operators of the runtime that the delegate takes over: every byte is the runtime's own.

A network is a chain of MUL, ADD, PRELU and activations with an LceQuantize at its end or on the
way. The oracle is the same network without that operator, run by TensorFlow Lite's own kernels;
signs are taken with NumPy.
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

KINDS = ("MUL", "ADD", "PRELU", "RELU", "RELU6")
ACTIVATIONS = (
    schema.ActivationFunctionType.NONE,
    schema.ActivationFunctionType.RELU,
    schema.ActivationFunctionType.RELU6,
)


@dataclass(frozen=True)
class Step:
    """An operator of the chain.

    Attributes:
        kind: Its name.
        scalar: Whether it has one constant for all channels.
        first: Whether the constant is the first input, where the order does not matter.
        activation: What is fused into a MUL or an ADD.
    """

    kind: str
    scalar: bool = False
    first: bool = False
    activation: int = 0


@dataclass(frozen=True)
class Network:
    """A chain for images of a shape.

    Attributes:
        shape: Of the image.
        steps: The operators.
        kept: Operators whose results are outputs, too.
        seed: Of the constants and the image.
    """

    shape: tuple[int, ...]
    steps: tuple[Step, ...]
    kept: frozenset[int]
    seed: int

    def image(self) -> np.ndarray:
        """Floats of both signs and both zeros."""
        values = np.random.default_rng(self.seed).integers(-64, 65, self.shape) / np.float32(16)
        values = values.astype(np.float32)
        values[values == 2] = -0.0
        return values

    def file(self, *, signs: bool) -> bytes:
        """The network; with ``signs`` the last tensor is quantized, and dequantized to leave."""
        random = np.random.default_rng(self.seed + 1)
        tree = Tree.empty("a chain")
        last = tree.add_activation("image", self.shape)
        tree.inputs = [last]
        outputs = []
        for number, step in enumerate(self.steps):
            inputs = [last]
            if step.kind in ("MUL", "ADD", "PRELU"):
                count = 1 if step.scalar else self.shape[-1]
                values = random.integers(-24, 25, count) / np.float32(7)
                shape = (1, 1, count) if step.kind == "PRELU" else (count,)
                constant = values.astype(np.float32).reshape(shape)
                inputs.append(tree.add_constant(f"constant_{number}", constant))
            if step.first and step.kind in ("MUL", "ADD"):
                inputs.reverse()
            last = tree.add_activation(f"step_{number}", self.shape)
            operator = schema.OperatorT(tree.code(step.kind), inputs, [last])
            if step.kind in ("MUL", "ADD"):
                name = f"{step.kind.title()}Options"
                operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
                operator.builtinOptions = getattr(schema, f"{name}T")()
                operator.builtinOptions.fusedActivationFunction = step.activation
            tree.operators.append(operator)
            if number in self.kept:
                outputs.append(last)
        if signs:
            words = (*self.shape[:-1], -(-self.shape[-1] // 32))
            bits = tree.add_activation("bits", words)
            tree.tensors[bits].type = schema.TensorType.INT32
            result = tree.add_activation("signs", self.shape)
            options = np.frombuffer(flexbuffers.Dumps({}), np.uint8)
            for kind, source, target in (
                ("LceQuantize", last, bits),
                ("LceDequantize", bits, result),
            ):
                tree.operators.append(
                    schema.OperatorT(tree.code(kind), [source], [target], customOptions=options)
                )
            last = result
        tree.outputs = [*outputs, last]
        return tree.to_bytes()


def outputs_of(content: bytes, image: np.ndarray, **options: object) -> list[np.ndarray]:
    interpreter = Interpreter(model_content=content, num_threads=1, **options)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(row["index"]) for row in interpreter.get_output_details()]


def check(network: Network, library: Path) -> None:
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    image = network.image()
    *kept, last = outputs_of(network.file(signs=False), image, experimental_op_resolver_type=plain)
    content = network.file(signs=True)
    *stored, signs = outputs_of(
        content, image, experimental_delegates=[load_delegate(str(library))]
    )
    assert [row.tobytes() for row in stored] == [row.tobytes() for row in kept]
    np.testing.assert_array_equal(signs, np.where(last < 0, -1, 1))


def steps(kinds: tuple[str, ...] = KINDS) -> st.SearchStrategy[Step]:
    return st.builds(
        Step, st.sampled_from(kinds), st.booleans(), st.booleans(), st.sampled_from(ACTIVATIONS)
    )


@st.composite
def networks(draw: st.DrawFn) -> Network:
    shape = draw(
        st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 6), st.integers(1, 100))
    )
    chain = draw(st.lists(steps(), min_size=1, max_size=6))
    kept = draw(st.frozensets(st.integers(0, len(chain) - 1), max_size=2))
    return Network(shape, tuple(chain), kept, draw(st.integers(0, 2**16)))


@settings(max_examples=60, deadline=None)
@given(networks())
def test_a_chain_computes_what_the_runtime_computes(network: Network) -> None:
    check(network, library_path())


@pytest.mark.parametrize("path", PATHS)
def test_on_every_kernel_path(path: str, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORCED_PATH, path)
    chain = (Step("PRELU"), Step("MUL", activation=3), Step("ADD", scalar=True, first=True))
    for channels in (1, 31, 32, 33, 96, 100):
        check(Network((2, 3, 5, channels), chain, frozenset({0}), channels), library)


def test_batch_normalisation_and_sign_are_one_partition(library: Path) -> None:
    network = Network((1, 4, 4, 64), (Step("MUL"), Step("ADD")), frozenset(), 3)
    interpreter = Interpreter(
        model_content=network.file(signs=True),
        experimental_delegates=[load_delegate(str(library))],
    )
    interpreter.allocate_tensors()
    (partition,) = (row for row in interpreter._get_ops_details() if row["op_name"] == "DELEGATE")
    assert interpreter.get_input_details()[0]["index"] in partition["inputs"]
    assert list(partition["outputs"]) == [interpreter.get_output_details()[0]["index"]]
