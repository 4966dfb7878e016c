"""The run that made the packaged finder can be read, and is the one that its file names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk_converters.detectors import finder
from facesdk_training.detector import toml
from facesdk_training.runs import finder as finder_file

RUN = Path(__file__).parents[3] / "training" / "runs" / "finder"


def test_its_configuration_is_one_and_its_log_ends_with_the_packaged_scenes() -> None:
    record = json.loads((RUN / "configuration.json").read_text())
    config = toml.parse(record, "the run")
    assert config.network == toml.read(Path("finder")).network
    rows = [json.loads(line) for line in (RUN / "log.jsonl").read_text().splitlines()]
    assert (
        f"{rows[-1]['scenes']:,d} scenes"
        in ModelBundle.load(registry.resolve("finder")).contract.source
    )


def test_the_1_bit_run_is_one_and_converts_to_half_the_bytes(tmp_path: Path) -> None:
    run = RUN.parent / "finder-1-bit"
    config = toml.parse(json.loads((run / "configuration.json").read_text()), "the run")
    stored = finder_file.read(run / "finder.npz")
    assert stored.plan == config.network
    assert stored.plan.binary
    assert json.loads((run / "log.jsonl").read_text().splitlines()[-1])["scenes"] == stored.scenes
    assert len(finder.built(stored, float16=True)) < 65_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": 3}, "there is no such key"),
        ({"schedule": {"budget": "soon"}}, "schedule.budget"),
        ({"scenes": {"alone": 2}}, "scenes.alone"),
        ({"network": {"channels": [1, 2, 3, 4]}}, "must be equal"),
    ],
)
def test_a_wrong_configuration_is_named(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        toml.parse(change, "my.toml")
