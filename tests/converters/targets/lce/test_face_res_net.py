"""QB obeys the engine's rules: every binary layer becomes one operator."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from contracts import other
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import InputSpec
from facesdk_converters.inspection import faces, parity
from facesdk_converters.inspection.agreement import EXACT
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.lce import target
from facesdk_training.keras.networks.build import build
from training.networks import randomise

CONTRACT = other(112, 96, input=InputSpec(112, 96, color="RGB", mean=127.5, scale=128.0))


@pytest.fixture(scope="module")
def network() -> object:
    model = build("QB", width=0.25, units=(1, 1, 1, 1), embedding_length=32)
    randomise(model)
    return model


@pytest.fixture(scope="module")
def content(network: object) -> bytes:
    return bytes(target.convert_keras(KerasNetwork(network)).content)


def test_from_bits_to_bits_inside_a_unit_and_folded_norms_elsewhere(content: bytes) -> None:
    model = schema.ModelT.InitFromPackedBuf(content)
    graph = model.subgraphs[0]
    names = {value: key for key, value in vars(schema.BuiltinOperator).items()}
    types = {value: key for key, value in vars(schema.TensorType).items()}
    operators = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = code.customCode.decode() if code.customCode else names[code.builtinCode]
        if name == "LceBconv2d":
            kind = types[graph.tensors[operator.outputs[0]].type]
            name += " to bits" if kind == "INT32" else f" to {kind}"
        operators.append(name)
    sign = ["ADD", "LceQuantize"]  # the shift is the only thing before a sign
    unit = [*sign, *["LceBconv2d to bits"] * 2, "LceBconv2d to FLOAT32", "ADD"]
    transition = [*sign, "LceBconv2d to FLOAT32", "MAX_POOL_2D"]
    assert [name for name in operators if name != "RESHAPE"] == [
        *("CONV_2D", "LceQuantize", "LceBconv2d to FLOAT32", "MAX_POOL_2D"),
        *unit,
        *(*transition, *unit) * 3,
        *(*sign, "LceBconv2d to FLOAT32"),
    ]


def test_keras_and_the_file_agree(network: object, content: bytes) -> None:
    source = Source(Path("qb"), KerasNetwork(network), "", CONTRACT, documented=False)
    agreement = parity.check(source, ModelBundle.from_bytes(content, "qb"), faces.load())
    # Decision 12: a value on a sign's threshold may take the other sign, in this narrow network
    # with a visible effect; such faces are left out of the smallest cosine.
    assert agreement.meets(EXACT)


def test_the_file_has_one_bit_a_weight(network: object, content: bytes) -> None:
    binary = sum(
        layer.kernel.shape.num_elements()
        for layer in network.layers
        if getattr(layer, "kernel_quantizer", None) is not None
    )
    assert binary > 300_000
    assert binary / 8 < len(content) < binary / 8 + 60_000
