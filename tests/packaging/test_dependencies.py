"""Which runtime pip chooses for a machine, by the markers in pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())["project"]
DECLARED = [Requirement(line) for line in PROJECT["dependencies"]]


def required(machine: str, python: str) -> dict[str, str]:
    """Version specifiers by name, of what is not in an extra."""
    environment = dict(default_environment())
    environment |= {"platform_machine": machine, "python_version": python}
    chosen: dict[str, str] = {}
    for requirement in DECLARED:
        if requirement.marker is None or requirement.marker.evaluate(environment):
            specifiers = [chosen.get(requirement.name, ""), str(requirement.specifier)]
            chosen[requirement.name] = ",".join(filter(None, specifiers))
    return chosen


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_64_bits_get_litert_and_any_numpy(machine: str, python: str) -> None:
    chosen = required(machine, python)
    assert "ai-edge-litert" in chosen
    assert "tflite-runtime" not in chosen
    assert "<2" not in chosen["numpy"]


@pytest.mark.parametrize("python", ["3.10", "3.11"])
@pytest.mark.parametrize("machine", ["armv7l", "armv8l"])
def test_32_bits_get_tflite_runtime_and_the_numpy_it_can_use(machine: str, python: str) -> None:
    chosen = required(machine, python)
    assert chosen["tflite-runtime"] == "==2.14.0"
    assert "<2" in chosen["numpy"]
    assert "ai-edge-litert" not in chosen


@pytest.mark.parametrize("machine", ["armv7l", "armv8l"])
def test_no_runtime_exists_for_32_bits_and_a_new_python(machine: str) -> None:
    assert not {"tflite-runtime", "ai-edge-litert"} & set(required(machine, "3.13"))
