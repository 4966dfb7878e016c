"""``facesdk models set-contract`` gives files a contract, and refuses what does not fit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from facesdk.cli import vocabulary
from facesdk.cli.main import app
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk_converters.tflite.tree import Tree

MODEL = "compactfacenet-qb"


def invoke(*arguments: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["models", "set-contract", *map(str, arguments)])
    assert done.exit_code == status, done.stderr
    return done.stderr if status else done.stdout


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    tree = Tree.of(ModelBundle.load(registry.resolve(MODEL)))
    tree.model.metadata = []
    path = tmp_path / "bare.tflite"
    path.write_bytes(tree.to_bytes())
    assert ModelBundle.load(path).embedded_contract is None
    return path


@pytest.fixture
def contract() -> Contract:
    own = ModelBundle.load(registry.resolve(MODEL)).contract
    return dataclasses.replace(own, original=None, name="mine")


def test_a_file_without_a_contract_gets_one(bare: Path, contract: Contract, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(contract.to_json())
    before = bare.read_bytes()
    said = json.loads(invoke(bare, tmp_path / "c.json", "-o", tmp_path / "out.tflite", "--json"))
    jsonschema.validate(said, vocabulary.schema("models set-contract"))
    written = ModelBundle.load(tmp_path / "out.tflite")
    assert written.contract == contract
    assert said["model_id"] == written.model_id
    assert said["contract"]["name"] == "mine"
    assert bare.read_bytes() == before


def test_the_id_stays_if_the_network_is_fed_alike(contract: Contract, tmp_path: Path) -> None:
    source = registry.resolve(MODEL)
    (tmp_path / "c.json").write_text(contract.to_json())
    invoke(source, tmp_path / "c.json", "-o", tmp_path / "out.tflite")
    written = ModelBundle.load(tmp_path / "out.tflite")
    assert written.name == "mine"
    assert written.model_id == ModelBundle.load(source).model_id
    record = json.loads(contract.to_json())
    record["flip_concatenation"] = not record["flip_concatenation"]
    record["dim"] *= 2 if record["flip_concatenation"] else 1
    (tmp_path / "c.json").write_text(json.dumps(record))
    invoke(source, tmp_path / "c.json", "-o", tmp_path / "other.tflite")
    assert ModelBundle.load(tmp_path / "other.tflite").model_id != written.model_id


def test_a_contract_that_does_not_fit_is_refused(
    bare: Path, contract: Contract, tmp_path: Path
) -> None:
    before = bare.read_bytes()
    (tmp_path / "c.json").write_text(dataclasses.replace(contract, dim=7).to_json())
    assert "7" in invoke(bare, tmp_path / "c.json", status=2)
    (tmp_path / "c.json").write_text("{}")
    assert "c.json" in invoke(bare, tmp_path / "c.json", status=2)
    assert "nowhere" in invoke(bare, tmp_path / "nowhere", status=2)
    assert bare.read_bytes() == before
