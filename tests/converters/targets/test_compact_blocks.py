"""Networks of compact filters as files that compute the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.models.bundle import ModelBundle
from facesdk_converters.convert import Request, convert
from facesdk_converters.sources.facts import Facts
from facesdk_converters.targets import registry
from facesdk_training.keras.networks.build import build
from training.networks import randomise

SMALL = {"width": 1 / 32, "units": (1, 0, 0, 0), "embedding_length": 8}


@pytest.mark.parametrize(
    ("name", "block", "target", "operators"),
    [
        pytest.param("QB", "fire", "lce", {"LceBconv2d", "CONCATENATION"}, marks=pytest.mark.slow),
        pytest.param(
            "A",
            "shuffle",
            "float32",
            {"TRANSPOSE", "CONCATENATION", "DEPTHWISE_CONV_2D"},
            marks=pytest.mark.slow,
        ),
        pytest.param("A", "fire", "float32", {"CONCATENATION"}, marks=pytest.mark.slow),
        pytest.param("A", "separable", "float32", {"DEPTHWISE_CONV_2D"}, marks=pytest.mark.slow),
        pytest.param("A", "inverted", "float32", {"DEPTHWISE_CONV_2D"}, marks=pytest.mark.slow),
        pytest.param("QB", "separable", "lce", {"LceBconv2d"}, marks=pytest.mark.slow),
        pytest.param(
            "Q", "fire", "binary-weights", {"FacesdkBinaryConv2D"}, marks=pytest.mark.slow
        ),
    ],
)
def test_a_converted_block_computes_the_same(
    name: str, block: str, target: str, operators: set[str], tmp_path: Path
) -> None:
    network = build(name, block=block, **SMALL)
    randomise(network)
    network.save(tmp_path / "network.h5")
    facts = Facts(task="recognition", mean=127.5, scale=128.0)
    request = Request(tmp_path / "network.h5", tmp_path / "out.tflite", facts=facts)
    converted = convert(request, registry.load(target))
    assert converted.agreement is not None
    assert converted.agreement.min_cosine > 0.999
    found = {operator.name for operator in ModelBundle.load(request.output).graph.operators}
    assert operators <= found
    assert not any(name.startswith("Flex") for name in found)
