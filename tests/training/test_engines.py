from __future__ import annotations

import subprocess
import sys

import pytest

from facesdk.errors import DependencyError, InputError
from facesdk_training import engines

NEUTRAL = ("architectures", "config", "data", "runs")
HEAVY = ("tensorflow", "tf_keras", "larq", "torch")


def test_an_unknown_engine_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match="unknown training engine 'jax': choose one of keras"):
        engines.start("jax")


def test_an_engine_that_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = engines.Entry("facesdk_training.keras.engine", "train", ("no_such_package",))
    monkeypatch.setattr(engines, "ENGINES", {"keras": entry})
    with pytest.raises(DependencyError, match=r"facesdk-edge\[train\]"):
        engines.start("keras")


def test_what_engines_share_loads_none_of_them() -> None:
    """Configurations are checked, data are read and runs are described without TensorFlow."""
    program = f"""
import importlib, pkgutil, sys
for room in {NEUTRAL!r}:
    package = importlib.import_module("facesdk_training." + room)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(package.__name__ + "." + module.name)
import facesdk_training.engines
from pathlib import Path
from facesdk_training.config import toml
toml.read(Path("compactfacenet-staged"))
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
