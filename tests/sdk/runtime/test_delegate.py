"""The operators for programs that bring their own interpreter and model."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facesdk import load_ops
from facesdk.errors import InputError
from facesdk.models import registry
from runtimes import LITERT, RUNTIMES, TFLITE_RUNTIME

ROOT = Path(__file__).parents[3]
MODULES = {LITERT: "ai_edge_litert", TFLITE_RUNTIME: "tflite_runtime"}
BINARY = registry.resolve(registry.DEFAULT_RECOGNIZER)

needs_each_runtime = pytest.mark.parametrize("runtime", RUNTIMES)


def python(script: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_each_runtime
def test_the_five_lines_of_the_manual_run(tmp_path: Path, runtime: str) -> None:
    manual = (ROOT / "docs" / "use" / "operators.md").read_text()
    lines = re.findall(r"```python\n(.*?)```", manual, re.DOTALL)[0]
    assert len(lines.splitlines()) == 5
    shutil.copy(BINARY, tmp_path / "model.tflite")
    script = lines.replace("ai_edge_litert", MODULES[runtime]) + (
        "interpreter.invoke()\n"
        "(row,) = interpreter.get_output_details()\n"
        "print(interpreter.get_tensor(row['index']).shape)\n"
    )
    assert python(script, tmp_path).strip() == "(1, 192)"


@needs_each_runtime
def test_the_imported_runtime_is_used_and_nothing_else_is_loaded(
    tmp_path: Path, runtime: str
) -> None:
    script = (
        "import sys\n"
        "from facesdk import load_ops\n"
        f"heavy = {{'numpy', 'cv2', 'PIL', 'rich', 'typer', *{tuple(MODULES.values())}}}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        f"from {MODULES[runtime]}.interpreter import Interpreter\n"
        "print(load_ops().__class__.__module__)\n"
        f"print(sorted({set(MODULES.values())} & set(sys.modules)))\n"
    )
    before, owner, runtimes = python(script, tmp_path).splitlines()
    assert before == "[]"
    assert owner == f"{MODULES[runtime]}.interpreter"
    assert runtimes == str([MODULES[runtime]])


def test_an_unknown_zero_padding_is_refused() -> None:
    with pytest.raises(InputError, match="must be one of optimized, reference, but got 'none'"):
        load_ops(zero_padding="none")


def test_one_delegate_serves_several_interpreters() -> None:
    module = importlib.import_module("ai_edge_litert.interpreter")
    operators = load_ops()
    outputs = []
    interpreters = [
        module.Interpreter(model_path=str(BINARY), experimental_delegates=[operators])
        for _ in range(3)
    ]
    del operators
    for interpreter in interpreters:
        interpreter.allocate_tensors()
        (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
        noise = np.random.default_rng(3).normal(size=source["shape"]).astype(np.float32)
        interpreter.set_tensor(source["index"], noise)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target["index"]))
    assert outputs[0].std() > 0
    assert len({output.tobytes() for output in outputs}) == 1


@needs_each_runtime
@pytest.mark.parametrize(
    ("name", "other", "advice"),
    [
        (b"LceBconv2d", b"XyzBconv2d", "give the interpreter a delegate that has it"),
        (b"LceBconv2d", b"LceBconv3d", "convert the network again with that version"),
    ],
)
def test_an_unknown_operator_is_named_with_what_to_do(
    runtime: str, name: bytes, other: bytes, advice: str
) -> None:
    module = importlib.import_module(f"{MODULES[runtime]}.interpreter")
    content = BINARY.read_bytes().replace(name, other)
    interpreter = module.Interpreter(model_content=content, experimental_delegates=[load_ops()])
    with pytest.raises(RuntimeError) as caught:
        interpreter.allocate_tensors()
    message = str(caught.value)
    assert message.count("facesdk operators: ") == 1
    assert f"the model also needs the custom operator {other.decode()} (node" in message
    assert advice in message
