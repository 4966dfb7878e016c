"""Multiply-adds and bytes of models, counted by hand."""

from __future__ import annotations

import pytest

from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.description import describe
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.operator_events import record_operators
from facesdk.tflite import macs
from facesdk.tflite.graph import Graph
from native.support.binary_graph import BinaryModel
from native.support.lce_graph import BITS, VALID, Model
from sdk.tflite.models import widened_convolution


def graph_of(content: bytes) -> Graph:
    return ModelBundle.from_bytes(content, "model").graph


def test_a_float_networks_layers() -> None:
    graph = ModelBundle.load(registry.resolve("mtcnn-onet")).graph
    first = graph.operators[0]
    assert (first.name, macs.multiplied(first).width) == ("CONV_2D", "32x32")
    assert macs.multiplied(first).count == 46 * 46 * 32 * 3 * 3 * 3
    weights = 4 * (32 * 3 * 3 * 3 + 32)
    moved = 4 * (48 * 48 * 3 + 46 * 46 * 32) + weights
    assert macs.bytes_moved(first) == moved
    assert macs.intensity(first) == 2 * macs.multiplied(first).count / moved
    assert first.shape_text == "1x48x48x3 float32 -> 1x46x46x32 float32"
    dense = [operator for operator in graph.operators if operator.name == "FULLY_CONNECTED"]
    assert [macs.multiplied(row).count for row in dense] == [3 * 3 * 128 * 256, 256 * 16]
    totals = macs.totals(graph.operators, macs.multiplied)
    assert sum(totals.values()) == sum(macs.multiplied(row).count for row in graph.operators)
    assert macs.totals(graph.operators, macs.stored) == totals  # a batch of 1, nothing is widened


@pytest.mark.parametrize("channels", [1, 32, 40, 96])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_binary_convolutions_multiply_adds(channels: int, groups: int) -> None:
    if groups == 2:
        channels = 64
    model = Model(2, 9, 7, channels, 8, (3, 2), padding=VALID, groups=groups)
    graph = graph_of(model.to_bytes())
    operator = next(row for row in graph.operators if row.name == "LceBconv2d")
    each = 7 * 6 * 8 * 3 * 2 * (channels // groups)
    assert macs.multiplied(operator) == macs.Macs(2 * each, 1, 1)
    assert macs.stored(operator) == macs.Macs(each, 1, 1)


@pytest.mark.parametrize("bits", [0, 8])
@pytest.mark.parametrize("dense", [False, True])
def test_multiply_adds_of_one_bit_weights(bits: int, dense: bool) -> None:
    model = BinaryModel(2, 6, 5, 40, 9, (3, 2), dense=dense, activation_bits=bits)
    bundle = ModelBundle.from_bytes(model.to_bytes(), "binary")
    (operator,) = bundle.graph.operators
    rows = model.image().size // 40
    count = rows * 9 * 40 * (1 if dense else 3 * 2)
    assert macs.multiplied(operator).count == count
    assert macs.multiplied(operator).width == f"1x{bits or 32}"
    assert macs.stored(operator) == macs.Macs(count // model.image().shape[0], 1, bits or 32)
    with record_operators() as recording:
        Interpreter(bundle).invoke()
    assert [event.node for event in recording.events] == [operator.index]


def test_channels_are_followed_through_bits() -> None:
    graph = graph_of(Model(1, 8, 8, 40, 72, (3, 3), output=BITS).to_bytes())
    assert macs.totals(graph.operators, macs.multiplied) == {"1x1": 8 * 8 * 72 * 9 * 40}


@pytest.mark.parametrize(("storage", "bits"), [("INT8", 8), ("INT4", 4), ("INT2", 2)])
@pytest.mark.parametrize("batch", [1, 3])
def test_both_counts_of_weights_that_are_widened(storage: str, bits: int, batch: int) -> None:
    each = 5 * 4 * 8 * 3 * 3 * 2
    graph = graph_of(widened_convolution(batch, storage))
    assert macs.totals(graph.operators, macs.multiplied) == {"32x32": batch * each}
    assert macs.totals(graph.operators, macs.stored) == {f"{bits}x32": each}


def test_weights_that_a_kernel_takes_narrow_are_multiplied_narrow() -> None:
    graph = graph_of(widened_convolution(2, wide=False))
    each = 5 * 4 * 8 * 3 * 3 * 2
    assert macs.totals(graph.operators, macs.multiplied) == {"8x32": 2 * each}
    assert macs.totals(graph.operators, macs.stored) == {"8x32": each}


def test_a_description_names_both_counts() -> None:
    description = describe(ModelBundle.from_bytes(widened_convolution(4), "model"))
    each = 5 * 4 * 8 * 3 * 3 * 2
    assert description.macs == {"32x32": 4 * each}
    assert description.stored_macs == {"8x32": each}
    record = description.to_dict()
    assert record["macs"] != record["stored_macs"]


def test_widths_are_in_the_order_of_their_bits() -> None:
    graph = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER)).graph
    assert list(macs.totals(graph.operators, macs.multiplied)) == ["1x1", "32x32"]
