"""What a report on models says of a file whose two counts of multiply-adds differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesdk.bench.model import Parts, bench_models
from facesdk.bench.model_report import ModelReport
from facesdk.measure.timing import Policy
from sdk.tflite.models import widened_convolution

EACH = 5 * 4 * 8 * 3 * 3 * 2


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ModelReport:
    path: Path = tmp_path_factory.mktemp("model") / "batch.tflite"
    path.write_bytes(widened_convolution(4))
    return bench_models([path], Policy(2, 0, 0.0, lead=0), parts=Parts(0, False))


def test_both_counts_are_named_in_words(report: ModelReport) -> None:
    (words,) = [remark for table in report.tables() for remark in table.remarks if "bits" in remark]
    assert f"per run, by the bits multiplied: {4 * EACH:,} of 32x32 bits" in words
    assert f"per input, by the bits stored: {EACH:,} of 8x32 bits" in words


def test_both_counts_are_named_in_json(report: ModelReport) -> None:
    (model,) = report.to_dict()["models"]
    assert (model["macs"], model["stored_macs"]) == ({"32x32": 4 * EACH}, {"8x32": EACH})


def test_operations_per_second_are_of_what_is_multiplied(report: ModelReport) -> None:
    (model,) = report.models
    assert model.rate == pytest.approx(2e3 * 4 * EACH / model.latency.median)
