"""A foreign model's first run in a process of its own: what crashes there is one line here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from facesdk.errors import ModelError
from facesdk.files import cache_folder
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import probe
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.probe import require_safe
from sdk.command import run_forked
from sdk.runtime.fuzz_models import SEEDS
from sdk.tflite.models import file_of, pooled

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.tflite"))
"""Files that ended LiteRT 2.3 with a signal, or facesdk with a fault of its own, each found by
fuzz_models.py."""

VALID = sorted((Path(__file__).parent / "corpus" / "valid").glob("*.tflite"))
"""Files that TensorFlow's converter wrote of small networks."""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder("probes")


def pool(side: int = 4) -> ModelBundle:
    return ModelBundle.from_bytes(file_of(pooled(side, "FLOAT32")), "pool.tflite")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_model_that_crashes_the_runtime_is_one_line_and_status_2(path: Path) -> None:
    ended = run_forked("bench", str(path), "--runs", "1", "--cold-starts", "0")
    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("facesdk: ") and "internal error" not in last
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_such_a_model_is_shown_or_refused(path: Path) -> None:
    ended = run_forked("models", "show", str(path))
    assert ended.returncode in (0, 2)
    assert "internal error" not in ended.stderr


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_models_of_others_are_measured(path: Path) -> None:
    """LSTM with inputs left out; a variable, whose operators do not run alone; sparse weights."""
    options = ["--runs", "2", "--warm-up", "1", "--cold-starts", "1", "--json"]
    ended = run_forked("bench", str(path), *options)
    assert ended.returncode == 0, ended.stderr
    (row,) = json.loads(ended.stdout)["models"]
    assert row["cold_start"]["processes"] == 1
    if path.stem == "resource-variable":
        assert "unknown" in {operator["found"] for operator in row["operators"]["rows"]}


def test_a_crash_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_PROGRAM", "import os; os.abort()")
    with pytest.raises(
        ModelError, match=r"^pool.tflite crashes the runtime \(SIGABRT in a process"
    ):
        Interpreter(pool())


def test_a_model_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "CPU_SECONDS", 0.5)
    monkeypatch.setattr(probe, "_PROGRAM", "import time; time.sleep(60)")
    with pytest.raises(ModelError, match=r"did not end its first run within .*--trust"):
        Interpreter(pool())


def test_processor_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1 << 20))\nwhile True: pass"
    )
    monkeypatch.setattr(probe, "_PROGRAM", program)
    with pytest.raises(ModelError, match="did not end its first run within 60 s"):
        Interpreter(pool())


def test_memory_is_limited() -> None:
    """An input of 16 GB, which the file may claim."""
    tree = pooled(4, "FLOAT32")
    tree.subgraphs[0].tensors[0].shape = [1 << 28, 4, 4, 1]
    with pytest.raises(ModelError, match=r"MiB to run|refuses|crashes the runtime"):
        Interpreter(ModelBundle.from_bytes(file_of(tree), "large.tflite"))


def test_a_refusal_of_the_runtime_is_its_own_words() -> None:
    tree = schema.ModelT.InitFromPackedBuf(SEEDS["binary convolution"])
    convolution = tree.subgraphs[0].operators[-1]
    convolution.inputs = convolution.inputs[:2]
    with pytest.raises(ModelError, match=r"the runtime refuses odd.tflite: facesdk operators: "):
        Interpreter(ModelBundle.from_bytes(file_of(tree), "odd.tflite"))


def test_a_model_is_probed_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_safe(pool())
    (mark,) = cache.iterdir()
    monkeypatch.setattr(probe, "_PROGRAM", "raise SystemExit(1)")
    image = np.ones((1, 4, 4, 3), np.float32)
    assert Interpreter(pool()).run(image)[0].tolist() == [[[[1.0, 1.0, 1.0]]]]
    assert list(cache.iterdir()) == [mark]
    with pytest.raises(ModelError, match="failed in a process of its own"):
        require_safe(pool(side=5))
    with pytest.raises(ModelError, match="failed in a process of its own"):
        require_safe(pool(), [(2, 4, 4, 3)])


def test_other_shapes_are_tried_as_well(cache: Path) -> None:
    images = np.ones((2, 4, 4, 3), np.float32)
    assert Interpreter(pool(), input_shapes=[images.shape]).run(images)[0].shape == (2, 1, 1, 3)
    assert len(list(cache.iterdir())) == 1


def test_trusted_and_packaged_models_are_not_probed(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_PROGRAM", "raise SystemExit(1)")
    content = file_of(pooled(4, "FLOAT32"))
    Interpreter(ModelBundle.from_bytes(content, "pool.tflite", trust=True))
    assert ModelBundle.load(registry.resolve("mtcnn-pnet")).trusted
    Interpreter(ModelBundle.load(registry.resolve("mtcnn-pnet")))
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    require_safe(pool())


def test_modules_of_the_working_folder_are_not_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('wrong module')")
    monkeypatch.chdir(tmp_path)
    require_safe(pool())


@pytest.mark.parametrize("name", [name for name in SEEDS if name != "pnet"])
def test_valid_models_pass(name: str, cache: Path) -> None:
    require_safe(ModelBundle.from_bytes(SEEDS[name], f"{name}.tflite"))
    assert len(list(cache.iterdir())) == 1


def test_mutants_raise_our_errors_only(tmp_path: Path) -> None:
    """A sample; docs/numbers/reliability.md has the long run."""
    fuzzer = Path(__file__).with_name("fuzz_models.py")
    ended = subprocess.run(
        [sys.executable, str(fuzzer), "120", "0"],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )
    outcomes = json.loads(ended.stdout.splitlines()[-1])
    assert "escaped" not in outcomes, ended.stdout
    assert sum(outcomes.values()) == 120
