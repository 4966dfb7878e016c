"""What a list of models, or a contract, is read with."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = [
    "facesdk.models.contract",
    "facesdk.models.contract_editing",
    "facesdk.models.contract_writer",
    "facesdk.models.description",
    "facesdk.models.registry",
    "facesdk.models.templates",
]


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("module", LIGHT)
def test_a_contract_needs_no_numpy(module: str) -> None:
    assert run(f"import sys, {module}; print('numpy' in sys.modules)") == "False"


def test_the_packaged_models_are_listed_without_numpy() -> None:
    program = (
        "import sys; from facesdk.models import registry; "
        "print(len(registry.packaged()), 'numpy' in sys.modules)"
    )
    count, loaded = run(program).split()
    assert int(count) > 1
    assert loaded == "False"
