"""The reference has every key that a file may have, each with a meaning."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk_training.architectures.registry import ARCHITECTURES
from facesdk_training.config import toml
from facesdk_training.config.reference import keys, to_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NETWORK = {"network": {"architecture": "CompactFaceNet"}, "objective": "cosface"}


def test_every_key_has_a_meaning_and_a_kind() -> None:
    for key in keys():
        assert key.meaning.endswith((".", ")")), key
        assert key.kind, key
        assert "typing" not in key.kind and "class" not in key.kind, key
    paths = [key.path for key in keys()]
    assert len(paths) == len(set(paths))


def test_the_keys_are_those_that_a_file_may_have() -> None:
    written = toml.parse(NETWORK, "x").to_dict()
    tables = {name: set(value) for name, value in written.items() if isinstance(value, dict)}
    for table, names in tables.items():
        if table != "network":
            assert {key.name for key in keys() if key.table == table} == names
    networks = [key for key in keys() if key.table.startswith("network")]
    for name, config in ARCHITECTURES.items():
        names = {row.name for row in networks if name in row.table[9:-1].split(", ")}
        assert names == {field.name for field in dataclasses.fields(config)}
    plain = {name for name, value in written.items() if not isinstance(value, dict)}
    repeated = {"stages", "distortions", "nuisances"}
    assert {key.name for key in keys() if not key.table} == plain - repeated
    assert repeated <= {key.table for key in keys()}


def test_defaults_and_allowed_values_are_those_of_the_parser() -> None:
    written = toml.parse(NETWORK, "x").to_dict()
    for key in keys():
        table = written.get(key.table)
        if isinstance(table, dict) and key.default:
            assert tomllib.loads(f"x = {key.default}")["x"] == toml_like(table[key.name])
        if key.allowed and not key.table:
            with pytest.raises(InputError, match=key.allowed[0]):
                toml.parse({**NETWORK, key.name: "no such value"}, "x")


def toml_like(value: object) -> object:
    return [toml_like(row) for row in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("recipe", toml.recipes())
def test_a_recipe_that_is_written_whole_reads_as_itself(recipe: str) -> None:
    config = toml.read(Path(recipe))
    assert toml.parse(tomllib.loads(to_toml(config.to_dict())), recipe) == config
