"""How near files are to a float network: a file of the same network, and one of another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.models.bundle import ModelBundle
from facesdk.recognition.embedding import Embedder
from facesdk_converters.targets.fixed_point.conversion import (
    FixedPointOptions,
    calibrate,
    convert,
)
from facesdk_converters.tflite.tree import write_contract
from tools.experiments.accuracy_tables import DEGRADED, held_out, load
from tools.experiments.degraded_strangers import SETS
from tools.experiments.recogniser import agreement
from training.faces import write_data, write_teacher


def rows_of(printed: str) -> dict[str, list[str]]:
    lines = [line for line in printed.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {name: said for name, *said in cells}


def test_cosines_are_those_with_the_float_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = ("darkness, factor", "JPEG, quality")
    monkeypatch.setattr(agreement, "DEGRADED", {kind: DEGRADED[kind] for kind in kinds})
    faces = write_data(tmp_path / "data", dict.fromkeys(SETS, 50))
    source = write_teacher(tmp_path / "float.tflite", 32)
    bundle = ModelBundle.load(source)
    crops = np.random.default_rng(0).uniform(-1, 1, (4, 112, 112, 3)).astype(np.float32)
    coarse = convert(calibrate(bundle, [crops]), FixedPointOptions(5, 32))
    rounded = tmp_path / "rounded.tflite"
    written = write_contract(ModelBundle.from_bytes(coarse, rounded), bundle.contract)
    rounded.write_bytes(written)
    agreement.main(
        [str(source), str(rounded), "--source", str(source), "--teacher", str(source), "--faces",
         str(faces), "--cache", str(tmp_path / "cache")]
    )  # fmt: skip
    rows = rows_of(capsys.readouterr().out)
    assert list(rows) == [
        "as they are",
        *(f"{kind} {list(DEGRADED[kind])[-1]}" for kind in kinds),
    ]
    assert {same for same, _ in rows.values()} == {"1.0000, 1.0000"}
    people = held_out(faces, load(str(source), tmp_path / "cache")).part()
    first, second = (Embedder.load(path).embed(people.crops) for path in (source, rounded))
    expected = np.sum(first * second, axis=1)
    assert 0.5 < np.mean(expected) < 0.999
    assert rows["as they are"][1] == f"{np.mean(expected):.4f}, {np.quantile(expected, 0.05):.4f}"
