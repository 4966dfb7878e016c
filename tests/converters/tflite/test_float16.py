"""Weights stored as float16: their numbers, what is left in float32, and what runtimes compute."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from converters import networks
from facesdk.models.bundle import ModelBundle
from facesdk.tflite import macs, weights
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.targets.lce import target as lce
from facesdk_converters.tflite.chain import Chain
from facesdk_converters.tflite.float16 import (
    LARGEST,
    LEAST,
    kept_by,
    stored,
    why_float32,
    widened,
)
from facesdk_converters.tflite.tree import Tree
from runtimes import RUNTIMES

tf = networks.tf
layers = tf.keras.layers
FILTERS, TAPS = 16, 32
RUN = """
import sys, numpy as np
from {module}.interpreter import Interpreter, OpResolverType
from facesdk import load_ops
plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
for options in ({{}}, {{"experimental_op_resolver_type": plain}}):
    outputs = []
    for path in sys.argv[1:]:
        runtime = Interpreter(path, experimental_delegates=[load_ops()], **options)
        runtime.allocate_tensors()
        source = runtime.get_input_details()[0]
        rng = np.random.default_rng(3)
        for _ in range(2):
            values = rng.uniform(-1, 1, source["shape"]).astype(np.float32)
            runtime.set_tensor(source["index"], values)
            runtime.invoke()
            rows = runtime.get_output_details()
            outputs.append(b"".join(runtime.get_tensor(row["index"]).tobytes() for row in rows))
    assert outputs[:2] == outputs[2:] and outputs[0] != outputs[1]
"""


def dense(matrix: np.ndarray) -> ModelBundle:
    """A dense layer; its rows are filters."""
    chain = Chain("x", (1, 1, 1, matrix.shape[1]), (0,), description="a dense layer")
    chain.dense(matrix.T, np.zeros(len(matrix)))
    return ModelBundle.from_bytes(chain.to_bytes(), "dense")


def kernel_of(bundle: ModelBundle) -> np.ndarray:
    """The weights of the only layer, as they are stored."""
    (operator,) = (row for row in bundle.graph.working if row.weights is not None)
    return weights.array(operator.weights)


numbers = (
    st.floats(width=32)
    | st.floats(-(2.0**-13), 2.0**-13, width=32)
    | st.floats(-(2.0**17), 2.0**17, width=32)
)


@settings(deadline=None)
@given(arrays(np.float32, (FILTERS, TAPS), elements=numbers, fill=st.floats(-2, 2, width=32)))
@example(np.full((FILTERS, TAPS), 65504, np.float32))
@example(np.full((FILTERS, TAPS), 65505, np.float32))
@example(np.full((FILTERS, TAPS), 1 + 2**-11, np.float32))
@example(np.full((FILTERS, TAPS), 1 + 3 * 2**-11, np.float32))
@example(np.full((FILTERS, TAPS), 2**-14, np.float32))
@example(np.full((FILTERS, TAPS), 2**-14 - 2**-25, np.float32))
@example(np.full((FILTERS, TAPS), 2**-24, np.float32))
@example(np.full((FILTERS, TAPS), 1e-8, np.float32))
@example(np.full((FILTERS, TAPS), np.nan, np.float32))
@example(np.full((FILTERS, TAPS), -np.inf, np.float32))
@example(np.full((FILTERS, TAPS), -0.0, np.float32))
def test_what_is_stored_is_the_nearest_float16_or_the_float32(matrix: np.ndarray) -> None:
    """Python's own rounding is the oracle: ``struct``'s format ``e``."""
    kernel = kernel_of(stored(dense(matrix)))
    if kernel.dtype == np.float32:
        assert kernel.tobytes() == matrix.tobytes()
        assert why_float32("FULLY_CONNECTED", matrix)
        return
    assert kernel.tobytes() == struct.pack(f"<{matrix.size}e", *matrix.reshape(-1).tolist())
    exact = matrix.astype(np.float64)
    moved = np.linalg.norm(kernel - exact, axis=1)
    assert (moved <= 2**-10 * np.linalg.norm(exact, axis=1)).all()
    assert np.abs(matrix).max() <= LARGEST


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.full((FILTERS, LEAST // FILTERS), 65504), ""),
        (
            np.full((FILTERS, LEAST // FILTERS), 65505),
            "a weight of magnitude 65505 is beyond float16's range",
        ),
        (
            np.full((FILTERS, LEAST // FILTERS), np.inf),
            "a weight of magnitude inf is beyond float16's range",
        ),
        (
            np.full((FILTERS, LEAST // FILTERS), np.nan),
            "a weight of magnitude nan is beyond float16's range",
        ),
        (np.full((FILTERS, LEAST // FILTERS - 1), 1), "fewer than 256 weights"),
        (
            np.full((FILTERS, LEAST // FILTERS), 1.3e-7),
            "filter 0 is of numbers so small that float16 would",
        ),
        (np.repeat([*[[1.0]] * 15, [1.3e-7]], LEAST, 1), "filter 15 is of numbers so small"),
        (np.tile([1.0, 1.3e-7], (FILTERS, LEAST)), ""),
        (np.zeros((FILTERS, LEAST // FILTERS)), ""),
    ],
)
def test_weights_stay_float32_for_a_reason(matrix: np.ndarray, reason: str) -> None:
    values = matrix.astype(np.float32)
    assert why_float32("FULLY_CONNECTED", values).startswith(reason)
    assert bool(why_float32("FULLY_CONNECTED", values)) == bool(reason)
    assert (kernel_of(stored(dense(values))).dtype == np.float32) == bool(reason)


def test_filters_of_a_depthwise_convolution_lie_along_its_last_axis() -> None:
    values = np.ones((1, 4, 4, 16), np.float32)
    values[..., 3] = 1.3e-7
    assert why_float32("DEPTHWISE_CONV_2D", values).startswith("filter 3 is of")
    assert why_float32("CONV_2D", values) == "", "there the small ones are among large ones"


def of_all_kinds() -> ModelBundle:
    """Layers with weights of every kind, between signs of the kind that LCE converts too."""
    network = tf.keras.Sequential(
        [
            layers.Input((12, 12, 4), batch_size=1),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.PReLU(shared_axes=[1, 2]),
            networks.lq.layers.QuantConv2D(32, 3, padding="same", **networks.BINARY),
            layers.BatchNormalization(),
            layers.Conv2D(32, 1),
            layers.Conv2DTranspose(16, 3, strides=2),
            layers.Flatten(),
            layers.Dense(20),
        ]
    )
    return lce.convert_keras(KerasNetwork(networks.look_trained(network)))


def rounded(bundle: ModelBundle) -> bytes:
    """The file with float32 weights that NumPy rounded."""
    tree = Tree.of(bundle)
    for operator in tree.operators:
        if tree.kind(operator).endswith(("CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")):
            tensor = int(operator.inputs[1])
            tree.set_constant(tensor, tree.values(tensor).astype(np.float16).astype(np.float32))
    tree.compact()
    return tree.to_bytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A network with rounded weights, in float32 and in float16."""
    folder = tmp_path_factory.mktemp("files")
    single = of_all_kinds()
    (folder / "single.tflite").write_bytes(rounded(single))
    (folder / "half.tflite").write_bytes(stored(single).content)
    return folder / "single.tflite", folder / "half.tflite"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_computes_the_same_bits_as_with_rounded_float32_weights(
    runtime: str, files: tuple[Path, Path]
) -> None:
    """With XNNPACK and without it, beside the operator library."""
    module = {"litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}[runtime]
    pytest.importorskip(module)
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(module=module), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_weights_of_all_kinds_are_stored_and_nothing_else(files: tuple[Path, Path]) -> None:
    single, half = (ModelBundle.load(path).graph for path in files)
    kinds = {row.name: row.weights.dtype for row in half.working if row.weights is not None}
    assert kinds == {
        "CONV_2D": "float16",
        "DEPTHWISE_CONV_2D": "float16",
        "LceBconv2d": "int32",
        "TRANSPOSE_CONV": "float16",
        "FULLY_CONNECTED": "float16",
    }
    for one, other in zip(single.working, half.working, strict=True):
        for place, (first, second) in enumerate(zip(one.stored, other.stored, strict=True)):
            if first is not None and first.constant and (place != 1 or one.name not in kinds):
                assert (first.dtype, first.data) == (second.dtype, second.data), one.name
        assert macs.stored(one).count == macs.stored(other).count
        assert macs.multiplied(one) == macs.multiplied(other)
    widened = [row for row in half.operators if row.widens_constant]
    assert [row.index for row in widened] == list(range(5)), "they come first, each once"
    saved = single.file_bytes - half.file_bytes
    halves = sum(len(row.stored[0].data) for row in widened)
    assert 0 < halves - saved < 150 * len(widened)


def test_widened_weights_are_those_that_numpy_rounded(files: tuple[Path, Path]) -> None:
    single, half = map(ModelBundle.load, files)
    wide = widened(half).graph
    for one, other in zip(single.graph.operators, wide.operators, strict=True):
        assert (one.name, one.options) == (other.name, other.options)
        for first, second in zip(one.stored, other.stored, strict=True):
            assert (first and (first.text, first.data)) == (second and (second.text, second.data))
    assert widened(single) is single


def test_of_the_head_only_weights_that_no_sign_follows_are_stored() -> None:
    single = of_all_kinds()
    half = stored(single, "head").graph
    kinds = [(row.name, row.weights.dtype) for row in half.working if row.weights is not None]
    assert kinds == [
        ("CONV_2D", "float32"),
        ("DEPTHWISE_CONV_2D", "float32"),
        ("LceBconv2d", "int32"),
        ("CONV_2D", "float16"),
        ("TRANSPOSE_CONV", "float16"),
        ("FULLY_CONNECTED", "float16"),
    ]
    kept = kept_by(single.graph, "head")
    for one, other in zip(single.graph.working, half.working, strict=True):
        if one.index in kept:
            before, after = ([row and row.data for row in op.stored] for op in (one, other))
            assert before == after
    assert kept_by(single.graph, "all") == frozenset()


def branching(sign: str) -> ModelBundle:
    """A dense layer that is added to the next one's signs, and a third that reads the sum."""
    chain = Chain("x", (1, 1, 1, 32), (0,), description="branches")
    for seed in range(3):
        chain.dense(np.random.default_rng(seed).normal(0, 0.2, (32, 32)), np.zeros(32))
    tree = Tree.of(ModelBundle.from_bytes(chain.to_bytes(), "branching"))
    first, second, third = tree.operators
    shape = tree.shape(int(first.outputs[0]))
    signs, total = tree.add_activation("signs", shape), tree.add_activation("total", shape)
    taking = type(first)(tree.code(sign), list(second.outputs), [signs])
    addition = type(first)(tree.code("ADD"), [signs, int(first.outputs[0])], [total])
    third.inputs = [total, *third.inputs[1:]]
    tree.operators = [first, second, taking, addition, third]
    tree.compact()
    return ModelBundle.from_bytes(tree.to_bytes(), "branching")


@pytest.mark.parametrize(("sign", "kept"), [("SIGN", {0, 1}), ("ABS", set())])
def test_a_layer_is_of_the_head_if_no_path_of_it_leads_to_a_sign(sign: str, kept: set[int]) -> None:
    """The first layer reaches the sign through the second, and the output beside it."""
    single = branching(sign)
    assert kept_by(single.graph, "head") == kept
    whole, head = stored(single), stored(single, "head")
    assert (head.content == whole.content) == (not kept)


def test_weights_that_a_layer_before_a_sign_shares_stay_as_they_are() -> None:
    tree = Tree.of(branching("SIGN"))
    first, *_, last = tree.operators
    last.inputs = [int(last.inputs[0]), int(first.inputs[1]), int(last.inputs[2])]
    tree.compact()
    single = ModelBundle.from_bytes(tree.to_bytes(), "shared")
    assert stored(single, "head").content == single.content


def sharing(*, elsewhere: bool) -> ModelBundle:
    """Two dense layers of the same weights, which may also be added to something."""
    chain = Chain("x", (1, 1, 1, 32), (0,), description="shared weights")
    for _ in range(2):
        chain.dense(np.random.default_rng(1).normal(0, 0.2, (32, 32)), np.zeros(32))
    tree = Tree.of(ModelBundle.from_bytes(chain.to_bytes(), "sharing"))
    first, second = tree.operators
    second.inputs = [int(second.inputs[0]), int(first.inputs[1]), int(second.inputs[2])]
    if elsewhere:
        total = tree.add_activation("total", (32, 32))
        added = tree.tensors[int(first.inputs[1])]
        addition = type(first)(tree.code("ADD"), [tree.outputs[0], int(first.inputs[1])], [total])
        tree.operators = [first, second, addition]
        tree.outputs = [total]
        assert list(added.shape) == [32, 32]
    tree.compact()
    return ModelBundle.from_bytes(tree.to_bytes(), "sharing")


def test_shared_weights_are_stored_once() -> None:
    half = stored(sharing(elsewhere=False)).graph
    assert [row.name for row in half.operators] == ["DEQUANTIZE", *2 * ["FULLY_CONNECTED"]]
    assert sum(len(row.data) for row in half.tensors if row.dtype == "float16") == 2 * 32 * 32
    assert not [row for row in half.tensors if row.constant and row.shape == (32, 32)][1:]


def test_weights_that_something_else_reads_stay_as_they_are() -> None:
    single = sharing(elsewhere=True)
    assert stored(single).content == single.content


def test_storing_again_changes_nothing(files: tuple[Path, Path]) -> None:
    half = ModelBundle.load(files[1])
    assert stored(half).content == half.content


def test_a_network_without_float_weights_stays_as_it_is() -> None:
    chain = Chain("x", (1, 4, 4, 3), (0,), description="a pool")
    chain.max_pool(2, 2, "valid")
    bundle = ModelBundle.from_bytes(chain.to_bytes(), "pool")
    assert stored(bundle).content == bundle.content
