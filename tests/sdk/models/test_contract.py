from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import recognition
from facesdk.errors import ContractError, InputError
from facesdk.models.contract import Contract, InputSpec, Threshold
from facesdk.models.templates import TEMPLATES

words = st.text(max_size=20)
rates = st.floats(1e-9, 0.999)
counts = st.integers(1, 10**9)
thresholds = st.builds(
    Threshold,
    fmr=rates,
    similarity=st.floats(-1, 1),
    fnmr=st.floats(0, 1),
    positive_pairs=counts,
    negative_pairs=counts,
)


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    template = draw(st.sampled_from(sorted(TEMPLATES)))
    height, width = TEMPLATES[template].size
    return Contract(
        name=draw(st.text(min_size=1, max_size=20).filter(str.isprintable)),
        task="recognition",
        architecture=draw(words),
        variant=draw(words),
        input=InputSpec(
            height,
            width,
            draw(st.sampled_from(["RGB", "BGR"])),
            draw(st.floats(-300, 300)),
            draw(st.floats(1e-3, 300)),
        ),
        license=draw(words),
        source=draw(words),
        source_sha256=draw(words),
        template=template,
        dim=2 * draw(st.integers(1, 1000)),
        flip_concatenation=draw(st.booleans()),
        thresholds=tuple(draw(st.lists(thresholds, max_size=3))),
        training_data=draw(words),
    )


def example() -> dict:
    contract = recognition(thresholds=(Threshold(0.01, 0.3, 0.1, 1000, 100_000),))
    return json.loads(contract.to_json())


@given(contracts())
def test_json_round_trip(contract: Contract) -> None:
    assert Contract.from_json(contract.to_json()) == contract


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema version 2"),
        ({"schema_version": None}, "schema version None"),
        ({"schema_version": True}, "schema version True"),
        ({"task": "segmentation"}, "task must be one of"),
        ({"name": ""}, "name must be one line"),
        ({"name": "two\nlines"}, "name must be one line"),
        ({"name": "\udce9"}, "name must be one line"),
        ({"name": 3}, "name must be a string"),
        ({"dim": 0}, "dim must be"),
        ({"dim": True}, "dim must be"),
        ({"dim": 191, "flip_concatenation": True}, "dim must be even"),
        ({"template": "square"}, "template must be one of"),
        ({"template": ["arcface-112x112"]}, "template must be one of"),
        ({"template": "arcface-112x96"}, "gives"),
        ({"input": None}, "input must be a JSON object"),
        ({"input": {"height": 1}}, "input is incomplete"),
        ({"thresholds": {}}, "thresholds must be a list"),
        ({"surprise": 1}, "unknown fields"),
    ],
)
def test_a_wrong_field_is_named(change: dict, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        Contract.from_json(json.dumps({**example(), **change}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": 0}, "scale"),
        ({"scale": 1e-300}, "scale"),
        ({"scale": 10**400}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"scale": "128"}, "scale"),
        ({"mean": None}, "mean"),
        ({"mean": -(10**400)}, "mean"),
        ({"mean": 1e300}, "mean"),
        ({"color": "YUV"}, "color"),
        ({"height": -1}, "height"),
        ({"width": 1.5}, "width"),
    ],
)
def test_a_wrong_input_field_is_named(change: dict, message: str) -> None:
    record = example()
    record["input"].update(change)
    with pytest.raises(ContractError, match=message):
        Contract.from_json(json.dumps(record))


@pytest.mark.parametrize(
    "change",
    [
        {"fmr": 0},
        {"fmr": 1},
        {"fmr": 10**400},
        {"similarity": 2},
        {"fnmr": -0.1},
        {"positive_pairs": 0},
        {"negative_pairs": 1.5},
    ],
)
def test_a_wrong_threshold_is_refused(change: dict) -> None:
    record = example()
    record["thresholds"][0].update(change)
    with pytest.raises(ContractError):
        Contract.from_json(json.dumps(record))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_contract_error(data: bytes) -> None:
    with pytest.raises(ContractError):
        Contract.from_json(data)


def test_deep_nesting_is_a_contract_error() -> None:
    with pytest.raises(ContractError):
        Contract.from_json("[" * 100_000)


def test_threshold_for_names_the_known_rates() -> None:
    contract = Contract.from_json(json.dumps(example()))
    assert contract.threshold_for(0.01).similarity == 0.3
    with pytest.raises(InputError, match=r"it has: 0\.01"):
        contract.threshold_for(0.5)


def test_detection_needs_no_template() -> None:
    contract = Contract.from_json(json.dumps(example()))
    detector = dataclasses.replace(
        contract,
        task="detection",
        template=None,
        dim=None,
        thresholds=(),
        input=InputSpec(None, None, "RGB", 127.5, 128.0),
    )
    assert Contract.from_json(detector.to_json()) == detector


@pytest.mark.parametrize("color", ["RGB", "BGR", "any"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_normalised_as_the_input_says(color: str, channels: int) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 4, 5, channels), np.uint8)
    order = [2, 1, 0] if (color, channels) == ("BGR", 3) else list(range(channels))
    expected = np.stack([(crops[..., c] - 127.5) / 128.0 for c in order], axis=-1)
    got = InputSpec(4, 5, color, 127.5, 128.0).normalise(crops)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_a_contract_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(example()))
    assert Contract.read(path).name == "m"
    path.write_text("{")
    with pytest.raises(ContractError, match=r"contract\.json: .*not valid JSON"):
        Contract.read(path)
    with pytest.raises(ContractError, match="cannot read contract"):
        Contract.read(tmp_path)
