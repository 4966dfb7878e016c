"""What is said when no runtime can be imported."""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from facesdk import FaceEngine
from facesdk.errors import DependencyError, RuntimeUnavailableError
from facesdk.runtime import backend
from facesdk.runtime.backend import load_backend
from facesdk.samples import OBAMA, OBAMA2
from native.support.lce_graph import Model


@pytest.mark.parametrize(
    ("machine", "python", "remedy"),
    [
        ("x86_64", (3, 13), "pip install ai-edge-litert"),
        ("aarch64", (3, 11), "pip install ai-edge-litert"),
        ("armv7l", (3, 11), "pip install tflite-runtime"),
        ("armv7l", (3, 12), "or a 64-bit system"),
    ],
)
def test_the_remedy_is_one_that_exists_there(
    monkeypatch: pytest.MonkeyPatch, machine: str, python: tuple[int, int], remedy: str
) -> None:
    def missing(name: str) -> Any:
        package = name.partition(".")[0]
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(importlib, "import_module", missing)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "version_info", python)
    with pytest.raises(RuntimeUnavailableError) as caught:
        load_backend()
    assert remedy in str(caught.value)


def test_a_free_threaded_python_is_told_to_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        package = name.partition(".")[0]
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(importlib, "import_module", missing)
    monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)
    monkeypatch.setattr(sys, "version_info", (3, 14))
    with pytest.raises(
        RuntimeUnavailableError, match=r"free-threaded build of Python 3\.14: use the ordinary"
    ):
        load_backend()


def test_a_forced_runtime_that_is_missing_is_put_down_to_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> Any:
        package = name.partition(".")[0]
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(importlib, "import_module", missing)
    monkeypatch.setenv("FACESDK_RUNTIME", "tflite-runtime")
    with pytest.raises(RuntimeUnavailableError) as caught:
        load_backend()
    assert str(caught.value) == (
        "FACESDK_RUNTIME asks for tflite-runtime, which is not installed: unset it, or run "
        "`pip install tflite-runtime`"
    )


@pytest.mark.parametrize(("numpy", "usable"), [("2.1.0", False), ("1.26.4", True)])
def test_a_runtime_for_numpy_1_is_refused_beside_numpy_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], numpy: str, usable: bool
) -> None:
    def network(model_content: bytes) -> Any:
        assert model_content[4:8] == b"TFL3"
        sys.stderr.write("A module that was compiled using NumPy 1.x cannot be run\n")
        raise SystemError("returned a result with an exception set")

    runtime = ModuleType("tflite_runtime.interpreter")
    monkeypatch.setattr(runtime, "Interpreter", network, raising=False)
    monkeypatch.setattr(backend, "import_library", lambda name: runtime)
    monkeypatch.setattr(np, "__version__", numpy)
    monkeypatch.setenv("FACESDK_RUNTIME", "tflite-runtime")
    if usable:
        assert load_backend().interpreter is runtime
    else:
        with pytest.raises(
            RuntimeUnavailableError, match=r"NumPy 2.1.0: run `pip install 'numpy<2'`"
        ):
            load_backend()
    assert capsys.readouterr().err == ""


def test_tensorflow_is_the_last_choice_even_where_it_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def import_library(name: str) -> Any:
        asked.append(name)
        if name.startswith("tensorflow"):
            return ModuleType(name)
        cause = ModuleNotFoundError(name=name.partition(".")[0])
        raise DependencyError("missing") from cause

    monkeypatch.delenv("FACESDK_RUNTIME", raising=False)
    monkeypatch.setattr(backend, "import_library", import_library)
    monkeypatch.setitem(sys.modules, "tensorflow.lite.python.interpreter", ModuleType("t"))
    assert load_backend().name == "tensorflow"
    assert asked[-1] == "tensorflow.lite.python.interpreter" and len(asked) == 3


@pytest.mark.slow
def test_the_operators_load_where_only_tensorflow_is_installed(tmp_path: Path) -> None:
    """The library works in ``tf.lite.Interpreter``, and was not looked for there."""
    (tmp_path / "model.tflite").write_bytes(Model(1, 5, 5, 32, 8, (3, 3)).to_bytes())
    script = f"""
import sys
sys.modules["ai_edge_litert"] = sys.modules["tflite_runtime"] = None
import numpy as np
import tensorflow as tf
from facesdk import load_ops
from facesdk.runtime.backend import load_backend
from facesdk.samples import OBAMA, OBAMA2
assert load_backend().name == "tensorflow"
one = tf.lite.Interpreter({str(tmp_path / "model.tflite")!r}, experimental_delegates=[load_ops()])
one.allocate_tensors()
spec = one.get_input_details()[0]
one.set_tensor(spec["index"], np.zeros(spec["shape"], spec["dtype"]))
one.invoke()
print(one.get_tensor(one.get_output_details()[0]["index"]).shape)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(1, 5, 5, 8)")


@pytest.mark.slow
def test_packaged_models_run_where_only_tensorflow_is_installed() -> None:
    """XNNPACK of TensorFlow 2.19 refuses a layer of `fast`: it runs without, and says so."""
    script = f"""
import warnings
from facesdk import FaceEngine, FaceSDKWarning
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always", FaceSDKWarning)
    engine = FaceEngine.load()
    found = engine.verify({str(OBAMA)!r}, {str(OBAMA2)!r}).match.similarity
import tensorflow as tf
if tf.__version__.startswith("2.19"):
    words = [str(one.message) for one in told if one.category is FaceSDKWarning]
    assert len(words) == 1 and "XNNPACK of tensorflow 2.19" in words[0], words
print(found)
"""
    environment = {**os.environ, "FACESDK_RUNTIME": "tensorflow"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    usual = FaceEngine.load().verify(OBAMA, OBAMA2).match.similarity
    assert float(done.stdout) == pytest.approx(usual, abs=0.05)
